# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where packs stand and which of their faces the camera meets: the geometry of all packs of a scene at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simulator.picture.painter import Quads, quads_of
from simulator.picture.projection import camera_matrix, depth_of
from simulator.picture.scene import ROUND_SHAPES, SOLID_SHAPES, Light, PackShape, PlacedPack, PointMm, View

Array: TypeAlias = NDArray[Any]
_NEAREST_MM = 100.0
_TURNING: frozenset[PackShape] = ROUND_SHAPES - {"jug"}
_UPRIGHT_DEG = 1.5
_TOUCHING_MM = 5.0
_BEHIND_A_FRONT = 0.8
_SET_BACK = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Where packs stand (n, 3), in millimetres: unit vectors, the front's top left corner and its two edges."""

    right: Array
    up: Array
    out: Array
    corner: Array
    across: Array
    down: Array


def _yaw_deg(pack: PlacedPack, eye_mm: PointMm) -> float:
    """A cylinder has the same outline from all around, so the plane that stands for it turns to the camera."""
    if pack.style.shape not in _TURNING or pack.roll_deg or pack.tilt_deg:
        return pack.yaw_deg
    return math.degrees(math.atan2(eye_mm[0] - pack.x_mm, max(eye_mm[2] - pack.z_mm, 1.0)))


def frames_of(packs: Sequence[PlacedPack], eye_mm: PointMm) -> Frames:
    """Stand packs up: yaw about the vertical, tilt back, roll sideways. Round packs show their middle plane."""
    turns = [(_yaw_deg(pack, eye_mm), pack.tilt_deg, pack.roll_deg) for pack in packs]
    angles = np.radians(np.array(turns, np.float64).reshape(-1, 3))
    (sin_y, sin_t, sin_r), (cos_y, cos_t, cos_r) = np.sin(angles).T[..., None], np.cos(angles).T[..., None]
    nought = np.zeros_like(sin_y)
    right = np.concatenate([cos_y, nought, -sin_y], axis=1)
    out = np.concatenate([sin_y, nought, cos_y], axis=1)
    up = np.concatenate([nought, nought + 1, nought], axis=1)
    up, out = cos_t * up - sin_t * out, cos_t * out + sin_t * up
    right, up = cos_r * right - sin_r * up, cos_r * up + sin_r * right
    base = np.array(
        [(p.x_mm, p.y_mm, p.z_mm - (p.style.depth_mm / 2 if p.style.shape in ROUND_SHAPES else 0)) for p in packs],
        np.float64,
    ).reshape(-1, 3)
    across = right * np.array([p.style.width_mm for p in packs])[:, None]
    rise = up * np.array([p.style.height_mm for p in packs])[:, None]
    return Frames(right, up, out, base - across / 2 + rise, across, -rise)


