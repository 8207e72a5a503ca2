# SPDX-License-Identifier: AGPL-3.0-or-later
"""Soft shadows: what packs take from the light on their board, and what a board takes or gives to the row below it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from simulator.picture.printing import Picture
from simulator.picture.scene import Bay, Light, PlacedPack, ShelfRow

_MM_PER_PX = 8.0
_REACH_MM = 26.0
"""How far a contact shadow spreads: the light of a shop comes from everywhere, so shadows are short and soft."""


def board_shadow(bay: Bay, row: ShelfRow, packs: Sequence[PlacedPack], strength: float) -> Picture | None:
    """What is left of the light on a row's board, (h, w) uint8, row 0 at the back: less under what stands on it."""
    if strength <= 0 or row.board == "none":
        return None
    width, depth = max(8, int(bay.width_mm / _MM_PER_PX)), max(8, int(row.depth_mm / _MM_PER_PX))
    alpha = np.zeros((depth, width), np.uint8)
    for pack in packs:
        if pack.y_mm - row.y_mm > 5:
            continue
        half = pack.style.width_mm / 2
        x0, x1 = int((pack.x_mm - half) / _MM_PER_PX), int((pack.x_mm + half) / _MM_PER_PX)
        y1 = int((row.depth_mm + pack.z_mm) / _MM_PER_PX)
        y0 = y1 - max(1, int(pack.style.depth_mm / _MM_PER_PX))
        alpha[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = 255
    if not alpha.any():
        return None
    soft = cv2.GaussianBlur(alpha, (0, 0), _REACH_MM / _MM_PER_PX)
    return cv2.bitwise_not(cv2.convertScaleAbs(soft, alpha=strength))


@lru_cache(maxsize=128)
def _ramp(strength_percent: int) -> Picture:
    down = np.linspace(0, 1, 48, dtype=np.float32)
    dark = (1 - down) ** 1.3 + np.clip(down - 0.93, 0, 1) * 3
    keep = 255 * (1 - np.clip(dark * strength_percent / 100, 0, 1))
    return np.repeat(keep[:, None], 4, axis=1).astype(np.uint8)


def row_shade(light: Light) -> Picture:
    """What the board above leaves of the light in a row's opening (h, w) uint8, row 0 at the top: 255 is all."""
    strength = light.row_shadow * (1 - 0.8 * min(1.0, light.edge_light))
    return _ramp(round(100 * min(1.0, strength)))


@lru_cache(maxsize=64)
def _glow(percent: int, tint: tuple[int, int, int]) -> tuple[Picture, ...]:
    down = np.linspace(0, 1, 48, dtype=np.float32)
    lit = (0.5 * np.exp(-down / 0.16) + 0.22 * np.exp(-down / 0.6)) * 1.2 * percent
    texture = np.zeros((48, 4, 4), np.uint8)
    texture[..., :3] = (lit[:, None, None] * np.array(tint, np.float32) / 255).clip(0, 255)
    return (texture,)


def row_glow(light: Light) -> tuple[Picture, ...]:
    """The light of a strip under the board above, as colour without alpha, which the painter adds."""
    blue, green, red = (min(255, round(235 * part)) for part in light.colour_bgr)
    return _glow(round(100 * min(1.0, light.edge_light)), (blue, green, red))
