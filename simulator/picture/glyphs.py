# SPDX-License-Identifier: AGPL-3.0-or-later
"""Letters of scripts other than Latin: strokes of our own with the build and density of real ones, and no meaning."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_Canvas: TypeAlias = NDArray[Any]
_Point: TypeAlias = tuple[float, float]
EM_PX: Final = 48
LETTERS_COUNT: Final = 26


class _Pen:
    """Draws strokes given in 0..1 of one letter's square."""

    def __init__(self, canvas: _Canvas, x: int, em: int, pen_px: int) -> None:
        self.canvas, self.x, self.em, self.pen_px = canvas, x, em, pen_px

    def at(self, point: _Point) -> tuple[int, int]:
        return round((self.x + point[0] * self.em) * 16), round(point[1] * self.em * 16)

    def line(self, *points: _Point, thin: bool = False) -> None:
        pen = max(1, self.pen_px * 2 // 3) if thin else self.pen_px
        shape = np.array([self.at(p) for p in points], np.int32)
        cv2.polylines(self.canvas, [shape], isClosed=False, color=255, thickness=pen, lineType=cv2.LINE_AA, shift=4)

    def arc(self, centre: _Point, radii: _Point, turn: float, start: float, end: float) -> None:
        steps = np.radians(np.linspace(start, end, max(5, int(abs(end - start) / 25))))
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        xs, ys = radii[0] * np.cos(steps), radii[1] * np.sin(steps)
        self.line(*zip(centre[0] + xs * cos - ys * sin, centre[1] + xs * sin + ys * cos, strict=True))

    def dot(self, centre: _Point) -> None:
        x, y = self.at(centre)
        cv2.circle(self.canvas, (x // 16, y // 16), self.pen_px // 2 + 1, 255, -1, cv2.LINE_AA)


def _kanji_part(pen: _Pen, rng: Generator, x0: float, x1: float) -> None:
    kind, middle = int(rng.integers(5)), (x0 + x1) / 2
    if kind == 0:
        pen.line((x0, 0.2), (x1, 0.2), (x1, 0.86), (x0, 0.86), (x0, 0.2), thin=True)
        pen.line((x0, 0.52), (x1, 0.52), thin=True)
    elif kind == 1:
        for y in np.linspace(0.16, 0.84, int(rng.integers(3, 5))):
            pen.line((x0, y), (x1, y), thin=True)
        pen.line((middle, 0.1), (middle, 0.9))
    elif kind == 2:
        pen.line((x0, 0.34), (x1, 0.34))
        pen.line((middle, 0.08), (middle, 0.4), (x0, 0.9))
        pen.line((middle, 0.4), (x1, 0.9))
    elif kind == 3:
        pen.line((x0, 0.14), (x1, 0.14), thin=True)
        pen.line((x0, 0.3), (x0, 0.6), (x1, 0.6), (x1, 0.3), (x0, 0.3), thin=True)
        for x in (x0, middle, x1):
            pen.line((x, 0.74), (x + rng.uniform(-0.05, 0.05), 0.92))
    else:
        pen.line((middle, 0.06), (x0, 0.46))
        pen.line((x0 + 0.08, 0.3), (x0 + 0.08, 0.92))
        pen.line((middle, 0.4), (x1, 0.4), thin=True)
        pen.line((middle + 0.1, 0.4), (middle + 0.1, 0.9), (middle - 0.02, 0.84))


def _kanji(pen: _Pen, rng: Generator) -> None:
    split = rng.uniform(0.36, 0.5)
    if rng.random() < 0.7:
        _kanji_part(pen, rng, 0.08, split - 0.05)
        _kanji_part(pen, rng, split + 0.06, 0.93)
    else:
        _kanji_part(pen, rng, 0.14, 0.86)


def _kana(pen: _Pen, rng: Generator) -> None:
    kind = int(rng.integers(5))
    if kind == 0:
        pen.line((0.14, 0.28), (0.84, 0.24), (0.42, 0.56))
        pen.arc((0.5, 0.66), (0.22, 0.2), 0, -60, 170)
    elif kind == 1:
        pen.line((0.2, 0.2), (0.24, 0.82), (0.36, 0.7))
        pen.line((0.74, 0.26), (0.84, 0.6))
    elif kind == 2:
        pen.line((0.12, 0.34), (0.86, 0.3))
        pen.line((0.44, 0.1), (0.46, 0.86))
        pen.arc((0.46, 0.64), (0.28, 0.18), -15, -170, 120)
    elif kind == 3:
        pen.line((0.14, 0.22), (0.86, 0.22), (0.3, 0.88))
        pen.line((0.5, 0.46), (0.84, 0.84))
    else:
        pen.line((0.2, 0.16), (0.8, 0.16), thin=True)
        pen.line((0.1, 0.42), (0.9, 0.42))
        pen.line((0.54, 0.42), (0.5, 0.7), (0.28, 0.9))


def _thai(pen: _Pen, rng: Generator) -> None:
    x0, x1 = 0.2, 0.8
    kind = int(rng.integers(4))
    head = (x0 if kind % 2 else 0.32, 0.36 if kind < 2 else 0.8)
    pen.arc(head, (0.09, 0.08), 0, 0, 360)
    pen.line((x0, head[1]), (x0, 0.3 if kind > 1 else 0.88))
    if kind != 2:
        pen.arc(((x0 + x1) / 2, 0.36), ((x1 - x0) / 2, 0.16), 0, 180, 360)
    else:
        pen.line((x0, 0.88), (x1, 0.88))
    pen.line((x1, 0.3), (x1, 0.88))
    if kind == 3:
        pen.line((x0, 0.88), (0.5, 0.6), (x1, 0.88))
    if rng.random() < 0.4:
        pen.arc((0.5, 0.12), (0.24, 0.07), 0, 180, 360)


def _arabic(pen: _Pen, rng: Generator) -> None:
    y, kind = 0.62, int(rng.integers(5))
    pen.line((-0.05, y), (1.05, y))
    if kind == 0:
        pen.line((0.5, y), (0.46, 0.1))
    elif kind == 1:
        pen.arc((0.5, y), (0.32, 0.26), 0, 0, 180)
        pen.dot((0.5, 0.4))
    elif kind == 2:
        pen.arc((0.5, y - 0.12), (0.2, 0.16), 0, 90, 400)
    elif kind == 3:
        for x in (0.2, 0.5, 0.8):
            pen.line((x, y), (x, y - 0.18))
    else:
        pen.line((0.2, 0.3), (0.74, 0.34), (0.5, y))
        pen.dot((0.44, 0.88))
    if rng.random() < 0.5:
        pen.dot((0.3, 0.3))
        pen.dot((0.52, 0.3))


def _hangul(pen: _Pen, rng: Generator) -> None:
    first, vowel, last = (int(v) for v in rng.integers((6, 4, 4)))
    low = 0.52 if last else 0.84
    _hangul_onset(pen, first, low)
    pen.line((0.78, 0.08), (0.78, low + 0.06))
    if vowel % 2:
        pen.line((0.78, low * 0.6), (0.93, low * 0.6))
    elif vowel:
        pen.line((0.78, low * 0.6), (0.62, low * 0.6))
    if last == 1:
        pen.line((0.2, 0.72), (0.8, 0.72), (0.8, 0.94))
    elif last == 2:
        pen.line((0.2, 0.7), (0.2, 0.92), (0.82, 0.92))
    elif last:
        pen.arc((0.5, 0.8), (0.2, 0.13), 0, 0, 360)


def _hangul_onset(pen: _Pen, first: int, low: float) -> None:
    if first == 0:
        pen.line((0.12, 0.16), (0.5, 0.16), (0.46, low))
    elif first == 1:
        pen.line((0.14, 0.14), (0.14, low), (0.52, low))
    elif first == 2:
        pen.line((0.14, 0.16), (0.5, 0.16), (0.5, low), (0.14, low), (0.14, 0.16))
    elif first == 3:
        pen.arc((0.32, (0.14 + low) / 2), (0.2, (low - 0.14) / 2), 0, 0, 360)
    elif first == 4:
        pen.line((0.34, 0.12), (0.1, low))
        pen.line((0.3, 0.24), (0.52, low))
    else:
        pen.line((0.12, 0.16), (0.5, 0.16), (0.5, low * 0.6), (0.14, low * 0.6), (0.14, low), (0.54, low))


def _devanagari(pen: _Pen, rng: Generator) -> None:
    pen.line((-0.05, 0.18), (1.05, 0.18))
    kind = int(rng.integers(4))
    stem = 0.78 if kind else 0.5
    pen.line((stem, 0.18), (stem, 0.92))
    if kind == 0:
        pen.arc((0.5, 0.55), (0.3, 0.17), 0, -170, 100)
    elif kind == 1:
        pen.arc((0.44, 0.55), (0.26, 0.18), 0, 30, 340)
    elif kind == 2:
        pen.line((0.24, 0.18), (0.24, 0.5), (0.78, 0.6))
        pen.arc((0.3, 0.66), (0.14, 0.12), 0, -90, 180)
    else:
        pen.line((0.12, 0.34), (0.5, 0.4), (0.24, 0.64), (0.56, 0.88))
    if rng.random() < 0.3:
        pen.arc((0.56, 0.16), (0.3, 0.12), 0, 180, 330)


_DRAWERS: Final[dict[str, Callable[[_Pen, Generator], None]]] = {
    "kanji": _kanji,
    "kana": _kana,
    "thai": _thai,
    "arabic": _arabic,
    "hangul": _hangul,
    "devanagari": _devanagari,
}


@lru_cache(maxsize=2000)
def glyph_mask(script: str, letter: int, pen_px: int) -> NDArray[Any]:
    """Coverage uint8 (EM_PX, EM_PX) of one made-up letter; `letter` counts to LETTERS_COUNT."""
    canvas: _Canvas = np.zeros((EM_PX, EM_PX), np.uint8)
    _DRAWERS[script](_Pen(canvas, 0, EM_PX, pen_px), np.random.default_rng((letter, len(script), ord(script[0]))))
    return canvas