class Standing:
    """The packs of a scene as one camera meets them; every attribute has one entry a pack, in the scene's order.

    `inside`: could be in the picture. `covered`: wholly behind the upright pack before it. `sideways` is 1 or -1
    where the right or left side faces the camera and nothing stands close beside it; `upward` the same for top and
    bottom. `gains`: how much of the light reaches it.
    """

    def __init__(self, view: View, packs: Sequence[PlacedPack], light: Light) -> None:
        frames = self.frames = frames_of(packs, view.position_mm)
        matrix = camera_matrix(view)
        self.fronts = quads_of(matrix, frames.corner, frames.across, frames.down)
        corners = frames.corner[:, None] + np.stack(
            [np.zeros_like(frames.across), frames.across, frames.across + frames.down, frames.down], axis=1
        )
        near_enough = depth_of(view, corners).min(axis=1, initial=np.inf) > _NEAREST_MM
        bounds = np.array(self.fronts.bounds_px).reshape(-1, 4)
        low, high = bounds[:, :2], bounds[:, 2:]
        margin = 0.6 * (high - low).max(axis=1, initial=0.0)[:, None] + 4
        inside = (low - margin < view.image_wh_px).all(axis=1) & (high + margin > 0).all(axis=1)
        self.inside: list[bool] = (near_enough & inside).tolist()
        self.covered = _covered(packs, low, high)
        self._shading(packs, light)
        self._sides(np.array(view.position_mm, np.float64), packs, matrix)

    def _shading(self, packs: Sequence[PlacedPack], light: Light) -> None:
        """Light dies with depth; a pack behind another, or set back beside one, gets less of it."""
        count = len(packs)
        self._order = sorted(
            range(count), key=lambda i: (packs[i].row, packs[i].depth_index, round(packs[i].y_mm), packs[i].x_mm)
        )
        z_mm = np.array([p.z_mm for p in packs])
        gains = np.maximum(0.2, np.exp(np.minimum(0.0, z_mm) / light.falloff_mm))
        gains *= np.array([p.brightness for p in packs])
        gains *= np.where(np.array([p.depth_index for p in packs]) > 0, 1 - (1 - _BEHIND_A_FRONT) * light.contact, 1.0)
        set_back = 1 - (1 - _SET_BACK) * light.contact
        self.beside: list[tuple[int, int]] = []
        for left, right in zip(self._order, self._order[1:], strict=False):
            one, other = packs[left], packs[right]
            if one.row != other.row or one.depth_index != other.depth_index or abs(one.y_mm - other.y_mm) > 1:
                continue
            free_mm = other.x_mm - one.x_mm - (other.style.width_mm + one.style.width_mm) / 2
            if free_mm < 4 * _TOUCHING_MM and abs(z_mm[left] - z_mm[right]) > 10:
                gains[left if z_mm[left] < z_mm[right] else right] *= set_back
            if free_mm < _TOUCHING_MM:
                self.beside.append((left, right))
        self.gains: list[float] = gains.tolist()

    def _sides(self, eye: Array, packs: Sequence[PlacedPack], matrix: Array) -> None:
        frames = self.frames
        wh = np.array([(p.style.width_mm, p.style.height_mm) for p in packs]).reshape(-1, 2)
        depth = frames.out * np.array([p.style.depth_mm for p in packs])[:, None]
        middle = eye - (frames.corner + frames.across / 2 + frames.down / 2 - depth / 2)
        turned = (middle * frames.right).sum(axis=1)
        raised = (middle * frames.up).sum(axis=1)
        sideways = np.where(np.abs(turned) > wh[:, 0] / 2, np.sign(turned), 0).astype(int)
        self.upward: list[int] = np.where(np.abs(raised) > wh[:, 1] / 2, np.sign(raised), 0).astype(int).tolist()
        for left, right in self.beside:
            one, other = packs[left], packs[right]
            if sideways[left] > 0 and _hides_side(other, one):
                sideways[left] = 0
            if sideways[right] < 0 and _hides_side(one, other):
                sideways[right] = 0
        self.sideways: list[int] = sideways.tolist()
        from_right = (sideways >= 0)[:, None]
        origin = np.where(from_right, frames.corner + frames.across, frames.corner - depth)
        self.sides = quads_of(matrix, origin, np.where(from_right, -depth, depth), frames.down)
        from_above = (np.array(self.upward) >= 0)[:, None]
        origin = np.where(from_above, frames.corner - depth, frames.corner + frames.down)
        self.lids: Quads = quads_of(matrix, origin, frames.across, np.where(from_above, depth, -depth))


def _hides_side(neighbour: PlacedPack, pack: PlacedPack) -> bool:
    """Whether a pack that touches another stands before all of its side."""
    return (
        neighbour.style.shape in SOLID_SHAPES
        and neighbour.damage == pack.damage == "none"
        and neighbour.style.height_mm >= pack.style.height_mm - 2
        and neighbour.z_mm >= pack.z_mm - 3
        and neighbour.style.depth_mm >= 0.75 * pack.style.depth_mm
        and abs(neighbour.yaw_deg - pack.yaw_deg) < 4
        and abs(neighbour.roll_deg - pack.roll_deg) < _UPRIGHT_DEG
    )


def _covered(packs: Sequence[PlacedPack], low: Array, high: Array) -> list[bool]:
    fronts = {(p.row, p.column, round(p.y_mm)): i for i, p in enumerate(packs) if p.depth_index == 0}
    covered = [False] * len(packs)
    lows, highs = low.tolist(), high.tolist()
    for index, pack in enumerate(packs):
        front = fronts.get((pack.row, pack.column, round(pack.y_mm))) if pack.depth_index > 0 else None
        if front is None or packs[front].style.shape not in SOLID_SHAPES or packs[front].damage != "none":
            continue
        if abs(packs[front].roll_deg) > _UPRIGHT_DEG:
            continue
        (x0, y0), (x1, y1) = lows[front], highs[front]
        (left, top), (right, bottom) = lows[index], highs[index]
        covered[index] = left >= x0 and top >= y0 and right <= x1 and bottom <= y1
    return covered
