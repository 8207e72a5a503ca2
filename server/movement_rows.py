# SPDX-License-Identifier: AGPL-3.0-or-later
"""Movements against the ledger: which are new, which contradict it, and writing the new ones."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from server import tables
from server.book_lines import Fault, Movement, MovementKind, Progress, silent
from server.bulk_rows import insert_rows

CHUNK_COUNT = 5000
"""Rows in one statement; both databases bound the number of parameters."""

_WRITTEN_AT_ONCE_COUNT = 20_000
_COLUMNS = (
    "sku",
    "kind",
    "units",
    "counted_units",
    "occurred_at",
    "recorded_at",
    "source",
    "reference",
    "idempotency_key",
)

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class MovementPlan:
    """What is to be written, each with its key, or why nothing may be."""

    fresh: list[tuple[str, Movement]]
    repeated_count: int
    faults: list[Fault]


def idempotency_keys(movements: Sequence[Movement]) -> list[str]:
    """A key for each: its reference or its content, and an occurrence number, as a ticket may hold a line twice."""
    seen: Counter[str] = Counter()
    keys = []
    for movement in movements:
        if movement.reference:
            identity = f"ref|{movement.kind}|{movement.sku}|{movement.reference}"
        else:
            identity = f"row|{movement.kind}|{movement.sku}|{movement.units}|{movement.occurred_at.isoformat()}"
        seen[identity] += 1
        digest = hashlib.sha256(identity.encode()).hexdigest()[:40]
        keys.append(f"{digest}#{seen[identity]}")
    return keys


def plan_movements(connection: Connection, lines: Sequence[tuple[int, Movement]], source: str) -> MovementPlan:
    """Compare with the ledger. `lines` are (line number, movement)."""
    keys = idempotency_keys([movement for _, movement in lines])
    known = _known(connection, keys)
    unknown = [(line, movement) for (line, movement), key in zip(lines, keys, strict=True) if key not in known]
    faults = [
        *_changed_references(lines, keys, known, source),
        *_second_openings(connection, unknown, source),
        *_second_counts(connection, unknown, source),
    ]
    fresh = [(key, movement) for (_, movement), key in zip(lines, keys, strict=True) if key not in known]
    return MovementPlan(fresh, len(lines) - len(fresh), faults)


def write_movements(
    connection: Connection,
    fresh: Sequence[tuple[str, Movement]],
    *,
    source: str,
    now: datetime,
    progress: Progress = silent,
) -> None:
    """Append them."""
    for start in range(0, len(fresh), _WRITTEN_AT_ONCE_COUNT):
        progress("movements", start, len(fresh))
        rows = [
            (
                movement.sku,
                movement.kind.value,
                movement.signed_units,
                movement.counted_units,
                movement.occurred_at,
                now,
                source,
                movement.reference or None,
                key,
            )
            for key, movement in fresh[start : start + _WRITTEN_AT_ONCE_COUNT]
        ]
        insert_rows(connection, tables.movement, _COLUMNS, rows)
    progress("movements", len(fresh), len(fresh))


def chunks_of(items: Sequence[Part]) -> Iterator[Sequence[Part]]:
    """Parts that fit into one statement."""
    for start in range(0, len(items), CHUNK_COUNT):
        yield items[start : start + CHUNK_COUNT]


def _known(connection: Connection, keys: list[str]) -> dict[str, Any]:
    column = tables.movement.c
    wanted = (column.idempotency_key, column.units, column.counted_units, column.occurred_at)
    known: dict[str, Any] = {}
    for chunk in chunks_of(keys):
        query = select(*wanted).where(column.idempotency_key.in_(chunk))
        known.update({row.idempotency_key: row for row in connection.execute(query)})
    return known


def _changed_references(
    lines: Sequence[tuple[int, Movement]], keys: list[str], known: dict[str, Any], source: str
) -> list[Fault]:
    faults = []
    for (line, movement), key in zip(lines, keys, strict=True):
        row = known.get(key)
        if row is None:
            continue
        written = (movement.signed_units, movement.counted_units, movement.occurred_at)
        if (row.units, row.counted_units, row.occurred_at) != written:
            units = abs(row.units) if row.counted_units is None else row.counted_units
            reason = (
                f"{movement.reference!r} is on record for {movement.kind} of {movement.sku} with {units} "
                f"units at {row.occurred_at.isoformat()}; correct it with an adjustment"
            )
            faults.append(Fault(source, line, "reference", reason))
    return faults


def _second_openings(connection: Connection, unknown: Sequence[tuple[int, Movement]], source: str) -> list[Fault]:
    """Books begin once; what is found to be different later is a hand count or an adjustment."""
    openings = [(line, movement) for line, movement in unknown if movement.kind is MovementKind.OPENING]
    if not openings:
        return []
    column = tables.movement.c
    opened = set(connection.execute(select(column.sku).where(column.kind == MovementKind.OPENING.value)).scalars())
    faults = []
    for line, movement in openings:
        if movement.sku in opened:
            reason = f"{movement.sku} has opening stock already; use a hand_count or an adjustment for a difference"
            faults.append(Fault(source, line, "kind", reason))
        opened.add(movement.sku)
    return faults


def _second_counts(connection: Connection, unknown: Sequence[tuple[int, Movement]], source: str) -> list[Fault]:
    """Two figures for one instant cannot both be what was in the shop; often they are of two places and to be added."""
    counts = [(line, movement) for line, movement in unknown if movement.kind is MovementKind.HAND_COUNT]
    column = tables.movement.c
    found: dict[tuple[str, datetime], int] = {}
    for chunk in chunks_of(sorted({movement.sku for _, movement in counts})):
        query = select(column.sku, column.occurred_at, column.counted_units).where(
            column.sku.in_(chunk), column.kind == MovementKind.HAND_COUNT.value
        )
        found.update({(row.sku, row.occurred_at): row.counted_units for row in connection.execute(query)})
    faults = []
    for line, movement in counts:
        other = found.setdefault((movement.sku, movement.occurred_at), movement.units)
        if other != movement.units:
            reason = (
                f"is {movement.units}, and {other} were counted of {movement.sku} at this instant; a hand_count is of "
                "the whole shop: add up what several places hold"
            )
            faults.append(Fault(source, line, "units", reason))
    return faults
