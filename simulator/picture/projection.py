# SPDX-License-Identifier: AGPL-3.0-or-later
"""From millimetres on the bay to pixels: a pinhole camera with radial distortion (Brown's model, two terms)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.picture.scene import View

Array: TypeAlias = NDArray[Any]
_WIDEST_MARGIN_PX = 160
_NODE_PX = 8


@lru_cache(maxsize=8)
def camera_matrix(view: View) -> Array:
    """The 3x4 matrix that takes homogeneous bay millimetres to homogeneous pixels, before distortion."""
    eye = np.array(view.position_mm, np.float64)
    ahead = np.array(view.aim_mm, np.float64) - eye
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(ahead, right)
    turn = np.radians(view.roll_deg)
    right, down = np.cos(turn) * right + np.sin(turn) * down, np.cos(turn) * down - np.sin(turn) * right
    axes = np.stack([right, down, ahead])
    width, height = view.image_wh_px
    inner = np.array([[view.focal_px, 0, width / 2], [0, view.focal_px, height / 2], [0, 0, 1]])
    return np.asarray(inner @ np.concatenate([axes, -(axes @ eye)[:, None]], axis=1))


def project(view: View, points_mm: Array) -> Array:
    """Pixels (..., 2) of bay points (..., 3), undistorted. Check `depth_of`: points behind the camera give nonsense."""
    matrix = camera_matrix(view)
    homogeneous = points_mm @ matrix[:, :3].T + matrix[:, 3]
    return np.asarray(homogeneous[..., :2] / homogeneous[..., 2:])


def depth_of(view: View, points_mm: Array) -> Array:
    """Distance in millimetres along the optical axis of bay points (..., 3)."""
    matrix = camera_matrix(view)
    return np.asarray(points_mm @ matrix[2, :3] + matrix[2, 3])


def distort(view: View, points_px: Array) -> Array:
    """Where the lens puts undistorted pixels (..., 2)."""
    if view.k1 == 0.0 and view.k2 == 0.0:
        return points_px
    centre = np.array(view.image_wh_px) / 2
    ray = (points_px - centre) / view.focal_px
    r2 = (ray**2).sum(axis=-1, keepdims=True)
    return np.asarray(centre + ray * (1 + view.k1 * r2 + view.k2 * r2**2) * view.focal_px)


@lru_cache(maxsize=16)
def widened(view: View) -> tuple[View, int]:
    """The view with a margin around the picture, wide enough for what a barrel lens pulls in; and that margin in px."""
    corner = np.array(view.image_wh_px) / 2 / view.focal_px
    target = float(np.hypot(*corner))
    radius = target
    for _ in range(6):
        radius = target / (1 + view.k1 * radius**2 + view.k2 * radius**4)
    margin_px = max(0, min(int(np.ceil((radius / target - 1) * max(view.image_wh_px) / 2)), _WIDEST_MARGIN_PX))
    width, height = view.image_wh_px
    return replace(view, image_wh_px=(width + 2 * margin_px, height + 2 * margin_px)), margin_px


@lru_cache(maxsize=4)
def undistort_maps(view: View, margin_px: int = 0) -> tuple[Array, Array]:
    """For every pixel of the distorted picture, where to read in the undistorted one (float32 maps for a remap).

    `margin_px` is how far the undistorted picture reaches past the distorted one on every side.

    Solved on every eighth pixel and interpolated between: the lens bends far slower than that.
    """
    width, height = view.image_wh_px
    centre = np.array([width / 2, height / 2])
    across, down = (-(-side // _NODE_PX) + 2 for side in (width, height))
    xs, ys = ((np.arange(count) - 0.5) * _NODE_PX for count in (across, down))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1)
    target = (grid - centre) / view.focal_px
    ray = target.copy()
    for _ in range(6):
        r2 = (ray**2).sum(axis=-1, keepdims=True)
        ray = target / (1 + view.k1 * r2 + view.k2 * r2**2)
    shift = (centre + ray * view.focal_px - grid + margin_px).astype(np.float32)
    wide = cv2.resize(shift, (across * _NODE_PX, down * _NODE_PX), interpolation=cv2.INTER_LINEAR)
    moved = wide[_NODE_PX : _NODE_PX + height, _NODE_PX : _NODE_PX + width]
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return columns[None] + moved[..., 0], rows[:, None] + moved[..., 1]
