# SPDX-License-Identifier: AGPL-3.0-or-later
"""How somebody before a bay stands at an instant: where, turned how, and where the hand reaches. Pure.

A pose lasts one second, so that a picture changes no more often than that, and follows from the presence and the
instant alone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from simulator.scoring.record import Presence
from simulator.store.plan import BayPlan

POSE_S = 1.0
_WALK_S = 2.0
"""So long it takes to come into the picture, and to leave it."""
_REACHING_FRACTION = {"shopper": 0.45, "staff": 0.65, "trolley": 0.0}


@dataclass(frozen=True, slots=True)
class Pose:
    """One person or trolley, millimetres on the bay; z is before the front plane."""

    kind: Literal["shopper", "staff", "trolley"]
    x_mm: float
    z_mm: float
    height_mm: float
    width_mm: float
    turn_deg: float
    """0 faces the shelf."""
    reach_mm: tuple[float, float, float] | None
    """Where the hand is, a little inside the shelf; None when it hangs."""
    look_seed: int
    is_walking: bool = False


def pose_of(presence: Presence, at: datetime, bay: BayPlan) -> Pose:
    """How they stand at `at`, which must lie within the presence."""
    build = np.random.default_rng((presence.look_seed, 61))
    height_mm, z_mm, side = build.uniform(1560, 1860), build.uniform(320, 520), build.choice([-1.0, 1.0])
    after_s, left_s = (at - presence.since_at).total_seconds(), (presence.until_at - at).total_seconds()
    second = int(after_s // POSE_S)
    now = np.random.default_rng((presence.look_seed, 62, second // 3))
    x_mm, turn_deg = presence.x_mm, float(now.uniform(-25, 25))
    reach_mm = None
    if presence.kind == "trolley":
        return Pose("trolley", x_mm, z_mm + 120, 1020, 560, float(build.uniform(-30, 30)), None, presence.look_seed)
    since_edge_s = min(after_s, left_s)
    is_walking = since_edge_s < _WALK_S
    if is_walking:
        away = 1.0 - (since_edge_s // POSE_S + 0.5) * POSE_S / _WALK_S
        x_mm += (side if after_s < left_s else -side) * away * 700
        turn_deg = float(-90 * side)
    else:
        x_mm += float(now.uniform(-60, 60))
        if now.random() < _REACHING_FRACTION[presence.kind]:
            reach_mm = (
                float(np.clip(x_mm + now.uniform(-330, 330), 30, bay.width_mm - 30)),
                float(np.clip(now.uniform(0.15, 0.95) * bay.height_mm, 100, 1750)),
                float(now.uniform(-90, 20)),
            )
    return Pose(
        presence.kind,
        float(x_mm),
        float(z_mm),
        float(height_mm),
        float(build.uniform(400, 520)),
        turn_deg,
        reach_mm,
        presence.look_seed,
        is_walking,
    )
