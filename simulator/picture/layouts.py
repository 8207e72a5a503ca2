# SPDX-License-Identifier: AGPL-3.0-or-later
"""How families of goods arrange their print: food, drink, toiletries, tobacco, backs of packs.

Every choice that belongs to the maker is drawn from `form`, every choice of one variety from `chance`: so varieties of
one maker share ground, logo and places, and differ in picture, flavour colour and small print.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.brands import Brand
from simulator.picture.grounds import gradient, lay_ground, swoosh
from simulator.picture.health_warnings import WARNINGS_COUNT, draw_warning
from simulator.picture.logos import draw_logo, wordmark
from simulator.picture.panels import back_panel, burst, claims, ink_at, note
from simulator.picture.pictures import draw_picture, photo_noise
from simulator.picture.printing import (
    SCRIPTS,
    Palette,
    Picture,
    contrast_on,
    dimmed,
    fine_print,
    fit,
    hsv,
    made_up_word,
    outlined,
    script_line,
    script_mask,
    stamp,
    text_mask,
)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A face while it is printed: `canvas` uint8 (height, width, 3) is drawn in place."""

    canvas: Picture
    brand: Brand
    inks: Palette
    form: Generator
    chance: Generator


def _product_name(sheet: Sheet, centre_y: float, height_share: float) -> None:
    """What is inside, in heavy letters across the pack; one line of goods of a maker has one name."""
    height, width = sheet.canvas.shape[:2]
    script = sheet.brand.script if sheet.form.random() < 0.7 else SCRIPTS[sheet.form.integers(len(SCRIPTS))]
    mask = script_line(script, 34, int(sheet.form.integers(3, 6)), sheet.brand.seed % 3989 + 5)
    mask = fit(mask, width * sheet.form.uniform(0.7, 0.96), height * height_share)
    ink = contrast_on(ink_at(sheet.canvas, width / 2, centre_y), sheet.inks, sheet.form)
    edge = contrast_on(ink, sheet.inks, sheet.form) if sheet.form.random() < 0.5 else None
    outlined(sheet.canvas, mask, (width / 2, centre_y), ink, edge)


def _flavour_plate(sheet: Sheet, centre_y: float) -> None:
    """The variety's name on a plate of its colour."""
    height, width = sheet.canvas.shape[:2]
    mask = fit(script_mask(sheet.chance, sheet.brand.script, 16, 4), width * 0.6, max(5, height * 0.06))
    half_w, half_h = int(mask.shape[1] * 0.6), int(mask.shape[0] * 0.75)
    cx, cy = int(width * sheet.form.uniform(0.4, 0.6)), int(centre_y)
    cv2.rectangle(sheet.canvas, (cx - half_w, cy - half_h), (cx + half_w, cy + half_h), sheet.inks.accent, -1)
    stamp(sheet.canvas, mask, (cx, cy), contrast_on(sheet.inks.accent, sheet.inks, sheet.form))


def _food(sheet: Sheet) -> None:
    canvas, form = sheet.canvas, sheet.form
    height, width = canvas.shape[:2]
    lay_ground(canvas, form, sheet.inks)
    top, foot, inset = form.uniform(0.36, 0.52), form.uniform(0.82, 1.0), int(width * form.uniform(0, 0.12))
    draw_picture(canvas[int(height * top) : int(height * foot), inset : width - inset], form, sheet.chance, sheet.inks)
    big = form.random() < 0.5
    logo_h = form.uniform(0.2, 0.32) if big else form.uniform(0.1, 0.16)
    draw_logo(canvas, sheet.brand, (width / 2, height * (logo_h / 2 + 0.04)), (width * 0.9, height * logo_h))
    if not big:
        _product_name(sheet, height * (logo_h + 0.17), form.uniform(0.14, 0.22))
    _flavour_plate(sheet, height * (top + form.uniform(-0.03, 0.03)))
    if form.random() < 0.6:
        note(canvas, sheet.chance, sheet.inks, height * 0.89)
    claims(canvas, sheet.chance, sheet.inks)


