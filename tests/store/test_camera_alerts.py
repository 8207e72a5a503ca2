# SPDX-License-Identifier: AGPL-3.0-or-later
"""No sight is never zero: trouble with a camera opens a camera alert and no stock alert, through the true system."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.camera_server import CameraServer
from simulator.cameras.faults import CameraFault
from simulator.cameras.rtsp import missing_programs
from simulator.cameras.shelf_camera import ShelfCamera
from simulator.demo import HUB_OPTIONS
from simulator.picture.scene import Bay, Scene
from simulator.rig.system import CameraPlan, TrueSystem
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.world import World

PLAN = load_store_plan(STORES_FOLDER / "corner.toml")
BAY = PLAN.bays[0]
STOCK_KINDS = {"restock_from_back", "out_of_stock", "phantom_inventory", "unrecorded_stock"}
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Watched:
    """A shelf full of stock whose books agree, watched by the true system."""

    system: TrueSystem
    camera: ShelfCamera
    scene: Scene

    def open_alerts(self) -> list[dict[str, Any]]:
        return [alert for alert in self.system.read("alerts") if alert["state"] == "open"]

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            self.system.group.check()
            assert time.monotonic() < deadline_s, f"{what}; alerts: {self.open_alerts()}"
            time.sleep(0.3)

    def stock_alerts_ever(self) -> list[dict[str, Any]]:
        return [alert for alert in self.system.read("alerts") if alert["kind"] in STOCK_KINDS]


@contextmanager
def watching(folder: Path, address: Callable[[CameraServer], str]) -> Iterator[Watched]:
    world = World(PLAN, datetime.now(UTC), np.random.default_rng(1))
    scene = scene_of(BAY, world)
    camera = ShelfCamera(BAY.camera_id, scene, seed=1)
    books = "sku,kind,units,occurred_at,reference\n" + "".join(
        f"{zone.sku},opening,{world.tally(zone.sku).shelf},{datetime.now(UTC).isoformat()},o-{zone.sku}\n"
        for row in BAY.rows
        for zone in row.zones
    )
    with CameraServer({BAY.camera_id: camera}) as server, TrueSystem(folder, hub_options=HUB_OPTIONS) as system:
        system.start_hub()
        system.bring_in([calibration_of(BAY)], books)
        options = {"frozen_after_s": 2.0, "stall_timeout_s": 6.0}
        plan = CameraPlan(BAY.camera_id, address(server), calibration_of(BAY), options)
        system.add_node("node-watch", [plan], look_interval_s=0.3, report_interval_s=1.0)
        yield Watched(system, camera, scene)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watching(tmp_path_factory.mktemp("watched"), lambda server: server.snapshot_url(BAY.camera_id)) as over_http:
        yield over_http


@pytest.fixture(scope="module")
def watched_over_rtsp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    if reason := missing_programs():
        pytest.skip(reason)
    with watching(tmp_path_factory.mktemp("rtsp"), lambda server: server.rtsp_url(BAY.camera_id)) as over_rtsp:
        yield over_rtsp


def emptied_room(scene: Scene) -> Scene:
    """What the camera sees when it was turned to a bare wall: no shelf, no pack, no tag."""
    bare = Bay(width_mm=scene.bay.width_mm, height_mm=scene.bay.height_mm, depth_mm=10.0, rows=(), sides=False)
    return replace(scene, bay=bare, packs=(), gaps=(), tags=(), dividers=(), plates=())


BLINDING = [fault for fault in CameraFault if fault not in {CameraFault.CLOCK_WRONG, CameraFault.HALF_FRAMES}]


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [*BLINDING, "empty scene"])
def test_a_camera_in_trouble_opens_a_camera_alert_and_no_stock_alert(
    watched: Watched, trouble: CameraFault | str
) -> None:
    live_through(watched, trouble)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [CameraFault.LOST, CameraFault.FROZEN])
def test_so_it_does_over_rtsp(watched_over_rtsp: Watched, trouble: CameraFault) -> None:
    live_through(watched_over_rtsp, trouble)


def live_through(watched: Watched, trouble: CameraFault | str) -> None:
    """The trouble is noticed as the camera's, and nothing else is said; then it ends, and so does its alert."""

    def all_seen() -> bool:
        zones = [zone for shelf in watched.system.read("shelves")["shelves"] for zone in shelf["zones"]]
        return bool(zones) and all(zone["state"] == "seen" for zone in zones)

    def view_lost() -> bool:
        return any(a["kind"] == "view_lost" and a["place_id"] == BAY.camera_id for a in watched.open_alerts())

    watched.wait(all_seen, "every zone is seen before the trouble")
    watched.wait(lambda: not watched.open_alerts(), "no alert is open before the trouble")
    if isinstance(trouble, CameraFault):
        watched.camera.set_fault(trouble, degrees=8.0)
    else:
        watched.camera.show(emptied_room(watched.scene))
    watched.wait(view_lost, f"a camera alert for {trouble}")
    zones = [zone for shelf in watched.system.read("shelves")["shelves"] for zone in shelf["zones"]]
    assert {zone["state"] for zone in zones} == {"unknown"}
    time.sleep(6)  # longer than any stock alert needs to open
    assert [a["kind"] for a in watched.open_alerts()] == ["view_lost"]
    watched.camera.mend()
    watched.camera.show(watched.scene)
    watched.wait(lambda: not view_lost(), "the camera alert closes by itself")
    assert watched.stock_alerts_ever() == []


@pytest.mark.slow
def test_half_frames_open_no_stock_alert(watched: Watched) -> None:
    watched.wait(lambda: not watched.open_alerts(), "no alert is open before the trouble")
    watched.camera.set_fault(CameraFault.HALF_FRAMES)
    time.sleep(15)  # longer than any stock alert needs to open
    watched.camera.mend()
    watched.wait(lambda: not watched.open_alerts(), "what was opened closes by itself")
    assert watched.stock_alerts_ever() == []
