# SPDX-License-Identifier: AGPL-3.0-or-later
"""Logos: a maker's name in letters of its own, on a plate, beside an emblem. One maker, one logo."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from simulator.picture.brands import Brand, brand_of
from simulator.picture.printing import Colour, Picture, dimmed, fit, luminance, outlined, script_line, shear, stamp

_LETTER_PX: Final = 44


@lru_cache(maxsize=1500)
def wordmark(brand_seed: int) -> Picture:
    """Coverage mask of a maker's name, slanted or arched as the maker likes it."""
    brand = brand_of(brand_seed)
    rng = np.random.default_rng((brand_seed, 7))
    mask = script_line(brand.script, _LETTER_PX, int(rng.integers(2, 6)), brand_seed % 4001)
    if brand.weight_px > 1:
        mask = cv2.copyMakeBorder(mask, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
        mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (brand.weight_px, brand.weight_px)))
    if brand.slant:
        mask = shear(mask, brand.slant)
    return _arched(mask, brand.arch) if brand.arch else mask


def _arched(mask: Picture, arch: float) -> Picture:
    height, width = mask.shape
    lift = int(abs(arch) * min(height, width) * 0.6)
    padded = cv2.copyMakeBorder(mask, lift, 0, 0, 0, cv2.BORDER_CONSTANT, value=0)
    across = np.linspace(-1, 1, width, dtype=np.float32)
    bend = (1 - across**2) if arch > 0 else across**2
    rows = np.arange(height + lift, dtype=np.float32)[:, None] + lift * bend[None]
    columns = np.broadcast_to(np.arange(width, dtype=np.float32)[None], rows.shape)
    return cv2.remap(padded, np.ascontiguousarray(columns), rows, cv2.INTER_LINEAR)


def draw_logo(canvas: Picture, brand: Brand, centre: tuple[float, float], box_wh: tuple[float, float]) -> None:
    """A maker's logo, centred and as large as fits into a box of the canvas."""
    inset = 0.78 if brand.plate != "none" else 1.0
    beside = brand.emblem != "none" and box_wh[0] > 2.2 * box_wh[1]
    room_w, room_h = box_wh[0] * inset, box_wh[1] * inset * 0.95
    if brand.emblem != "none" and not beside:
        room_h *= 0.66
    mask = fit(wordmark(brand.seed), room_w - (room_h if beside else 0), room_h)
    height, width = mask.shape
    mark = height if beside else int(height * 0.8)
    cx, cy = centre
    span_w = width + (mark * 1.15 if beside else 0)
    span_h = height + (mark * 1.05 if brand.emblem != "none" and not beside else 0)
    if brand.plate != "none":
        _PLATE_DRAWERS[brand.plate](canvas, brand, (int(cx), int(cy)), (int(span_w * 0.6), int(span_h * 0.68)))
    text_at = (cx + (mark * 0.57 if beside else 0), cy + (span_h - height) / 2)
    if brand.emblem != "none" and mark >= 5:
        at = (cx - span_w / 2 + mark / 2, cy) if beside else (cx, cy - span_h / 2 + mark / 2)
        draw_emblem(canvas, brand, at, mark / 2)
    outlined(canvas, mask, text_at, brand.letter_ink, brand.edge_ink)


def _oval(canvas: Picture, brand: Brand, centre: tuple[int, int], half: tuple[int, int]) -> None:
    rim = _rim(brand)
    cv2.ellipse(canvas, centre, (int(half[0] * 1.12), int(half[1] * 1.35)), 0, 0, 360, rim, -1, cv2.LINE_AA)
    inner = (int(half[0] * 1.06), int(half[1] * 1.25))
    cv2.ellipse(canvas, centre, inner, 0, 0, 360, brand.plate_ink, -1, cv2.LINE_AA)


