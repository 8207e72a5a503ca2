# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bay on which the node's eye is timed: six rows of four zones, eight facings each, and as many price tags."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.document import Calibration
from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.picture.render import render_scene
from simulator.store.luck import luck
from simulator.store.plan import StorePlan
from simulator.store.world import World

WH_PX = (1920, 1080)
ROWS_COUNT = 6
ZONES_PER_ROW_COUNT = 4
FACINGS_PER_ZONE_COUNT = 8
ZONES_COUNT = ROWS_COUNT * ZONES_PER_ROW_COUNT

_SHAPES = ("box", "can", "carton", "bottle", "jar", "brick")
_PACK_WH_MM = (58, 134)
_CLEARANCE_MM = 190
_STOCKED_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


class TimedBay(NamedTuple):
    """A decoded frame uint8 (1080, 1920, 3), the calibration that belongs to it, and how many facings stand there."""

    image_bgr: NDArray[np.uint8]
    calibration: Calibration
    facings_count: int


def timed_bay(seed: int = 1) -> TimedBay:
    """Stock the bay to the full and take its picture."""
    plan = StorePlan.model_validate({"store_id": "timed", "bays": [_bay()]})
    bay = plan.bays[0]
    world = World(plan, _STOCKED_AT, luck(seed, "timed bay"))
    view = render_scene(scene_of(bay, world), np.random.default_rng(seed))
    facings_count = sum(zone.facings for _, zone in plan.zones())
    return TimedBay(np.ascontiguousarray(view.image_bgr), calibration_of(bay), facings_count)


def _bay() -> dict[str, Any]:
    width_mm = ZONES_PER_ROW_COUNT * FACINGS_PER_ZONE_COUNT * (_PACK_WH_MM[0] + 4) + 120
    return {
        "bay_id": "timed",
        "name": "Timed bay",
        "camera_id": "cam-timed",
        "node_id": "node-timed",
        "width_mm": width_mm,
        "depth_mm": 300,
        "image_wh_px": WH_PX,
        "rows": [
            {"clearance_mm": _CLEARANCE_MM, "zones": [_zone(row, place) for place in range(ZONES_PER_ROW_COUNT)]}
            for row in range(ROWS_COUNT)
        ],
    }


def _zone(row: int, place: int) -> dict[str, Any]:
    number = ZONES_PER_ROW_COUNT * row + place
    return {
        "zone_id": f"zone-{number + 1}",
        "sku": f"SKU-{number + 1}",
        "name": f"Product {number + 1}",
        "shape": _SHAPES[(row + place) % len(_SHAPES)],
        "wh_mm": _PACK_WH_MM,
        "depth_mm": _PACK_WH_MM[0],
        "facings": FACINGS_PER_ZONE_COUNT,
        "minimum": 2,
    }
