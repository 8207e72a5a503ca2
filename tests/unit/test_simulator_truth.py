# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ground truth of renders: boxes where a second camera model puts them, shares as a count of pixels says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import CliRunner

from contract.model_card import DetectorLabel
from models.annotations import read_annotations
from models.dataset import boxes_by_label
from simulator.bench import app as bench_app
from simulator.picture.export import render_command
from simulator.picture.render import RenderedView, TrueBox, finish, render_scene, render_still
from simulator.picture.scene import (
    Bay,
    CameraLook,
    Door,
    FacingSlot,
    Light,
    Occluder,
    PackStyle,
    PlacedPack,
    Scene,
    ShelfRow,
    View,
    stock_row,
)

BOX = PackStyle("box", 90.0, 150.0, 40.0, face_seed=5)
WH_PX = (640, 480)


def a_bay() -> Bay:
    row = ShelfRow(y_mm=100.0, clearance_mm=400.0, depth_mm=300.0)
    return Bay(width_mm=1000.0, height_mm=700.0, depth_mm=300.0, rows=(row,))


def a_view(eye_mm: tuple[float, float, float] = (500.0, 300.0, 1500.0), k1: float = 0.0, k2: float = 0.0) -> View:
    return View(eye_mm, (500.0, 300.0, 0.0), 900.0, WH_PX, k1=k1, k2=k2)


def a_scene(*packs: PlacedPack, view: View | None = None) -> Scene:
    return Scene(bay=a_bay(), view=view or a_view(), packs=packs, light=Light(row_shadow=0.0, contact=0.0))


def a_pack(x_mm: float, *, name: str = "p", depth_index: int = 0, **also: Any) -> PlacedPack:
    return PlacedPack(name, 0, 0, x_mm, 100.0, -5.0 - depth_index * 42.0, depth_index, BOX, **also)


def drawn(scene: Scene, seed: int = 0) -> RenderedView:
    return render_scene(scene, np.random.default_rng(seed))


def only(view: RenderedView, ref_id: str, label: str = "product") -> TrueBox:
    return next(box for box in view.boxes if (box.ref_id, box.label) == (ref_id, label))


def seen_by_hand(view: View, points_mm: NDArray[Any]) -> NDArray[Any]:
    """Pixels (n, 2) of points (n, 3), written from the textbook and without the simulator's code.

    The camera looks along `ahead`; x to its right, y down; Brown's radial terms act on x / z and y / z.
    """
    eye = np.array(view.position_mm)
    ahead = np.array(view.aim_mm) - eye
    ahead = ahead / np.sqrt((ahead**2).sum())
    level = np.array([-ahead[2], 0.0, ahead[0]])
    level = level / np.sqrt((level**2).sum())
    down = np.array(
        [
            ahead[1] * level[2] - ahead[2] * level[1],
            ahead[2] * level[0] - ahead[0] * level[2],
            ahead[0] * level[1] - ahead[1] * level[0],
        ]
    )
    pixels = []
    for point in points_mm:
        ray = point - eye
        x, y, z = float(ray @ level), float(ray @ down), float(ray @ ahead)
        r2 = (x / z) ** 2 + (y / z) ** 2
        bend = 1 + view.k1 * r2 + view.k2 * r2 * r2
        width, height = view.image_wh_px
        pixels.append((width / 2 + view.focal_px * bend * x / z, height / 2 + view.focal_px * bend * y / z))
    return np.array(pixels)


def front_outline_mm(pack: PlacedPack) -> NDArray[Any]:
    """Points along the edges of an upright pack's front, turned by its yaw about the middle of its base."""
    turn, half = np.radians(pack.yaw_deg), pack.style.width_mm / 2
    along = np.linspace(-half, half, 33)
    up = np.linspace(0, pack.style.height_mm, 33)
    edges = [(a, h) for a in along for h in (up[0], up[-1])] + [(a, h) for a in (along[0], along[-1]) for h in up]
    return np.array([(pack.x_mm + a * np.cos(turn), pack.y_mm + h, pack.z_mm - a * np.sin(turn)) for a, h in edges])


