# SPDX-License-Identifier: AGPL-3.0-or-later
"""Harm done to a finished front: dents, tears, crushing and leaks, strong enough to be seen on a pack 60 px high."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.bodies import Body
from simulator.picture.printing import Colour, Picture, dimmed
from simulator.picture.scene import ROUND_SHAPES, DamageKind, PackShape


def _shaded(front: Picture, factor: Picture) -> Picture:
    """Multiply colours by float32 (h, w), never above what the pixel's alpha allows."""
    wide = np.ones((*factor.shape, 4), np.float32)
    wide[..., :3] = factor[..., None]
    out = cv2.multiply(front, wide, dtype=cv2.CV_8U)
    alpha = cv2.extractChannel(out, 3)
    return cv2.min(out, cv2.merge([alpha, alpha, alpha, alpha]))


def _grid(front: Picture) -> tuple[Picture, Picture]:
    height, width = front.shape[:2]
    return np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]


def _warp(front: Picture, columns: Picture, rows: Picture) -> Picture:
    shape = front.shape[:2]
    columns = np.ascontiguousarray(np.broadcast_to(columns, shape), dtype=np.float32)
    rows = np.ascontiguousarray(np.broadcast_to(rows, shape), dtype=np.float32)
    return cv2.remap(front, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0))


def _creases(factor: Picture, rng: Generator, centre: tuple[float, float], reach: float, count: int) -> None:
    """Folds that run out from a point and die away: a dark line with a bright one beside it."""
    layer = np.full(factor.shape, 128, np.uint8)
    pen = max(1, int(reach / 30))
    for turn in rng.uniform(0, 2 * np.pi, count):
        bend, at = rng.normal(0, 0.4), np.array(centre)
        for step in range(3):
            on = at + reach / 3 * np.array([np.cos(turn + bend * step), np.sin(turn + bend * step)])
            ends = np.round(np.stack([at, on])).astype(np.int32)
            deep = (52, 36, 18)[step]
            cv2.polylines(layer, [ends + pen], isClosed=False, color=128 + deep, thickness=pen, lineType=cv2.LINE_AA)
            cv2.polylines(layer, [ends], isClosed=False, color=128 - deep, thickness=pen + 1, lineType=cv2.LINE_AA)
            at = on
    soft = cv2.GaussianBlur(layer, (0, 0), 0.8)
    factor += (soft.astype(np.float32) - 128) / 110


def dented(body: Body, rng: Generator, shape: PackShape) -> Body:
    """One or two deep dents; on round packs one bites into the outline."""
    front = body.front
    height, width = front.shape[:2]
    outline = body.outline_uv
    at_edge = shape in ROUND_SHAPES or rng.random() < 0.35
    for number in range(int(rng.integers(1, 3))):
        xs, ys = _grid(front)
        r = float(rng.uniform(0.24, 0.36)) * min(width * 1.3, height)
        cy = float(rng.uniform(0.35, 0.75)) * height
        if at_edge and number == 0:
            left = rng.random() < 0.5
            cx = (0.14 if left else 0.86) * width
            bite = float(rng.uniform(0.13, 0.2)) * width
            push = bite * np.exp(-(((ys - cy) / (0.75 * r)) ** 2))
            away = 1 - xs / width if left else xs / width
            front = _warp(front, xs - (1 if left else -1) * push * away**1.5, ys)
        else:
            cx = float(rng.uniform(0.3, 0.7)) * width
        dx, dy = (xs - cx) / r, (ys - cy) / (0.8 * r)
        far = dx**2 + dy**2
        front = _warp(front, xs + dx * r * 0.3 * np.exp(-far), ys + dy * r * 0.24 * np.exp(-far))
        factor = (1 - 0.5 * np.exp(-2.2 * far) + 0.75 * dy * np.exp(-1.6 * far)).astype(np.float32)
        factor += 0.45 * np.exp(-(((np.sqrt(far) - 0.95) / 0.16) ** 2)) * np.clip(0.4 + dy, 0, 1)
        _creases(factor, rng, (cx, cy), r * 1.5, int(rng.integers(3, 6)))
        front = _shaded(front, np.clip(factor, 0.2, 2.0))
    return replace(body, front=front, outline_uv=outline)


