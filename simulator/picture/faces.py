# SPDX-License-Identifier: AGPL-3.0-or-later
"""Printed faces: the flat artwork of a pack, drawn from the seeds of its maker and its variety.

Everything is made up; what matters for a detector is that faces are as busy, as varied and as repetitive as real ones.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from simulator.picture.brands import Brand, brand_of, inks_of
from simulator.picture.layouts import LAYOUTS, Sheet
from simulator.picture.printing import Palette, Picture
from simulator.picture.scene import PackStyle

__all__ = ["LAYOUTS", "brand_behind", "draw_back", "draw_face", "inks_behind"]

_USUAL: Final = ("food", "food", "food", "food", "centre", "centre", "photo", "plain", "wide", "drink")


def brand_behind(style: PackStyle) -> Brand:
    """Who makes a style: the brand of its brand seed, or one that makes nothing else."""
    return brand_of(style.brand_seed or 1_000_003 + style.face_seed)


def inks_behind(style: PackStyle) -> Palette:
    """The inks of a style: its maker's, its flavour's colour as the accent."""
    return inks_of(brand_behind(style), style.face_seed)


def draw_face(style: PackStyle, width_px: int, height_px: int) -> Picture:
    """The front's artwork, uint8 (height, width, 3)."""
    form = np.random.default_rng((brand_behind(style).seed, 11))
    usual = _USUAL[int(form.integers(len(_USUAL)))]
    return _print(style, style.layout or usual, form, 0, (width_px, height_px))


def draw_back(style: PackStyle, width_px: int, height_px: int) -> Picture:
    """The artwork of the back: nutrition table, ingredients, barcode; uint8 (height, width, 3)."""
    form = np.random.default_rng((brand_behind(style).seed, 12))
    return _print(style, "panel", form, 1, (width_px, height_px))


def _print(style: PackStyle, layout: str, form: np.random.Generator, side: int, wh_px: tuple[int, int]) -> Picture:
    chance = np.random.default_rng((style.face_seed, 21, side))
    canvas = np.empty((wh_px[1], wh_px[0], 3), np.uint8)
    LAYOUTS[layout](Sheet(canvas, brand_behind(style), inks_behind(style), form, chance))
    return canvas
