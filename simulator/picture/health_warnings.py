# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pictures of health warnings: a few sombre ones, the same on the packs of all makers."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.grounds import gradient, halo
from simulator.picture.pictures import PICTURES, photo_noise, shaded_ball
from simulator.picture.printing import Picture, dimmed, hsv, make_palette

WARNINGS_COUNT: Final = 18


def _hand(area: Picture, rng: Generator) -> None:
    """A hand that reaches in from one side, before a dark or a cold ground."""
    height, width = area.shape[:2]
    dark = hsv(rng.random(), 0.3, 0.12) if rng.random() < 0.6 else hsv(0.55, 0.35, 0.85)
    gradient(area, dark, dimmed(dark, 0.5))
    skin = hsv(0.06, rng.uniform(0.25, 0.5), rng.uniform(0.55, 0.95))
    side = 1 if rng.random() < 0.5 else -1
    palm = (int(width * (0.5 - side * 0.16)), int(height * rng.uniform(0.5, 0.7)))
    axes = (max(2, int(width * 0.2)), max(2, int(height * 0.15)))
    cv2.ellipse(area, palm, axes, side * 20, 0, 360, dimmed(skin, 0.8), -1, cv2.LINE_AA)
    wrist = (int(width * (0.5 - side * 0.6)), int(height * 0.95))
    cv2.line(area, palm, wrist, dimmed(skin, 0.75), max(2, int(width * 0.2)), cv2.LINE_AA)
    for i in range(4):
        turn = side * (-0.35 + 0.24 * i)
        tip = (int(palm[0] + side * width * 0.36 * np.cos(turn)), int(palm[1] + height * (0.36 * np.sin(turn) - 0.1)))
        cv2.line(area, palm, tip, dimmed(skin, 0.9 + 0.05 * i), max(2, int(width * 0.07)), cv2.LINE_AA)


def _figure(area: Picture, rng: Generator) -> None:
    """A small person alone before one flat colour."""
    height, width = area.shape[:2]
    area[:] = hsv(rng.choice([0.08, 0.1, 0.58, 0.0]), rng.uniform(0.5, 0.95), rng.uniform(0.6, 1.0))
    x, foot, tall = width // 2, int(height * 0.92), height * rng.uniform(0.45, 0.7)
    clothes = hsv(rng.random(), 0.6, 0.25)
    shoulders = (max(2, int(tall * 0.17)), max(2, int(tall * 0.4)))
    cv2.ellipse(area, (x, foot), shoulders, 0, 180, 360, clothes, -1, cv2.LINE_AA)
    head = (x, int(foot - tall * 0.46))
    cv2.circle(area, head, max(1, int(tall * 0.11)), hsv(0.06, 0.45, 0.75), -1, cv2.LINE_AA)


def _organs(area: Picture, rng: Generator) -> None:
    """Two dark shapes side by side on red."""
    height, width = area.shape[:2]
    area[:] = hsv(0.99, rng.uniform(0.6, 0.9), rng.uniform(0.35, 0.75))
    halo(area, (0.5, 0.5), 0.5, hsv(0.02, 0.5, 0.9))
    for side in (-1, 1):
        at = (int(width * (0.5 + side * 0.2)), int(height * 0.52))
        colour = hsv(0.05, rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.8))
        shaded_ball(area, at, (max(2, int(width * 0.15)), max(3, int(height * 0.32))), side * 12, colour)


def _bars(area: Picture, rng: Generator) -> None:
    """Somebody behind bars or rails."""
    height, width = area.shape[:2]
    gradient(area, hsv(0.6, 0.1, 0.7), hsv(0.6, 0.1, 0.25))
    at, axes = (width // 2, int(height * 0.55)), (max(2, int(width * 0.16)), max(2, int(height * 0.2)))
    shaded_ball(area, at, axes, 0, hsv(0.06, 0.4, rng.uniform(0.5, 0.9)))
    for x in np.linspace(0.08, 0.92, int(rng.integers(4, 7))):
        cv2.line(area, (int(x * width), 0), (int(x * width), height), (210, 212, 214), max(1, width // 22), cv2.LINE_AA)


def draw_warning(area: Picture, number: int) -> None:
    """The warning picture with this number (it repeats after `WARNINGS_COUNT`), drawn over `area` in place."""
    if min(area.shape[:2]) < 8:
        return
    which = number % WARNINGS_COUNT
    rng = np.random.default_rng((which, 91))
    own = (_hand, _figure, _organs, _bars, _hand)
    if which < 2 * len(own):
        own[which % len(own)](area, rng)
    else:
        inks = make_palette(rng)
        photo_noise(area, rng, inks)
        area[:] = (area * 0.55).astype(np.uint8)
        PICTURES[int(rng.integers(len(PICTURES)))](area, rng, inks)
