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
    scale = min(choose_scale(card, frame_wh_px, facing_height_px), MAX_INPUT_SIDE_PX / max(frame_wh_px))
    width_px, height_px = (whole_strides(side_px * scale, card.stride_px) for side_px in frame_wh_px)
    return width_px, height_px


def choose_scale(
    card: ModelCard, frame_wh_px: tuple[int, int], facing_height_px: float | None, *, margin: float = MARGIN
) -> float:
    """Input pixels per frame pixel: the default, unless a facing would then be outside what the training held.

    Then it lands `margin` times above the smallest that the training held, or as far below the largest.
    """
    scale = default_scale(card, frame_wh_px)
    if facing_height_px is not None and math.isfinite(facing_height_px) and facing_height_px > 0:
        lowest_px, highest_px = card.facing_height_range_px
        if facing_height_px * scale < lowest_px:
            scale = min(lowest_px * margin, math.sqrt(lowest_px * highest_px)) / facing_height_px
        elif facing_height_px * scale > highest_px:
            scale = max(highest_px / margin, math.sqrt(lowest_px * highest_px)) / facing_height_px
    return scale


def default_scale(card: ModelCard, frame_wh_px: tuple[int, int]) -> float:
    """Input pixels per frame pixel when nothing is known about the facings."""
    if card.input_wh_px is not None:
        return min(side / frame_px for side, frame_px in zip(card.input_wh_px, frame_wh_px, strict=True))
    return max(card.default_input_wh_px) / max(frame_wh_px)


def whole_strides(side_px: float, stride_px: int) -> int:
    """The least multiple of the stride that is not below `side_px`."""
    return max(1, math.ceil(side_px / stride_px - 1e-6)) * stride_px
