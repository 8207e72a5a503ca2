# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be wrong with a camera, and what each fault does to pixels and to bytes. Pure.

Faults combine: a bumped camera may also be defocused and slow. What shows is decided in the order light (covered,
black), lens (bumped, defocused), sensor (frozen), bytes (half frames), line (lost, stalled, slow).
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

BgrPicture = NDArray[np.uint8]

DEFOCUS_FRACTION = 0.015
"""Blur of a defocused lens: standard deviation as a share of the picture's width."""
LEAST_KEPT_FRACTION, MOST_KEPT_FRACTION = 0.25, 0.85
"""How much of a half frame is whole."""


class CameraFault(StrEnum):
    """One thing that is wrong; the values are those of `simulator.rig.scenario.Act`."""

    COVERED = "cover"
    """Something lies on the lens: flat and dim, not black."""
    BLACK = "black"
    """The sensor sees no light at all."""
    FROZEN = "freeze"
    """The same frame again and again, to the byte."""
    DEFOCUSED = "defocus"
    BUMPED = "bump"
    """Turned by `degrees`; zones are where they were, the picture is not."""
    HALF_FRAMES = "half_frames"
    """Frames arrive cut off, or damaged in the middle with their end intact."""
    STALLED = "stall"
    """The connection stays open and nothing comes."""
    SLOW = "slow"
    """Bytes dribble: a frame takes many seconds."""
    LOST = "lose"
    """Connections are refused."""
    CLOCK_WRONG = "clock_wrong"
    """The clock that the camera burns into its picture is wrong by `shift_s`."""


LINE_FAULTS = frozenset({CameraFault.STALLED, CameraFault.SLOW, CameraFault.LOST})
"""No whole frame gets through to a node."""


@dataclass(frozen=True, slots=True)
class Faults:
    """All that is wrong with one camera now."""

    active: frozenset[CameraFault] = frozenset()
    degrees: float = 5.0
    """How far a bumped camera turned."""
    shift_s: float = 0.0

    def __contains__(self, fault: CameraFault) -> bool:
        return fault in self.active

    def beset(self, fault: CameraFault, *, degrees: float | None = None, shift_s: float | None = None) -> "Faults":
        """With one fault more."""
        return replace(
            self,
            active=self.active | {fault},
            degrees=self.degrees if degrees is None else degrees,
            shift_s=self.shift_s if shift_s is None else shift_s,
        )

    def mended(self, fault: CameraFault | None = None) -> "Faults":
        """Without that fault, or without any."""
        return Faults() if fault is None else replace(self, active=self.active - {fault})

    @property
    def is_line_dead(self) -> bool:
        """Whether nothing whole gets through to a node, whatever stands before the lens."""
        return bool(self.active & LINE_FAULTS)


def darkened(picture: BgrPicture, faults: Faults, seed: int) -> BgrPicture:
    """What the sensor gets when light is kept from it, else the picture as it is."""
    if CameraFault.BLACK in faults:
        return np.zeros_like(picture)
    if CameraFault.COVERED not in faults:
        return picture
    rng = np.random.default_rng((seed, 41))
    height_px, width_px = picture.shape[:2]
    colour = rng.uniform(18, 40) + np.array([-4.0, 0.0, 5.0])
    # A little light creeps in from one side.
    lean_x, lean_y = rng.uniform(-2.5, 2.5, 2)
    across = np.linspace(-1, 1, width_px, dtype=np.float32)[None, :, None] * lean_x
    down = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None, None] * lean_y
    return np.asarray(np.clip(colour.astype(np.float32) + across + down, 0, 255), dtype=np.uint8)


def defocused(picture: BgrPicture) -> BgrPicture:
    """Out of focus."""
    sigma_px = max(1.5, DEFOCUS_FRACTION * picture.shape[1])
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), dtype=np.uint8)


def half_frame(jpeg: bytes, turn: int) -> bytes:
    """Damage one JPEG: by turns cut off, or with rubbish in its middle and its end in place."""
    rng = np.random.default_rng((turn, 51))
    body_at = max(jpeg.rfind(b"\xff\xda"), 0) + 14
    kept = body_at + int((len(jpeg) - body_at) * rng.uniform(LEAST_KEPT_FRACTION, MOST_KEPT_FRACTION))
    if is_cut_off(turn):
        return jpeg[:kept]
    # No 0xff: the rubbish must not read as a marker, which a decoder would notice.
    rubbish = bytes(rng.integers(0, 0xFF, max(0, len(jpeg) - 2 - kept), dtype=np.uint8))
    return jpeg[:kept] + rubbish + b"\xff\xd9"


def is_cut_off(turn: int) -> bool:
    """Whether the half frame of this turn lacks its end, so that a careful reader refuses it."""
    return turn % 2 == 0
