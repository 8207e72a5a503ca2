# SPDX-License-Identifier: AGPL-3.0-or-later
"""Each fault of a simulated camera as a node's own reader and eyes find it, on rendered and on schematic pictures."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest

from contract.counts import UnknownReason
from edge.cameras.camera import Camera
from edge.cameras.choose import open_camera
from edge.config import CameraConfig
from edge.errors import BrokenFrame, CameraError, CameraLost
from edge.frames import Frame
from edge.gate import ChangeGate, changed_fraction
from edge.glimpse import glimpse
from edge.sight import BlurWatch, FrozenWatch, darkness
from simulator.cameras.bay_view import scene_of
from simulator.cameras.camera_server import CameraServer
from simulator.cameras.faults import CameraFault, half_frame
from simulator.cameras.moment import Moment, moment_of
from simulator.cameras.schematic import SchematicCamera
from simulator.cameras.shelf_camera import ShelfCamera
from simulator.rig.scenario import ACTS_AT_A_CAMERA, Act
from simulator.scoring.record import Presence
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.world import World

OPENED_AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
PLAN = load_store_plan(STORES_FOLDER / "corner.toml")
BAY = PLAN.bays[0].model_copy(update={"image_wh_px": (640, 480)})
LOOK_S = 5.0


def opened() -> World:
    return World(PLAN, OPENED_AT, np.random.default_rng(1))


class Rendered:
    """A rendered camera as a run in this process uses it."""

    def __init__(self, seed: int = 1) -> None:
        self.world = opened()
        self.camera = ShelfCamera(BAY.camera_id, scene_of(BAY, self.world), seed, moment=Moment(OPENED_AT))

    def look(self, at: datetime, presences: tuple[Presence, ...] = ()) -> np.ndarray | None:
        moment = moment_of(PLAN, BAY, at, presences)
        self.camera.show(scene_of(BAY, self.world, moment), moment)
        return self.camera.frame_bgr(at)


class Schematic:
    """Its schematic twin."""

    def __init__(self, seed: int = 1) -> None:
        self.world = opened()
        self.camera = SchematicCamera(BAY, seed)

    def look(self, at: datetime, presences: tuple[Presence, ...] = ()) -> np.ndarray | None:
        frame = self.camera.frame(self.world, moment_of(PLAN, BAY, at, presences))
        return None if frame is None else frame.image_bgr


Twin = Rendered | Schematic


@pytest.fixture(params=[Rendered, Schematic])
def twin(request: pytest.FixtureRequest) -> Twin:
    made: Twin = request.param()
    return made


class Eyes:
    """What a node's watcher asks of a frame before it runs its detector, in the same order."""

    def __init__(self) -> None:
        self.frozen, self.blur, self.gate = FrozenWatch(60.0), BlurWatch(), ChangeGate(is_live=True)

    def reason(self, picture: np.ndarray | None, second: float) -> UnknownReason | str | None:
        if picture is None:
            return UnknownReason.CAMERA_LOST
        seen = glimpse(picture)
        if dark := darkness(seen.thumbnail):
            return dark
        if self.frozen.is_frozen(seen.sample, second):
            return UnknownReason.FROZEN
        if self.blur.is_blurred(seen.sharpness):
            return UnknownReason.BLURRED
        return None if self.gate.judge(seen.thumbnail, second, wanted=False).trusted else "untrusted"


def watch(twin: Twin, eyes: Eyes, from_s: float, looks: int, *presences: Presence) -> list[UnknownReason | str | None]:
    seconds = [from_s + LOOK_S * look for look in range(looks)]
    return [eyes.reason(twin.look(OPENED_AT + timedelta(seconds=s), presences), s) for s in seconds]


