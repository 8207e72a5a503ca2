# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is in the picture but not in the bay: the shop behind it."""

from __future__ import annotations

import cv2
import numpy as np

from simulator.picture.printing import Picture, hsv
from simulator.picture.scene import Scene


def draw_surround(scene: Scene) -> Picture:
    """What is seen past the bay: a wall, a floor, blurred things."""
    width, height = scene.view.image_wh_px
    rng = np.random.default_rng((scene.surround_seed, 11))
    wall: Picture = np.full(
        (height, width, 3), hsv(rng.random(), rng.uniform(0, 0.2), rng.uniform(0.1, 0.95)), np.uint8
    )
    if rng.random() < 0.6:
        cells = int(rng.integers(3, 12))
        rough = (rng.integers(0, 255, (cells, cells, 1)) * 0.75 + rng.integers(0, 64, (cells, cells, 3))).astype(
            np.uint8
        )
        way = cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_NEAREST
        wall = cv2.addWeighted(wall, 0.5, cv2.resize(rough, (width, height), interpolation=way), 0.5, 0)
    return wall
