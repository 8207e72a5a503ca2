# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading books: CSV or JSON into movements, products and days of sales, every fault named by file, line and field.

What a line is follows from its columns: `kind` makes it a movement, `day` a day's sales, and neither a product.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from server import book_line_kinds
from server.book_layout import Layout, Reading
from server.book_lines import Books, BooksError, Fault, Movement, Progress, silent
from server.book_rows import CsvRows, JsonRows, Row, cell_of, header_faults, text_of

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_FAULTS_COUNT = 10_000
"""Reading stops here: whoever gets so many has brought another kind of file."""

_TOLD_EVERY_COUNT = 5000
Watched = Callable[[Iterable[Row | Fault]], Iterator[Row | Fault]]


def read_books(content: bytes, *, source: str, reading: Reading, progress: Progress = silent) -> Books:
    """Everything that a CSV or JSON file says, faults included. JSON is what begins like it, whatever its name."""
    books = Books(source)
    lines_count = content.count(b"\n")

    def watched(rows: Iterable[Row | Fault]) -> Iterator[Row | Fault]:
        for number, row in enumerate(rows):
            if number % _TOLD_EVERY_COUNT == 0:
                progress("lines", number, lines_count)
            yield row

    decoded = text_of(content, source)
    if isinstance(decoded, Fault):
        books.faults.append(decoded)
    elif decoded.lstrip()[:1] in {"[", "{"}:
        _read_rows(
            books, watched(JsonRows(decoded, source, items_are_lines=reading.items_are_lines)), reading, columns=None
        )
    else:
        _read_csv(books, decoded, reading, watched)
    progress("lines", lines_count, lines_count)
    return books


def read_csv(content: bytes, *, source: str, now: datetime) -> list[tuple[int, Movement]]:
    """Movements of CSV text in UTF-8, separated by commas or semicolons, with a header line.

    Raises BooksError with every fault.
    """
    return _movements_of(read_books(content, source=source, reading=Reading(now)))


def read_items(items: Sequence[Mapping[str, Any]], *, source: str, now: datetime) -> list[tuple[int, Movement]]:
    """Movements of a JSON list that was read already; an item's number from 1 stands for its line.

    Raises BooksError with every fault.
    """
    books = Books(source)
    for number, item in enumerate(items, start=1):
        cells = {name: cell_of(value) or "" for name, value in item.items()}
        books.faults += book_line_kinds.take_movement(books, Row(number, cells), Reading(now))
    return _movements_of(books)


def _movements_of(books: Books) -> list[tuple[int, Movement]]:
    if books.faults:
        raise BooksError(books.faults)
    return books.movements


def _read_csv(books: Books, decoded: str, reading: Reading, watched: Watched) -> None:
    rows = CsvRows(decoded, books.source)
    if rows.header_fault:
        books.faults.append(rows.header_fault)
        return
    columns = rows.columns
    if reading.layout is not None:
        books.faults += reading.layout.header_faults(rows.columns, books.source)
        columns = [*reading.layout.columns, *reading.layout.constants]
    line_kind = book_line_kinds.kind_of(columns)
    books.faults += header_faults(columns, line_kind.required, line_kind.optional, books.source)
    if not books.faults:
        _read_rows(books, watched(rows), reading, columns=columns)
    if reading.truncated_is_fault and decoded and not decoded.endswith(("\n", "\r")):
        line = decoded.count("\n") + 1
        reason = "ends in the middle of a line; a whole file ends with a line break"
        books.faults.append(Fault(books.source, line, "", reason))


def _read_rows(books: Books, rows: Iterable[Row | Fault], reading: Reading, *, columns: Sequence[str] | None) -> None:
    """Sort rows by what they are. `columns` are those of all rows; None where each row has its own."""
    line_kind = None if columns is None else book_line_kinds.kind_of(columns)
    for row in rows:
        if isinstance(row, Fault):
            books.faults.append(row)
        else:
            mapped = row if reading.layout is None else _mapped(row, reading.layout, reading.zone)
            kind = line_kind or book_line_kinds.kind_of(list(mapped.cells))
            books.faults += kind.strange(mapped, books.source) if columns is None else ()
            books.faults += kind.take(books, mapped, reading)
        if len(books.faults) >= MAX_FAULTS_COUNT:
            del books.faults[MAX_FAULTS_COUNT:]
            books.faults.append(Fault(books.source, 0, "", f"more than {MAX_FAULTS_COUNT} faults; reading stopped"))
            return


def _mapped(row: Row, layout: Layout, zone: ZoneInfo) -> Row:
    return Row(row.line, layout.cells(row.cells, zone))
