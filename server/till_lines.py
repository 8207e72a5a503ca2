# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a till may say of itself: sales and returns, each line with a reference of its own."""

from dataclasses import replace
from datetime import datetime

from server.book_cells import MAX_REFERENCE_CHARACTERS
from server.book_layout import Reading
from server.book_lines import Books, Fault, MovementKind
from server.books import read_books

MAX_LINES_COUNT = 10_000
_OWN_KINDS = (MovementKind.SALE, MovementKind.RETURN)


def till_books(body: bytes, *, source: str, now: datetime) -> Books:
    """Lines of a till's request, faults included; an item's number from 1 stands for its line.

    A till speaks for its own references only: they are kept as `SOURCE/REFERENCE`, so no till can take another's place.
    """
    books = read_books(body, source=f"webhook {source}", reading=Reading(now, items_are_lines=True))
    for number, _ in [*books.products, *books.day_sales]:
        books.faults.append(Fault(books.source, number, "kind", "is missing; a till sends sale and return only"))
    said = books.movements
    if len(said) > MAX_LINES_COUNT:
        books.faults.append(
            Fault(books.source, 0, "", f"has {len(said)} lines; at most {MAX_LINES_COUNT} in one request")
        )
    books.movements = []
    for number, movement in said:
        if movement.kind not in _OWN_KINDS:
            reason = f"is {movement.kind.value!r}; a till sends sale and return only"
            books.faults.append(Fault(books.source, number, "kind", reason))
        reference = f"{source}/{movement.reference}"
        if not movement.reference:
            reason = "is empty; a line that comes again is known by it"
            books.faults.append(Fault(books.source, number, "reference", reason))
        elif len(reference) > MAX_REFERENCE_CHARACTERS:
            books.faults.append(Fault(books.source, number, "reference", "is too long"))
        books.movements.append((number, replace(movement, reference=reference)))
    return books
