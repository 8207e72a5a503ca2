# SPDX-License-Identifier: AGPL-3.0-or-later
"""A store file: bays, shelf rows, the SKUs on them, the stock at opening and what the books believe of it."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from simulator.errors import StorePlanError
from simulator.store.assortment import Assortment, stocked
from simulator.store.habits import Habits
from simulator.store.layout import BOARD_MM, FACING_SPACING_MM, FLOOR_MM, BayPlan, RowPlan, ZonePlan
from simulator.store.trade import DemandPlan, OpeningHours, PromotionPlan, StockPlan, SupplierPlan

__all__ = [
    "BOARD_MM",
    "FACING_SPACING_MM",
    "FLOOR_MM",
    "STORES_FOLDER",
    "BayPlan",
    "DemandPlan",
    "RowPlan",
    "StockPlan",
    "StorePlan",
    "ZonePlan",
    "load_store_plan",
]

STORES_FOLDER = Path(__file__).parents[1] / "stores"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StorePlan(_Part):
    """The whole store."""

    store_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    bays: Annotated[tuple[BayPlan, ...], Field(min_length=1)]
    stock: tuple[StockPlan, ...] = ()
    demand: tuple[DemandPlan, ...] = ()
    promotions: tuple[PromotionPlan, ...] = ()
    suppliers: tuple[SupplierPlan, ...] = ()
    opening_hours: tuple[OpeningHours, ...] = (OpeningHours(),)
    """A weekday that stands in none is closed."""
    habits: Habits = Habits()

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        zones = [zone for bay in self.bays for row in bay.rows for zone in row.zones]
        for what, ids in (
            ("bay_id", [bay.bay_id for bay in self.bays]),
            ("zone_id", [zone.zone_id for zone in zones]),
            ("camera_id", [bay.camera_id for bay in self.bays]),
            ("stock.sku", [stock.sku for stock in self.stock]),
            ("demand.sku", [demand.sku for demand in self.demand]),
            ("opening_hours.weekdays", [str(day) for hours in self.opening_hours for day in hours.weekdays]),
        ):
            twice = _twice(ids)
            if twice:
                raise ValueError(f"{what} given twice: {', '.join(sorted(twice))}")
        known = {zone.sku for zone in zones}
        unknown = {stock.sku for stock in self.stock} | {demand.sku for demand in self.demand}
        unknown = (unknown | {promotion.sku for promotion in self.promotions}) - known
        unknown |= {demand.twin for demand in self.demand if demand.twin} - known
        unknown |= {sku for supplier in self.suppliers for sku in supplier.skus} - known
        if unknown:
            raise ValueError(f"nothing in the store is called {', '.join(sorted(unknown))}")
        return self

    @model_validator(mode="after")
    def _one_sku_one_pack(self) -> Self:
        looks: dict[str, tuple[object, ...]] = {}
        for _, zone in self.zones():
            look = (zone.name, zone.shape, zone.wh_mm, zone.depth_mm)
            if looks.setdefault(zone.sku, look) != look:
                raise ValueError(f"zone {zone.zone_id}: {zone.sku} has another name, shape or size in another zone")
        selves = [demand.sku for demand in self.demand if demand.twin == demand.sku]
        if selves:
            raise ValueError(f"twin: {', '.join(selves)} cannot be taken for itself")
        return self

    def zones(self) -> list[tuple[BayPlan, ZonePlan]]:
        """All zones with their bays, bay by bay from the bottom up."""
        return [(bay, zone) for bay in self.bays for row in bay.rows for zone in row.zones]

    def with_habits(self, overrides: Mapping[str, Any]) -> "StorePlan":
        """The same store with some habits changed, as in `{"staff": {"round_every_min": 180}}`.

        Raises StorePlanError naming each field that is unknown or wrong.
        """
        try:
            habits = Habits.model_validate(_merged(self.habits.model_dump(), overrides))
        except ValidationError as error:
            raise StorePlanError(_faults(f"store '{self.store_id}': habits", error)) from error
        return self.model_copy(update={"habits": habits})

    def open_span(self, on: date) -> tuple[datetime, datetime] | None:
        """When the shop opens and closes on a day, UTC; None on a day of rest."""
        for hours in self.opening_hours:
            if on.weekday() in hours.weekdays:
                return (
                    datetime.combine(on, hours.opens_at, tzinfo=UTC),
                    datetime.combine(on, hours.closes_at, tzinfo=UTC),
                )
        return None

    def open_spans(self, from_at: datetime, until_at: datetime) -> list[tuple[datetime, datetime]]:
        """Every stretch of opening time between two instants, cut to fit."""
        spans, on = [], from_at.astimezone(UTC).date()
        while on <= until_at.astimezone(UTC).date():
            span = self.open_span(on)
            if span is not None and span[0] < until_at and span[1] > from_at:
                spans.append((max(span[0], from_at), min(span[1], until_at)))
            on += timedelta(days=1)
        return spans


def _twice(ids: list[str]) -> set[str]:
    return {one for one, count in Counter(ids).items() if count > 1}


def _merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


def _faults(source: str, error: ValidationError) -> str:
    """One line per fault: file, field, what was expected. A fault between fields belongs to the whole."""
    return "\n".join(
        ": ".join((source, ".".join(str(part) for part in fault["loc"]) or "as a whole", fault["msg"]))
        for fault in error.errors()
        if not _follows_from_another(fault)
    )


def _follows_from_another(fault: ErrorDetails) -> bool:
    """A list whose faulty items were left out is called too short besides; nobody can mend that."""
    return fault["type"] == "too_short" and len(fault["input"]) >= fault["ctx"]["min_length"]


def load_store_plan(path: Path) -> StorePlan:
    """Read a store file. Raises StorePlanError naming the file and every field that is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StorePlanError(f"{path}: cannot be read: {error}") from error
    try:
        return StorePlan.model_validate(_with_assortment(document, path))
    except ValidationError as error:
        raise StorePlanError(_faults(str(path), error)) from error


def _with_assortment(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """The document with its `[assortment]` made out in full, behind what it states itself."""
    if "assortment" not in document:
        return document
    stated = dict(document)
    try:
        made = stocked(Assortment.model_validate(stated.pop("assortment")))
    except ValidationError as error:
        raise StorePlanError(_faults(f"{path}: assortment", error)) from error
    for key, parts in (("bays", made.bays), ("demand", made.demand), ("stock", made.stock)):
        stated[key] = [*stated.get(key, ()), *parts]
    return stated
