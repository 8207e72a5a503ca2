# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which parts of a frame are shown to the network, and how large. Pure.

A wide, dense bay holds facings that are too small for the network when the whole frame is shown at once. Showing it
larger takes memory that grows with the input, for ever: onnxruntime keeps what it once took. So the frame is enlarged
in tiles, none of them larger than the card's default input, and only where the bay is. Where facings are large enough
a plan has one window, the whole frame.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from contract.model_card import DetectorHead, ModelCard
from edge.input_shape import choose_input_wh_px, choose_scale, default_scale, whole_strides

Window = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the frame."""

SEAM_INPUT_PX = 4.0
"""A box that ends nearer than this to a seam, at the network's input, may go on beyond it."""

OVERLAP_FACTOR = 1.25
"""Neighbouring tiles share so much more than the largest facing: packs differ, and near ones look larger."""

SCALE_MARGIN = 1.6
"""How far above the smallest trained facing tiles show a usual one. On renders of dense bays the count error falls from
10 % at 1.25 to 7 % at 1.6 and 6 % at 2.1, which cost 1, 1.6 and 4 times as much."""

REGION_MARGIN = 0.5
"""So many facings around the bay are looked at too: packs stand out over the edge of their zones."""

SLACK = 0.25
"""Share of a facing by which another tile must see a box deeper inside to have the say about it."""

MAX_TILES_COUNT = 64
MAX_PLAN_PX = 2560 * 1440
"""Input pixels of all tiles together; beyond this one look would take seconds on a small computer."""

_COARSER = 0.9


@dataclass(frozen=True)
class TilingPlan:
    """Windows of a frame, all equally large, each of which becomes a network input of `input_wh_px`.

    They form a grid, row by row. `seam_px` and `slack_px` are `SEAM_INPUT_PX` and `SLACK` in pixels of the frame.
    """

    frame_wh_px: tuple[int, int]
    input_wh_px: tuple[int, int]
    windows_px: tuple[Window, ...]
    seam_px: float = 0.0
    slack_px: float = 0.0

    @cached_property
    def sight_px(self) -> NDArray[np.float64]:
        """Windows float64 (n, 4), endless on every side that no neighbouring tile lies beyond."""
        sight = np.array(self.windows_px, dtype=np.float64)
        lowest, highest = sight.min(axis=0), sight.max(axis=0)
        for side in (0, 1):
            sight[sight[:, side] == lowest[side], side] = -np.inf
            sight[sight[:, side + 2] == highest[side + 2], side + 2] = np.inf
        return sight


def whole_frame(card: ModelCard, frame_wh_px: tuple[int, int], facing_height_px: float | None = None) -> TilingPlan:
    """The plan without tiles: one window, whatever size its input takes."""
    input_wh_px = choose_input_wh_px(card, frame_wh_px, facing_height_px)
    return TilingPlan(frame_wh_px, input_wh_px, ((0, 0, *frame_wh_px),))


def plan_tiles(
    card: ModelCard,
    frame_wh_px: tuple[int, int],
    *,
    facing_height_px: float,
    largest_facing_wh_px: tuple[float, float] | None = None,
    region_px: tuple[float, float, float, float] | None = None,
) -> TilingPlan:
    """Plan looks at frames of `frame_wh_px`, in which a usual facing is `facing_height_px` tall.

    Every box within the region that is no larger than `largest_facing_wh_px` (unknown: a usual facing, and one that
    lies on its side) times `OVERLAP_FACTOR` lies wholly inside at least one window, clear of its seams. `region_px`
    (left, top, right, bottom) is what has to be seen of the frame, all of it by default.
    """
    scale = choose_scale(card, frame_wh_px, facing_height_px, margin=SCALE_MARGIN)
    least_scale = default_scale(card, frame_wh_px)
    if scale <= least_scale:
        return whole_frame(card, frame_wh_px, facing_height_px)
    largest_wh_px = _largest_wh_px(facing_height_px, largest_facing_wh_px)
    region = _region(frame_wh_px, region_px, REGION_MARGIN * max(largest_wh_px))
    while scale > least_scale:
        overlap_wh_px = _overlap_wh_px(card, scale, largest_wh_px)
        grid = _grid(card, frame_wh_px, region, scale, overlap_wh_px)
        if grid is not None:
            input_wh_px, windows_px = grid
            seam_px, slack_px = SEAM_INPUT_PX / scale, SLACK * facing_height_px
            return TilingPlan(frame_wh_px, input_wh_px, windows_px, seam_px, slack_px)
        scale *= _COARSER
    return whole_frame(card, frame_wh_px)


def _largest_wh_px(facing_height_px: float, largest_wh_px: tuple[float, float] | None) -> tuple[float, float]:
    """A pack that fell over is as wide as it was tall."""
    width_px, height_px = largest_wh_px or (0.0, 0.0)
    return max(width_px, height_px, facing_height_px), max(height_px, facing_height_px)


