# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tiles cover the bay, every facing lies wholly in one of them, and they are there only where facings are small."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contract.model_card import DetectorHead, ModelCard
from edge.input_shape import choose_input_wh_px
from edge.tiling import OVERLAP_FACTOR, TilingPlan, plan_tiles
from tests.toy_card import card

Region = tuple[float, float, float, float]


CARDS = [
    card(),
    card((416, 256)),
    card((640, 640)),
    card(default_input_wh_px=(640, 384)),
    card(head=DetectorHead.NMS_FREE),
]


class Shop(NamedTuple):
    """What a plan is made of."""

    card: ModelCard
    frame_wh_px: tuple[int, int]
    facing_wh_px: tuple[float, float]
    region_px: Region | None

    def plan(self) -> TilingPlan:
        return plan_tiles(
            self.card,
            self.frame_wh_px,
            facing_height_px=self.facing_wh_px[1],
            largest_facing_wh_px=self.facing_wh_px,
            region_px=self.region_px,
        )

    @property
    def seen_region_px(self) -> Region:
        """The region as far as it lies in the frame."""
        width_px, height_px = self.frame_wh_px
        left, top, right, bottom = self.region_px or (0, 0, width_px, height_px)
        return max(0, left), max(0, top), min(width_px, right), min(height_px, bottom)


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    frame_wh_px = draw(st.tuples(st.integers(320, 6000), st.integers(320, 4000)))
    height_px = draw(st.floats(6, 250))
    width_px = height_px * draw(st.floats(0.3, 2))
    region_px = None
    if draw(st.booleans()):
        left, right = sorted(draw(st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2))))
        top, bottom = sorted(draw(st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2))))
        assume(min(right, 1) - max(left, 0) > 0.1 and min(bottom, 1) - max(top, 0) > 0.1)
        region_px = (left * frame_wh_px[0], top * frame_wh_px[1], right * frame_wh_px[0], bottom * frame_wh_px[1])
    return Shop(draw(st.sampled_from(CARDS)), frame_wh_px, (width_px, height_px), region_px)


@given(shops())
def test_windows_are_alike_lie_in_the_frame_and_cover_the_region(shop: Shop) -> None:
    plan = shop.plan()
    windows = np.array(plan.windows_px)
    assert len({(right - left, bottom - top) for left, top, right, bottom in plan.windows_px}) == 1
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, 2:] <= shop.frame_wh_px).all()
    for axis in (0, 1):
        spans = sorted({(int(window[axis]), int(window[axis + 2])) for window in windows})
        assert spans[0][0] <= shop.seen_region_px[axis]
        assert spans[-1][1] >= shop.seen_region_px[axis + 2]
        assert all(this[1] >= following[0] for this, following in pairwise(spans))
    columns, rows = len({window[0] for window in plan.windows_px}), len({window[1] for window in plan.windows_px})
    assert len(windows) == columns * rows


@given(shops())
def test_a_tile_is_never_larger_than_the_default_look_and_their_sum_is_bounded(shop: Shop) -> None:
    plan = shop.plan()
    width_px, height_px = plan.input_wh_px
    assert width_px % 32 == height_px % 32 == 0
    if len(plan.windows_px) > 1:
        default_wh_px = shop.card.default_input_wh_px
        assert width_px * height_px <= default_wh_px[0] * default_wh_px[1]
        assert width_px * height_px * len(plan.windows_px) <= 2560 * 1440


@given(shops(), st.tuples(st.floats(0, 1), st.floats(0, 1)), st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)))
def test_every_facing_lies_wholly_in_a_tile_and_clear_of_its_seams(
    shop: Shop, place: tuple[float, float], share: tuple[float, float]
) -> None:
    plan = shop.plan()
    left, top, right, bottom = shop.seen_region_px
    width_px = min(OVERLAP_FACTOR * shop.facing_wh_px[0] * share[0], right - left)
    height_px = min(OVERLAP_FACTOR * shop.facing_wh_px[1] * share[1], bottom - top)
    x_px, y_px = left + place[0] * (right - left - width_px), top + place[1] * (bottom - top - height_px)
    low = np.array([x_px, y_px]) - plan.sight_px[:, :2]
    high = plan.sight_px[:, 2:] - np.array([x_px + width_px, y_px + height_px])
    assert (np.minimum(low, high).min(axis=1) > plan.seam_px - 1e-6).any()


@given(shops())
def test_a_facing_is_shown_no_smaller_than_in_one_look_at_everything(shop: Shop) -> None:
    plan = shop.plan()
    if plan.windows_px == ((0, 0, *shop.frame_wh_px),):
        return  # facings that are large enough may well be reduced
    left, top, right, bottom = plan.windows_px[0]
    scale = min(plan.input_wh_px[0] / (right - left), plan.input_wh_px[1] / (bottom - top))
    width_px, height_px = shop.card.default_input_wh_px
    whole_scale = min(width_px / shop.frame_wh_px[0], height_px / shop.frame_wh_px[1])
    assert scale >= 0.99 * whole_scale


@pytest.mark.parametrize("facing_height_px", [100.0, 200.0, 900.0])
def test_no_tiles_where_facings_are_large_enough(facing_height_px: float) -> None:
    # At the default 416 px of 1920 a facing of 100 px is 21.7 px tall: the training held such.
    plan = plan_tiles(card(), (1920, 1080), facing_height_px=facing_height_px, region_px=(600, 300, 900, 700))
    assert plan.windows_px == ((0, 0, 1920, 1080),)
    assert plan.input_wh_px == choose_input_wh_px(card(), (1920, 1080), facing_height_px)


@pytest.mark.parametrize("fixed_wh_px", [None, (416, 256)])
def test_small_facings_take_tiles_also_with_a_network_of_fixed_size(fixed_wh_px: tuple[int, int] | None) -> None:
    plan = plan_tiles(card(fixed_wh_px), (3840, 1080), facing_height_px=50.0)
    assert len(plan.windows_px) > 1
    window_w_px = plan.windows_px[0][2] - plan.windows_px[0][0]
    assert 20 <= 50.0 * plan.input_wh_px[0] / window_w_px <= 90


def test_only_the_bay_is_looked_at() -> None:
    everything = plan_tiles(card(), (3840, 2160), facing_height_px=60.0)
    bay = plan_tiles(card(), (3840, 2160), facing_height_px=60.0, region_px=(1000, 800, 1700, 1200))
    assert len(bay.windows_px) == 1 < len(everything.windows_px)
    left, top, right, bottom = bay.windows_px[0]
    assert left < 1000
    assert top < 800
    assert right > 1700
    assert bottom > 1200
    assert right - left < 1200


@pytest.mark.parametrize(
    "region_px", [(float("nan"), 0.0, 10.0, 10.0), (5000.0, 0.0, 6000.0, 10.0), (0.0, 0.0, float("inf"), 10.0)]
)
def test_a_bay_that_cannot_be_placed_in_the_frame_leaves_the_whole_frame(region_px: Region) -> None:
    assert plan_tiles(card(), (3840, 1080), facing_height_px=50.0, region_px=region_px) == plan_tiles(
        card(), (3840, 1080), facing_height_px=50.0
    )


def test_specks_are_enlarged_as_far_as_one_look_may_cost() -> None:
    plan = plan_tiles(card(), (3840, 2160), facing_height_px=6.0)
    assert 2560 * 1440 * 0.5 < len(plan.windows_px) * plan.input_wh_px[0] * plan.input_wh_px[1] <= 2560 * 1440
