# SPDX-License-Identifier: AGPL-3.0-or-later
"""A scenario as turns in time: what happens in the store, what breaks, what is mended. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from simulator.rig.scenario import Scenario, ScenarioEvent
from simulator.rig.schedule import Stretch, world_events


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that the scenario has happen at one instant."""

    at: datetime
    event: ScenarioEvent | None = None
    """Something in the store; or else"""
    trouble: Stretch | None = None
    begins: bool = True


def turns_of(scenario: Scenario, stretches: Iterable[Stretch], ended_at: datetime) -> list[Turn]:
    """By time; of one instant, what ends comes first, what breaks next, what happens in the store last."""
    turns = [(at, 2, Turn(at, event=event)) for at, event in world_events(scenario)]
    for stretch in stretches:
        is_blink = stretch.since_at == stretch.until_at
        turns.append((stretch.since_at, 1, Turn(stretch.since_at, trouble=stretch)))
        if stretch.until_at < ended_at:
            order = 1 if is_blink else 0
            turns.append((stretch.until_at, order, Turn(stretch.until_at, trouble=stretch, begins=False)))
    return [turn for _, _, turn in sorted(turns, key=lambda one: one[:2])]
