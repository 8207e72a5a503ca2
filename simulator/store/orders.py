# SPDX-License-Identifier: AGPL-3.0-or-later
"""What somebody outside wants done in the store: a scenario's events, a visitor's buttons, a manager's answer."""

from typing import Protocol

from simulator.errors import SimulatorError
from simulator.store.stage import Stage
from simulator.store.truth import Deed, Happening
from simulator.store.units import DAMAGED

_DAMAGES = tuple(sorted(DAMAGED))


class Order(Protocol):
    """Something that somebody outside wants done; a `simulator.rig.scenario.ScenarioEvent` is one."""

    @property
    def act(self) -> str:
        """A deed at a zone or a SKU."""

    @property
    def target(self) -> str:
        """Zone id or SKU."""

    @property
    def units(self) -> int:
        """How many."""

    @property
    def booked_units(self) -> int | None:
        """What the books say of a delivery; None: the truth."""

    @property
    def sku(self) -> str | None:
        """What is misplaced."""


class Orders:
    """Deeds at a zone or a SKU, each with luck of its own."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._world = stage.world
        self._count = 0
        self._at_zone = {
            Deed.SELL: self._sell,
            Deed.STEAL: self._steal,
            Deed.BREAK: self._break,
            Deed.RESTOCK: self._restock,
            Deed.MISPLACE: self._misplace,
            Deed.DAMAGE: self._damage,
            Deed.FACE_UP: self._face_up,
            Deed.TIDY: self._tidy,
            Deed.WASTE: self._waste,
        }
        self._at_sku = {Deed.DELIVER: self._deliver, Deed.COUNT: self._hand_count}

    def known(self, order: Order) -> Deed:
        """What is ordered; raises SimulatorError where the store has no such place or product."""
        known = [*self._at_zone, *self._at_sku]
        if str(order.act) not in known:
            raise SimulatorError(f"nobody can do '{order.act}' in the store; there are {', '.join(known)}")
        deed = Deed(str(order.act))
        if deed in self._at_sku and order.target not in self._stage.name_of:
            raise SimulatorError(f"'{deed}': the store has no SKU '{order.target}'")
        if deed in self._at_zone and order.target not in self._stage.spots:
            raise SimulatorError(f"'{deed}': the store has no zone '{order.target}'")
        if deed is Deed.MISPLACE and order.sku not in self._stage.name_of:
            raise SimulatorError(f"'{deed}' at {order.target}: give the sku that ends up there")
        return deed

    def obey(self, deed: Deed, order: Order) -> Happening:
        """Do it now."""
        self._count += 1
        self._luck = self._stage.luck("order", self._count)
        if deed in self._at_sku:
            return self._stage.account(deed, self._at_sku[deed](order, self._stage.name_of[order.target]))
        words = self._at_zone[deed](order, self._stage.spots[order.target].zone.name)
        return self._stage.account(deed, words, zone_ids=(order.target,))

    def _sell(self, order: Order, name: str) -> str:
        return f"shoppers buy {self._world.sell(order.target, order.units, self._stage.now, self._luck)} of {name}"

    def _steal(self, order: Order, name: str) -> str:
        return f"somebody steals {self._world.steal(order.target, order.units, self._luck)} of {name}; no till sees it"

    def _break(self, order: Order, name: str) -> str:
        return f"{self._world.break_(order.target, order.units, self._luck)} of {name} fall and break; nobody books it"

    def _restock(self, order: Order, name: str) -> str:
        return f"staff put {self._world.restock(order.target)} of {name} on the shelf"

    def _misplace(self, order: Order, name: str) -> str:
        sku = str(order.sku)
        done = self._world.misplace(sku, order.target, order.units, self._luck)
        return f"{done} of {self._stage.name_of[sku]} end up among {name}"

    def _damage(self, order: Order, name: str) -> str:
        condition = _DAMAGES[int(self._luck.integers(len(_DAMAGES)))]
        done = self._world.damage(order.target, order.units, condition, self._luck)
        return f"{done} of {name} are left {condition.replace('_', ' ')} on the shelf"

    def _face_up(self, order: Order, name: str) -> str:
        return f"staff face up {name}: {self._world.face_up(order.target)} units"

    def _tidy(self, order: Order, name: str) -> str:
        return f"staff carry off {self._world.tidy(order.target)} units that do not belong among {name}"

    def _waste(self, order: Order, name: str) -> str:
        return f"staff take {self._world.waste(order.target, self._stage.now)} damaged of {name} off the shelf"

    def _deliver(self, order: Order, name: str) -> str:
        booked = order.units if order.booked_units is None else order.booked_units
        self._world.deliver(order.target, order.units, self._stage.now, booked_units=booked)
        return f"{order.units} of {name} are delivered, {booked} are booked"

    def _hand_count(self, order: Order, name: str) -> str:
        return f"staff count {name}; the books change by {self._world.hand_count(order.target, self._stage.now):+d}"
