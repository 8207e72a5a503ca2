# SPDX-License-Identifier: AGPL-3.0-or-later
"""A camera thread that dies or hangs is started again, within a budget."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contract.status import NodeState, NodeStatus
from edge.camera_loop import CameraLoop
from edge.cameras.camera import stamp
from edge.config import BrokerConfig
from edge.detector import Detector
from edge.errors import CameraLost
from edge.frames import Frame
from edge.outbox import Outbox
from edge.publisher import Publisher
from edge.settings import LiveSettings, Settings
from edge.supervisor import BUDGET_COUNT, BUDGET_WINDOW_S, RestartBudget, Supervisor
from edge.watcher import Watcher
from tests.toy_network import products, shelf_picture, toy_calibration, write_toy_model

BOOT_ID = "d" * 32


class FaultyCamera:
    """A camera that does what its list says: give a picture, be lost, hang or fail outright; then gives pictures."""

    is_live = False

    def __init__(self, *deeds: str) -> None:
        self.deeds = list(deeds)
        self.grabs_count = 0
        self.over = threading.Event()

    def grab(self) -> Frame:
        self.grabs_count += 1
        deed = self.deeds.pop(0) if self.deeds else "picture"
        if deed == "lost":
            raise CameraLost("nobody there")
        if deed == "fail":
            raise ZeroDivisionError
        if deed == "hang":
            self.over.wait(30)
        return stamp(shelf_picture(products(range(40), 3)), "cam-1")

    def close(self) -> None:
        pass


class Rig:
    """The real parts around one camera; nothing is connected."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(folder / "outbox.sqlite", node_id="node-1", boot_id=BOOT_ID, started_at=datetime.now(UTC))
        self.detector = Detector(write_toy_model(folder / "model"))
        self.settings = LiveSettings(Settings(0.01, 600, evidence=False, calibrations={"cam-1": toy_calibration()}))
        self.publisher = Publisher(
            BrokerConfig(host="127.0.0.1", port=9),
            node_id="node-1",
            boot_id=BOOT_ID,
            outbox=self.outbox,
            make_status=lambda state: NodeStatus(node_id="node-1", boot_id=BOOT_ID, state=NodeState(state)),
            on_desired=lambda _payload: None,
        )

    def loop(self, camera: FaultyCamera) -> CameraLoop:
        fields: dict[str, Any] = {"node_id": "node-1", "boot_id": BOOT_ID, "is_live": False, "frozen_after_s": None}
        watcher = Watcher("cam-1", self.detector, **fields)
        return CameraLoop(
            "cam-1", camera, watcher, settings=self.settings, outbox=self.outbox, publisher=self.publisher
        )


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.outbox.close()


def run_until(supervisor: Supervisor, done: threading.Event, outcome: list[bool]) -> threading.Thread:
    thread = threading.Thread(target=lambda: outcome.append(supervisor.run(done)), daemon=True)
    thread.start()
    return thread


def test_the_budget_is_spent_and_comes_back() -> None:
    budget = RestartBudget()
    assert all(budget.allows(second) for second in range(BUDGET_COUNT))
    assert not budget.allows(10)
    assert budget.allows(BUDGET_WINDOW_S + 1)


def test_a_lost_camera_costs_no_restart_and_is_reported(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.camera_loop.QUICK_LOOK_S", 0.02)
    camera = FaultyCamera("lost", "lost", "lost")
    loop = rig.loop(camera)
    loop.start()
    wait_for(lambda: rig.outbox.pending_count >= 2)
    loop.stop()
    assert loop.join(10)
    assert b"camera_lost" in rig.outbox.pending(after_position=0, limit=1)[0].payload


def test_a_thread_that_fails_or_hangs_is_replaced(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.supervisor._CHECK_EVERY_S", 0.05)
    cameras = [FaultyCamera("fail"), FaultyCamera("hang"), FaultyCamera()]
    waiting = iter(cameras)
    supervisor = Supervisor({"cam-1": lambda: rig.loop(next(waiting))}, hangs_after_s=1.5)
    done = threading.Event()
    outcome: list[bool] = []
    thread = run_until(supervisor, done, outcome)
    wait_for(lambda: rig.outbox.pending_count >= 1)
    done.set()
    cameras[1].over.set()
    thread.join(20)
    assert outcome == [True]
    assert [camera.grabs_count > 0 for camera in cameras] == [True, True, True]


def test_a_camera_that_fails_for_ever_ends_the_node(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.supervisor._CHECK_EVERY_S", 0.02)
    supervisor = Supervisor({"cam-1": lambda: rig.loop(FaultyCamera("fail"))})
    assert supervisor.run(threading.Event()) is False


def test_an_outbox_that_is_damaged_while_the_node_runs_ends_the_node_and_the_next_start_heals_it(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.supervisor._CHECK_EVERY_S", 0.05)
    file = tmp_path / "outbox.sqlite"
    rig.outbox._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    rig.outbox._database.execute("PRAGMA cache_size = 0")
    with file.open("r+b") as database:
        database.seek(4096)
        database.write(b"\x55" * (file.stat().st_size - 4096))
    rig.outbox._database.execute("PRAGMA shrink_memory").fetchall()
    assert Supervisor({"cam-1": lambda: rig.loop(FaultyCamera())}).run(threading.Event()) is False
    rig.outbox.close()
    rig.outbox = Outbox(file, node_id="node-1", boot_id="d" * 32, started_at=datetime.now(UTC))
    assert rig.outbox.pending_count == 0
    assert list(tmp_path.glob("outbox.sqlite.damaged-*"))


def wait_for(condition: Any) -> None:
    given_up = threading.Event()
    for _ in range(1000):
        if condition():
            return
        given_up.wait(0.02)
    pytest.fail("waited in vain")
