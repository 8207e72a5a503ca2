# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where cameras hang and what they see: every zone in view, calibrations that fit, both twins in agreement."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.view import CameraView
from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.moment import Moment, moment_of, present
from simulator.cameras.mounts import bumped, view_of
from simulator.cameras.people import pose_of
from simulator.cameras.schematic import SchematicCamera
from simulator.cameras.schematic_drawing import SchematicBox
from simulator.picture.projection import distort, project
from simulator.picture.render import TrueBox, render_scene
from simulator.scoring.record import Presence
from simulator.store.plan import STORES_FOLDER, BayPlan, load_store_plan
from simulator.store.units import Condition
from simulator.store.world import World

OPENED_AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
PLAN = load_store_plan(STORES_FOLDER / "corner.toml")
MOUNTS = ("aisle", "overhead", "oblique-left", "oblique-right")


def opened() -> World:
    return World(PLAN, OPENED_AT, np.random.default_rng(1))


@st.composite
def bays(draw: st.DrawFn) -> BayPlan:
    width_mm = draw(st.sampled_from([600.0, 1000.0, 1330.0, 2500.0]))
    facings = draw(st.integers(1, int(width_mm // 140)))
    rows: list[dict[str, Any]] = [
        {
            "clearance_mm": draw(st.sampled_from([200.0, 320.0, 450.0])),
            "zones": [
                {
                    "zone_id": f"zone-{row}",
                    "sku": f"SKU-{row}",
                    "name": "Anything",
                    "shape": "box",
                    "wh_mm": (120.0, 160.0),
                    "depth_mm": 80.0,
                    "facings": facings,
                }
            ],
        }
        for row in range(draw(st.integers(1, 5)))
    ]
    return BayPlan.model_validate(
        {
            "bay_id": "bay",
            "name": "Bay",
            "camera_id": draw(st.sampled_from(["cam-a", "cam-b", "cam-c", "cam-d"])),
            "node_id": "node",
            "width_mm": width_mm,
            "depth_mm": 400.0,
            "image_wh_px": draw(st.sampled_from([(640, 480), (1280, 720), (1920, 1080), (720, 1280)])),
            "mount": draw(st.sampled_from(MOUNTS)),
            "rows": rows,
        }
    )


@settings(max_examples=120)
@given(bays())
def test_the_calibration_puts_every_zone_where_the_lens_puts_it_within_a_pixel(bay: BayPlan) -> None:
    view, camera_view = view_of(bay), CameraView(calibration_of(bay), bay.image_wh_px)
    for zone in camera_view.calibration.zones:
        corners_mm = np.asarray(zone.polygon_mm)
        landed_px = distort(view, project(view, np.column_stack([corners_mm, np.zeros(len(corners_mm))])))
        assert np.abs(camera_view.to_pixels(corners_mm) - landed_px).max() < 1.0
        assert np.abs(camera_view.to_bay_mm(landed_px) - corners_mm).max() < 3.0


@settings(max_examples=120)
@given(bays())
def test_every_mount_sees_every_zone_whole(bay: BayPlan) -> None:
    camera_view = CameraView(calibration_of(bay), bay.image_wh_px)
    for _, outline_px in camera_view.zone_polygons_px:
        assert outline_px.min() >= 0
        assert (outline_px <= np.asarray(bay.image_wh_px)).all()


@pytest.mark.parametrize("name", sorted(path.stem for path in STORES_FOLDER.glob("*.toml")))
def test_every_camera_of_every_store_sees_all_its_zones(name: str) -> None:
    for bay in load_store_plan(STORES_FOLDER / f"{name}.toml").bays:
        camera_view = CameraView(calibration_of(bay), bay.image_wh_px)
        assert not camera_view.out_of_view_zone_ids
        for _, outline_px in camera_view.zone_polygons_px:
            assert outline_px.min() >= 0
            assert (outline_px <= np.asarray(bay.image_wh_px)).all()


@settings(max_examples=60)
@given(bays(), st.floats(0.5, 20.0), st.integers(0, 1000))
def test_a_bump_turns_the_camera_by_as_many_degrees_and_moves_it_nowhere(
    bay: BayPlan, degrees: float, seed: int
) -> None:
    def axis(view: Any) -> np.ndarray:
        ahead = np.subtract(view.aim_mm, view.position_mm)
        return np.asarray(ahead / np.linalg.norm(ahead))

    view = view_of(bay)
    knocked = bumped(view, degrees, seed)
    assert knocked.position_mm == view.position_mm
    assert np.degrees(np.arccos(axis(view) @ axis(knocked))) == pytest.approx(degrees, abs=0.01)
    assert knocked == bumped(view, degrees, seed)


@pytest.mark.parametrize("mount", MOUNTS)
def test_schematic_boxes_lie_where_rendered_ones_do(mount: str) -> None:
    bay = PLAN.bays[0].model_copy(update={"mount": mount})
    world = opened()
    world.steal("cola", 999)
    schematic = SchematicCamera(bay, 1).frame(world, Moment(OPENED_AT))
    assert schematic is not None
    scale = bay.image_wh_px[0] / schematic.image_bgr.shape[1]
    rendered = render_scene(scene_of(bay, world), np.random.default_rng(1)).boxes
    fronts = {
        "/".join(box.ref_id.split("/")[:2]): box.xyxy_px
        for box in rendered
        if box.label == "product" and box.depth_index == 0
    }
    products = {box.ref_id: box.xyxy_px for box in schematic.boxes if box.label == "product"}
    assert products.keys() == fronts.keys()
    for ref_id, xyxy_px in products.items():
        # A real pack stands a little askew, a round one shows its middle, and neighbours hide an edge.
        assert np.asarray(xyxy_px) * scale == pytest.approx(np.asarray(fronts[ref_id]), abs=0.02 * bay.image_wh_px[0])
    assert_gaps_and_tags_agree(rendered, schematic.boxes, scale)


def test_an_empty_lane_with_a_spring_is_a_gap_of_its_own() -> None:
    rows = tuple(row.model_copy(update={"pusher": True}) for row in PLAN.bays[0].rows)
    bay = PLAN.bays[0].model_copy(update={"rows": rows})
    world = World(PLAN.model_copy(update={"bays": (bay, *PLAN.bays[1:])}), OPENED_AT, np.random.default_rng(1))
    world.steal("cola", 999)
    schematic = SchematicCamera(bay, 1).frame(world, Moment(OPENED_AT))
    assert schematic is not None
    rendered = render_scene(scene_of(bay, world), np.random.default_rng(1)).boxes
    assert sum(box.label == "gap" for box in rendered) == 6
    assert_gaps_and_tags_agree(rendered, schematic.boxes, bay.image_wh_px[0] / schematic.image_bgr.shape[1])


def assert_gaps_and_tags_agree(rendered: Sequence[TrueBox], schematic: Sequence[SchematicBox], scale: float) -> None:
    for label in ("gap", "price_tag"):
        true_px = sorted(box.xyxy_px for box in rendered if box.label == label)
        flat_px = sorted(tuple(np.multiply(box.xyxy_px, scale)) for box in schematic if box.label == label)
        assert np.asarray(flat_px) == pytest.approx(np.asarray(true_px), abs=3.0)


def test_units_that_are_set_back_turned_or_misplaced_are_told_as_they_are() -> None:
    bay, world = PLAN.bays[0], opened()
    camera = SchematicCamera(bay, 1)
    for _ in range(12):
        world.sell("water", 1, OPENED_AT)
    world.damage("juice", 1, Condition.BACK_TO_FRONT)
    world.steal("cola", 3)
    assert world.misplace("LEMON-330", "cola", 1) == 1
    frame = camera.frame(world, Moment(OPENED_AT))
    assert frame is not None
    products = {box.ref_id: box for box in frame.boxes if box.label == "product"}
    for index, slots in enumerate(world.columns("water")):
        standing = [slot for slot, unit in enumerate(slots) if unit is not None]
        if standing:
            assert products[f"water/{index}"].depth_index == standing[0]
        else:
            assert f"water/{index}" not in products
    assert sum(box.condition is Condition.BACK_TO_FRONT for box in products.values()) == 1
    assert [box.sku for box in products.values() if box.ref_id.startswith("cola")].count("LEMON-330") == 1


def test_a_person_takes_from_sight_what_is_behind_and_nothing_else() -> None:
    bay, world = PLAN.bays[0], opened()
    visit = Presence(bay.bay_id, "shopper", 200.0, OPENED_AT, OPENED_AT + timedelta(seconds=60), 5)
    camera = SchematicCamera(bay, 1)
    empty = camera.frame(world, Moment(OPENED_AT))
    visited = camera.frame(world, Moment(OPENED_AT + timedelta(seconds=20), (visit,)))
    assert empty is not None
    assert visited is not None
    left = [box.visible_fraction for box in visited.boxes if box.ref_id.startswith(("water", "cola", "crisps"))]
    right = [box.visible_fraction for box in visited.boxes if box.ref_id in {"juice/4", "lemonade/5", "nuts/2"}]
    assert min(left) < 0.1
    assert min(right) > 0.9
    assert min(box.visible_fraction for box in empty.boxes) > 0.95


def test_people_stand_where_their_presence_says_and_only_then() -> None:
    bay = PLAN.bays[0]
    visits = [
        Presence(
            bay.bay_id,
            "shopper",
            100.0 * i,
            OPENED_AT + timedelta(seconds=20 * i),
            OPENED_AT + timedelta(seconds=20 * i + 30),
            i,
        )
        for i in range(10)
    ]
    for second in range(0, 240, 7):
        at = OPENED_AT + timedelta(seconds=second)
        there = present(visits, bay.bay_id, at)
        assert list(there) == [one for one in visits if one.since_at <= at < one.until_at]
        for one in there:
            assert pose_of(one, at, bay) == pose_of(one, at, bay)
    assert present(visits, "elsewhere", OPENED_AT) == ()
    middle = pose_of(visits[3], visits[3].since_at + timedelta(seconds=15), bay)
    assert abs(middle.x_mm - visits[3].x_mm) < 100


def test_the_shop_is_bright_by_day_dim_and_noisy_at_night() -> None:
    day, night = (moment_of(PLAN, PLAN.bays[0], OPENED_AT.replace(hour=hour)) for hour in (12, 2))
    assert day.level > 0.9
    assert 0.4 < night.level < 0.75
    assert night.noise_sigma > 2 * day.noise_sigma


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), st.integers(0, 50))  # noqa: DTZ001 - hypothesis adds the zone
def test_whatever_the_hour_a_picture_is_neither_black_nor_burnt(at: datetime, seed: int) -> None:
    moment = moment_of(PLAN, PLAN.bays[0], at, seed=seed, wiped_at=at - timedelta(days=30))
    assert 0.4 < moment.level < 1.2
    assert all(0.8 < part < 1.15 for part in moment.balance_bgr)
    assert 0 <= moment.flicker_fraction < 0.05
