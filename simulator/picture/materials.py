# SPDX-License-Identifier: AGPL-3.0-or-later
"""How light plays on what packs are made of: round walls, film, card, glass. Textures are BGRA, premultiplied."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.printing import Colour, Picture


def pyramid(texture: Picture) -> tuple[Picture, ...]:
    """Halve a texture until its short side is under 12 px, finest first."""
    levels = [texture]
    while min(levels[-1].shape[:2]) >= 12 and len(levels) < 6:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return tuple(levels)


def with_alpha(face: Picture, alpha: Picture | None = None) -> Picture:
    """BGRA with premultiplied alpha from a BGR picture and a coverage mask (None: opaque)."""
    out = cv2.cvtColor(face, cv2.COLOR_BGR2BGRA)
    if alpha is not None:
        out = cv2.multiply(out, cv2.merge([alpha] * 4), scale=1 / 255)
    return out


def shade(face: Picture, factor: Picture) -> Picture:
    """Multiply a picture by a float map (h, w) or a row/column that broadcasts to it."""
    wide = np.ascontiguousarray(np.broadcast_to(factor, face.shape), dtype=np.float32)
    return cv2.multiply(face, wide, dtype=cv2.CV_8U)


def glow(face: Picture, light: Picture) -> Picture:
    """Add white light, float32 (h, w) in levels, to a BGR picture."""
    wide = np.broadcast_to(light[..., None], face.shape)
    return cv2.add(face, np.ascontiguousarray(wide, dtype=np.float32), dtype=cv2.CV_8U)


def outline_mask(outline_uv: Picture, width: int, height: int) -> Picture:
    """Coverage uint8 (height, width) of a polygon given in 0..1, v downwards."""
    mask = np.zeros((height, width), np.uint8)
    points = np.round(np.asarray(outline_uv) * (width * 16, height * 16) - 8).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    return mask


def rectangle_uv() -> Picture:
    """The outline of a pack that fills its rectangle."""
    return np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)


@lru_cache(maxsize=64)
def _wrap_maps(width: int, height: int, sag_px: int) -> tuple[Picture, Picture]:
    across = np.linspace(-0.985, 0.985, width, dtype=np.float32)
    around = np.arcsin(across) / np.arcsin(np.float32(0.985))
    columns = (0.5 + 0.5 * (0.72 * around + 0.28 * across)) * (width - 1)
    rows = np.arange(height, dtype=np.float32)[:, None] - sag_px * (np.sqrt(1 - across**2) - 0.6)[None]
    return np.ascontiguousarray(np.broadcast_to(columns[None], (height, width))), rows.astype(np.float32)


def wrapped(face: Picture, sag_px: int = 0) -> Picture:
    """A flat print rolled round a cylinder: squeezed towards its edges, its middle sagging by `sag_px`."""
    height, width = face.shape[:2]
    columns, rows = _wrap_maps(width, height, sag_px)
    return np.asarray(cv2.remap(face, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def round_light(width: int, rng: Generator, gloss: float) -> tuple[Picture, Picture]:
    """Light on an upright cylinder: a factor and white glints in levels, float32 (width,) each.

    Shop ceilings mirror as one broad soft streak and one or two sharp ones; edges turn away and darken.
    """
    across = np.linspace(-1, 1, width, dtype=np.float32)
    lean = float(rng.choice([-1, 1])) * float(rng.uniform(0.1, 0.45))
    facing = np.sqrt(np.clip(1 - (0.97 * across) ** 2, 0, 1))
    factor = 0.5 + 0.58 * facing - 0.1 * (across - lean) ** 2
    glints = 95 * np.exp(-(((across - lean) / 0.13) ** 2))
    glints += 165 * np.exp(-(((across - lean - 0.05) / 0.035) ** 2)) * float(rng.random() < 0.7)
    glints += 70 * np.exp(-(((across + np.sign(lean) * 0.78) / 0.06) ** 2))
    return factor.astype(np.float32), (gloss * glints).astype(np.float32)


def metal_light(width: int, rng: Generator) -> Picture:
    """Streaks of a bare or thinly printed can: bright and dark bands side by side, a factor float32 (width,)."""
    across = np.linspace(-1, 1, width, dtype=np.float32)
    factor = 0.5 + 0.5 * np.sqrt(np.clip(1 - (0.95 * across) ** 2, 0, 1))
    for _ in range(int(rng.integers(3, 6))):
        where, span, force = rng.uniform(-0.85, 0.85), rng.uniform(0.03, 0.16), rng.uniform(-0.35, 0.75)
        factor += force * np.exp(-(((across - where) / span) ** 2))
    return np.asarray(np.clip(factor, 0.25, 1.75), np.float32)


def lit_card(face: Picture, rng: Generator) -> Picture:
    """Printed card: a faint sheen, light upper edges, dark lower and side edges."""
    height = face.shape[0]
    sheen = rng.uniform(-0.1, 0.1)
    lit = shade(face, np.linspace(1 + sheen, 1 - sheen, height, dtype=np.float32)[:, None, None])
    rim = 1 if rng.random() < 0.7 else 2
    for edge, gain in ((np.s_[:, :rim], 0.75), (np.s_[:, -rim:], 0.7), (np.s_[:rim], 1.2), (np.s_[-rim:], 0.65)):
        lit[edge] = np.clip(lit[edge] * gain, 0, 255).astype(np.uint8)
    return lit


def film_relief(width: int, height: int, rng: Generator, creases: int, depth: float) -> Picture:
    """Heights of inflated film: a pillow with creases that run in from its seams and corners.

    float32 of about half the size asked for, in pixels of the full size: film has no finer folds.
    """
    full_px = width
    width, height = max(16, width * 5 // 9), max(16, height * 5 // 9)
    xs, ys = np.linspace(-1, 1, width, dtype=np.float32)[None], np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    relief = np.sqrt(np.clip(1 - np.abs(xs) ** 2.6, 0, 1)) * np.sqrt(np.clip(1 - np.abs(ys) ** 4, 0, 1))
    relief = (relief * 0.34 * full_px).astype(np.float32)
    for _ in range(creases):
        side = int(rng.integers(6))
        if side < 4:
            x0, y0 = rng.uniform(-1, 1), (-1.0 if side % 2 else 1.0)
        else:
            x0, y0 = (-1.0 if side % 2 else 1.0), rng.uniform(-0.9, 0.9)
        turn = np.arctan2(-y0 * 1.2, -x0 * 0.7) + rng.normal(0, 0.5)
        along = (xs - x0) * np.cos(turn) + (ys - y0) * np.sin(turn)
        off = (ys - y0) * np.cos(turn) - (xs - x0) * np.sin(turn) + rng.normal(0, 0.12) * along**2
        reach, span = rng.uniform(0.35, 1.1), rng.uniform(0.03, 0.1)
        ridge = np.exp(-((off / (span * (0.6 + along))) ** 2)) * np.clip(1 - along / reach, 0, 1) * (along > 0)
        relief += (rng.choice([-1.0, 1.0, 1.0]) * depth * ridge * full_px * 0.05).astype(np.float32)
    return np.asarray(relief)


def film_light(relief: Picture, wh_px: tuple[int, int], rng: Generator, gloss: float) -> tuple[Picture, Picture]:
    """Light on film of a relief: a factor (h, w, 1) and white glints in levels (h, w). Light comes from above."""
    step = relief.shape[1] / wh_px[0]
    slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=0.125 * step)
    slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=0.125 * step)
    norm = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
    lean = float(rng.uniform(-0.3, 0.3))
    factor = 0.46 + 0.62 * (0.8 + 0.45 * slope_y + lean * slope_x) * norm
    first = np.clip((0.36 * slope_y + (lean + 0.35) * slope_x + 0.86) * norm, 0, 1)
    second = np.clip((0.3 * slope_y + (lean - 0.5) * slope_x + 0.8) * norm, 0, 1)
    glints = 255 * gloss * (0.8 * cv2.pow(first, 60) + cv2.pow(second, 90))
    wide = cv2.resize(np.clip(factor, 0.3, 1.35), wh_px, interpolation=cv2.INTER_LINEAR)
    return wide[..., None], cv2.resize(glints, wh_px, interpolation=cv2.INTER_LINEAR)


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """A blend of two colours; `share` 1 is all of the second."""
    blue, green, red = (int(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True))
    return blue, green, red
