# SPDX-License-Identifier: AGPL-3.0-or-later
"""Chilled doors: glass that mirrors the aisle and its lamps, mist on the glass, a frame with gasket and handle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simulator.picture.materials import pyramid, with_alpha
from simulator.picture.printing import Colour, Picture, dimmed, hsv
from simulator.picture.prints import printed_face
from simulator.picture.scene import Door

Array: TypeAlias = NDArray[Any]
_GLASS_WH_PX = (192, 384)
_DOOR_SEEDS = 12
_GASKET_FRACTION = 0.22


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A rectangle of a door, ready to paint: texture, top left corner and edges in millimetres."""

    levels: tuple[Picture, ...]
    corner: Array
    across: Array
    down: Array


def _opposite_aisle(rng: Generator) -> Picture:
    """What stands across the aisle, as a mirror image that is out of focus: shelves, a floor, the ceiling's lamps."""
    width, height = _GLASS_WH_PX
    aisle: Picture = np.full((height, width, 3), hsv(rng.random(), 0.05, rng.uniform(0.15, 0.4)), np.uint8)
    ceiling, floor = int(height * rng.uniform(0.12, 0.25)), int(height * rng.uniform(0.75, 0.9))
    aisle[:ceiling] = (120, 118, 112)
    aisle[floor:] = (95, 98, 100)
    step = int(rng.integers(34, 60))
    for y in range(ceiling, floor, step):
        x = int(rng.integers(-20, 0))
        while x < width:
            span = int(rng.integers(14, 36))
            face = printed_face(int(rng.integers(400)), 48, 64)
            patch = aisle[y + 6 : min(y + step - 4, floor), max(0, x) : max(0, x + span)]
            if patch.size:
                patch[:] = cv2.resize(face, (patch.shape[1], patch.shape[0]), interpolation=cv2.INTER_AREA)
            x += span + 1
        aisle[y : y + 4] = (150, 150, 150)
    aisle = cv2.GaussianBlur(aisle, (0, 0), float(rng.uniform(2.5, 5)))
    lamps = np.zeros_like(aisle)
    vanish = np.array([width * rng.uniform(0.2, 0.8), ceiling * 1.2])
    for start in rng.uniform(-0.6, 1.6, int(rng.integers(2, 5))) * width:
        near = np.array([start, -10.0])
        far = near + (vanish - near) * rng.uniform(0.5, 0.85)
        ends = [tuple(int(v) for v in point) for point in (near, far)]
        cv2.line(lamps, ends[0], ends[1], (255, 252, 244), int(rng.integers(3, 8)), cv2.LINE_AA)
    return cv2.add(aisle, cv2.GaussianBlur(lamps, (0, 0), 1.6))


def _streaks(rng: Generator) -> Picture:
    """Light strips of the opposite cases and of the door itself: tall bright bars, 0..255."""
    width, height = _GLASS_WH_PX
    bars = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        x, lean = int(rng.uniform(0, width)), int(rng.normal(0, 8))
        top, bottom = int(height * rng.uniform(0, 0.25)), int(height * rng.uniform(0.6, 1.0))
        cv2.line(bars, (x, top), (x + lean, bottom), int(rng.integers(60, 200)), int(rng.integers(2, 9)), cv2.LINE_AA)
    return cv2.GaussianBlur(bars, (0, 0), float(rng.uniform(1, 4)))


def _mist(rng: Generator, amount: float) -> Picture:
    """Coverage 0..255 of condensation: thick at the edges and the bottom, in clouds, with wiped and running tracks."""
    width, height = _GLASS_WH_PX
    xs, ys = np.abs(np.linspace(-1, 1, width))[None], np.linspace(0, 1, height)[:, None]
    edge = 0.55 * xs**4 + 0.6 * ys**3 + 0.15
    clouds = cv2.resize(rng.random((7, 5)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    mist = np.clip((edge + 0.9 * clouds - 1.15 + amount) * 1.3, 0, 1) * min(0.9, 0.3 + 0.65 * amount)
    for _ in range(int(rng.integers(3, 14) * amount)):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0.1, 0.7) * height)
        tail = y + int(rng.uniform(0.1, 0.4) * height)
        mist[y:tail, x : x + int(rng.integers(1, 3))] *= 0.45
    drops = (rng.random((height, width)) < 0.004 * amount).astype(np.uint8)
    mist += cv2.dilate(drops, np.ones((2, 2), np.uint8)) * 0.25
    return (np.clip(mist, 0, 0.96) * 255).astype(np.uint8)


