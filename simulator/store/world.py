# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is really in the store, unit by unit, and separately what its books would say.

Every unit is in one place: a slot of a shelf, the back room or a basket, or it has left (sold, lost, wasted). Every
change takes the instant at which it happens, and returns what was really done.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import numpy as np

from simulator.scoring.record import SkuTruth, ZoneTruth
from simulator.store.books import BookLine, Books
from simulator.store.luck import luck
from simulator.store.plan import StorePlan
from simulator.store.shelf import ZoneShelf
from simulator.store.units import DAMAGED, Condition, Tally, Unit

__all__ = ["BookLine", "Tally", "World"]


class World:
    """Mutable truth. Luck comes from the generator given with a change, or else from the world's own."""

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
            self._books.write(sku, "opening", believed, self.opened_at, f"opening-{sku}")

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

    def has_changes(self) -> bool:
        """Whether anything changed since `take_changes`."""
        return bool(self._changed_zone_ids or self._changed_skus)

    def take_changes(self) -> tuple[list[str], list[str]]:
        """Zones and SKUs that changed since the last call, sorted."""
        changed = sorted(self._changed_zone_ids), sorted(self._changed_skus)
        self._changed_zone_ids.clear()
        self._changed_skus.clear()
        return changed

    # Shoppers

    def pick(
        self,
        zone_id: str,
        basket_id: str,
        *,
        behind: bool = False,
        damaged_too: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Unit | None:
        """Somebody takes one unit of the zone's SKU into a basket; None where there is none to their liking."""
        unit = self._take_own(zone_id, behind=behind, damaged_too=damaged_too, rng=rng)
        if unit is not None:
            self._baskets.setdefault(basket_id, []).append(unit)
            self._carried[unit.sku] += 1
        return unit

    def put_back(self, basket_id: str, unit_id: int, zone_id: str, rng: np.random.Generator | None = None) -> bool:
        """A carried unit goes to the front of a facing of any zone; False, and it stays, where the zone is full."""
        basket = self._baskets.get(basket_id, [])
        unit = next((unit for unit in basket if unit.unit_id == unit_id), None)
        if unit is None or not self._stand_in_front(zone_id, unit, rng):
            return False
        self._drop(basket_id, unit)
        return True

    def pay(self, basket_id: str, at: datetime, *, booked: Mapping[str, int] | None = None) -> int:
        """The basket goes over the till; how many units leave. `booked` is what the till wrote where it erred."""
        units = self._baskets.pop(basket_id, [])
        if not units:
            return 0
        true_units = Counter(unit.sku for unit in units)
        for sku, count in true_units.items():
            self._carried[sku] -= count
            self._sold[sku] += count
            self._changed_skus.add(sku)
        ticket = self._books.number("till")
        for sku, count in sorted((true_units if booked is None else booked).items()):
            if count:
                self._books.write(sku, "sale", -count, at, ticket)
                self._changed_skus.add(sku)
        return len(units)

    def walk_out(self, basket_id: str) -> int:
        """The basket leaves past the till; how many units."""
        units = self._baskets.pop(basket_id, [])
        for unit in units:
            self._carried[unit.sku] -= 1
            self._lost[unit.sku] += 1
            self._changed_skus.add(unit.sku)
        return len(units)

    def sell(self, zone_id: str, units: int, at: datetime, rng: np.random.Generator | None = None) -> int:
        """Up to `units` go from the shelf through the till at once; how many."""
        basket_id = f"at-once-{zone_id}"
        for _ in range(units):
            if self.pick(zone_id, basket_id, damaged_too=True, rng=rng) is None:
                break
        return self.pay(basket_id, at)

    def steal(self, zone_id: str, units: int, rng: np.random.Generator | None = None) -> int:
        """Up to `units` leave without the books noticing; how many."""
        return self._lose(zone_id, units, rng)

    def break_(self, zone_id: str, units: int, rng: np.random.Generator | None = None) -> int:
        """Up to `units` fall and are swept up without a word; how many."""
        return self._lose(zone_id, units, rng)

    def damage(self, zone_id: str, units: int, condition: Condition, rng: np.random.Generator | None = None) -> int:
        """Up to `units` good packs at the front look like `condition` from now on; how many."""
        shelf = self._shelves[zone_id]
        good = [(column, slot) for column, slot, unit in shelf.fronts() if unit.condition is Condition.OK]
        chosen = (rng or self._luck).permutation(len(good))[:units]
        for index in chosen:
            shelf.set_condition(*good[int(index)], condition)
            self._changed_zone_ids.add(zone_id)
        return len(chosen)

    # Staff and suppliers

    def receive(self, sku: str, units: int) -> None:
        """`units` arrive in the back room; the books know nothing yet."""
        self._back[sku] += [self._new_unit(sku) for _ in range(units)]
        self._received[sku] += units
        self._changed_skus.add(sku)

    def book_receipt(self, sku: str, units: int, at: datetime, paper: str) -> None:
        """The office books a delivery."""
        if units:
            self._books.write(sku, "receipt", units, at, paper)
            self._changed_skus.add(sku)

    def deliver(self, sku: str, units: int, at: datetime, *, booked_units: int | None = None) -> None:
        """`units` arrive and are booked at once; the books say `booked_units` when that differs."""
        self.receive(sku, units)
        self.book_receipt(sku, units if booked_units is None else booked_units, at, self.next_paper("delivery"))

    def next_paper(self, word: str) -> str:
        """Number of the next delivery note, count list or the like."""
        return self._books.number(word)

    def restock(self, zone_id: str, units: int | None = None, *, into: str | None = None) -> int:
        """Units of the zone's SKU come from the back as far as they go; `into` is the zone where they really end up."""
        sku, target = self._shelves[zone_id].sku, into or zone_id
        back, placed = self._back[sku], 0
        while back and (units is None or placed < units) and self._stand(target, back[0]):
            back.pop(0)
            placed += 1
        return placed

    def face_up(self, zone_id: str) -> int:
        """Pull everything to the front and set it upright; how many units were moved or turned."""
        moved = self._shelves[zone_id].face_up()
        if moved:
            self._changed_zone_ids.add(zone_id)
        return moved

    def misplace(self, sku: str, zone_id: str, units: int, rng: np.random.Generator | None = None) -> int:
        """Up to `units` get from their shelf, or else from the back, to the front of another zone; how many."""
        done = 0
        for _ in range(units):
            home = next((one for one in self._home_zones[sku] if one != zone_id and self.own_units_count(one)), None)
            if home is not None:
                unit = self._take_own(home, damaged_too=True, rng=rng)
            else:
                unit = self._back[sku].pop(0) if self._back[sku] else None
            if unit is None:
                break
            if not self._stand_in_front(zone_id, unit, rng):
                if home is None or not self._stand(home, unit):
                    self._back[sku].insert(0, unit)
                break
            done += 1
        return done

    def tidy(self, zone_id: str) -> int:
        """Every misplaced unit of the zone goes home: to its shelf, or to the back room where that is full."""
        shelf = self._shelves[zone_id]
        strangers = [unit for unit in shelf.units() if unit.sku != shelf.sku]
        for unit in strangers:
            self._take_unit(zone_id, unit)
            if not any(self._stand(home, unit) for home in self._home_zones[unit.sku]):
                self._back[unit.sku].append(unit)
        return len(strangers)

    def waste(self, zone_id: str, at: datetime, *, booked: bool = True) -> int:
        """Staff take the damaged packs in front off the shelf; how many. Unbooked, the books still count on them."""
        bad = [unit for _, _, unit in self._shelves[zone_id].fronts() if unit.condition in DAMAGED]
        paper = self.next_paper("waste") if bad and booked else ""
        for sku, count in sorted(Counter(unit.sku for unit in bad).items()):
            self._wasted[sku] += count
            if booked:
                self._books.write(sku, "adjustment", -count, at, paper)
        for unit in bad:
            self._take_unit(zone_id, unit)
        return len(bad)

    def hand_count(self, sku: str, at: datetime, *, error_units: int = 0) -> int:
        """Staff count shelf and back room and set the books to it, wrong by `error_units`; what that added."""
        counted = max(0, self._standing[sku] + len(self._back[sku]) + error_units)
        difference = counted - self._books.on_hand(sku)
        if difference:
            self._books.write(sku, "adjustment", difference, at, self.next_paper("count"))
            self._changed_skus.add(sku)
        return difference

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
