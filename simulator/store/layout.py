# SPDX-License-Identifier: AGPL-3.0-or-later
"""The furniture of a store: bays, shelf rows, and the zones of products on them, in millimetres."""

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from contract.ids import BayId, CameraId, NodeId, Sku, ZoneId
from simulator.picture.scene import PackShape

PositiveMm = Annotated[float, Field(gt=0, lt=20_000)]

FACING_SPACING_MM = 6.0
UNIT_SPACING_MM = 2.0
"""Between two units of one facing, one behind the other."""
BOARD_MM = 25.0
FLOOR_MM = 60.0
"""Height of the lowest board above the bay's origin."""

Mount = Literal["aisle", "overhead", "oblique-left", "oblique-right"]


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
        return max(1, int(self.depth_mm // (zone.depth_mm + UNIT_SPACING_MM)))

    def zone_lefts_mm(self, row: RowPlan) -> list[float]:
        """Left edge of each zone: the row's free width is shared out between and beside the zones."""
        widths = [zone.facings * (zone.wh_mm[0] + FACING_SPACING_MM) for zone in row.zones]
        free_mm = (self.width_mm - sum(widths)) / (len(widths) + 1)
        lefts, x_mm = [], free_mm
        for width_mm in widths:
            lefts.append(x_mm)
            x_mm += width_mm + free_mm
        return lefts
