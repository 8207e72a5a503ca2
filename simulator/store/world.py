# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is really in the store, unit by unit, and separately what its books would say.

Units are conserved: opening + received = on shelf + in the back + sold + lost.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from simulator.store.plan import StorePlan


@dataclass(frozen=True, slots=True)
class BookLine:
    """One line that somebody or the till wrote into the books. `units` is signed: what it adds to on-hand."""

    sku: str
    kind: str
    units: int
    occurred_at: datetime
    reference: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Where the units of one SKU are."""

    opening: int
    received: int
    shelf: int
    back: int
    sold: int
    lost: int


class World:
    """Mutable truth. Every change takes the instant at which it happens; luck comes from the generator given."""

    def __init__(self, plan: StorePlan, opened_at: datetime, rng: np.random.Generator) -> None:
        self.plan = plan
        self._rng = rng
        self._sku_of = {zone.zone_id: zone.sku for _, zone in plan.zones()}
        self._depth_of = {zone.zone_id: bay.depth_units_count(zone) for bay, zone in plan.zones()}
        self.columns = {zone.zone_id: [0] * zone.facings for _, zone in plan.zones()}
        """Units standing in each facing of a zone, from left to right."""
        self.back = dict.fromkeys(self._sku_of.values(), 0)
        self._opening = dict.fromkeys(self.back, 0)
        self._received = dict.fromkeys(self.back, 0)
        self._sold = dict.fromkeys(self.back, 0)
        self._lost = dict.fromkeys(self.back, 0)
        self.books: list[BookLine] = []
        self._open(opened_at)

    def _open(self, opened_at: datetime) -> None:
        stock_of = {stock.sku: stock for stock in self.plan.stock}
        for zone_id, columns in self.columns.items():
            stock = stock_of.get(self._sku_of[zone_id])
            capacity = len(columns) * self._depth_of[zone_id]
            wanted = capacity if stock is None or stock.shelf_units is None else min(stock.shelf_units, capacity)
            self._stand(zone_id, wanted)
        for sku in self.back:
            stock = stock_of.get(sku)
            self.back[sku] = stock.back_units if stock else 0
            self._opening[sku] = self.back[sku] + self._shelf(sku)
            believed = self._opening[sku] + (stock.book_error_units if stock else 0)
            self.books.append(BookLine(sku, "opening", believed, opened_at, f"opening-{sku}"))

    def _stand(self, zone_id: str, units: int) -> int:
        """Put units on the shelf, filling the emptiest facings first as a person does; how many found a place."""
        columns, placed = self.columns[zone_id], 0
        while placed < units and min(columns) < self._depth_of[zone_id]:
            columns[columns.index(min(columns))] += 1
            placed += 1
        return placed

    def _shelf(self, sku: str) -> int:
        return sum(sum(columns) for zone_id, columns in self.columns.items() if self._sku_of[zone_id] == sku)

    def _take(self, zone_id: str, units: int) -> int:
        """Take units from the front of facings chosen by luck; how many there were."""
        columns, taken = self.columns[zone_id], 0
        while taken < units and any(columns):
            standing = [i for i, count in enumerate(columns) if count]
            columns[int(self._rng.choice(standing))] -= 1
            taken += 1
        return taken

    def sell(self, zone_id: str, units: int, at: datetime) -> int:
        """A shopper takes up to `units` through the till; returns how many."""
        sku = self._sku_of[zone_id]
        taken = self._take(zone_id, units)
        if taken:
            self._sold[sku] += taken
            self.books.append(BookLine(sku, "sale", -taken, at, f"till-{len(self.books):06d}"))
        return taken

    def steal(self, zone_id: str, units: int) -> int:
        """Up to `units` leave without the books noticing; returns how many."""
        taken = self._take(zone_id, units)
        self._lost[self._sku_of[zone_id]] += taken
        return taken

    def restock(self, zone_id: str) -> int:
        """Fill the zone from the back room as far as it goes; returns how many units."""
        sku = self._sku_of[zone_id]
        placed = self._stand(zone_id, self.back[sku])
        self.back[sku] -= placed
        return placed

    def deliver(self, sku: str, units: int, at: datetime, *, booked_units: int | None = None) -> None:
        """`units` arrive in the back room; the books say `booked_units` when that differs."""
        self.back[sku] += units
        self._received[sku] += units
        booked = units if booked_units is None else booked_units
        if booked:
            self.books.append(BookLine(sku, "receipt", booked, at, f"delivery-{len(self.books):06d}"))

    def facings_count(self, zone_id: str) -> int:
        """Facings of the zone in which at least one unit stands: what a camera should count."""
        return sum(1 for units in self.columns[zone_id] if units)

    def book_units(self, sku: str) -> int:
        """On-hand according to the books."""
        return sum(line.units for line in self.books if line.sku == sku)

    def tally(self, sku: str) -> Tally:
        """Where every unit of the SKU is."""
        return Tally(
            opening=self._opening[sku],
            received=self._received[sku],
            shelf=self._shelf(sku),
            back=self.back[sku],
            sold=self._sold[sku],
            lost=self._lost[sku],
        )
