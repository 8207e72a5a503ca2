# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shoppers before the shelf: bodies made of rounded parts, in clothes with folds, seen from wherever the camera hangs.

Proportions are shares of body height, after the usual figures of anthropometry (Drillis and Contini 1966).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simulator.picture.overlay import Balls, Overlay
from simulator.picture.printing import Colour, Picture, dimmed, hsv
from simulator.picture.scene import Occluder, View
from simulator.picture.trolleys import draw_basket, draw_trolley

Array: TypeAlias = NDArray[Any]
_UPPER_ARM, _LOWER_ARM = 0.186, 0.165
_SHOULDER_Y, _HIP_Y, _HEAD_Y = 0.815, 0.52, 0.93
_SHOULDER_X, _HIP_X = 0.108, 0.05


@dataclass(frozen=True, slots=True)
class _Part:
    """Some balls wrapped in one material: a chain of limbs, or all in one skin."""

    balls: tuple[tuple[Array, float], ...]
    colour: Colour
    folds: float = 0.0
    nearer_mm: float = 0.0
    """Helps parts that touch to be painted in the right order."""
    chain: bool = True


@dataclass(frozen=True, slots=True)
class _Dress:
    """What a shopper wears and looks like."""

    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    shoes: Colour
    long_hair: bool
    short_sleeves: bool
    coat: bool
    bag: bool
    girth: float


def _dress(rng: Generator) -> _Dress:
    tone = rng.random()
    skin = hsv(0.045 + 0.02 * rng.random(), 0.62 - 0.3 * tone, 0.32 + 0.6 * tone)
    hairs = ((22, 22, 26), (28, 34, 48), (40, 62, 96), (96, 140, 178), (150, 152, 156), (30, 44, 92))
    muted = rng.random() < 0.6
    top = hsv(rng.random(), rng.uniform(0.02, 0.3) if muted else rng.uniform(0.4, 0.85), rng.uniform(0.12, 0.85))
    legs = ((70, 48, 34), (38, 34, 32), (96, 74, 58), (92, 108, 122), (24, 24, 26))[rng.integers(5)]
    return _Dress(
        skin=skin,
        hair=hairs[rng.integers(len(hairs))],
        top=top,
        legs=legs,
        shoes=hsv(rng.random(), 0.1, rng.uniform(0.08, 0.85)),
        long_hair=bool(rng.random() < 0.4),
        short_sleeves=bool(rng.random() < 0.35),
        coat=bool(rng.random() < 0.3),
        bag=bool(rng.random() < 0.3),
        girth=float(rng.uniform(0.9, 1.25)),
    )


def _elbow(shoulder: Array, hand: Array, height_mm: float, outward: Array) -> tuple[Array, Array]:
    """Elbow and hand of an arm that wants to reach `hand`: two bones of fixed length, elbow out and down."""
    upper, lower = _UPPER_ARM * height_mm, _LOWER_ARM * height_mm
    way = hand - shoulder
    span = float(np.linalg.norm(way))
    way = way / max(span, 1e-6)
    span = min(span, (upper + lower) * 0.999)
    along = (upper**2 - lower**2 + span**2) / (2 * span)
    aside = np.sqrt(max(upper**2 - along**2, 0.0))
    sag = 0.5 * outward + np.array([0.0, -1.0, 0.0])
    sag = sag - way * float(sag @ way)
    sag /= max(float(np.linalg.norm(sag)), 1e-6)
    return shoulder + way * along + sag * aside, shoulder + way * span


