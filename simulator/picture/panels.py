# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the law and the sales people print on packs: nutrition tables, ingredients, barcodes, seals and offers."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.printing import (
    SCRIPTS,
    Colour,
    Palette,
    Picture,
    barcode,
    contrast_on,
    fine_print,
    fit,
    luminance,
    script_mask,
    stamp,
    text_mask,
)

_OFFERS: Final = ("NEW", "+20%", "2x", "10", "BIO", "FREE", "0%", "5+1", "XXL", "100%", "-25%", "6x")
_TABLES_COUNT: Final = 24
_NUTRIENTS: Final = ("Energy", "Fat", "Sugars", "Fibre", "Protein", "Salt", "Carbs", "Sodium")


def ink_at(canvas: Picture, x: float, y: float) -> Colour:
    """The colour printed at a point of the canvas."""
    height, width = canvas.shape[:2]
    blue, green, red = (int(c) for c in canvas[min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)])
    return blue, green, red


def burst(canvas: Picture, rng: Generator, inks: Palette) -> None:
    """An offer in a disc, a star or a corner flash."""
    height, width = canvas.shape[:2]
    r = int(min(height, width) * rng.uniform(0.11, 0.21))
    if r < 5:
        return
    colour = ((40, 40, 220), (20, 220, 250), inks.accent)[rng.integers(3)]
    words = fit(text_mask(_OFFERS[rng.integers(len(_OFFERS))], 24, 1), r * 1.5, r)
    cx, cy = int(rng.uniform(0.18, 0.82) * width), int(rng.uniform(0.14, 0.86) * height)
    kind = rng.random()
    if kind < 0.4:
        cv2.circle(canvas, (cx, cy), r, colour, -1, cv2.LINE_AA)
    elif kind < 0.75:
        turns = np.arange(24) * np.pi / 12 + rng.uniform(0, 0.2)
        reach = np.where(np.arange(24) % 2, 0.86, 1.12) * r
        star = np.stack([cx + reach * np.cos(turns), cy + reach * np.sin(turns)], 1)
        cv2.fillPoly(canvas, [star.astype(np.int32)], colour, cv2.LINE_AA)
    else:
        left, top = rng.random() < 0.5, rng.random() < 0.6
        corner = np.array([0 if left else width, 0 if top else height])
        reach_xy = np.array([1 if left else -1, 1 if top else -1]) * 2.6 * r
        flash = [corner, corner + np.array([reach_xy[0], 0]), corner + np.array([0, reach_xy[1]])]
        cv2.fillPoly(canvas, [np.array(flash).astype(np.int32)], colour, cv2.LINE_AA)
        cx, cy = (int(v) for v in corner + reach_xy * 0.32)
    stamp(canvas, words, (cx, cy), contrast_on(colour, inks, rng))


