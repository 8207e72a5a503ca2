# SPDX-License-Identifier: AGPL-3.0-or-later
"""What became of every report: the nodes' own account of what they numbered, held against the hub's ledger.

A node notes each number in the same transaction as the report itself, so its account is true over any power cut.
"""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, select

from server.tables import dead_letter, report
from simulator.errors import ProcessError
from simulator.scoring.record import Transport

ReportId = tuple[str, int]
"""Boot id and sequence: boot ids are unique over all nodes."""


@dataclass(frozen=True, slots=True)
class OutboxAccount:
    """One node's disk."""

    last_sequences: dict[str, int]
    """By boot."""
    waiting: frozenset[ReportId]


def ask_outbox(file: Path, question: str) -> list[tuple[Any, ...]]:
    """Read a node's outbox file, beside the running node; nothing where there is no outbox yet."""
    if not file.exists():
        return []
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30.0)
    try:
        return connection.execute(question).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []  # the node is just making the file, or was killed while it did
        raise
    finally:
        connection.close()


def outbox_account(file: Path, prefix: Sequence[str] = ()) -> OutboxAccount:
    """What the node numbered, and what of it is still on its disk.

    `prefix` is what a command needs before it to see the file, where this process does not. Raises ProcessError.
    """
    if prefix:
        return _account_from_within(file, prefix)
    last_sequences = {
        str(boot): int(last) for boot, last in ask_outbox(file, "SELECT boot_id, last_sequence FROM boot")
    }
    waiting = ask_outbox(file, "SELECT boot_id, sequence FROM report")
    return OutboxAccount(last_sequences, frozenset((str(boot), int(sequence)) for boot, sequence in waiting))


def waiting_count(file: Path) -> int:
    """Reports on the node's disk."""
    rows = ask_outbox(file, "SELECT count(*) FROM report")
    return int(rows[0][0]) if rows else 0


def _account_from_within(file: Path, prefix: Sequence[str]) -> OutboxAccount:
    # SQLite follows links to the end, and so out of another mount namespace again: it has to run inside.
    command = [*prefix, sys.executable, "-m", __name__, str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own program
    if done.returncode:
        raise ProcessError(f"{file} could not be read: {done.stderr}")
    last_sequences, waiting = json.loads(done.stdout)
    return OutboxAccount(last_sequences, frozenset((boot, sequence) for boot, sequence in waiting))


def transport_of(database_url: str, outboxes: Iterable[OutboxAccount]) -> Transport:
    """Hold the accounts against the ledger.

    A report is lost when it is in neither the ledger nor an outbox. One that ended as a dead letter is lost too.
    """
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            stored = Counter(
                (row.boot_id, row.sequence) for row in connection.execute(select(report.c.boot_id, report.c.sequence))
            )
            dead_letters_count = connection.execute(select(func.count()).select_from(dead_letter)).scalar_one()
    finally:
        engine.dispose()
    accounts = list(outboxes)
    numbered = {
        (boot_id, sequence)
        for account in accounts
        for boot_id, last in account.last_sequences.items()
        for sequence in range(1, last + 1)
    }
    waiting = {one for account in accounts for one in account.waiting}
    return Transport(
        numbered_count=len(numbered),
        ledger_count=len(stored),
        lost_count=len(numbered - stored.keys() - waiting),
        doubled_count=stored.total() - len(stored),
        dead_letters_count=dead_letters_count,
        waiting_count=len(waiting - stored.keys()),
    )


if __name__ == "__main__":
    account = outbox_account(Path(sys.argv[1]))
    sys.stdout.write(json.dumps([account.last_sequences, sorted(account.waiting)]))