@settings(max_examples=25, deadline=None)
@given(
    x_mm=st.floats(150, 850),
    yaw_deg=st.floats(-25, 25),
    eye_x=st.floats(-300, 1300),
    eye_y=st.floats(-100, 900),
    k1=st.floats(-0.15, 0.1),
    k2=st.floats(-0.02, 0.02),
)
def test_boxes_agree_with_a_camera_model_of_the_tests_own(
    *, x_mm: float, yaw_deg: float, eye_x: float, eye_y: float, k1: float, k2: float
) -> None:
    view = a_view((eye_x, eye_y, 1500.0), k1, k2)
    pack = a_pack(x_mm, yaw_deg=yaw_deg)
    pixels = seen_by_hand(view, front_outline_mm(pack))
    expected = (*np.clip(pixels.min(axis=0), 0, WH_PX), *np.clip(pixels.max(axis=0), 0, WH_PX))
    boxes = [box for box in drawn(a_scene(pack, view=view)).boxes if box.ref_id == "p"]
    if expected[2] - expected[0] > 2 and expected[3] - expected[1] > 2:
        assert boxes[0].xyxy_px == pytest.approx(expected, abs=1.0)


def mask_of(view: View, pack: PlacedPack) -> NDArray[np.bool_]:
    corners = front_outline_mm(pack)
    mask = np.zeros(WH_PX[::-1], np.uint8)
    hull = cv2.convexHull(np.round(seen_by_hand(view, corners) * 16).astype(np.int32))
    cv2.fillPoly(mask, [hull - 8], 1, shift=4)
    return mask.astype(np.bool_)


@settings(max_examples=15, deadline=None)
@given(aside_mm=st.floats(0, 100), eye_x=st.floats(100, 900), eye_y=st.floats(200, 500))
def test_the_share_of_a_pack_behind_another_is_a_count_of_pixels(aside_mm: float, eye_x: float, eye_y: float) -> None:
    """The front pack's own side and top hide too: count what its paint changes."""
    view = a_view((eye_x, eye_y, 1500.0))
    behind = a_pack(450.0, name="behind", depth_index=1)
    front = a_pack(450.0 + aside_mm, name="front")
    target = mask_of(view, behind)
    bare, with_front = (drawn(a_scene(*packs, view=view)).image_bgr for packs in ((), (front,)))
    hidden = np.abs(bare.astype(int) - with_front).max(axis=2) > 2
    expected = np.count_nonzero(target & ~hidden) / np.count_nonzero(target)
    box = only(drawn(a_scene(behind, front, view=view)), "behind")
    assert box.visible_fraction == pytest.approx(expected, abs=0.05)
    assert box.depth_index == 1
    assert not box.is_clear


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from(["shopper", "trolley", "basket"]),
    x_mm=st.floats(300, 700),
    z_mm=st.floats(250, 600),
    seed=st.integers(0, 1000),
    turn_deg=st.floats(-90, 90),
)
def test_the_share_behind_people_and_trolleys_is_a_count_of_pixels(
    kind: Any, x_mm: float, z_mm: float, seed: int, turn_deg: float
) -> None:
    packs = [a_pack(200.0 + 100 * i, name=f"p{i}") for i in range(7)]
    packs = [replace(pack, column=i) for i, pack in enumerate(packs)]
    free = a_scene(*packs)
    floor_mm = {"shopper": -900.0, "trolley": -600.0, "basket": 60.0}[kind]
    somebody = Occluder(kind, x_mm, z_mm, seed, floor_mm=floor_mm, turn_deg=turn_deg, reach_mm=(x_mm, 180.0, -10.0))
    before, after = drawn(free), drawn(replace(free, occluders=(somebody,)))
    changed = np.abs(before.image_bgr.astype(int) - after.image_bgr).max(axis=2) > 40
    touched = np.abs(before.image_bgr.astype(int) - after.image_bgr).max(axis=2) > 0
    for pack in packs:
        target = mask_of(free.view, pack)
        area = np.count_nonzero(target)
        box = only(after, pack.ref_id)
        # A body of the pack's colour changes few values; its soft edge some that it hides by less than half.
        assert box.occluded_fraction >= np.count_nonzero(target & changed) / area - 0.16
        assert box.occluded_fraction <= np.count_nonzero(target & touched) / area + 0.03
        whole = only(before, pack.ref_id).visible_fraction
        assert box.visible_fraction + box.occluded_fraction == pytest.approx(whole, abs=0.02)


