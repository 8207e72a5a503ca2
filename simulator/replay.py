# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings replay`: the whole system over a folder of photographs of one shelf, as if its camera had taken them.

Broker, hub and node are the true ones, in processes of their own. Says what was counted picture by picture and which
alerts followed.
"""

import json
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from calibration.document import Calibration
from calibration.errors import CalibrationFault
from calibration.files import load_calibration
from simulator.demo_record import DemoRecord
from simulator.errors import SimulatorError
from simulator.rig.system import CameraPlan, TrueSystem

HUB_OPTIONS = """
[judge]
silent_after_s = 30
update_every_s = 1
restock_from_back = { open_after_s = 1, close_after_s = 1 }
out_of_stock = { open_after_s = 1, close_after_s = 1 }
phantom_inventory = { open_after_s = 1, close_after_s = 1 }
unrecorded_stock = { open_after_s = 1, close_after_s = 1 }
view_lost = { open_after_s = 1, close_after_s = 1 }
node_lost = { open_after_s = 10, close_after_s = 1 }
"""
_LAST_PICTURE_S = 6.0
"""The last picture stays longer, so that alerts which it ends have time to close."""


@dataclass(slots=True)
class ReplayRecord:
    """What was counted and alerted; times are seconds since the first picture."""

    readings: list[dict[str, Any]] = field(default_factory=list)
    """Each change of a zone's count, in order."""
    alerts: list[dict[str, Any]] = field(default_factory=list)
    reports_count: int = 0
    missing_count: int = 0


def run_replay(
    folder: Path,
    pictures: Path,
    *,
    calibration: Calibration,
    books_csv: str | None,
    order: Path | None,
    hold_looks: int,
    look_interval_s: float,
    broker: str,
    database_url: str | None,
    progress: Any = None,
    live: bool = False,
) -> ReplayRecord:
    """Show each picture for `hold_looks` looks and follow the hub. Raises SimulatorError when a process dies."""
    pictures_count = len(_picture_names(pictures, order))
    duration_s = pictures_count * hold_looks * look_interval_s + _LAST_PICTURE_S
    options: dict[str, Any] = {"loop": False, "live": live, "hold_looks_count": hold_looks}
    if order is not None:
        options["order_file"] = str(order.resolve())
    with TrueSystem(folder, broker=broker, database_url=database_url, hub_options=HUB_OPTIONS) as system:
        system.start_hub()
        system.bring_in([calibration], books_csv)
        camera = CameraPlan(calibration.camera_id, str(pictures.resolve()), calibration, options)
        system.add_node("replay", [camera], look_interval_s=look_interval_s, report_interval_s=1.0, evidence=True)
        return _follow(system, duration_s, progress)


def _picture_names(pictures: Path, order: Path | None) -> list[str]:
    if order is not None:
        return [line for line in order.read_text().splitlines() if line.strip()]
    return sorted(path.name for path in pictures.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})


def _follow(system: TrueSystem, duration_s: float, progress: Any) -> ReplayRecord:
    record, alerts = ReplayRecord(), DemoRecord(store_id="replay", seed=0)
    latest: dict[str, tuple[Any, ...]] = {}
    began_s: float | None = None
    waiting_since_s = time.monotonic()
    while began_s is None or time.monotonic() - began_s < duration_s:
        system.group.check()
        for shelf in system.read("shelves")["shelves"]:
            for zone in shelf["zones"]:
                sight = (zone["state"], zone["reason"], zone["facings_count"])
                if zone["state"] != "unknown" and began_s is None:
                    began_s = time.monotonic()
                if latest.get(zone["zone_id"]) != sight and began_s is not None:
                    latest[zone["zone_id"]] = sight
                    record.readings.append(
                        {
                            "after_s": round(time.monotonic() - began_s, 1),
                            "zone_id": zone["zone_id"],
                            "state": sight[0],
                            "reason": sight[1],
                            "facings": sight[2],
                        }
                    )
        for alert in reversed(system.read("alerts?limit=1000")):
            alerts.take(alert, round(time.monotonic() - (began_s or time.monotonic()), 1))
        if began_s is None and time.monotonic() - waiting_since_s > duration_s + 30:
            break  # nothing was ever seen: that is an outcome, not a failure
        if progress is not None:
            progress(0.0 if began_s is None else time.monotonic() - began_s, duration_s)
        time.sleep(0.2)
    record.alerts = list(alerts.alerts.values())
    for boot in system.read("boots"):
        record.reports_count += boot["received_count"]
        record.missing_count += boot["missing_count"]
    return record


def replay_command(
    pictures: Annotated[Path, typer.Argument(help="Folder of photographs of one shelf.", exists=True, file_okay=False)],
    *,
    calibration: Annotated[Path, typer.Option(help="Calibration drawn on the photographs.")],
    books: Annotated[Path | None, typer.Option(help="CSV of book stock.", exists=True)] = None,
    order: Annotated[Path | None, typer.Option(help="One file name a line; sorted when left out.", exists=True)] = None,
    hold_looks: Annotated[int, typer.Option(help="Looks for which each photograph stays.", min=1)] = 8,
    look_interval: Annotated[float, typer.Option(help="Seconds between looks.", min=0.05)] = 0.5,
    broker: Annotated[str, typer.Option(help="mosquitto, or embedded.")] = "mosquitto",
    database: Annotated[str | None, typer.Option(help="URL of an empty database; SQLite when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run the whole system over a folder of photographs and say which alerts follow."""
    console = Console(stderr=True)
    try:
        drawn = load_calibration(calibration)
        with tempfile.TemporaryDirectory(prefix="facings-replay-") as folder, Progress(console=console) as bar:
            task = bar.add_task("photographs", total=None)
            record = run_replay(
                Path(folder),
                pictures,
                calibration=drawn,
                books_csv=books.read_text() if books else None,
                order=order,
                hold_looks=hold_looks,
                look_interval_s=look_interval,
                broker=broker,
                database_url=database,
                progress=lambda done_s, all_s: bar.update(task, completed=done_s, total=all_s),
            )
    except (SimulatorError, CalibrationFault, httpx.HTTPError) as error:
        console.print(f"facings replay: {error}", markup=False)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(asdict(record)))
        return
    readings = Table("after s", "zone", "facings", title="Counts")
    for reading in record.readings:
        readings.add_row(str(reading["after_s"]), reading["zone_id"], str(reading["facings"] or reading["reason"] or 0))
    alerts = Table("opened s", "closed s", "alert", title="Alerts")
    for alert in record.alerts:
        alerts.add_row(str(alert.get("opened_after_s")), str(alert.get("closed_after_s", "open")), alert["headline"])
    out = Console()
    out.print(readings)
    out.print(alerts if record.alerts else "No alert opened.")
    out.print(f"{record.reports_count} reports in the ledger, {record.missing_count} lost.")
