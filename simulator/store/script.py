# SPDX-License-Identifier: AGPL-3.0-or-later
"""The script of a store file, played by the demo; afterwards shoppers and staff by chance."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from simulator.store.plan import Act, ScriptEvent, StorePlan
from simulator.store.world import World

SHOPPER_EVERY_S = 7.0
"""Mean pause between two shoppers once the script is over; times between arrivals are exponential."""
STAFF_PATIENCE_S = 40.0
"""Staff fill an empty zone this long after it ran out, as far as the back room goes."""


@dataclass(frozen=True, slots=True)
class ScriptHappening:
    """One thing that happened. `camera_id` is set when it happened to a camera rather than to stock."""

    at_s: float
    words: str
    zone_id: str | None = None
    camera_id: str | None = None
    act: Act | None = None


class ScriptLife:
    """Drives a world. `step` is called with the time since opening; it returns what happened since the last call."""

    def __init__(self, plan: StorePlan, world: World, rng: np.random.Generator) -> None:
        self._plan = plan
        self._world = world
        self._rng = rng
        self._name_of = {zone.zone_id: zone.name for _, zone in plan.zones()}
        self._script = sorted(plan.script, key=lambda event: event.at_s)
        self._quiet_until_s = max((event.at_s for event in self._script), default=0.0)
        self._next_shopper_s = self._quiet_until_s + SHOPPER_EVERY_S
        self._empty_since_s: dict[str, float] = {}

    def step(self, elapsed_s: float, at: datetime) -> list[ScriptHappening]:
        """Everything due up to `elapsed_s` seconds after opening, stamped `at` in the books."""
        happened = []
        while self._script and self._script[0].at_s <= elapsed_s:
            happened.append(self._play(self._script.pop(0), at))
        while self._next_shopper_s <= elapsed_s:
            happened += self._shop(self._next_shopper_s, at)
            self._next_shopper_s += float(self._rng.exponential(SHOPPER_EVERY_S))
        if elapsed_s > self._quiet_until_s:
            happened += self._staff(elapsed_s)
        return happened

    def _play(self, event: ScriptEvent, at: datetime) -> ScriptHappening:
        if event.zone_id is not None:
            name = self._name_of[event.zone_id]
            match event.act:
                case Act.SELL:
                    words = f"shoppers buy {self._world.sell(event.zone_id, event.units, at)} of {name}"
                case Act.STEAL:
                    words = (
                        f"somebody steals {self._world.steal(event.zone_id, event.units)} of {name}; no till sees it"
                    )
                case _:
                    words = f"staff put {self._world.restock(event.zone_id)} of {name} on the shelf"
            return ScriptHappening(event.at_s, words, zone_id=event.zone_id, act=event.act)
        words = {
            Act.COVER: "something covers camera",
            Act.UNCOVER: "the cover is gone from camera",
            Act.FREEZE: "a picture freezes at camera",
            Act.THAW: "the picture moves again at camera",
        }[event.act]
        return ScriptHappening(event.at_s, f"{words} {event.camera_id}", camera_id=event.camera_id, act=event.act)

    def _shop(self, at_s: float, at: datetime) -> list[ScriptHappening]:
        standing = [zone_id for zone_id, count in self._standing() if count]
        if not standing:
            return []
        zone_id = str(self._rng.choice(standing))
        sold = self._world.sell(zone_id, int(self._rng.integers(1, 5)), at)
        words = f"a shopper buys {sold} of {self._name_of[zone_id]}"
        return [ScriptHappening(at_s, words, zone_id=zone_id, act=Act.SELL)]

    def _staff(self, elapsed_s: float) -> list[ScriptHappening]:
        happened = []
        for zone_id, count in self._standing():
            if count:
                self._empty_since_s.pop(zone_id, None)
            elif elapsed_s - self._empty_since_s.setdefault(zone_id, elapsed_s) > STAFF_PATIENCE_S:
                placed = self._world.restock(zone_id)
                if placed:
                    words = f"staff put {placed} of {self._name_of[zone_id]} on the shelf"
                    happened.append(ScriptHappening(elapsed_s, words, zone_id=zone_id, act=Act.RESTOCK))
        return happened

    def _standing(self) -> list[tuple[str, int]]:
        return [(zone.zone_id, self._world.front_packs_count(zone.zone_id)) for _, zone in self._plan.zones()]
