# SPDX-License-Identifier: AGPL-3.0-or-later
"""What hangs in the bubble of a blister card: batteries, brushes, toy cars, plugs, pens, bulbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.materials import metal_light, shade
from simulator.picture.printing import Colour, Picture, dimmed, hsv


class _Well:
    """Draws in shares of the bubble's width and height."""

    def __init__(self, area: Picture) -> None:
        self.area = area
        self.height, self.width = area.shape[:2]

    def at(self, x: float, y: float) -> tuple[int, int]:
        return int(x * self.width), int(y * self.height)

    def bar(self, corner: tuple[float, float], far: tuple[float, float], ink: Colour) -> None:
        cv2.rectangle(self.area, self.at(*corner), self.at(*far), ink, -1)

    def disc(self, centre: tuple[float, float], r: float, ink: Colour) -> None:
        reach = max(1, int(r * min(self.width, self.height)))
        cv2.circle(self.area, self.at(*centre), reach, ink, -1, cv2.LINE_AA)

    def rod(self, x: float, low: float, high: float, span: float, ink: Colour) -> None:
        """An upright cylinder."""
        (x0, y0), (x1, y1) = self.at(x - span / 2, low), self.at(x + span / 2, high)
        x0, x1 = max(0, x0), min(self.width, max(x0 + 2, x1))
        light = metal_light(x1 - x0, np.random.default_rng(5))[None, :, None]
        self.area[y0:y1, x0:x1] = shade(np.full((y1 - y0, x1 - x0, 3), ink, np.uint8), light)


def _batteries(well: _Well, rng: Generator) -> None:
    count, body, end = int(rng.integers(2, 5)), hsv(rng.random(), 0.8, 0.35), hsv(0.08, 0.7, 0.85)
    for i in range(count):
        x, span = 0.1 + 0.8 * (i + 0.5) / count, 0.74 / count
        well.rod(x, 0.1, 0.14, span * 0.4, (190, 190, 190))
        well.rod(x, 0.14, 0.38, span, end)
        well.rod(x, 0.38, 0.9, span, body)


def _brushes(well: _Well, rng: Generator) -> None:
    count = int(rng.integers(1, 4))
    for i in range(count):
        x, ink = (i + 1) / (count + 1), hsv(rng.random(), 0.8, 0.85)
        well.rod(x, 0.1, 0.94, 0.07, ink)
        well.rod(x, 0.08, 0.28, 0.13, (242, 242, 242))


def _toy_car(well: _Well, rng: Generator) -> None:
    ink = hsv(rng.random(), 0.85, 0.85)
    y = 0.56
    axes = (int(well.width * 0.27), int(well.height * 0.24))
    cv2.ellipse(well.area, well.at(0.48, y), axes, 0, 180, 360, dimmed(ink, 0.75), -1, cv2.LINE_AA)
    inner = (int(axes[0] * 0.75), int(axes[1] * 0.7))
    cv2.ellipse(well.area, well.at(0.48, y), inner, 0, 180, 360, (225, 205, 170), -1, cv2.LINE_AA)
    well.bar((0.1, y), (0.9, 0.74), ink)
    well.bar((0.1, y), (0.9, y + 0.03), dimmed(ink, 1.3))
    for x in (0.28, 0.72):
        well.disc((x, 0.76), 0.11, (25, 25, 25))
        well.disc((x, 0.76), 0.05, (205, 205, 205))


def _plug(well: _Well, rng: Generator) -> None:
    ink: Colour = (242, 242, 242) if rng.random() < 0.6 else (35, 35, 35)
    well.disc((0.5, 0.5), 0.37, dimmed(ink, 0.75))
    well.disc((0.49, 0.48), 0.34, ink)
    for x in (0.38, 0.62):
        well.disc((x, 0.5), 0.05, (60, 60, 60))


def _pens(well: _Well, rng: Generator) -> None:
    count = int(rng.integers(3, 6))
    for i in range(count):
        x, ink = (i + 0.7) / (count + 0.4), hsv(i / count + rng.uniform(0, 0.1), 0.85, 0.8)
        well.rod(x, 0.1, 0.9, 0.5 / count, ink)
        well.rod(x, 0.1, 0.32, 0.56 / count, dimmed(ink, 0.5))


def _bulb(well: _Well, rng: Generator) -> None:
    glass: Colour = (225, 245, 250) if rng.random() < 0.7 else (180, 225, 245)
    well.disc((0.5, 0.38), 0.32, dimmed(glass, 0.8))
    well.disc((0.48, 0.36), 0.28, glass)
    well.disc((0.4, 0.28), 0.08, (255, 255, 255))
    well.rod(0.5, 0.62, 0.9, 0.26, (175, 178, 180))


_DRAWERS: Final[tuple[Callable[[_Well, Generator], None], ...]] = (_batteries, _brushes, _toy_car, _plug, _pens, _bulb)


def draw_hung_product(area: Picture, rng: Generator) -> None:
    """One product, or a set of them, drawn over the bubble's `area` in place."""
    if min(area.shape[:2]) >= 8:
        _DRAWERS[rng.integers(len(_DRAWERS))](_Well(area), rng)