def _bar(canvas: Picture, brand: Brand, centre: tuple[int, int], half: tuple[int, int]) -> None:
    y = centre[1]
    cv2.rectangle(canvas, (0, y - half[1]), (canvas.shape[1], y + half[1]), brand.plate_ink, -1)
    cv2.line(canvas, (0, y + half[1]), (canvas.shape[1], y + half[1]), _rim(brand), max(1, half[1] // 7))


def _rounded(canvas: Picture, brand: Brand, centre: tuple[int, int], half: tuple[int, int]) -> None:
    (x, y), (w, h) = centre, half
    bend = max(1, int(h * 0.55))
    for grow, ink in ((max(1, h // 9), _rim(brand)), (0, brand.plate_ink)):
        cv2.rectangle(canvas, (x - w - grow, y - h + bend), (x + w + grow, y + h - bend), ink, -1)
        cv2.rectangle(canvas, (x - w + bend, y - h - grow), (x + w - bend, y + h + grow), ink, -1)
        for corner in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            at = (x + corner[0] * (w - bend), y + corner[1] * (h - bend))
            cv2.circle(canvas, at, bend + grow, ink, -1, cv2.LINE_AA)


def _ribbon(canvas: Picture, brand: Brand, centre: tuple[int, int], half: tuple[int, int]) -> None:
    (x, y), (w, h) = centre, half
    tail, drop = max(2, h // 2), max(1, h // 3)
    for side in (-1, 1):
        end = x + side * (w + tail)
        back = [(x + side * w, y - h + drop), (end, y - h + drop), (end - side * tail // 2, y + drop)]
        back += [(end, y + h + drop), (x + side * w, y + h + drop)]
        cv2.fillPoly(canvas, [np.array(back, np.int32)], dimmed(brand.plate_ink, 0.6), cv2.LINE_AA)
    cv2.rectangle(canvas, (x - w, y - h), (x + w, y + h), brand.plate_ink, -1)


def _shield(canvas: Picture, brand: Brand, centre: tuple[int, int], half: tuple[int, int]) -> None:
    (x, y), (w, h) = centre, half
    for grow, ink in ((1.14, _rim(brand)), (1.05, brand.plate_ink)):
        gw, gh = w * grow, h * grow
        shape = [(x - gw, y - gh * 1.1), (x + gw, y - gh * 1.1), (x + gw * 0.96, y + gh * 0.6), (x, y + gh * 1.5)]
        shape += [(x - gw * 0.96, y + gh * 0.6)]
        cv2.fillPoly(canvas, [np.array(shape, np.float64).astype(np.int32)], ink, cv2.LINE_AA)


def _flag(canvas: Picture, brand: Brand, centre: tuple[int, int], half: tuple[int, int]) -> None:
    (x, y), (w, h) = centre, half
    lean = int(h * 0.5)
    shape = [(x - w, y - h - lean // 3), (x + w + lean, y - h - lean), (x + w, y + h), (x - w - lean, y + h)]
    cv2.fillPoly(canvas, [np.array(shape, np.int32)], brand.plate_ink, cv2.LINE_AA)


_PlateDrawer = Callable[[Picture, Brand, tuple[int, int], tuple[int, int]], None]
_PLATE_DRAWERS: Final[dict[str, _PlateDrawer]] = {
    "oval": _oval,
    "bar": _bar,
    "rounded": _rounded,
    "ribbon": _ribbon,
    "shield": _shield,
    "flag": _flag,
}


def _rim(brand: Brand) -> Colour:
    return brand.edge_ink or ((250, 250, 250) if luminance(brand.plate_ink) < 140 else dimmed(brand.plate_ink, 0.6))


def _blob(canvas: Picture, points: list[tuple[float, float]], at: tuple[float, float], r: float, ink: Colour) -> None:
    shape = np.array(points, np.float64) * r + np.array(at)
    cv2.fillPoly(canvas, [np.round(shape * 8).astype(np.int32)], ink, cv2.LINE_AA, 3)


def _star(spikes: int, waist: float) -> list[tuple[float, float]]:
    turns = np.arange(2 * spikes) * np.pi / spikes - np.pi / 2
    return [
        (float(np.cos(t)) * (1 if i % 2 == 0 else waist), float(np.sin(t)) * (1 if i % 2 == 0 else waist))
        for i, t in enumerate(turns)
    ]


_SHAPES: Final[dict[str, list[tuple[float, float]]]] = {
    "crown": [(-1, 0.7), (-1, -0.4), (-0.5, 0.1), (0, -0.8), (0.5, 0.1), (1, -0.4), (1, 0.7)],
    "star": _star(5, 0.42),
    "sun": _star(12, 0.7),
    "peaks": [(-1, 0.8), (-0.4, -0.5), (-0.1, 0.0), (0.3, -0.9), (1, 0.8)],
    "bolt": [(0.2, -1), (-0.7, 0.15), (-0.1, 0.15), (-0.3, 1), (0.7, -0.2), (0.1, -0.2)],
    "leaf": [
        (float(np.sin(a) * np.cos(a) * 1.1 + 0.5 * np.sin(a)), float(-np.cos(a))) for a in np.linspace(0, 6.28, 24)
    ],
    "drop": [(float(0.62 * np.sin(a) * np.sin(a / 2)), float(-np.cos(a))) for a in np.linspace(0, 6.28, 24)],
    "heart": [
        (float(np.sin(a) ** 3), float(-(13 * np.cos(a) - 5 * np.cos(2 * a) - 2 * np.cos(3 * a) - np.cos(4 * a)) / 16))
        for a in np.linspace(0, 6.28, 28)
    ],
}


def draw_emblem(canvas: Picture, brand: Brand, at: tuple[float, float], r: float) -> None:
    """A maker's emblem, of radius `r` px around a point."""
    ink = brand.letter_ink if brand.emblem in ("monogram", "ring") else (brand.edge_ink or brand.letter_ink)
    centre = (round(at[0]), round(at[1]))
    if brand.emblem in _SHAPES:
        _blob(canvas, _SHAPES[brand.emblem], at, r, ink)
    elif brand.emblem == "animal":
        for side in (-0.7, 0.7):
            cv2.circle(
                canvas, (round(at[0] + side * r), round(at[1] - 0.6 * r)), max(1, int(r * 0.4)), ink, -1, cv2.LINE_AA
            )
        cv2.circle(canvas, centre, max(1, int(r * 0.85)), ink, -1, cv2.LINE_AA)
        for side in (-0.3, 0.3):
            eye = (round(at[0] + side * r), round(at[1] - 0.1 * r))
            cv2.circle(canvas, eye, max(1, int(r * 0.15)), brand.inks.ground, -1, cv2.LINE_AA)
    else:
        cv2.circle(canvas, centre, max(2, int(r)), ink, max(1, int(r * 0.2)), cv2.LINE_AA)
        letter = script_line(brand.script, 20, 1, brand.seed % 977)
        stamp(canvas, fit(letter[:, : letter.shape[0]], r * 1.1, r * 1.1), at, ink)
