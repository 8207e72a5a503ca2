# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whatever the tiles of a frame see is counted once: whole boxes, boxes cut by a seam, and gaps longer than a tile."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.model_card import DetectorLabel
from edge.detections import Detections
from edge.tile_merge import merge_tiles
from edge.tiling import TilingPlan, plan_tiles
from tests.toy_card import card

LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG, DetectorLabel.DAMAGED)
PRODUCT, GAP, TAG, DAMAGED = range(4)
FACING_PX = 48.0
ROW_PX = 70.0

Box = tuple[int, float, float, float, float]
"""Class index, left, top, right, bottom."""

frames_wh_px = st.tuples(st.integers(1000, 1800), st.integers(300, 900))
seeds = st.integers(0, 2**32 - 1)
least_visible = st.sampled_from([0.0, 0.3, 0.6])


def plan_of(frame_wh_px: tuple[int, int]) -> TilingPlan:
    plan = plan_tiles(card(), frame_wh_px, facing_height_px=FACING_PX)
    assert len(plan.windows_px) > 1
    return plan


def shelves(seed: int, frame_wh_px: tuple[int, int]) -> list[Box]:
    """Rows of products, gaps of any length and tags, side by side; some products wear a defect."""
    rng = np.random.default_rng(seed)
    boxes: list[Box] = []
    for top in np.arange(rng.uniform(0, 20), frame_wh_px[1] - ROW_PX, ROW_PX):
        left = rng.uniform(0, 60)
        while True:
            label = int(rng.choice([PRODUCT, GAP, TAG], p=[0.65, 0.2, 0.15]))
            width, height = rng.uniform(0.4, 1, 2) * FACING_PX
            if label == GAP and rng.random() < 0.5:
                width = rng.uniform(1, 30) * FACING_PX
            if label == TAG:
                height *= 0.4
            if left + width > frame_wh_px[0]:
                break
            bottom = top + 50
            boxes.append((label, left, bottom - height, left + width, bottom))
            if label == PRODUCT and rng.random() < 0.1:
                boxes.append((DAMAGED, *boxes[-1][1:]))
            left += width + rng.uniform(-2, 8)
    return [box_of(box[0], box[1:]) for box in boxes]


def seen(
    boxes: list[Box],
    plan: TilingPlan,
    *,
    least_fraction: float = 0.0,
    jitter_px: float = 0.0,
    rng: np.random.Generator | None = None,
) -> list[Detections]:
    """What a faultless detector finds in each window, but for `jitter_px` and pieces smaller than `least_fraction`."""
    rng = rng or np.random.default_rng(0)
    surety = {box: rng.uniform(0.3, 1) for box in boxes}
    found = []
    for left, top, right, bottom in plan.windows_px:
        rows, confidences, classes = [], [], []
        for box in boxes:
            x0, y0, x1, y1 = max(box[1], left), max(box[2], top), min(box[3], right), min(box[4], bottom)
            least_w = least_fraction * min(FACING_PX, box[3] - box[1])
            least_h = least_fraction * min(FACING_PX, box[4] - box[2])
            if x1 - x0 <= max(least_w, 2 * jitter_px) or y1 - y0 <= max(least_h, 2 * jitter_px):
                continue
            edges = np.array([x0, y0, x1, y1]) + rng.uniform(-jitter_px, jitter_px, 4)
            rows.append(np.clip(edges, [left, top, left, top], [right, bottom, right, bottom]))
            confidences.append(surety[box])
            classes.append(box[0])
        found.append(as_detections(rows, confidences, classes))
    return found


def box_of(label: int, edges: object) -> Box:
    left, top, right, bottom = (float(edge) for edge in np.asarray(edges, np.float32))
    return int(label), left, top, right, bottom


def as_detections(rows: list[np.ndarray], confidences: list[float], classes: list[int]) -> Detections:
    order = np.argsort(-np.array(confidences, np.float32), kind="stable")
    return Detections(
        np.array(rows, np.float32).reshape(-1, 4)[order],
        np.array(confidences, np.float32)[order],
        np.array(classes, np.int64)[order],
        LABELS,
    )


def as_boxes(found: Detections) -> list[Box]:
    return sorted(box_of(label, box) for label, box in zip(found.class_id, found.xyxy_px, strict=True))


@settings(deadline=None, max_examples=50)
@given(seeds, frames_wh_px, least_visible)
def test_what_stands_there_comes_out_once_and_unchanged(
    seed: int, frame_wh_px: tuple[int, int], least_fraction: float
) -> None:
    boxes, plan = shelves(seed, frame_wh_px), plan_of(frame_wh_px)
    assert as_boxes(merge_tiles(seen(boxes, plan, least_fraction=least_fraction), plan)) == sorted(boxes)


@settings(deadline=None, max_examples=50)
@given(seeds, frames_wh_px)
def test_tiles_that_disagree_by_a_pixel_or_two_still_count_once(seed: int, frame_wh_px: tuple[int, int]) -> None:
    boxes, plan = shelves(seed, frame_wh_px), plan_of(frame_wh_px)
    jitter_px = 0.3 * plan.seam_px
    rng = np.random.default_rng(seed)
    merged = as_boxes(merge_tiles(seen(boxes, plan, least_fraction=0.3, jitter_px=jitter_px, rng=rng), plan))
    assert len(merged) == len(boxes)
    left_over = sorted(boxes)
    for box in merged:
        near = min(left_over, key=lambda true: abs(np.array(true[1:]) - box[1:]).max() + 1e6 * (true[0] != box[0]))
        assert near[0] == box[0]
        assert np.abs(np.array(near[1:]) - box[1:]).max() <= jitter_px + 1e-3
        left_over.remove(near)


