# SPDX-License-Identifier: AGPL-3.0-or-later
"""Products from what was stated about them.

Statements are appended and never edited. Of two about one field the newer by its own instant holds, so a price list
that arrives late does not turn prices back.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy import Connection, select

from server import tables
from server.book_lines import PRODUCT_FIELDS, Fault, Movement, ProductLine
from server.database import insert_for, upsert
from server.movement_rows import chunks_of

Statement = tuple[datetime, str, dict[str, Any]]
"""Since when it holds, its key, and what it says; fields of which it says nothing are None."""


@dataclass(frozen=True, slots=True)
class ProductPlan:
    """Statements to be written, each with its key, or why none may be."""

    fresh: list[tuple[str, ProductLine]]
    repeated_count: int
    faults: list[Fault]


def statement_key(line: ProductLine) -> str:
    """The same for the same statement, whoever brings it."""
    said = "|".join(f"{name}={getattr(line, name)!r}" for name in ("sku", *PRODUCT_FIELDS))
    return hashlib.sha256(f"{line.as_of_at.isoformat()}|{said}".encode()).hexdigest()[:40]


def folded(statements: Iterable[Statement]) -> dict[str, Any]:
    """Each field as the newest statement has it; of two at one instant always the same one, whatever came first."""
    known: dict[str, Any] = dict.fromkeys(PRODUCT_FIELDS)
    for _, _, said in sorted(statements, key=lambda statement: statement[:2]):
        known.update({name: value for name, value in said.items() if value is not None})
    return known


def named_in(movements: Sequence[Movement]) -> list[tuple[str, ProductLine]]:
    """The names that movements carry, as statements of their day: one for a SKU, however many lines repeat it."""
    latest: dict[str, tuple[datetime, str]] = {}
    for movement in movements:
        if movement.name:
            latest[movement.sku] = max(latest.get(movement.sku, _NEVER), (movement.occurred_at, movement.name))
    lines = [
        ProductLine(sku, datetime.combine(at.date(), time(), UTC), name=name) for sku, (at, name) in latest.items()
    ]
    return [(statement_key(line), line) for line in lines]


def plan_products(connection: Connection, lines: Sequence[tuple[int, ProductLine]], source: str) -> ProductPlan:
    """Compare with what is on record. `lines` are (line number, what is said of a product)."""
    keyed = {statement_key(line): (number, line) for number, line in lines}
    known: set[str] = set()
    for chunk in chunks_of(list(keyed)):
        key = tables.product_statement.c.idempotency_key
        known.update(connection.execute(select(key).where(key.in_(chunk))).scalars())
    fresh = {key: line for key, line in keyed.items() if key not in known}
    faults = _shared_gtins(connection, fresh, source)
    statements = [(key, line) for key, (_, line) in fresh.items()]
    return ProductPlan(statements, len(lines) - len(fresh), faults)


def write_products(
    connection: Connection, statements: Sequence[tuple[str, ProductLine]], *, source: str, now: datetime
) -> None:
    """Append them; what is on record already is passed over."""
    for chunk in chunks_of(statements):
        rows = [
            {
                "sku": line.sku,
                "as_of_at": line.as_of_at,
                **{name: getattr(line, name) for name in PRODUCT_FIELDS},
                "recorded_at": now,
                "source": source,
                "idempotency_key": key,
            }
            for key, line in chunk
        ]
        connection.execute(insert_for(connection, tables.product_statement).on_conflict_do_nothing(), rows)


def refresh_products(connection: Connection, skus: Sequence[str]) -> None:
    """Derive `product` of these SKUs from the statements anew. A name that only the planogram gave stays."""
    for chunk in chunks_of(skus):
        product = tables.product.c
        query = select(product.sku, product.name).where(product.sku.in_(chunk))
        names = {row.sku: row.name for row in connection.execute(query)}
        rows = []
        for sku, statements in _statements(connection, chunk).items():
            known = folded(statements)
            name = known["name"] or names.get(sku, sku)
            updated_at = max(as_of_at for as_of_at, _, _ in statements)
            rows.append({"sku": sku, "updated_at": updated_at, **known, "name": name})
        upsert(connection, tables.product, rows)


def name_unknown(connection: Connection, skus: set[str], now: datetime) -> None:
    """Make a product of every SKU, known by its SKU until somebody names it."""
    for chunk in chunks_of(sorted(skus)):
        rows = [{"sku": sku, "name": sku, "updated_at": now} for sku in chunk]
        connection.execute(insert_for(connection, tables.product).on_conflict_do_nothing(), rows)


def _statements(connection: Connection, skus: Sequence[str]) -> dict[str, list[Statement]]:
    column = tables.product_statement.c
    found: dict[str, list[Statement]] = defaultdict(list)
    for row in connection.execute(select(tables.product_statement).where(column.sku.in_(skus))):
        said = {name: getattr(row, name) for name in PRODUCT_FIELDS}
        found[row.sku].append((row.as_of_at, row.idempotency_key, said))
    return found


def _shared_gtins(connection: Connection, fresh: dict[str, tuple[int, ProductLine]], source: str) -> list[Fault]:
    """A GTIN names one product. Judged by what would hold afterwards, so two products may trade theirs in one file."""
    mine: dict[str, list[Statement]] = defaultdict(list)
    for key, (_, line) in fresh.items():
        mine[line.sku].append((line.as_of_at, key, {name: getattr(line, name) for name in PRODUCT_FIELDS}))
    skus = sorted({line.sku for _, line in fresh.values() if line.gtin})
    gtin_of: dict[str, str] = {}
    for chunk in chunks_of(skus):
        before = _statements(connection, chunk)
        gtin_of.update({sku: folded([*before.get(sku, []), *mine[sku]])["gtin"] for sku in chunk})
    owner_of: dict[str, str] = {}
    product = tables.product.c
    for chunk in chunks_of(sorted(set(gtin_of.values()))):
        rows = connection.execute(select(product.gtin, product.sku).where(product.gtin.in_(chunk)))
        owner_of.update({row.gtin: row.sku for row in rows if row.sku not in gtin_of})
    faults = []
    for number, line in sorted(fresh.values(), key=lambda numbered: numbered[0]):
        if line.gtin and gtin_of[line.sku] == line.gtin and owner_of.setdefault(line.gtin, line.sku) != line.sku:
            reason = f"is {line.gtin}, which is {owner_of[line.gtin]}'s; a GTIN names one product"
            faults.append(Fault(source, number, "gtin", reason))
    return faults


_NEVER = (datetime.min.replace(tzinfo=UTC), "")
