# SPDX-License-Identifier: AGPL-3.0-or-later
"""Boxes that cannot stand beside each other, held against the rule written down plainly, one box after another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge import rivals
from edge.rivals import cover_over, overlap_over, standing

Boxes = NDArray[np.float32]

sides = st.floats(0.5, 300, width=32)
box_lists = st.lists(
    st.tuples(st.floats(0, 200, width=32), st.floats(0, 200, width=32), sides, sides, st.integers(0, 2)), max_size=60
)


def boxes_of(drawn: list[tuple[float, float, float, float, int]]) -> tuple[Boxes, NDArray[np.int64]]:
    xyxy = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in drawn], np.float32).reshape(-1, 4)
    return xyxy, np.array([label for *_, label in drawn], np.int64)


def shared_area(a: Boxes, b: Boxes) -> np.float32:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return np.float32(max(width, np.float32(0)) * max(height, np.float32(0)))


def area(a: Boxes) -> np.float32:
    return np.float32((a[2] - a[0]) * (a[3] - a[1]))


def overlaps(a: Boxes, b: Boxes, least_iou: float) -> bool:
    shared = shared_area(a, b)
    return bool(shared > least_iou * (area(a) + area(b) - shared))


def covers(a: Boxes, b: Boxes, fraction: float) -> bool:
    return bool(shared_area(a, b) > fraction * max(min(area(a), area(b)), np.float32(1e-6)))


@given(box_lists, st.sampled_from([0.3, 0.5, 0.6, 0.7, 1.0]))
def test_of_overlapping_boxes_of_a_class_the_surest_stand(
    drawn: list[tuple[float, float, float, float, int]], iou: float
) -> None:
    xyxy, class_id = boxes_of(drawn)
    kept: list[int] = []
    for index in range(len(xyxy)):
        if not any(class_id[k] == class_id[index] and overlaps(xyxy[k], xyxy[index], iou) for k in kept):
            kept.append(index)
    assert standing(xyxy, class_id, overlap_over(iou), reach_fraction=1 - iou).tolist() == kept


@given(box_lists)
def test_of_boxes_within_boxes_of_a_class_the_surest_stand(
    drawn: list[tuple[float, float, float, float, int]],
) -> None:
    xyxy, class_id = boxes_of(drawn)
    kept: list[int] = []
    for index in range(len(xyxy)):
        if not any(class_id[k] == class_id[index] and covers(xyxy[k], xyxy[index], 0.7) for k in kept):
            kept.append(index)
    assert standing(xyxy, class_id, cover_over(0.7), reach_fraction=1.0).tolist() == kept


@given(box_lists)
def test_a_crowd_too_dense_for_pairs_is_judged_alike(drawn: list[tuple[float, float, float, float, int]]) -> None:
    xyxy, class_id = boxes_of(drawn)
    by_pairs = standing(xyxy, class_id, overlap_over(0.6), reach_fraction=0.4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rivals, "MAX_PAIRS_COUNT", -1)
        assert standing(xyxy, class_id, overlap_over(0.6), reach_fraction=0.4).tolist() == by_pairs.tolist()


def test_ten_thousand_boxes_on_one_spot_leave_one() -> None:
    xyxy = np.tile(np.array([[10, 10, 500, 500]], np.float32), (10_000, 1))
    assert standing(xyxy, np.zeros(10_000, np.int64), overlap_over(0.6), reach_fraction=0.4).tolist() == [0]


def test_a_box_turned_inside_out_topples_nobody() -> None:
    """An untrained network says such boxes; their area is below zero, so any overlap looks large beside it."""
    xyxy = np.array([[40, 10, 20, 60], [30, 10, 50, 60]], np.float32)
    assert standing(xyxy, np.zeros(2, np.int64), overlap_over(0.5), reach_fraction=1.0).tolist() == [0, 1]


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_box_that_is_no_number_hides_no_rivals() -> None:
    nan = float("nan")
    xyxy = np.array([[10, 10, 50, 60], [nan, nan, nan, nan], [11, 10, 51, 60]], np.float32)
    assert standing(xyxy, np.zeros(3, np.int64), overlap_over(0.5), reach_fraction=0.5).tolist() == [0, 1]
