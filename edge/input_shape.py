# SPDX-License-Identifier: AGPL-3.0-or-later
"""At which size a frame is shown to the network. Scale breaks a detector first, so the facing's height decides."""

import math

from contract.model_card import ModelCard

MARGIN = 1.25
"""How far inside the trained range of facing heights to land when the default size would miss it."""

MAX_INPUT_SIDE_PX = 2560
"""Beyond this one look would take seconds on a small computer."""


def choose_input_wh_px(
    card: ModelCard, frame_wh_px: tuple[int, int], facing_height_px: float | None
) -> tuple[int, int]:
    """Width and height of the network input for frames of `frame_wh_px`.

    A network of fixed size leaves no choice. Otherwise the longer side of the frame becomes the longer side of the
    card's default input, unless a facing, `facing_height_px` tall in the frame, would then be taller or smaller than
    anything the training held: then the scale is chosen so that it fits.
    """
    if card.input_wh_px is not None:
        return card.input_wh_px
    longer_frame_px = max(frame_wh_px)
    scale = max(card.default_input_wh_px) / longer_frame_px
    if facing_height_px is not None and math.isfinite(facing_height_px) and facing_height_px > 0:
        lowest_px, highest_px = card.facing_height_range_px
        if facing_height_px * scale < lowest_px:
            scale = min(lowest_px * MARGIN, math.sqrt(lowest_px * highest_px)) / facing_height_px
        elif facing_height_px * scale > highest_px:
            scale = max(highest_px / MARGIN, math.sqrt(lowest_px * highest_px)) / facing_height_px
    scale = min(scale, MAX_INPUT_SIDE_PX / longer_frame_px)
    width_px, height_px = (_whole_strides(side_px * scale, card.stride_px) for side_px in frame_wh_px)
    return width_px, height_px


def _whole_strides(side_px: float, stride_px: int) -> int:
    return max(1, math.ceil(side_px / stride_px - 1e-6)) * stride_px
