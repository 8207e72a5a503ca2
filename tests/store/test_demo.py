# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo, as a visitor runs it: alerts come and go for the right reasons, nothing is lost or left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "facings", "demo", *arguments]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run over the whole script of the store."""
    report = tmp_path_factory.mktemp("demo") / "report.json"
    done = subprocess.run(
        demo("--duration", "120", "--report", str(report)), capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record: dict[str, Any] = json.loads(report.read_text())
    return record


def alerts_of(record: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [alert for alert in record["alerts"] if alert["kind"] == kind]


def test_the_emptied_cola_sends_somebody_to_the_back_room_and_the_refill_closes_it(record: dict[str, Any]) -> None:
    (alert,) = [a for a in alerts_of(record, "restock_from_back") if a["place_id"] == "cola"]
    assert "back" in alert["headline"].lower()
    assert alert["closed_after_s"] > alert["opened_after_s"]


def test_stolen_nuts_end_as_phantom_stock(record: dict[str, Any]) -> None:
    assert "NUTS-200" in {alert["place_id"] for alert in alerts_of(record, "phantom_inventory")}


def test_sold_out_crisps_are_out_of_stock(record: dict[str, Any]) -> None:
    assert "CRISPS-150" in {alert["place_id"] for alert in alerts_of(record, "out_of_stock")}


def test_an_unbooked_delivery_of_coffee_is_noticed(record: dict[str, Any]) -> None:
    assert "COFFEE-250" in {alert["place_id"] for alert in alerts_of(record, "unrecorded_stock")}


def test_the_covered_camera_is_a_camera_alert_that_ends_with_the_cover(record: dict[str, Any]) -> None:
    (alert,) = alerts_of(record, "view_lost")
    assert alert["place_id"] == "cam-breakfast"
    assert alert["closed_after_s"] > alert["opened_after_s"]


def test_no_report_is_lost(record: dict[str, Any]) -> None:
    assert record["missing_count"] == 0
    assert record["reports_count"] > 20


def test_most_zones_are_counted_exactly(record: dict[str, Any]) -> None:
    right = [zone for zone in record["zones"] if zone["true_facings"] == zone["seen_facings"]]
    assert len(right) >= 9, record["zones"]


@pytest.fixture
def open_demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[psutil.Process]]]:
    """A demo that has opened, and the processes it started."""
    log = tmp_path / "demo.log"
    with log.open("w") as out:
        running = subprocess.Popen(demo("--port", "0"), stdout=out, stderr=out, start_new_session=True)
    deadline_s = time.monotonic() + 120
    while "The store is open" not in log.read_text():
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.3)
    children = psutil.Process(running.pid).children(recursive=True)
    yield running, children
    for process in children:
        if process.is_running():
            process.kill()


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_however_it_ends_nothing_is_left_running(
    open_demo: tuple[subprocess.Popen[bytes], list[psutil.Process]], way: signal.Signals
) -> None:
    running, children = open_demo
    assert len(children) >= 3  # a hub and two nodes
    os.kill(running.pid, way)
    assert running.wait(60) == (0 if way is signal.SIGINT else -signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


def test_it_closes_in_order_while_the_hub_has_no_power(
    open_demo: tuple[subprocess.Popen[bytes], list[psutil.Process]], tmp_path: Path
) -> None:
    running, _ = open_demo
    log = tmp_path / "demo.log"
    deadline_s = time.monotonic() + 180
    while "counted" not in log.read_text():
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.3)
    found = re.search(r"The store is open: (http://127\.0\.0\.1:\d+)", log.read_text())
    assert found is not None, log.read_text()
    cut = httpx.post(f"{found[1]}/api/wishes", json={"act": "power_cut", "target": "hub"}, timeout=60)
    assert cut.status_code == httpx.codes.OK, cut.text
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 0, log.read_text()
    assert "Nothing is left running" in log.read_text()