@lru_cache(maxsize=80)
def _glass(seed: int, reflection_percent: int, mist_percent: int) -> tuple[Picture, ...]:
    rng = np.random.default_rng((seed, 21))
    shine = cv2.convertScaleAbs(_opposite_aisle(rng), alpha=reflection_percent / 220)
    shine = cv2.add(shine, cv2.merge([cv2.convertScaleAbs(_streaks(rng), alpha=reflection_percent / 90)] * 3))
    veil = np.full(shine.shape[:2], 14, np.uint8)
    if mist_percent:
        veil = cv2.max(veil, _mist(rng, mist_percent / 100))
    texture = with_alpha(np.full_like(shine, (206, 203, 198)), veil)
    texture[..., :3] = cv2.add(texture[..., :3], shine)
    return pyramid(texture)


def door_glass(door: Door) -> tuple[Picture, ...]:
    """The pane: alpha where mist is, light that the painter adds where it mirrors something."""
    return _glass(door.seed % _DOOR_SEEDS, round(door.reflection * 20) * 5, round(door.condensation * 20) * 5)


@lru_cache(maxsize=32)
def _profile(colour: Colour, *, upright: bool) -> tuple[Picture, ...]:
    """A length of frame: rounded metal with a dark rubber gasket on its inner edge."""
    across = np.linspace(-1, 1, 24)
    light = 0.62 + 0.5 * np.exp(-(((across + 0.35) / 0.35) ** 2))
    face = np.clip(light[:, None] * np.array(colour)[None], 0, 255)
    face[int(24 * (1 - _GASKET_FRACTION)) :] = (18, 18, 18)
    strip = np.repeat(face[:, None], 12, axis=1).astype(np.uint8)
    return pyramid(with_alpha(cv2.rotate(strip, cv2.ROTATE_90_COUNTERCLOCKWISE) if upright else strip))


@lru_cache(maxsize=8)
def _handle(colour: Colour) -> tuple[Picture, ...]:
    across = np.linspace(-1, 1, 20)
    light = 0.35 + 0.8 * np.exp(-(((across + 0.2) / 0.4) ** 2))
    face = np.clip(light[None, :, None] * np.array(colour)[None, None], 0, 255).repeat(120, axis=0).astype(np.uint8)
    mask = np.zeros((120, 20), np.uint8)
    cv2.rectangle(mask, (1, 5), (18, 114), 255, -1)
    cv2.ellipse(mask, (10, 5), (9, 5), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(mask, (10, 114), (9, 5), 0, 0, 360, 255, -1, cv2.LINE_AA)
    return pyramid(with_alpha(face, mask))


def door_panels(door: Door) -> list[Panel]:
    """The opaque parts of a door: two stiles, two rails, and the handle that stands out from one stile."""
    left, right, low, high, near = door.x0_mm, door.x1_mm, door.y0_mm, door.y1_mm, door.z_mm + 4
    frame, wide = door.frame_mm, door.x1_mm - door.x0_mm
    upright, level = _profile(door.frame_bgr, upright=True), _profile(door.frame_bgr, upright=False)
    edges = [
        (upright, (left, high), (frame, 0), (0, low - high)),
        (upright, (right, high), (-frame, 0), (0, low - high)),
        (level, (left, high), (wide, 0), (0, -frame)),
        (level, (left, low), (wide, 0), (0, frame)),
    ]
    panels = [Panel(t, np.array([*c, near]), np.array([*a, 0.0]), np.array([*d, 0.0])) for t, c, a, d in edges]
    if door.handle != "none":
        x_mm = left + frame * 0.4 if door.handle == "left" else right - frame * 0.4
        tall, thick = 0.32 * (high - low), 0.55 * frame
        corner = np.array([x_mm - thick / 2, (high + low) / 2 + tall / 2, near + 40])
        bar = _handle(dimmed(door.frame_bgr, 0.6) if sum(door.frame_bgr) > 400 else (190, 192, 194))
        panels.append(Panel(bar, corner, np.array([thick, 0.0, 0.0]), np.array([0.0, -tall, 0.0])))
    return panels
