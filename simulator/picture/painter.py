# SPDX-License-Identifier: AGPL-3.0-or-later
"""Painting textured rectangles of space into a picture, back to front, while keeping who is visible where.

A rectangle is an origin (its top left corner) and two edge vectors in millimetres; its texture maps onto it by one
homography, so a warp of a small region paints it exactly.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.picture.projection import camera_matrix
from simulator.picture.scene import View

Array: TypeAlias = NDArray[Any]
NEAR_MM = 60.0
_LEAST_PX = 0.6
_UNIT = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


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
        levels: tuple[Array, ...],
        origin: Array,
        across: Array,
        down: Array,
        gain: float = 1.0,
        *,
        owner: int | None = 0,
        colours: Array | None = None,
    ) -> int:
        """Paint one rectangle; answer how many pixels it covered. `owner` None leaves the record of visibility alone.

        `colours` is a 3x3 matrix on BGR.
        """
        corners = self.corners_px(origin, across, down)
        clipped = corners if corners is not None else self._clipped_px(origin, across, down)
        if clipped is None:
            return 0
        (left, top), (right, bottom) = clipped.min(axis=0).tolist(), clipped.max(axis=0).tolist()
        if right - left < _LEAST_PX or bottom - top < _LEAST_PX:
            return 0
        x0, y0 = int(max(left - 1, 0)), int(max(top - 1, 0))
        x1, y1 = int(min(right + 2, self.width_px)), int(min(bottom + 2, self.height_px))
        if x1 <= x0 or y1 <= y0:
            return 0
        texture = self._level(levels, clipped, partial=corners is None)
        if colours is not None:
            mix = np.eye(4)
            mix[:3, :3] = colours * gain
            texture, gain = cv2.transform(texture, mix), 1.0
        height, width = texture.shape[:2]
        spread = self.matrix @ np.array(
            [
                [across[0] / width, down[0] / height, origin[0]],
                [across[1] / width, down[1] / height, origin[1]],
                [across[2] / width, down[2] / height, origin[2]],
                [0.0, 0.0, 1.0],
            ]
        )
        spread[:, 2] += 0.5 * (spread[:, 0] + spread[:, 1])
        spread[0] -= (x0 + 0.5) * spread[2]
        spread[1] -= (y0 + 0.5) * spread[2]
        patch = cv2.warpPerspective(texture, spread, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        if corners is None:
            window = np.zeros(patch.shape[:2], np.uint8)
            cv2.fillPoly(window, [np.clip(clipped - (x0, y0), -9000, 9000).astype(np.int32)], 255)
            patch = cv2.bitwise_and(patch, cv2.merge([window] * 4))
        return self._blend(patch, x0, y0, gain, owner)

    def _level(self, levels: tuple[Array, ...], corners: Array, *, partial: bool) -> Array:
        """The coarsest texture that is still as fine as the picture."""
        if partial or len(levels) == 1:
            return levels[0]
        (x0, y0), (x1, y1), (x2, y2) = corners[:3].tolist()
        across_px, down_px = max(math.hypot(x1 - x0, y1 - y0), 1.0), max(math.hypot(x2 - x1, y2 - y1), 1.0)
        height, width = levels[0].shape[:2]
        shrink = min(width / across_px, height / down_px)
        return levels[min(int(math.log2(max(shrink, 1.0)) + 0.15), len(levels) - 1)]

    def _blend(self, patch: Array, x0: int, y0: int, gain: float, owner: int | None) -> int:
        target = self.canvas[y0 : y0 + patch.shape[0], x0 : x0 + patch.shape[1]]
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
        window = self.owner[y0 : y0 + patch.shape[0], x0 : x0 + patch.shape[1]]
        np.copyto(window, owner, where=solid.view(np.bool_))
        return int(cv2.countNonZero(solid))
