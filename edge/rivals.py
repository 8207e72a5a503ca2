# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which of many boxes cannot stand beside each other, and who of them stands. Pure.

Boxes on a shelf are many and overlap few others. So they are sorted by row and from left to right, only those near each
other are compared, and all of them at once; comparing each with each would cost more than a tenth of the network's run.
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


def standing(xyxy: FloatArray, class_id: IndexArray, clash: Clash, *, reach_fraction: float) -> IndexArray:
    """Indices of the boxes (n, 4), surest first, that clash with no surer one that stands; boxes of one class only.

    `reach_fraction`: two boxes clash only if the left edge of the right one lies within this share of the width of
    the left one, and their middles within this share of the height of the taller.
    """
    if not len(xyxy):
        return np.zeros(0, dtype=np.int64)
    sides = np.ascontiguousarray(xyxy.T)
    near = _near_pairs(sides, reach_fraction)
    if near is None:
        return _standing_one_by_one(xyxy, class_id, clash)
    one, two = near
    left, top, right, bottom = sides
    width = np.minimum(right.take(one), right.take(two)) - np.maximum(left.take(one), left.take(two))
    height = np.minimum(bottom.take(one), bottom.take(two)) - np.maximum(top.take(one), top.take(two))
    area = _area(sides)
    clashing = clash(np.maximum(width, 0) * np.maximum(height, 0), area.take(one), area.take(two))
    clashing &= class_id.take(one) == class_id.take(two)
    rivals = clashing.nonzero()[0]
    one, two = one.take(rivals), two.take(rivals)
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
    """Indices (m,) of the one and (m,) of the other of every two boxes that reach each other, and of some more.

    The columns of `sides` (4, n) are boxes. None where there are more than `MAX_PAIRS_COUNT` to look at.
    """
    left, top, right, bottom = sides.astype(np.float64)
    # A little further than the reach, so that rounding loses no pair.
    reach_px = (reach_fraction + _ROUNDING) * (right - left)
    widest_px = max(float(np.fmax.reduce(reach_px)), _ROUNDING)
    tallest_px = max(float(np.fmax.reduce(bottom - top)) * (reach_fraction + _ROUNDING), _ROUNDING)
    # In rows as high as the reach of the tallest, boxes that reach each other lie in one row or in neighbouring ones.
    middle = (top + bottom) / 2
    row = np.floor((middle - np.fmin.reduce(middle)) / tallest_px)
    row_px = float(np.fmax.reduce(left) - np.fmin.reduce(left)) + 3 * widest_px
    # All rows one behind the other, with so much room between them that nothing reaches from one into the next.
    place_px = row * row_px + left
    order = place_px.argsort()
    place_px = place_px.take(order)
    end_px = place_px + reach_px.take(order)
    count = len(order)
    first = np.concatenate([np.arange(1, count + 1), place_px.searchsorted(place_px + (row_px - widest_px))])
    end = np.concatenate(
        [place_px.searchsorted(end_px, side="right"), place_px.searchsorted(end_px + row_px, side="right")]
    )
    counts = np.maximum(end - first, 0)
    pairs_count = int(counts.sum())
    if pairs_count > MAX_PAIRS_COUNT:
        return None
    # A box is paired with those from `first` to `end`: its second indices count on from there.
    second = np.arange(pairs_count) + np.repeat(first - counts.cumsum() + counts, counts)
    return np.repeat(np.concatenate([order, order]), counts), order.take(second)


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
