# SPDX-License-Identifier: AGPL-3.0-or-later
"""The book inventory as movements: on-hand is their sum, nothing is ever edited, and a repeated row counts once."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, case, func, insert, select

from server import tables
from server.database import hold_lock, insert_for, upsert
from server.errors import HubError

_CHUNK_COUNT = 5000
"""Rows in one statement; both databases bound the number of parameters."""

_BOOKS_LOCK_KEY = 0x626F6F6B
"""The letters "book"."""


class MovementKind(StrEnum):
    """Why the books changed. `sale` takes units away; `adjustment` carries its own sign, so a return is one."""

    OPENING = "opening"
    RECEIPT = "receipt"
    SALE = "sale"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the books as its source wrote it."""

    sku: str
    kind: MovementKind
    units: int
    """As written: positive for a sale. `signed_units` is what it adds to on-hand."""
    occurred_at: datetime
    reference: str = ""
    name: str = ""

    @property
    def signed_units(self) -> int:
        """What this adds to on-hand."""
        return -self.units if self.kind is MovementKind.SALE else self.units


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one line."""

    source: str
    line: int
    """As an editor counts lines; in a JSON list the item's number from 1. 0 concerns the whole."""
    field: str
    reason: str

    def __str__(self) -> str:
        """`SOURCE:LINE: FIELD: REASON`."""
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.field}: {self.reason}" if self.field else f"{place}: {self.reason}"


class BooksError(HubError):
    """Books that cannot be taken. `faults` holds every fault found, in order of their lines; nothing was written."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import did, or, in a dry run, would do."""

    new_count: int
    repeated_count: int
    products_named_count: int
    skus_count: int


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


def take_movements(
    connection: Connection, lines: Sequence[tuple[int, Movement]], *, source: str, now: datetime
) -> Taken:
    """Append what the ledger does not hold yet. `lines` are (line number, movement).

    Raises BooksError, listing every line that contradicts the ledger, before anything is written.
    """
    # Two imports that cannot see each other's lines would each write a sum without the other's.
    hold_lock(connection, _BOOKS_LOCK_KEY)
    movements = [movement for _, movement in lines]
    keys = idempotency_keys(movements)
    known = _known(connection, keys)
    faults = [
        *_changed_references(lines, keys, known, source),
        *_second_openings(connection, lines, keys, known, source),
    ]
    if faults:
        raise BooksError(sorted(faults, key=lambda fault: fault.line))
    fresh = [(key, movement) for key, movement in zip(keys, movements, strict=True) if key not in known]
    rows = [
        {
            "sku": movement.sku,
            "kind": movement.kind.value,
            "units": movement.signed_units,
            "occurred_at": movement.occurred_at,
            "recorded_at": now,
            "source": source,
            "idempotency_key": key,
        }
        for key, movement in fresh
    ]
    for start in range(0, len(rows), _CHUNK_COUNT):
        connection.execute(insert(tables.movement), rows[start : start + _CHUNK_COUNT])
    skus = sorted({movement.sku for _, movement in fresh})
    refresh_books(connection, skus)
    return Taken(len(fresh), len(movements) - len(fresh), _name_products(connection, movements, now), len(skus))


def _known(connection: Connection, keys: list[str]) -> dict[str, Any]:
    column = tables.movement.c
    known: dict[str, Any] = {}
    for start in range(0, len(keys), _CHUNK_COUNT):
        query = select(tables.movement).where(column.idempotency_key.in_(keys[start : start + _CHUNK_COUNT]))
        known.update({row.idempotency_key: row for row in connection.execute(query)})
    return known


