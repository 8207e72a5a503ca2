# SPDX-License-Identifier: AGPL-3.0-or-later
"""A whole hub in a process of its own, a node's end of the line, and a phone with a real browser."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from contract import topics
from contract.counts import FacingsDistribution, SightState, UnknownReason, ZoneCount
from contract.reports import CountReport
from contract.status import NodeState, NodeStatus
from simulator.rig.free_port import free_port

PATIENCE_S = 90.0
BOOT = "c" * 32
REPOSITORY = Path(__file__).parents[2]

PROMPT_JUDGE = """
[judge]
silent_after_s = 20
[judge.restock_from_back]
open_after_s = 0.5
close_after_s = 0.5
[judge.out_of_stock]
open_after_s = 0.5
close_after_s = 0.5
[judge.phantom_inventory]
open_after_s = 0.5
close_after_s = 0.5
[judge.view_lost]
open_after_s = 0.5
close_after_s = 0.5
"""


class HubProcess:
    """`facings hub run` with its embedded broker, as a shop would start it."""

    def __init__(self, folder: Path, *, api_token: str | None = None) -> None:
        self.folder = folder
        self.port, self.broker_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        token = f'api_token = "{api_token}"\n' if api_token else ""
        self.config_file = folder / "hub.toml"
        self.config_file.write_text(
            f'database_url = "sqlite:///{folder / "hub.sqlite"}"\nlisten_port = {self.port}\n{token}'
            f"[broker]\nembedded = true\nport = {self.broker_port}\n{PROMPT_JUDGE}"
        )
        headers = {"Authorization": f"Bearer {api_token}"} if api_token else {}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=20)
        self.log_file = folder / "hub.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "facings", "hub", "run", "--config", str(self.config_file)],
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            assert self._process.poll() is None, self.log_file.read_text()
            try:
                if self.client.get("/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        pytest.fail(f"the hub is not well: {self.client.get('/healthz').text} {self.log_file.read_text()[-3000:]}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(timeout=60)
        self._process = None
        return status

    def close(self) -> None:
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class ShelfNode:
    """A node with one camera over the zones `c1-tea` and `c1-rice`; says what it is told, again and again."""

    def __init__(self, broker_port: int) -> None:
        self.sequence = 0
        self._connected = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, "browser-node", protocol=MQTTv311)
        client.on_connect = lambda *_: self._connected.set()
        client.will_set(
            topics.STATUS.topic("n1"),
            NodeStatus(node_id="n1", boot_id=BOOT, state=NodeState.LOST).to_json(),
            1,
            retain=True,
        )
        client.connect_async("127.0.0.1", broker_port)
        client.loop_start()
        assert self._connected.wait(PATIENCE_S)
        self._client = client
        online = NodeStatus(node_id="n1", boot_id=BOOT, state=NodeState.ONLINE, reported_at=datetime.now(UTC))
        client.publish(topics.STATUS.topic("n1"), online.to_json(), 1, retain=True)

    def look(self, *, tea: int | None, rice: int | None, view_reason: UnknownReason | None = None) -> None:
        """Report; None facings are not seen."""
        self.sequence += 1
        counts = {"TEA": tea, "RICE": rice}
        report = CountReport(
            node_id="n1",
            boot_id=BOOT,
            sequence=self.sequence,
            camera_id="c1",
            captured_at=datetime.now(UTC),
            monotonic_s=time.monotonic(),
            model_id="m1",
            calibration_id="cal-0123456789abcdef",
            view=SightState.UNKNOWN if view_reason else SightState.SEEN,
            view_reason=view_reason,
            zones=tuple(
                ZoneCount(
                    zone_id=f"c1-{sku.lower()}",
                    sku=sku,
                    state=SightState.UNKNOWN if count is None else SightState.SEEN,
                    reason=(view_reason or UnknownReason.OCCLUDED) if count is None else None,
                    facings=None if count is None else FacingsDistribution.certain(count),
                )
                for sku, count in counts.items()
            ),
        )
        self._client.publish(topics.REPORT.topic("n1"), report.to_json(), 1)

    def show(self, jpeg: bytes) -> None:
        """Send a picture."""
        self._client.publish(topics.EVIDENCE.topic("n1", "c1"), jpeg, 0)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def plan(hub: HubProcess, *, tea_name: str = "Green tea") -> None:
    """Planogram of one camera and opening stock."""
    corners = [(0, 0), (1000, 0), (1000, 500), (0, 500)]
    zones = [
        {
            "zone_id": f"c1-{sku.lower()}",
            "sku": sku,
            "product_name": name,
            "polygon_mm": [[left, 0], [left + 400, 0], [left + 400, 400], [left, 400]],
            "expected_facings_count": 6,
            "minimum_facings_count": 2,
            "depth_units_count": 2,
            "facing_width_mm": 60,
            "facing_height_mm": 150,
        }
        for sku, name, left in (("TEA", tea_name, 50), ("RICE", "Basmati rice", 500))
    ]
    document: dict[str, Any] = {
        "camera_id": "c1",
        "image_wh_px": [1000, 500],
        "bay": {"bay_id": "bay-1", "name": "Tea and rice", "width_mm": 1000, "height_mm": 500},
        "points": [{"x_px": x, "y_px": 500 - y, "x_mm": x, "y_mm": y} for x, y in corners],
        "zones": zones,
    }
    hub.client.put("/api/v1/cameras/c1/calibration", json=document).raise_for_status()
    csv = "sku,kind,units,occurred_at\nTEA,opening,40,2026-01-01T00:00:00Z\nRICE,opening,12,2026-01-01T00:00:00Z\n"
    hub.client.post("/api/v1/books", content=csv, headers={"Content-Type": "text/csv"}).raise_for_status()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path)
    process.start()
    yield process
    process.close()


@pytest.fixture
def locked_hub(tmp_path: Path) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path, api_token="0123456789abcdef")  # noqa: S106 - of this test only
    process.start()
    yield process
    process.close()


@pytest.fixture
def shelf_node(hub: HubProcess) -> Iterator[ShelfNode]:
    node = ShelfNode(hub.broker_port)
    yield node
    node.stop()


@pytest.fixture
def planned() -> Callable[..., None]:
    """Give a hub its planogram and books."""
    return plan


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(program).exists():
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        arguments = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
        opened = playwright.chromium.launch(executable_path=program, chromium_sandbox=False, args=arguments)
        yield opened
        opened.close()


@contextmanager
def phone_context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A phone of 390 px with a finger."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True, has_touch=True, **options
    )
    context.set_default_timeout(PATIENCE_S * 1000)
    yield context
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page on a phone; fails the test when the page logs an error or breaks its own content rules."""
    with phone_context(browser) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        yield page
        assert complaints == []
