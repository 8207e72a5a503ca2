# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands before or hangs off a bay by chance: doors, shoppers and trolleys, wobblers, tags on hooks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.random import Generator

from simulator.picture.scene import Bay, Door, HandleSide, Occluder, PointMm, PriceTag, Prop, TagKind, View

_ROOM_MM = 1300.0
"""Nearer cameras see no whole person before the shelf."""
_FRAMES = ((58, 58, 60), (28, 28, 30), (186, 188, 190), (222, 222, 220))


def random_doors(rng: Generator, bay: Bay) -> tuple[Door, ...]:
    """Glass doors side by side over the whole bay, as wide as chillers have them for its height."""
    wide = bay.height_mm * float(rng.uniform(0.3, 0.55))
    count = max(1, round(bay.width_mm / wide))
    edges = np.linspace(0, bay.width_mm, count + 1)
    frame_mm = bay.height_mm * float(rng.uniform(0.012, 0.03))
    frame_bgr = _FRAMES[int(rng.integers(len(_FRAMES)))]
    misty = rng.random() < 0.3
    reflection = float(rng.choice([0.1, 0.2, 0.3, 0.45, 0.6]))
    handles: tuple[HandleSide, ...] = ("left", "right", "none")
    same = handles[int(rng.integers(3))]
    return tuple(
        Door(
            x0_mm=float(x0),
            x1_mm=float(x1),
            y0_mm=-0.02 * bay.height_mm,
            y1_mm=bay.height_mm * 1.01,
            frame_mm=frame_mm,
            frame_bgr=frame_bgr,
            handle=same if rng.random() < 0.8 else handles[int(rng.integers(2))],
            seed=int(rng.integers(60)),
            reflection=reflection,
            condensation=float(rng.choice([0.15, 0.3, 0.5, 0.75])) if misty and rng.random() < 0.8 else 0.0,
        )
        for x0, x1 in pairwise(edges)
    )


def random_occluders(rng: Generator, bay: Bay, view: View) -> tuple[Occluder, ...]:
    """One or two people, or a trolley or basket, between the camera and the bay."""
    (eye_x, eye_y, eye_z), (aim_x, aim_y, _) = view.position_mm, view.aim_mm
    if eye_z < _ROOM_MM:
        return _reaching_in(rng, bay, eye_z)
    deepest = 0.6 * eye_z
    found = []
    for _ in range(1 + int(rng.random() < 0.25)):
        z_mm = float(rng.uniform(min(250.0, 0.3 * deepest), max(260.0, deepest)))
        share = z_mm / max(eye_z, 1.0)
        half_mm = 0.5 * view.image_wh_px[0] / view.focal_px * (eye_z - z_mm)
        x_mm = float(aim_x * (1 - share) + eye_x * share + rng.uniform(-0.9, 0.9) * half_mm)
        level_mm = float(aim_y * (1 - share) + eye_y * share)
        chance = rng.random()
        reach: PointMm | None = None
        if rng.random() < 0.55:
            reach = (x_mm + float(rng.normal(0, 250)), float(rng.uniform(0.2, 0.9)) * bay.height_mm, -20.0)
        turn = float(rng.normal(0, 25) if reach else rng.choice([-90, 90]) + rng.normal(0, 20))
        found.append(
            Occluder(
                kind="shopper" if chance < 0.72 else "trolley" if chance < 0.88 else "basket",
                x_mm=x_mm,
                z_mm=z_mm,
                seed=int(rng.integers(1 << 20)),
                height_mm=float(rng.normal(1690, 90)),
                floor_mm=_floor_mm(rng, bay, level_mm),
                turn_deg=turn,
                reach_mm=reach,
                motion_px=float(rng.uniform(3, 18)) if rng.random() < 0.4 else 0.0,
                motion_deg=float(rng.normal(0, 20)),
            )
        )
    return tuple(found)


def _reaching_in(rng: Generator, bay: Bay, eye_z: float) -> tuple[Occluder, ...]:
    """A near view has no room for a body: somebody beside it reaches into it."""
    goal = rng.uniform(0.25, 0.75, 2) * (bay.width_mm, bay.height_mm)
    side = float(rng.choice([-1, 1]))
    z_mm = float(rng.uniform(0.15, 0.4)) * eye_z
    reach = (float(goal[0]), float(goal[1]), -15.0)
    arm = Occluder(
        kind="shopper",
        x_mm=reach[0] + side * float(rng.uniform(420, 620)),
        z_mm=z_mm,
        seed=int(rng.integers(1 << 20)),
        height_mm=float(rng.normal(1690, 90)),
        floor_mm=reach[1] - float(rng.uniform(1000, 1450)),
        turn_deg=-side * float(rng.uniform(50, 110)),
        reach_mm=reach,
        motion_px=float(rng.uniform(3, 18)) if rng.random() < 0.4 else 0.0,
        motion_deg=float(rng.normal(0, 20)),
    )
    return (arm,)


def _floor_mm(rng: Generator, bay: Bay, level_mm: float) -> float:
    """The floor: that of a tall bay, else where it lets a body fill the picture's middle (`level_mm`)."""
    if bay.height_mm > _ROOM_MM and rng.random() < 0.5:
        return -30.0
    return level_mm - float(rng.uniform(550, 1450))


def wobblers(rng: Generator, bay: Bay) -> list[Prop]:
    """Round cards on springy strips that stick out of the price rails."""
    found = []
    for _ in range(int(rng.integers(1, 4))):
        row = bay.rows[int(rng.integers(len(bay.rows)))]
        side = max(30.0, row.clearance_mm * float(rng.uniform(0.18, 0.4)))
        x_mm, lean = float(rng.uniform(0, bay.width_mm)), float(rng.normal(0, 0.2))
        origin = (x_mm, row.y_mm - row.rail_mm * 0.5 - side * float(rng.uniform(-0.3, 0.7)), 55.0)
        across, up = (side, lean * side, 0.0), (-lean * side, side, 0.25 * side)
        found.append(Prop("wobbler", origin, across, up, int(rng.integers(40)), opacity=1.0))
    return found


def flag_tags(rng: Generator, ends_mm: list[tuple[float, float, float]], kind: TagKind, row: int) -> list[PriceTag]:
    """Small tags on the ends of hooks."""
    wide = float(rng.uniform(32, 46))
    return [
        PriceTag(
            ref_id=f"flag-{row}-{number}",
            x_mm=x_mm,
            y_mm=y_mm,
            width_mm=wide,
            height_mm=wide * 0.62,
            kind=kind,
            seed=int(rng.integers(900)),
            roll_deg=float(rng.normal(0, 2)),
            tilt_deg=float(rng.uniform(0, 15)),
            z_mm=z_mm,
        )
        for number, (x_mm, y_mm, z_mm) in enumerate(ends_mm)
        if rng.random() < 0.9
    ]
