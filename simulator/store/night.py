# SPDX-License-Identifier: AGPL-3.0-or-later
"""Staff while the door is closed: filling before opening, counting by hand after closing."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

from simulator.scoring.record import Presence
from simulator.store.layout import BayPlan, ZonePlan
from simulator.store.stage import Stage
from simulator.store.truth import Deed

_COUNT_AFTER = timedelta(minutes=20)
"""Hand counts begin this long after closing."""
_BAY_EVERY = timedelta(minutes=3)
"""To fill one bay before opening."""
_MISCOUNTS = (-3, -2, -1, 1, 2, 3)


class Night:
    """Whoever comes early or stays late."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._habits = stage.habits.staff
        self._bays_of = shares(stage)

    def begin_day(self, day: date) -> None:
        """Plan the day's early and late work."""
        span = self._stage.plan.open_span(day)
        if span is None:
            return
        if self._habits.night_fill:
            at = datetime.combine(day, self._habits.night_fill_at, tzinfo=UTC)
            for person, bays in enumerate(self._bays_of):
                for i, bay in enumerate(bays):
                    self._stage.schedule(at + i * _BAY_EVERY, partial(self._fill, bay, person))
        if self._habits.counts_per_night:
            self._stage.schedule(span[1] + _COUNT_AFTER, partial(self._count, day))

    def _fill(self, bay: BayPlan, person: int) -> None:
        at = self._stage.now
        self._stage.stand_before(Presence(bay.bay_id, "staff", bay.width_mm / 2, at, at + 0.8 * _BAY_EVERY, person))
        for row in bay.rows:
            for zone in row.zones:
                self._fill_zone(zone)

    def _fill_zone(self, zone: ZonePlan) -> None:
        moved = self._stage.world.face_up(zone.zone_id)
        placed = self._stage.world.restock(zone.zone_id)
        if placed:
            self._stage.tell(Deed.RESTOCK, f"before opening staff put {placed} of {zone.name} on the shelf")
        elif moved:
            self._stage.tell(Deed.FACE_UP, f"before opening staff face up {zone.name}")

    def _count(self, day: date) -> None:
        rng = self._stage.luck("count", day)
        skus = self._stage.world.skus
        for index in rng.permutation(len(skus))[: self._habits.counts_per_night]:
            wrong, off = rng.random() < self._habits.count_error_fraction, int(rng.choice(_MISCOUNTS))
            count_by_hand(self._stage, skus[int(index)], off if wrong else 0)


def count_by_hand(stage: Stage, sku: str, error_units: int = 0) -> None:
    """Somebody counts a SKU and writes it into the books, wrong by `error_units`."""
    difference = stage.world.hand_count(sku, stage.now, error_units=error_units)
    words = f"staff count {stage.name_of[sku]}"
    stage.tell(Deed.COUNT, f"{words}; the books change by {difference:+d}" if difference else words)


def shares(stage: Stage) -> list[tuple[BayPlan, ...]]:
    """The bays of each person, side by side and about as many."""
    bays = stage.plan.bays
    people = min(stage.habits.staff.people, len(bays))
    return [bays[len(bays) * i // people : len(bays) * (i + 1) // people] for i in range(people)]
