# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is in the picture but not in the bay: the shop behind it, and shoppers in front of it."""

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


def draw_hand(canvas: Picture, owner: Picture, seed: int) -> None:
    """An arm or a head between camera and shelf, out of focus."""
    rng = np.random.default_rng((seed, 12))
    height, width = canvas.shape[:2]
    skin = hsv(0.05 + rng.normal(0, 0.01), rng.uniform(0.3, 0.65), rng.uniform(0.3, 0.95))
    cloth = hsv(rng.random(), rng.uniform(0, 0.8), rng.uniform(0.05, 0.9))
    side = 1 if rng.random() < 0.5 else -1
    start = np.array([width / 2 + side * width * 0.6, height * rng.uniform(0.6, 1.1)])
    end = np.array([width * rng.uniform(0.25, 0.75), height * rng.uniform(0.25, 0.75)])
    wrist = start + (end - start) * 0.75
    pen = int(min(width, height) * rng.uniform(0.04, 0.12))
    layer = np.zeros((height, width), np.uint8)
    paint = canvas.copy()
    for a, b, colour, thick in ((start, wrist, cloth, pen * 2), (wrist, end, skin, pen)):
        for target, ink in ((paint, colour), (layer, 255)):
            cv2.line(target, tuple(a.astype(int).tolist()), tuple(b.astype(int).tolist()), ink, thick, cv2.LINE_AA)
    for turn in rng.uniform(-0.6, 0.6, 4):
        way = (end - wrist) / max(1.0, float(np.hypot(*(end - wrist))))
        tip = end + pen * 1.4 * np.array(
            [way[0] * np.cos(turn) - way[1] * np.sin(turn), way[0] * np.sin(turn) + way[1] * np.cos(turn)]
        )
        for target, ink in ((paint, skin), (layer, 255)):
            cv2.line(
                target,
                tuple(end.astype(int).tolist()),
                tuple(tip.astype(int).tolist()),
                ink,
                max(2, pen // 3),
                cv2.LINE_AA,
            )
    soft = cv2.GaussianBlur(layer, (0, 0), 1.5)[..., None].astype(np.float32) / 255
    canvas[:] = (canvas * (1 - soft) + cv2.GaussianBlur(paint, (0, 0), 2) * soft).astype(np.uint8)
    owner[layer > 127] = 0
