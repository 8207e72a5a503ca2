# SPDX-License-Identifier: AGPL-3.0-or-later
"""A store file: bays, shelf rows, the SKUs on them, the stock at opening and what the books believe of it."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from contract.ids import BayId, CameraId, NodeId, Sku, ZoneId
from simulator.errors import StorePlanError
from simulator.picture.scene import PackShape
from simulator.store.habits import Habits

STORES_FOLDER = Path(__file__).parents[1] / "stores"

PositiveMm = Annotated[float, Field(gt=0, lt=20_000)]
UnitsCount = Annotated[int, Field(ge=0, le=100_000)]

FACING_SPACING_MM = 6.0
BOARD_MM = 25.0
FLOOR_MM = 60.0
"""Height of the lowest board above the bay's origin."""


Mount = Literal["aisle", "overhead", "oblique-left", "oblique-right"]
Pattern = Literal["even", "morning", "evening", "weekend"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _known_shape(shape: str) -> str:
    if shape not in get_args(PackShape):
        raise ValueError(f"no such shape; there are {', '.join(get_args(PackShape))}")
    return shape


class ZonePlan(_Part):
    """Facings of one SKU side by side."""

    zone_id: ZoneId
    sku: Sku
    name: str
    shape: Annotated[str, AfterValidator(_known_shape)]
    wh_mm: tuple[PositiveMm, PositiveMm]
    depth_mm: PositiveMm
    facings: Annotated[int, Field(ge=1, le=200)]
    minimum: Annotated[int, Field(ge=0, le=200)] = 1


class RowPlan(_Part):
    """One board with its zones from left to right."""

    clearance_mm: PositiveMm
    pusher: bool = False
    """Springs push the units to the front: no empty slot before a unit."""
    zones: Annotated[tuple[ZonePlan, ...], Field(min_length=1)]


class BayPlan(_Part):
    """One bay, the camera over it and the node that serves the camera. Rows run from the bottom up."""

    bay_id: BayId
    name: str
    camera_id: CameraId
    node_id: NodeId
    width_mm: PositiveMm
    depth_mm: PositiveMm
    image_wh_px: tuple[Annotated[int, Field(ge=160, le=4096)], Annotated[int, Field(ge=120, le=4096)]]
    mount: Mount = "aisle"
    """Where the camera hangs."""
    rows: Annotated[tuple[RowPlan, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        for row in self.rows:
            needed_mm = sum(zone.facings * (zone.wh_mm[0] + FACING_SPACING_MM) for zone in row.zones)
            if needed_mm > self.width_mm:
                names = ", ".join(zone.zone_id for zone in row.zones)
                raise ValueError(f"bay {self.bay_id}: zones {names} need {needed_mm:g} mm of {self.width_mm:g}")
            for zone in row.zones:
                if zone.wh_mm[1] > row.clearance_mm - BOARD_MM:
                    raise ValueError(f"bay {self.bay_id}: {zone.zone_id} is higher than its row")
        return self

    @property
    def height_mm(self) -> float:
        """From the origin to the top of the highest row."""
        return FLOOR_MM + sum(row.clearance_mm for row in self.rows)

    def depth_units_count(self, zone: ZonePlan) -> int:
        """Units that stand one behind the other in one facing."""
        return max(1, int(self.depth_mm // (zone.depth_mm + 2.0)))

    def zone_lefts_mm(self, row: RowPlan) -> list[float]:
        """Left edge of each zone: the row's free width is shared out between and beside the zones."""
        widths = [zone.facings * (zone.wh_mm[0] + FACING_SPACING_MM) for zone in row.zones]
        free_mm = (self.width_mm - sum(widths)) / (len(widths) + 1)
        lefts, x_mm = [], free_mm
        for width_mm in widths:
            lefts.append(x_mm)
            x_mm += width_mm + free_mm
        return lefts


class StockPlan(_Part):
    """Stock of one SKU at opening. `book_error_units` is how much more the books hold than there is."""

    sku: Sku
    shelf_units: UnitsCount | None = None
    back_units: UnitsCount = 0
    book_error_units: int = 0


class DemandPlan(_Part):
    """How one SKU sells."""

    sku: Sku
    per_day: Annotated[float, Field(ge=0, le=100_000)] = 6.0
    """Mean units wanted on an average day of twelve or so open hours."""
    pattern: Pattern = "even"
    """When it sells better than the rest of the shop."""
    day_shape: Annotated[float, Field(gt=0, le=1000)] = 4.5
    """Shape of the gamma factor of a day, mean 1: days vary by 1 / sqrt(shape). Below 1 the SKU is intermittent."""
    units_per_buy: Annotated[float, Field(ge=1, le=50)] = 1.25
    """Mean units that one shopper takes; geometric."""
    twin: Sku | None = None
    """What the till or the office takes it for; absent: the nearest zone of the same shape."""


class PromotionPlan(_Part):
    """One SKU sells better for some days."""

    sku: Sku
    from_on: date
    until_on: date
    """Last day."""
    factor: Annotated[float, Field(gt=0, le=50)] = 2.5


class SupplierPlan(_Part):
    """Who brings what, and when. Orders follow the books, as they do in most shops."""

    supplier_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    weekdays: Annotated[tuple[Annotated[int, Field(ge=0, le=6)], ...], Field(min_length=1)] = (0, 2, 4)
    """0 is Monday."""
    arrives_at: time = time(7, 0)
    skus: tuple[Sku, ...] = ()
    """Empty: all."""
    cover_days: Annotated[float, Field(gt=0, le=100)] = 5.0
    """The books are brought up to full shelves and this many days of demand."""
    case_units: Annotated[int, Field(ge=1, le=1000)] = 6
    """Orders are whole cases."""


class OpeningHours(_Part):
    """When the shop is open, UTC."""

    opens_at: time = time(8, 0)
    closes_at: time = time(20, 0)
    weekdays: Annotated[tuple[Annotated[int, Field(ge=0, le=6)], ...], Field(min_length=1)] = (0, 1, 2, 3, 4, 5, 6)
    """0 is Monday."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closes_at <= self.opens_at:
            raise ValueError(f"closes_at {self.closes_at} must lie behind opens_at {self.opens_at}")
        return self


class Act(StrEnum):
    """What the script can make happen."""

    SELL = "sell"
    STEAL = "steal"
    RESTOCK = "restock"
    COVER = "cover"
    UNCOVER = "uncover"
    FREEZE = "freeze"
    THAW = "thaw"


class ScriptEvent(_Part):
    """One thing that happens `at_s` seconds after opening, at a zone or to a camera."""

    at_s: Annotated[float, Field(ge=0)]
    act: Act
    zone_id: ZoneId | None = None
    camera_id: CameraId | None = None
    units: UnitsCount = 1

    @model_validator(mode="after")
    def _has_its_place(self) -> Self:
        at_a_zone = self.act in {Act.SELL, Act.STEAL, Act.RESTOCK}
        if at_a_zone != (self.zone_id is not None) or at_a_zone == (self.camera_id is not None):
            raise ValueError(f"'{self.act}' takes place at a {'zone_id' if at_a_zone else 'camera_id'}, and only there")
        return self


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
    script: tuple[ScriptEvent, ...] = ()

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
        unknown |= {event.zone_id for event in self.script if event.zone_id} - {zone.zone_id for zone in zones}
        unknown |= {event.camera_id for event in self.script if event.camera_id} - {bay.camera_id for bay in self.bays}
        if unknown:
            raise ValueError(f"nothing in the store is called {', '.join(sorted(unknown))}")
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
    return "\n".join(
        f"{source}: {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()
    )


def load_store_plan(path: Path) -> StorePlan:
    """Read a store file. Raises StorePlanError naming the file and every field that is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StorePlanError(f"{path}: cannot be read: {error}") from error
    try:
        return StorePlan.model_validate(document)
    except ValidationError as error:
        raise StorePlanError(_faults(str(path), error)) from error
