# SPDX-License-Identifier: AGPL-3.0-or-later
"""Loose fruit and vegetables, heaped, and the crates in which shops show them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.bodies import Body, Job
from simulator.picture.materials import with_alpha
from simulator.picture.printing import Colour, Picture, dimmed, fine_print, hsv

_KINDS: Final[tuple[tuple[str, tuple[float, float, float], float, float], ...]] = (
    ("apple", (0.99, 0.8, 0.75), 0.95, 1.0),
    ("apple", (0.23, 0.65, 0.8), 0.95, 1.0),
    ("orange", (0.075, 0.92, 0.97), 1.0, 1.0),
    ("lemon", (0.15, 0.85, 0.97), 0.75, 0.85),
    ("tomato", (0.01, 0.9, 0.85), 0.9, 0.9),
    ("banana", (0.14, 0.8, 0.97), 0.3, 1.7),
    ("aubergine", (0.82, 0.55, 0.25), 0.5, 1.5),
    ("cucumber", (0.31, 0.75, 0.4), 0.26, 2.0),
    ("carrot", (0.06, 0.92, 0.95), 0.3, 1.7),
    ("potato", (0.1, 0.45, 0.7), 0.7, 1.1),
    ("onion", (0.08, 0.65, 0.72), 0.9, 0.95),
    ("cabbage", (0.27, 0.4, 0.8), 0.95, 1.6),
    ("pepper", (0.0, 0.92, 0.8), 0.95, 1.05),
)
"""Name, hue saturation and value, thickness over length, length over the usual."""


def _sprite(kind: int, r: int, rng: Generator) -> Picture:
    """One fruit, lit from the upper left, BGRA premultiplied (2 r + 3 px square)."""
    name, (hue, saturation, value), slim, _ = _KINDS[kind]
    base = hsv(hue + rng.normal(0, 0.012), saturation * rng.uniform(0.85, 1.1), value * rng.uniform(0.8, 1.08))
    span = np.linspace(-1.04, 1.04, 2 * r + 3, dtype=np.float32)
    xs, ys = span[None], span[:, None]
    turn = np.radians(rng.uniform(0, 360) if slim > 0.6 else rng.uniform(-20, 20))
    along, off = xs * np.cos(turn) + ys * np.sin(turn), ys * np.cos(turn) - xs * np.sin(turn)
    if name == "banana":
        off = off + 0.5 * along**2 - 0.2
    taper = 1 - 0.4 * along if name == "carrot" else 1.0
    off = off / (slim * taper)
    if name in ("banana", "cucumber"):
        along = along * np.abs(along)
    far = along**2 + off**2
    solid = np.clip((1 - np.sqrt(far)) * r * min(slim, 1), 0, 1)
    high = np.sqrt(np.clip(1 - far, 0, 1))
    slope_x, slope_y = along * np.cos(turn) - off * np.sin(turn), along * np.sin(turn) + off * np.cos(turn)
    light = 0.3 + 0.75 * np.clip(-0.45 * slope_x - 0.62 * slope_y + 0.64 * high, 0, 1)
    shine = np.clip(-0.42 * slope_x - 0.6 * slope_y + 0.68 * high, 0, 1) ** (50 if name != "potato" else 8)
    cells = rng.normal(1, 0.1 if name in ("potato", "onion", "apple") else 0.045, (7, 7, 1)).astype(np.float32)
    mottle = cv2.resize(cells, (span.size, span.size), interpolation=cv2.INTER_CUBIC)
    colour = np.array(base, np.float32) * (light * mottle)[..., None]
    colour += (shine * (95 if name not in ("potato", "carrot") else 25))[..., None]
    _stem(colour, name, base, r, rng)
    alpha = (solid * 255)[..., None]
    return np.concatenate([np.clip(colour, 0, 255) * solid[..., None], alpha], axis=2).astype(np.uint8)


def _stem(colour: Picture, name: str, base: Colour, r: int, rng: Generator) -> None:
    """A stalk, a calyx or leaves, where the fruit has them."""
    lean = rng.uniform(-0.5, 0.5)
    tip = (int(r + lean * r), int(r * 0.55))
    if name in ("apple", "tomato", "pepper"):
        green: Colour = (45, 105, 45) if name != "apple" else (35, 60, 85)
        cv2.circle(colour, tip, max(1, r // 5), dimmed(base, 0.5), -1)
        for i in range(5 if name == "tomato" else 1):
            reach = np.array([np.cos(i * 1.26 + lean), np.sin(i * 1.26 + lean)]) * r * 0.32
            cv2.line(colour, tip, (int(tip[0] + reach[0]), int(tip[1] - abs(reach[1]))), green, max(1, r // 8))
    elif name == "orange":
        cv2.circle(colour, tip, max(1, r // 9), (40, 90, 60), -1)
    elif name == "cabbage":
        for i in range(4):
            axes = (max(1, int(r * (0.3 + 0.2 * i))), max(1, int(r * 0.85)))
            cv2.ellipse(colour, (r, r), axes, lean * 40, 200, 340, dimmed(base, 1.25), max(1, r // 14))


def _blit(area: Picture, sprite: Picture, at: tuple[int, int]) -> None:
    side = sprite.shape[0]
    x, y = at[0] - side // 2, at[1] - side // 2
    left, top = max(0, x), max(0, y)
    right, bottom = min(area.shape[1], x + side), min(area.shape[0], y + side)
    if right <= left or bottom <= top:
        return
    piece = sprite[top - y : bottom - y, left - x : right - x]
    under = area[top:bottom, left:right]
    keep = 255 - piece[..., 3:].astype(np.uint16)
    under[:] = piece + (under * keep // 255).astype(np.uint8)


def produce_heap(kind_seed: int, seed: int, wh_px: tuple[int, int]) -> Picture:
    """A heap of one kind of fruit or vegetable seen from the front and a little above: BGRA premultiplied (h, w, 4)."""
    width, height = wh_px
    kind = kind_seed % len(_KINDS)
    rng = np.random.default_rng((seed, 71))
    _, (hue, _, value), slim, length = _KINDS[kind]
    r = max(3, int(width * rng.uniform(0.07, 0.11) * length))
    thick = r * max(slim, 0.42)
    sprites = [_sprite(kind, r, rng) for _ in range(9)]
    shadow = np.zeros((2 * r + 3, 2 * r + 3, 4), np.uint8)
    cv2.ellipse(shadow, (r + 1, r + 1), (int(r * 0.95), int(r * slim)), 0, 0, 360, (0, 0, 0, 90), -1, cv2.LINE_AA)
    area = np.zeros((height, width, 4), np.uint8)
    rows = max(3, int(height / (thick * 0.85)))
    for row in range(rows + 1):
        y = thick + (height - thick * 0.5) * row / rows
        if row == 2:
            area[int(y - thick * 0.3) :] = (*hsv(hue, 0.6, value * 0.25), 255)
        hump = (1 - row / rows) ** 2 * 0.12 * width
        for x in np.arange(-r + (row % 2) * r * 0.8 + hump, width + r - hump, r * (1.55 if slim > 0.6 else 1.2)):
            lift = height * 0.1 * ((x / width - 0.5) * 2) ** 2 * (row < 2)
            at = (int(x + rng.normal(0, r * 0.14)), int(y + lift + rng.normal(0, thick * 0.14)))
            if row:
                _blit(area, shadow, (at[0], at[1] - max(1, int(thick * 0.22))))
            _blit(area, sprites[int(rng.integers(len(sprites)))], at)
    return area


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
