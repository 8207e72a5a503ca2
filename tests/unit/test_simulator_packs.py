# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packs: repeatable to the pixel, of families, and visibly harmed when harmed."""

from dataclasses import replace
from typing import Any, get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contract.model_card import DetectorLabel
from simulator.picture.assortment import SISTERS_COUNT, pack_style_for, random_style, sister_style
from simulator.picture.brands import brand_of, inks_of
from simulator.picture.damage import as_it_lies, defect_label, random_damage
from simulator.picture.faces import brand_behind, draw_back, draw_face, inks_behind
from simulator.picture.logos import wordmark
from simulator.picture.packs import PackArt, pack_art, pack_look, tint_matrix
from simulator.picture.produce import produce_heap
from simulator.picture.scene import DamageKind, PackShape, PackStyle, PlacedPack

SHAPES: tuple[PackShape, ...] = get_args(PackShape)
KINDS: tuple[DamageKind, ...] = get_args(DamageKind)


def a_style(shape: PackShape, face_seed: int = 12, brand_seed: int = 34) -> PackStyle:
    width_mm, height_mm, depth_mm = (250.0, 150.0, 150.0) if shape in ("tray", "produce") else (90.0, 160.0, 60.0)
    return PackStyle(shape, width_mm, height_mm, depth_mm, face_seed, brand_seed)


def a_pack(style: PackStyle, damage: DamageKind = "none", damage_seed: int = 1) -> PlacedPack:
    return PlacedPack("p", 0, 0, 500.0, 100.0, -5.0, 0, style, damage=damage, damage_seed=damage_seed)


def look(style: PackStyle, damage: DamageKind = "none", damage_seed: int = 1) -> PackArt:
    return pack_look(a_pack(style, damage, damage_seed))[0]


def drawn_afresh(style: PackStyle, damage: DamageKind = "none") -> PackArt:
    """The art without what the caches hold."""
    from simulator.picture import packs  # noqa: PLC0415 - its caches are emptied here and nowhere else

    packs._sound_art.cache_clear()
    packs._harmed_art.cache_clear()
    return look(style, damage)


def on_grey(texture: NDArray[Any], height_px: int) -> NDArray[Any]:
    """A texture as it appears before a grey shelf back, at a height in pixels."""
    height, width = texture.shape[:2]
    small = cv2.resize(texture, (max(8, width * height_px // height), height_px), interpolation=cv2.INTER_AREA).astype(
        np.float64
    )
    return np.asarray(small[..., :3] + 128.0 * (1 - small[..., 3:] / 255))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_style_is_drawn_alike_to_the_last_pixel(shape: PackShape) -> None:
    first, again = drawn_afresh(a_style(shape)), drawn_afresh(a_style(shape))
    for ours, theirs in ((first.front, again.front), (first.side, again.side), (first.top, again.top)):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_harm_is_drawn_alike_to_the_last_pixel(kind: DamageKind) -> None:
    first, again = drawn_afresh(a_style("bottle"), kind), drawn_afresh(a_style("bottle"), kind)
    assert np.array_equal(first.front[0], again.front[0])
    assert np.array_equal(first.outline_uv, again.outline_uv)


@pytest.mark.parametrize("shape", SHAPES)
def test_another_maker_makes_another_pack(shape: PackShape) -> None:
    ours, theirs = look(a_style(shape)), look(a_style(shape, face_seed=912, brand_seed=77))
    assert np.abs(on_grey(ours.front[0], 100) - on_grey(theirs.front[0], 100)).mean() > 4


@pytest.mark.parametrize("shape", SHAPES)
def test_a_scaled_twin_shares_its_art(shape: PackShape) -> None:
    style = a_style(shape)
    twin = replace(style, width_mm=style.width_mm * 1.7, height_mm=style.height_mm * 1.7, depth_mm=style.depth_mm * 1.7)
    assert pack_art(style) is pack_art(twin)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_is_drawn_with_every_damage(shape: PackShape, kind: DamageKind) -> None:
    art = look(a_style(shape), kind)
    front = art.front[0]
    assert front.dtype == np.uint8
    assert front.shape[2] == 4
    assert (front[..., :3] <= front[..., 3:]).all(), "colours are premultiplied"
    assert (front[..., 3] > 127).mean() > 0.25
    assert art.outline_uv.min() >= 0
    assert art.outline_uv.max() <= 1
    assert np.ptp(art.outline_uv, axis=0).min() > 0.4
    assert bool(art.spill) == (kind == "leaking")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_paint_stays_within_the_outlines_box(shape: PackShape, seed: int) -> None:
    art = look(random_style(np.random.default_rng(seed), shape))
    height, width = art.front[0].shape[:2]
    solid = art.front[0][..., 3] > 127
    columns, rows = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
    (u0, v0), (u1, v1) = art.outline_uv.min(axis=0), art.outline_uv.max(axis=0)
    painted = np.array([columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height])
    assert painted == pytest.approx([u0, v0, u1, v1], abs=0.03)


@pytest.mark.parametrize("shape", SHAPES)
def test_damage_shows_on_a_pack_sixty_pixels_high(shape: PackShape) -> None:
    kinds = {random_damage(np.random.default_rng(seed), a_style(shape))[0] for seed in range(60)}
    assert kinds == {"none"} if shape == "produce" else "none" not in kinds
    sound = on_grey(look(a_style(shape)).front[0], 60)
    for kind in kinds - {"none", "toppled"}:
        changed = np.abs(on_grey(look(a_style(shape), kind).front[0], 60) - sound).max(axis=2) > 25
        assert changed.mean() > 0.04, f"{kind} {shape}"


def test_a_dent_elsewhere_is_another_picture() -> None:
    first, second = (look(a_style("can"), "dented", seed).front[0] for seed in (1, 2))
    assert np.abs(first.astype(int) - second).mean() > 1


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("none", None),
        ("dented", DetectorLabel.DAMAGED),
        ("torn", DetectorLabel.DAMAGED),
        ("crushed", DetectorLabel.DAMAGED),
        ("leaking", DetectorLabel.DAMAGED),
        ("label_missing", DetectorLabel.DAMAGED),
        ("toppled", DetectorLabel.TOPPLED),
        ("back_to_front", DetectorLabel.WRONG_FACE),
    ],
)
def test_each_damage_counts_as_one_defect(kind: DamageKind, label: DetectorLabel | None) -> None:
    assert defect_label(kind) == label


