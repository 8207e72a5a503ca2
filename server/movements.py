# SPDX-License-Identifier: AGPL-3.0-or-later
"""Taking books into the ledger: all of a file or nothing of it, every fault at once, and what is known once only.

First everything is compared with the ledger, then everything is written, in one transaction. What is on record already
is passed over, so a file may come twice, in parts, or growing, and a crash at any moment does no harm.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from server.book_lines import Books, BooksError, Fault, Movement, MovementKind, Progress, Taken, silent
from server.database import hold_lock
from server.day_sales import plan_day_sales
from server.movement_rows import idempotency_keys, plan_movements, write_movements
from server.on_hand import refresh_books
from server.products import name_unknown, named_in, plan_products, refresh_products, write_products

__all__ = [
    "BooksError",
    "Fault",
    "Movement",
    "MovementKind",
    "Taken",
    "idempotency_keys",
    "take_books",
    "take_movements",
]

_BOOKS_LOCK_KEY = 0x626F6F6B
"""The letters "book"."""


def take_movements(
    connection: Connection, lines: Sequence[tuple[int, Movement]], *, source: str, now: datetime
) -> Taken:
    """Append what the ledger does not hold yet. `lines` are (line number, movement).

    Raises BooksError, listing every line that contradicts the ledger, before anything is written.
    """
    return take_books(connection, Books(source, movements=list(lines)), now=now)


def take_books(connection: Connection, books: Books, *, now: datetime, progress: Progress = silent) -> Taken:
    """Append what the ledger does not hold yet.

    Raises BooksError, listing every fault of the file itself and every line that contradicts the ledger, before
    anything is written.
    """
    # Two imports that cannot see each other's lines would each write a sum without the other's.
    hold_lock(connection, _BOOKS_LOCK_KEY)
    movements = plan_movements(connection, books.movements, books.source)
    days = plan_day_sales(connection, books.day_sales, books.source)
    products = plan_products(connection, books.products, books.source)
    faults = [*books.faults, *movements.faults, *days.faults, *products.faults]
    if faults:
        raise BooksError(sorted(faults, key=lambda fault: fault.line or float("inf")))
    fresh = [*movements.fresh, *days.fresh]
    write_movements(connection, fresh, source=books.source, now=now, progress=progress)
    days.write(connection, source=books.source, now=now)
    named = named_in([movement for _, movement in books.movements])
    write_products(connection, [*products.fresh, *named], source=books.source, now=now)
    skus = sorted({movement.sku for _, movement in fresh})
    progress("books", 0, len(skus))
    refresh_books(connection, skus)
    refresh_products(connection, sorted({line.sku for _, line in [*products.fresh, *named]}))
    name_unknown(connection, {line.sku for _, line in books.movements} | {line.sku for _, line in books.day_sales}, now)
    progress("books", len(skus), len(skus))
    return Taken(
        len(fresh),
        movements.repeated_count + days.repeated_count,
        len({line.sku for _, line in named}),
        len(skus),
        products_stated_count=len(products.fresh),
        products_repeated_count=products.repeated_count,
    )
