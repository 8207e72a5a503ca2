# SPDX-License-Identifier: AGPL-3.0-or-later
"""Painting textured rectangles of space into a picture, back to front, while keeping who is visible where.

A rectangle is an origin (its top left corner) and two edge vectors in millimetres; its texture maps onto it by one
homography, so a warp of a small region paints it exactly. Textures are BGRA with premultiplied alpha: colour without
alpha adds light, alpha without colour takes it away.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.picture.projection import camera_matrix
from simulator.picture.scene import View

Array: TypeAlias = NDArray[Any]
Levels: TypeAlias = tuple[Array, ...]
NEAR_MM = 60.0
_LEAST_PX = 0.6
_WORTH_CUTTING_PX = 9000
_CUTS = 6
_HALF = np.array(((0.5, 0.0, -0.25), (0.0, 0.5, -0.25), (0.0, 0.0, 1.0)))
_UNIT = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
warp: Callable[..., Array] = cv2.warpPerspective
"""Where nearly all pixels come from; the benchmark times it."""
_UNIT_3 = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])


@dataclass(frozen=True, slots=True, eq=False)
class Quads:
    """Many rectangles seen by one camera, as plain lists that a loop reads fast.

    `spread` holds the nine numbers of the homography from the unit square to pixels; `bounds_px` is (left, top,
    right, bottom); `sides_px` the lengths of the upper and the right edge. `whole` is False where a corner lies
    behind the camera.
    """

    corners_px: Array
    spread: list[list[float]]
    bounds_px: list[list[float]]
    sides_px: list[list[float]]
    whole: list[bool]


def quads_of(matrix: Array, origin: Array, across: Array, down: Array) -> Quads:
    """Rectangles (n, 3), (n, 3), (n, 3) in millimetres through the 3x4 camera `matrix`."""
    columns = np.stack([across, down, origin], axis=-1)
    spread = matrix[:, :3] @ columns
    spread[:, :, 2] += matrix[:, 3]
    flat = np.einsum("nij,kj->nki", spread, _UNIT_3)
    whole = flat[:, :, 2].min(axis=1, initial=np.inf) >= NEAR_MM
    corners = flat[:, :, :2] / np.where(np.abs(flat[:, :, 2:]) < 1e-9, 1e-9, flat[:, :, 2:])
    bounds = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    sides = np.hypot(*(corners[:, 1:3] - corners[:, 0:2]).transpose(2, 0, 1))
    return Quads(corners, spread.reshape(-1, 9).tolist(), bounds.tolist(), sides.tolist(), whole.tolist())


class Painter:
    """Holds the picture and who owns its pixels.

    `canvas` (h, w, 4) has a fourth channel that means nothing; `owner` (h, w) int32 says which id was painted last at
    each pixel, 0 where nobody asked.
    """

    def __init__(self, view: View, ground: Array) -> None:
        self.width_px, self.height_px = view.image_wh_px
        self.canvas = cv2.cvtColor(ground, cv2.COLOR_BGR2BGRA)
        self.owner = np.zeros((self.height_px, self.width_px), np.int32)
        self.matrix = camera_matrix(view)
        self._rows: list[list[float]] = self.matrix.tolist()
        self.eye = np.array(view.position_mm, np.float64)

    def corners_px(self, origin: Array, across: Array, down: Array) -> Array | None:
        """The four corners in pixels, or None where one lies behind the camera."""
        points = origin + _UNIT[:, :1] * across + _UNIT[:, 1:] * down
        flat = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        if flat[:, 2].min() < NEAR_MM:
            return None
        return np.asarray(flat[:, :2] / flat[:, 2:])

    def _clipped_px(self, origin: Array, across: Array, down: Array) -> Array | None:
        points = origin + _UNIT[:, :1] * across + _UNIT[:, 1:] * down
        flat = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        kept: list[Array] = []
        for here, there in zip(flat, np.roll(flat, -1, axis=0), strict=True):
            if here[2] >= NEAR_MM:
                kept.append(here)
            if (here[2] >= NEAR_MM) != (there[2] >= NEAR_MM):
                kept.append(here + (there - here) * (NEAR_MM - here[2]) / (there[2] - here[2]))
        if len(kept) < 3:
            return None
        shape = np.stack(kept)
        return np.asarray(shape[:, :2] / shape[:, 2:])

    def paint(
        self,
        levels: Levels,
        origin: Array,
        across: Array,
        down: Array,
        gain: float = 1.0,
        *,
        owner: int | None = 0,
        colours: Array | None = None,
        soft: bool = False,
    ) -> int:
        """Paint one rectangle; answer how many pixels it covered. `owner` None leaves the record of visibility alone.

        `colours` is a 3x3 matrix on BGR. `soft` draws at half the resolution what is out of focus or plain anyway.
        """
        spread = self._spread(origin.tolist(), across.tolist(), down.tolist())
        corners = _unit_square_through(spread)
        if corners is None:
            clipped = self._clipped_px(origin, across, down)
            if clipped is None:
                return 0
            bounds = [*clipped.min(axis=0).tolist(), *clipped.max(axis=0).tolist()]
            return self._paint(levels[0], spread, bounds, gain, owner=owner, colours=colours, clipped=clipped)
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
        bounds = [min(x0, x1, x2, x3), min(y0, y1, y2, y3), max(x0, x1, x2, x3), max(y0, y1, y2, y3)]
        shrink = 0.5 if soft else 1.0
        texture = _level(levels, math.hypot(x1 - x0, y1 - y0) * shrink, math.hypot(x2 - x1, y2 - y1) * shrink)
        return self._paint(texture, spread, bounds, gain, owner=owner, colours=colours, corners=corners, soft=soft)

    def _spread(self, origin: list[float], across: list[float], down: list[float]) -> list[float]:
        """The nine numbers of the homography from the unit square to pixels."""
        (ox, oy, oz), (ax, ay, az), (dx, dy, dz) = origin, across, down
        spread = []
        for p, q, r, s in self._rows:
            spread += [p * ax + q * ay + r * az, p * dx + q * dy + r * dz, p * ox + q * oy + r * oz + s]
        return spread

    def paint_quad(
        self,
        levels: Levels,
        quads: Quads,
        index: int,
        gain: float = 1.0,
        *,
        owner: int | None = 0,
        colours: Array | None = None,
    ) -> int:
        """Paint one of many rectangles that lies wholly before the camera (`quads.whole`); else as `paint`."""
        texture = _level(levels, *quads.sides_px[index])
        return self._paint(texture, quads.spread[index], quads.bounds_px[index], gain, owner=owner, colours=colours)

    def _paint(
        self,
        texture: Array,
        spread: list[float],
        bounds_px: list[float],
        gain: float,
        *,
        owner: int | None,
        colours: Array | None,
        clipped: Array | None = None,
        corners: list[tuple[float, float]] | None = None,
        soft: bool = False,
    ) -> int:
        left, top, right, bottom = bounds_px
        if right - left < _LEAST_PX or bottom - top < _LEAST_PX:
            return 0
        x0, y0 = int(max(left - 1, 0)), int(max(top - 1, 0))
        x1, y1 = int(min(right + 2, self.width_px)), int(min(bottom + 2, self.height_px))
        if x1 <= x0 or y1 <= y0:
            return 0
        if colours is not None:
            mix = np.eye(4)
            mix[:3, :3] = colours * gain
            texture, gain = cv2.transform(texture, mix), 1.0
        if clipped is not None:
            patch = warp(texture, _onto(spread, texture.shape, x0, y0), (x1 - x0, y1 - y0))
            window = np.zeros(patch.shape[:2], np.uint8)
            cv2.fillPoly(window, [np.clip(clipped - (x0, y0), -9000, 9000).astype(np.int32)], 255)
            patch = cv2.bitwise_and(patch, cv2.merge([window] * 4))
            return self._blend(patch, x0, y0, gain, owner)
        covered = 0
        for left_px, top_px, right_px, bottom_px in _windows(corners, (x0, y0, x1, y1)):
            onto = _onto(spread, texture.shape, left_px, top_px)
            wh = (right_px - left_px, bottom_px - top_px)
            patch = _warp_softly(texture, onto, wh) if soft else warp(texture, onto, wh)
            covered += self._blend(patch, left_px, top_px, gain, owner)
        return covered

    def shade(self, keep: Array, origin: Array, across: Array, down: Array) -> None:
        """Take light away: `keep` (h, w) uint8 is what remains, 255 all. Drawn at a quarter of the resolution."""
        spread = self._spread(origin.tolist(), across.tolist(), down.tolist())
        corners = _unit_square_through(spread)
        if corners is None:
            return
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        x0, y0 = int(max(min(xs) - 1, 0)), int(max(min(ys) - 1, 0))
        x1, y1 = int(min(max(xs) + 2, self.width_px)), int(min(max(ys) + 2, self.height_px))
        if x1 <= x0 or y1 <= y0:
            return
        quarter = np.array(((0.25, 0.0, -0.375), (0.0, 0.25, -0.375), (0.0, 0.0, 1.0)))
        for left, top, right, bottom in _windows(corners, (x0, y0, x1, y1)):
            wh = ((right - left + 3) // 4, (bottom - top + 3) // 4)
            onto = quarter @ _onto(spread, keep.shape, left, top)
            small = cv2.warpPerspective(keep, onto, wh, borderMode=cv2.BORDER_CONSTANT, borderValue=255)
            left_over = cv2.resize(small, (wh[0] * 4, wh[1] * 4), interpolation=cv2.INTER_LINEAR)
            left_over = left_over[: bottom - top, : right - left]
            target = self.canvas[top:bottom, left:right]
            cv2.multiply(target, cv2.merge([left_over] * 4), dst=target, scale=1 / 255)

    def _blend(self, patch: Array, x0: int, y0: int, gain: float, owner: int | None) -> int:
        height, width = patch.shape[:2]
        target = self.canvas[y0 : y0 + height, x0 : x0 + width]
        alpha = cv2.extractChannel(patch, 3)
        keep = cv2.bitwise_not(alpha)
        kept = cv2.multiply(target, cv2.merge([keep, keep, keep, keep]), scale=1 / 255)
        if gain == 1.0:
            cv2.add(kept, patch, dst=target)
        else:
            cv2.scaleAdd(patch, gain, kept, dst=target)
        if owner is None:
            return 0
        _, solid = cv2.threshold(alpha, 127, 255, cv2.THRESH_BINARY)
        np.copyto(self.owner[y0 : y0 + height, x0 : x0 + width], owner, where=solid.view(np.bool_))
        return int(cv2.countNonZero(solid))


def _level(levels: Levels, across_px: float, down_px: float) -> Array:
    """The coarsest texture that is still as fine as the picture."""
    if len(levels) == 1:
        return levels[0]
    height, width = levels[0].shape[:2]
    shrink = min(width / max(across_px, 1.0), height / max(down_px, 1.0))
    return levels[min(int(math.log2(shrink) + 0.15), len(levels) - 1)] if shrink > 1.8 else levels[0]


def _unit_square_through(spread: list[float]) -> list[tuple[float, float]] | None:
    """Where a homography puts the corners of the unit square; None where one lies behind the camera."""
    a, b, c, d, e, f, g, h, i = spread
    corners = []
    for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
        depth = g * u + h * v + i
        if depth < NEAR_MM:
            return None
        corners.append(((a * u + b * v + c) / depth, (d * u + e * v + f) / depth))
    return corners


def _windows(
    corners: list[tuple[float, float]] | None, bounds: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    """Parts of `bounds` that hold all of a quadrilateral: long things that lie askew fill little of their bounds."""
    x0, y0, x1, y1 = bounds
    if corners is None or (x1 - x0) * (y1 - y0) < _WORTH_CUTTING_PX or x1 - x0 < 64:
        return [bounds]
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    area = abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in edges)) / 2
    if area > 0.6 * (x1 - x0) * (y1 - y0):
        return [bounds]
    cuts = [x0 + (x1 - x0) * i // _CUTS for i in range(_CUTS + 1)]
    found = []
    for left, right in pairwise(cuts):
        low, high = float(left - 2), float(right + 2)
        ys: list[float] = [y for x, y in corners if low <= x <= high]
        for (ax, ay), (bx, by) in edges:
            ys += [
                ay + (by - ay) * (x - ax) / (bx - ax)
                for x in (low, high)
                if min(ax, bx) <= x <= max(ax, bx) and ax != bx
            ]
        top, bottom = (max(y0, int(min(ys) - 2)), min(y1, int(max(ys) + 3))) if ys else (0, 0)
        if bottom > top:
            found.append((left, top, right, bottom))
    return found


def _warp_softly(texture: Array, onto: Array, wh: tuple[int, int]) -> Array:
    """As `warp`, but drawn at half the size and enlarged."""
    half = ((wh[0] + 1) // 2, (wh[1] + 1) // 2)
    small = warp(texture, _HALF @ onto, half)
    return cv2.resize(small, (half[0] * 2, half[1] * 2), interpolation=cv2.INTER_LINEAR)[: wh[1], : wh[0]]


def _onto(spread: list[float], shape: tuple[int, ...], x0: int, y0: int) -> Array:
    """The matrix that warps a texture of `shape` into a patch whose corner is (x0, y0), pixel centres on centres."""
    height, width = shape[:2]
    a, b, c, d, e, f, g, h, i = spread
    a, d, g = a / width, d / width, g / width
    b, e, h = b / height, e / height, h / height
    c, f, i = c + 0.5 * (a + b), f + 0.5 * (d + e), i + 0.5 * (g + h)
    x, y = x0 + 0.5, y0 + 0.5
    return np.array(
        ((a - x * g, b - x * h, c - x * i), (d - y * g, e - y * h, f - y * i), (g, h, i)),
        np.float64,
    )