@settings(max_examples=60, deadline=None)
@given(shape=st.sampled_from(SHAPES), damage_seed=st.integers(0, 50))
def test_a_toppled_pack_lies_on_its_board_within_its_reach(shape: PackShape, damage_seed: int) -> None:
    pack = a_pack(a_style(shape), "toppled", damage_seed)
    lying, style = as_it_lies(pack), pack.style
    assert (abs(lying.roll_deg), lying.tilt_deg) in {(90.0, 0.0), (0.0, 90.0)}
    assert lying.y_mm > pack.y_mm
    assert abs(lying.x_mm - pack.x_mm) <= style.height_mm / 2 + 1e-9
    assert lying.z_mm <= 0
    assert (lying.style, lying.ref_id, lying.column) == (pack.style, pack.ref_id, pack.column)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "toppled"])
def test_a_pack_that_has_not_fallen_keeps_its_pose(kind: DamageKind) -> None:
    pack = a_pack(a_style("box"), kind)
    assert as_it_lies(pack) == pack


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), shape=st.sampled_from(SHAPES))
def test_sisters_share_the_makers_inks_and_name_but_not_the_face(seed: int, shape: PackShape) -> None:
    rng = np.random.default_rng(seed)
    style = random_style(rng, shape)
    sister = sister_style(rng, style)
    assert sister.face_seed != style.face_seed
    assert sister.face_seed // SISTERS_COUNT == style.face_seed // SISTERS_COUNT
    assert brand_behind(sister) == brand_behind(style)
    ours, theirs = inks_behind(style), inks_behind(sister)
    assert (ours.ground, ours.second, ours.ink, ours.light) == (theirs.ground, theirs.second, theirs.ink, theirs.light)
    assert (sister.shape, sister.width_mm, sister.tint_seed) == (style.shape, style.width_mm, style.tint_seed)


def test_varieties_of_a_maker_differ_in_flavour_and_makers_in_their_names() -> None:
    assert len({inks_of(brand_of(5), face).accent for face in range(40)}) > 8
    names = [wordmark(seed) for seed in range(12)]
    assert len({(name.shape, name.tobytes()) for name in names}) == 12


def test_a_pack_wrong_way_round_shows_a_table_in_the_makers_colours() -> None:
    style = a_style("box")
    front, back = draw_face(style, 120, 200), draw_back(style, 120, 200)
    assert np.abs(front.astype(int) - back).mean() > 10
    assert np.array_equal(back, draw_back(style, 120, 200))


def test_a_clear_bottle_lets_the_shelf_show_above_its_liquid() -> None:
    arts = [look(random_style(np.random.default_rng(seed), "bottle")) for seed in range(40)]
    middles = [art.front[0][:, art.front[0].shape[1] // 2, 3] for art in arts]
    assert any(((middle > 10) & (middle < 200)).mean() > 0.03 for middle in middles)


def test_an_unhurt_untinted_pack_needs_no_turn_of_colours() -> None:
    style = a_style("box")
    assert pack_look(a_pack(style))[1] is None
    turn = pack_look(a_pack(replace(style, tint_seed=9)))[1]
    assert turn is not None
    assert np.array_equal(turn, tint_matrix(9))
    assert pack_look(a_pack(style))[0] is pack_look(a_pack(replace(style, tint_seed=9)))[0]


def test_skus_have_looks_of_their_own() -> None:
    assert pack_style_for("COLA-330") == pack_style_for("COLA-330")
    assert len({pack_style_for(f"sku-{i}").brand_seed for i in range(60)}) == 60


def test_a_heap_of_fruit_reaches_the_crates_full_width() -> None:
    heap = produce_heap(2, 5, (160, 90))
    assert heap.shape == (90, 160, 4)
    assert (heap[60:, :, 3] > 127).mean() > 0.9
    assert np.array_equal(heap, produce_heap(2, 5, (160, 90)))
    assert not np.array_equal(heap, produce_heap(3, 5, (160, 90)))
