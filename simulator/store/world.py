# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people do to the stock of a store: each deed moves units, writes books or forgets to, and says what was done."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import numpy as np

from simulator.store.books import BookLine
from simulator.store.stock import Stock
from simulator.store.units import DAMAGED, Condition, Tally, Unit

__all__ = ["BookLine", "Tally", "World"]


class World(Stock):
    """Mutable truth. Luck comes from the generator given with a deed, or else from the world's own.

    A deed that the books notice takes the instant at which it happens.
    """

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