def test_a_gap_behind_a_person_is_hidden_and_one_beside_is_not() -> None:
    slots = tuple(FacingSlot(f"s{i}", 150.0 + 175.0 * i, BOX, 0 if i in (0, 4) else 1) for i in range(5))
    packs, gaps = stock_row(a_bay(), 0, slots)
    person = Occluder("shopper", 170.0, 300.0, seed=3, floor_mm=-900.0)
    scene = replace(a_scene(*packs), gaps=gaps)
    free, seen = drawn(scene), drawn(replace(scene, occluders=(person,)))
    assert only(free, "s0", "gap").is_clear
    hidden, beside = only(seen, "s0", "gap"), only(seen, "s4", "gap")
    assert hidden.visible_fraction < 0.5 < hidden.occluded_fraction
    assert beside.occluded_fraction == 0
    assert beside.is_clear


def test_a_door_frame_hides_and_its_glass_does_not() -> None:
    scene = a_scene(a_pack(500.0))
    glass = Door(0.0, 1000.0, 0.0, 700.0, frame_mm=30.0, seed=2)
    frame = Door(500.0, 1000.0, 0.0, 700.0, frame_mm=90.0, seed=2)
    assert only(drawn(replace(scene, doors=(glass,))), "p").visible_fraction > 0.97
    assert only(drawn(replace(scene, doors=(frame,))), "p").visible_fraction < 0.7


@pytest.mark.parametrize(
    ("damage", "label"), [("crushed", "damaged"), ("toppled", "toppled"), ("back_to_front", "wrong_face")]
)
def test_a_defect_is_a_second_box_over_its_product(damage: Any, label: str) -> None:
    view = drawn(a_scene(a_pack(500.0, damage=damage), a_pack(800.0, name="sound")))
    product, defect = only(view, "p"), only(view, "p", label)
    assert product.xyxy_px == defect.xyxy_px
    assert product.visible_fraction == defect.visible_fraction
    assert {box.label for box in view.boxes if box.ref_id == "sound"} == {"product"}


def test_a_fallen_pack_is_wider_than_high() -> None:
    x0, y0, x1, y1 = only(drawn(a_scene(a_pack(500.0, damage="toppled", damage_seed=1))), "p").xyxy_px
    assert x1 - x0 > 1.3 * (y1 - y0)


def test_same_scene_and_seed_same_pixels_another_seed_others() -> None:
    look = CameraLook(noise_sigma=4.0)
    person = Occluder("shopper", 300.0, 400.0, seed=1, floor_mm=-900.0, motion_px=7.0)
    scene = replace(a_scene(a_pack(500.0)), look=look, occluders=(person,), doors=(Door(0, 1000, 0, 700),))
    assert np.array_equal(drawn(scene, 1).image_bgr, drawn(scene, 1).image_bgr)
    assert not np.array_equal(drawn(scene, 1).image_bgr, drawn(scene, 2).image_bgr)
    other = replace(scene, occluders=(replace(person, seed=2),))
    assert np.abs(drawn(scene, 1).image_bgr.astype(int) - drawn(other, 1).image_bgr).mean() > 0.5


