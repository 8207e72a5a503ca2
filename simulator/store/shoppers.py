# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shoppers: they arrive by chance, walk from bay to bay, take, put back, and pay some minutes later.

All that a shopper is going to do is drawn on arrival from a generator of its own, so what happens to the shelves
changes what this shopper finds and never what another one wants.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import numpy as np

from simulator.scoring.record import Presence
from simulator.store.demand import Demand
from simulator.store.neighbours import Neighbours
from simulator.store.stage import LostSale, Stage, about, seconds
from simulator.store.truth import Deed

LONGEST_DWELL_S = 600.0
_HAND_S = 3.0
"""For one more unit."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of a shopping list."""

    sku: str
    units: int
    puts_back: bool


@dataclass(slots=True)
class Shopper:
    """One visit."""

    basket_id: str
    rng: np.random.Generator
    """For what is settled on arrival."""
    luck: Callable[..., np.random.Generator]
    """For what depends on what the shelves hold: a generator for each act, so that no act shifts another's luck."""
    look_seed: int


class Shoppers:
    """Everybody who comes to buy."""

    def __init__(self, stage: Stage, demand: Demand, neighbours: Neighbours) -> None:
        self._stage = stage
        self._demand = demand
        self._near = neighbours
        self._habits = stage.habits.shoppers
        self._bay_of = {sku: stage.spots[stage.world.home_zones(sku)[0]].bay for sku in stage.world.skus}
        self._bay_order = {bay.bay_id: i for i, bay in enumerate(stage.plan.bays)}

    def begin_day(self, day: date) -> None:
        """Draw who comes, and when; a Poisson process whose rate follows the hours."""
        today = self._demand.on(day)
        if today is None:
            return
        rng = self._stage.luck("arrivals", day)
        count = 0
        for from_at, until_at, buys in today.hours():
            wanting = buys.sum() / self._habits.basket_lines
            coming = wanting / max(1e-6, 1 - self._habits.browsers_fraction)
            if coming <= 0:
                continue
            odds = np.cumsum(buys / buys.sum())
            span_s = (until_at - from_at).total_seconds()
            for offset_s in np.sort(rng.random(rng.poisson(coming))) * span_s:
                arrive = partial(self._arrive, day, count, odds, today.skus)
                self._stage.schedule(from_at + seconds(float(offset_s)), arrive)
                count += 1

    def _arrive(self, day: date, number: int, odds: np.ndarray, skus: tuple[str, ...]) -> None:
        name = f"shopper-{day:%m%d}-{number:05d}"
        luck = partial(self._stage.luck, name, day.year)
        rng = luck()
        shopper = Shopper(name, rng, luck, int(rng.integers(2**31)))
        if rng.random() < self._habits.browsers_fraction:
            bay = self._stage.plan.bays[int(rng.integers(len(self._stage.plan.bays)))]
            self._visit(shopper, self._stage.now, bay.bay_id, [])
            return
        wishes = self._wishes(rng, odds, skus)
        stops: dict[str, list[Wish]] = {}
        for wish in wishes:
            stops.setdefault(self._bay_of[wish.sku].bay_id, []).append(wish)
        way = sorted(stops, key=lambda one: self._bay_order[one])
        at = leaves_at = self._stage.now
        for bay_id in way:
            leaves_at = self._visit(shopper, at, bay_id, stops[bay_id])
            at = leaves_at + seconds(about(rng, self._habits.walk_s))
        for wish in wishes:
            if wish.puts_back:
                self._plan_put_back(shopper, leaves_at, way[-1], wish)
        self._stage.schedule(at + seconds(60 * about(rng, self._habits.till_min)), partial(self._pay, shopper))

    def _wishes(self, rng: np.random.Generator, odds: np.ndarray, skus: tuple[str, ...]) -> list[Wish]:
        lines_count = 1 + int(rng.poisson(self._habits.basket_lines - 1))
        units: Counter[str] = Counter()
        for draw in rng.random(lines_count):
            sku = skus[min(int(np.searchsorted(odds, draw, side="right")), len(skus) - 1)]
            units[sku] += int(rng.geometric(1 / self._demand.of_sku[sku].units_per_buy))
        return [Wish(sku, count, bool(rng.random() < self._habits.put_back_fraction)) for sku, count in units.items()]

    def _visit(self, shopper: Shopper, at: datetime, bay_id: str, wishes: list[Wish]) -> datetime:
        """Plan one stop before a bay; when it is over."""
        rng = shopper.rng
        units_count = sum(wish.units for wish in wishes)
        dwell_s = min(LONGEST_DWELL_S, max(3.0, about(rng, self._habits.dwell_s, 0.8)) + _HAND_S * units_count)
        until_at = at + seconds(dwell_s)
        bay = self._stage.plan.bays[self._bay_order[bay_id]]
        spots = [self._stage.spots[self._stage.world.home_zones(wish.sku)[0]] for wish in wishes]
        centres_mm = [spot.centre_mm for spot in spots] or [float(rng.uniform(0.1, 0.9)) * bay.width_mm]
        x_mm = round(float(np.mean(centres_mm) + rng.normal(0, 120)), 1)
        presence = Presence(bay_id, "shopper", x_mm, at, until_at, shopper.look_seed)
        self._stage.schedule(at, partial(self._stage.stand_before, presence))
        for i, wish in enumerate(wishes):
            pick_at = at + seconds(dwell_s * (0.25 + 0.6 * (i + 1) / (len(wishes) + 1)))
            self._stage.schedule(pick_at, partial(self._pick, shopper, wish))
        return until_at

    def _pick(self, shopper: Shopper, wish: Wish) -> None:
        rng = shopper.luck("pick", wish.sku)
        got = self._take(shopper, wish.sku, wish.units, rng)
        if got:
            self._stage.tell(Deed.PICK, f"a shopper takes {got} of {self._stage.name_of[wish.sku]}")
        missing = wish.units - got
        if not missing:
            return
        instead = self._substitute(shopper, wish.sku, missing, rng)
        self._stage.lost_sales.append(LostSale(self._stage.now, wish.sku, missing, instead))
        words = f"a shopper wants {missing} more of {self._stage.name_of[wish.sku]} and finds none"
        if instead is not None:
            words += f", and takes {self._stage.name_of[instead]}"
        self._stage.tell(Deed.LOST_SALE, words, skus=(wish.sku,))

    def _take(self, shopper: Shopper, sku: str, units: int, rng: np.random.Generator) -> int:
        world, got = self._stage.world, 0
        for _ in range(units):
            behind = bool(rng.random() < self._habits.behind_fraction)
            damaged_too = bool(rng.random() < self._habits.takes_damaged_fraction)
            for zone_id in world.home_zones(sku):
                if world.pick(zone_id, shopper.basket_id, behind=behind, damaged_too=damaged_too, rng=rng):
                    got += 1
                    break
            else:
                break
        return got

    def _substitute(self, shopper: Shopper, sku: str, units: int, rng: np.random.Generator) -> str | None:
        if rng.random() >= self._habits.substitute_fraction:
            return None
        for other in self._near.like(sku):
            if self._take(shopper, other, units, rng):
                return other
        return None

    def _plan_put_back(self, shopper: Shopper, at: datetime, bay_id: str, wish: Wish) -> None:
        wrong = bool(shopper.rng.random() < self._habits.wrong_zone_fraction)
        pick = float(shopper.rng.random())
        self._stage.schedule(at, partial(self._put_back, shopper, wish.sku, bay_id if wrong else None, pick))

    def _put_back(self, shopper: Shopper, sku: str, wrong_bay_id: str | None, draw: float) -> None:
        world = self._stage.world
        unit = next((unit for unit in world.basket(shopper.basket_id) if unit.sku == sku), None)
        if unit is None:
            return
        choices = list(world.home_zones(sku))
        if wrong_bay_id is not None:
            others = self._near.fitting(sku, wrong_bay_id)
            choices = [others[int(draw * len(others))]] if others else []
        for zone_id in choices:
            if world.put_back(shopper.basket_id, unit.unit_id, zone_id, shopper.luck("put back", sku)):
                there = self._stage.spots[zone_id].zone
                where = "back" if there.sku == sku else f"among {there.name}"
                self._stage.tell(Deed.PUT_BACK, f"a shopper puts {self._stage.name_of[sku]} {where}")
                return

    def _pay(self, shopper: Shopper) -> None:
        units = self._stage.world.basket(shopper.basket_id)
        if not units:
            return
        booked = self._rung_up(shopper, Counter(unit.sku for unit in units))
        paid = self._stage.world.pay(shopper.basket_id, self._stage.now, booked=booked)
        self._stage.tell(Deed.PAY, f"a shopper pays for {paid} units")

    def _rung_up(self, shopper: Shopper, true_units: Counter[str]) -> dict[str, int]:
        """What the till writes for what lies on its belt."""
        habits = self._stage.habits.till
        booked: Counter[str] = Counter()
        for sku, count in true_units.items():
            rng, twin = shopper.luck("till", sku), self._near.twin(sku)
            wrong = int(rng.binomial(count, habits.misscan_fraction)) if twin else 0
            right = count - wrong
            if right > 1 and rng.random() < habits.key_error_fraction:
                right += int(rng.choice((-1, 1)))
            booked[sku] += right
            if twin and wrong:
                booked[twin] += wrong
        return dict(booked)
