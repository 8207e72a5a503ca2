# SPDX-License-Identifier: AGPL-3.0-or-later
"""Suppliers bring what the books ask for, and the office books what it believes was brought."""

import math
from datetime import UTC, date, datetime
from functools import partial

import numpy as np

from simulator.store.demand import Demand
from simulator.store.neighbours import Neighbours
from simulator.store.stage import Stage, about, seconds
from simulator.store.trade import SupplierPlan
from simulator.store.truth import Deed


class Supply:
    """Orders follow the books: a SKU that the books believe in is not ordered, however empty its shelf."""

    def __init__(self, stage: Stage, demand: Demand, neighbours: Neighbours) -> None:
        self._stage = stage
        self._demand = demand
        self._near = neighbours
        world = stage.world
        self._full_units = {
            sku: sum(world.shelf(zone_id).capacity for zone_id in world.home_zones(sku)) for sku in world.skus
        }

    def begin_day(self, day: date) -> None:
        """Send for the suppliers of the day."""
        if not self._stage.habits.supply.orders:
            return
        for supplier in self._stage.plan.suppliers:
            if day.weekday() in supplier.weekdays:
                at = datetime.combine(day, supplier.arrives_at, tzinfo=UTC)
                self._stage.schedule(at, partial(self._arrive, supplier))

    def _arrive(self, supplier: SupplierPlan) -> None:
        for sku in supplier.skus or self._stage.world.skus:
            ordered = self._ordered(supplier, sku)
            if ordered:
                rng = self._stage.luck("supply", supplier.supplier_id, self._stage.now.date(), sku)
                self._bring(rng, sku, ordered, supplier.case_units)

    def _ordered(self, supplier: SupplierPlan, sku: str) -> int:
        cover = self._demand.of_sku[sku].per_day * supplier.cover_days
        wanted = supplier.shelf_fraction * self._full_units[sku] + cover - self._stage.world.book_units(sku)
        return math.ceil(wanted / supplier.case_units) * supplier.case_units if wanted >= 1 else 0

    def _bring(self, rng: np.random.Generator, sku: str, ordered: int, case_units: int) -> None:
        habits = self._stage.habits.supply
        brought, booked, booked_sku = ordered, ordered, sku
        draw = float(rng.random())
        if (draw := draw - habits.short_fraction) < 0:
            brought = max(0, ordered - max(1, round(ordered * habits.short_units_fraction)))
        elif (draw := draw - habits.wrong_count_fraction) < 0:
            booked = max(0, ordered + int(rng.choice((-1, 1))) * case_units)
        elif (draw := draw - habits.wrong_sku_fraction) < 0:
            booked_sku = self._near.twin(sku) or sku
        elif draw - habits.unbooked_fraction < 0:
            booked = 0
        if brought:
            self._stage.world.receive(sku, brought)
        words = f"{brought} of {self._stage.name_of[sku]} are delivered"
        self._stage.tell(Deed.DELIVER, words if brought == ordered else f"{words}, {ordered} were ordered")
        if booked:
            late = rng.random() < habits.late_fraction
            delay_s = 3600 * about(rng, habits.late_h, 0.4) if late else 60 * about(rng, habits.booking_min, 0.3)
            self._stage.schedule(self._stage.now + seconds(delay_s), partial(self._book, booked_sku, booked))

    def _book(self, sku: str, units: int) -> None:
        world = self._stage.world
        world.book_receipt(sku, units, self._stage.now, world.next_paper("delivery"))
        self._stage.tell(Deed.BOOK, f"the office books a delivery of {units} of {self._stage.name_of[sku]}")
