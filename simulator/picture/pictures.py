# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures printed on packs: food, characters, people, scenery, tools. Each reads as one at arm's length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.grounds import gradient, halo
from simulator.picture.printing import Colour, Palette, Picture, dimmed, hsv

_FOOD_HUES: Final = (0.07, 0.09, 0.0, 0.12, 0.3, 0.95, 0.6)


def shaded_ball(area: Picture, centre: tuple[int, int], axes: tuple[int, int], turn: float, colour: Colour) -> None:
    """A round thing lit from the upper left."""
    glow = tuple(min(255, int(c * 1.15) + 35) for c in colour)
    cv2.ellipse(area, centre, axes, turn, 0, 360, dimmed(colour, 0.55), -1, cv2.LINE_AA)
    inner = (max(1, int(axes[0] * 0.84)), max(1, int(axes[1] * 0.84)))
    at = (centre[0] - axes[0] // 10, centre[1] - axes[1] // 8)
    cv2.ellipse(area, at, inner, turn, 0, 360, colour, -1, cv2.LINE_AA)
    dot, at = (max(1, axes[0] // 4), max(1, axes[1] // 5)), (centre[0] - axes[0] // 3, centre[1] - axes[1] // 3)
    cv2.ellipse(area, at, dot, turn, 0, 360, glow, -1, cv2.LINE_AA)


def photo_noise(area: Picture, rng: Generator, inks: Palette) -> None:
    """Soft blots of colour, like a background out of focus."""
    cells = int(rng.integers(3, 9))
    mix = rng.random((cells, cells, 1))
    rough = np.array(inks.second) * mix + np.array(inks.accent) * (1 - mix) + rng.normal(0, 18, (cells, cells, 3))
    area[:] = cv2.resize(np.clip(rough, 0, 255).astype(np.uint8), area.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _heap(area: Picture, rng: Generator, inks: Palette) -> None:
    height, width = area.shape[:2]
    count, span = int(rng.integers(6, 30)), max(3, int(min(width, height) * rng.uniform(0.09, 0.24)))
    hue, aspect = rng.choice(_FOOD_HUES) + rng.normal(0, 0.02), rng.uniform(0.5, 1)
    flavour: Colour | None = inks.accent if rng.random() < 0.4 else None
    spots = rng.random((count, 4))
    for x, y, turn, tone in spots[np.argsort(spots[:, 1])]:
        colour = (
            dimmed(flavour, 0.6 + 0.5 * tone) if flavour else hsv(hue + (tone - 0.5) * 0.05, 0.75, 0.45 + 0.5 * tone)
        )
        where = (int((0.5 + (x - 0.5) * (0.5 + 0.6 * y)) * width), int((0.2 + 0.8 * y) * height))
        shaded_ball(area, where, (span, max(2, int(span * aspect))), turn * 180, colour)


def _chips(area: Picture, rng: Generator, _inks: Palette) -> None:
    height, width = area.shape[:2]
    span, hue = max(4, int(min(width, height) * rng.uniform(0.14, 0.26))), rng.uniform(0.08, 0.13)
    for x, y, turn, tone in rng.random((int(rng.integers(7, 18)), 4)):
        at, tip = (int(x * width), int((0.2 + 0.8 * y) * height)), turn * 360
        colour = hsv(hue, 0.7, 0.75 + 0.25 * tone)
        cv2.ellipse(
            area, (at[0] + 1, at[1] + 2), (span, int(span * 0.7)), tip, 0, 360, dimmed(colour, 0.45), -1, cv2.LINE_AA
        )
        cv2.ellipse(area, at, (span, int(span * 0.66)), tip, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(
            area,
            at,
            (int(span * 0.7), int(span * 0.3)),
            tip,
            20,
            170,
            dimmed(colour, 0.8),
            max(1, span // 7),
            cv2.LINE_AA,
        )


def _bowl(area: Picture, rng: Generator, inks: Palette) -> None:
    height, width = area.shape[:2]
    centre, rx = (width // 2, int(height * 0.55)), int(width * rng.uniform(0.38, 0.56))
    ry = int(min(height * 0.42, rx * rng.uniform(0.4, 0.95)))
    rim = inks.light if rng.random() < 0.6 else (30, 30, 40)
    cv2.ellipse(area, (centre[0], centre[1] + max(1, ry // 8)), (rx, ry), 0, 0, 360, dimmed(rim, 0.6), -1, cv2.LINE_AA)
    cv2.ellipse(area, centre, (rx, ry), 0, 0, 360, rim, -1, cv2.LINE_AA)
    soup = hsv(rng.choice([0.04, 0.08, 0.11, 0.28]), 0.8, rng.uniform(0.4, 0.85))
    cv2.ellipse(area, centre, (int(rx * 0.86), int(ry * 0.82)), 0, 0, 360, soup, -1, cv2.LINE_AA)
    noodle = hsv(0.12, rng.uniform(0.3, 0.7), rng.uniform(0.8, 1.0))
    strands = int(rng.integers(8, 20)) if rng.random() < 0.5 else 0
    for x, y, turn, span in rng.random((strands, 4)):
        at = (int(centre[0] + (x - 0.5) * rx * 1.1), int(centre[1] + (y - 0.5) * ry * 1.1))
        reach = (max(2, int(rx * (0.15 + 0.3 * span))), max(2, int(ry * 0.3)))
        cv2.ellipse(
            area, at, reach, turn * 360, 0, 200, dimmed(noodle, 0.75 + 0.25 * span), max(1, rx // 18), cv2.LINE_AA
        )
    for x, y, turn, tone in rng.normal(0, 0.3, (int(rng.integers(5, 14)), 4)):
        where = (int(centre[0] + x * rx * 1.2), int(centre[1] + y * ry * 1.2))
        colour = hsv(abs(tone), rng.uniform(0.4, 0.9), rng.uniform(0.5, 1))
        shaded_ball(area, where, (max(2, rx // 6), max(2, ry // 6)), turn * 300, colour)


def _splash(area: Picture, rng: Generator, inks: Palette) -> None:
    """A splash of milk or juice with fruit in it."""
    height, width = area.shape[:2]
    liquid = (250, 250, 250) if rng.random() < 0.5 else inks.accent
    turns = np.linspace(0, 2 * np.pi, 40)
    reach = 0.3 + 0.14 * np.cumsum(rng.normal(0, 0.5, 40)) / 4 + rng.normal(0, 0.05, 40)
    xs, ys = width * (0.5 + 0.5 * reach * np.cos(turns)), height * (0.6 + 0.4 * reach * np.sin(turns))
    cv2.fillPoly(area, [np.stack([xs, ys], 1).astype(np.int32)], liquid, cv2.LINE_AA)
    for x, y, r in rng.random((8, 3)):
        spot = (int(x * width), int((0.2 + 0.6 * y) * height))
        cv2.circle(area, spot, max(1, int(r * width * 0.04)), liquid, -1, cv2.LINE_AA)
    r = max(3, int(min(height, width) * rng.uniform(0.14, 0.24)))
    for x, y, turn in rng.random((int(rng.integers(2, 6)), 3)):
        where = (int((0.2 + 0.6 * x) * width), int((0.45 + 0.4 * y) * height))
        shaded_ball(area, where, (r, int(r * 0.85)), turn * 90, inks.accent)
        leaf = (where[0], where[1] - int(r * 0.8))
        cv2.ellipse(
            area, leaf, (max(1, r // 2), max(1, r // 5)), turn * 60 - 30, 0, 360, (50, 150, 60), -1, cv2.LINE_AA
        )


def _bar(area: Picture, rng: Generator, _inks: Palette) -> None:
    """A bar of chocolate or soap, bitten or broken."""
    height, width = area.shape[:2]
    colour = hsv(rng.choice([0.05, 0.06, 0.09, 0.12]), rng.uniform(0.3, 0.8), rng.uniform(0.25, 0.9))
    rows, columns = int(rng.integers(1, 4)), int(rng.integers(3, 6))
    w, h = max(3, int(width * 0.8 / columns)), max(3, int(height * 0.6 / rows))
    lean = rng.uniform(-0.25, 0.25)
    for row in range(rows):
        for column in range(columns):
            x, y = int(width * 0.1 + column * w), int(height * 0.25 + row * h + lean * (column - columns / 2) * w)
            cv2.rectangle(area, (x, y), (x + w - 1, y + h - 1), dimmed(colour, 0.65), -1)
            cv2.rectangle(area, (x + w // 8, y + h // 8), (x + w - w // 5, y + h - h // 5), colour, -1)
            cv2.line(area, (x + w // 8, y + h // 8), (x + w - w // 5, y + h // 8), dimmed(colour, 1.4), max(1, h // 10))


def _character(area: Picture, rng: Generator, inks: Palette) -> None:
    height, width = area.shape[:2]
    r = int(min(width, height) * rng.uniform(0.26, 0.42))
    cx, cy = width // 2 + int(rng.normal(0, width * 0.06)), height // 2
    skin = hsv(rng.choice([0.07, 0.08, 0.13, 0.58, 0.0, 0.95]), rng.uniform(0.0, 0.7), rng.uniform(0.8, 1))
    fur = (inks.accent, inks.second, (30, 30, 30), (245, 245, 245))[rng.integers(4)]
    ears, blink = int(rng.integers(3)), rng.uniform(0.1, 0.2)
    for side in (-1, 1):
        at = (cx + side * int(r * (0.45 if ears == 1 else 0.75)), cy - int(r * (1.1 if ears == 1 else 0.75)))
        axes = (max(2, int(r * (0.2 if ears == 1 else 0.34))), max(2, int(r * (0.55 if ears == 1 else 0.34))))
        cv2.ellipse(area, at, axes, side * 12, 0, 360, fur, -1, cv2.LINE_AA)
    cv2.ellipse(area, (cx, cy + int(r * 1.35)), (int(r * 0.8), int(r * 0.7)), 0, 0, 360, fur, -1, cv2.LINE_AA)
    cv2.circle(area, (cx, cy), r, fur, -1, cv2.LINE_AA)
    cv2.ellipse(area, (cx, cy + r // 8), (int(r * 0.82), int(r * 0.75)), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for side in (-1, 1):
        at, axes = (cx + side * r // 3, cy - r // 8), (max(1, int(r * blink)), max(1, int(r * 0.2)))
        cv2.ellipse(area, at, axes, 0, 0, 360, (20, 20, 20), -1, cv2.LINE_AA)
        cv2.circle(area, (at[0] - axes[0] // 3, at[1] - axes[1] // 3), max(1, axes[0] // 3), (255, 255, 255), -1)
    mouth = (max(2, r // 3), max(2, r // 4))
    cv2.ellipse(area, (cx, cy + r // 4), mouth, 0, 10, 170, (40, 30, 160), max(1, r // 10), cv2.LINE_AA)


def _person(area: Picture, rng: Generator, inks: Palette) -> None:
    height, width = area.shape[:2]
    tone = rng.uniform(0.3, 0.95)
    gradient(area, hsv(rng.random(), 0.3, tone), hsv(rng.random(), 0.5, tone * 0.5))
    skin = hsv(0.06 + rng.normal(0, 0.01), rng.uniform(0.3, 0.6), rng.uniform(0.45, 0.95))
    cx, cy = int(width * rng.uniform(0.35, 0.65)), int(height * rng.uniform(0.3, 0.5))
    r = int(min(width, height) * rng.uniform(0.16, 0.34))
    shoulders = (int(r * 2.1), int(height - cy))
    cv2.ellipse(area, (cx, height + r // 3), shoulders, 0, 180, 360, inks.second, -1, cv2.LINE_AA)
    cv2.ellipse(area, (cx, cy - r // 5), (int(r * 0.95), int(r * 1.1)), 0, 0, 360, (25, 30, 40), -1, cv2.LINE_AA)
    cv2.ellipse(area, (cx, cy), (int(r * 0.75), r), rng.uniform(-15, 15), 0, 360, skin, -1, cv2.LINE_AA)


def _coil(area: Picture, rng: Generator, inks: Palette) -> None:
    height, width = area.shape[:2]
    turns = np.linspace(0, rng.uniform(3, 6) * 2 * np.pi, 90)
    reach = turns / turns[-1] * min(width, height) * 0.45
    xs, ys = width / 2 + reach * np.cos(turns), height * 0.55 + reach * rng.uniform(0.5, 1) * np.sin(turns)
    pen = max(1, min(width, height) // 22)
    curve = [np.stack([xs, ys], 1).astype(np.int32)]
    cv2.polylines(area, curve, isClosed=False, color=inks.light, thickness=pen + 2, lineType=cv2.LINE_AA)
    cv2.polylines(area, curve, isClosed=False, color=inks.ink, thickness=pen, lineType=cv2.LINE_AA)


def _scenery(area: Picture, rng: Generator, _inks: Palette) -> None:
    height, width = area.shape[:2]
    gradient(area, hsv(0.57, rng.uniform(0.2, 0.8), 0.95), hsv(0.1, 0.2, 1.0))
    for depth in range(3):
        xs = np.linspace(0, width, 8)
        ys = height * (0.35 + 0.2 * depth) + rng.normal(0, height * 0.1, 8)
        hill = np.concatenate([np.stack([xs, ys], 1), [[width, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(area, [hill], hsv(rng.choice([0.3, 0.36, 0.6, 0.08]), 0.6, 0.75 - 0.18 * depth), cv2.LINE_AA)


def _leaves(area: Picture, rng: Generator, inks: Palette) -> None:
    height, width = area.shape[:2]
    r = max(3, int(min(height, width) * rng.uniform(0.16, 0.3)))
    halo(area, (0.5, 0.5), 0.4, inks.light)
    for x, y, turn, tone in rng.random((int(rng.integers(4, 10)), 4)):
        at, colour = (int(x * width), int(y * height)), hsv(0.26 + 0.12 * tone, 0.7, 0.35 + 0.4 * tone)
        cv2.ellipse(area, at, (r, r // 3), turn * 360, 0, 360, colour, -1, cv2.LINE_AA)
        tip = (int(at[0] + r * np.cos(turn * 6.283)), int(at[1] + r * np.sin(turn * 6.283)))
        cv2.line(area, at, tip, dimmed(colour, 1.5), max(1, r // 10), cv2.LINE_AA)


PICTURES: Final[tuple[Callable[[Picture, Generator, Palette], None], ...]] = (
    photo_noise,
    _heap,
    _heap,
    _chips,
    _bowl,
    _bowl,
    _splash,
    _bar,
    _character,
    _person,
    _coil,
    _scenery,
    _leaves,
)


def draw_picture(area: Picture, form: Generator, rng: Generator, inks: Palette) -> None:
    """A picture drawn over `area` in place. `form` chooses what kind of thing, `rng` how this one looks."""
    kind, backed = int(form.integers(len(PICTURES))), form.random() < 0.3
    if min(area.shape[:2]) < 8:
        return
    if backed:
        photo_noise(area, rng, inks)
    PICTURES[kind](area, rng, inks)


def draw_photo(area: Picture, rng: Generator, inks: Palette) -> None:
    """A picture of any kind, drawn over `area` in place."""
    draw_picture(area, rng, rng, inks)
