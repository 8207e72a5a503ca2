# SPDX-License-Identifier: AGPL-3.0-or-later
"""A store file: bays, shelf rows, the SKUs on them, the stock at opening and what the books believe of it."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from contract.ids import BayId, CameraId, NodeId, Sku, ZoneId
from simulator.errors import StorePlanError
from simulator.picture.scene import PackShape

STORES_FOLDER = Path(__file__).parents[1] / "stores"

PositiveMm = Annotated[float, Field(gt=0, lt=20_000)]
UnitsCount = Annotated[int, Field(ge=0, le=100_000)]

FACING_SPACING_MM = 6.0
BOARD_MM = 25.0
FLOOR_MM = 60.0
"""Height of the lowest board above the bay's origin."""


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


class StockPlan(_Part):
    """Stock of one SKU at opening. `book_error_units` is how much more the books hold than there is."""

    sku: Sku
    shelf_units: UnitsCount | None = None
    back_units: UnitsCount = 0
    book_error_units: int = 0


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
    script: tuple[ScriptEvent, ...] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        zones = [zone for bay in self.bays for row in bay.rows for zone in row.zones]
        for what, ids in (
            ("zone_id", [zone.zone_id for zone in zones]),
            ("camera_id", [bay.camera_id for bay in self.bays]),
            ("stock.sku", [stock.sku for stock in self.stock]),
        ):
            twice = {one for one in ids if ids.count(one) > 1}
            if twice:
                raise ValueError(f"{what} given twice: {', '.join(sorted(twice))}")
        unknown = {stock.sku for stock in self.stock} - {zone.sku for zone in zones}
        unknown |= {event.zone_id for event in self.script if event.zone_id} - {zone.zone_id for zone in zones}
        unknown |= {event.camera_id for event in self.script if event.camera_id} - {bay.camera_id for bay in self.bays}
        if unknown:
            raise ValueError(f"nothing in the store is called {', '.join(sorted(unknown))}")
        return self

    def zones(self) -> list[tuple[BayPlan, ZonePlan]]:
        """All zones with their bays, bay by bay from the bottom up."""
        return [(bay, zone) for bay in self.bays for row in bay.rows for zone in row.zones]


def load_store_plan(path: Path) -> StorePlan:
    """Read a store file. Raises StorePlanError naming the file and every field that is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StorePlanError(f"{path}: cannot be read: {error}") from error
    try:
        return StorePlan.model_validate(document)
    except ValidationError as error:
        faults = [f"{path}: {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
        raise StorePlanError("\n".join(faults)) from error
