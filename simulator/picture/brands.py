# SPDX-License-Identifier: AGPL-3.0-or-later
"""Made-up makers of goods: each has inks, a name in some script, an emblem and habits that all its packs share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import numpy as np

from simulator.picture.printing import SCRIPTS, Colour, Palette, hsv, luminance, make_palette

Emblem: TypeAlias = Literal[
    "none", "monogram", "crown", "leaf", "star", "sun", "peaks", "animal", "drop", "heart", "bolt", "ring"
]
Plate: TypeAlias = Literal["none", "oval", "bar", "rounded", "ribbon", "shield", "flag"]

_EMBLEMS: Final[tuple[Emblem, ...]] = (
    "none",
    "none",
    "none",
    "monogram",
    "crown",
    "leaf",
    "star",
    "sun",
    "peaks",
    "animal",
    "drop",
    "heart",
    "bolt",
    "ring",
)
_PLATES: Final[tuple[Plate, ...]] = ("none", "none", "none", "oval", "bar", "rounded", "ribbon", "shield", "flag")
_FLAVOURS: Final[tuple[tuple[float, float, float], ...]] = (
    (0.97, 0.85, 0.85),
    (0.0, 0.9, 0.8),
    (0.05, 0.9, 0.95),
    (0.09, 0.85, 0.95),
    (0.14, 0.85, 1.0),
    (0.22, 0.75, 0.8),
    (0.33, 0.75, 0.6),
    (0.47, 0.6, 0.75),
    (0.57, 0.75, 0.85),
    (0.64, 0.8, 0.7),
    (0.75, 0.6, 0.6),
    (0.9, 0.55, 0.85),
    (0.06, 0.7, 0.35),
    (0.1, 0.25, 0.9),
    (0.0, 0.0, 0.12),
)
"""Hue, saturation and value that buyers read as strawberry, chilli, orange, honey, lemon, ... and plain."""


@dataclass(frozen=True, slots=True)
class Brand:
    """What all packs of one maker have in common."""

    seed: int
    inks: Palette
    script: str
    emblem: Emblem
    plate: Plate
    plate_ink: Colour
    letter_ink: Colour
    edge_ink: Colour | None
    slant: float
    arch: float
    weight_px: int
    """Extra stroke of the name's letters at a height of 40 px."""


def _far_from(ground: Colour, choices: tuple[Colour, ...]) -> Colour:
    return max(choices, key=lambda ink: abs(luminance(ink) - luminance(ground)))


@lru_cache(maxsize=2048)
def brand_of(brand_seed: int) -> Brand:
    """The maker with this seed."""
    rng = np.random.default_rng((brand_seed, 1201))
    inks = make_palette(rng)
    plate = _PLATES[rng.integers(len(_PLATES))]
    plate_ink = (inks.accent, inks.second, inks.light, inks.ink, (30, 30, 200))[rng.integers(5)]
    under = inks.ground if plate == "none" else plate_ink
    letters = (inks.light, inks.ink, inks.accent, (30, 30, 210), (20, 20, 20), (250, 250, 250))
    readable = [ink for ink in letters if abs(luminance(ink) - luminance(under)) > 85]
    letter_ink = readable[int(rng.integers(len(readable)))] if readable else _far_from(under, letters)
    return Brand(
        seed=brand_seed,
        inks=inks,
        script=SCRIPTS[rng.integers(len(SCRIPTS))],
        emblem=_EMBLEMS[rng.integers(len(_EMBLEMS))],
        plate=plate,
        plate_ink=plate_ink,
        letter_ink=letter_ink,
        edge_ink=_far_from(letter_ink, letters) if rng.random() < 0.5 else None,
        slant=float(rng.uniform(0.1, 0.3)) if rng.random() < 0.3 else 0.0,
        arch=float(rng.uniform(-0.3, 0.3)) if rng.random() < 0.3 else 0.0,
        weight_px=int(rng.integers(0, 5)),
    )


def inks_of(brand: Brand, face_seed: int) -> Palette:
    """The inks of one variety: the maker's, with the flavour's colour as the accent."""
    rng = np.random.default_rng((face_seed, 33))
    hue, saturation, value = _FLAVOURS[rng.integers(len(_FLAVOURS))]
    return replace(brand.inks, accent=hsv(hue + rng.normal(0, 0.01), saturation, value))
