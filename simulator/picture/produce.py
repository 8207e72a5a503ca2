# SPDX-License-Identifier: AGPL-3.0-or-later
"""Loose fruit and vegetables, heaped, and the crates in which shops show them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.bodies import Body, Job
from simulator.picture.materials import with_alpha
from simulator.picture.pictures import shaded_ball
from simulator.picture.printing import Colour, Picture, dimmed, fine_print, hsv

_KINDS: Final[tuple[tuple[str, tuple[float, float, float], float, float], ...]] = (
    ("apple", (0.99, 0.8, 0.75), 0.95, 1.0),
    ("apple", (0.23, 0.65, 0.8), 0.95, 1.0),
    ("orange", (0.075, 0.92, 0.97), 1.0, 1.0),
    ("lemon", (0.15, 0.85, 0.97), 0.75, 0.85),
    ("tomato", (0.01, 0.9, 0.85), 0.9, 0.9),
    ("banana", (0.14, 0.8, 0.97), 0.34, 1.9),
    ("aubergine", (0.82, 0.55, 0.25), 0.5, 1.5),
    ("cucumber", (0.31, 0.75, 0.4), 0.26, 2.0),
    ("carrot", (0.06, 0.92, 0.95), 0.3, 1.7),
    ("potato", (0.1, 0.45, 0.7), 0.7, 1.1),
    ("onion", (0.08, 0.65, 0.72), 0.9, 0.95),
    ("cabbage", (0.27, 0.4, 0.8), 0.95, 1.6),
    ("pepper", (0.0, 0.92, 0.8), 0.95, 1.05),
)
"""Name, hue saturation and value, thickness over length, length over the usual."""


def _one(  # noqa: PLR0917 - what, where, how large and how turned
    area: Picture, kind: int, at: tuple[int, int], r: int, turn: float, rng: Generator
) -> None:
    name, (hue, saturation, value), slim, _ = _KINDS[kind]
    colour = hsv(hue + rng.normal(0, 0.012), saturation * rng.uniform(0.85, 1.1), value * rng.uniform(0.8, 1.08))
    if name == "banana":
        for pen, ink in ((0.42, dimmed(colour, 0.55)), (0.34, colour), (0.1, dimmed(colour, 1.25))):
            span = (r, int(r * 0.62))
            cv2.ellipse(area, at, span, turn % 50 - 25, 20, 160, ink, max(2, int(r * pen)), cv2.LINE_AA)
        return
    if slim < 0.6:
        turn = turn % 30 - 15
    shaded_ball(area, at, (r, max(2, int(r * slim))), turn, colour)
    if name in ("apple", "orange", "tomato", "pepper"):
        stem: Colour = (50, 120, 50) if name != "apple" else (30, 60, 90)
        tip = (int(at[0] + r * 0.25 * np.cos(turn)), int(at[1] - r * 0.45))
        cv2.circle(area, tip, max(1, r // 6), dimmed(colour, 0.6), -1, cv2.LINE_AA)
        spread = 5 if name == "tomato" else 1
        for i in range(spread):
            reach = np.array([np.cos(i * 1.26 + turn), np.sin(i * 1.26 + turn)]) * r * 0.28
            cv2.line(
                area, tip, (int(tip[0] + reach[0]), int(tip[1] - abs(reach[1]))), stem, max(1, r // 9), cv2.LINE_AA
            )
    elif name == "cabbage":
        for i in range(4):
            axes = (max(1, int(r * (0.3 + 0.18 * i))), max(1, int(r * 0.8)))
            cv2.ellipse(area, at, axes, turn, 200, 340, dimmed(colour, 1.2), max(1, r // 14), cv2.LINE_AA)


def produce_heap(kind_seed: int, seed: int, wh_px: tuple[int, int]) -> Picture:
    """A heap of one kind of fruit or vegetable seen from the front and a little above: BGRA premultiplied (h, w, 4)."""
    width, height = wh_px
    kind = kind_seed % len(_KINDS)
    rng = np.random.default_rng((seed, 71))
    slim = _KINDS[kind][2]
    r = max(3, int(width * rng.uniform(0.075, 0.115) * _KINDS[kind][3]))
    area = np.empty((height, width, 3), np.uint8)
    area[:] = hsv(_KINDS[kind][1][0], 0.6, _KINDS[kind][1][2] * 0.3)
    mask = np.zeros((height, width), np.uint8)
    thick = r * max(slim, 0.42)
    rows = max(3, int(height / (thick * 0.85)))
    for row in range(rows + 1):
        y = thick + (height - thick * 0.5) * row / rows
        hump = (1 - row / rows) ** 2 * 0.16 * width
        for x in np.arange(-r + (row % 2) * r * 0.8 + hump, width + r - hump, r * (1.62 if slim > 0.6 else 1.25)):
            lift = height * 0.12 * ((x / width - 0.5) * 2) ** 2 * (row < 2)
            at = (int(x + rng.normal(0, r * 0.14)), int(y + lift + rng.normal(0, thick * 0.14)))
            _one(area, kind, at, r, float(rng.uniform(0, 360)), rng)
            cv2.ellipse(mask, at, (int(r * 0.97), int(thick * 0.92)), 0, 0, 360, 255, -1, cv2.LINE_AA)
        mask[min(height - 1, int(y + thick * 0.6)) :] = 255
    return with_alpha(area, mask)


def make_produce(job: Job) -> Body:
    """A crate of wood, card or plastic, heaped with fruit or vegetables. Its small print is the crate's."""
    width, height = job.wh_px
    rng = job.form
    wall = int(height * rng.uniform(0.3, 0.5))
    heap = produce_heap(int(job.style.face_seed), job.style.face_seed, (width, height))
    front = heap[..., :3].copy()
    kind = int(rng.integers(3))
    colour = ((120, 168, 202), (112, 150, 182), hsv(rng.choice([0.3, 0.6, 0.1, 0.0]), rng.choice([0.1, 0.7]), 0.45))[
        kind
    ]
    crate = front[height - wall :]
    if kind == 0:
        slat = max(4, wall // 3)
        for y in range(0, wall, slat):
            cv2.rectangle(
                crate, (0, y), (width, y + slat - max(2, slat // 5)), dimmed(colour, rng.uniform(0.85, 1.1)), -1
            )
            for grain in rng.integers(y, y + slat, 3):
                cv2.line(crate, (0, int(grain)), (width, int(grain)), dimmed(colour, 0.8), 1)
    else:
        crate[:] = colour
        cv2.line(crate, (0, 0), (width, 0), dimmed(colour, 1.4), max(1, wall // 12))
        holes = int(rng.integers(3, 7))
        for i in range(holes if kind == 2 else 1):
            x = int(width * (i + 0.5) / holes) if kind == 2 else width // 2
            reach = (max(2, width // (3 * holes)), max(1, wall // 9))
            cv2.ellipse(crate, (x, int(wall * 0.35)), reach, 0, 0, 360, dimmed(colour, 0.3), -1, cv2.LINE_AA)
        if kind == 1:
            box = (width // 8, int(wall * 0.55), width * 7 // 8, int(wall * 0.9))
            fine_print(crate, box, rng, dimmed(colour, 0.45), max(4, wall // 6))
    mask = heap[..., 3].copy()
    mask[height - wall :] = 255
    ridge = np.argmax(mask > 127, axis=0) / height
    xs = np.linspace(0, width - 1, 15).astype(int)
    xs[int(np.argmin(ridge[xs]))] = int(np.argmin(ridge))
    top = [(x / (width - 1), float(ridge[x])) for x in sorted(xs)]
    outline = np.array([*top, (1, 1), (0, 1)], np.float64)
    return Body(with_alpha(front, mask), outline, front, colour)
