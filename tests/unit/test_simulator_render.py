# SPDX-License-Identifier: AGPL-3.0-or-later
"""A rendered scene: repeatable to the pixel, and its boxes are where the geometry says."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.picture.assortment import pack_style_for
from simulator.picture.projection import distort, project
from simulator.picture.random_scene import random_scene
from simulator.picture.render import RenderedView, TrueBox, render_scene
from simulator.picture.scene import (
    Bay,
    FacingSlot,
    Light,
    PackStyle,
    PlacedPack,
    PriceTag,
    Prop,
    Scene,
    ShelfRow,
    View,
    stock_row,
    without_pack,
)

BOX = PackStyle("box", 90.0, 150.0, 40.0, face_seed=5)


def a_bay() -> Bay:
    row = ShelfRow(y_mm=100.0, clearance_mm=400.0, depth_mm=300.0)
    return Bay(width_mm=1000.0, height_mm=700.0, depth_mm=300.0, rows=(row,))


def a_view(*, k1: float = 0.0, sideways_mm: float = 0.0, raised_mm: float = 0.0) -> View:
    return View((500.0 + sideways_mm, 300.0 + raised_mm, 1500.0), (500.0, 300.0, 0.0), 900.0, (640, 480), k1=k1)


def a_scene(*packs: PlacedPack, view: View | None = None) -> Scene:
    return Scene(bay=a_bay(), view=view or a_view(), packs=packs, light=Light(row_shadow=0.0, contact=0.0))


def a_pack(
    x_mm: float, *, name: str = "p", style: PackStyle = BOX, depth_index: int = 0, column: int = 0
) -> PlacedPack:
    z_mm = -5.0 - depth_index * (style.depth_mm + 2)
    return PlacedPack(name, 0, column, x_mm, 100.0, z_mm, depth_index, style)


def drawn(scene: Scene, seed: int = 0) -> RenderedView:
    return render_scene(scene, np.random.default_rng(seed))


def only(view: RenderedView, ref_id: str) -> TrueBox:
    return next(box for box in view.boxes if box.ref_id == ref_id)


def front_corners_px(view: View, pack: PlacedPack) -> NDArray[Any]:
    half, top = pack.style.width_mm / 2, pack.y_mm + pack.style.height_mm
    xs, ys = (pack.x_mm - half, pack.x_mm + half), (pack.y_mm, top)
    corners = np.array([(x, y, pack.z_mm) for x in np.linspace(*xs, 9) for y in np.linspace(*ys, 9)])
    return distort(view, project(view, corners))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_same_seed_same_pixels_and_boxes(seed: int) -> None:
    first, second = (
        render_scene(random_scene(rng, (240, 180)), rng)
        for rng in (np.random.default_rng(seed), np.random.default_rng(seed))
    )
    assert np.array_equal(first.image_bgr, second.image_bgr)
    assert first.boxes == second.boxes


def test_another_seed_another_picture() -> None:
    pictures = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        pictures.append(render_scene(random_scene(rng, (240, 180)), rng).image_bgr)
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 5


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_boxes_lie_in_the_picture_and_fractions_are_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view = render_scene(random_scene(rng, (320, 240)), rng)
    assert view.image_bgr.shape == (240, 320, 3)
    assert view.image_bgr.dtype == np.uint8
    for box in view.boxes:
        x0, y0, x1, y1 = box.xyxy_px
        assert 0 <= x0 < x1 <= 320
        assert 0 <= y0 < y1 <= 240
        assert 0.0 <= box.visible_fraction <= 1.0


@settings(max_examples=15, deadline=None)
@given(
    x_mm=st.floats(200, 800),
    sideways_mm=st.floats(-700, 700),
    raised_mm=st.floats(-300, 500),
    k1=st.floats(-0.15, 0.1),
)
def test_box_of_a_free_pack_is_its_projected_front(
    x_mm: float, sideways_mm: float, raised_mm: float, k1: float
) -> None:
    view = a_view(k1=k1, sideways_mm=sideways_mm, raised_mm=raised_mm)
    pack = a_pack(x_mm)
    box = only(drawn(a_scene(pack, view=view)), "p")
    corners = np.clip(front_corners_px(view, pack), 0, view.image_wh_px)
    expected = (*corners.min(axis=0), *corners.max(axis=0))
    assert box.xyxy_px == pytest.approx(expected, abs=1.0)


@settings(max_examples=8, deadline=None)
@given(sideways_mm=st.floats(-500, 500), k1=st.floats(-0.12, 0.08))
def test_painted_pixels_fill_the_box_to_a_pixel(sideways_mm: float, k1: float) -> None:
    """Take the pack away: the pixels that change, apart from its sides and top, are those of its box."""
    view = a_view(k1=k1, sideways_mm=sideways_mm)
    flat = replace(BOX, shape="blister")
    bare, with_pack = drawn(a_scene(view=view)), drawn(a_scene(a_pack(500.0, style=flat), view=view))
    changed = np.abs(bare.image_bgr.astype(int) - with_pack.image_bgr).max(axis=2) > 2
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    painted = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert only(with_pack, "p").xyxy_px == pytest.approx(painted, abs=1.5)


def test_a_free_pack_is_fully_visible_and_a_covered_one_is_marked() -> None:
    view = drawn(a_scene(a_pack(500.0, name="front"), a_pack(500.0, name="behind", depth_index=1)))
    assert only(view, "front").visible_fraction > 0.97
    assert only(view, "front").is_clear
    assert only(view, "behind").visible_fraction < 0.05
    assert not only(view, "behind").is_clear


def test_a_pack_half_behind_a_sign_is_half_visible_and_its_box_is_what_shows() -> None:
    sign = Prop("talker", (455.0, 90.0, 30.0), (90.0, 0.0, 0.0), (0.0, 85.0, 0.0))
    free = only(drawn(a_scene(a_pack(500.0))), "p")
    hidden = only(drawn(replace(a_scene(a_pack(500.0)), props=(sign,))), "p")
    assert 0.35 < hidden.visible_fraction < 0.65
    assert hidden.xyxy_px[3] < free.xyxy_px[3] - 20
    assert hidden.xyxy_px[1] == pytest.approx(free.xyxy_px[1], abs=1)


def test_identical_neighbours_that_touch_keep_a_box_each() -> None:
    packs = [a_pack(200.0 + 90.0 * i, name=f"p{i}", column=i) for i in range(6)]
    boxes = [only(drawn(a_scene(*packs)), f"p{i}") for i in range(6)]
    assert all(box.is_clear for box in boxes)
    for left, right in pairwise(boxes):
        assert left.xyxy_px[2] == pytest.approx(right.xyxy_px[0], abs=1.5)


def test_taking_a_pack_away_leaves_a_gap_box_where_it_stood() -> None:
    scene = a_scene(*(a_pack(300.0 + 95.0 * i, name=f"p{i}", column=i) for i in range(4)))
    before, after = drawn(scene), drawn(without_pack(scene, "p1"))
    assert not [box for box in before.boxes if box.label == "gap"]
    gap = next(box for box in after.boxes if box.label == "gap")
    assert gap.xyxy_px == pytest.approx(only(before, "p1").xyxy_px, abs=1.5)
    assert gap.is_clear
    assert {box.ref_id for box in after.boxes if box.label == "product"} == {"p0", "p2", "p3"}


def test_a_pack_that_is_not_there_cannot_be_taken() -> None:
    with pytest.raises(KeyError, match="no front pack 'nobody'"):
        without_pack(a_scene(a_pack(500.0)), "nobody")


def test_a_price_tag_has_its_box() -> None:
    tag = PriceTag("t", 300.0, 80.0, 60.0, 36.0)
    scene = replace(a_scene(), tags=(tag,))
    corners = project(scene.view, np.array([(270.0, 98.0, 4.0), (330.0, 62.0, 4.0)]))
    assert only(drawn(scene), "t").xyxy_px == pytest.approx((*corners[0], *corners[1]), abs=1)


def test_stocking_a_row_conserves_units_and_marks_each_empty_front() -> None:
    slots = tuple(FacingSlot(f"s{i}", 100.0 + 95.0 * i, BOX, units) for i, units in enumerate((3, 0, 0, 1)))
    packs, gaps = stock_row(a_bay(), 0, slots)
    assert len(packs) == 4
    assert sum(pack.depth_index == 0 for pack in packs) == 2
    assert len(gaps) == 1
    assert (gaps[0].x0_mm, gaps[0].x1_mm) == (150.0, 335.0)


def test_a_missing_upper_tier_is_a_gap_above_what_is_left() -> None:
    packs, gaps = stock_row(a_bay(), 0, (FacingSlot("s", 500.0, BOX, 1, tiers_count=2),))
    assert len(packs) == 1
    assert (gaps[0].kind, gaps[0].y0_mm, gaps[0].y1_mm) == ("tier", 250.0, 400.0)


def test_a_sku_always_looks_the_same_and_skus_differ() -> None:
    assert pack_style_for("4006381333931") == pack_style_for("4006381333931")
    assert len({pack_style_for(f"sku-{i}") for i in range(50)}) == 50


@pytest.mark.parametrize("shape", ["box", "bottle", "can", "bag", "cup", "jar", "tube", "blister", "carton", "brick"])
def test_every_shape_is_drawn_over_the_shelf(shape: str) -> None:
    style = replace(BOX, shape=shape)  # type: ignore[arg-type]
    scene = a_scene(a_pack(500.0, style=style), view=a_view(raised_mm=300.0))
    box = only(drawn(scene), "p")
    x0, y0, x1, y1 = (int(v) for v in box.xyxy_px)
    with_pack, bare = drawn(scene).image_bgr, drawn(replace(scene, packs=())).image_bgr
    changed = cv2.absdiff(with_pack, bare).max(axis=2)[y0:y1, x0:x1] > 4
    assert box.is_clear
    assert changed.mean() > 0.5
