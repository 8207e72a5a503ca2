# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a drawn picture to the frame that a camera sends: dust, exposure, flicker, noise, the clock in the corner.

Drawing is dear and seldom; this is cheap and done for every frame. A frame follows from the picture, the moment and
`turn` alone, so equal inputs give equal pixels.
"""

from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.cameras.moment import Moment

BgrPicture = NDArray[np.uint8]

_SLACK_PX = 64
"""Noise is cut from a field that is larger by this, at another place for every frame."""
_READOUT_S = 1 / 36
"""A rolling shutter reads the rows one after the other within this time."""
_SIGMA_STEP = 0.5
_DUST_STEPS = 10


class Sensor:
    """One lens and sensor. Keeps noise, dust and the last developed picture; use it from one thread at a time."""

    def __init__(self, image_wh_px: tuple[int, int], seed: int) -> None:
        self._wh_px = image_wh_px
        self._seed = seed
        self._noise: dict[float, tuple[BgrPicture, BgrPicture]] = {}
        self._dust: dict[int, BgrPicture] = {}
        self._developed: tuple[tuple[int, object], BgrPicture, BgrPicture] | None = None

    def frame(self, picture: BgrPicture, moment: Moment, turn: int) -> BgrPicture:
        """The frame of this moment, uint8 (height, width, 3). `turn` chooses the noise; never twice the same."""
        rng = np.random.default_rng((self._seed, 71, turn))
        x, y, phase = int(rng.integers(_SLACK_PX)), int(rng.integers(_SLACK_PX)), float(rng.random())
        developed = self._develop(picture, moment)
        if moment.flicker_fraction:
            developed = _flickering(developed, moment, phase)
        width_px, height_px = self._wh_px
        brighter, darker = self._noise_fields(moment.noise_sigma)
        window = np.s_[y : y + height_px, x : x + width_px]
        return np.asarray(cv2.subtract(cv2.add(developed, brighter[window]), darker[window]), dtype=np.uint8)

    def _develop(self, picture: BgrPicture, moment: Moment) -> BgrPicture:
        dust = round(moment.dust_fraction * _DUST_STEPS)
        key = (dust, (moment.level, moment.balance_bgr))
        if self._developed is not None and self._developed[0] == key and self._developed[1] is picture:
            return self._developed[2]
        developed = picture
        if dust:
            developed = np.asarray(cv2.multiply(developed, self._dust_map(dust), scale=1 / 255), dtype=np.uint8)
        if moment.level != 1.0 or moment.balance_bgr != (1.0, 1.0, 1.0):
            greys = np.arange(256, dtype=np.float32)[:, None] * np.array(moment.balance_bgr) * moment.level
            table = np.clip(np.rint(greys), 0, 255).astype(np.uint8)[None]
            developed = np.asarray(cv2.LUT(developed, table), dtype=np.uint8)
        self._developed = (key, picture, developed)
        return developed

    def _noise_fields(self, sigma: float) -> tuple[BgrPicture, BgrPicture]:
        """What to add and what to take away, each larger than a frame by the slack."""
        step = round(sigma / _SIGMA_STEP) * _SIGMA_STEP
        if step not in self._noise:
            rng = np.random.default_rng((self._seed, 72))
            width_px, height_px = self._wh_px
            shape = (height_px + _SLACK_PX, width_px + _SLACK_PX, 3)
            field = np.rint(rng.standard_normal(shape, dtype=np.float32) * step)
            self._noise[step] = (np.clip(field, 0, 99).astype(np.uint8), np.clip(-field, 0, 99).astype(np.uint8))
        return self._noise[step]

    def _dust_map(self, step: int) -> BgrPicture:
        """How much light gets through, 0 to 255: specks out of focus that grow in number, and a veil."""
        if step not in self._dust:
            rng = np.random.default_rng((self._seed, 73))
            width_px, height_px = self._wh_px
            small = np.full((height_px // 4 + 1, width_px // 4 + 1), 255 - 2 * step, np.uint8)
            for x, y, reach, depth in rng.random((4 * step, 4)):
                centre = (int(x * small.shape[1]), int(y * small.shape[0]))
                axes = (int(2 + reach * 0.025 * small.shape[1]),) * 2
                cv2.ellipse(small, centre, axes, 0, 0, 360, int(small[0, 0] - 5 - 18 * depth), -1)
            soft = cv2.GaussianBlur(small, (0, 0), max(1.0, small.shape[1] / 90))
            grey = cv2.resize(soft, self._wh_px, interpolation=cv2.INTER_LINEAR)
            self._dust[step] = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
        return self._dust[step]


def _flickering(picture: BgrPicture, moment: Moment, phase: float) -> BgrPicture:
    """Bright and dark bands: each row was exposed at another instant of the lamp's cycle."""
    rows_s = np.arange(picture.shape[0], dtype=np.float32) / picture.shape[0] * _READOUT_S
    gains = 1 + moment.flicker_fraction * np.sin(2 * np.pi * (rows_s * moment.flicker_hz + phase))
    field = np.broadcast_to(gains.astype(np.float32)[:, None, None], picture.shape)
    return np.asarray(cv2.multiply(picture, np.ascontiguousarray(field), dtype=cv2.CV_8U), dtype=np.uint8)


def stamped(picture: BgrPicture, at: datetime) -> BgrPicture:
    """With the camera's own clock burnt into the upper left corner; changes `picture`."""
    words = at.strftime("%Y-%m-%d %H:%M:%S")
    scale = picture.shape[1] / 1600
    place = (round(14 * scale), round(34 * scale))
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)
    return picture