def test_a_well_camera_is_believed_all_day_and_all_night(twin: Twin) -> None:
    eyes = Eyes()
    reasons = [
        eyes.reason(twin.look(OPENED_AT + timedelta(minutes=minutes)), minutes * 60.0) for minutes in range(0, 1440, 10)
    ]
    # The lamps go on and off once; that may take a node one look to believe.
    assert [reason for reason in reasons if reason not in {None, "untrusted"}] == []
    assert reasons.count("untrusted") <= 4


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (CameraFault.COVERED, {UnknownReason.COVERED, UnknownReason.BLACK}),
        (CameraFault.BLACK, {UnknownReason.BLACK}),
        (CameraFault.DEFOCUSED, {UnknownReason.BLURRED}),
        (CameraFault.STALLED, {UnknownReason.CAMERA_LOST}),
        (CameraFault.SLOW, {UnknownReason.CAMERA_LOST}),
        (CameraFault.LOST, {UnknownReason.CAMERA_LOST}),
        (CameraFault.FROZEN, {UnknownReason.FROZEN}),
    ],
)
def test_the_node_names_the_fault_and_sees_again_when_it_is_mended(
    twin: Twin, fault: CameraFault, reasons: set[UnknownReason]
) -> None:
    eyes = Eyes()
    assert watch(twin, eyes, 0, 8) == [None] * 8
    twin.camera.set_fault(fault)
    found = watch(twin, eyes, 40, 20)
    assert set(found[15:]) <= reasons, found
    twin.camera.mend(fault)
    assert watch(twin, eyes, 140, 8)[-1] is None


@pytest.mark.parametrize("degrees", [3.0, 8.0])
def test_a_bump_moves_the_picture_and_mending_moves_it_back(twin: Twin, degrees: float) -> None:
    def thumbnail(second: float) -> np.ndarray:
        picture = twin.look(OPENED_AT + timedelta(seconds=second))
        assert picture is not None
        return glimpse(picture).thumbnail

    before = thumbnail(0)
    twin.camera.set_fault(CameraFault.BUMPED, degrees=degrees)
    assert changed_fraction(before, thumbnail(5)) > 0.08
    twin.camera.mend()
    assert changed_fraction(before, thumbnail(10)) < 0.001


