# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which of many boxes cannot stand beside each other, and who of them stands. Pure.

Boxes on a shelf are many and overlap few others. So they are sorted from left to right, only those near each other are
compared, and all of them at once; comparing each with each would cost more than a tenth of the network's own run.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int64]
Clash = Callable[[FloatArray, FloatArray, FloatArray], NDArray[np.bool_]]
"""Says of pairs of boxes, from the intersection (m,) and the areas (m,) of the two, whether they clash, bool (m,)."""

MAX_PAIRS_COUNT = 400_000
"""Of more near pairs than this (an untrained network sees boxes everywhere) each box is asked by itself: slower, and
in little memory."""

_ROUNDING = 1e-4
_BANDS_COUNT = 64
"""One for each bit of a whole number."""


def standing(xyxy: FloatArray, class_id: IndexArray, clash: Clash, *, reach_fraction: float) -> IndexArray:
    """Indices of the boxes (n, 4), surest first, that clash with no surer one that stands; boxes of one class only.

    `reach_fraction`: two boxes clash only if the left edge of the right one lies within this share of the width of
    the left one.
    """
    if not len(xyxy):
        return np.zeros(0, dtype=np.int64)
    order = xyxy[:, 0].argsort()
    sides = np.ascontiguousarray(xyxy.T).take(order, axis=1)
    near = _near_pairs(sides, reach_fraction)
    if near is None:
        return _standing_one_by_one(xyxy, class_id, clash)
    left_one, right_one = near
    _, top, right, bottom = sides
    width = np.minimum(right.take(left_one), right.take(right_one)) - sides[0].take(right_one)
    height = np.minimum(bottom.take(left_one), bottom.take(right_one))
    height -= np.maximum(top.take(left_one), top.take(right_one))
    area = _area(sides)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    clashing = clash(shared, area.take(left_one), area.take(right_one)).nonzero()[0]
    one, two = order.take(left_one.take(clashing)), order.take(right_one.take(clashing))
    alike = (class_id.take(one) == class_id.take(two)).nonzero()[0]
    one, two = one.take(alike), two.take(alike)
    return _stands(len(xyxy), np.minimum(one, two), np.maximum(one, two)).nonzero()[0]


def overlap_over(least_iou: float) -> Clash:
    """Boxes clash whose intersection over union is larger."""

    def clash(shared: FloatArray, first: FloatArray, second: FloatArray) -> NDArray[np.bool_]:
        # An untrained network may turn a box inside out; its area is below zero, and it overlaps nothing.
        clashing: NDArray[np.bool_] = shared > np.maximum(least_iou * (first + second - shared), 0)
        return clashing

    return clash


def cover_over(covered_fraction: float) -> Clash:
    """Boxes clash whose intersection is larger than this share of the smaller one."""

    def clash(shared: FloatArray, first: FloatArray, second: FloatArray) -> NDArray[np.bool_]:
        return shared > covered_fraction * np.maximum(np.minimum(first, second), 1e-6)

    return clash


def _area(sides: FloatArray) -> FloatArray:
    """Areas (n,) of boxes whose left, top, right and bottom are the rows of `sides` (4, n)."""
    area: FloatArray = (sides[2] - sides[0]) * (sides[3] - sides[1])
    return area


def _near_pairs(sides: FloatArray, reach_fraction: float) -> tuple[IndexArray, IndexArray] | None:
    """Indices (m,) of the left and (m,) of the right of every two boxes that reach each other, and perhaps some more.

    The columns of `sides` (4, n) are boxes, from left to right. None where there are more than `MAX_PAIRS_COUNT` to
    look at.
    """
    left, _, right, _ = sides
    # A little further than the reach, so that rounding loses no pair.
    ends = left.searchsorted(left + (reach_fraction + _ROUNDING) * (right - left), side="right")
    places = np.arange(1, len(left) + 1)
    counts = np.maximum(ends - places, 0)
    pairs_count = int(counts.sum())
    if pairs_count > MAX_PAIRS_COUNT:
        return None
    # A box is paired with those that follow it: its second indices count on from its right neighbour.
    second = np.arange(pairs_count) + np.repeat(places - counts.cumsum() + counts, counts)
    bands = _bands(sides)
    near = ((np.repeat(bands, counts) & bands.take(second)) != 0).nonzero()[0]
    return np.repeat(places - 1, counts).take(near), second.take(near)


def _bands(sides: FloatArray) -> NDArray[np.uint64]:
    """Which of 64 bands of the picture each box touches, one bit for each: boxes that share none lie apart."""
    reaches = sides[1::2]  # from top to bottom
    highest = np.fmin.reduce(reaches, axis=None)
    bands_per_px = np.float32((_BANDS_COUNT - 1) / max(float(np.fmax.reduce(reaches, axis=None) - highest), 1e-6))
    first, last = ((reaches - highest) * bands_per_px).astype(np.uint64)
    touched: NDArray[np.uint64] = (np.uint64(2) << last) - (np.uint64(1) << first)
    return touched


def _stands(boxes_count: int, surer: IndexArray, other: IndexArray) -> NDArray[np.bool_]:
    """Which boxes stand, bool (n,), when of each pair the surer one topples the other, unless it is toppled itself.

    Who has no surer rival left stands for certain, and its rivals fall; so the pairs are gone after a few rounds.
    """
    stands = np.ones(boxes_count, dtype=bool)
    while len(surer):
        doubtful = np.zeros(boxes_count, dtype=bool)
        doubtful[other] = True
        stands[other[~doubtful[surer]]] = False
        undecided = np.flatnonzero(doubtful[surer] & stands[surer] & stands[other])
        surer, other = surer[undecided], other[undecided]
    return stands


def _standing_one_by_one(xyxy: FloatArray, class_id: IndexArray, clash: Clash) -> IndexArray:
    stands = np.ones(len(xyxy), dtype=bool)
    area = _area(xyxy.T)
    for index in range(len(xyxy)):
        if stands[index]:
            beyond = xyxy[index + 1 :]
            width, height = (np.minimum(xyxy[index, 2:], beyond[:, 2:]) - np.maximum(xyxy[index, :2], beyond[:, :2])).T
            shared = np.maximum(width, 0) * np.maximum(height, 0)
            clashing = clash(shared, np.full_like(shared, area[index]), area[index + 1 :])
            stands[index + 1 :] &= ~(clashing & (class_id[index + 1 :] == class_id[index]))
    return np.flatnonzero(stands)
