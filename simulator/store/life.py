# SPDX-License-Identifier: AGPL-3.0-or-later
"""A store that lives: shoppers, thieves, staff and suppliers, each at their own instants, from one seed."""

from datetime import UTC, datetime, time, timedelta

from simulator.errors import SimulatorError
from simulator.scoring.record import Presence
from simulator.store.demand import Demand
from simulator.store.mishaps import Mishaps
from simulator.store.neighbours import Neighbours
from simulator.store.night import Night
from simulator.store.orders import Order, Orders
from simulator.store.plan import StorePlan
from simulator.store.shoppers import Shoppers
from simulator.store.staff import Staff
from simulator.store.stage import LostSale, Stage
from simulator.store.supply import Supply
from simulator.store.truth import Happening
from simulator.store.world import World


class Life:
    """Drives a world from the instant at which it opened.

    However the calls of `advance` cut the time into pieces, the same things happen at the same instants.
    """

    def __init__(self, plan: StorePlan, world: World, seed: int) -> None:
        self._stage = Stage(plan, world, seed)
        self._world = world
        demand = Demand(plan, seed)
        neighbours = Neighbours(self._stage, demand)
        self._actors = (
            Supply(self._stage, demand, neighbours),
            Staff(self._stage, neighbours),
            Night(self._stage),
            Shoppers(self._stage, demand, neighbours),
            Mishaps(self._stage),
        )
        self._orders = Orders(self._stage)
        self._begin_day()

    @property
    def now(self) -> datetime:
        """How far this life has come."""
        return self._stage.now

    @property
    def presences(self) -> list[Presence]:
        """Who stood or stands before which bay, in the order of coming."""
        return self._stage.presences

    @property
    def lost_sales(self) -> list[LostSale]:
        """Demand that met an empty shelf."""
        return self._stage.lost_sales

    def next_at(self) -> datetime | None:
        """When something is due next; nothing at all changes before."""
        return self._stage.next_at()

    def advance(self, until_at: datetime) -> list[Happening]:
        """Everything that happens up to and with `until_at`, in order, and what `do` passed on its way."""
        self._stage.play(until_at)
        return self._stage.take_told()

    def do(self, order: Order, at: datetime) -> Happening:
        """Do something from outside at `at`, which must not lie in the past; nobody else's luck changes by it.

        What is due before `at` happens first and is returned by the next `advance`. Raises SimulatorError for what
        this store has not.
        """
        if at < self._stage.now:
            raise SimulatorError(f"'{order.act}' at {at} lies in the past: the store is at {self._stage.now}")
        deed = self._orders.known(order)
        self._stage.play(at)
        return self._orders.obey(deed, order)

    # Days

    def _begin_day(self) -> None:
        """Whoever comes or works today gets a plan; so does midnight, the only event that is always due."""
        day = self._stage.now.astimezone(UTC).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
        self._stage.schedule(midnight, self._begin_day)
        for actor in self._actors:
            actor.begin_day(day)
