# SPDX-License-Identifier: AGPL-3.0-or-later
"""One picture of one camera, with the instant of its grab."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime

BgrImage = NDArray[np.uint8]
"""uint8 (height, width, 3), blue first."""

GreyImage = NDArray[np.uint8]
"""uint8 (height, width)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`image_bgr` uint8 (height, width, 3), with two clocks read right after the grab."""

    image_bgr: BgrImage
    captured_at: AwareDatetime
    monotonic_s: float
    camera_id: str

    @property
    def frame_wh_px(self) -> tuple[int, int]:
        """Width and height."""
        height_px, width_px = self.image_bgr.shape[:2]
        return int(width_px), int(height_px)
