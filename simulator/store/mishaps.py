# SPDX-License-Identifier: AGPL-3.0-or-later
"""What no book sees: theft, breakage, packs left damaged or untidy; and trolleys left standing."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial

import numpy as np

from simulator.scoring.record import Presence
from simulator.store.stage import Spot, Stage, about, seconds
from simulator.store.truth import Deed
from simulator.store.units import DAMAGED, UNTIDY, Condition

_DAMAGES = tuple(sorted(DAMAGED))
_UNTIDY = tuple(sorted(UNTIDY))


class Mishaps:
    """Each kind comes as a Poisson process over the opening hours of a day."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._spots = list(stage.spots.values())

    def begin_day(self, day: date) -> None:
        """Draw what is going to go wrong."""
        span = self._stage.plan.open_span(day)
        if span is None:
            return
        habits = self._stage.habits
        losses = habits.losses
        for name, per_day, act in (
            ("theft", losses.thefts_per_day, self._steal_one),
            ("sweep", losses.sweeps_per_week / 7, self._sweep),
            ("breakage", losses.breakages_per_day, self._break),
            ("damage", losses.damages_per_day, self._damage),
            ("untidy", losses.untidy_per_day, self._untidy),
            ("trolley", habits.shoppers.trolleys_per_day, self._leave_trolley),
        ):
            self._plan(name, per_day, span, act)

    def _plan(
        self,
        name: str,
        per_day: float,
        span: tuple[datetime, datetime],
        act: Callable[[np.random.Generator, Spot], None],
    ) -> None:
        rng = self._stage.luck(name, span[0].date())
        opens_at, closes_at = span
        for offset in np.sort(rng.random(rng.poisson(per_day))):
            at = opens_at + seconds(float(offset) * (closes_at - opens_at).total_seconds())
            own = np.random.default_rng(int(rng.integers(2**63)))
            spot = self._spots[int(own.integers(len(self._spots)))]
            self._stage.schedule(at, partial(act, own, spot))

    def _somebody(self, rng: np.random.Generator, spot: Spot, kind: str, for_s: float) -> None:
        at = self._stage.now
        presence = Presence(
            bay_id=spot.bay.bay_id,
            kind="trolley" if kind == "trolley" else "shopper",
            x_mm=round(spot.centre_mm + float(rng.normal(0, 100)), 1),
            since_at=at,
            until_at=at + seconds(for_s),
            look_seed=int(rng.integers(2**31)),
        )
        self._stage.stand_before(presence)

    def _steal_one(self, rng: np.random.Generator, spot: Spot) -> None:
        for_s = about(rng, 25, 0.5)
        self._somebody(rng, spot, "shopper", for_s)
        self._stage.schedule(self._stage.now + seconds(for_s / 2), partial(self._gone, spot, 1, rng))

    def _sweep(self, rng: np.random.Generator, spot: Spot) -> None:
        for_s = about(rng, 70, 0.4)
        self._somebody(rng, spot, "shopper", for_s)
        self._stage.schedule(self._stage.now + seconds(for_s * 0.7), partial(self._sweep_now, spot, rng))

    def _sweep_now(self, spot: Spot, rng: np.random.Generator) -> None:
        own_count = self._stage.world.own_units_count(spot.zone.zone_id)
        self._gone(spot, int(np.ceil(own_count * self._stage.habits.losses.sweep_fraction)), rng)

    def _gone(self, spot: Spot, units: int, rng: np.random.Generator) -> None:
        taken = self._stage.world.steal(spot.zone.zone_id, units, rng)
        if taken:
            self._stage.tell(Deed.STEAL, f"somebody steals {taken} of {spot.zone.name}; no till sees it")

    def _break(self, rng: np.random.Generator, spot: Spot) -> None:
        if self._stage.world.break_(spot.zone.zone_id, 1, rng):
            self._stage.tell(Deed.BREAK, f"one {spot.zone.name} falls and breaks; nobody books it")

    def _damage(self, rng: np.random.Generator, spot: Spot) -> None:
        self._mark(rng, spot, _DAMAGES[int(rng.integers(len(_DAMAGES)))])

    def _untidy(self, rng: np.random.Generator, spot: Spot) -> None:
        self._mark(rng, spot, _UNTIDY[int(rng.integers(len(_UNTIDY)))])

    def _mark(self, rng: np.random.Generator, spot: Spot, condition: Condition) -> None:
        if self._stage.world.damage(spot.zone.zone_id, 1, condition, rng):
            looks = condition.replace("_", " ")
            self._stage.tell(Deed.DAMAGE, f"one {spot.zone.name} is left {looks} on the shelf")

    def _leave_trolley(self, rng: np.random.Generator, spot: Spot) -> None:
        minutes = self._stage.habits.shoppers.trolley_min
        self._somebody(rng, spot, "trolley", min(3600.0, 60 * about(rng, minutes, 0.7)))
