# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scenarios played by true processes: the same world as in simulated time, the same alerts, and no report lost."""

import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from simulator.rig.in_process import run_in_process
from simulator.rig.process_run import run_processes
from simulator.rig.process_run_cameras import CameraTransport
from simulator.rig.scenario import Scenario, load_scenario
from simulator.rig.system import find_mosquitto
from simulator.scoring.record import AlertRow, Mode, RunRecord, Sight

SEED = 7
SPEED = 20.0

OPENS_ALIKE_WITHIN = timedelta(minutes=8)
"""World time. A node believes a much changed view after 15 s and asks a lost camera again after up to 60 s, whatever
the speed: five and twenty minutes of this world. The rest is what a shared machine may add."""

MORNING = """
title = "A quarter of an hour of a morning"
happens = "Cola sells out, nuts are stolen, crisps sell out, the breakfast camera is covered for a while."
expected = "One alert for each."
store = "corner"
begins_at = 09:00:00
lasts = "17m"
habits = { shoppers = { demand_factor = 0.35 } }
events = [
  { at = "2m", act = "sell", target = "cola", units = 99 },
  { at = "3m", act = "steal", target = "nuts", units = 99 },
  { at = "4m", act = "sell", target = "crisps", units = 99 },
  { at = "9m", act = "cover", target = "cam-breakfast", lasting = "5m" },
]
"""

POWER_CUTS = """
title = "Everything loses its power once"
happens = "Node, hub and broker are cut off one after the other. The other node's messages come twice, its disk fills."
expected = "The empty cola is told, and no report is lost or doubled."
store = "corner"
begins_at = 09:00:00
lasts = "15m"
habits = { shoppers = { demand_factor = 0.35 } }
events = [
  { at = "1m", act = "duplicate", target = "node-breakfast" },
  { at = "1m", act = "reorder", target = "node-breakfast" },
  { at = "1m", act = "books_twice", target = "books" },
  { at = "2m", act = "power_cut", target = "node-drinks", lasting = "1m" },
  { at = "4m", act = "power_cut", target = "hub", lasting = "1m" },
  { at = "4m", act = "books_late", target = "books", lasting = "3m" },
  { at = "4m30s", act = "sell", target = "cola", units = 99 },
  { at = "7m", act = "power_cut", target = "broker", lasting = "1m" },
  { at = "8m", act = "disk_full", target = "node-breakfast", lasting = "90s" },
  { at = "10m", act = "partition", target = "node-breakfast", lasting = "2m" },
  { at = "11m", act = "power_cut", target = "node-drinks" },
  { at = "12m", act = "clock_wrong", target = "node-breakfast", lasting = "2m" },
]
"""


class PostgresCluster(Protocol):
    """The fixture of that name."""

    def new_database(self) -> str:
        """Address of a fresh, empty database."""


def scenario_of(folder: Path, text: str) -> Scenario:
    file = folder / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    return load_scenario(file)


def in_true_processes(
    folder: Path,
    text: str,
    *,
    transport: CameraTransport = CameraTransport.SNAPSHOT,
    database_url: str | None = None,
) -> RunRecord:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    return run_processes(
        "short",
        scenario_of(folder, text),
        SEED,
        speed=SPEED,
        broker="mosquitto",
        database_url=database_url,
        folder=folder / "run",
        progress=lambda _at, _fraction: None,
        transport=transport,
    )


def left_running(folder: Path) -> list[list[str]]:
    """Command lines of processes that work in the folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(str(folder) in word for word in words) and process.pid != psutil.Process().pid:
            found.append(words)
    return found


def assert_nothing_lost(record: RunRecord) -> None:
    transport = record.transport
    assert transport.numbered_count > 0
    assert (transport.lost_count, transport.doubled_count, transport.dead_letters_count) == (0, 0, 0), transport
    assert transport.ledger_count + transport.waiting_count == transport.numbered_count


def by_place(record: RunRecord) -> dict[tuple[str, str], AlertRow]:
    """The first alert of each kind at each place."""
    return {(alert.kind, alert.place_id): alert for alert in reversed(record.alerts)}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_true_processes_live_in_the_same_world_as_a_simulation_and_say_the_same(tmp_path: Path) -> None:
    real = in_true_processes(tmp_path, MORNING)
    simulated = run_in_process(
        "short", scenario_of(tmp_path, MORNING), SEED, sight=Sight.DETECTOR, folder=tmp_path / "simulated"
    )
    assert real.zone_truths == simulated.zone_truths
    assert real.sku_truths == simulated.sku_truths
    assert real.presences == simulated.presences
    assert real.troubles == simulated.troubles
    assert real.zones == simulated.zones
    told, expected = by_place(real), by_place(simulated)
    assert ("restock_from_back", "cola") in expected
    assert ("view_lost", "cam-breakfast") in expected
    assert told.keys() == expected.keys(), f"{real.alerts}\n{real.notes}"
    for key, alert in expected.items():
        assert abs(told[key].opened_at - alert.opened_at) < OPENS_ALIKE_WITHIN, (told[key], alert, real.notes)
    assert_nothing_lost(real)
    assert_nothing_lost(simulated)
    assert (real.mode, simulated.mode) == (Mode.PROCESSES, Mode.IN_PROCESS)
    assert left_running(tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_report_is_lost_or_doubled_whatever_loses_its_power(
    tmp_path: Path, postgres_cluster: PostgresCluster
) -> None:
    """Over MJPEG streams and on PostgreSQL, where the other run has snapshots and SQLite."""
    record = in_true_processes(
        tmp_path, POWER_CUTS, transport=CameraTransport.MJPEG, database_url=postgres_cluster.new_database()
    )
    assert_nothing_lost(record)
    assert ("restock_from_back", "cola") in by_place(record), f"{record.alerts}\n{record.notes}"
    assert not [alert for alert in record.alerts if alert.kind == "out_of_stock"]
    cuts = [(trouble.target, trouble.until_at - trouble.since_at) for trouble in record.troubles[3:]]
    assert ("hub", timedelta(minutes=1)) in cuts
    assert ("node-drinks", timedelta()) in cuts
    assert left_running(tmp_path) == []


PLAYS = """
import sys
from pathlib import Path
from simulator.rig.process_run import run_processes
from simulator.rig.scenario import load_scenario
folder = Path(sys.argv[1])
def progress(at, fraction):
    (folder / "playing").touch()
run_processes("short", load_scenario(folder / "scenario.toml"), 1, speed=1.0, folder=folder / "run", progress=progress)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running_when_a_run_is_broken_off(tmp_path: Path, number: signal.Signals) -> None:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    scenario_of(tmp_path, POWER_CUTS)
    with (tmp_path / "output").open("wb") as output:
        player = subprocess.Popen([sys.executable, "-c", PLAYS, str(tmp_path)], stdout=output, stderr=output)
    while not (tmp_path / "playing").exists():
        assert player.poll() is None, (tmp_path / "output").read_text()
        time.sleep(0.1)
    assert len(left_running(tmp_path)) > 4, "the run itself, a hub, brokers and nodes"
    player.send_signal(number)
    player.wait(timeout=120)
    deadline_s = time.monotonic() + 60
    while left := left_running(tmp_path):
        assert time.monotonic() < deadline_s, left
        time.sleep(0.2)
