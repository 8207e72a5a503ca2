# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lens, sensor and encoder: what happens to a drawn picture before anyone sees it."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.overlay import motion_kernel
from simulator.picture.printing import Picture, hsv
from simulator.picture.scene import CameraLook, Light

_GRAIN_ROOM_PX = 256
"""Noise is cut from one sheet at one of 65,536 places: drawing it anew for every frame costs more than it shows."""


def light_map(light: Light, width_px: int, height_px: int) -> Picture:
    """Brightness factor float32 (height, width) at an eighth of the picture's size: slopes and spots."""
    xs = np.linspace(-0.5, 0.5, max(2, width_px // 8), dtype=np.float32)
    ys = np.linspace(-0.5, 0.5, max(2, height_px // 8), dtype=np.float32)
    field = light.ambient * (1 + light.slope_x * xs[None] + light.slope_y * ys[:, None])
    rng = np.random.default_rng(light.spot_seed)
    for x, y, reach, force in rng.random((light.spots, 4)):
        away = (xs[None] - (x - 0.5) * 1.1) ** 2 + (ys[:, None] - (y - 0.5) * 1.1) ** 2
        field = field * (1 + (force - 0.45) * 0.9 * np.exp(-away / (0.01 + 0.12 * reach)))
    return field.astype(np.float32)


@lru_cache(maxsize=4)
def _vignette(width: int, height: int) -> Picture:
    xs, ys = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    return (xs[None] ** 2 + ys[:, None] ** 2) / 2


@lru_cache(maxsize=6)
def _grain(sigma_eighths: int, height: int, width: int) -> tuple[Picture, Picture]:
    """Sensor noise, split into what it adds and what it takes, uint8; larger than a picture to be cut at any place."""
    rng = np.random.default_rng(sigma_eighths)
    wide = (height + _GRAIN_ROOM_PX, width + _GRAIN_ROOM_PX)
    grain = rng.standard_normal((*wide, 3), dtype=np.float32) * (sigma_eighths / 8)
    return tuple(np.clip(np.round(sign * grain), 0, 255).astype(np.uint8) for sign in (1, -1))  # type: ignore[return-value]


def _glass(picture: Picture, seed: int) -> Picture:
    rng = np.random.default_rng((seed, 9))
    height, width = picture.shape[:2]
    veil = np.zeros((height // 4 + 1, width // 4 + 1, 3), np.uint8)
    for _ in range(int(rng.integers(2, 7))):
        x, y = int(rng.integers(-20, width // 4)), int(rng.integers(-10, height // 4))
        lean, span, tall = int(rng.integers(-30, 30)), int(rng.integers(4, 50)), int(rng.integers(10, height // 4))
        patch = np.array([[x, y], [x + span, y], [x + span + lean, y + tall], [x + lean, y + tall]])
        cv2.fillPoly(veil, [patch], hsv(rng.random(), 0.15, rng.uniform(0.1, 0.5)), cv2.LINE_AA)
    veil = cv2.GaussianBlur(veil, (0, 0), float(rng.uniform(1, 8)))
    return cv2.add(picture, cv2.resize(veil, (width, height), interpolation=cv2.INTER_LINEAR))


def _tone_table(look: CameraLook, channel: int) -> Picture:
    level = np.arange(256, dtype=np.float64) / 255
    level = np.clip(level * look.gain * look.balance_bgr[channel], 0, None) ** look.gamma
    level = (level - 0.5) * look.contrast + 0.5
    return np.clip(level * 255, 0, 255).astype(np.uint8)


def apply_look(picture: Picture, look: CameraLook, rng: Generator) -> Picture:
    """The picture as this camera would deliver it: glass, blur, vignette, tone, noise, sharpening, JPEG."""
    height, width = picture.shape[:2]
    if look.glass_seed:
        picture = _glass(picture, look.glass_seed)
    if look.downscale < 1.0:
        small = cv2.resize(picture, None, fx=look.downscale, fy=look.downscale, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if look.blur_px > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), look.blur_px)
    if look.motion_px > 1:
        picture = cv2.filter2D(picture, -1, motion_kernel(look.motion_px, look.motion_deg))
    if look.vignette > 0:
        fade = 1 - look.vignette * _vignette(width, height)
        picture = cv2.multiply(picture, cv2.merge([fade, fade, fade]), dtype=cv2.CV_8U)
    if look.saturation != 1.0:
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        picture = cv2.addWeighted(picture, look.saturation, grey, 1 - look.saturation, 0)
    table = np.stack([_tone_table(look, c) for c in range(3)], axis=-1)[None]
    picture = cv2.LUT(picture, table)
    if look.noise_sigma > 0:
        added, taken = _grain(round(look.noise_sigma * 8), height, width)
        top, left = (int(v) for v in rng.integers(0, _GRAIN_ROOM_PX, 2))
        part = np.s_[top : top + height, left : left + width]
        picture = cv2.subtract(cv2.add(picture, added[part]), taken[part])
    if look.sharpen > 0:
        picture = cv2.addWeighted(picture, 1 + look.sharpen, cv2.GaussianBlur(picture, (0, 0), 1.2), -look.sharpen, 0)
    if look.jpeg_quality:
        _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg_quality])
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        picture = picture if decoded is None else decoded
    return picture