def _arm(shoulder: Array, hand: Array, outward: Array, dress: _Dress, height_mm: float) -> list[_Part]:
    elbow, hand = _elbow(shoulder, hand, height_mm, outward)
    way = (hand - elbow) / max(float(np.linalg.norm(hand - elbow)), 1e-6)
    tip = hand + way * 0.055 * height_mm
    sleeve, skin = dress.top, dress.skin
    fore = skin if dress.short_sleeves else sleeve
    thick = 1.0 + 0.25 * dress.coat
    half = (shoulder + elbow) / 2
    limb = ((shoulder, 0.036 * thick), (elbow, 0.027 * thick), (hand, 0.019))
    parts = [
        _Part(tuple((spot, r * height_mm) for spot, r in limb), fore, 0.0 if dress.short_sleeves else 1.0, 26.0),
        _Part(((hand, 0.017 * height_mm), (tip, 0.018 * height_mm)), skin, 0.0, 28.0),
    ]
    across = np.cross(way, np.array([0.0, 0.0, 1.0]))
    across /= max(float(np.linalg.norm(across)), 1e-6)
    for finger in (-1.5, -0.5, 0.5, 1.5):
        root = tip + across * finger * 0.0085 * height_mm
        end = root + way * (0.042 - 0.004 * abs(finger)) * height_mm
        parts.append(_Part(((root, 0.0062 * height_mm), (end, 0.005 * height_mm)), dimmed(skin, 0.96), 0.0, 29.0))
    if dress.short_sleeves:
        parts.append(_Part(((shoulder, 0.04 * height_mm), (half, 0.038 * height_mm)), sleeve, 1.0, 27.0))
    return parts


def _head(neck: Array, ahead: Array, dress: _Dress, height_mm: float) -> list[_Part]:
    up = np.array([0.0, 1.0, 0.0])
    middle = neck + up * (_HEAD_Y - _SHOULDER_Y) * height_mm
    radius = 0.052 * height_mm
    face = middle + ahead * 0.014 * height_mm
    back = middle - ahead * 0.016 * height_mm + up * 0.012 * height_mm
    crown = middle + up * 0.028 * height_mm
    right = np.cross(ahead, up)
    parts = [
        _Part(((neck + up * 0.01 * height_mm, 0.034 * height_mm), (middle, 0.03 * height_mm)), dimmed(dress.skin, 0.9)),
        _Part(((face, radius), (face - up * 0.026 * height_mm, 0.042 * height_mm)), dress.skin, 0.0, 4.0),
        _Part(
            ((back, radius * 1.06), (back - up * 0.012 * height_mm, radius), (crown, radius * 0.95)),
            dress.hair,
            1.6,
            40.0,
            chain=False,
        ),
    ]
    for side in (-1, 1):
        ear = middle + right * side * radius * 0.96 - up * 0.008 * height_mm
        parts.append(_Part(((ear, 0.011 * height_mm),), dimmed(dress.skin, 0.92), 0.0, 42.0))
    if dress.long_hair:
        low = neck - ahead * 0.045 * height_mm - up * 0.03 * height_mm
        parts.append(_Part(((back, radius * 1.05), (low, radius * 1.0)), dress.hair, 3.0, 12.0))
    return parts


def _trunk(foot: Array, ahead: Array, right: Array, dress: _Dress, height_mm: float) -> list[_Part]:
    up, h, girth = np.array([0.0, 1.0, 0.0]), height_mm, dress.girth

    def at(x: float, y: float, z: float = 0.0) -> Array:
        return np.asarray(foot + right * x * h + up * y * h + ahead * z * h)

    shoulders = tuple((at(side * _SHOULDER_X * 0.85, _SHOULDER_Y - 0.005), 0.036 * h) for side in (-1, 1))
    chest = tuple((at(side * 0.06 * girth, 0.7), 0.062 * h * girth) for side in (-1, 1))
    hem_y = 0.36 if dress.coat else 0.48
    hem = tuple((at(side * 0.052 * girth, hem_y), (0.066 if dress.coat else 0.058) * h * girth) for side in (-1, 1))
    parts = [_Part((*shoulders, *chest, *hem), dress.top, 2.0, 120.0, chain=False)]
    for side, step in ((-1, -0.02), (1, 0.03)):
        hip, knee = at(side * _HIP_X, _HIP_Y - 0.02), at(side * 0.052, 0.28, step)
        ankle = at(side * 0.05, 0.045, step * 1.4)
        parts += [
            _Part(((hip, 0.056 * h * girth), (knee, 0.042 * h), (ankle, 0.032 * h)), dress.legs, 1.3),
            _Part(
                ((ankle - up * 0.018 * h, 0.024 * h), (ankle + ahead * 0.085 * h - up * 0.024 * h, 0.02 * h)),
                dress.shoes,
            ),
        ]
    if dress.bag:
        pack = (at(0, 0.72, -0.09), at(0, 0.6, -0.1))
        shade = dimmed(dress.top, 0.45) if sum(dress.top) > 250 else (90, 96, 120)
        parts.append(_Part(((pack[0], 0.07 * h), (pack[1], 0.082 * h)), shade, 1.6, 25.0))
    return parts