def crushed(body: Body, rng: Generator, _shape: PackShape) -> Body:
    """Pressed down: the upper edge has sunk and tilts, the walls are folded like an accordion."""
    height, width = body.front.shape[:2]
    xs, ys = _grid(body.front)
    sunk, tilt = rng.uniform(0.17, 0.27), rng.choice([-1.0, 1.0]) * rng.uniform(0.08, 0.16)
    phase, knock = rng.uniform(0, 6.28), rng.uniform(0.2, 0.8)

    def top_of(u: Picture) -> Picture:
        wave = 0.02 * np.sin(7 * u + phase) + 0.06 * np.exp(-(((u - knock) / 0.16) ** 2))
        return np.asarray(np.clip(sunk + tilt * (u - 0.5) + wave, 0.04, 0.42))

    tops = top_of(xs / width) * height
    down = (ys - tops) / np.maximum(height - tops, 1)
    folds, slant = int(rng.integers(3, 5)), rng.normal(0, 0.5)
    ramp = folds * down + slant * (xs / width) * 0.6 + 0.12 * np.sin(5 * xs / width + phase)
    zigzag = np.abs((ramp % 1.0) * 2 - 1)
    sway = (zigzag - 0.5) * 0.07 * width * np.clip(1.2 - down, 0.2, 1)
    columns = width / 2 + (xs - width / 2) * 1.07 + sway
    front = _warp(body.front, columns, np.where(down < 0, -10.0, down * (height - 1)))
    factor = (0.62 + 0.72 * (zigzag > 0.5) * zigzag + 0.2 * (1 - zigzag)).astype(np.float32)
    folded: Picture = np.array(np.broadcast_to(factor, (height, width)))
    _creases(folded, rng, (width * knock, height * 0.45), 0.55 * width, int(rng.integers(4, 7)))
    u, v = body.outline_uv[:, 0], body.outline_uv[:, 1]
    lowered = top_of(u) + v * (1 - top_of(u))
    narrowed = np.clip(0.5 + (u - 0.5) / 1.07, 0.0, 1.0)
    return replace(body, front=_shaded(front, folded), outline_uv=np.stack([narrowed, lowered], axis=1))


def _ragged(rng: Generator, centre: tuple[float, float], reach: tuple[float, float], spikes: int) -> Picture:
    turns = np.linspace(0, 2 * np.pi, spikes, endpoint=False)
    far = rng.uniform(0.55, 1.1, spikes)
    return np.stack([centre[0] + reach[0] * far * np.cos(turns), centre[1] + reach[1] * far * np.sin(turns)], axis=1)


def _lay(front: Picture, cover: Picture, colour: Colour, strength: float = 1.0) -> None:
    """Lay ink through a coverage mask where the front is solid."""
    share = cv2.min(cover, cv2.extractChannel(front, 3)).astype(np.float32)[..., None] * (strength / 255)
    front[:] = (front * (1 - share) + np.array([*colour, 255], np.float32) * share).astype(np.uint8)


def _paint(front: Picture, shape: Picture, colour: Colour) -> None:
    """Fill a polygon where the front is solid."""
    cover = np.zeros(front.shape[:2], np.uint8)
    cv2.fillPoly(cover, [np.round(shape).astype(np.int32)], 255, cv2.LINE_AA)
    _lay(front, cover, colour)


def _lighter(colour: Colour, levels: int) -> Colour:
    blue, green, red = (min(255, c + levels) for c in colour)
    return blue, green, red


def torn(body: Body, rng: Generator, shape: PackShape) -> Body:
    """Ripped open: a ragged hole with pale fibres round it, what is inside showing, and a flap that hangs down."""
    front = body.front.copy()
    height, width = front.shape[:2]
    corner = rng.random() < 0.5
    centre = (
        (rng.choice([0.1, 0.9]) * width, 0.12 * height)
        if corner
        else (rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.6) * height)
    )
    reach = (rng.uniform(0.3, 0.45) * width, rng.uniform(0.17, 0.28) * min(height, 1.6 * width))
    hole = _ragged(rng, centre, reach, int(rng.integers(11, 17)))
    fibres = np.array(centre) + (hole - np.array(centre)) * (1.16 + rng.uniform(0, 0.16, (len(hole), 1)))
    pale: Colour = (232, 236, 238) if shape in ("bag", "pouch", "blister") else (188, 208, 220)
    _paint(front, fibres, pale)
    _paint(front, hole, dimmed(body.inside_bgr, 0.32))
    deep = np.array(centre) + (hole - np.array(centre)) * 0.72 + np.array([0, reach[1] * 0.22])
    _paint(front, deep, dimmed(body.inside_bgr, 0.7))
    for x, y, tone in rng.random((int(rng.integers(4, 9)), 3)):
        at = np.array(centre) + np.array([(x - 0.5) * reach[0], y * 0.7 * reach[1]])
        bit = _ragged(rng, (float(at[0]), float(at[1])), (0.06 * width, 0.05 * width), 7)
        _paint(front, bit, dimmed(body.inside_bgr, 0.7 + 0.6 * tone))
    x0, y0 = centre[0] - 0.5 * reach[0], centre[1] + 0.8 * reach[1]
    drop = rng.uniform(0.5, 1.0) * reach[1]
    flap = np.array(
        [(x0, y0), (x0 + reach[0], y0), (x0 + 0.8 * reach[0], y0 + drop), (x0 + 0.1 * reach[0], y0 + 0.7 * drop)]
    )
    _paint(front, flap + np.array([2, 3]), (40, 40, 40))
    _paint(front, flap, pale)
    if corner:
        gone = np.array(centre) + (hole - np.array(centre)) * 0.8 - (0, 0.05 * height)
        cover = np.zeros((height, width), np.uint8)
        cv2.fillPoly(cover, [np.round(gone).astype(np.int32)], 255, cv2.LINE_AA)
        cover[int(0.1 * height) :] = 0
        front = cv2.multiply(front, cv2.merge([255 - cover] * 4), scale=1 / 255)
    return replace(body, front=front)


