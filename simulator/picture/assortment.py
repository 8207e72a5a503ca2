# SPDX-License-Identifier: AGPL-3.0-or-later
"""What shops sell: made-up SKUs of each shape in the sizes of the trade, in brands of several varieties."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.random import Generator

from simulator.picture.faces import brand_seed_of
from simulator.picture.scene import ROUND_SHAPES, PackShape, PackStyle

_SIZES: Final[dict[PackShape, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]]] = {
    "box": ((50, 170), (60, 260), (25, 120)),
    "brick": ((45, 95), (95, 210), (40, 70)),
    "carton": ((65, 100), (180, 260), (65, 100)),
    "bottle": ((55, 110), (150, 330), (55, 110)),
    "can": ((52, 86), (85, 170), (52, 86)),
    "bag": ((90, 240), (120, 320), (30, 90)),
    "cup": ((65, 120), (60, 130), (65, 120)),
    "jar": ((55, 105), (70, 170), (55, 105)),
    "tube": ((35, 65), (110, 200), (28, 45)),
    "blister": ((60, 140), (90, 220), (8, 40)),
    "jug": ((110, 190), (200, 320), (80, 130)),
    "pouch": ((90, 190), (130, 280), (40, 90)),
    "tray": ((150, 320), (90, 190), (80, 200)),
    "produce": ((240, 420), (140, 240), (200, 400)),
}
"""Width, height and depth in millimetres."""
_LAYOUTS_OF: Final[dict[PackShape, tuple[str, ...]]] = {
    "bottle": ("drink", "centre", "plain", "food"),
    "can": ("drink", "drink", "centre", "food"),
    "cup": ("food", "centre", "drink"),
    "jar": ("food", "plain", "centre"),
    "tube": ("plain", "centre", "drink"),
    "jug": ("plain", "centre", "food"),
}
SISTERS_COUNT: Final = 5
"""Varieties of each made-up brand."""
_TINTED_SHARE: Final = 0.3
_LYING_SHAPES: Final[tuple[PackShape, ...]] = ("box", "bag", "pouch")
_WIDER: Final = (1.4, 1.7, 2.1)
"""A quarter of the brands of boxes and bags come broad, as family packs do, so much broader than drawn."""
_BRANDS_PER_SHAPE: Final[dict[PackShape, int]] = {"box": 200, "bag": 60, "bottle": 50, "pouch": 26, "produce": 4}
"""Random scenes draw from this many made-up brands of a shape (else 26), in any size: art stays cached."""


@lru_cache(maxsize=4000)
def _made_up(shape: PackShape, seed: int) -> PackStyle:
    """The first variety of a made-up brand of a shape, in a size of the trade."""
    (w0, w1), (h0, h1), (d0, d1) = _SIZES[shape]
    rng = np.random.default_rng((seed, list(_SIZES).index(shape)))
    width_mm, height_mm, depth_mm = (float(side) for side in rng.uniform((w0, h0, d0), (w1, h1, d1)))
    layouts = _LAYOUTS_OF.get(shape, ("",))
    brand_seed = int(rng.integers(1, 1_000_000))
    return PackStyle(
        shape=shape,
        width_mm=width_mm,
        height_mm=height_mm,
        depth_mm=width_mm if shape in ROUND_SHAPES and shape != "jug" else depth_mm,
        face_seed=brand_seed * SISTERS_COUNT,
        brand_seed=brand_seed,
        layout=layouts[int(rng.integers(len(layouts)))],
    )


def random_style(
    rng: Generator, shape: PackShape, height_mm: float | None = None, *, held_out: bool = False
) -> PackStyle:
    """A made-up SKU of a shape; `height_mm` scales it and keeps its proportions.

    `held_out` draws from brands that no scene has without it: looks to test on that nothing was trained on.
    """
    brands_count = _BRANDS_PER_SHAPE.get(shape, 26)
    brand, sister = int(rng.integers(brands_count)), int(rng.integers(SISTERS_COUNT))
    if held_out:
        brand += brands_count
    tint_seed = int(rng.integers(1, 4000)) if shape != "produce" and rng.random() < _TINTED_SHARE else 0
    first = _made_up(shape, brand)
    scale = 1.0 if height_mm is None else height_mm / first.height_mm
    wide = _WIDER[brand // 4 % len(_WIDER)] if shape in _LYING_SHAPES and brand % 4 == 1 else 1.0
    return replace(
        first,
        width_mm=first.width_mm * scale * wide,
        height_mm=first.height_mm * scale,
        depth_mm=first.depth_mm * scale,
        face_seed=first.face_seed + sister,
        tint_seed=tint_seed,
    )


def sister_style(rng: Generator, style: PackStyle) -> PackStyle:
    """Another variety of the same maker in the same shape and size; made-up brands have `SISTERS_COUNT`."""
    first = style.face_seed - style.face_seed % SISTERS_COUNT
    others = [seed for seed in range(first, first + SISTERS_COUNT) if seed != style.face_seed]
    return replace(style, face_seed=others[int(rng.integers(len(others)))], brand_seed=brand_seed_of(style))


def pack_style_for(sku: str) -> PackStyle:
    """The look of a SKU: shape, size and artwork follow from its name and never change."""
    digest = hashlib.sha256(sku.encode("utf-8")).digest()
    shapes: tuple[PackShape, ...] = ("box", "box", "bottle", "can", "bag", "cup", "jar", "tube", "carton", "brick")
    shape = shapes[digest[8] % len(shapes)]
    return replace(_made_up(shape, int.from_bytes(digest[:8], "big")), face_seed=int.from_bytes(digest[9:13], "big"))