def _parts(occluder: Occluder, rng: Generator) -> list[_Part]:
    h = occluder.height_mm
    turn = np.radians(occluder.turn_deg)
    ahead = np.array([np.sin(turn), 0.0, -np.cos(turn)])
    right = np.array([np.cos(turn), 0.0, np.sin(turn)])
    foot = np.array([occluder.x_mm, occluder.floor_mm, occluder.z_mm])
    dress = _dress(rng)
    parts = _trunk(foot, ahead, right, dress, h)
    neck = foot + np.array([0.0, _SHOULDER_Y * h, 0.0]) + ahead * 0.01 * h
    parts += _head(neck, ahead, dress, h)
    shoulders = [foot + right * side * _SHOULDER_X * h + np.array([0.0, _SHOULDER_Y * h, 0.0]) for side in (-1, 1)]
    hands = [
        s + right * side * 0.04 * h - np.array([0.0, 0.33 * h, 0.0]) + ahead * 0.04 * h
        for s, side in zip(shoulders, (-1, 1), strict=True)
    ]
    if occluder.reach_mm is not None:
        goal = np.array(occluder.reach_mm)
        nearer = int(np.argmin([np.linalg.norm(goal - s) for s in shoulders]))
        hands[nearer] = goal
    for shoulder, hand, side in zip(shoulders, hands, (-1.0, 1.0), strict=True):
        parts += _arm(shoulder, hand, right * side, dress, h)
    return parts


def _folds(shape: tuple[int, int], rng: Generator) -> Picture:
    """Creases of cloth: a rough surface, longer than wide."""
    height, width = shape
    coarse = rng.normal(0, 1, (max(3, height // 46), max(3, width // 17))).astype(np.float32)
    fine = rng.normal(0, 0.16, (max(3, height // 12), max(3, width // 8))).astype(np.float32)
    layers = (cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC) for rough in (coarse, fine))
    return sum(layers, np.zeros((height, width), np.float32))


def _draw_shopper(canvas: Picture, occluded: Array, view: View, occluder: Occluder) -> None:
    rng = np.random.default_rng((occluder.seed, 31))
    parts = _parts(occluder, rng)
    centres = np.array([centre for part in parts for centre, _ in part.balls])
    balls = Balls(view, centres, np.array([radius for part in parts for _, radius in part.balls]))
    low, high = balls.centre_px - balls.radius_px[:, None], balls.centre_px + balls.radius_px[:, None]
    overlay = Overlay((*low.min(axis=0), *high.max(axis=0)), view.image_wh_px)
    if overlay.is_empty or float(balls.depth_mm.min()) < 150:
        return
    folds = _folds(overlay.mask.shape, rng)
    members, jobs = 0, []
    for part in parts:
        mine = list(range(members, members + len(part.balls)))
        members += len(part.balls)
        jobs.append((float(balls.depth_mm[mine].mean()) - part.nearer_mm, mine, part))
    for _, mine, part in sorted(jobs, key=lambda job: -job[0]):
        links = [mine[i : i + 2] for i in range(max(1, len(mine) - 1))] if part.chain else [mine]
        rough = folds * part.folds if part.folds else None
        overlay.solid([overlay.hull(balls, link) for link in links], part.colour, rough=rough)
    overlay.lay_over(canvas, occluded, blur_px=0.7, motion_px=occluder.motion_px, motion_deg=occluder.motion_deg)


def draw_occluder(canvas: Picture, occluded: Array, view: View, occluder: Occluder) -> None:
    """Draw a person, trolley or basket into `canvas` (h, w, 4) and mark the pixels that it hides in `occluded`."""
    if occluder.kind == "shopper":
        _draw_shopper(canvas, occluded, view, occluder)
    elif occluder.kind == "trolley":
        draw_trolley(canvas, occluded, view, occluder)
    else:
        draw_basket(canvas, occluded, view, occluder)
