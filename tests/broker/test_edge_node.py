# SPDX-License-Identifier: AGPL-3.0-or-later
"""The whole node as a process of its own, on a folder camera and a real mosquitto."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from contract.counts import SightState, UnknownReason
from contract.desired import DesiredCalibration, DesiredConfig
from contract.status import NodeState
from tests.toy_network import Picture, gaps, products, shelf_picture, toy_calibration, write_toy_model

if TYPE_CHECKING:
    from tests.broker.conftest import HubStandIn, Mosquitto

ROOT = Path(__file__).resolve().parents[2]
FULL = {**products(range(20), 3), **products(range(20, 40), 3)}
LEFT_EMPTIED = {**gaps(range(20), 3), **products(range(20, 40), 3)}

StartNode = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def start_node(tmp_path: Path, mosquitto: "Mosquitto", pictures: Path) -> Iterator[StartNode]:
    """Start `facings edge run`; the same state folder every time."""
    onnx_file = write_toy_model(tmp_path / "model")
    calibration_file = tmp_path / "cam-1.json"
    calibration_file.write_text(toy_calibration().to_json())
    started: list[subprocess.Popen[bytes]] = []

    def start(
        camera_lines: str = "hold_looks_count = 4\nloop = false", node_lines: str = "", source: str = str(pictures)
    ) -> subprocess.Popen[bytes]:
        config_file = tmp_path / "node.toml"
        config_file.write_text(f"""
