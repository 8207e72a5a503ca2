# SPDX-License-Identifier: AGPL-3.0-or-later
"""Does every report arrive exactly once when node, broker and hub are killed at random moments?

A true node, a true broker and a true hub run in processes of their own. SIGKILL hits one of the three at random
moments spread over the whole run, often while it is still starting up from the last one. Afterwards the node is asked
to be quiet, the system drains, and the node's own account of what it ever numbered (written in the same transaction
as each report) is held against the ledger.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sqlalchemy import create_engine, func, select

from server.tables import dead_letter, report
from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.errors import ProcessError
from simulator.picture.render import render_scene
from simulator.rig.processes import Process
from simulator.rig.system import CameraPlan, TrueSystem
from simulator.rig.system_account import outbox_account, waiting_count
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.world import World

Progress = Callable[[str, int, int], None]
"""Told a phase (kills, reports, drained), what is done and what is to do."""

NODE_ID = "node-under-fire"
LOOK_INTERVAL_S = 0.02
DRAIN_PATIENCE_S = 180.0
JITTER_S = 0.3
"""A kill comes so much after its moment is due, and a restart so much after the kill, both by chance."""
STUCK_PATIENCE_S = 60.0
"""Longer than any restart takes; afterwards the next kill comes whatever the node does."""


@dataclass(frozen=True, slots=True)
class DurabilityOutcome:
    """What was sent, what arrived, and what was done to the three."""

    broker: str
    database: str
    seed: int
    reports_count: int
    """Reports that the node ever numbered, over all its boots."""
    ledger_count: int
    missing_count: int
    doubled_count: int
    dead_letters_count: int
    left_on_node_count: int
    boots_count: int
    kills_count: dict[str, int]
    elapsed_s: float

    @property
    def exactly_once(self) -> bool:
        """Whether every report is in the ledger once and nothing else is."""
        spoiled = self.missing_count + self.doubled_count + self.dead_letters_count + self.left_on_node_count
        return spoiled == 0 and self.reports_count == self.ledger_count

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "exactly_once": self.exactly_once}


def run_durability(
    folder: Path,
    *,
    reports_count: int,
    kills_count: int,
    seed: int,
    progress: Progress,
    broker: str = "mosquitto",
    database_url: str | None = None,
) -> DurabilityOutcome:
    """Kill `kills_count` times while at least `reports_count` reports are made, then drain and count.

    Raises ProcessError when the system does not drain.
    """
    began_s = time.monotonic()
    rng = np.random.default_rng(seed)
    camera = _camera(folder)
    with TrueSystem(folder, broker=broker, database_url=database_url) as system:
        system.start_hub()
        node = _start_node(system, camera, LOOK_INTERVAL_S)
        victims: dict[str, Process] = {"node": node, "hub": system.hub}
        if system.broker is not None:
            victims["broker"] = system.broker
        killed = dict.fromkeys(victims, 0)
        thresholds = np.sort(rng.uniform(0, reports_count, kills_count))
        for kill, threshold in enumerate(thresholds):
            _wait_for_reports(system, float(threshold))
            time.sleep(float(rng.uniform(0, JITTER_S)))
            name = str(rng.choice(list(victims)))
            victims[name].kill()
            killed[name] += 1
            time.sleep(float(rng.uniform(0, JITTER_S)))
            victims[name].start()
            progress("kills", kill + 1, kills_count)
            progress("reports", sum(_numbered(system).values()), reports_count)
        while (made := sum(_numbered(system).values())) < reports_count:
            progress("reports", made, reports_count)
            system.group.check()
            time.sleep(0.5)
        _quieten(system, node, camera)
        numbered = _drain(system, progress)
        stored, doubled_count, dead_letters_count = _ledger(system.database_url)
        missing_count = sum(max(0, last - stored.get(boot_id, 0)) for boot_id, last in numbered.items())
        return DurabilityOutcome(
            broker=broker,
            database=system.database_url.split(":", 1)[0],
            seed=seed,
            reports_count=sum(numbered.values()),
            ledger_count=sum(stored.values()),
            missing_count=missing_count,
            doubled_count=doubled_count,
            dead_letters_count=dead_letters_count,
            left_on_node_count=_left_on_node(system),
            boots_count=len(numbered),
            kills_count=killed,
            elapsed_s=round(time.monotonic() - began_s, 1),
        )


def _wait_for_reports(system: TrueSystem, threshold: float) -> None:
    deadline_s = time.monotonic() + STUCK_PATIENCE_S
    while sum(_numbered(system).values()) < threshold and time.monotonic() < deadline_s:
        system.group.check()
        time.sleep(0.05)


def _camera(folder: Path) -> CameraPlan:
    """A folder of two small pictures of one bay: what is looked at does not matter here, only that reports are made."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    plan = load_store_plan(STORES_FOLDER / "corner.toml")
    rng = np.random.default_rng(1)
    bay = plan.bays[0].model_copy(update={"camera_id": "cam-under-fire", "image_wh_px": (320, 240)})
    world = World(plan, datetime.now(UTC), rng)
    for i in range(2):
        cv2.imwrite(str(pictures / f"{i}.jpg"), render_scene(scene_of(bay, world), rng).image_bgr)
    return CameraPlan(bay.camera_id, str(pictures), calibration_of(bay), {"live": False})


