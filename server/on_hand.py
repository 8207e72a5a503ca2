# SPDX-License-Identifier: AGPL-3.0-or-later
"""On-hand from the ledger: what was last stated, plus what came and went since. Never from what was on-hand before.

A hand count states what there was at its instant, what happened at that same instant included; opening stock states
what there was before the first thing of its instant. What happened earlier was in the figure already. So the
correction that a count implies is never stored: a sale from before it that arrives tomorrow makes the correction
smaller and on-hand no different, and every order of arrival ends at the same books.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select

from server import tables
from server.book_lines import STATING, MovementKind
from server.database import upsert

_CHUNK_COUNT = 5000
"""SKUs in one statement; both databases bound the number of parameters."""

_INWARD = (MovementKind.OPENING, MovementKind.RECEIPT)
_CORRECTING = (MovementKind.ADJUSTMENT, MovementKind.HAND_COUNT)


def refresh_books(connection: Connection, skus: Sequence[str]) -> None:
    """Derive `book_latest` of these SKUs from the ledger anew, so that repeats and late lines do no harm."""
    for start in range(0, len(skus), _CHUNK_COUNT):
        _refresh(connection, skus[start : start + _CHUNK_COUNT])


def _refresh(connection: Connection, skus: Sequence[str]) -> None:
    summed = [dict(row) for row in connection.execute(_sums(skus)).mappings()]
    sources = _latest_sources(connection, skus)
    rows = [{**row, "units": int(row["units"]), "source": sources[row["sku"]]} for row in summed]
    upsert(connection, tables.book_latest, rows)


def _sums(skus: Sequence[str]) -> Any:
    line = tables.movement.c
    stated = _stated(skus)
    at = line.occurred_at
    counts = and_(
        line.kind.not_in(_values(STATING)),
        or_(
            stated.c.sku.is_(None),
            at > stated.c.occurred_at,
            and_(at == stated.c.occurred_at, stated.c.kind == MovementKind.OPENING.value),
        ),
    )
    inward = or_(line.kind.in_(_values(_INWARD)), and_(line.kind == MovementKind.TRANSFER.value, line.units > 0))
    since = func.coalesce(func.sum(case((counts, line.units))), 0)
    return (
        select(
            line.sku,
            (func.coalesce(func.max(stated.c.stated_units), 0) + since).label("units"),
            func.max(at).label("as_of_at"),
            func.max(case((line.kind == MovementKind.SALE.value, at))).label("last_sale_at"),
            func.max(case((inward, at))).label("last_receipt_at"),
            func.max(case((line.kind.in_(_values(_CORRECTING)), at))).label("last_adjustment_at"),
            func.max(case((line.kind == MovementKind.HAND_COUNT.value, at))).label("last_count_at"),
        )
        .select_from(tables.movement.outerjoin(stated, stated.c.sku == line.sku))
        .where(line.sku.in_(skus))
        .group_by(line.sku)
    )


def _stated(skus: Sequence[str]) -> Any:
    """The newest statement of each SKU; of two at one instant the count, then any as long as it is always the same."""
    line = tables.movement.c
    newest_first = (line.occurred_at.desc(), line.kind == MovementKind.OPENING.value, line.idempotency_key)
    ranked = (
        select(
            line.sku,
            line.kind,
            line.occurred_at,
            func.coalesce(line.counted_units, line.units).label("stated_units"),
            func.row_number().over(partition_by=line.sku, order_by=newest_first).label("place"),
        )
        .where(line.sku.in_(skus), line.kind.in_(_values(STATING)))
        .subquery()
    )
    return select(ranked).where(ranked.c.place == 1).subquery()


def _latest_sources(connection: Connection, skus: Sequence[str]) -> dict[str, str]:
    """Who brought the latest movement of each SKU; of several at one instant always the same one."""
    line = tables.movement.c
    newest = (
        select(line.sku, func.max(line.occurred_at).label("occurred_at"))
        .where(line.sku.in_(skus))
        .group_by(line.sku)
        .subquery()
    )
    query = (
        select(line.sku, line.source)
        .join(newest, and_(newest.c.sku == line.sku, newest.c.occurred_at == line.occurred_at))
        .order_by(line.idempotency_key)
    )
    return {row.sku: row.source for row in connection.execute(query)}


def _values(kinds: Any) -> list[str]:
    return sorted(kind.value for kind in kinds)
