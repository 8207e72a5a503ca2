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
Clash = Callable[[FloatArray, FloatArray], NDArray[np.bool_]]
"""Says of boxes (m, 4) and as many others whether they clash, bool (m,)."""

MAX_PAIRS_COUNT = 400_000
"""Of more near pairs than this (an untrained network sees boxes everywhere) each box is asked by itself: slower, and
in little memory."""

_ROUNDING = 1e-4


def standing(xyxy: FloatArray, class_id: IndexArray, clash: Clash, *, reach_fraction: float) -> IndexArray:
    """Indices of the boxes (n, 4), surest first, that clash with no surer one that stands; boxes of one class only.

    `reach_fraction`: two boxes clash only if the left edge of the right one lies within this share of the width of
    the left one.
    """
    pairs = _near_pairs(xyxy, class_id, reach_fraction)
    if pairs is None:
        return _standing_one_by_one(xyxy, class_id, clash)
    surer, other = pairs
    clashing = np.flatnonzero(clash(xyxy.take(surer, axis=0), xyxy.take(other, axis=0)))
    return np.flatnonzero(_stands(len(xyxy), surer[clashing], other[clashing]))


def overlap_over(least_iou: float) -> Clash:
    """Boxes clash whose intersection over union is larger."""

    def clash(first: FloatArray, second: FloatArray) -> NDArray[np.bool_]:
        shared = _shared(first, second)
        # An untrained network may turn a box inside out; its area is below zero, and it overlaps nothing.
        clashing: NDArray[np.bool_] = shared > np.maximum(least_iou * (_area(first) + _area(second) - shared), 0)
        return clashing

    return clash


def cover_over(covered_fraction: float) -> Clash:
    """Boxes clash whose intersection is larger than this share of the smaller one."""

    def clash(first: FloatArray, second: FloatArray) -> NDArray[np.bool_]:
        least = np.maximum(np.minimum(_area(first), _area(second)), 1e-6)
        return _shared(first, second) > covered_fraction * least

    return clash


def _shared(first: FloatArray, second: FloatArray) -> FloatArray:
    width = np.minimum(first[:, 2], second[:, 2]) - np.maximum(first[:, 0], second[:, 0])
    height = np.minimum(first[:, 3], second[:, 3]) - np.maximum(first[:, 1], second[:, 1])
    shared: FloatArray = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def _area(boxes: FloatArray) -> FloatArray:
    area: FloatArray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def _near_pairs(xyxy: FloatArray, class_id: IndexArray, reach_fraction: float) -> tuple[IndexArray, IndexArray] | None:
    """Indices (m,) of the surer and (m,) of the other of every two boxes of a class that reach each other.

    None where there are more than `MAX_PAIRS_COUNT` to look at.
    """
    order = np.argsort(np.ascontiguousarray(xyxy[:, 0]))
    left, top, right, bottom = np.ascontiguousarray(xyxy.take(order, axis=0).T)
    # A little further than the reach, so that rounding loses no pair.
    ends = np.searchsorted(left, left + (reach_fraction + _ROUNDING) * (right - left), side="right")
    places = np.arange(1, len(order) + 1)
    counts = np.maximum(ends - places, 0)
    pairs_count = int(counts.sum())
    if pairs_count > MAX_PAIRS_COUNT:
        return None
    # A box is paired with those that follow it: its second indices count on from its right neighbour.
    second = np.arange(pairs_count) + np.repeat(places - np.cumsum(counts) + counts, counts)
    near = np.flatnonzero(
        (top.take(second) < np.repeat(bottom, counts)) & (np.repeat(top, counts) < bottom.take(second))
    )
    one, two = order[np.repeat(places - 1, counts)[near]], order[second[near]]
    alike = np.flatnonzero(class_id[one] == class_id[two])
    one, two = one[alike], two[alike]
    return np.minimum(one, two), np.maximum(one, two)


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
    for index in range(len(xyxy)):
        if stands[index]:
            beyond = xyxy[index + 1 :]
            mine = np.broadcast_to(xyxy[index], beyond.shape)
            stands[index + 1 :] &= ~(clash(mine, beyond) & (class_id[index + 1 :] == class_id[index]))
    return np.flatnonzero(stands)