def _centre(sheet: Sheet) -> None:
    canvas, form = sheet.canvas, sheet.form
    height, width = canvas.shape[:2]
    lay_ground(canvas, form, sheet.inks)
    at = (width / 2, height * form.uniform(0.35, 0.55))
    draw_logo(canvas, sheet.brand, at, (width * form.uniform(0.75, 1.0), height * form.uniform(0.22, 0.42)))
    _flavour_plate(sheet, height * form.uniform(0.68, 0.82))
    for y in form.permutation([0.05, 0.12, 0.88])[: int(form.integers(1, 3))]:
        note(canvas, sheet.chance, sheet.inks, height * float(y))
    claims(canvas, sheet.chance, sheet.inks)


def _full_picture(sheet: Sheet) -> None:
    canvas, form = sheet.canvas, sheet.form
    height, width = canvas.shape[:2]
    photo_noise(canvas, sheet.chance, sheet.inks)
    draw_picture(canvas, form, sheet.chance, sheet.inks)
    at = (width / 2, height * form.uniform(0.12, 0.88))
    draw_logo(canvas, sheet.brand, at, (width * 0.92, height * form.uniform(0.16, 0.32)))
    _flavour_plate(sheet, height * form.uniform(0.84, 0.94))
    if sheet.chance.random() < 0.4:
        burst(canvas, sheet.chance, sheet.inks)