def leaking(body: Body, rng: Generator, _shape: PackShape) -> Body:
    """Contents seep from a split and run down the front in uneven streaks, over a wet and darkened print."""
    front = body.front.copy()
    height, width = front.shape[:2]
    split_y, left, right = rng.uniform(0.18, 0.4) * height, rng.uniform(0.1, 0.3) * width, rng.uniform(0.6, 0.9) * width
    streaks = int(rng.integers(4, 8))
    starts = np.sort(rng.uniform(left, right, streaks))
    wet = np.zeros((height, width), np.uint8)
    runs = np.zeros((height, width), np.uint8)
    shine = np.zeros((height, width), np.uint8)
    down = np.linspace(0, 1, 7)
    for x in starts:
        end = height * (1.02 if rng.random() < 0.6 else rng.uniform(0.6, 0.95))
        pen = rng.uniform(0.015, 0.05) * width + 1
        path = x + np.cumsum(rng.normal(0, 0.012 * width, 7))
        ys = split_y + down * (end - split_y)
        broad = pen * (0.7 + 0.5 * rng.random(7))
        for layer, grow in ((wet, 3.2), (runs, 1.0), (shine, 0.3)):
            shift = -0.35 * pen if layer is shine else 0.0
            shape = np.concatenate(
                [np.stack([path - broad * grow + shift, ys], 1), np.stack([path + broad * grow + shift, ys], 1)[::-1]]
            )
            cv2.fillPoly(layer, [np.round(shape).astype(np.int32)], 255, cv2.LINE_AA)
        cv2.circle(runs, (round(float(path[-1])), round(float(ys[-1]))), max(1, int(pen * 1.5)), 255, -1, cv2.LINE_AA)
    front = _shaded(front, 1 - 0.42 * cv2.GaussianBlur(wet, (0, 0), 1.5).astype(np.float32) / 255)
    ink = body.inside_bgr
    _lay(front, cv2.GaussianBlur(runs, (0, 0), 0.6), ink, 0.85)
    _lay(front, shine, _lighter(ink, 80), 0.6)
    xs = np.linspace(left, right, 8)
    ys = split_y + rng.normal(0, 0.008 * height, 8)
    wide = 0.011 * height * np.sin(np.linspace(0.25, np.pi - 0.25, 8))
    gash = np.concatenate([np.stack([xs, ys - wide], 1), np.stack([xs, ys + wide], 1)[::-1]])
    _paint(front, gash, (20, 20, 24))
    return replace(body, front=front)


HARMS: Final[dict[DamageKind, Callable[[Body, Generator, PackShape], Body]]] = {
    "dented": dented,
    "crushed": crushed,
    "torn": torn,
    "leaking": leaking,
}
"""Harm that is done to a finished front. The other kinds change the print or the pose."""


def puddle(colour: Colour, seed: int) -> Picture:
    """What has run out on the board, seen from above: BGRA premultiplied, 96 px square, front edge at the bottom."""
    rng = np.random.default_rng((seed, 81))
    turns = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    far = 30 + 12 * np.cumsum(rng.normal(0, 0.35, 18)) / 3 + rng.normal(0, 2.0, 18)
    shape = np.stack([48 + 1.1 * far * np.cos(turns), 52 + far * np.sin(turns)], 1)
    cover: Picture = np.zeros((96, 96), np.uint8)
    cv2.fillPoly(cover, [np.clip(shape, 2, 94).astype(np.int32)], 235, cv2.LINE_AA)
    cover = cv2.GaussianBlur(cover, (0, 0), 1.2)
    pool = np.empty((96, 96, 3), np.uint8)
    pool[:] = dimmed(colour, 0.8)
    for x, y in rng.uniform(28, 68, (3, 2)):
        cv2.ellipse(
            pool, (int(x), int(y)), (12, 3), -12, 0, 360, tuple(min(255, c + 90) for c in colour), -1, cv2.LINE_AA
        )
    out = cv2.cvtColor(pool, cv2.COLOR_BGR2BGRA)
    return cv2.multiply(out, cv2.merge([cover] * 4), scale=1 / 255)
