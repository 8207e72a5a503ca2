# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings demo`: a small store on this machine, watched by true nodes, judged by a true hub, and yours to fool.

The store, its shoppers, its cameras and the visitor's panel live in this process; the hub (with an embedded broker) and
one node per bay run in processes of their own and know nothing of being in a demo.
"""

import json
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from simulator.cameras.bay_view import calibration_of
from simulator.cameras.shelf_camera import CameraServer
from simulator.demo_record import DemoRecord
from simulator.demo_stop import ClosedEarlyError, StopWish, stop_signals
from simulator.errors import DemoError, SimulatorError
from simulator.panel.app import PanelServer, create_panel
from simulator.panel.clock import StoreClock
from simulator.panel.showing import HubSays, Window
from simulator.panel.store import DemoStore
from simulator.panel.wishes import Wishes, WishRefused, answer
from simulator.rig.free_port import free_port
from simulator.rig.kept_view import keep_view
from simulator.rig.processes import utc_now
from simulator.rig.scenario import SCENARIOS_FOLDER, load_scenario
from simulator.rig.system import CameraPlan, TrueSystem, port_is_free
from simulator.store.books import BookLine

DEFAULT_PANEL_PORT = 8361
DEFAULT_HUB_PORT = 8360
COUNTS_PATIENCE_S = 120.0
STEP_S = 0.4
MOST_ROWS_COUNT = 5000
"""Movements in one call to the hub, which takes no more than 10,000."""

# A demo has a minute, a shop has a day: the same judgement with shorter patience.
HUB_OPTIONS = """
[judge]
patience_s = 60
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
CAMERA_OPTIONS: dict[str, Any] = {"frozen_after_s": 6.0}
NODE_SETTINGS: dict[str, Any] = {
    "look_interval_s": 1.0,
    "report_interval_s": 5.0,
    "evidence": True,
    "evidence_interval_s": 10.0,
}


