# SPDX-License-Identifier: AGPL-3.0-or-later
"""Staff by day: rounds past the bays, refilling from the back room, tidying, clearing waste.

Staff see the shelves with their own eyes; they know nothing of cameras or alerts.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import numpy as np

from simulator.scoring.record import Presence
from simulator.store.layout import BayPlan, ZonePlan
from simulator.store.neighbours import Neighbours
from simulator.store.night import count_by_hand, shares
from simulator.store.stage import Stage, about, seconds
from simulator.store.truth import Deed
from simulator.store.units import DAMAGED

_LOOK_S = 15.0
_TASK_S = 20.0
"""Facing up a bay, clearing or carrying off what does not belong."""
_UNIT_S = 2.0
"""To stand one unit on the shelf."""


@dataclass(slots=True)
class Round:
    """One person's way past their bays."""

    person: int
    number: int
    day: date
    bays: tuple[BayPlan, ...]


class Staff:
    """Everybody who works on the shop floor."""

    def __init__(self, stage: Stage, neighbours: Neighbours) -> None:
        self._stage = stage
        self._near = neighbours
        self._habits = stage.habits.staff
        self._bays_of = shares(stage)

    def begin_day(self, day: date) -> None:
        """Plan the day's rounds."""
        span = self._stage.plan.open_span(day)
        if span is None:
            return
        for person in range(len(self._bays_of)):
            self._next_round(Round(person, -1, day, self._bays_of[person]))

    # Rounds

    def _next_round(self, last: Round) -> None:
        """The first round of this person's day that is still to come; slots that a long round ate are left out."""
        span = self._stage.plan.open_span(last.day)
        if span is None:
            return
        every = seconds(60 * self._habits.round_every_min)
        number = last.number
        while True:
            number += 1
            slot_at = span[0] + (number + 1) * every
            if slot_at >= span[1]:
                return
            rng = self._stage.luck("round", last.day, last.person, number)
            begins_at = slot_at + seconds(60 * float(rng.exponential(self._habits.lateness_min)))
            skipped = bool(rng.random() < self._habits.skips_fraction)
            if begins_at >= self._stage.now and not skipped:
                break
        walk = Round(last.person, number, last.day, last.bays)
        self._stage.schedule(begins_at, partial(self._reach, walk, 0))

    def _reach(self, walk: Round, place: int) -> None:
        """Stand before the next bay and see what is to be done."""
        if place >= len(walk.bays):
            self._next_round(walk)
            return
        bay = walk.bays[place]
        rng = self._stage.luck("round", walk.day, walk.person, walk.number, bay.bay_id)
        arrived_at = self._stage.now
        worked_s = _LOOK_S + self._tend(bay, rng)
        leaves_at = arrived_at + seconds(worked_s)
        self._stand(bay, walk.person, arrived_at, leaves_at, 0.5 + 0.2 * float(rng.normal()))
        fetching = self._to_fill(bay, rng)
        if fetching:
            back_at = leaves_at + seconds(60 * about(rng, self._habits.fetch_min, 0.4))
            self._stage.schedule(back_at, partial(self._fill, walk, place, fetching, rng))
        else:
            self._stage.schedule(leaves_at + seconds(10), partial(self._reach, walk, place + 1))

    def _tend(self, bay: BayPlan, rng: np.random.Generator) -> float:
        """Everything that needs no walk to the back room; how many seconds it takes."""
        habits, world, worked_s = self._habits, self._stage.world, 0.0
        faces_up = rng.random() < habits.face_up_fraction
        for row in bay.rows:
            for zone in row.zones:
                clears, tidies, books = rng.random(3)
                fronts = [unit for _, _, unit in world.shelf(zone.zone_id).fronts()]
                strange = any(unit.sku != zone.sku for unit in fronts)
                if strange and tidies < habits.tidy_fraction and world.tidy(zone.zone_id):
                    worked_s += _TASK_S
                    self._stage.tell(Deed.TIDY, f"staff carry off what does not belong among {zone.name}")
                damaged = any(unit.condition in DAMAGED for unit in fronts)
                if damaged and clears < habits.clear_fraction:
                    worked_s += self._clear(zone, booked=books >= habits.forgets_waste_fraction)
                if faces_up and world.face_up(zone.zone_id):
                    worked_s += _TASK_S / 4
                    self._stage.tell(Deed.FACE_UP, f"staff face up {zone.name}")
        return worked_s

    def _clear(self, zone: ZonePlan, *, booked: bool) -> float:
        cleared = self._stage.world.waste(zone.zone_id, self._stage.now, booked=booked)
        if not cleared:
            return 0.0
        words = f"staff take {cleared} damaged of {zone.name} off the shelf"
        self._stage.tell(Deed.WASTE, words if booked else f"{words} and forget to book it")
        return _TASK_S

    # Filling

    def _to_fill(self, bay: BayPlan, rng: np.random.Generator) -> list[ZonePlan]:
        """Zones that look low to staff and are not overlooked, as far as the back room holds any."""
        wanted = []
        for row in bay.rows:
            for zone in row.zones:
                draws = rng.random(2)
                if draws[0] < self._habits.overlooks_fraction or not self._is_low(zone):
                    continue
                if self._stage.world.back_count(zone.sku):
                    wanted.append(zone)
                elif draws[1] < self._habits.corrects_fraction:
                    self._correct(zone)
        return wanted

    def _correct(self, zone: ZonePlan) -> None:
        """Somebody wonders about an empty shelf, finds none in the back and tells the books."""
        if self._stage.world.own_units_count(zone.zone_id) == 0:
            count_by_hand(self._stage, zone.sku)

    def _is_low(self, zone: ZonePlan) -> bool:
        world = self._stage.world
        full_units = world.shelf(zone.zone_id).capacity
        return world.own_units_count(
            zone.zone_id
        ) < self._habits.refill_below_fraction * full_units or world.facings_count(zone.zone_id) < max(1, zone.minimum)

    def _fill(self, walk: Round, place: int, zones: list[ZonePlan], rng: np.random.Generator) -> None:
        """Come back with the goods and stand them on the shelf, zone by zone."""
        bay, at = walk.bays[place], self._stage.now
        for zone in zones:
            spot = self._stage.spots[zone.zone_id]
            room = spot.bay.depth_units_count(zone) * zone.facings - self._stage.world.own_units_count(zone.zone_id)
            for_s = 20 + _UNIT_S * min(room, self._stage.world.back_count(zone.sku))
            until_at = at + seconds(for_s)
            self._plan_presence(bay, walk.person, at, until_at, spot.centre_mm)
            self._stage.schedule(at + seconds(0.6 * for_s), partial(self._restock, zone, rng))
            at = until_at
        self._stage.schedule(at + seconds(10), partial(self._reach, walk, place + 1))

    def _restock(self, zone: ZonePlan, rng: np.random.Generator) -> None:
        world, habits = self._stage.world, self._habits
        draws = rng.random(2)
        wrong = self._empty_beside(zone)
        if wrong and draws[0] < habits.wrong_zone_fraction:
            placed = world.restock(zone.zone_id, self._facings_free(wrong) * 2, into=wrong)
            if placed:
                there = self._stage.spots[wrong].zone.name
                self._stage.tell(Deed.MISPLACE, f"staff stand {placed} of {zone.name} among {there}")
            return
        placed = world.restock(zone.zone_id)
        if placed:
            self._stage.tell(Deed.RESTOCK, f"staff put {placed} of {zone.name} on the shelf")
        if wrong and world.back_count(zone.sku) and draws[1] < habits.overfill_fraction:
            pushed = world.restock(zone.zone_id, self._facings_free(wrong), into=wrong)
            if pushed:
                there = self._stage.spots[wrong].zone.name
                self._stage.tell(Deed.MISPLACE, f"staff push {pushed} more of {zone.name} into the place of {there}")

    def _empty_beside(self, zone: ZonePlan) -> str | None:
        """A neighbouring zone with an empty facing that the pack fits into."""
        for zone_id in self._near.beside(zone.zone_id):
            if self._facings_free(zone_id) and self._near.fits(zone.sku, zone_id):
                return zone_id
        return None

    def _facings_free(self, zone_id: str) -> int:
        return sum(1 for column in self._stage.world.shelf(zone_id).columns if not any(column))

    # Where they stand

    def _plan_presence(self, bay: BayPlan, person: int, since_at: datetime, until_at: datetime, x_mm: float) -> None:
        presence = Presence(bay.bay_id, "staff", round(x_mm, 1), since_at, until_at, person)
        self._stage.schedule(since_at, partial(self._stage.stand_before, presence))

    def _stand(self, bay: BayPlan, person: int, since_at: datetime, until_at: datetime, share: float) -> None:
        x_mm = min(0.95, max(0.05, share)) * bay.width_mm
        self._stage.stand_before(Presence(bay.bay_id, "staff", round(x_mm, 1), since_at, until_at, person))
