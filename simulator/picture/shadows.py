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
    """Shadow texture BGRA of a row's board, row 0 at the back: dark under and around what stands on it."""
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
    texture = np.zeros((depth, width, 4), np.uint8)
    texture[..., 3] = cv2.convertScaleAbs(soft, alpha=strength)
    return texture


@lru_cache(maxsize=256)
def _row_light(shadow: int, glow: int, tint: tuple[int, int, int]) -> tuple[Picture, ...]:
    down = np.linspace(0, 1, 48, dtype=np.float32)
    texture = np.zeros((48, 4, 4), np.uint8)
    texture[..., 3] = ((1 - down) ** 1.3 * shadow + np.clip(down - 0.93, 0, 1) * 3 * shadow)[:, None].clip(0, 255)
    lit = np.exp(-down / 0.16) * glow * 0.5 + np.exp(-down / 0.6) * glow * 0.22
    texture[..., :3] = (lit[:, None, None] * np.array(tint, np.float32) / 255).clip(0, 255)
    return (texture,)


def row_light(light: Light) -> tuple[Picture, ...]:
    """What the board above a row does to the light in its opening: a shadow from above, or the glow of a strip light.

    Glow is colour without alpha, which the painter adds.
    """
    blue, green, red = (min(255, round(235 * part)) for part in light.colour_bgr)
    shadow = light.row_shadow * (1 - 0.8 * min(1.0, light.edge_light))
    return _row_light(round(min(1.0, shadow) * 255), round(min(1.0, light.edge_light) * 120), (blue, green, red))


@lru_cache(maxsize=8)
def cast_on_neighbour() -> tuple[Picture, ...]:
    """A pack that stands further forward throws this on the one beside it: dark at the left, gone at the right."""
    fade = np.exp(-np.linspace(0, 3.2, 24, dtype=np.float32)) * 150
    texture = np.zeros((4, 24, 4), np.uint8)
    texture[..., 3] = fade[None]
    return (texture,)
