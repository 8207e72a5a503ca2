# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the bytes of a CSV or JSON file to rows of cells, each with the line it begins on.

What breaks the format is a fault at its line, and reading goes on behind it wherever that can be done.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.book_lines import Fault

MAX_CELLS_COUNT = 200
_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n,]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One line's cells by the name of their column, as written."""

    line: int
    cells: Mapping[str, str]


def text_of(content: bytes, source: str) -> str | Fault:
    """UTF-8 text without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Fault(source, line, "", f"is not UTF-8 text (byte {content[error.start]:#04x}); save it as UTF-8")


class CsvRows:
    """Rows of CSV text, separated by commas or semicolons, below a header line."""

    def __init__(self, decoded: str, source: str) -> None:
        header_line = decoded.split("\n", 1)[0]
        self._source = source
        self._delimiter = ";" if header_line.count(";") > header_line.count(",") else ","
        # Line breaks are those of an editor: str.splitlines would also break at form feeds and the like.
        self._rows = self._numbered(io.StringIO(decoded, newline=""))
        _, header = next(self._rows, (1, []))
        self.header_fault = header if isinstance(header, Fault) else None
        self.columns: list[str] = [] if isinstance(header, Fault) else [name.strip().lower() for name in header]

    def __iter__(self) -> Iterator[Row | Fault]:
        for line, row in self._rows:
            if isinstance(row, Fault):
                yield row
            elif len(row) != len(self.columns):
                reason = f"has {len(row)} fields, the header has {len(self.columns)}"
                yield Fault(self._source, line, "", reason)
            else:
                yield Row(line, dict(zip(self.columns, row, strict=True)))

    def _numbered(self, lines: io.StringIO) -> Iterator[tuple[int, list[str] | Fault]]:
        """Rows with the line they begin on; empty lines are passed over."""
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, Fault(self._source, line, "", f"is not CSV: {error}")
                continue
            if any(cell.strip() for cell in row):
                yield line, row


class JsonRows:
    """Rows of a JSON list of objects, or of one object after the other (JSON Lines).

    Where the whole text is one line, or the sender counts items, an item's number from 1 stands for its line.
    """

    def __init__(self, decoded: str, source: str, *, items_are_lines: bool = False) -> None:
        self._decoded = decoded
        self._source = source
        self._items_are_lines = items_are_lines or "\n" not in decoded.strip()
        # Numbers stay as they were written: no amount passes through a binary fraction, and none is too long to read.
        self._decoder = json.JSONDecoder(
            parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_Pairs
        )

    def __iter__(self) -> Iterator[Row | Fault]:
        decoded = self._decoded
        start = _end(_SPACE, decoded, 0)
        is_list = decoded.startswith("[", start)
        place, line, counted_to = start + is_list, 1 - self._items_are_lines, 0
        while True:
            place = _end(_BETWEEN, decoded, place)
            line += 1 if self._items_are_lines else decoded.count("\n", counted_to, place)
            counted_to = place
            if place >= len(decoded) or decoded[place] == "]":
                break
            try:
                found, place = self._decoder.raw_decode(decoded, place)
            except (ValueError, RecursionError) as error:
                yield self._not_json(error, line)
                return
            yield self._row(found, line)
        closed = place < len(decoded)
        if closed != is_list or _end(_SPACE, decoded, place + closed) < len(decoded):
            yield Fault(self._source, line, "", "the list is not closed or something follows it; is the file whole?")

    def _not_json(self, error: Exception, line: int) -> Fault:
        if isinstance(error, json.JSONDecodeError):
            line = line if self._items_are_lines else error.lineno
            return Fault(self._source, line, "", f"is not JSON: {error.msg}")
        return Fault(self._source, line, "", "is not JSON that can be read: nested too deeply")

    def _row(self, found: Any, line: int) -> Row | Fault:
        if not isinstance(found, _Pairs):
            return Fault(self._source, line, "", "is no JSON object; expected one object for each line of the books")
        cells: dict[str, str] = {}
        for named, value in found:
            name = named.strip().lower()  # as in the header of a CSV file
            written = cell_of(value)
            if written is None:
                return Fault(self._source, line, name, "is nested; expected text, a number or a list of numbers")
            if name in cells:
                return Fault(self._source, line, name, "appears twice")
            cells[name] = written
        return Row(line, cells)


def cell_of(value: Any) -> str | None:
    """A JSON value as the text of a cell; a plain list is written with blanks between. None for anything nested."""
    if value is None:
        return ""
    if isinstance(value, list) and not isinstance(value, _Pairs):
        inner = [cell_of(item) for item in value]
        return None if any(item is None or " " in item for item in inner) else " ".join(map(str, inner))
    return None if isinstance(value, _Pairs | dict) else str(value)


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """An object whose doubled names are still there to be seen."""


def _end(pattern: re.Pattern[str], decoded: str, place: int) -> int:
    found = pattern.match(decoded, place)
    return found.end() if found else place


def header_faults(columns: Sequence[str], required: Sequence[str], optional: Sequence[str], source: str) -> list[Fault]:
    """What is wrong with a header."""
    expected = f"expected {','.join(required)}" + (f" and optionally {','.join(optional)}" if optional else "")
    faults = [Fault(source, 1, name, f"column is missing; {expected}") for name in required if name not in columns]
    strange = [name for name in columns if name not in {*required, *optional}]
    faults += [Fault(source, 1, _named(name), f"unknown column; {expected}") for name in strange[:MAX_CELLS_COUNT]]
    twice = sorted({name for name in columns if columns.count(name) > 1} - set(strange))
    return faults + [Fault(source, 1, name, "column appears twice") for name in twice]


def _named(name: str) -> str:
    """A column's name that may be shown."""
    return name[:64] if name.isprintable() else repr(name[:64])