def _region(
    frame_wh_px: tuple[int, int], region_px: tuple[float, float, float, float] | None, margin_px: float
) -> Window:
    """The region with its margin, in whole pixels within the frame; all of the frame where nothing is left of it."""
    width_px, height_px = frame_wh_px
    if region_px is None or not all(math.isfinite(side) for side in region_px):
        return 0, 0, width_px, height_px
    left, top = (max(0, math.floor(side - margin_px)) for side in region_px[:2])
    right, bottom = (
        min(most, math.ceil(side + margin_px)) for side, most in zip(region_px[2:], frame_wh_px, strict=True)
    )
    return (left, top, right, bottom) if right > left and bottom > top else (0, 0, width_px, height_px)


def _overlap_wh_px(card: ModelCard, scale: float, largest_wh_px: tuple[float, float]) -> tuple[float, float]:
    """How much neighbours share. At most half a tile, lest tiles become too many: a larger box is joined of pieces."""
    most_px = [0.5 * side / scale for side in _set_wh_px(card) or (_limit_px(card) ** 0.5,) * 2]
    wanted_px = [OVERLAP_FACTOR * side + 2 * SEAM_INPUT_PX / scale + 1 for side in largest_wh_px]
    return min(wanted_px[0], most_px[0]), min(wanted_px[1], most_px[1])


def _set_wh_px(card: ModelCard) -> tuple[int, int] | None:
    """The one size of input that tiles may have, or None for any.

    An NMS_FREE head picks a set number of candidates, which only its default size is sure to have.
    """
    return card.default_input_wh_px if card.head is DetectorHead.NMS_FREE else card.input_wh_px


def _limit_px(card: ModelCard) -> int:
    return card.default_input_wh_px[0] * card.default_input_wh_px[1]


def _grid(
    card: ModelCard,
    frame_wh_px: tuple[int, int],
    region: Window,
    scale: float,
    overlap_wh_px: tuple[float, float],
) -> tuple[tuple[int, int], tuple[Window, ...]] | None:
    """The fewest tiles that cover the region, and of as many the smallest; None where that is too much."""
    best: tuple[int, int, tuple[int, int], tuple[int, int]] | None = None
    for columns in range(1, MAX_TILES_COUNT + 1):
        for rows in range(1, MAX_TILES_COUNT // columns + 1):
            counts = (columns, rows)
            input_wh_px = _input_wh_px(card, region, counts, scale, overlap_wh_px)
            if input_wh_px is None:
                continue
            look_px = columns * rows * input_wh_px[0] * input_wh_px[1]
            if look_px <= max(MAX_PLAN_PX, _limit_px(card)) and (best is None or (columns * rows, look_px) < best[:2]):
                best = (columns * rows, look_px, counts, input_wh_px)
            break  # more rows are more tiles
    if best is None:
        return None
    _, _, (columns, rows), input_wh_px = best
    spans_x = _spans(columns, region[0], region[2], input_wh_px[0] / scale, frame_wh_px[0])
    spans_y = _spans(rows, region[1], region[3], input_wh_px[1] / scale, frame_wh_px[1])
    return input_wh_px, tuple((left, top, right, bottom) for top, bottom in spans_y for left, right in spans_x)


def _input_wh_px(
    card: ModelCard,
    region: Window,
    counts: tuple[int, int],
    scale: float,
    overlap_wh_px: tuple[float, float],
) -> tuple[int, int] | None:
    """The input of each of `counts` (columns, rows) tiles over the region, or None where it would be too large."""
    needed_px = [
        scale * _least_side_px(region[axis + 2] - region[axis], counts[axis], overlap_wh_px[axis]) for axis in (0, 1)
    ]
    set_wh_px = _set_wh_px(card)
    if set_wh_px is not None:
        return set_wh_px if all(needed <= side for needed, side in zip(needed_px, set_wh_px, strict=True)) else None
    width_px, height_px = (whole_strides(side, card.stride_px) for side in needed_px)
    return (width_px, height_px) if width_px * height_px <= _limit_px(card) else None


def _least_side_px(region_px: int, count: int, overlap_px: float) -> int:
    """So long must `count` windows be that share `overlap_px` each; one pixel more since they start at whole ones."""
    return math.ceil((region_px + (count - 1) * (overlap_px + 1)) / count) + (count > 1)


def _spans(count: int, low: int, high: int, side_px: float, frame_side_px: int) -> list[tuple[int, int]]:
    """`count` equally long intervals of the frame, evenly spread from `low` to `high`, as long as the input allows."""
    length = min(frame_side_px, math.floor(side_px + 1e-6))
    if count == 1:
        starts = [min(max(0, (low + high - length) // 2), frame_side_px - length)]
    else:
        step = (high - low - length) / (count - 1)
        starts = [low + round(index * step) for index in range(count)]
    return [(start, start + length) for start in starts]
