# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reports on the node's disk, kept until the hub says that they are on its own.

A broker's acknowledgement is not durability, so a row leaves only by `settle`, or when the outbox is full: then the
oldest leave and are counted. SQLite in WAL mode with `synchronous=FULL` survives SIGKILL and power cuts at any moment.
"""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contract.reports import Committed, CountReport, ReportKey
from edge.errors import OutboxDamaged, OutboxError
from edge.reserve import Reserve

_SCHEMA = """
CREATE TABLE IF NOT EXISTS report (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (node_id, boot_id, sequence)
);
CREATE TABLE IF NOT EXISTS boot (
    boot_id TEXT PRIMARY KEY,
    node_id TEXT NOT NULL,
    started_at TEXT NOT NULL,
    last_sequence INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, amount INTEGER NOT NULL);
INSERT OR IGNORE INTO meta VALUES ('dropped_count', 0);
PRAGMA user_version = 1;
"""


@dataclass(frozen=True, slots=True)
class Pending:
    """One report that the hub has not settled. `position` orders them over boots."""

    position: int
    key: ReportKey
    payload: bytes


class Outbox:
    """The queue of one node over all its boots; `boot_id` names this one. Threads may share it.

    On a full disk nothing more is taken, but what the hub settles still leaves. Raises OutboxError when the file cannot
    be used, or holds unsent reports of a node of another name.
    """

    def __init__(
        self, file: Path, *, node_id: str, boot_id: str, started_at: datetime, max_reports_count: int = 1_000_000
    ) -> None:
        self._node_id = node_id
        self._boot_id = boot_id
        self._max_reports_count = max_reports_count
        self._turn = threading.Lock()
        self._reserve = Reserve(file.with_name(file.name + ".reserve"))
        try:
            self._database = _begin(file, node_id, boot_id, started_at)
        except OutboxError:
            if not self._reserve.release():
                raise
            self._database = _begin(file, node_id, boot_id, started_at)
        self._reserve.fill()
        self._count = int(self._database.execute("SELECT count(*) FROM report").fetchone()[0])

    def append(self, make_report: Callable[[int], CountReport]) -> CountReport:
        """Put one report on disk. `make_report` is called with its sequence; when this returns, it is durable.

        Raises OutboxError when the disk does not take it; the sequence is then given to the next report. Raises
        OutboxDamaged when the file is damaged.
        """
        with self._turn:
            try:
                with self._database:
                    [(last,)] = self._database.execute(
                        "UPDATE boot SET last_sequence = last_sequence + 1 WHERE boot_id = ? RETURNING last_sequence",
                        (self._boot_id,),
                    ).fetchall()
                    report = make_report(last)
                    self._database.execute(
                        "INSERT INTO report (node_id, boot_id, sequence, payload) VALUES (?, ?, ?, ?)",
                        (self._node_id, self._boot_id, last, report.to_json()),
                    )
                    dropped_count = self._drop_oldest(self._count + 1 - self._max_reports_count)
            except sqlite3.Error as error:
                raise _fault(error)(f"outbox of {self._node_id}: a report cannot be written ({error})") from error
            self._count += 1 - dropped_count
        return report

    def settle(self, committed: Committed) -> int:
        """Delete what the hub has settled; answers for other nodes delete nothing. Returns how many rows left."""
        if committed.node_id != self._node_id:
            return 0
        with self._turn:
            try:
                settled_count = self._delete(committed)
            except sqlite3.Error as error:
                raise OutboxError(f"outbox of {self._node_id}: settled reports cannot leave ({error})") from error
            self._count -= settled_count
            if self._count == 0:
                self._reserve.fill()
        return settled_count

    def pending(self, *, after_position: int, limit: int) -> list[Pending]:
        """Reports beyond a position, oldest first."""
        with self._turn:
            rows = self._database.execute(
                "SELECT position, node_id, boot_id, sequence, payload FROM report WHERE position > ?"
                " ORDER BY position LIMIT ?",
                (after_position, limit),
            ).fetchall()
        return [
            Pending(position, ReportKey(node_id=node_id, boot_id=boot_id, sequence=sequence), payload)
            for position, node_id, boot_id, sequence, payload in rows
        ]

    @property
    def pending_count(self) -> int:
        """Reports on disk."""
        return self._count

    @property
    def dropped_count(self) -> int:
        """Reports given up because the outbox was full, over the node's life."""
        with self._turn:
            (amount,) = self._database.execute("SELECT amount FROM meta WHERE name = 'dropped_count'").fetchone()
        return int(amount)

    @property
    def last_sequence(self) -> int:
        """Highest sequence of this boot; 0 before the first."""
        with self._turn:
            (last,) = self._database.execute(
                "SELECT last_sequence FROM boot WHERE boot_id = ?", (self._boot_id,)
            ).fetchone()
        return int(last)

    def last_sequences(self) -> dict[str, int]:
        """Highest sequence of every boot this outbox has known, for audits."""
        with self._turn:
            return dict(self._database.execute("SELECT boot_id, last_sequence FROM boot").fetchall())

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._database.close()

    def _delete(self, committed: Committed) -> int:
        try:
            return self._delete_once(committed)
        except sqlite3.OperationalError:
            if not self._reserve.release():
                raise
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self._delete_once(committed)

    def _delete_once(self, committed: Committed) -> int:
        with self._database:
            return sum(
                self._database.execute(
                    "DELETE FROM report WHERE node_id = ? AND boot_id = ? AND sequence BETWEEN ? AND ?",
                    (self._node_id, committed.boot_id, span.first, span.last),
                ).rowcount
                for span in committed.ranges
            )

    def _drop_oldest(self, excess_count: int) -> int:
        if excess_count <= 0:
            return 0
        self._database.execute(
            "DELETE FROM report WHERE position IN (SELECT position FROM report ORDER BY position LIMIT ?)",
            (excess_count,),
        )
        self._database.execute("UPDATE meta SET amount = amount + ? WHERE name = 'dropped_count'", (excess_count,))
        return excess_count


