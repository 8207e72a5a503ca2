# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands in each facing of a zone, as a camera finds it."""

from typing import NamedTuple

from simulator.store.plan import StorePlan, ZonePlan
from simulator.store.units import Unit
from simulator.store.world import World


class Standing(NamedTuple):
    """One unit in its slot; slot 0 is the front."""

    depth_index: int
    unit: Unit


Facing = tuple[Standing, ...]
"""Front to back; the first is the one that a camera sees, and its `depth_index` is its setback."""


def facings_of(world: World, zone_id: str) -> tuple[Facing, ...]:
    """Each facing of the zone from left to right."""
    return tuple(
        tuple(Standing(depth_index, unit) for depth_index, unit in enumerate(slots) if unit is not None)
        for slots in world.columns(zone_id)
    )


def fronts_of(world: World, zone_id: str) -> tuple[Standing | None, ...]:
    """The front-most unit of each facing from left to right, None where nothing stands."""
    shelf = world.shelf(zone_id)
    fronts: list[Standing | None] = [None] * len(shelf.columns)
    for column, slot, unit in shelf.fronts():
        fronts[column] = Standing(slot, unit)
    return tuple(fronts)


def zone_of_sku(plan: StorePlan) -> dict[str, ZonePlan]:
    """How each SKU is packed: its first zone in the plan."""
    packed: dict[str, ZonePlan] = {}
    for _, zone in plan.zones():
        packed.setdefault(zone.sku, zone)
    return packed