def test_a_bay_drawn_once_for_many_passers_by_looks_as_if_drawn_anew() -> None:
    scene = a_scene(a_pack(500.0), view=a_view(k1=-0.1))
    still = render_still(scene)
    for x_mm in (200.0, 600.0):
        passing = replace(scene, occluders=(Occluder("shopper", x_mm, 400.0, seed=4, floor_mm=-900.0),))
        from_still, anew = finish(still, passing, np.random.default_rng(3)), drawn(passing, 3)
        assert np.array_equal(from_still.image_bgr, anew.image_bgr)
        assert from_still.boxes == anew.boxes


def test_a_barrel_lens_shows_the_floor_in_the_corners_and_no_smear() -> None:
    """Without a margin the rim would repeat the last column of the drawing."""
    bent = drawn(replace(a_scene(view=a_view(k1=-0.15)), surround_seed=3)).image_bgr
    assert not np.array_equal(bent[:, 0], bent[:, 6])


def test_training_ignores_packs_behind_an_empty_front_and_keeps_damaged_ones() -> None:
    here = (10.0, 10.0, 40.0, 60.0)
    boxes = (
        TrueBox("product", here, 1.0, 0, "front"),
        TrueBox("damaged", here, 1.0, 0, "front"),
        TrueBox("product", (50.0, 10.0, 80.0, 60.0), 1.0, 1, "pushed-back"),
        TrueBox("product", (90.0, 10.0, 99.0, 60.0), 0.2, 0, "hidden"),
        TrueBox("gap", (50.0, 8.0, 80.0, 62.0), 0.9, 0, "gap"),
    )
    view = RenderedView(np.zeros((80, 100, 3), np.uint8), boxes)
    taught, ignored = boxes_by_label(view, (DetectorLabel.PRODUCT, DetectorLabel.GAP))
    assert taught[DetectorLabel.PRODUCT] == [here]
    assert [box[0] for box in ignored[DetectorLabel.PRODUCT]] == [50.0, 90.0]
    assert len(taught[DetectorLabel.GAP]) == 1
    assert DetectorLabel.DAMAGED not in taught


def test_render_writes_pictures_and_truth_that_the_workshop_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "renders"
    render_command(out=out, count=3, seed=7, width=160, height=120)
    photographs = read_annotations(out / "annotations.json")
    assert len(photographs) == 3
    assert all(cv2.imread(str(photograph.path)).shape == (120, 160, 3) for photograph in photographs)  # type: ignore[union-attr]
    assert all(photograph.complete_for == frozenset(DetectorLabel) for photograph in photographs)
    assert sum(len(photograph.boxes_px[DetectorLabel.PRODUCT]) for photograph in photographs) > 5
    document = json.loads((out / "annotations.json").read_text())
    for row in document["annotations"]:
        hidden = row["visibility"] < 0.25 or row["depth_order"] > 0
        assert row["iscrowd"] == int(hidden)
        assert 0 <= row["occluded"] <= 1
    assert "frames per second and core" in capsys.readouterr().out
    again = tmp_path / "again"
    render_command(out=again, count=3, seed=7, width=160, height=120)
    for photograph in photographs:
        twin = again / "images" / photograph.path.name
        assert twin.read_bytes() == photograph.path.read_bytes()


def test_render_refuses_a_folder_that_holds_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(typer.Exit):
        render_command(out=tmp_path, count=1)
    assert "name a new folder" in capsys.readouterr().err


def test_bench_render_states_speed_and_floor() -> None:
    done = CliRunner().invoke(bench_app, ["render", "--count", "1", "--width", "160", "--height", "120", "--json"])
    assert done.exit_code == 0
    figures = json.loads(done.stdout)
    assert figures["warp_floor_ms"] > 0
    assert {"cold_fps", "warm_fps", "sale_ms", "passer_by_ms", "jpeg_floor_ms"} <= set(figures)
