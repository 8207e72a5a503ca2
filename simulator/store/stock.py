# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where every unit of a store is, and separately what its books say.

Every unit is in one place: a slot of a shelf, the back room or a basket, or it has left (sold, lost, wasted).
"""

from collections import Counter
from datetime import datetime

import numpy as np

from simulator.scoring.record import SkuTruth, ZoneTruth
from simulator.store.books import BookLine, Books
from simulator.store.luck import luck
from simulator.store.plan import StorePlan
from simulator.store.shelf import ZoneShelf
from simulator.store.units import DAMAGED, Condition, Tally, Unit


class Stock:
    """The places, questions about them, and the moves of single units from which every deed is made."""

    def __init__(self, plan: StorePlan, opened_at: datetime, rng: np.random.Generator | None = None) -> None:
        self.plan = plan
        self.opened_at = opened_at
        self._luck = rng or luck(0, "world")
        self._shelves = {
            zone.zone_id: ZoneShelf(zone.sku, zone.facings, bay.depth_units_count(zone), pusher=row.pusher)
            for bay in plan.bays
            for row in bay.rows
            for zone in row.zones
        }
        self.skus = tuple(dict.fromkeys(shelf.sku for shelf in self._shelves.values()))
        self._home_zones: dict[str, list[str]] = {sku: [] for sku in self.skus}
        for zone_id, shelf in self._shelves.items():
            self._home_zones[shelf.sku].append(zone_id)
        self._back: dict[str, list[Unit]] = {sku: [] for sku in self.skus}
        self._baskets: dict[str, list[Unit]] = {}
        self._opening: Counter[str] = Counter()
        self._received: Counter[str] = Counter()
        self._standing: Counter[str] = Counter()
        self._carried: Counter[str] = Counter()
        self._sold: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._wasted: Counter[str] = Counter()
        self._units_count = 0
        self._books = Books()
        self._changed_zone_ids: set[str] = set()
        self._changed_skus: set[str] = set()
        self._open()
        self.take_changes()

    def _open(self) -> None:
        stock_of = {stock.sku: stock for stock in self.plan.stock}
        for sku, zone_ids in self._home_zones.items():
            stock = stock_of.get(sku)
            left = None if stock is None else stock.shelf_units
            for zone_id in zone_ids:
                room = self._shelves[zone_id].capacity
                wanted = room if left is None else min(room, left)
                for _ in range(wanted):
                    self._stand(zone_id, self._new_unit(sku))
                left = None if left is None else left - wanted
            self._back[sku] = [self._new_unit(sku) for _ in range(stock.back_units if stock else 0)]
            self._opening[sku] = self._standing[sku] + len(self._back[sku])
            believed = self._opening[sku] + (stock.book_error_units if stock else 0)
            self._books.write(sku, "opening", max(0, believed), self.opened_at, f"opening-{sku}")
            if believed < 0:  # no books open with less than nothing; what was sold beyond them is a line of its own
                self._books.write(sku, "adjustment", believed, self.opened_at, f"below-zero-{sku}")

    # What is where

    @property
    def books(self) -> list[BookLine]:
        """Every line in the order of writing; read it, do not write it."""
        return self._books.lines

    def columns(self, zone_id: str) -> tuple[tuple[Unit | None, ...], ...]:
        """Facings from left to right, in each its slots from front to back; None is an empty slot."""
        return tuple(tuple(column) for column in self._shelves[zone_id].columns)

    def shelf(self, zone_id: str) -> ZoneShelf:
        """The slots of a zone, to look at."""
        return self._shelves[zone_id]

    def back_units(self, sku: str) -> tuple[Unit, ...]:
        """In the back room, oldest first."""
        return tuple(self._back[sku])

    def back_count(self, sku: str) -> int:
        """How many are in the back room."""
        return len(self._back[sku])

    def basket(self, basket_id: str) -> tuple[Unit, ...]:
        """What somebody carries; empty for a basket that nobody knows."""
        return tuple(self._baskets.get(basket_id, ()))

    def baskets(self) -> dict[str, tuple[Unit, ...]]:
        """Every basket with something in it."""
        return {basket_id: tuple(units) for basket_id, units in self._baskets.items()}

    def home_zones(self, sku: str) -> tuple[str, ...]:
        """Zones planned for the SKU."""
        return tuple(self._home_zones[sku])

    def facings_count(self, zone_id: str) -> int:
        """Facings whose foremost unit is of the zone's own SKU."""
        shelf = self._shelves[zone_id]
        return sum(1 for _, _, unit in shelf.fronts() if unit.sku == shelf.sku)

    def front_packs_count(self, zone_id: str) -> int:
        """Facings in which anything stands: what a camera that knows no SKUs should count."""
        return sum(1 for _ in self._shelves[zone_id].fronts())

    def own_units_count(self, zone_id: str) -> int:
        """Units of the zone's own SKU in it."""
        return self._shelves[zone_id].own_count()

    def book_units(self, sku: str) -> int:
        """On-hand according to the books."""
        return self._books.on_hand(sku)

    def tally(self, sku: str) -> Tally:
        """Where every unit of the SKU is."""
        return Tally(
            opening=self._opening[sku],
            received=self._received[sku],
            shelf=self._standing[sku],
            back=len(self._back[sku]),
            baskets=self._carried[sku],
            sold=self._sold[sku],
            lost=self._lost[sku],
            wasted=self._wasted[sku],
        )

    def zone_truth(self, zone_id: str, at: datetime) -> ZoneTruth:
        """The zone as it is, stamped `at`."""
        shelf = self._shelves[zone_id]
        fronts_count = own_count = defects_count = 0
        for _, _, unit in shelf.fronts():
            fronts_count += 1
            own_count += unit.sku == shelf.sku
            defects_count += unit.condition is not Condition.OK
        return ZoneTruth(
            at=at,
            zone_id=zone_id,
            facings_count=own_count,
            front_packs_count=fronts_count,
            misplaced_count=fronts_count - own_count,
            defects_count=defects_count,
            shelf_units_count=shelf.own_count(),
        )

    def sku_truth(self, sku: str, at: datetime) -> SkuTruth:
        """The SKU as it is, stamped `at`."""
        return SkuTruth(
            at=at,
            sku=sku,
            shelf_units_count=self._standing[sku],
            back_units_count=len(self._back[sku]),
            basket_units_count=self._carried[sku],
            book_units=self._books.on_hand(sku),
        )

    def take_changes(self) -> tuple[list[str], list[str]]:
        """Zones and SKUs that changed since the last call, sorted."""
        changed = sorted(self._changed_zone_ids), sorted(self._changed_skus)
        self._changed_zone_ids.clear()
        self._changed_skus.clear()
        return changed

    # Moving one unit

    def _new_unit(self, sku: str) -> Unit:
        self._units_count += 1
        return Unit(self._units_count, sku)

    def _stand(self, zone_id: str, unit: Unit) -> bool:
        if not self._shelves[zone_id].stand(unit):
            return False
        self._note(zone_id, unit, 1)
        return True

    def _stand_in_front(self, zone_id: str, unit: Unit, rng: np.random.Generator | None) -> bool:
        shelf = self._shelves[zone_id]
        free = [i for i, column in enumerate(shelf.columns) if None in column]
        if not free:
            return False
        # An empty facing first: a hand finds it at once.
        bare = [i for i in free if not any(shelf.columns[i])] or free
        shelf.stand_in_front(unit, bare[int((rng or self._luck).integers(len(bare)))])
        self._note(zone_id, unit, 1)
        return True

    def _take_own(
        self,
        zone_id: str,
        *,
        behind: bool = False,
        damaged_too: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Unit | None:
        shelf = self._shelves[zone_id]
        places = shelf.reachable(
            lambda unit: unit.sku == shelf.sku and unit.condition not in DAMAGED, behind=behind
        ) or (shelf.reachable(lambda unit: unit.sku == shelf.sku, behind=behind) if damaged_too else [])
        if not places:
            return None
        unit = shelf.take(*places[int((rng or self._luck).integers(len(places)))])
        self._note(zone_id, unit, -1)
        return unit

    def _take_unit(self, zone_id: str, unit: Unit) -> None:
        shelf = self._shelves[zone_id]
        for i, column in enumerate(shelf.columns):
            for slot, standing in enumerate(column):
                if standing is not None and standing.unit_id == unit.unit_id:
                    shelf.take(i, slot)
                    self._note(zone_id, unit, -1)
                    return

    def _lose(self, zone_id: str, units: int, rng: np.random.Generator | None) -> int:
        for done in range(units):
            unit = self._take_own(zone_id, damaged_too=True, rng=rng)
            if unit is None:
                return done
            self._lost[unit.sku] += 1
        return units

    def _drop(self, basket_id: str, unit: Unit) -> None:
        self._baskets[basket_id].remove(unit)
        self._carried[unit.sku] -= 1
        if not self._baskets[basket_id]:
            del self._baskets[basket_id]

    def _note(self, zone_id: str, unit: Unit, count: int) -> None:
        self._standing[unit.sku] += count
        self._changed_zone_ids.add(zone_id)
        self._changed_skus.add(unit.sku)
