# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is in the picture but not in the bay: the wall, the aisle or the dark around it, out of focus."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.printing import Picture, hsv
from simulator.picture.scene import Scene

_SMALL_WH_PX = (96, 72)
_ROOM_SEEDS = 400


def _wall(rng: Generator) -> Picture:
    """A painted wall with the light of the room on it."""
    width, height = _SMALL_WH_PX
    tint = rng.uniform(0, 0.08) if rng.random() < 0.75 else rng.uniform(0.1, 0.45)
    paint = np.array(hsv(rng.random(), tint, rng.uniform(0.3, 0.95)), np.float32)
    across, down = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    light = 1 + rng.normal(0, 0.15) * across + rng.normal(-0.1, 0.15) * down
    return np.clip(paint * light[..., None], 0, 255).astype(np.uint8)


def _aisle(rng: Generator) -> Picture:
    """More shelves, a strip of floor, lamps under the ceiling: coloured patches in rows, never sharp."""
    width, height = _SMALL_WH_PX
    room = _wall(rng)
    floor, ceiling = int(height * rng.uniform(0.7, 1.1)), int(height * rng.uniform(-0.1, 0.25))
    step = int(rng.integers(8, 18))
    for y in range(max(0, ceiling), min(height, floor), step):
        x = 0
        while x < width:
            span = int(rng.integers(2, 9))
            tone = hsv(rng.random(), rng.uniform(0.03, 0.35), rng.uniform(0.15, 0.75))
            room[y : y + int(step * rng.uniform(0.5, 0.8)), x : x + span] = tone
            x += span + int(rng.integers(0, 2))
        room[y + step - 2 : y + step - 1] = (205, 205, 202)
    if floor < height:
        room[floor:] = hsv(rng.random(), rng.uniform(0, 0.15), rng.uniform(0.35, 0.8))
    if ceiling > 2:
        room[:ceiling] = (70, 72, 74) if rng.random() < 0.4 else (188, 190, 190)
        for x in rng.integers(0, width, 3):
            cv2.line(room, (int(x), 0), (int(x) + int(rng.integers(-9, 9)), ceiling), (255, 253, 248), 2)
    return cv2.GaussianBlur(room, (0, 0), float(rng.uniform(0.9, 2.2)))


@lru_cache(maxsize=_ROOM_SEEDS)
def _room(seed: int) -> Picture:
    rng = np.random.default_rng((seed, 11))
    chance = rng.random()
    if chance < 0.45:
        return _wall(rng)
    if chance < 0.85:
        return _aisle(rng)
    return cv2.convertScaleAbs(_wall(rng), alpha=float(rng.uniform(0.1, 0.35)))


def draw_surround(scene: Scene) -> Picture:
    """What is seen past the bay."""
    return cv2.resize(_room(scene.surround_seed % _ROOM_SEEDS), scene.view.image_wh_px, interpolation=cv2.INTER_CUBIC)
