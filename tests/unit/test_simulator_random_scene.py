# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random scenes: varied enough to learn from, and consistent in themselves."""

from collections import Counter
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.picture.assortment import random_style, sister_style
from simulator.picture.faces import brand_seed_of
from simulator.picture.goods_mix import GoodsMix
from simulator.picture.random_scene import random_scene
from simulator.picture.render import render_scene
from simulator.picture.scene import PackShape, Scene
from simulator.picture.sheet import sheet_command


def scenes(count: int) -> list[Scene]:
    return [random_scene(np.random.default_rng(seed), (640, 480)) for seed in range(count)]


def test_a_hundred_scenes_hold_every_kind_of_pack_gap_and_view() -> None:
    drawn = scenes(100)
    shapes = Counter(pack.style.shape for scene in drawn for pack in scene.packs)
    kinds = {gap.kind for scene in drawn for gap in scene.gaps}
    assert set(shapes) == set(get_args(PackShape))
    assert kinds >= {"bare", "pusher", "hook", "tier"}
    assert {scene.bay.back for scene in drawn} >= {"plain", "pegboard", "mesh", "slatwall", "dark"}
    assert min(len(scene.bay.rows) for scene in drawn) <= 2
    assert max(len(scene.bay.rows) for scene in drawn) >= 6
    assert any(not scene.gaps for scene in drawn)


def test_facings_span_small_to_large_in_pixels() -> None:
    heights: list[float] = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        view = render_scene(random_scene(rng, (640, 480)), rng)
        heights += [b.xyxy_px[3] - b.xyxy_px[1] for b in view.boxes if b.label == "product" and b.is_clear]
    assert np.percentile(heights, 2) < 24
    assert max(heights) > 160


def _makers(mix: GoodsMix, count: int) -> set[tuple[PackShape, int]]:
    drawn = [random_scene(np.random.default_rng(seed), (640, 480), mix=mix) for seed in range(count)]
    return {(pack.style.shape, brand_seed_of(pack.style)) for scene in drawn for pack in scene.packs}


def test_scenes_held_out_for_tests_share_no_maker_with_any_other() -> None:
    known, held_out = _makers(GoodsMix(), 80), _makers(GoodsMix(held_out=True), 80)
    assert {shape for shape, _ in held_out} >= {"box", "bottle", "can", "bag"}
    assert not known & held_out


@pytest.mark.parametrize("shape", get_args(PackShape))
def test_no_made_up_maker_is_both_known_and_held_out(shape: PackShape) -> None:
    """So many draws meet every maker of a shape."""
    rng = np.random.default_rng(4)
    known, held_out = (
        [random_style(rng, shape, held_out=is_held_out) for _ in range(3000)] for is_held_out in (False, True)
    )
    known += [sister_style(rng, style) for style in known[:200]]
    held_out += [sister_style(rng, style) for style in held_out[:200]]
    makers = [{brand_seed_of(style) for style in styles} for styles in (known, held_out)]
    faces = [{style.face_seed for style in styles} for styles in (known, held_out)]
    assert len(makers[0]) == len(makers[1]) >= 4
    assert not makers[0] & makers[1]
    assert not faces[0] & faces[1]


def test_the_mix_says_how_many_packs_are_harmed() -> None:
    def share(mix: GoodsMix, damages: AbstractSet[str]) -> float:
        drawn = [random_scene(np.random.default_rng(seed), (640, 480), mix=mix) for seed in range(30)]
        front = [pack for scene in drawn for pack in scene.packs if pack.depth_index == 0]
        return sum(pack.damage in damages for pack in front) / len(front)

    kinds = {pack.damage for scene in scenes(60) for pack in scene.packs} - {"none", ""}
    befallen = kinds - {"toppled"}
    assert "toppled" in kinds
    assert befallen
    assert share(GoodsMix(damaged_fraction=0, toppled_fraction=0), kinds) == 0
    assert share(GoodsMix(), befallen) < share(GoodsMix(damaged_fraction=0.3), befallen)
    assert share(GoodsMix(), {"toppled"}) < share(GoodsMix(toppled_fraction=0.1), {"toppled"})


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_front_pack_stands_in_a_gap_of_its_row(seed: int) -> None:
    scene = random_scene(np.random.default_rng(seed), (320, 240))
    for gap in scene.gaps:
        for pack in scene.packs:
            inside = gap.x0_mm + 1 < pack.x_mm < gap.x1_mm - 1 and gap.y0_mm - 1 <= pack.y_mm < gap.y1_mm - 1
            assert not (pack.depth_index == 0 and pack.row == gap.row and inside)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_ids_are_unique_and_rows_exist(seed: int) -> None:
    scene = random_scene(np.random.default_rng(seed), (320, 240))
    names = [pack.ref_id for pack in scene.packs]
    assert len(set(names)) == len(names)
    rows = [p.row for p in scene.packs] + [g.row for g in scene.gaps] + [p.row for p in scene.plates]
    assert all(0 <= row < len(scene.bay.rows) for row in rows)


def test_a_sheet_is_written_and_says_which_photographs_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sheet.png"
    sheet_command(out=path, photographs=tmp_path)
    sheet = cv2.imread(str(path))
    assert sheet is not None
    assert sheet.shape[1] == 4 * 560
    said = capsys.readouterr()
    assert "empty_pun" in said.err
    assert "kinds of fixture" in said.out


def test_a_sheet_that_cannot_be_written_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        sheet_command(out=tmp_path / "nowhere" / "sheet.png")
    assert "existing folder" in capsys.readouterr().err
