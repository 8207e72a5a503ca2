# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ink: colours, letters and made-up scripts, drawn into BGR pictures in place."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simulator.picture.glyphs import LETTERS_COUNT, glyph_mask

Picture: TypeAlias = NDArray[Any]
Colour: TypeAlias = tuple[int, int, int]

SCRIPTS = ("latin", "latin", "latin", "kanji", "kana", "thai", "arabic", "hangul", "devanagari")
_LINES_PER_SCRIPT = 160
_ONSETS = [
    "b",
    "c",
    "d",
    "f",
    "g",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "z",
    "br",
    "ch",
    "cl",
    "dr",
    "fl",
    "gr",
    "kr",
    "pl",
    "pr",
    "st",
    "tr",
]
_NUCLEI = ["a", "e", "i", "o", "u", "a", "e", "o", "ai", "ea", "io", "ou"]
_CODAS = ["", "", "", "n", "r", "s", "l", "m", "nd", "lo"]


@dataclass(frozen=True, slots=True)
class Palette:
    """The inks of one printed face, BGR."""

    ground: Colour
    second: Colour
    accent: Colour
    ink: Colour
    light: Colour


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """BGR of a colour given as hue, saturation and value in 0..1 (hue wraps)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))
    return int(blue * 255), int(green * 255), int(red * 255)


def dimmed(colour: Colour, factor: float) -> Colour:
    """A colour made darker (below 1) or brighter (above 1)."""
    blue, green, red = (min(255, int(c * factor)) for c in colour)
    return blue, green, red


def luminance(colour: Colour) -> float:
    """Rec. 601 luma of a BGR colour, 0..255."""
    return 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]


def make_palette(rng: Generator) -> Palette:
    """Inks that go together the way packaging does: vivid, pastel, white, dark, kraft or black with gold."""
    hue = float(
        rng.choice([0.0, 0.0, 0.02, 0.98, 0.07, 0.12, 0.14, 0.15, 0.33, 0.4, 0.56, 0.6, 0.62, 0.65, 0.77, 0.92])
    )
    hue += float(rng.normal(0, 0.02))
    other = hue + float(rng.choice([0.5, 0.33, 0.12, -0.12, 0.6, 0.0]))
    mood = rng.random()
    accent = hsv(other, rng.uniform(0.6, 1), rng.uniform(0.7, 1))
    if mood < 0.46:
        ground = hsv(hue, rng.uniform(0.65, 1), rng.uniform(0.45, 0.98))
        second = hsv(hue + rng.normal(0, 0.04), rng.uniform(0.5, 1), rng.uniform(0.3, 1))
    elif mood < 0.60:
        ground = hsv(hue, rng.uniform(0.1, 0.4), rng.uniform(0.85, 1))
        second = hsv(hue, rng.uniform(0.3, 0.7), rng.uniform(0.6, 0.95))
    elif mood < 0.80:
        value = rng.uniform(0.82, 1)
        ground = hsv(hue, rng.uniform(0, 0.06), value)
        second = hsv(hue, rng.uniform(0.6, 1), rng.uniform(0.35, 0.9))
    elif mood < 0.91:
        ground = hsv(hue, rng.uniform(0.2, 1), rng.uniform(0.06, 0.3))
        second = hsv(hue, rng.uniform(0.3, 1), rng.uniform(0.3, 0.7))
        accent = hsv(rng.choice([0.12, 0.0, other]), rng.uniform(0.3, 0.9), rng.uniform(0.7, 0.95))
    else:
        ground = hsv(0.09 + rng.normal(0, 0.015), rng.uniform(0.2, 0.5), rng.uniform(0.55, 0.85))
        second = hsv(0.07, rng.uniform(0.4, 0.7), rng.uniform(0.25, 0.5))
    light = (250, 250, 250) if rng.random() < 0.8 else hsv(0.14, 0.25, 1.0)
    ink = (20, 20, 20) if rng.random() < 0.5 else hsv(hue + 0.5, 0.8, 0.3)
    return Palette(ground, second, accent, ink, light)


def contrast_on(ground: Colour, palette: Palette, rng: Generator) -> Colour:
    """An ink of the palette that reads on `ground`."""
    choices = [palette.light, palette.ink, palette.accent, palette.second, (255, 255, 255), (15, 15, 15)]
    far = [c for c in choices if abs(luminance(c) - luminance(ground)) > 90]
    return far[int(rng.integers(len(far)))] if far else ((255, 255, 255) if luminance(ground) < 128 else (10, 10, 10))


def made_up_word(rng: Generator) -> str:
    """A pronounceable word of one to three syllables."""
    parts = [
        _ONSETS[rng.integers(len(_ONSETS))] + _NUCLEI[rng.integers(len(_NUCLEI))]
        for _ in range(int(rng.integers(1, 4)))
    ]
    word = "".join(parts) + _CODAS[rng.integers(len(_CODAS))]
    return [word.upper(), word.capitalize(), word][int(rng.integers(3))]


@lru_cache(maxsize=64)
def _font(height_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(height_px)  # type: ignore[return-value]


@lru_cache(maxsize=4096)
def text_mask(text: str, height_px: int, stroke_px: int = 0) -> Picture:
    """Coverage mask uint8 (h, w) of a line of Latin text in Pillow's bundled scalable font."""
    font = _font(max(6, height_px))
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke_px)
    canvas = Image.new("L", (max(1, int(right - left) + 2), max(1, int(bottom - top) + 2)))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), text, fill=255, font=font, stroke_width=stroke_px)
    return np.asarray(canvas)


