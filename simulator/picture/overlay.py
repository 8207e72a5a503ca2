# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small transparent picture that is drawn for itself, softened and blurred, and then laid over the canvas."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.picture.printing import Colour, Picture
from simulator.picture.projection import depth_of, project
from simulator.picture.scene import View

Array: TypeAlias = NDArray[Any]
_LONGEST_PX = 360
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 25)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 25)[:-1])], axis=1)
_NEAR_MM = 80.0
_FIXED = 3
"""Bits after the point in OpenCV's polygon coordinates."""


class Balls:
    """Spheres in millimetres as the camera sees them: `centre_px` (n, 2), `radius_px` (n,), `depth_mm` (n,)."""

    def __init__(self, view: View, centres_mm: Array, radii_mm: Array) -> None:
        self.depth_mm = np.maximum(depth_of(view, centres_mm), _NEAR_MM)
        self.centre_px = project(view, centres_mm)
        self.radius_px = radii_mm * view.focal_px / self.depth_mm


class Overlay:
    """`colour` (h, w, 3) and `mask` (h, w) of a part of the picture from (`x0`, `y0`) on, at `scale` of its size."""

    def __init__(self, bounds_px: tuple[float, float, float, float], canvas_wh_px: tuple[int, int]) -> None:
        width, height = canvas_wh_px
        self.x0, self.y0 = int(max(0, bounds_px[0] - 8)), int(max(0, bounds_px[1] - 8))
        self.x1, self.y1 = int(min(width, bounds_px[2] + 8)), int(min(height, bounds_px[3] + 8))
        self.is_empty = self.x1 - self.x0 < 2 or self.y1 - self.y0 < 2
        longest = max(self.x1 - self.x0, self.y1 - self.y0, 1)
        self.scale = min(1.0, _LONGEST_PX / longest)
        shape = (max(2, round((self.y1 - self.y0) * self.scale)), max(2, round((self.x1 - self.x0) * self.scale)))
        self.colour: Picture = np.zeros((*shape, 3), np.uint8)
        self.mask: Picture = np.zeros(shape, np.uint8)

    def place(self, points_px: Array) -> Array:
        """Points of the picture (..., 2) in this overlay."""
        return np.asarray((points_px - (self.x0, self.y0)) * self.scale)

    def fixed(self, points_px: Array) -> Array:
        """Points of the picture as OpenCV's fixed-point integers in this overlay."""
        return np.round(np.clip(self.place(points_px), -4000, 4000) * (1 << _FIXED)).astype(np.int32)

    def hull(self, balls: Balls, members: list[int]) -> Array:
        """The outline around some balls, in this overlay's pixels times 2**3 (fixed point)."""
        ring = balls.centre_px[members, None] + _CIRCLE[None] * balls.radius_px[members, None, None]
        return np.asarray(cv2.convexHull(self.fixed(ring.reshape(-1, 2))))

    def solid(
        self, outlines: list[Array], colour: Colour, *, rough: Picture | None = None, roundness: float = 1.0
    ) -> None:
        """Fill outlines as one rounded body lit from above; `rough` (h, w) adds folds to its surface."""
        x, y, wide, tall = cv2.boundingRect(np.concatenate(outlines))
        pad = 2
        x0, y0 = max(0, (x >> _FIXED) - pad), max(0, (y >> _FIXED) - pad)
        x1 = min(self.mask.shape[1], ((x + wide) >> _FIXED) + pad + 1)
        y1 = min(self.mask.shape[0], ((y + tall) >> _FIXED) + pad + 1)
        if x1 <= x0 or y1 <= y0:
            return
        cover = np.zeros((y1 - y0, x1 - x0), np.uint8)
        shift = np.array([x0 << _FIXED, y0 << _FIXED], np.int32)
        for outline in outlines:
            cv2.fillPoly(cover, [outline - shift], 255, cv2.LINE_AA, _FIXED)
        inner = cv2.distanceTransform(cover, cv2.DIST_L2, 5)
        deepest = float(inner.max())
        if deepest < 1:
            return
        rise = np.sqrt(np.clip(1 - (1 - np.minimum(inner / deepest, 1)) ** 2, 0, 1)) * deepest * roundness
        rise = cv2.GaussianBlur(rise, (0, 0), 1.5)
        if rough is not None:
            rise = rise + rough[y0:y1, x0:x1] * min(1.0, deepest / 12)
        slope_y, slope_x = (
            cv2.Sobel(rise, cv2.CV_32F, 0, 1, scale=0.125),
            cv2.Sobel(rise, cv2.CV_32F, 1, 0, scale=0.125),
        )
        tilt_y = np.clip(slope_y, -0.9, 2.0)
        light = (0.86 + 0.34 * tilt_y + 0.1 * slope_x) / np.sqrt(1 + 0.7 * slope_x**2 + 0.5 * tilt_y**2) + 0.14
        lit = np.clip(light[..., None] * np.array(colour, np.float32), 0, 255).astype(np.uint8)
        part = cover.astype(np.float32)[..., None] / 255
        area = self.colour[y0:y1, x0:x1]
        area[:] = (area * (1 - part) + lit * part).astype(np.uint8)
        window = self.mask[y0:y1, x0:x1]
        np.maximum(window, cover, out=window)

    def lines(self, ends_px: Array, colour: Colour, thick_px: float) -> None:
        """Straight wires (n, 2, 2), drawn over what is there."""
        thick = max(1, round(thick_px * self.scale))
        pieces = [*self.fixed(ends_px)]
        cv2.polylines(self.colour, pieces, isClosed=False, color=colour, thickness=thick + 1, shift=_FIXED)
        cv2.polylines(self.mask, pieces, isClosed=False, color=255, thickness=thick, lineType=cv2.LINE_AA, shift=_FIXED)

    def lay_over(
        self, canvas: Picture, occluded: Array, *, blur_px: float, motion_px: float, motion_deg: float
    ) -> None:
        """Blend into `canvas` (h, w, 4); mark `occluded` where this covers more than half of a pixel."""
        wh = (self.x1 - self.x0, self.y1 - self.y0)
        whole = cv2.merge([cv2.multiply(self.colour, cv2.merge([self.mask] * 3), scale=1 / 255), self.mask])
        if self.scale < 1:
            whole = cv2.resize(whole, wh, interpolation=cv2.INTER_LINEAR)
        if blur_px > 0:
            whole = cv2.GaussianBlur(whole, (0, 0), blur_px)
        if motion_px > 1:
            whole = cv2.filter2D(whole, -1, motion_kernel(motion_px, motion_deg))
        alpha = cv2.extractChannel(whole, 3)
        keep = cv2.bitwise_not(alpha)
        target = canvas[self.y0 : self.y1, self.x0 : self.x1]
        cv2.add(cv2.multiply(target, cv2.merge([keep] * 4), scale=1 / 255), whole, dst=target)
        occluded[self.y0 : self.y1, self.x0 : self.x1] |= alpha > 127


def motion_kernel(motion_px: float, motion_deg: float) -> Picture:
    """The kernel of an even movement during the exposure."""
    side = int(motion_px) | 1
    kernel: Picture = np.zeros((side, side), np.float32)
    kernel[side // 2] = 1
    kernel = cv2.warpAffine(kernel, cv2.getRotationMatrix2D((side // 2, side // 2), motion_deg, 1), (side, side))
    return kernel / max(float(kernel.sum()), 1e-6)
