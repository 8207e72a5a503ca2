# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings demo`: a small store on this machine, watched by true nodes and judged by a true hub.

The store, its shoppers and its cameras live in this process; the hub (with an embedded broker) and one node per bay
run in processes of their own and know nothing of being in a demo.
"""

import json
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from rich.console import Console

from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.shelf_camera import CameraFault, CameraServer, ShelfCamera
from simulator.demo_record import DemoRecord
from simulator.errors import SimulatorError
from simulator.rig.system import CameraPlan, TrueSystem, free_port, port_is_free
from simulator.store.plan import STORES_FOLDER, Act, StorePlan, load_store_plan
from simulator.store.script import ScriptHappening, ScriptLife
from simulator.store.world import BookLine, World

DEFAULT_HUB_PORT = 8360

# A demo has a minute, a shop has a day: the same judgement with shorter patience.
HUB_OPTIONS = """
[judge]
patience_s = 45
basket_lag_s = 3
silent_after_s = 20
update_every_s = 5
restock_from_back = { open_after_s = 3, close_after_s = 3 }
out_of_stock = { open_after_s = 3, close_after_s = 3 }
phantom_inventory = { open_after_s = 3, close_after_s = 3 }
unrecorded_stock = { open_after_s = 5, close_after_s = 3 }
view_lost = { open_after_s = 3, close_after_s = 3 }
node_lost = { open_after_s = 3, close_after_s = 3 }
"""
NODE_SETTINGS: dict[str, Any] = {
    "look_interval_s": 1.0,
    "report_interval_s": 5.0,
    "evidence": True,
    "evidence_interval_s": 10.0,
}
_FAULT_OF = {Act.COVER: CameraFault.COVERED, Act.FREEZE: CameraFault.FROZEN, Act.UNCOVER: None, Act.THAW: None}


def demo_command(
    *,
    duration: Annotated[float | None, typer.Option(help="Seconds to run; until Ctrl-C when left out.", min=5)] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what was seen, alerted and lost to this JSON file.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the shoppers' luck.")] = 1,
    port: Annotated[
        int | None, typer.Option(help="Port of the page; 8360 or, if taken, a free one; 0 for any.")
    ] = None,
    store: Annotated[Path, typer.Option(help="Store file.", exists=True)] = STORES_FOLDER / "corner.toml",
) -> None:
    """Run a small store: cameras, nodes, hub, and a shopper who empties the shelves."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        with _stop_signals() as stop, tempfile.TemporaryDirectory(prefix="facings-demo-") as folder:
            record = Demo(load_store_plan(store), Path(folder), seed, port, console).run(duration, stop)
    except (SimulatorError, httpx.HTTPError) as error:
        console.print(f"facings demo: {error}", markup=False)
        raise typer.Exit(1) from error
    if report is not None:
        report.write_text(json.dumps(record.to_dict(), indent=2) + "\n")
        console.print(f"Report: {report}")


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that both end the demo in order."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Demo:
    """One run of the store."""

    def __init__(self, plan: StorePlan, folder: Path, seed: int, port: int | None, console: Console) -> None:
        self._plan = plan
        self._folder = folder
        self._seed = seed
        self._console = console
        self._hub_port = port or (DEFAULT_HUB_PORT if port is None and port_is_free(DEFAULT_HUB_PORT) else free_port())
        self._began_s = time.monotonic()
        rng = np.random.default_rng(seed)
        self._world = World(plan, datetime.now(UTC), rng)
        self._life = ScriptLife(plan, self._world, rng)
        self._booked_count = 0
        self.record = DemoRecord(store_id=plan.store_id, seed=seed)

    def run(self, duration_s: float | None, stop: threading.Event) -> DemoRecord:
        """Open the shop, live in it until told to stop, and account for it."""
        self._say("Drawing the shelves and starting hub and nodes ...")
        cameras = {
            bay.camera_id: ShelfCamera(bay.camera_id, scene_of(bay, self._world), self._seed) for bay in self._plan.bays
        }
        with (
            CameraServer(cameras) as server,
            TrueSystem(self._folder, hub_options=HUB_OPTIONS, hub_port=self._hub_port) as system,
        ):
            system.start_hub()
            system.bring_in([calibration_of(bay) for bay in self._plan.bays], self._opening_books())
            self._start_nodes(system, server)
            self.record.page_after_s = self._elapsed_s()
            self._console.print(f"\n  The store is open: [bold cyan]{system.hub_url}[/]   (Ctrl-C closes it)\n")
            self._wait_for_counts(system, stop)
            self._live(system, cameras, duration_s, stop)
            self._say("Closing ...")
            self._account(system)
        self._summary()
        return self.record

    def _elapsed_s(self) -> float:
        return round(time.monotonic() - self._began_s, 1)

    def _say(self, words: str, style: str = "") -> None:
        styled = f"[{style}]{words}[/]" if style else words
        self._console.print(f"[dim]{self._elapsed_s():6.1f} s[/]  {styled}")

    def _opening_books(self) -> str:
        lines = self._world.books
        self._booked_count = len(lines)
        rows = [
            f"{line.sku},{line.kind},{line.units},{line.occurred_at.isoformat()},{line.reference}" for line in lines
        ]
        return "sku,kind,units,occurred_at,reference\n" + "\n".join(rows) + "\n"

    def _start_nodes(self, system: TrueSystem, server: CameraServer) -> None:
        for bay in self._plan.bays:
            camera = CameraPlan(bay.camera_id, server.snapshot_url(bay.camera_id), calibration_of(bay))
            system.add_node(bay.node_id, [camera], **NODE_SETTINGS)

    def _wait_for_counts(self, system: TrueSystem, stop: threading.Event) -> None:
        """The script begins when every zone has been counted once, however slow the machine is."""
        zones_count = len(self._plan.zones())
        while not stop.is_set():
            system.group.check()
            seen = [zone for zone in _zones(system) if zone["state"] == "seen"]
            if len(seen) == zones_count:
                self.record.counts_after_s = self._elapsed_s()
                self._say(f"All {zones_count} zones are counted.", "green")
                return
            if self._elapsed_s() > 120:  # noqa: PLR2004 - then the demo goes on with what it has
                self._say(f"Only {len(seen)} of {zones_count} zones are counted so far; going on.", "yellow")
                return
            stop.wait(0.5)

    def _live(
        self, system: TrueSystem, cameras: dict[str, ShelfCamera], duration_s: float | None, stop: threading.Event
    ) -> None:
        opened_s = time.monotonic()
        while not stop.is_set():
            now_s = time.monotonic() - opened_s
            if duration_s is not None and now_s > duration_s:
                return
            system.group.check()
            happened = self._life.step(now_s, datetime.now(UTC))
            for happening in happened:
                self._show(happening, cameras)
            self._post_till(system)
            self._tell_alerts(system)
            stop.wait(0.5)

    def _show(self, happening: ScriptHappening, cameras: dict[str, ShelfCamera]) -> None:
        self._say(f"store    {happening.words}")
        self.record.happenings.append({"after_s": self._elapsed_s(), "words": happening.words})
        if happening.camera_id is not None and happening.act is not None:
            cameras[happening.camera_id].set_fault(_FAULT_OF[happening.act])
            return
        for bay in self._plan.bays:
            if any(zone.zone_id == happening.zone_id for row in bay.rows for zone in row.zones):
                cameras[bay.camera_id].show(scene_of(bay, self._world))

    def _post_till(self, system: TrueSystem) -> None:
        """Book what went over the till since the last call; kept for the next call when the hub does not answer."""
        fresh = self._world.books[self._booked_count :]
        if not fresh:
            return
        try:
            system.client.post("/api/v1/movements", json=[_movement(line) for line in fresh]).raise_for_status()
        except httpx.HTTPError as error:
            self._say(f"till     the hub does not take it ({error}); trying again", "yellow")
            return
        self._booked_count += len(fresh)

    def _tell_alerts(self, system: TrueSystem) -> None:
        try:
            alerts = system.read("alerts?limit=1000")
        except httpx.HTTPError:
            return  # a busy machine: the next call tells
        for alert in reversed(alerts):
            match self.record.take(alert, self._elapsed_s()):
                case "opened":
                    self._say(f"ALERT    {alert['headline']}", "bold red")
                case "closed":
                    self._say(f"solved   {alert['headline']} ({alert['closed_because']})", "green")
                case _:
                    continue

    def _account(self, system: TrueSystem) -> None:
        seen = {zone["zone_id"]: zone for zone in _zones(system)}
        for _, zone in self._plan.zones():
            sight = seen.get(zone.zone_id, {})
            self.record.zones.append(
                {
                    "zone_id": zone.zone_id,
                    "true_facings": self._world.facings_count(zone.zone_id),
                    "seen_facings": sight.get("facings_count"),
                    "state": sight.get("state"),
                }
            )
        for boot in system.read("boots"):
            self.record.reports_count += boot["received_count"]
            self.record.missing_count += boot["missing_count"]

    def _summary(self) -> None:
        record = self.record
        right = sum(1 for zone in record.zones if zone["seen_facings"] == zone["true_facings"])
        self._console.print(
            f"{len(record.alerts)} alerts, {record.reports_count} reports in the ledger, {record.missing_count} lost; "
            f"{right} of {len(record.zones)} zones counted exactly at the end. Nothing is left running."
        )


def _movement(line: BookLine) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "kind": line.kind,
        "units": abs(line.units) if line.kind == "sale" else line.units,
        "occurred_at": line.occurred_at.isoformat(),
        "reference": line.reference,
    }


def _zones(system: TrueSystem) -> list[dict[str, Any]]:
    zones: list[dict[str, Any]] = [zone for shelf in system.read("shelves")["shelves"] for zone in shelf["zones"]]
    return zones