def _plain(sheet: Sheet) -> None:
    canvas, form, inks = sheet.canvas, sheet.form, sheet.inks
    height, width = canvas.shape[:2]
    canvas[:] = inks.light if form.random() < 0.5 else inks.ground
    if form.random() < 0.7:
        y = int(height * form.uniform(0.1, 0.7))
        band = inks.second if form.random() < 0.4 else inks.accent
        cv2.rectangle(canvas, (0, y), (width, y + int(height * form.uniform(0.05, 0.3))), band, -1)
    at = (width / 2, height * form.uniform(0.2, 0.4))
    draw_logo(canvas, sheet.brand, at, (width * form.uniform(0.55, 0.92), height * form.uniform(0.14, 0.24)))
    _flavour_plate(sheet, height * form.uniform(0.5, 0.66))
    for y in form.permutation([0.04, 0.08, 0.72, 0.96])[: int(form.integers(1, 4))]:
        note(canvas, sheet.chance, inks, height * float(y))
    box = (width // 6, int(height * 0.8), width * 5 // 6, int(height * 0.92))
    ink = contrast_on(ink_at(canvas, width / 2, height * 0.86), inks, form)
    fine_print(canvas, box, sheet.chance, ink, max(3, height // 50))


def _warning(sheet: Sheet) -> None:
    """Tobacco: a brand on top, a framed picture and a text field below."""
    canvas, form, rng, inks = sheet.canvas, sheet.form, sheet.chance, sheet.inks
    height, width = canvas.shape[:2]
    hue, saturation = form.choice([0.6, 0.0, 0.11, 0.14, 0.35, 0.6]), form.choice([0.03, 0.05, 0.15, 0.8, 0.9])
    canvas[:] = hsv(hue, saturation, form.choice([0.12, 0.35, 0.6, 0.9, 0.95])) if form.random() < 0.6 else inks.ground
    split = form.uniform(0.3, 0.5)
    if form.random() < 0.4:
        swoosh(canvas[: int(height * split)], form, inks.accent)
    if form.random() < 0.5:
        y = int(height * 0.12)
        cv2.line(canvas, (0, y), (width, y), dimmed(inks.ground, 0.7), 1)
    at = (width * form.uniform(0.45, 0.55), height * split * form.uniform(0.45, 0.65))
    name = fit(wordmark(sheet.brand.seed), width * form.uniform(0.5, 0.9), height * 0.2)
    stamp(canvas, name, at, contrast_on(ink_at(canvas, *at), inks, form))
    edge, y0, y1 = int(width * form.uniform(0, 0.08)), int(height * split), int(height * form.uniform(0.93, 1.0))
    canvas[y0:y1, edge : width - edge] = (12, 12, 12)
    rim, text_top = max(1, width // 30), int(y1 - (y1 - y0) * rng.uniform(0.15, 0.4))
    area = canvas[y0 + rim : text_top, edge + rim : width - edge - rim]
    draw_warning(area, int(rng.integers(WARNINGS_COUNT)))
    words = fit(
        text_mask(f"{made_up_word(rng)} {made_up_word(rng)}", 16, 0), (width - 2 * edge) * 0.86, (y1 - text_top) * 0.4
    )
    stamp(canvas, words, (width / 2, text_top + (y1 - text_top) * 0.3), (240, 240, 240))
    fine_print(canvas, (edge + 3, text_top + (y1 - text_top) // 2, width - edge - 3, y1 - 2), rng, (60, 60, 220), 4)


def _drink(sheet: Sheet) -> None:
    canvas, form, rng, inks = sheet.canvas, sheet.form, sheet.chance, sheet.inks
    height, width = canvas.shape[:2]
    gradient(canvas, inks.ground, inks.ground if form.random() < 0.5 else inks.second)
    if form.random() < 0.6:
        swoosh(canvas, form, inks.accent)
        swoosh(canvas, form, inks.light if form.random() < 0.5 else inks.second)
    mask = wordmark(sheet.brand.seed)
    if form.random() < 0.4:
        mask = cv2.rotate(mask, cv2.ROTATE_90_CLOCKWISE if form.random() < 0.3 else cv2.ROTATE_90_COUNTERCLOCKWISE)
        mask = fit(mask, width * 0.6, height * 0.7)
        ink = contrast_on(inks.ground, inks, form)
        edge = contrast_on(ink, inks, form) if form.random() < 0.3 else None
        outlined(canvas, mask, (width / 2, height * 0.45), ink, edge)
    else:
        at = (width / 2, height * form.uniform(0.3, 0.5))
        draw_logo(canvas, sheet.brand, at, (width * 0.92, height * form.uniform(0.24, 0.4)))
    if form.random() < 0.6:
        r, y = int(min(width * form.uniform(0.24, 0.36), height * 0.17)), int(height * form.uniform(0.68, 0.8))
        area = canvas[max(0, y - r) : y + r, max(0, width // 2 - r) : width // 2 + r]
        draw_picture(area, np.random.default_rng(sheet.brand.seed % 6), rng, inks)
    _flavour_plate(sheet, height * form.uniform(0.86, 0.94))
    if rng.random() < 0.2:
        burst(canvas, rng, inks)


def _panel(sheet: Sheet) -> None:
    """The back or side of a pack: small print, a nutrition table, a barcode."""
    canvas, form, inks = sheet.canvas, sheet.form, sheet.inks
    height, width = canvas.shape[:2]
    canvas[:] = inks.ground
    if form.random() < 0.5:
        cv2.rectangle(canvas, (0, 0), (width, int(height * 0.05)), inks.accent, -1)
    back_panel(canvas, sheet.chance, inks)
    draw_logo(canvas, sheet.brand, (width / 2, height * 0.15), (width * 0.7, height * 0.16))


def _wide(sheet: Sheet) -> None:
    canvas, form = sheet.canvas, sheet.form
    height, width = canvas.shape[:2]
    lay_ground(canvas, form, sheet.inks)
    split, left = form.uniform(0.45, 0.7), bool(form.random() < 0.5)
    x0, x1 = (0, int(width * (1 - split))) if left else (int(width * split), width)
    draw_picture(canvas[:, x0:x1], form, sheet.chance, sheet.inks)
    middle = width * ((1 - split) + split / 2 if left else split / 2)
    draw_logo(canvas, sheet.brand, (middle, height * form.uniform(0.35, 0.5)), (width * split * 0.95, height * 0.5))
    _flavour_plate(sheet, height * form.uniform(0.72, 0.86))
    if sheet.chance.random() < 0.6:
        claims(canvas, sheet.chance, sheet.inks)


LAYOUTS: Final[dict[str, Callable[[Sheet], None]]] = {
    "food": _food,
    "centre": _centre,
    "photo": _full_picture,
    "plain": _plain,
    "warning": _warning,
    "drink": _drink,
    "panel": _panel,
    "wide": _wide,
}
