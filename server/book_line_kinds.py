# SPDX-License-Identifier: AGPL-3.0-or-later
"""The three kinds of lines that books hold, and how the cells of each become a value or faults."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from server.book_cells import (
    MAX_NAME_CHARACTERS,
    MAX_REFERENCE_CHARACTERS,
    LineCells,
    shown,
)
from server.book_layout import Reading
from server.book_lines import SIGNED, STATING, Books, DaySales, Fault, Movement, MovementKind, ProductLine
from server.book_rows import Row

_KINDS = {kind.value: kind for kind in MovementKind}
_KIND_NAMES = ", ".join(_KINDS)
_COUNT_TOLERANCE = timedelta(minutes=10)
"""A count that states the future would hide everything up to then, so clocks get less credit than for a sale."""
_MAX_DAYS = 3650
_HOURS = re.compile(r"(?:0|[1-9][0-9]{0,7})(?: (?:0|[1-9][0-9]{0,7})){23}")


@dataclass(frozen=True, slots=True)
class LineKind:
    """One kind of line: its columns and its reader, which files the value and gives back the faults."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    take: Callable[[Books, Row, Reading], list[Fault]]

    def strange(self, row: Row, source: str) -> list[Fault]:
        """Names in a JSON object that mean nothing here."""
        known = {*self.required, *self.optional}
        expected = f"expected {', '.join((*self.required, *self.optional))}"
        strange = [shown(name)[1:-1] for name in row.cells if name not in known]
        return [Fault(source, row.line, name, f"unknown field; {expected}") for name in strange]


def kind_of(columns: Sequence[str]) -> LineKind:
    """What lines with these columns are."""
    if "day" in columns:
        return DAY_SALES
    if not {"kind", "units", "occurred_at"}.intersection(columns) and set(PRODUCT.optional).intersection(columns):
        return PRODUCT
    return MOVEMENT


def take_movement(books: Books, row: Row, reading: Reading) -> list[Fault]:
    """A movement of the row."""
    cells = LineCells(row.cells, books.source, row.line)
    sku = cells.sku()
    kind_written = cells.written("kind").lower()
    kind = _KINDS.get(kind_written)
    if kind is None:
        cells.fault("kind", f"is {shown(kind_written)}; expected one of {_KIND_NAMES}")
    units = _units(cells, kind)
    tolerance = {"tolerance": _COUNT_TOLERANCE} if kind is MovementKind.HAND_COUNT else {}
    occurred_at = cells.instant("occurred_at", reading.now, **tolerance)
    reference = cells.text("reference", MAX_REFERENCE_CHARACTERS)
    name = cells.text("name", MAX_NAME_CHARACTERS)
    if not (cells.faults or kind is None or units is None or occurred_at is None):
        books.movements.append((row.line, Movement(sku, kind, units, occurred_at, reference, name)))
    return cells.faults


def _units(cells: LineCells, kind: MovementKind | None) -> int | None:
    units = cells.whole("units")
    if units is None or kind is None:
        return units
    if kind in STATING:
        if units < 0:
            what = "opening stock" if kind is MovementKind.OPENING else "a hand count"
            cells.fault("units", f"is {units}; {what} cannot be negative")
    elif kind in SIGNED:
        if units == 0:
            cells.fault("units", f"is 0; {kind} of nothing says nothing")
    elif units <= 0:
        hint = ", a return as return" if kind is MovementKind.SALE else ""
        reason = f"is {units}; {kind} is written with a positive number{hint}, and a correction as adjustment"
        cells.fault("units", reason)
    return units


def _take_product(books: Books, row: Row, reading: Reading) -> list[Fault]:
    cells = LineCells(row.cells, books.source, row.line)
    sku = cells.sku()
    as_of_at = reading.stated_at or reading.now
    if cells.written("as_of"):
        as_of_at = cells.instant("as_of", reading.now) or as_of_at
    line = ProductLine(
        sku,
        as_of_at,
        name=cells.text("name", MAX_NAME_CHARACTERS) or None,
        gtin=cells.gtin(),
        case_pack_units=cells.whole_between("case_pack_units", 1, 100_000),
        cost_micros=cells.money_micros("cost"),
        price_micros=cells.money_micros("price"),
        lead_time_days=cells.whole_between("lead_time_days", 0, _MAX_DAYS),
        supplier=cells.text("supplier", MAX_NAME_CHARACTERS) or None,
        shelf_life_days=cells.whole_between("shelf_life_days", 1, _MAX_DAYS),
    )
    if not cells.faults:
        books.products.append((row.line, line))
    return cells.faults


def _take_day_sales(books: Books, row: Row, reading: Reading) -> list[Fault]:
    cells = LineCells(row.cells, books.source, row.line)
    sku = cells.sku()
    day = cells.day("day")
    units = cells.whole("units")
    if units is not None and units < 0:
        cells.fault("units", f"is {units}; a day's sales cannot be negative, write returns as movements")
    hourly_units = _hourly_units(cells, units)
    over_at = None if day is None else _in_shop(day, reading.zone, days=1)
    if over_at is not None and over_at > reading.now:
        cells.fault("day", f"is {shown(cells.written('day'))}, which is not over; its sales would count as final")
    if not (cells.faults or day is None or units is None):
        sold_at = _in_shop(day, reading.zone, hour=12)
        books.day_sales.append((row.line, DaySales(sku, day, units, sold_at, hourly_units)))
    return cells.faults


def _hourly_units(cells: LineCells, units: int | None) -> str | None:
    written = cells.written("hourly_units")
    if not written:
        return None
    if not _HOURS.fullmatch(written):
        reason = f"is {shown(written)}; expected 24 whole numbers with blanks between, of hours 0 to 23"
        cells.fault("hourly_units", reason)
        return None
    hourly_units = list(map(int, written.split(" ")))
    if units is not None and sum(hourly_units) != units:
        cells.fault("hourly_units", f"add up to {sum(hourly_units)}; expected the day's {units} units")
    return written


@lru_cache(maxsize=4096)
def _in_shop(day: date, zone: ZoneInfo, *, hour: int = 0, days: int = 0) -> datetime:
    """An hour of the shop's clock as UTC, the first one where the clock shows it twice. Never overflows."""
    try:
        return datetime.combine(day + timedelta(days=days), time(hour), zone).astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


MOVEMENT = LineKind(("sku", "kind", "units", "occurred_at"), ("reference", "name"), take_movement)
DAY_SALES = LineKind(("sku", "day", "units"), ("hourly_units",), _take_day_sales)
PRODUCT = LineKind(
    ("sku",),
    (
        "name",
        "gtin",
        "case_pack_units",
        "cost",
        "price",
        "lead_time_days",
        "supplier",
        "shelf_life_days",
        "as_of",
    ),
    _take_product,
)
