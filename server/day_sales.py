# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sales by the day, as many tills export them: one movement a day, and the hours kept beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from server import tables
from server.book_lines import DaySales, Fault, Movement, MovementKind
from server.bulk_rows import insert_rows
from server.database import upsert
from server.movement_rows import chunks_of

_COLUMNS = ("sku", "day", "units", "hourly_units", "recorded_at", "source")


@dataclass(slots=True)
class DayPlan:
    """What is to be written, or why nothing may be."""

    fresh: list[tuple[str, Movement]] = field(default_factory=list)
    """Movements of days that are not on record, with their keys; a day without a sale has none."""
    repeated_count: int = 0
    faults: list[Fault] = field(default_factory=list)
    _new_days: list[DaySales] = field(default_factory=list)
    _new_hours: list[DaySales] = field(default_factory=list)
    """Of days whose sum is on record without its hours."""

    def add(self, line: DaySales, known: "_Known | None") -> None:
        """File one line that does not contradict what is known of its day."""
        if known is not None:
            self.repeated_count += 1
            if line.hourly_units is not None and known.hourly_units is None:
                self._new_hours.append(line)
            return
        self._new_days.append(line)
        if line.units:
            day = line.day.isoformat()
            movement = Movement(line.sku, MovementKind.SALE, line.units, line.sold_at, f"day {day}")
            self.fresh.append((f"day|{line.sku}|{day}", movement))

    def write(self, connection: Connection, *, source: str, now: datetime) -> None:
        """Write down the days; their movements are the caller's to write."""
        rows = [(line.sku, line.day, line.units, line.hourly_units, now, source) for line in self._new_days]
        insert_rows(connection, tables.day_sales, _COLUMNS, rows)
        for chunk in chunks_of(
            [(line.sku, line.day, line.units, line.hourly_units, now, source) for line in self._new_hours]
        ):
            upsert(connection, tables.day_sales, [dict(zip(_COLUMNS, row, strict=True)) for row in chunk])


@dataclass(frozen=True, slots=True)
class _Known:
    units: int
    hourly_units: str | None
    where: str


def plan_day_sales(connection: Connection, lines: Sequence[tuple[int, DaySales]], source: str) -> DayPlan:
    """Compare with the days on record. `lines` are (line number, a day's sales)."""
    plan = DayPlan()
    if not lines:
        return plan
    known = _known_days(connection, [line for _, line in lines])
    for number, line in lines:
        key = (line.sku, line.day)
        other = known.get(key)
        fault = other and _contradiction(line, other)
        if fault:
            plan.faults.append(Fault(source, number, fault[0], fault[1]))
            continue
        plan.add(line, other)
        hours = line.hourly_units or (other.hourly_units if other else None)
        known[key] = _Known(line.units, hours, f"line {number}" if other is None else other.where)
    return plan


def _known_days(connection: Connection, lines: Sequence[DaySales]) -> dict[tuple[str, date], _Known]:
    column = tables.day_sales.c
    first, last = min(line.day for line in lines), max(line.day for line in lines)
    known: dict[tuple[str, date], _Known] = {}
    for chunk in chunks_of(sorted({line.sku for line in lines})):
        query = select(column.sku, column.day, column.units, column.hourly_units).where(
            column.sku.in_(chunk), column.day.between(first, last)
        )
        rows: Any = connection.execute(query)
        known.update({(row.sku, row.day): _Known(row.units, row.hourly_units, "the ledger") for row in rows})
    return known


def _contradiction(line: DaySales, other: _Known) -> tuple[str, str] | None:
    """Field and reason."""
    if line.units != other.units:
        reason = f"is {line.units}; {other.where} has {other.units} for this day; correct it with an adjustment"
        return "units", reason
    if None not in {line.hourly_units, other.hourly_units} and line.hourly_units != other.hourly_units:
        return "hourly_units", f"differ from those of {other.where} for this day"
    return None
