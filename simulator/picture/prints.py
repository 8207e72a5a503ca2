# SPDX-License-Identifier: AGPL-3.0-or-later
"""Print on furniture: posters, strips, tray fronts and wobblers carry the same artwork as packs."""

from __future__ import annotations

from functools import lru_cache

from numpy.random import Generator

from simulator.picture.faces import draw_face
from simulator.picture.pictures import draw_picture
from simulator.picture.printing import Palette, Picture
from simulator.picture.scene import PackStyle

PRINT_SEEDS = 90
"""Few, so that the print of all furniture is drawn once and kept."""


def printed_face(seed: int, width_px: int, height_px: int, layout: str = "") -> Picture:
    """Artwork uint8 (height, width, 3) that no pack for sale needs to carry."""
    return _kept_face(seed % PRINT_SEEDS, width_px, height_px, layout).copy()


@lru_cache(maxsize=1200)
def _kept_face(seed: int, width_px: int, height_px: int, layout: str) -> Picture:
    style = PackStyle("box", float(width_px), float(height_px), 1.0, face_seed=seed, layout=layout)
    return draw_face(style, width_px, height_px)


def print_picture(area: Picture, rng: Generator, inks: Palette) -> None:
    """Fill an area with a picture of food, a landscape or a pattern, in place."""
    draw_picture(area, rng, rng, inks)