def _start_node(system: TrueSystem, camera: CameraPlan, interval_s: float) -> Process:
    return system.add_node(NODE_ID, [camera], look_interval_s=interval_s, report_interval_s=interval_s)


def _quieten(system: TrueSystem, node: Process, camera: CameraPlan) -> None:
    """Let the node make no more reports than its first, so that the outbox can run empty."""
    node.stop()
    system.write_node(NODE_ID, [camera], look_interval_s=3600.0, report_interval_s=3600.0)
    node.start()


def _drain(system: TrueSystem, progress: Progress) -> dict[str, int]:
    """Wait until the node holds nothing any more; what it numbered, by boot."""
    deadline_s = time.monotonic() + DRAIN_PATIENCE_S
    most = 1
    quiet_since_s: float | None = None
    while True:
        left = _left_on_node(system)
        most = max(most, left)
        progress("drained", most - left, most)
        if left:
            quiet_since_s = None
        elif quiet_since_s is None:
            quiet_since_s = time.monotonic()
        elif time.monotonic() - quiet_since_s > 3.0:  # noqa: PLR2004 - the last boot's first report has come and gone
            return _numbered(system)
        if time.monotonic() > deadline_s:
            tails = "\n".join(f"--- {process.name}\n{process.log_tail()}" for process in system.group.processes)
            raise ProcessError(f"{left} reports are still on the node after {DRAIN_PATIENCE_S:g} s\n{tails}")
        time.sleep(0.2)


def _outbox(system: TrueSystem) -> Path:
    return system.state_folder(NODE_ID) / "outbox.sqlite"


def _numbered(system: TrueSystem) -> dict[str, int]:
    return outbox_account(_outbox(system)).last_sequences


def _left_on_node(system: TrueSystem) -> int:
    return waiting_count(_outbox(system))


def _ledger(database_url: str) -> tuple[dict[str, int], int, int]:
    """Distinct sequences by boot, how many rows are repetitions, and how many dead letters there are."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            distinct = func.count(report.c.sequence.distinct())
            by_boot = select(report.c.boot_id, distinct, func.count()).group_by(report.c.boot_id)
            rows = connection.execute(by_boot).all()
            dead_letters_count = connection.execute(select(func.count()).select_from(dead_letter)).scalar_one()
    finally:
        engine.dispose()
    doubled_count = sum(total - once for _, once, total in rows)
    return {boot_id: once for boot_id, once, _ in rows}, doubled_count, dead_letters_count
