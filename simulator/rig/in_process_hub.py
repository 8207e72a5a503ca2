# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hub's own code, called at the instants that simulated time gives: letters, ledger, books, judge, alerts.

No thread, socket or clock: what `server.ingest`, `server.pipeline` and `server.api_books` do around these calls is
done here by hand. The database is the product's, migrations included, in a file of its own.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, select

from calibration.document import Calibration
from contract.reports import Committed
from server import tables
from server.alert_state import Suspicion
from server.alerts import open_alerts
from server.books import read_items
from server.database import hold_ingest_lock, migrate, open_engine, reading, writing
from server.discrepancy import AlertKey
from server.inbox import Arrival
from server.judge import judge_shop
from server.judgement_settings import JudgeSettings, NoticeSettings
from server.ledger import store
from server.letters import read_letter
from server.movements import take_movements
from server.shelf_view import read_shelves
from server.shelves import take_calibration
from server.suspicions import read_suspicions
from simulator.scoring.record import AlertRow, ZoneSample
from simulator.store.world import BookLine

JUDGE_AT_LEAST_EVERY = timedelta(seconds=120)
"""The product judges twice a second. Here it judges when something new arrived, when a patience or a silence runs out,
and this often for what only time changes, which is how likely phantom stock is."""
_SHORTEST_WAIT = timedelta(seconds=0.5)


class InProcessHub:
    """One hub with its database in `folder`. `listening_since_at` is None while it does not hear the broker."""

    def __init__(self, folder: Path, settings: JudgeSettings) -> None:
        self.database_url = f"sqlite:///{folder / 'hub.sqlite'}"
        self._engine = open_engine(self.database_url)

        @event.listens_for(self._engine, "connect")
        def _quick(connection: sqlite3.Connection, _record: Any) -> None:
            # Nothing of this process survives a power cut of the machine, so the disk need not be waited for.
            connection.execute("PRAGMA synchronous = OFF")

        self._settings = settings
        self._notices = NoticeSettings()
        self.listening_since_at: datetime | None = None
        migrate(self._engine)

    def open_shop(self, calibrations: Sequence[Calibration], now: datetime) -> None:
        """Take the planogram."""
        with writing(self._engine) as connection:
            for calibration in calibrations:
                take_calibration(connection, calibration, now)

    def take_books(self, lines: Sequence[BookLine], now: datetime) -> None:
        """Take lines as a till's stream brings them. Raises server.movements.BooksError when one is wrong."""
        items = [
            {
                "sku": line.sku,
                "kind": line.kind,
                "units": abs(line.units) if line.kind == "sale" else line.units,
                "occurred_at": line.occurred_at.isoformat(),
                "reference": line.reference,
            }
            for line in lines
        ]
        movements = read_items(items, source="movements", now=now)
        with writing(self._engine) as connection:
            take_movements(connection, movements, source="movements", now=now)

    def ingest(self, arrivals: Sequence[Arrival]) -> list[Committed]:
        """Commit one batch of messages; what may be told to the nodes afterwards."""
        letters = [letter for arrival in arrivals if (letter := read_letter(arrival)) is not None]
        with writing(self._engine) as connection:
            hold_ingest_lock(connection)
            stored = store(connection, letters, pictures_per_camera_count=1)
        return [Committed.of(node_id, boot_id, numbers) for (node_id, boot_id), numbers in stored.settled.items()]

    def judge(self, now: datetime) -> datetime:
        """Judge the shop; when it must be judged again at the latest."""
        judge_shop(self._engine, now, self._settings, self._notices, listening_since_at=self.listening_since_at)
        with reading(self._engine) as connection:
            suspicions = read_suspicions(connection)
            open_keys = open_alerts(connection).keys()
            heard = _last_words(connection)
        due = [at for key, suspicion in suspicions.items() for at in self._due_at(key, suspicion, key in open_keys)]
        due += [at + self._settings.silent_after + _SHORTEST_WAIT for at in heard]
        return min([now + JUDGE_AT_LEAST_EVERY, *(max(at, now + _SHORTEST_WAIT) for at in due if at > now)])

    def _due_at(self, key: AlertKey, suspicion: Suspicion, is_open: bool) -> list[datetime]:  # noqa: FBT001
        """When this suspicion may open or this alert close if nothing changes."""
        if suspicion.frozen_at is not None:
            return []
        settings = self._settings
        longer_s = (None, settings.occluded_open_after_s, settings.hidden_zone_open_after_s)
        timings = [settings.timing(key.kind, open_after_s=open_after_s) for open_after_s in longer_s]
        if is_open or suspicion.muted:
            return [suspicion.clear_since_at + timings[0].close_after] if suspicion.clear_since_at else []
        return [suspicion.since_at + timing.open_after for timing in timings]

    def samples(self, now: datetime) -> list[ZoneSample]:
        """What the hub's own page says of every zone now."""
        with reading(self._engine) as connection:
            shelves = read_shelves(connection, now, self._settings.silent_after)
        return [
            ZoneSample(
                at=now,
                zone_id=zone.zone_id,
                state=zone.state,
                facings_count=None if zone.facings_count is None else float(zone.facings_count),
                reason=zone.reason,
            )
            for shelf in shelves
            for zone in shelf.zones
        ]

    def alert_rows(self) -> list[AlertRow]:
        """Every alert of the run by opening. Numbered in that order: the hub's own ids are random."""
        alert = tables.alert.c
        query = select(tables.alert).order_by(alert.opened_at, alert.kind, alert.place_id)
        with reading(self._engine) as connection:
            rows = list(connection.execute(query))
        return [
            AlertRow(
                alert_id=f"alert-{number:05d}",
                kind=row.kind,
                place_kind=row.place_kind,
                place_id=row.place_id,
                sku=row.sku,
                zone_ids=tuple(row.evidence["zone_ids"]),
                camera_ids=tuple(row.evidence["camera_ids"]),
                opened_at=row.opened_at,
                closed_at=row.closed_at,
                headline=row.headline,
                closed_because=row.closed_because,
                probability_fraction=row.evidence["probability_fraction"],
            )
            for number, row in enumerate(rows, start=1)
        ]

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()


def _last_words(connection: Connection) -> list[datetime]:
    """When each camera and node was last heard of: what silence is counted from."""
    latest = (tables.camera_latest.c.received_at, tables.camera_latest.c.looked_at, tables.node_latest.c.received_at)
    return [at for column in latest for at in connection.execute(select(column)).scalars()]