@settings(deadline=None, max_examples=50)
@given(seeds, frames_wh_px)
def test_the_order_of_tiles_and_boxes_says_nothing(seed: int, frame_wh_px: tuple[int, int]) -> None:
    plan = plan_of(frame_wh_px)
    rng = np.random.default_rng(seed)
    found = seen(shelves(seed, frame_wh_px), plan, jitter_px=4.0, rng=rng)
    order = rng.permutation(len(found))
    other_plan = replace(plan, windows_px=tuple(plan.windows_px[index] for index in order))
    other_found = [
        Detections(one.xyxy_px[mix], one.confidence[mix], one.class_id[mix], LABELS)
        for one in (found[index] for index in order)
        for mix in [rng.permutation(len(one))]
    ]
    first, second = merge_tiles(found, plan), merge_tiles(other_found, other_plan)
    assert first.xyxy_px.tolist() == second.xyxy_px.tolist()
    assert first.class_id.tolist() == second.class_id.tolist()
    assert first.confidence.tolist() == pytest.approx(second.confidence.tolist())
    assert (np.diff(first.confidence) <= 0).all()


@given(
    frames_wh_px,
    st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.05, 1), st.floats(0.05, 1)),
    st.sampled_from([PRODUCT, GAP]),
)
def test_one_thing_of_any_size_anywhere_is_one_thing(
    frame_wh_px: tuple[int, int], place: tuple[float, float, float, float], label: int
) -> None:
    plan = plan_of(frame_wh_px)
    width_px, height_px = frame_wh_px
    left, top = place[0] * width_px, place[1] * height_px
    right, bottom = min(left + place[2] * width_px, width_px), min(top + place[3] * height_px, height_px)
    thing: Box = box_of(label, [left, top, right, bottom])
    assert as_boxes(merge_tiles(seen([thing], plan), plan)) == [thing]


class TestTwoTiles:
    """Two windows side by side, 0 to 500 and 400 to 900; boxes within 8 px of a seam are cut."""

    plan = TilingPlan((900, 500), (256, 256), ((0, 0, 500, 500), (400, 0, 900, 500)), seam_px=8.0, slack_px=10.0)

    def merged(self, left: list[tuple[float, Box]], right: list[tuple[float, Box]]) -> list[Box]:
        found = [
            as_detections([np.array(box[1:]) for _, box in one], [sure for sure, _ in one], [box[0] for _, box in one])
            for one in (left, right)
        ]
        return as_boxes(merge_tiles(found, self.plan))

    def test_half_a_pack_at_the_seam_yields_to_the_whole_one_however_sure_it_is(self) -> None:
        whole = (PRODUCT, 470.0, 10.0, 520.0, 90.0)
        assert self.merged([(0.99, (PRODUCT, 470, 10, 500, 90))], [(0.4, whole)]) == [whole]

    def test_a_sliver_that_was_drawn_badly_is_no_pack(self) -> None:
        whole = (PRODUCT, 350.0, 10.0, 405.0, 90.0)
        assert self.merged([(0.8, whole)], [(0.5, (PRODUCT, 400, 10, 418, 90))]) == [whole]

    def test_the_tile_that_sees_deeper_has_the_say(self) -> None:
        assert self.merged([(0.5, (PRODUCT, 450, 10, 490, 90))], []) == []
        assert self.merged([(0.5, (PRODUCT, 425, 10, 465, 90))], []) == [(PRODUCT, 425, 10, 465, 90)]

    def test_an_empty_row_across_the_seam_is_one_gap_as_wide_as_both_pieces(self) -> None:
        assert self.merged([(0.8, (GAP, 100, 10, 498, 90))], [(0.4, (GAP, 402, 12, 700, 92))]) == [
            (GAP, 100, 10, 700, 92)
        ]

    def test_an_empty_row_that_the_other_tile_saw_in_parts_is_not_counted_twice(self) -> None:
        parts: list[tuple[float, Box]] = [(0.9, (GAP, 402, 10, 450, 90)), (0.9, (GAP, 452, 10, 498, 90))]
        assert self.merged([(0.5, (GAP, 100, 10, 500, 90))], parts) == [(GAP, 100, 10, 500, 90)]

    def test_neighbours_at_the_seam_are_two(self) -> None:
        boxes: list[Box] = [(PRODUCT, 400, 10, 450, 90), (PRODUCT, 452, 10, 499, 90)]
        assert self.merged([(0.9, box) for box in boxes], [(0.9, box) for box in boxes]) == boxes

    def test_a_product_and_a_tag_in_one_place_do_not_touch_each_other(self) -> None:
        tag, product = (TAG, 430.0, 10.0, 470.0, 90.0), (PRODUCT, 430.0, 10.0, 470.0, 90.0)
        assert self.merged([(0.9, tag)], [(0.8, product)]) == sorted([tag, product])

    def test_a_defect_stays_with_the_product_that_stands(self) -> None:
        pack, harm = (PRODUCT, 430.0, 10.0, 470.0, 90.0), (DAMAGED, 431.0, 10.0, 470.0, 90.0)
        nudged = (PRODUCT, 431.0, 11.0, 471.0, 91.0)
        assert self.merged([(0.9, pack), (0.5, harm)], [(0.8, nudged)]) == [pack, (DAMAGED, *pack[1:])]
        assert self.merged([(0.8, pack), (0.5, harm)], [(0.9, nudged)]) == [nudged]

    def test_a_defect_without_a_product_is_a_thing_of_its_own(self) -> None:
        harm = (DAMAGED, 431.0, 10.0, 470.0, 90.0)
        assert self.merged([(0.9, harm)], [(0.8, harm)]) == [harm]


def test_tiles_that_see_nothing_give_nothing() -> None:
    plan = plan_of((2000, 800))
    assert len(merge_tiles(seen([], plan), plan)) == 0
