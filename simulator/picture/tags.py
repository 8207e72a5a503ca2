# SPDX-License-Identifier: AGPL-3.0-or-later
"""Price tags as textures: printed cards, two-tone and promotional ones, and electronic paper."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.materials import pyramid, with_alpha
from simulator.picture.printing import (
    SCRIPTS,
    Colour,
    Picture,
    barcode,
    fine_print,
    fit,
    hsv,
    script_mask,
    stamp,
    text_mask,
)
from simulator.picture.scene import PriceTag

TAG_HEIGHT_PX = 44
_TAG_SEEDS = 60
_SEGMENTS = {
    "0": "abcdef",
    "1": "bc",
    "2": "abdeg",
    "3": "abcdg",
    "4": "bcfg",
    "5": "acdfg",
    "6": "acdefg",
    "7": "abc",
    "8": "abcdefg",
    "9": "abcdfg",
}
_SEGMENT_LINES = {
    "a": ((0.1, 0.0), (0.9, 0.0)),
    "b": ((1.0, 0.05), (1.0, 0.45)),
    "c": ((1.0, 0.55), (1.0, 0.95)),
    "d": ((0.1, 1.0), (0.9, 1.0)),
    "e": ((0.0, 0.55), (0.0, 0.95)),
    "f": ((0.0, 0.05), (0.0, 0.45)),
    "g": ((0.1, 0.5), (0.9, 0.5)),
}


def price_text(rng: Generator) -> str:
    """A price as shops print it: whole yen, or two places with point or comma."""
    style = rng.random()
    if style < 0.35:
        return str(int(rng.choice([9, 12, 17, 20, 22, 33, 39, 49, 79, 99, 105, 129, 149, 199, 259, 399])))
    if style < 0.8:
        return f"{int(rng.integers(0, 30))}.{int(rng.choice([49, 99, 95, 50, 29, 79])):02d}"
    return f"{int(rng.integers(1, 90))},{int(rng.integers(0, 10))}0"


def segment_mask(text: str, height_px: int) -> Picture:
    """Digits made of seven segments, as the older electronic tags show them."""
    step = int(height_px * 0.72)
    mask = np.zeros((height_px, step * len(text) + 4), np.uint8)
    thick = max(2, height_px // 8)
    x = 2
    for letter in text:
        if letter not in _SEGMENTS:
            cv2.circle(mask, (x, height_px - thick), thick // 2 + 1, 255, -1)
            x += thick * 2
            continue
        wide, tall = step - thick * 2, height_px - 2 * thick
        for segment in _SEGMENTS[letter]:
            ends = [(int(x + u * wide), int(thick + v * tall)) for u, v in _SEGMENT_LINES[segment]]
            cv2.line(mask, ends[0], ends[1], 255, thick)
        x += step
    return mask[:, : x + 2]


def _electronic(rng: Generator, width: int, height: int) -> Picture:
    """Electronic paper: grey-white panel in a plastic bezel, segment or plain digits, often a red corner or band."""
    bezel = ((238, 238, 238), (225, 228, 228), (48, 46, 46))[rng.integers(3)]
    face = np.full((height, width, 3), bezel, np.uint8)
    rim = max(3, height // 9)
    panel = face[rim : height - rim, rim : width - rim]
    paper = 196 + int(rng.integers(0, 24))
    panel[:] = (paper - 4, paper, paper - 2)
    ink = (52, 48, 46)
    red = (44, 36, 186) if rng.random() < 0.7 else (40, 190, 235)
    tall, wide = panel.shape[:2]
    price = price_text(rng)
    mask = segment_mask(price, 40) if rng.random() < 0.4 else text_mask(price, 40, 2)
    on_red = rng.random() < 0.35
    place = rng.random()
    if on_red:
        panel[int(tall * 0.3) :, int(wide * 0.42) :] = red
    elif place < 0.4:
        panel[: max(3, tall // 5)] = red
    elif place < 0.7:
        corner = np.array([[wide, 0], [wide - tall // 2, 0], [wide, tall // 2]])
        cv2.fillPoly(face, [corner + np.array((rim, rim))], red, cv2.LINE_AA)
    stamp(panel, fit(mask, wide * 0.52, tall * 0.55), (wide * 0.7, tall * 0.64), (245, 245, 245) if on_red else ink)
    name = fit(script_mask(rng, SCRIPTS[rng.integers(len(SCRIPTS))], 12, 7), wide * 0.55, tall * 0.2)
    stamp(panel, name, (wide * 0.3, tall * 0.14), ink)
    fine_print(panel, (2, int(tall * 0.3), int(wide * 0.38), int(tall * 0.55)), rng, ink, 4)
    if wide > 40:
        side = max(5, int(tall * 0.32))
        code = (rng.random((side // 2 + 1, side // 2 + 1)) < 0.5).astype(np.uint8) * 150 + 50
        square = cv2.resize(code, (side, side), interpolation=cv2.INTER_NEAREST)
        panel[tall - side - 1 : tall - 1, 2 : 2 + side] = square[..., None]
    if rng.random() < 0.3:
        cv2.circle(face, (width - rim // 2 - 1, rim // 2 + 1), max(1, rim // 4), (90, 220, 120), -1)
    return face


def _printed(kind: str, rng: Generator, width: int, height: int) -> Picture:
    paper: Colour = (247, 250, 250) if rng.random() < 0.75 else hsv(rng.choice([0.14, 0.16, 0.33, 0.58]), 0.2, 1.0)
    ink: Colour = (20, 20, 20) if rng.random() < 0.75 else ((30, 30, 200), (150, 60, 20))[rng.integers(2)]
    if kind == "promo":
        paper = ((40, 40, 220), (30, 210, 250), (40, 160, 60))[rng.integers(3)]
        ink = (250, 250, 250) if paper[1] < 180 else (20, 20, 200)
    face = np.full((height, width, 3), paper, np.uint8)
    price = fit(
        text_mask(price_text(rng), 40, int(rng.integers(0, 3))),
        width * rng.uniform(0.3, 0.6),
        height * rng.uniform(0.4, 0.7),
    )
    right = bool(rng.random() < 0.7)
    middle = width * (0.96 if right else 0.04) + (-1 if right else 1) * price.shape[1] / 2
    if kind == "two_tone":
        colour = ((60, 235, 250), (90, 220, 255), (80, 80, 235), (120, 220, 120))[rng.integers(4)]
        x0, x1 = (int(width * 0.5), width) if right else (0, int(width * 0.5))
        face[int(height * 0.25) :, x0:x1] = colour
        price = fit(price, (x1 - x0) * 0.8, height * 0.5)
        middle = (x0 + x1) / 2
    stamp(face, price, (middle, height * rng.uniform(0.5, 0.66)), ink)
    if kind == "strip_text":
        words = fit(text_mask("ALL " + price_text(rng), 30, 1), width * 0.9, height * 0.7)
        stamp(face, words, (width / 2, height / 2), ink)
        return face
    name = fit(script_mask(rng, SCRIPTS[rng.integers(len(SCRIPTS))], 12, 8), width * 0.85, max(4, height * 0.16))
    stamp(face, name, (width * 0.5, height * 0.11), ink)
    lo, hi = (0.05, 0.45) if right else (0.55, 0.95)
    if rng.random() < 0.7 and width > 40:
        y = int(height * rng.uniform(0.55, 0.75))
        barcode(face, (int(width * lo), y, int(width * hi), min(height - 2, y + max(5, height // 5))), rng)
    fine_print(face, (int(width * lo), int(height * 0.25), int(width * hi), int(height * 0.5)), rng, (110, 110, 110), 4)
    if rng.random() < 0.5:
        cv2.rectangle(face, (0, 0), (width - 1, height - 1), (150, 150, 150) if rng.random() < 0.6 else ink, 1)
    return face


def _under_plastic(face: Picture, rng: Generator) -> None:
    """The clear strip before a tag catches the ceiling's lamps, in place."""
    height, width = face.shape[:2]
    shine = np.zeros((height, width), np.float32)
    at, lean = rng.uniform(-0.2, 1.1) * width, rng.uniform(-0.4, 0.4) * width
    span = rng.uniform(0.05, 0.3) * width
    xs = np.arange(width)[None] - at - lean * np.linspace(0, 1, height)[:, None]
    shine += np.exp(-((xs / span) ** 2)) * rng.uniform(0.0, 0.35)
    shine[: max(1, height // 12)] += 0.25
    face[:] = (face + (255.0 - face) * shine.clip(0, 1)[..., None]).astype(np.uint8)


@lru_cache(maxsize=3000)
def tag_face(kind: str, seed: int, width: int, height: int) -> tuple[Picture, ...]:
    """A price tag: the price large, the name small, often a barcode."""
    rng = np.random.default_rng((seed, 5))
    face = _electronic(rng, width, height) if kind == "electronic" else _printed(kind, rng, width, height)
    if rng.random() < 0.5:
        _under_plastic(face, rng)
    face[-max(1, height // 20) :] = (face[-max(1, height // 20) :] * 0.72).astype(np.uint8)
    return pyramid(with_alpha(face))


def tag_texture(tag: PriceTag) -> tuple[Picture, ...]:
    """The texture of a placed tag, 44 px high."""
    width = max(32, min(160, 16 * round(TAG_HEIGHT_PX / 16 * tag.width_mm / tag.height_mm)))
    return tag_face(tag.kind, tag.seed % _TAG_SEEDS, width, TAG_HEIGHT_PX)