def note(canvas: Picture, rng: Generator, inks: Palette, y: float, script: str = "") -> None:
    """A short line across the pack, readable on whatever lies under it."""
    height, width = canvas.shape[:2]
    script = script or SCRIPTS[rng.integers(len(SCRIPTS))]
    mask = fit(script_mask(rng, script, 16, int(rng.integers(4, 9))), width * 0.8, max(5, height * 0.07))
    ink = contrast_on(ink_at(canvas, width // 2, y), inks, rng)
    stamp(canvas, mask, (width * rng.uniform(0.42, 0.58), y), ink)


def weight_mark(canvas: Picture, rng: Generator, inks: Palette) -> None:
    """How much is inside, low on one side."""
    height, width = canvas.shape[:2]
    amount = int(rng.choice([50, 75, 100, 125, 200, 250, 330, 400, 500, 750]))
    words = f"{amount}{('g', ' g', 'ml', ' ml')[rng.integers(4)]}"
    mask = fit(text_mask(words, 16, 1), width * 0.24, max(5, height * 0.05))
    at = (width * (0.84 if rng.random() < 0.6 else 0.17), height * 0.95)
    stamp(canvas, mask, at, contrast_on(ink_at(canvas, *at), inks, rng))


def _seal(canvas: Picture, rng: Generator, inks: Palette) -> None:
    height, width = canvas.shape[:2]
    r = max(3, int(min(height, width) * rng.uniform(0.05, 0.09)))
    at = (int(rng.choice([0.13, 0.87]) * width), int(rng.uniform(0.1, 0.9) * height))
    rim = inks.light if luminance(ink_at(canvas, *at)) < 128 else inks.ink
    cv2.circle(canvas, at, r, rim, -1, cv2.LINE_AA)
    cv2.circle(canvas, at, max(1, r - 2), inks.accent, max(1, r // 4), cv2.LINE_AA)


def claims(canvas: Picture, rng: Generator, inks: Palette) -> None:
    """Offers, seals, claims and small print scattered over a face."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.45:
        burst(canvas, rng, inks)
    if rng.random() < 0.35:
        _seal(canvas, rng, inks)
    if rng.random() < 0.5:
        weight_mark(canvas, rng, inks)
    for x, y, w, h in rng.random((int(rng.integers(0, 4)), 4)):
        x0, y0 = int(x * width * 0.8), int(y * height * 0.9)
        x1, y1 = (
            min(width - 1, x0 + int((0.15 + 0.4 * w) * width)),
            min(height - 1, y0 + int((0.04 + 0.1 * h) * height)),
        )
        if y1 - y0 < 6 or x1 - x0 < 8:
            continue
        plate = (inks.light, inks.accent, inks.second, inks.ink)[rng.integers(4)]
        if rng.random() < 0.5:
            cv2.rectangle(canvas, (x0, y0), (x1, y1), plate, -1)
            fine_print(canvas, (x0 + 2, y0 + 1, x1 - 1, y1), rng, contrast_on(plate, inks, rng), 5)
        else:
            fine_print(canvas, (x0, y0, x1, y1), rng, plate, 5)


def nutrition_table(canvas: Picture, box: tuple[int, int, int, int], rng: Generator) -> None:
    """A white table of nutrients and amounts inside (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = box
    rows = min(8, max(3, (y1 - y0) // 9))
    table = _table(rows, int(rng.integers(_TABLES_COUNT)))
    canvas[y0:y1, x0:x1] = cv2.resize(table, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)


@lru_cache(maxsize=8 * _TABLES_COUNT)
def _table(rows: int, seed: int) -> Picture:
    rng = np.random.default_rng((seed, rows))
    width, line = 96, 14
    table = np.full((line * (rows + 1), width, 3), (247, 247, 245), np.uint8)
    table[:line] = (35, 35, 35)
    stamp(table, fit(text_mask("Nutrition", 12, 0), width * 0.7, 10), (width / 2, line / 2), (240, 240, 240))
    for row in range(rows):
        y = (row + 1) * line
        cv2.line(table, (0, y + line - 1), (width, y + line - 1), (120, 120, 120), 1)
        name = fit(text_mask(_NUTRIENTS[row % len(_NUTRIENTS)], 12, 0), width * 0.5, 10)
        stamp(table, name, (3 + name.shape[1] / 2, y + line / 2), (30, 30, 30))
        amount = fit(text_mask(f"{rng.integers(0, 90)},{rng.integers(10)}", 12, 0), width * 0.25, 10)
        stamp(table, amount, (width - 3 - amount.shape[1] / 2, y + line / 2), (30, 30, 30))
    cv2.rectangle(table, (0, 0), (width - 1, table.shape[0] - 1), (30, 30, 30), 1)
    return table


def ingredients(canvas: Picture, box: tuple[int, int, int, int], rng: Generator, ink: Colour) -> None:
    """A block of small print under a bold word."""
    x0, y0, x1, y1 = box
    head = fit(text_mask("Ingredients", 12, 1), (x1 - x0) * 0.6, max(4, (y1 - y0) * 0.14))
    stamp(canvas, head, (x0 + head.shape[1] / 2, y0 + head.shape[0] / 2), ink)
    fine_print(canvas, (x0, y0 + head.shape[0] + 1, x1, y1), rng, ink, max(3, (y1 - y0) // 9))


def back_panel(canvas: Picture, rng: Generator, inks: Palette) -> None:
    """The lower two thirds of a pack's back: table, ingredients, marks and barcode, on the maker's ground."""
    height, width = canvas.shape[:2]
    ink = (20, 20, 20) if luminance(inks.ground) > 120 else (240, 240, 240)
    left, right = int(width * 0.07), int(width * 0.93)
    if width >= height * 0.55:
        middle = int(width * rng.uniform(0.46, 0.56))
        nutrition_table(canvas, (left, int(height * 0.3), middle, int(height * 0.74)), rng)
        ingredients(canvas, (middle + 4, int(height * 0.3), right, int(height * 0.62)), rng, ink)
    else:
        nutrition_table(canvas, (left, int(height * 0.27), right, int(height * 0.52)), rng)
        ingredients(canvas, (left, int(height * 0.55), right, int(height * 0.74)), rng, ink)
    fine_print(canvas, (left, int(height * 0.79), int(width * 0.42), int(height * 0.95)), rng, ink, 4)
    barcode(canvas, (int(width * 0.48), int(height * 0.77), right, int(height * 0.95)), rng)
