# SPDX-License-Identifier: AGPL-3.0-or-later
"""From inbox to ledger: batch, commit, tell the nodes, acknowledge. Nothing is acknowledged before it is on disk.

The order is what makes it lossless. Killed before the commit: nobody was told, the nodes send again. Killed after
it: they send again too, the ledger knows the key, and they are told again.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from contract.reports import Committed
from server.broker_link import BrokerLink
from server.database import hold_ingest_lock, writing
from server.gaps import GapLog
from server.heartbeat import beat
from server.inbox import Arrival, Inbox
from server.ledger import Stored, store
from server.letters import Letter, ReportLetter, dead_letter_of, read_letter
from server.shelves import DesiredPublisher

_log = structlog.get_logger(__name__)

BATCH_COUNT = 500
LINGER_S = 0.020
_IDLE_S = 0.5
_BEAT_INTERVAL_S = 2.0
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0


@dataclass(slots=True)
class Tally:
    """What this ingest did since it started."""

    batches_count: int = 0
    new_reports_count: int = 0
    repeated_reports_count: int = 0
    dead_letters_count: int = 0
    pictures_count: int = 0
    database_failures_count: int = 0


class Ingest:
    """One thread that writes. `stop` lets it finish the batch in hand."""

    def __init__(self, engine: Engine, link: BrokerLink, inbox: Inbox, *, pictures_per_camera_count: int) -> None:
        self._engine = engine
        self._link = link
        self._inbox = inbox
        self._pictures_per_camera_count = pictures_per_camera_count
        self._desired = DesiredPublisher(engine, link)
        self._gaps = GapLog(engine)
        self._stopping = threading.Event()
        self._next_beat_s = 0.0
        self.tally = Tally()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    def start(self) -> None:
        """Begin to take what the inbox holds."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand, or give it up if the database does not answer: the nodes still have it."""
        self._stopping.set()
        self._inbox.close()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = self._inbox.take(max_count=BATCH_COUNT, linger_s=LINGER_S, idle_s=_IDLE_S)
            if batch:
                self._settle(batch)
            if time.monotonic() >= self._next_beat_s:
                self._next_beat_s = time.monotonic() + _BEAT_INTERVAL_S
                self._beat()

    def _settle(self, batch: list[Arrival]) -> None:
        letters = [letter for arrival in batch if (letter := read_letter(arrival)) is not None]
        stored = self._store_until_it_works(letters)
        if stored is None:
            return
        for (node_id, boot_id), sequences in stored.settled.items():
            self._link.say_committed(Committed.of(node_id, boot_id, sequences))
        self._link.acknowledge(batch)

    def _store_until_it_works(self, letters: Sequence[Letter]) -> Stored | None:
        """Commit the batch, however long the database is away; None when the hub stops first."""
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                stored = self._store(letters)
            except SQLAlchemyError as error:
                if _is_refusal(error) and (kept := self._without_refused(letters)) != letters:
                    letters = kept
                    continue
                self.tally.database_failures_count += 1
                _log.error("database_unavailable", error=str(error).splitlines()[0], waiting_count=len(letters))
                if self._stopping.wait(retry_s):
                    return None
                retry_s = min(2 * retry_s, _LAST_RETRY_S)
            else:
                self._count(stored)
                return stored

    def _store(self, letters: Sequence[Letter]) -> Stored:
        with writing(self._engine) as connection:
            hold_ingest_lock(connection)
            return store(connection, letters, pictures_per_camera_count=self._pictures_per_camera_count)

    def _without_refused(self, letters: Sequence[Letter]) -> list[Letter]:
        """Turn each letter that the database will never take into a dead letter; the rest stays as it is."""
        kept: list[Letter] = []
        for letter in letters:
            refusal = self._refusal(letter)
            if refusal is None:
                kept.append(letter)
                continue
            _log.error("letter_refused", kind=type(letter).__name__, reason=refusal)
            if isinstance(letter, ReportLetter):
                kept.append(dead_letter_of(letter, refusal))
        return kept

    def _refusal(self, letter: Letter) -> str | None:
        """Why the database will never take this letter, found by trying without committing."""
        try:
            with self._engine.execution_options(facings_writes=True).connect() as connection:
                hold_ingest_lock(connection)
                store(connection, [letter], pictures_per_camera_count=self._pictures_per_camera_count)
        except SQLAlchemyError as error:
            return f"the database refused it: {str(error).splitlines()[0]}" if _is_refusal(error) else None
        return None

    def _count(self, stored: Stored) -> None:
        self.tally.batches_count += 1
        self.tally.new_reports_count += stored.new_reports_count
        self.tally.repeated_reports_count += stored.repeated_reports_count
        self.tally.dead_letters_count += stored.dead_letters_count
        self.tally.pictures_count += stored.pictures_count

    def _beat(self) -> None:
        """Leave a sign of life for the API, which may run in another process, and publish new configurations."""
        since_at = self._link.listening_since_at
        detail = {
            **asdict(self.tally),
            "waiting_count": len(self._inbox),
            "refused_count": self._link.refused_count,
            "listening_since_at": since_at.isoformat() if since_at else None,
            "trouble": self._link.trouble,
        }
        try:
            beat(self._engine, "ingest", datetime.now(UTC), ok=since_at is not None, detail=detail)
            self._desired.publish_new()
            self._gaps.look()
        except SQLAlchemyError as error:
            _log.warning("heartbeat_failed", error=str(error).splitlines()[0])


def _is_refusal(error: SQLAlchemyError) -> bool:
    """Whether this very letter can never be stored, as opposed to a database that is away, locked, busy or full.

    A StatementError that is no DBAPIError comes from a value that could not be written into the statement.
    """
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError)
    return isinstance(error, StatementError)
