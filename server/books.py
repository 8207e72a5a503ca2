# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading books: CSV text or JSON lines into movements, with every fault named at once by file, line and field."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from contract.ids import SKU_PATTERN
from server.movements import BooksError, Fault, Movement, MovementKind

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_UNITS = 10_000_000
MAX_NAME_CHARACTERS = 200
MAX_REFERENCE_CHARACTERS = 200
_FUTURE_TOLERANCE = timedelta(days=1)

REQUIRED = ("sku", "kind", "units", "occurred_at")
OPTIONAL = ("reference", "name")
_KINDS = ", ".join(kind.value for kind in MovementKind)


def read_csv_file(path: Path, *, now: datetime) -> list[tuple[int, Movement]]:
    """Movements of a CSV file with their line numbers.

    Raises BooksError with every fault; a file that cannot be opened is one fault.
    """
    name = path.name
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BooksError([Fault(name, 0, "", f"larger than {MAX_FILE_BYTES} bytes; split it")])
        content = path.read_bytes()
    except OSError as error:
        raise BooksError([Fault(name, 0, "", f"cannot be read: {error.strerror}")]) from error
    return read_csv(content, source=name, now=now)


def read_csv(content: bytes, *, source: str, now: datetime) -> list[tuple[int, Movement]]:
    """Movements of CSV text in UTF-8, separated by commas or semicolons, with a header line.

    Raises BooksError with every fault.
    """
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = Fault(source, line, "", f"is not UTF-8 text (byte {content[error.start]:#04x}); save it as UTF-8")
        raise BooksError([fault]) from error
    header_line = decoded.split("\n", 1)[0]
    delimiter = ";" if header_line.count(";") > header_line.count(",") else ","
    rows = _numbered_rows(decoded, delimiter, source)
    _, header = next(rows, (1, []))
    if isinstance(header, Fault):
        raise BooksError([header])
    columns = [name.strip().lower() for name in header]
    faults = _header_faults(columns, source)
    if faults:
        raise BooksError(faults)
    lines: list[tuple[int, Movement]] = []
    for line, row in rows:
        if isinstance(row, Fault):
            faults.append(row)
        elif len(row) != len(columns):
            faults.append(Fault(source, line, "", f"has {len(row)} fields, the header has {len(columns)}"))
        else:
            found = _movement(dict(zip(columns, row, strict=True)), source, line, now)
            if isinstance(found, list):
                faults.extend(found)
            else:
                lines.append((line, found))
    if faults:
        raise BooksError(faults)
    return lines


def read_items(items: Sequence[Mapping[str, Any]], *, source: str, now: datetime) -> list[tuple[int, Movement]]:
    """Movements of a JSON list; an item's number from 1 stands for its line.

    Raises BooksError with every fault.
    """
    lines: list[tuple[int, Movement]] = []
    faults: list[Fault] = []
    for number, item in enumerate(items, start=1):
        found = _movement(
            {key: "" if given is None else str(given) for key, given in item.items()}, source, number, now
        )
        if isinstance(found, list):
            faults.extend(found)
        else:
            lines.append((number, found))
    if faults:
        raise BooksError(faults)
    return lines


def _numbered_rows(decoded: str, delimiter: str, source: str) -> Iterator[tuple[int, Any]]:
    """Rows with the line they begin on; empty lines are passed over. A row that breaks the format is a Fault."""
    reader = csv.reader(decoded.splitlines(keepends=True), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Fault(source, line, "", f"is not CSV: {error}")
            continue
        if any(cell.strip() for cell in row):
            yield line, row


def _header_faults(columns: list[str], source: str) -> list[Fault]:
    expected = f"expected {','.join(REQUIRED)} and optionally {','.join(OPTIONAL)}"
    faults = [Fault(source, 1, name, f"column is missing; {expected}") for name in REQUIRED if name not in columns]
    strange = [name for name in columns if name not in REQUIRED + OPTIONAL]
    faults += [Fault(source, 1, name, f"unknown column; {expected}") for name in strange]
    twice = sorted({name for name in columns if columns.count(name) > 1} - set(strange))
    return faults + [Fault(source, 1, name, "column appears twice") for name in twice]


def _movement(cells: Mapping[str, str], source: str, line: int, now: datetime) -> Movement | list[Fault]:
    faults: list[Fault] = []

    def fault(field: str, reason: str) -> None:
        faults.append(Fault(source, line, field, reason))

    sku = cells.get("sku", "").strip()
    if not re.fullmatch(SKU_PATTERN, sku):
        fault("sku", f"is {sku[:80]!r}; expected letters, digits, '.', '_' or '-', at most 64")
    kind_written = cells.get("kind", "").strip().lower()
    kind = MovementKind(kind_written) if kind_written in set(MovementKind) else None
    if kind is None:
        fault("kind", f"is {kind_written[:80]!r}; expected one of {_KINDS}")
    units = _units(cells.get("units", "").strip(), kind, fault)
    occurred_at = _instant(cells.get("occurred_at", "").strip(), now, fault)
    reference = _plain(cells.get("reference", ""), "reference", MAX_REFERENCE_CHARACTERS, fault)
    name = _plain(cells.get("name", ""), "name", MAX_NAME_CHARACTERS, fault)
    if faults or kind is None or units is None or occurred_at is None:
        return faults
    return Movement(sku, kind, units, occurred_at, reference, name)


def _units(written: str, kind: MovementKind | None, fault: Any) -> int | None:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", written):
        fault("units", f"is {written[:80]!r}; expected a whole number")
        return None
    units = int(written)
    if abs(units) > MAX_UNITS:
        fault("units", f"is {units}; expected at most {MAX_UNITS}")
    elif kind in {MovementKind.SALE, MovementKind.RECEIPT} and units <= 0:
        fault(
            "units", f"is {units}; a {kind} is written with a positive number, a return or correction as an adjustment"
        )
    elif kind is MovementKind.OPENING and units < 0:
        fault("units", f"is {units}; opening stock cannot be negative")
    elif kind is MovementKind.ADJUSTMENT and units == 0:
        fault("units", "is 0; an adjustment of nothing says nothing")
    else:
        return units
    return None


def _instant(written: str, now: datetime, fault: Any) -> datetime | None:
    expected = "expected an instant with its UTC offset, such as 2026-11-23T08:30:00+01:00"
    try:
        instant = datetime.fromisoformat(written)
    except ValueError:
        fault("occurred_at", f"is {written[:80]!r}; {expected}")
        return None
    if instant.tzinfo is None:
        fault("occurred_at", f"is {written!r}, without a UTC offset; {expected}")
        return None
    try:
        instant = instant.astimezone(UTC)
    except OverflowError:
        fault("occurred_at", f"is {written!r}; {expected}")
        return None
    if instant > now + _FUTURE_TOLERANCE:
        fault("occurred_at", f"is {written!r}, which has not happened yet")
        return None
    return instant


def _plain(written: str, field: str, max_characters: int, fault: Any) -> str:
    text = written.strip()
    if len(text) > max_characters:
        fault(field, f"has {len(text)} characters; at most {max_characters} are kept")
    elif not text.isprintable():
        fault(field, "holds characters that cannot be printed")
    return text
