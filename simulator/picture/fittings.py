# SPDX-License-Identifier: AGPL-3.0-or-later
"""What holds packs inside a row, as textures: pusher paddles, cut cardboard trays, crates, hooks, dividers."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.fixtures import speckle, wood_grain
from simulator.picture.grounds import gradient
from simulator.picture.materials import pyramid, with_alpha
from simulator.picture.printing import SCRIPTS, Colour, Picture, dimmed, fit, script_mask, stamp
from simulator.picture.prints import printed_face
from simulator.picture.scene import Divider, Plate


def _pusher(face: Picture, mask: Picture, colour: Colour, rng: Generator) -> None:
    height, width = mask.shape
    gradient(face, colour, dimmed(colour, 0.8))
    mask[:] = 0
    r = int(rng.integers(6, 20))
    cv2.rectangle(mask, (0, r), (width, height), 255, -1)
    cv2.rectangle(mask, (r, 0), (width - r, r), 255, -1)
    for x in (r, width - 1 - r):
        cv2.circle(mask, (x, r), r, 255, -1, cv2.LINE_AA)


def _hook(face: Picture, mask: Picture) -> None:
    """The end of a peg hook: a bent wire with a bead of light, and often a clear flag for a tag."""
    mask[:] = 0
    cv2.line(mask, (32, 0), (32, 70), 255, 8, cv2.LINE_AA)
    cv2.circle(mask, (32, 74), 12, 255, -1, cv2.LINE_AA)
    cv2.circle(face, (29, 70), 5, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.line(face, (31, 2), (31, 60), (250, 250, 250), 2, cv2.LINE_AA)


def _fluted(face: Picture, rng: Generator) -> None:
    """Corrugated board: faint upright flutes and a bright torn edge along the cut, in place."""
    width = face.shape[1]
    waves = 1 + 0.035 * np.sin(np.arange(width) * float(rng.uniform(0.9, 1.4)))[None, :, None]
    face[:] = np.clip(face * waves, 0, 255).astype(np.uint8)
    speckle(face, rng, 5)


def _ready_tray(rng: Generator, colour: Colour) -> tuple[Picture, Picture]:
    """The front of a shelf-ready case: printed cardboard, cut down in a curve so that the packs show."""
    height, width = 96, 192
    if rng.random() < 0.6:
        face = printed_face(int(rng.integers(4000)), width, height, "wide")
        face = (face * 0.93).astype(np.uint8)
    else:
        face = np.full((height, width, 3), colour, np.uint8)
        ink = dimmed(colour, 0.4)
        line = script_mask(rng, SCRIPTS[rng.integers(len(SCRIPTS))], 24, 5)
        stamp(face, fit(line, width * 0.6, height * 0.3), (width / 2, height * 0.72), ink)
    _fluted(face, rng)
    low = float(rng.uniform(0.15, 0.6)) * height
    xs = np.linspace(-1, 1, 40)
    steep = float(rng.uniform(2, 8))
    cut = low * (1 - np.abs(xs) ** steep) if rng.random() < 0.8 else np.full(40, low * 0.4)
    edge = np.stack([(xs + 1) / 2 * (width - 1), cut], axis=1)
    outline = np.concatenate([edge, [[width - 1, height], [0, height]]]).astype(np.int32)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA)
    cv2.polylines(face, [edge.astype(np.int32)], isClosed=False, color=(150, 185, 205), thickness=3)
    return face, mask


def _crate(rng: Generator, colour: Colour) -> tuple[Picture, Picture]:
    """The front of a produce crate: plastic with slots, or wooden slats."""
    height, width = 80, 192
    mask = np.full((height, width), 255, np.uint8)
    if rng.random() < 0.6:
        face = np.empty((height, width, 3), np.uint8)
        gradient(face, dimmed(colour, 1.15), dimmed(colour, 0.7))
        slot = int(rng.integers(9, 18))
        for y in range(22, height - 12, slot + 5):
            for x in range(8, width - 10, slot * 2):
                cv2.rectangle(face, (x, y), (x + int(slot * 1.5), y + slot // 2), dimmed(colour, 0.25), -1)
        face[:7] = np.clip(face[:7] * 1.25, 0, 255).astype(np.uint8)
        face[7:9] = (face[7:9] * 0.6).astype(np.uint8)
        return face, mask
    face = wood_grain(width, height, (120, 175, 205), rng)
    slats = int(rng.integers(2, 4))
    for number in range(1, slats):
        y = number * height // slats
        mask[y - 4 : y + 3] = 0
        face[y + 3 : y + 5] = (face[y + 3 : y + 5] * 1.15).clip(0, 255).astype(np.uint8)
    for x in (10, width // 2, width - 12):
        mask[:, x - 5 : x + 6] = 255
        face[:, x - 5 : x + 6] = (face[:, x - 5 : x + 6] * 0.85).astype(np.uint8)
    return face, mask


@lru_cache(maxsize=600)
def plate_texture(look: str, colour: Colour, opacity: float, seed: int) -> tuple[Picture, ...]:
    """Upright plates in a row: pusher paddles, tray and crate fronts, hook ends."""
    rng = np.random.default_rng((seed, 6))
    if look == "cardboard" and rng.random() < 0.6:
        face = printed_face(int(rng.integers(4000)), 160, 48, "wide" if rng.random() < 0.6 else "centre")
        return pyramid(with_alpha(face))
    if look == "print":
        face = printed_face(int(rng.integers(4000)), 120, 160)
        return pyramid(with_alpha(face))
    if look in ("ready_tray", "crate"):
        face, mask = _ready_tray(rng, colour) if look == "ready_tray" else _crate(rng, colour)
        return pyramid(with_alpha(face, mask))
    face = wood_grain(128, 64, colour, rng) if look == "wood" else np.full((96, 64, 3), colour, np.uint8)
    height, width = face.shape[:2]
    mask = np.full((height, width), 255, np.uint8)
    if look == "pusher":
        _pusher(face, mask, colour, rng)
    elif look == "hook":
        _hook(face, mask)
    elif look == "wire":
        mask[:] = 0
        for y in (2, 45, 88):
            mask[y : y + 5] = 255
        mask[:, 2:5] = 255
        mask[:, 32:34] = 255
    elif look == "clear":
        mask[:] = int(255 * opacity)
        mask[:3] = 190
        mask[-3:] = mask[:, :2] = 150
        return pyramid(with_alpha(face, mask))
    else:
        speckle(face, rng, 5)
    return pyramid(with_alpha(face, (mask * opacity).astype(np.uint8)))


def plate_texture_of(plate: Plate) -> tuple[Picture, ...]:
    """The texture of a placed plate."""
    return plate_texture(plate.look, plate.bgr, plate.opacity, plate.seed % 40)


@lru_cache(maxsize=64)
def _divider(look: str, colour: Colour, opacity: float) -> tuple[Picture, ...]:
    face = np.full((64, 96, 3), colour, np.uint8)
    mask = np.full((64, 96), int(255 * opacity), np.uint8)
    rng = np.random.default_rng((*colour, 16))
    if look == "hook":
        face[:16] = np.clip(face[:16] * 1.2 + 20, 0, 255).astype(np.uint8)
        face[40:] = (face[40:] * 0.5).astype(np.uint8)
    elif look == "cardboard":
        _fluted(face, rng)
        mask[np.arange(64)[:, None] < np.linspace(0.0, 34.0, 96)[None]] = 0
        face[:, ::24] = (face[:, ::24] * 0.93).astype(np.uint8)
    elif look == "crate":
        for y in (14, 34, 50):
            face[y : y + 7, 6:90] = (face[y : y + 7, 6:90] * 0.35).astype(np.uint8)
        face[:5] = np.clip(face[:5] * 1.2, 0, 255).astype(np.uint8)
    elif opacity < 1:
        mask[:3] = mask[:, -3:] = min(255, int(255 * opacity) + 110)
    return pyramid(with_alpha(face, mask))


def divider_texture(divider: Divider) -> tuple[Picture, ...]:
    """The texture of a placed divider, from the back of the row (left) to its front."""
    return _divider(divider.look, divider.bgr, divider.opacity)
