# SPDX-License-Identifier: AGPL-3.0-or-later
"""What lies under the print of a pack: flat inks, blends, waves, rays, stripes and dots."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.printing import Colour, Palette, Picture


def gradient(canvas: Picture, first: Colour, second: Colour, *, vertical: bool = True) -> None:
    """Fill with a linear blend of two colours."""
    axis = np.linspace(0, 1, canvas.shape[0 if vertical else 1], dtype=np.float32)
    ramp = np.outer(1 - axis, first) + np.outer(axis, second)
    canvas[:] = ramp[:, None] if vertical else ramp[None]


def halo(canvas: Picture, centre: tuple[float, float], reach: float, colour: Colour) -> None:
    """A soft round light of one colour, `reach` in shares of the canvas."""
    height, width = canvas.shape[:2]
    xs, ys = np.linspace(0, 1, width, dtype=np.float32)[None], np.linspace(0, 1, height, dtype=np.float32)[:, None]
    share = np.exp(-((xs - centre[0]) ** 2 + (ys - centre[1]) ** 2) / reach**2)[..., None]
    canvas[:] = canvas + (np.array(colour, np.float32) - canvas) * share


def swoosh(canvas: Picture, rng: Generator, colour: Colour) -> None:
    """A wave that fills the canvas from one long side up to a curve."""
    height, width = canvas.shape[:2]
    xs = np.linspace(-2, width + 2, 14)
    base, swing = rng.uniform(0.2, 0.8) * height, rng.uniform(-0.3, 0.3) * height
    ys = base + swing * np.sin(xs / width * rng.uniform(1.5, 4.5) + rng.uniform(0, 6))
    foot = height + 2 if rng.random() < 0.6 else -2
    edge = np.stack([xs, ys], 1)
    shape = np.concatenate([edge, [[width + 2, foot], [-2, foot]]]).astype(np.int32)
    cv2.fillPoly(canvas, [shape], colour, cv2.LINE_AA)


def _rays(canvas: Picture, rng: Generator, colour: Colour) -> None:
    height, width = canvas.shape[:2]
    centre = np.array([rng.uniform(0.2, 0.8) * width, rng.uniform(0.3, 0.9) * height])
    count, reach = int(rng.integers(8, 20)), 2 * max(width, height)
    for i in range(count):
        turn = np.array([i, i + 0.5]) * 2 * np.pi / count
        rim = centre + reach * np.stack([np.cos(turn), np.sin(turn)], 1)
        cv2.fillPoly(canvas, [np.stack([centre, *rim]).astype(np.int32)], colour, cv2.LINE_AA)


def _pattern(canvas: Picture, rng: Generator, colour: Colour) -> None:
    """Stripes, checks or dots."""
    height, width = canvas.shape[:2]
    pitch, kind = int(rng.integers(max(4, width // 12), max(7, width // 4))), rng.random()
    if kind < 0.4:
        for x in range(0, width, pitch):
            cv2.rectangle(canvas, (x, 0), (x + pitch // 2, height), colour, -1)
    elif kind < 0.55:
        for row, y in enumerate(range(0, height, pitch)):
            for x in range((row % 2) * pitch, width, 2 * pitch):
                cv2.rectangle(canvas, (x, y), (x + pitch - 1, y + pitch - 1), colour, -1)
    else:
        for row, y in enumerate(range(0, height, pitch)):
            for x in range((row % 2) * pitch // 2, width, pitch):
                cv2.circle(canvas, (x, y), max(1, pitch // 4), colour, -1, cv2.LINE_AA)


def _slash(canvas: Picture, rng: Generator, colour: Colour) -> None:
    height, width = canvas.shape[:2]
    low, high = rng.uniform(0.15, 0.85, 2) * height
    foot = height + 2 if rng.random() < 0.7 else -2
    shape = np.array([[-2, low], [width + 2, high], [width + 2, foot], [-2, foot]])
    cv2.fillPoly(canvas, [shape.astype(np.int32)], colour, cv2.LINE_AA)


def lay_ground(canvas: Picture, form: Generator, inks: Palette) -> None:
    """The ground of a maker's packs. `form` is the maker's, so its varieties differ in `inks` only."""
    height, width = canvas.shape[:2]
    kind = form.random()
    if kind < 0.22:
        canvas[:] = inks.ground
    elif kind < 0.5:
        gradient(canvas, inks.ground, inks.second, vertical=bool(form.random() < 0.8))
    elif kind < 0.62:
        canvas[:] = inks.ground
        _rays(canvas, form, inks.second)
    elif kind < 0.72:
        canvas[:] = inks.ground
        _pattern(canvas, form, inks.second)
    elif kind < 0.86:
        canvas[:] = inks.ground
        halo(canvas, (form.uniform(0.3, 0.7), form.uniform(0.3, 0.9)), form.uniform(0.25, 0.6), inks.light)
    else:
        canvas[:] = inks.ground
        _slash(canvas, form, inks.accent)
    if form.random() < 0.55:
        swoosh(canvas, form, inks.second if form.random() < 0.4 else inks.accent)
    if form.random() < 0.3:
        swoosh(canvas, form, inks.light if form.random() < 0.4 else inks.accent)
    if form.random() < 0.45:
        band = int(height * form.uniform(0.06, 0.28))
        y = 0 if form.random() < 0.5 else height - band
        cv2.rectangle(canvas, (0, y), (width, y + band), [inks.accent, inks.second, inks.light][form.integers(3)], -1)
    if form.random() < 0.12:
        rim = max(2, int(width * form.uniform(0.02, 0.06)))
        cv2.rectangle(canvas, (0, 0), (width - 1, height - 1), inks.accent, rim)
