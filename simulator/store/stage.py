# SPDX-License-Identifier: AGPL-3.0-or-later
"""What everybody in the store shares: the world, the queue of what comes next, and the telling of what happened."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from simulator.scoring.record import Presence
from simulator.store.layout import BayPlan, ZonePlan
from simulator.store.luck import luck
from simulator.store.plan import StorePlan
from simulator.store.truth import Deed, Happening
from simulator.store.world import World


@dataclass(frozen=True, slots=True)
class LostSale:
    """Demand that met an empty shelf; no book sees it."""

    at: datetime
    sku: str
    units: int
    instead: str | None = None
    """SKU taken instead, where the shopper was content with another."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a zone is."""

    bay: BayPlan
    zone: ZonePlan
    row_index: int
    centre_mm: float
    clearance_mm: float


class Stage:
    """Events run at their own instants, in the order of time, then of their making."""

    def __init__(self, plan: StorePlan, world: World, seed: int) -> None:
        self.plan = plan
        self.world = world
        self.habits = plan.habits
        self.now = world.opened_at
        self.presences: list[Presence] = []
        self.lost_sales: list[LostSale] = []
        self._seed = seed
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._queued_count = 0
        self._told: list[Happening] = []
        self.spots = {spot.zone.zone_id: spot for bay in plan.bays for spot in _spots(bay)}
        self.name_of = {spot.zone.sku: spot.zone.name for spot in self.spots.values()}

    def luck(self, *names: object) -> np.random.Generator:
        """The generator of a stream."""
        return luck(self._seed, *names)

    def schedule(self, at: datetime, act: Callable[[], None]) -> None:
        """Do something later. What should have been before now is dropped: it was before the world began."""
        if at >= self.now:
            heapq.heappush(self._queue, (at, self._queued_count, act))
            self._queued_count += 1

    def next_at(self) -> datetime | None:
        """When the next event is due."""
        return self._queue[0][0] if self._queue else None

    def play(self, until_at: datetime) -> None:
        """Run everything due up to and with `until_at`."""
        while self._queue and self._queue[0][0] <= until_at:
            self.now, _, act = heapq.heappop(self._queue)
            act()
        self.now = max(self.now, until_at)

    def take_told(self) -> list[Happening]:
        """What was told since the last call."""
        told, self._told = self._told, []
        return told

    def tell(self, what: Deed, words: str, *, skus: Sequence[str] = ()) -> None:
        """Say what just happened; what it changed in the world is found out here."""
        self._told.append(self.account(what, words, skus=skus))

    def account(self, what: Deed, words: str, *, zone_ids: Sequence[str] = (), skus: Sequence[str] = ()) -> Happening:
        """What just happened, with the truth of every place and SKU that it changed."""
        zones, changed_skus = self.world.take_changes()
        return Happening(
            at=self.now,
            what=what,
            words=words,
            zone_ids=tuple(dict.fromkeys((*zones, *zone_ids))),
            skus=tuple(dict.fromkeys((*changed_skus, *skus))),
            zone_truths=tuple(self.world.zone_truth(zone_id, self.now) for zone_id in zones),
            sku_truths=tuple(self.world.sku_truth(sku, self.now) for sku in changed_skus),
        )

    def stand_before(self, presence: Presence) -> None:
        """Somebody takes a place before a bay now."""
        self.presences.append(presence)


def _spots(bay: BayPlan) -> list[Spot]:
    spots = []
    for row_index, row in enumerate(bay.rows):
        for left_mm, zone in zip(bay.zone_lefts_mm(row), row.zones, strict=True):
            centre_mm = left_mm + zone.facings * zone.wh_mm[0] / 2
            spots.append(Spot(bay, zone, row_index, centre_mm, row.clearance_mm))
    return spots


def seconds(count: float) -> timedelta:
    """A span; whole microseconds."""
    return timedelta(seconds=round(count, 6))


def about(rng: np.random.Generator, median: float, spread: float = 0.5) -> float:
    """A positive quantity that scatters around its median as people's doings do (log-normal)."""
    return float(median * np.exp(spread * rng.standard_normal()))
