# SPDX-License-Identifier: AGPL-3.0-or-later
"""The store's cameras: real HTTP, live noise, faults on demand, and a calibration that fits what they see."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import httpx
import numpy as np
import pytest

from calibration.overlap import inside
from calibration.view import CameraView
from simulator.cameras import shelf_camera
from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.camera_server import CameraServer
from simulator.cameras.faults import CameraFault
from simulator.cameras.moment import Moment, moment_of, present
from simulator.cameras.shelf_camera import ShelfCamera
from simulator.errors import CameraError
from simulator.picture.render import render_scene
from simulator.picture.scene import Scene
from simulator.scoring.record import Presence
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.world import World

OPENED_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PLAN = load_store_plan(STORES_FOLDER / "corner.toml")
BAY = PLAN.bays[0].model_copy(update={"image_wh_px": (480, 360)})
VISIT = (
    Presence(BAY.bay_id, "shopper", 480.0, OPENED_AT + timedelta(seconds=1), OPENED_AT + timedelta(seconds=30), 7),
)


@pytest.fixture
def world() -> World:
    return World(PLAN, OPENED_AT, np.random.default_rng(1))


@pytest.fixture
def camera(world: World) -> ShelfCamera:
    return ShelfCamera(BAY.camera_id, scene_of(BAY, world), seed=1, moment=Moment(OPENED_AT))


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


def test_a_lost_camera_does_not_answer(server: CameraServer, camera: ShelfCamera) -> None:
    camera.set_fault(CameraFault.LOST)
    assert httpx.get(server.snapshot_url(BAY.camera_id)).status_code == 503


def test_the_same_seed_and_moment_give_the_same_pixels_whatever_was_shown_before(world: World) -> None:
    def camera(seed: int) -> ShelfCamera:
        return ShelfCamera(BAY.camera_id, scene_of(BAY, world), seed=seed, moment=Moment(OPENED_AT))

    def at(when: datetime, one: ShelfCamera) -> np.ndarray:
        moment = moment_of(PLAN, BAY, when, VISIT)
        one.show(scene_of(BAY, world, moment), moment)
        frame = one.frame_bgr(when)
        assert frame is not None
        return frame

    first, again, other = camera(1), camera(1), camera(2)
    moments = [OPENED_AT + timedelta(seconds=seconds) for seconds in (3, 70, 11)]
    frames = [at(when, first) for when in moments]
    for when, frame in sorted(zip(moments, frames, strict=True), key=lambda pair: pair[0]):
        assert np.array_equal(at(when, again), frame)
        assert not np.array_equal(at(when, other), frame)


def test_a_shopper_hides_the_shelf_and_leaves_it_as_it_was(camera: ShelfCamera, world: World) -> None:
    def seen(when: datetime) -> np.ndarray:
        camera.show(scene_of(BAY, world, Moment(when, present(VISIT, BAY.bay_id, when))), Moment(when))
        frame = camera.frame_bgr(when)
        assert frame is not None
        return cv2.GaussianBlur(frame, (0, 0), 2).astype(np.float32)

    before, during, after = (seen(OPENED_AT + timedelta(seconds=seconds)) for seconds in (0, 15, 60))
    assert (np.abs(during - before).max(axis=2) > 25).mean() > 0.1
    assert np.abs(after - before).max() < 12  # sensor noise


def test_asking_for_a_frame_does_not_wait_for_the_painter(camera: ShelfCamera, world: World) -> None:
    world.steal("nuts", 999)
    before = camera.frame_bgr(OPENED_AT)
    assert before is not None
    with painters_busy():
        camera.show(scene_of(BAY, world))
        assert camera.frame_jpeg() is not None  # would hang here
    after = camera.frame_bgr(OPENED_AT)
    assert after is not None
    assert not np.array_equal(after, before)


@contextmanager
def painters_busy() -> Iterator[None]:
    """Every painter has a picture in hand for as long as this lasts."""
    with ExitStack() as stack:
        for _ in range(max(1, (os.cpu_count() or 2) - 1)):
            stack.enter_context(shelf_camera.PAINTERS)
        yield


def test_a_scene_that_cannot_be_painted_is_told_and_not_passed_over(camera: ShelfCamera, world: World) -> None:
    well = scene_of(BAY, world)
    first = well.packs[0]
    broken = replace(well, packs=(replace(first, style=replace(first.style, shape="ball")),))  # type: ignore[arg-type]
    camera.show(broken)
    with pytest.raises(CameraError, match=f"camera {BAY.camera_id}: .*cannot be painted"):
        camera.settle()
    with pytest.raises(CameraError, match="cannot be painted"):
        show_on(camera, broken)
    camera.show(well)
    camera.settle()


def show_on(camera: ShelfCamera, scene: Scene) -> None:
    """As the demo does: without ever waiting for the painter."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        camera.show(scene)


def test_only_the_emptied_place_looks_different(camera: ShelfCamera, world: World) -> None:
    before = np.mean([grey(camera.frame_jpeg() or b"") for _ in range(8)], axis=0)
    world.steal("nuts", 999)
    camera.show(scene_of(BAY, world))
    camera.settle()
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