def script_mask(rng: Generator, script: str, height_px: int, glyph_count: int) -> Picture:
    """Coverage mask of a line in a made-up script that has the stroke density of a real one."""
    return script_line(script, height_px, glyph_count, int(rng.integers(_LINES_PER_SCRIPT)))


@lru_cache(maxsize=6000)
def script_line(script: str, height_px: int, glyph_count: int, seed: int) -> Picture:
    """Coverage mask of the line with this seed: the same words for ever."""
    rng = np.random.default_rng((seed, glyph_count))
    if script == "latin":
        words = " ".join(made_up_word(rng) for _ in range(1 if glyph_count < 9 else 2))
        return text_mask(words, height_px, int(rng.integers(0, 1 + max(1, height_px // 12))))
    pen_px = int(rng.integers(4, 9))
    letters = rng.integers(LETTERS_COUNT, size=glyph_count)
    line = np.hstack([glyph_mask(script, int(letter), pen_px) for letter in letters])
    em = max(7, height_px)
    return np.asarray(cv2.resize(line, (em * glyph_count, em), interpolation=cv2.INTER_AREA))


def fit(mask: Picture, max_width_px: float, max_height_px: float) -> Picture:
    """Shrink or stretch a mask into a box (never below 2 px a side)."""
    height, width = mask.shape[:2]
    scale = min(max_width_px / width, max_height_px / height)
    return cv2.resize(mask, (max(2, round(width * scale)), max(2, round(height * scale))), interpolation=cv2.INTER_AREA)


def shear(mask: Picture, amount: float) -> Picture:
    """Slant a mask like italics."""
    height, width = mask.shape[:2]
    extra = int(abs(amount) * height)
    matrix = np.array([[1.0, -amount, extra if amount > 0 else 0.0], [0.0, 1.0, 0.0]])
    return cv2.warpAffine(mask, matrix, (width + extra, height))


def rotate(mask: Picture, turn_deg: float) -> Picture:
    """Turn a mask about its middle into a box that holds all of it."""
    height, width = mask.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    out_w, out_h = int(height * sin + width * cos) + 1, int(height * cos + width * sin) + 1
    matrix[0, 2] += out_w / 2 - width / 2
    matrix[1, 2] += out_h / 2 - height / 2
    return cv2.warpAffine(mask, matrix, (out_w, out_h))


def stamp(canvas: Picture, mask: Picture, centre_xy: tuple[float, float], colour: Colour) -> None:
    """Lay ink of one colour through a coverage mask, centred at a point of the canvas; clipped at the edges."""
    height, width = mask.shape[:2]
    x0, y0 = int(centre_xy[0] - width / 2), int(centre_xy[1] - height / 2)
    left, top = max(0, x0), max(0, y0)
    right, bottom = min(canvas.shape[1], x0 + width), min(canvas.shape[0], y0 + height)
    if right <= left or bottom <= top:
        return
    cover = mask[top - y0 : bottom - y0, left - x0 : right - x0].astype(np.int16)[..., None]
    target = canvas[top:bottom, left:right]
    target[:] = target + (((np.array(colour, np.int16) - target) * cover.astype(np.int32)) // 255).astype(np.int16)


def outlined(
    canvas: Picture, mask: Picture, centre_xy: tuple[float, float], colour: Colour, edge: Colour | None
) -> None:
    """Stamp a mask with an optional outline of another colour around it."""
    if edge is not None:
        grow = max(2, mask.shape[0] // 12)
        padded = cv2.copyMakeBorder(mask, grow, grow, grow, grow, cv2.BORDER_CONSTANT, value=0)
        stamp(canvas, cv2.dilate(padded, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)), centre_xy, edge)
    stamp(canvas, mask, centre_xy, colour)


def fine_print(
    canvas: Picture, box: tuple[int, int, int, int], rng: Generator, colour: Colour, line_px: int = 4
) -> None:
    """Lines too small to read: dashes of word length inside (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = box
    for y in range(y0 + line_px // 2, y1 - 1, line_px):
        x = x0
        end = x1 - int(rng.integers(0, max(1, (x1 - x0) // 3)))
        for length in rng.integers(2, 3 * line_px + 3, 24):
            if x + length > end:
                break
            cv2.line(canvas, (x, y), (x + int(length), y), colour, max(1, line_px // 3))
            x += int(length) + max(2, line_px // 2)


def barcode(canvas: Picture, box: tuple[int, int, int, int], rng: Generator) -> None:
    """A white field with black bars inside (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = box
    cv2.rectangle(canvas, (x0, y0), (x1, y1), (245, 245, 245), -1)
    x = x0 + 2
    for width, space in rng.integers(1, 4, (40, 2)):
        if x + width >= x1 - 1:
            break
        cv2.rectangle(canvas, (x, y0 + 2), (x + int(width) - 1, y1 - 2), (20, 20, 20), -1)
        x += int(width + space)