def test_half_frames_are_refused_or_show_half_a_shelf(twin: Twin) -> None:
    whole = twin.look(OPENED_AT)
    assert whole is not None
    twin.camera.set_fault(CameraFault.HALF_FRAMES)
    frames = [twin.look(OPENED_AT + timedelta(milliseconds=1037 * look)) for look in range(1, 21)]
    refused = sum(frame is None for frame in frames)
    assert 4 <= refused <= 16
    for frame in frames:
        if frame is not None:
            difference = np.abs(frame.astype(int) - whole).mean(axis=(1, 2))
            rows = len(difference)
            assert difference[: rows // 8].mean() < 8
            assert difference[-rows // 8 :].mean() > 8


def test_faults_combine_and_are_mended_one_by_one(twin: Twin) -> None:
    eyes = Eyes()
    assert watch(twin, eyes, 0, 8)[-1] is None
    twin.camera.set_fault(CameraFault.DEFOCUSED)
    twin.camera.set_fault(CameraFault.BUMPED, degrees=4.0)
    twin.camera.set_fault(CameraFault.LOST)
    assert watch(twin, eyes, 40, 2)[-1] is UnknownReason.CAMERA_LOST
    twin.camera.mend(CameraFault.LOST)
    assert watch(twin, eyes, 50, 2)[-1] is UnknownReason.BLURRED
    twin.camera.mend()
    assert watch(twin, eyes, 60, 20)[-1] is None


def test_a_shopper_keeps_the_node_from_believing_until_after_the_visit(twin: Twin) -> None:
    visit = Presence(
        BAY.bay_id, "shopper", 480.0, OPENED_AT + timedelta(seconds=43), OPENED_AT + timedelta(seconds=70), 9
    )
    eyes = Eyes()
    assert watch(twin, eyes, 0, 8, visit) == [None] * 8
    during = watch(twin, eyes, 45, 5, visit)
    assert set(during) == {"untrusted"}
    assert watch(twin, eyes, 70, 8, visit)[-1] is None


@pytest.mark.parametrize("kind", [Rendered, Schematic])
def test_the_same_seed_shows_the_same_pixels_under_every_fault(kind: Callable[[], Twin]) -> None:
    first, again = kind(), kind()
    for number, fault in enumerate(CameraFault):
        at = OPENED_AT + timedelta(seconds=10 * number)
        pictures = []
        for one in (first, again):
            one.look(at)
            one.camera.set_fault(fault)
            pictures.append(one.look(at + timedelta(seconds=1)))
            one.camera.mend()
        if pictures[0] is None or pictures[1] is None:
            assert pictures == [None, None]
        else:
            assert np.array_equal(pictures[0], pictures[1])


def test_every_act_at_a_camera_is_a_fault() -> None:
    assert {CameraFault(act.value) for act in ACTS_AT_A_CAMERA - {Act.MEND}} == set(CameraFault) - {
        CameraFault.CLOCK_WRONG
    }


def test_a_damaged_jpeg_keeps_its_end_and_a_cut_one_does_not() -> None:
    camera = ShelfCamera(BAY.camera_id, scene_of(BAY, opened()), 1)
    jpeg = camera.frame_jpeg()
    assert jpeg is not None
    damaged = [half_frame(jpeg, turn) for turn in range(20)]
    ends = [one.endswith(b"\xff\xd9") for one in damaged]
    assert any(ends)
    assert not all(ends)
    assert all(len(one) <= len(jpeg) and one != jpeg for one in damaged)


# The same faults on a real line, read by the node's own cameras.


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[CameraServer, ShelfCamera]]:
    camera = ShelfCamera(BAY.camera_id, scene_of(BAY, opened()), 1, moment=Moment(OPENED_AT))
    with CameraServer({BAY.camera_id: camera}) as server:
        yield server, camera


@pytest.fixture(params=["snapshot", "mjpeg"])
def reader(request: pytest.FixtureRequest, served: tuple[CameraServer, ShelfCamera]) -> Iterator[Camera]:
    server, camera = served
    camera.mend()
    address = {
        "snapshot": server.snapshot_url(BAY.camera_id),
        "mjpeg": f"mjpeg+{server.stream_url(BAY.camera_id)}",
    }[request.param]
    config = CameraConfig(camera_id=BAY.camera_id, source=address, stall_timeout_s=2.0)
    opened_camera = open_camera(config, look_interval_s=1.0)
    yield opened_camera
    opened_camera.close()
    camera.mend()


def grab_until(reader: Camera, wanted: type[object]) -> None:
    deadline_s = time.monotonic() + 30.0
    came: object = None
    while time.monotonic() < deadline_s:
        try:
            came = reader.grab()
        except CameraError as error:
            came = error
        if isinstance(came, wanted):
            return
        time.sleep(0.05)
    pytest.fail(f"no {wanted.__name__} came; last {came!r}")


@pytest.mark.parametrize("fault", [CameraFault.STALLED, CameraFault.SLOW, CameraFault.LOST, CameraFault.HALF_FRAMES])
def test_a_fault_of_the_line_reaches_the_reader_and_ends(
    served: tuple[CameraServer, ShelfCamera], reader: Camera, fault: CameraFault
) -> None:
    _, camera = served
    assert reader.grab().frame_wh_px == BAY.image_wh_px
    camera.set_fault(fault)
    grab_until(reader, BrokenFrame if fault is CameraFault.HALF_FRAMES else CameraLost)
    camera.mend()
    grab_until(reader, Frame)
    assert reader.grab().frame_wh_px == BAY.image_wh_px


def test_one_stalled_camera_leaves_the_others_alone(served: tuple[CameraServer, ShelfCamera]) -> None:
    _, stalled = served
    well = ShelfCamera("cam-well", scene_of(PLAN.bays[1], opened()), 1)
    with CameraServer({BAY.camera_id: stalled, "cam-well": well}) as both:
        stalled.set_fault(CameraFault.STALLED)
        waiting = threading.Thread(target=lambda: httpx.get(both.snapshot_url(BAY.camera_id), timeout=60), daemon=True)
        waiting.start()
        assert httpx.get(both.snapshot_url("cam-well")).status_code == httpx.codes.OK
        stalled.mend()
        waiting.join(timeout=20)
        assert not waiting.is_alive()


def test_a_wrong_clock_shows_in_the_corner_and_nowhere_else() -> None:
    camera = ShelfCamera(BAY.camera_id, scene_of(BAY, opened()), 1, moment=Moment(OPENED_AT), burns_in_clock=True)
    right = camera.frame_bgr(OPENED_AT)
    camera.set_fault(CameraFault.CLOCK_WRONG, shift_s=-7 * 3600.0)
    wrong = camera.frame_bgr(OPENED_AT)
    assert right is not None
    assert wrong is not None
    rows, columns = np.nonzero((right != wrong).any(axis=2))
    assert len(rows) > 0
    assert rows.max() < BAY.image_wh_px[1] * 0.08
    assert columns.max() < BAY.image_wh_px[0] * 0.4