node_id = "node-1"
state_dir = "state"
look_interval_s = 0.05
report_interval_s = 3600
{node_lines}
[broker]
host = "{mosquitto.host}"
port = {mosquitto.port}
[model]
onnx_file = "{onnx_file}"
[[cameras]]
camera_id = "cam-1"
source = "{source}"
calibration_file = "{calibration_file}"
{camera_lines}
""")
        command = [sys.executable, str(ROOT / "facings.py"), "edge", "run", "--config", str(config_file)]
        started.append(subprocess.Popen(command, cwd=ROOT))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def save(folder: Path, *shown: Picture) -> None:
    for index, picture in enumerate(shown):
        cv2.imwrite(str(folder / f"{index:03}.png"), picture)


def counts(hub: "HubStandIn") -> list[dict[str, int | None]]:
    return [
        {zone.zone_id: zone.facings.mode_count if zone.facings else None for zone in report.zones}
        for report in hub.reports.values()
    ]


def test_emptied_shelf_reaches_the_hub_as_zero_and_nothing_else_changes(
    hub: "HubStandIn", start_node: StartNode, pictures: Path
) -> None:
    save(pictures, shelf_picture(FULL, seed=1), shelf_picture(LEFT_EMPTIED, seed=2), shelf_picture(FULL, seed=3))
    start_node()
    hub.wait_until(lambda: len(hub.reports) >= 3)
    assert counts(hub)[:3] == [{"left": 10, "right": 10}, {"left": 0, "right": 10}, {"left": 10, "right": 10}]
    emptied = list(hub.reports.values())[1]
    assert emptied.zones[0].gap_facings == pytest.approx(10, abs=0.5)
    assert [report.sequence for report in hub.reports.values()][:3] == [1, 2, 3]


def test_a_sigterm_says_stopped_and_a_sigkill_lets_the_broker_say_lost(
    hub: "HubStandIn", start_node: StartNode, pictures: Path
) -> None:
    save(pictures, shelf_picture(FULL))
    node = start_node()
    hub.wait_until(lambda: hub.statuses and hub.statuses[-1].state is NodeState.ONLINE)
    node.send_signal(signal.SIGTERM)
    assert node.wait(timeout=20) == 0
    hub.wait_until(lambda: hub.statuses[-1].state is NodeState.STOPPED)
    node = start_node()
    hub.wait_until(lambda: hub.statuses[-1].state is NodeState.ONLINE)
    boot_id = hub.statuses[-1].boot_id
    node.kill()
    hub.wait_until(lambda: hub.statuses[-1].state is NodeState.LOST)
    assert hub.statuses[-1].boot_id == boot_id


def test_a_black_picture_and_an_empty_scene_are_unknown_never_zero(
    hub: "HubStandIn", start_node: StartNode, pictures: Path
) -> None:
    room = np.random.default_rng(5).integers(60, 200, (480, 640), dtype=np.uint8)
    scene = cv2.cvtColor(cv2.resize(room[:12, :16], (640, 480), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR)
    save(pictures, shelf_picture(FULL), np.zeros((480, 640, 3), np.uint8), np.asarray(scene, np.uint8))
    start_node()
    hub.wait_until(lambda: len(hub.reports) >= 3)
    assert [report.view_reason for report in hub.reports.values()][:3] == [
        None,
        UnknownReason.BLACK,
        UnknownReason.NO_SHELF,
    ]
    assert counts(hub)[1:3] == [{"left": None, "right": None}] * 2


def test_a_missing_camera_is_lost(hub: "HubStandIn", start_node: StartNode) -> None:
    start_node()
    hub.wait_until(lambda: hub.reports)
    report = next(iter(hub.reports.values()))
    assert (report.view, report.view_reason) == (SightState.UNKNOWN, UnknownReason.CAMERA_LOST)
    assert {zone.reason for zone in report.zones} == {UnknownReason.CAMERA_LOST}


def test_a_node_stops_in_good_order_while_a_stream_hangs(hub: "HubStandIn", start_node: StartNode) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = start_node("", source=f"rtsp://127.0.0.1:{silent.getsockname()[1]}/shelf")
        caller, _address = silent.accept()
        hub.wait_until(lambda: hub.statuses and hub.statuses[-1].state is NodeState.ONLINE)
        node.send_signal(signal.SIGTERM)
        hub.wait_until(lambda: hub.statuses[-1].state is NodeState.STOPPED)
        caller.close()  # the reader comes back from the library just while the process ends
        assert node.wait(timeout=20) == 0


def test_pictures_leave_the_node_only_where_allowed(hub: "HubStandIn", start_node: StartNode, pictures: Path) -> None:
    save(pictures, shelf_picture(FULL))
    node = start_node()
    hub.wait_until(lambda: hub.reports)
    node.send_signal(signal.SIGTERM)
    node.wait(timeout=20)
    assert hub.pictures == []
    start_node(node_lines="evidence = true")
    hub.wait_until(lambda: hub.pictures)
    camera_id, jpeg = hub.pictures[0]
    drawn = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert camera_id == "cam-1"
    assert drawn is not None
    assert drawn.shape == (480, 640, 3)


def test_a_desired_configuration_is_taken_whole_and_survives_a_restart(
    hub: "HubStandIn", start_node: StartNode, pictures: Path
) -> None:
    save(pictures, shelf_picture(FULL))
    node = start_node()
    hub.wait_until(lambda: hub.reports)
    moved = toy_calibration().model_copy(update={"bay": toy_calibration().bay.model_copy(update={"name": "Moved"})})
    calibration = DesiredCalibration(
        camera_id="cam-1", calibration_id=moved.calibration_id, document_json=moved.to_json()
    )
    wrong = calibration.model_copy(update={"calibration_id": "cal-" + "0" * 16})
    hub.ask_for(DesiredConfig(node_id="node-1", config_version=3, look_interval_s=0.2, calibrations=(wrong,)))
    hub.wait_until(lambda: hub.statuses[-1].config_error)
    assert hub.statuses[-1].config_version is None
    assert "calibrations.0.calibration_id" in str(hub.statuses[-1].config_error)
    hub.ask_for(DesiredConfig(node_id="node-1", config_version=4, calibrations=(calibration,)))
    hub.wait_until(lambda: hub.statuses[-1].config_version == 4)
    assert hub.statuses[-1].config_error is None
    hub.wait_until(lambda: list(hub.reports.values())[-1].calibration_id == moved.calibration_id)
    node.kill()
    node.wait()
    hub.publish("facings/v1/node/node-1/desired", b"", retain=True)
    hub.statuses.clear()
    start_node()
    hub.wait_until(lambda: any(status.config_version == 4 for status in hub.statuses))


def test_nothing_is_lost_while_the_broker_is_away(
    hub: "HubStandIn", mosquitto: "Mosquitto", start_node: StartNode, pictures: Path
) -> None:
    hub.answers = False
    shown = [FULL, LEFT_EMPTIED] * 4
    save(pictures, *(shelf_picture(cells, seed=index) for index, cells in enumerate(shown)))
    start_node()
    hub.wait_until(lambda: hub.reports)
    mosquitto.kill()
    hub.reports.clear()
    hub.answers = True
    mosquitto.start()
    hub.wait_until(lambda: len(hub.reports) >= len(shown), timeout_s=60)
    assert [key.sequence for key in sorted(hub.reports, key=lambda key: key.sequence)] == list(range(1, 9))


def test_a_wrong_configuration_is_one_clear_line_per_fault(tmp_path: Path) -> None:
    config_file = tmp_path / "node.toml"
    config_file.write_text(
        'node_id = "Node 1"\nstate_dir = "state"\ncameras = []\n[broker]\nhost = "localhost"\nprot = 1'
    )
    command = [sys.executable, str(ROOT / "facings.py"), "edge", "run", "--config", str(config_file)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert {line.split(": ")[1] for line in ended.stderr.splitlines()} == {"node_id", "cameras", "broker.prot"}
