# SPDX-License-Identifier: AGPL-3.0-or-later
"""Printed faces: the flat artwork of a pack, drawn from the seeds of its maker and its variety.

Everything is made up; what matters for a detector is that faces are as busy, as varied and as repetitive as real ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from simulator.picture.brands import Brand, brand_of, inks_of
from simulator.picture.layouts import LAYOUTS, Sheet
from simulator.picture.printing import Colour, Palette, Picture
from simulator.picture.scene import PackStyle

__all__ = ["LAYOUTS", "brand_behind", "brand_seed_of", "draw_back", "draw_face", "inks_behind"]

_USUAL: Final = ("food", "food", "food", "food", "centre", "centre", "photo", "plain", "wide", "drink")


def brand_seed_of(style: PackStyle) -> int:
    """The seed of who makes a style: its brand seed, or one of a maker that makes nothing else."""
    return style.brand_seed or 1_000_003 + style.face_seed


def brand_behind(style: PackStyle) -> Brand:
    """Who makes a style."""
    return brand_of(brand_seed_of(style))


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
    front = draw_face(style, max(12, width_px // 3), max(12, height_px // 3))
    edge = np.median(front[:, [0, 1, -2, -1]].reshape(-1, 3), axis=0)
    ground: Colour = (int(edge[0]), int(edge[1]), int(edge[2]))
    return _print(style, "panel", form, 1, (width_px, height_px), ground)


def _print(  # noqa: PLR0917 - the one place where a sheet is filled in
    style: PackStyle,
    layout: str,
    form: np.random.Generator,
    side: int,
    wh_px: tuple[int, int],
    ground: Colour | None = None,
) -> Picture:
    chance = np.random.default_rng((style.face_seed, 21, side))
    canvas = np.empty((wh_px[1], wh_px[0], 3), np.uint8)
    inks = inks_behind(style)
    if ground is not None:
        inks = replace(inks, ground=ground)
    LAYOUTS[layout](Sheet(canvas, brand_behind(style), inks, form, chance))
    return canvas
