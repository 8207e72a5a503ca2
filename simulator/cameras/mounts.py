# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where a bay's camera hangs, and what a knock does to it. Pure.

Every mount sees the whole front of the bay: the focal length is chosen so that the outermost point of the front lands
`_MARGIN_FRACTION` inside the picture's edge, lens distortion included.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from simulator.cameras.layout import seed_of
from simulator.picture.projection import distort, project
from simulator.picture.scene import PointMm, View
from simulator.store.plan import BayPlan

_MARGIN_FRACTION = 0.05
_LEAST_DISTANCE_MM = 1700.0


@dataclass(frozen=True, slots=True)
class _Mount:
    """Position as shares of `reach_mm`, the bay's larger side but no less than an aisle's width."""

    sideways: float
    above: float
    before: float
    k1: float
    k2: float


_MOUNTS = {
    # Across the aisle, a little above the middle, with the slight barrel of a cheap lens.
    "aisle": _Mount(sideways=0.0, above=0.16, before=1.15, k1=-0.04, k2=0.0),
    # Under the ceiling before the bay, looking down, with a wide lens.
    "overhead": _Mount(sideways=0.0, above=0.85, before=0.75, k1=-0.11, k2=0.015),
    # On the shelf across the aisle, some steps to one side.
    "oblique-left": _Mount(sideways=-0.75, above=0.22, before=0.95, k1=-0.07, k2=0.008),
    "oblique-right": _Mount(sideways=0.75, above=0.22, before=0.95, k1=-0.07, k2=0.008),
}


@lru_cache(maxsize=512)
def view_of(bay: BayPlan) -> View:
    """The camera of the bay's mount; where exactly somebody screwed it down differs by camera id."""
    mount = _MOUNTS[bay.mount]
    rng = np.random.default_rng(seed_of("mount", bay.camera_id))
    reach_mm = max(bay.width_mm, bay.height_mm, _LEAST_DISTANCE_MM)
    middle = np.array([bay.width_mm / 2, bay.height_mm / 2, 0.0])
    offset = np.array([mount.sideways, mount.above, mount.before]) * reach_mm + rng.uniform(-0.06, 0.06, 3) * reach_mm
    offset[0] += rng.uniform(-0.08, 0.08) * reach_mm
    aim = middle + np.array([offset[0] * 0.06, 0.0, 0.0]) + rng.uniform(-0.01, 0.01, 3) * reach_mm
    view = View(
        position_mm=_point(middle + offset),
        aim_mm=_point(aim),
        focal_px=1.0,
        image_wh_px=bay.image_wh_px,
        roll_deg=float(rng.uniform(-0.8, 0.8)),
        k1=mount.k1,
        k2=mount.k2,
    )
    return replace(view, focal_px=_focal_px(view, bay))


def _focal_px(view: View, bay: BayPlan) -> float:
    """The longest focal length at which the bay's whole front is in the picture, by halving."""
    corners = np.array([(x, y, 0.0) for x in (0.0, bay.width_mm) for y in (0.0, bay.height_mm)])
    sides = np.concatenate([corners, (corners + np.roll(corners, 1, axis=0)) / 2])
    frame = np.array(view.image_wh_px, np.float64)
    low_px, high_px = 0.2 * min(view.image_wh_px), 20.0 * max(view.image_wh_px)
    for _ in range(40):
        tried = replace(view, focal_px=(low_px + high_px) / 2)
        landed = distort(tried, project(tried, sides)) / frame
        if landed.min() >= _MARGIN_FRACTION and landed.max() <= 1 - _MARGIN_FRACTION:
            low_px = tried.focal_px
        else:
            high_px = tried.focal_px
    return round(low_px, 2)


def bumped(view: View, degrees: float, seed: int) -> View:
    """The camera after a knock: its axis has turned by `degrees` in a direction that the seed chooses, and rolled.

    The axis turns by exactly `degrees`; the roll is up to half as much, to either side.
    """
    rng = np.random.default_rng((seed, 31))
    eye = np.array(view.position_mm)
    ahead = np.array(view.aim_mm) - eye
    distance_mm = float(np.linalg.norm(ahead))
    ahead /= distance_mm
    right = np.cross(ahead, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, ahead)
    direction, turn = rng.uniform(0, 2 * np.pi), np.radians(degrees)
    sideways = np.cos(direction) * right + np.sin(direction) * up
    turned = np.cos(turn) * ahead + np.sin(turn) * sideways
    roll_deg = view.roll_deg + float(rng.uniform(-0.5, 0.5)) * degrees
    return replace(view, aim_mm=_point(eye + turned * distance_mm), roll_deg=roll_deg)


def _point(xyz_mm: np.ndarray) -> PointMm:
    x_mm, y_mm, z_mm = (float(value) for value in xyz_mm)
    return x_mm, y_mm, z_mm