def demo_command(
    *,
    duration: Annotated[float | None, typer.Option(help="Seconds to run; until Ctrl-C when left out.", min=5)] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what was seen, alerted and lost to this JSON file.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the shoppers' luck.")] = 1,
    port: Annotated[
        int | None, typer.Option(help="Port of the store's page; 8361 or, if taken, a free one; 0 for any.")
    ] = None,
    scenario: Annotated[
        Path, typer.Option(help="Scenario file: which store, and what happens in it.", exists=True)
    ] = SCENARIOS_FOLDER / "demo.toml",
) -> None:
    """Run a small store: cameras, nodes, hub, shoppers, and a page on which you may fool the system."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        with stop_signals() as stop, tempfile.TemporaryDirectory(prefix="facings-demo-") as folder:
            store = DemoStore(load_scenario(scenario), seed)
            record = Demo(store, Path(folder), seed, port, console).run(duration, stop)
    except ClosedEarlyError as error:
        console.print("Closed before the store opened. Nothing is left running.")
        raise typer.Exit(1) from error
    except (SimulatorError, httpx.HTTPError) as error:
        console.print(f"facings demo: {error}", markup=False)
        raise typer.Exit(1) from error
    if report is not None:
        report.write_text(json.dumps(record.to_dict(), indent=2) + "\n")
        console.print(f"Report: {report}")


def _movement(line: BookLine, occurred_at: datetime) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "kind": line.kind,
        "units": abs(line.units) if line.kind == "sale" else line.units,
        "occurred_at": occurred_at.isoformat(),
        "reference": line.reference,
    }


def _port(wanted: int | None, usual: int) -> int:
    return wanted or (usual if wanted is None and port_is_free(usual) else free_port())


class Demo:
    """One run of the store."""

    def __init__(self, store: DemoStore, folder: Path, seed: int, port: int | None, console: Console) -> None:
        self._store = store
        self._folder = folder
        self._console = console
        self._panel_port = _port(port, DEFAULT_PANEL_PORT)
        self._hub_port = _port(port and 0, DEFAULT_HUB_PORT)
        self._began_s = time.monotonic()
        self._booked_count = 0
        self._unbooked: list[dict[str, Any]] = []
        self._wishes = Wishes()
        self._says = HubSays()
        self._window = Window(store)
        self._shown: dict[str, Any] = {}
        self.record = DemoRecord(store_id=store.plan.store_id, seed=seed)

    def run(self, duration_s: float | None, stop: StopWish) -> DemoRecord:
        """Open the shop, live in it until told to stop, and account for it."""
        self._say("Drawing the shelves and starting hub and nodes ...")
        store = self._store
        store.set_up_cameras()
        panel = create_panel(lambda: self._shown, self._wishes, lambda camera_id: store.cameras[camera_id].frame_jpeg())
        with (
            CameraServer(store.cameras) as server,
            TrueSystem(self._folder, hub_options=HUB_OPTIONS, hub_port=self._hub_port) as system,
        ):
            system.start_hub()
            system.bring_in([calibration_of(bay) for bay in store.plan.bays], self._opening_books())
            for node_id, cameras in self._cameras_of_nodes(server, system).items():
                system.add_node(node_id, cameras, **NODE_SETTINGS)
            store.plug_in(system)
            clock = StoreClock(real_at=utc_now(), world_at=store.opened_at, speed=0.0)
            self._show(clock, system)
            with PanelServer(panel, self._panel_port) as page:
                stop.has_opened = True
                self.record.page_after_s = self._elapsed_s()
                self._console.print(
                    f"\n  The store is open: [bold cyan]{page.url}[/]   touch a shelf, a camera or a plug"
                    f"\n  What a manager sees: [bold cyan]{system.hub_url}[/]   (Ctrl-C closes both)\n"
                )
                self._wait_for_counts(clock, system, stop)
                clock.set_speed(store.scenario.speed, real_at=utc_now())
                self._live(clock, system, duration_s, stop)
            self._say("Closing ...")
            self._account(system)
        self._summary()
        return self.record

    def _cameras_of_nodes(self, server: CameraServer, system: TrueSystem) -> dict[str, list[CameraPlan]]:
        """What each node looks at; its cameras have hung there for a while, so it knows their views."""
        plans: dict[str, list[CameraPlan]] = {}
        for bay in self._store.plan.bays:
            calibration = calibration_of(bay)
            picture = self._store.cameras[bay.camera_id].frame_bgr(self._store.opened_at)
            if picture is not None:
                keep_view(system.state_folder(bay.node_id), calibration, picture, utc_now())
            camera = CameraPlan(bay.camera_id, server.snapshot_url(bay.camera_id), calibration, CAMERA_OPTIONS)
            plans.setdefault(bay.node_id, []).append(camera)
        return plans

    def _elapsed_s(self) -> float:
        return round(time.monotonic() - self._began_s, 1)

    def _say(self, words: str, style: str = "") -> None:
        styled = f"[{style}]{words}[/]" if style else words
        self._console.print(f"[dim]{self._elapsed_s():6.1f} s[/]  {styled}")

    def _opening_books(self) -> str:
        lines = self._store.world.books
        self._booked_count = len(lines)
        now = utc_now().isoformat()
        rows = [f"{line.sku},{line.kind},{line.units},{now},{line.reference}" for line in lines]
        return "sku,kind,units,occurred_at,reference\n" + "\n".join(rows) + "\n"

    def _wait_for_counts(self, clock: StoreClock, system: TrueSystem, stop: StopWish) -> None:
        """The day begins when every zone has been counted once, however slow the machine is."""
        zones_count = len(self._store.plan.zones())
        while not stop.is_set():
            self._store.check(system)
            self._ask_hub(system)
            self._show(clock, system)
            seen_count = sum(1 for zone in self._says.zones.values() if zone["state"] == "seen")
            if seen_count == zones_count:
                self.record.counts_after_s = self._elapsed_s()
                self._say(f"All {zones_count} zones are counted.", "green")
                return
            if self._elapsed_s() > COUNTS_PATIENCE_S:
                self._say(f"Only {seen_count} of {zones_count} zones are counted so far; going on.", "yellow")
                return
            stop.wait(STEP_S)

    def _live(self, clock: StoreClock, system: TrueSystem, duration_s: float | None, stop: StopWish) -> None:
        opened_s = time.monotonic()
        while not stop.is_set() and (duration_s is None or time.monotonic() - opened_s <= duration_s):
            self._store.check(system)
            now = clock.world_at(utc_now())
            happened = self._store.advance(now)
            for asked in iter(self._wishes.next, None):
                try:
                    words = self._store.grant(asked.wish, clock, utc_now())
                except WishRefused as refused:
                    answer(asked, str(refused), refused=True)
                    continue
                answer(asked, words)
                happened.append((now, words))
            for at, words in happened:
                self._say(f"store    {words}")
                self.record.happenings.append({"after_s": self._elapsed_s(), "at": at.isoformat(), "words": words})
            real_now = utc_now()
            self._store.refresh_cameras(clock.world_at(real_now), real_now)
            self._post_till(clock, system)
            self._ask_hub(system)
            self._tell_alerts()
            self._show(clock, system)
            stop.wait(STEP_S)

    def _post_till(self, clock: StoreClock, system: TrueSystem) -> None:
        """Book what was written since the last call; kept for the next call when the hub does not answer.

        A line's instant is settled once: the hub refuses a line that comes again with another one.
        """
        fresh = self._store.world.books[self._booked_count :]
        self._booked_count += len(fresh)
        now = utc_now()  # while the store stands still, real time passes between its lines
        self._unbooked += [_movement(line, clock.real_at(line.occurred_at) if clock.speed else now) for line in fresh]
        rows = self._unbooked[:MOST_ROWS_COUNT]
        if not rows:
            return
        try:
            answer = system.client.post("/api/v1/movements", json=rows)
        except httpx.HTTPError:
            return  # the panel says that the hub does not answer
        if answer.is_client_error:
            raise DemoError(f"the hub refuses {len(rows)} lines of the till: {answer.text[:500]}")
        if answer.is_success:
            del self._unbooked[: len(rows)]

    def _ask_hub(self, system: TrueSystem) -> None:
        try:
            shelves, alerts = system.read("shelves"), system.read("alerts?limit=200")
        except httpx.HTTPError:
            self._says = self._says.silent()
            return
        self._says = HubSays.of(shelves, alerts)

    def _tell_alerts(self) -> None:
        for alert in reversed(self._says.alerts):
            match self.record.take(alert, self._elapsed_s()):
                case "opened":
                    self._say(f"ALERT    {alert['headline']}", "bold red")
                case "closed":
                    self._say(f"solved   {alert['headline']} ({alert['closed_because']})", "green")
                case _:
                    continue

    def _show(self, clock: StoreClock, system: TrueSystem) -> None:
        """Lay out what the panel shows; swapped as a whole, so the page never reads half of it."""
        happenings = self.record.happenings
        self._shown = self._window.look(clock, self._says, happenings, hub_url=system.hub_url, now=utc_now())

    def _account(self, system: TrueSystem) -> None:
        self._ask_hub(system)
        for _, zone in self._store.plan.zones():
            sight = self._says.zones.get(zone.zone_id, {})
            self.record.zones.append(
                {
                    "zone_id": zone.zone_id,
                    "true_facings": self._store.world.front_packs_count(zone.zone_id),
                    "seen_facings": sight.get("facings_count"),
                    "state": sight.get("state"),
                }
            )
        try:
            boots = system.read("boots")
        except httpx.HTTPError:
            self._say("The hub does not answer, so its ledger stays uncounted.", "yellow")
            return
        for boot in boots:
            self.record.reports_count += boot["received_count"]
            self.record.missing_count += boot["missing_count"]

    def _summary(self) -> None:
        record = self.record
        right = sum(1 for zone in record.zones if zone["seen_facings"] == zone["true_facings"])
        self._console.print(
            f"{len(record.alerts)} alerts, {record.reports_count} reports in the ledger, {record.missing_count} lost; "
            f"{right} of {len(record.zones)} zones counted exactly at the end. Nothing is left running."
        )
