# SPDX-License-Identifier: AGPL-3.0-or-later
"""The store's cameras: real HTTP, live noise, faults on demand, and a calibration that fits what they see."""

from collections.abc import Iterator
from datetime import UTC, datetime

import cv2
import httpx
import numpy as np
import pytest

from calibration.overlap import inside
from calibration.view import CameraView
from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.shelf_camera import CameraFault, CameraServer, ShelfCamera
from simulator.picture.render import render_scene
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.world import World

OPENED_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PLAN = load_store_plan(STORES_FOLDER / "corner.toml")
BAY = PLAN.bays[0].model_copy(update={"image_wh_px": (480, 360)})


@pytest.fixture
def world() -> World:
    return World(PLAN, OPENED_AT, np.random.default_rng(1))


@pytest.fixture
def camera(world: World) -> ShelfCamera:
    return ShelfCamera(BAY.camera_id, scene_of(BAY, world), seed=1)


@pytest.fixture
def server(camera: ShelfCamera) -> Iterator[CameraServer]:
    with CameraServer({camera.camera_id: camera}) as running:
        yield running


def grey(jpeg: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture.astype(np.float32)


def test_a_snapshot_is_a_jpeg_of_the_promised_size(server: CameraServer) -> None:
    answer = httpx.get(server.snapshot_url(BAY.camera_id))
    assert answer.headers["content-type"] == "image/jpeg"
    assert grey(answer.content).shape == (360, 480)


def test_an_mjpeg_stream_sends_frame_after_frame(server: CameraServer) -> None:
    received = b""
    with httpx.stream("GET", server.stream_url(BAY.camera_id)) as stream:
        for chunk in stream.iter_raw():
            received += chunk
            if received.count(b"\xff\xd9") >= 3:
                break
    assert received.count(b"--frame") >= 3


def test_another_camera_is_not_found(server: CameraServer) -> None:
    assert httpx.get(server.snapshot_url("nobody")).status_code == 404


def test_a_live_camera_never_sends_the_same_picture_twice(camera: ShelfCamera) -> None:
    frames = [camera.frame_jpeg() for _ in range(20)]
    assert len(set(frames)) == 20


def test_a_frozen_camera_repeats_itself_and_moves_on_when_mended(camera: ShelfCamera) -> None:
    camera.set_fault(CameraFault.FROZEN)
    assert camera.frame_jpeg() == camera.frame_jpeg()
    camera.set_fault(None)
    assert camera.frame_jpeg() != camera.frame_jpeg()


def test_a_covered_camera_is_dark_and_a_lost_one_does_not_answer(server: CameraServer, camera: ShelfCamera) -> None:
    camera.set_fault(CameraFault.COVERED)
    jpeg = camera.frame_jpeg()
    assert jpeg is not None
    assert grey(jpeg).mean() < 15
    camera.set_fault(CameraFault.LOST)
    assert httpx.get(server.snapshot_url(BAY.camera_id)).status_code == 503


def test_only_the_emptied_place_looks_different(camera: ShelfCamera, world: World) -> None:
    before = np.mean([grey(camera.frame_jpeg() or b"") for _ in range(8)], axis=0)
    world.steal("nuts", 999)
    camera.show(scene_of(BAY, world))
    after = np.mean([grey(camera.frame_jpeg() or b"") for _ in range(8)], axis=0)
    changed = np.abs(after - before) > 25
    outline = {zone.zone_id: px for zone, px in CameraView(calibration_of(BAY), BAY.image_wh_px).zone_polygons_px}
    rows, columns = np.nonzero(changed)
    spots = np.column_stack([columns, rows]).astype(np.float64)
    assert len(spots) > 300
    # A pack's top and side reach a little past its zone on the bay's front plane.
    assert inside(outline["nuts"].astype(np.float64), spots).mean() > 0.8


@pytest.mark.parametrize("bay", PLAN.bays, ids=lambda bay: str(bay.bay_id))
def test_every_front_pack_stands_in_the_zone_that_the_calibration_gives_its_product(bay: object) -> None:
    plan = next(one for one in PLAN.bays if one is bay)
    world = World(PLAN, OPENED_AT, np.random.default_rng(1))
    view = CameraView(calibration_of(plan), plan.image_wh_px)
    outline = {zone.zone_id: px.astype(np.float64) for zone, px in view.zone_polygons_px}
    fronts = [
        box
        for box in render_scene(scene_of(plan, world), np.random.default_rng(1)).boxes
        if box.label == "product" and box.depth_index == 0
    ]
    assert len(fronts) == sum(zone.facings for row in plan.rows for zone in row.zones)
    for box in fronts:
        x1, y1, x2, y2 = box.xyxy_px
        zone_id = box.ref_id.split("/")[0]
        assert inside(outline[zone_id], np.array([[(x1 + x2) / 2, (y1 + y2) / 2]]))[0], box.ref_id