def _fault(error: sqlite3.Error) -> type[OutboxError]:
    # Python raises this very class, and none below it, for a file that is malformed or no database at all.
    return OutboxDamaged if type(error) is sqlite3.DatabaseError else OutboxError


def _begin(file: Path, node_id: str, boot_id: str, started_at: datetime) -> sqlite3.Connection:
    """Open the file for one boot of its node."""
    database = _open(file, started_at)
    try:
        _refuse_other_nodes(database, file, node_id)
        with database:
            database.execute("INSERT INTO boot VALUES (?, ?, ?, 0)", (boot_id, node_id, started_at.isoformat()))
    except sqlite3.Error as error:
        database.close()
        raise OutboxError(f"{file}: cannot be written ({error})") from error
    except OutboxError:
        database.close()
        raise
    return database


def _refuse_other_nodes(database: sqlite3.Connection, file: Path, node_id: str) -> None:
    """A report may only be sent under its own node's name, so one of another node could never leave."""
    others = database.execute(
        "SELECT node_id, count(*) FROM report WHERE node_id <> ? GROUP BY node_id", (node_id,)
    ).fetchall()
    if others:
        held = ", ".join(f"{reports_count} of {other_id}" for other_id, reports_count in others)
        raise OutboxError(
            f"{file}: holds unsent reports of another node ({held}); run that node until they are sent, or give "
            f"{node_id} a state_dir of its own"
        )


def _open(file: Path, started_at: datetime) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connect(file)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise OutboxError(f"{file}: cannot be opened ({error})") from error
    # A damaged file must not stop the node for ever; it is kept for whoever wants to save reports from it.
    damaged = file.with_name(f"{file.name}.damaged-{started_at:%Y%m%dT%H%M%S}")
    for suffix in ("", "-wal", "-shm"):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(damaged.with_name(damaged.name + suffix))
    try:
        return _connect(file)
    except sqlite3.Error as error:
        raise OutboxError(f"{file}: cannot be opened ({error})") from error


def _connect(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=10, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA wal_autocheckpoint = 250")  # 1 MB: what a full disk must still find room for
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
