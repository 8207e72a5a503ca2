# SPDX-License-Identifier: AGPL-3.0-or-later
"""The store's cameras over RTSP, read by the node's own reader: they go away, hang, and come back."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.choose import open_camera
from edge.cameras.opencv_stream import OpenCvCamera
from edge.config import CameraConfig
from edge.errors import CameraError, CameraLost
from edge.frames import Frame
from edge.glimpse import glimpse
from edge.sight import BLACK_MEAN_GREY, darkness
from simulator.cameras import rtsp
from simulator.cameras.bay_view import scene_of
from simulator.cameras.camera_server import CameraServer
from simulator.cameras.faults import CameraFault
from simulator.cameras.moment import Moment
from simulator.cameras.rtsp import missing_programs
from simulator.cameras.shelf_camera import ShelfCamera
from simulator.errors import CameraError as SimulatedCameraError
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.world import World

OPENED_AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
PLAN = load_store_plan(STORES_FOLDER / "corner.toml")
BAYS = [bay.model_copy(update={"image_wh_px": (480, 360)}) for bay in PLAN.bays]
PATIENCE_S = 40.0
STALL_TIMEOUT_S = 8.0


@pytest.fixture(scope="module")
def world() -> World:
    return World(PLAN, OPENED_AT, np.random.default_rng(1))


@pytest.fixture(scope="module")
def cameras(world: World) -> dict[str, ShelfCamera]:
    moment = Moment(OPENED_AT)
    return {bay.camera_id: ShelfCamera(bay.camera_id, scene_of(bay, world), 1, moment=moment) for bay in BAYS}


@pytest.fixture(scope="module")
def server(cameras: dict[str, ShelfCamera]) -> Iterator[CameraServer]:
    if reason := missing_programs():
        pytest.skip(reason)
    with CameraServer(cameras) as running:
        yield running


@pytest.fixture
def reader(server: CameraServer) -> Iterator[OpenCvCamera]:
    opened = node_camera(server, BAYS[0].camera_id)
    yield opened
    opened.close()


def node_camera(server: CameraServer, camera_id: str) -> OpenCvCamera:
    config = CameraConfig(camera_id=camera_id, source=server.rtsp_url(camera_id), stall_timeout_s=STALL_TIMEOUT_S)
    opened = open_camera(config, look_interval_s=1.0)
    assert isinstance(opened, OpenCvCamera)
    return opened


def grab_until(reader: OpenCvCamera, wanted: Callable[[Frame | CameraError], bool], what: str) -> Frame | CameraError:
    """Look as a node looks, until what comes is wanted."""
    deadline_s = time.monotonic() + PATIENCE_S
    came: Frame | CameraError = CameraLost("not asked yet")
    while time.monotonic() < deadline_s:
        try:
            came = reader.grab()
        except CameraError as error:
            came = error
            time.sleep(0.2)
        if wanted(came):
            return came
    pytest.fail(f"{what}; last came {came!r}")


def shows(picture: np.ndarray, frame: Frame | CameraError) -> bool:
    """Whether the frame is that picture, sensor noise and H.264 apart."""
    if isinstance(frame, CameraError):
        return False
    difference = frame.image_bgr.astype(np.float32) - picture
    return bool(np.abs(cv2.GaussianBlur(difference, (0, 0), 3)).max() < 25)


def truth(camera: ShelfCamera) -> np.ndarray:
    picture = camera.frame_bgr(OPENED_AT)
    assert picture is not None
    return picture


def test_the_node_sees_over_rtsp_what_stands_before_each_camera(
    server: CameraServer, cameras: dict[str, ShelfCamera]
) -> None:
    for camera_id, camera in cameras.items():
        reader = node_camera(server, camera_id)
        grab_until(reader, partial(shows, truth(camera)), f"{camera_id} shows its bay")
        reader.close()


def test_stock_that_goes_is_seen_to_go(reader: OpenCvCamera, cameras: dict[str, ShelfCamera], world: World) -> None:
    camera = cameras[BAYS[0].camera_id]
    full = truth(camera)
    grab_until(reader, lambda came: shows(full, came), "the full shelf")
    world.steal("nuts", 999)
    camera.show(scene_of(BAYS[0], world))
    robbed = truth(camera)
    assert not shows(full, grab_until(reader, lambda came: shows(robbed, came), "the robbed shelf"))


def test_a_lost_camera_is_lost_to_the_node_and_comes_back(
    reader: OpenCvCamera, cameras: dict[str, ShelfCamera]
) -> None:
    camera = cameras[BAYS[0].camera_id]
    picture = truth(camera)
    grab_until(reader, lambda came: shows(picture, came), "the shelf before")
    camera.set_fault(CameraFault.LOST)
    grab_until(reader, lambda came: isinstance(came, CameraLost), "the loss")
    with pytest.raises(CameraLost):
        reader.grab()
    camera.mend()
    grab_until(reader, lambda came: shows(picture, came), "the shelf again")


def test_a_camera_that_hangs_is_lost_to_the_node_and_comes_back(
    reader: OpenCvCamera, cameras: dict[str, ShelfCamera]
) -> None:
    camera = cameras[BAYS[0].camera_id]
    picture = truth(camera)
    grab_until(reader, lambda came: shows(picture, came), "the shelf before")
    camera.set_fault(CameraFault.STALLED)
    grab_until(reader, lambda came: isinstance(came, CameraLost), "the stall")
    camera.mend()
    grab_until(reader, lambda came: shows(picture, came), "the shelf again")


def test_one_camera_that_hangs_does_not_keep_the_others_waiting(
    server: CameraServer, cameras: dict[str, ShelfCamera]
) -> None:
    hanging, well = (bay.camera_id for bay in BAYS)
    cameras[hanging].set_fault(CameraFault.STALLED)
    stuck, reader = node_camera(server, hanging), node_camera(server, well)
    with pytest.raises(CameraLost):
        stuck.grab()
    picture = truth(cameras[well])
    grab_until(reader, lambda came: shows(picture, came), "the other camera's bay")
    cameras[hanging].mend()
    stuck.close()
    reader.close()


def test_a_black_and_a_covered_camera_show_nothing(reader: OpenCvCamera, cameras: dict[str, ShelfCamera]) -> None:
    camera = cameras[BAYS[0].camera_id]

    def is_blind(came: Frame | CameraError) -> bool:
        return isinstance(came, Frame) and darkness(glimpse(came.image_bgr).thumbnail) is not None

    camera.set_fault(CameraFault.BLACK)
    black = grab_until(reader, is_blind, "blackness")
    assert isinstance(black, Frame)
    assert black.image_bgr.mean() < BLACK_MEAN_GREY
    camera.set_fault(None)
    camera.set_fault(CameraFault.COVERED)
    grab_until(
        reader, lambda came: is_blind(came) and isinstance(came, Frame) and came.image_bgr.mean() > 14, "a cover"
    )
    camera.mend()


def test_damaged_frames_spoil_the_picture_and_not_the_stream(
    reader: OpenCvCamera, cameras: dict[str, ShelfCamera]
) -> None:
    camera = cameras[BAYS[0].camera_id]
    picture = truth(camera)
    grab_until(reader, partial(shows, picture), "the shelf before")
    camera.set_fault(CameraFault.HALF_FRAMES)
    grab_until(reader, lambda came: isinstance(came, Frame) and not shows(picture, came), "a spoilt picture")
    camera.mend()
    grab_until(reader, partial(shows, picture), "the shelf again")


def test_where_gstreamer_is_missing_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp, "SYSTEM_PYTHON", Path("/nowhere/python3"))
    with pytest.raises(SimulatedCameraError, match=r"apt-get install .*gir1\.2-gst-rtsp-server-1\.0"):
        rtsp.RtspServer({}).start()


def test_the_rtsp_server_ends_with_the_cameras(cameras: dict[str, ShelfCamera], server: CameraServer) -> None:
    with CameraServer(cameras) as other:
        address = other.rtsp_url(BAYS[0].camera_id)
        assert address != server.rtsp_url(BAYS[0].camera_id)
    gone = OpenCvCamera("gone", address, stall_timeout_s=STALL_TIMEOUT_S)
    with pytest.raises(CameraLost):
        gone.grab()