def _changed_references(
    lines: Sequence[tuple[int, Movement]], keys: list[str], known: dict[str, Any], source: str
) -> list[Fault]:
    faults = []
    for (line, movement), key in zip(lines, keys, strict=True):
        row = known.get(key)
        if row is not None and (row.units, row.occurred_at) != (movement.signed_units, movement.occurred_at):
            reason = (
                f"{movement.reference!r} is on record for {movement.kind} of {movement.sku} with {abs(row.units)} "
                f"units at {row.occurred_at.isoformat()}; correct it with an adjustment"
            )
            faults.append(Fault(source, line, "reference", reason))
    return faults


def _second_openings(
    connection: Connection, lines: Sequence[tuple[int, Movement]], keys: list[str], known: dict[str, Any], source: str
) -> list[Fault]:
    """On-hand is a sum, so opening stock that is said twice would be there twice."""
    column = tables.movement.c
    fresh = [
        (line, movement)
        for (line, movement), key in zip(lines, keys, strict=True)
        if movement.kind is MovementKind.OPENING and key not in known
    ]
    if not fresh:
        return []
    opened = set(connection.execute(select(column.sku).where(column.kind == MovementKind.OPENING.value)).scalars())
    faults = []
    for line, movement in fresh:
        if movement.sku in opened:
            reason = f"{movement.sku} has opening stock already; use an adjustment for a difference"
            faults.append(Fault(source, line, "kind", reason))
        opened.add(movement.sku)
    return faults


def _name_products(connection: Connection, movements: Sequence[Movement], now: datetime) -> int:
    """The latest name given wins; a SKU without any name is known by its SKU."""
    named = {movement.sku: movement.name for movement in movements if movement.name}
    rows = [{"sku": sku, "name": name, "updated_at": now} for sku, name in sorted(named.items())]
    for start in range(0, len(rows), _CHUNK_COUNT):
        upsert(connection, tables.product, rows[start : start + _CHUNK_COUNT])
    nameless = sorted({movement.sku for movement in movements} - named.keys())
    for start in range(0, len(nameless), _CHUNK_COUNT):
        chunk = [{"sku": sku, "name": sku, "updated_at": now} for sku in nameless[start : start + _CHUNK_COUNT]]
        connection.execute(insert_for(connection, tables.product).on_conflict_do_nothing(), chunk)
    return len(rows)


def refresh_books(connection: Connection, skus: Sequence[str]) -> None:
    """Derive `book_latest` of these SKUs from the ledger anew, so that repeats and late lines do no harm."""
    column = tables.movement.c
    occurred_at = column.occurred_at
    inward = column.kind.in_([MovementKind.OPENING.value, MovementKind.RECEIPT.value])
    adjusted = column.kind == MovementKind.ADJUSTMENT.value
    sources = select(
        column.sku.label("sku"),
        column.source.label("source"),
        func.row_number()
        .over(partition_by=column.sku, order_by=(occurred_at.desc(), column.movement_id.desc()))
        .label("place"),
    )
    for start in range(0, len(skus), _CHUNK_COUNT):
        chunk = skus[start : start + _CHUNK_COUNT]
        latest = sources.where(column.sku.in_(chunk)).subquery()
        source_of = {row.sku: row.source for row in connection.execute(select(latest).where(latest.c.place == 1))}
        sums = (
            select(
                column.sku,
                func.sum(column.units).label("units"),
                func.max(occurred_at).label("as_of_at"),
                func.max(case((column.kind == MovementKind.SALE.value, occurred_at))).label("last_sale_at"),
                func.max(case((inward, occurred_at))).label("last_receipt_at"),
                func.max(case((adjusted, occurred_at))).label("last_adjustment_at"),
            )
            .where(column.sku.in_(chunk))
            .group_by(column.sku)
        )
        rows = [
            {
                "sku": row.sku,
                "units": int(row.units),
                "as_of_at": row.as_of_at,
                "last_sale_at": row.last_sale_at,
                "last_receipt_at": row.last_receipt_at,
                "last_adjustment_at": row.last_adjustment_at,
                "source": source_of[row.sku],
            }
            for row in connection.execute(sums)
        ]
        upsert(connection, tables.book_latest, rows)
