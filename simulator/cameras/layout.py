# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where zones and facings lie on a bay, in millimetres from its lower left corner. Pure."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from simulator.store.layout import UNIT_SPACING_MM
from simulator.store.plan import BOARD_MM, FACING_SPACING_MM, FLOOR_MM, BayPlan, ZonePlan

FRONT_SETBACK_MM = 4.0
"""How far behind the bay's front plane the front unit stands."""


@dataclass(frozen=True, slots=True)
class ZonePlace:
    """One zone on its board."""

    zone: ZonePlan
    row_index: int
    left_mm: float
    base_mm: float
    top_mm: float
    pitch_mm: float
    """From the middle of one facing to the middle of the next."""
    has_pusher: bool
    """Springs keep the units at the front."""

    @property
    def right_mm(self) -> float:
        """Right edge."""
        return self.left_mm + self.zone.facings * self.pitch_mm

    def middle_mm(self, facing: int) -> float:
        """Middle of a facing along the bay; facings count from 0 at the left."""
        return self.left_mm + (facing + 0.5) * self.pitch_mm


@lru_cache(maxsize=512)
def zone_places(bay: BayPlan) -> tuple[ZonePlace, ...]:
    """Every zone of the bay, rows from the bottom up, each from left to right."""
    places, base_mm = [], FLOOR_MM
    for row_index, row in enumerate(bay.rows):
        top_mm = base_mm + row.clearance_mm - BOARD_MM
        for left_mm, zone in zip(bay.zone_lefts_mm(row), row.zones, strict=True):
            pitch_mm = zone.wh_mm[0] + FACING_SPACING_MM
            places.append(ZonePlace(zone, row_index, left_mm, base_mm, top_mm, pitch_mm, row.pusher))
        base_mm += row.clearance_mm
    return tuple(places)


def slot_front_mm(depth_index: int, depth_mm: float) -> float:
    """Where along z the front of the unit in a slot stands; slot 0 is the front, z is negative inside the shelf."""
    return -FRONT_SETBACK_MM - depth_index * (depth_mm + UNIT_SPACING_MM)


def seed_of(*words: str) -> int:
    """A seed that belongs to these words, the same on every machine."""
    return int.from_bytes(hashlib.sha256("/".join(words).encode()).digest()[:4], "big")
