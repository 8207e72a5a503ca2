# SPDX-License-Identifier: AGPL-3.0-or-later
"""Puts a frame of any size into the network's input, and boxes back into the frame.

Same manner as the training does it: one scale for both axes, bilinear, centred, the rest grey 114, RGB, 0..1.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames import BgrImage

PADDING_GREY = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A frame scaled by `scale` with its top left corner at `offset_xy_px` of the input."""

    frame_wh_px: tuple[int, int]
    input_wh_px: tuple[int, int]
    inner_wh_px: tuple[int, int]
    offset_xy_px: tuple[int, int]

    @classmethod
    def fit(cls, frame_wh_px: tuple[int, int], input_wh_px: tuple[int, int]) -> "Letterbox":
        """Fit the frame wholly inside the input."""
        scale = min(input_wh_px[0] / frame_wh_px[0], input_wh_px[1] / frame_wh_px[1])
        inner_wh_px = (max(1, round(frame_wh_px[0] * scale)), max(1, round(frame_wh_px[1] * scale)))
        offset_xy_px = ((input_wh_px[0] - inner_wh_px[0]) // 2, (input_wh_px[1] - inner_wh_px[1]) // 2)
        return cls(frame_wh_px, input_wh_px, inner_wh_px, offset_xy_px)

    def to_frame(self, xyxy_input_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (n, 4) from input pixels to frame pixels, clipped to the frame."""
        offset = np.array(self.offset_xy_px * 2, dtype=np.float32)
        scale = np.array([f / i for f, i in zip(self.frame_wh_px, self.inner_wh_px, strict=True)] * 2, dtype=np.float32)
        limit = np.array(self.frame_wh_px * 2, dtype=np.float32)
        boxes: NDArray[np.float32] = np.clip((xyxy_input_px - offset) * scale, 0, limit)
        return boxes

    def to_input(self, xyxy_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (n, 4) from frame pixels to input pixels."""
        offset = np.array(self.offset_xy_px * 2, dtype=np.float32)
        scale = np.array([i / f for f, i in zip(self.frame_wh_px, self.inner_wh_px, strict=True)] * 2, dtype=np.float32)
        boxes: NDArray[np.float32] = xyxy_px * scale + offset
        return boxes


class BlobWriter:
    """A network input of one size, allocated once and filled anew for every frame."""

    def __init__(self, input_wh_px: tuple[int, int]) -> None:
        width_px, height_px = input_wh_px
        self._blob = np.full((1, 3, height_px, width_px), PADDING_GREY / 255, dtype=np.float32)
        self._inner: tuple[int, int, int, int] | None = None
        self._shrunk: BgrImage = np.empty((0, 0, 3), dtype=np.uint8)
        self._planes_rgb: BgrImage = np.empty((3, 0, 0), dtype=np.uint8)

    def write(self, image_bgr: BgrImage, letterbox: Letterbox) -> NDArray[np.float32]:
        """Fill and return the blob, float32 (1, 3, height, width); valid until the next call."""
        width_px, height_px = letterbox.inner_wh_px
        left, top = letterbox.offset_xy_px
        if self._inner != (left, top, width_px, height_px):
            self._blob.fill(PADDING_GREY / 255)  # another aspect ratio leaves other borders
            self._inner = (left, top, width_px, height_px)
            self._shrunk = np.empty((height_px, width_px, 3), dtype=np.uint8)
            self._planes_rgb = np.empty((3, height_px, width_px), dtype=np.uint8)
        inner = shrink(image_bgr, letterbox.inner_wh_px, self._shrunk)
        red, green, blue = self._planes_rgb
        cv2.split(inner, (blue, green, red))
        # Whole planes are turned into float several times as fast as every third byte.
        inside = self._blob[0, :, top : top + height_px, left : left + width_px]
        np.multiply(self._planes_rgb, np.float32(1 / 255), out=inside)
        return self._blob


def shrink(image_bgr: BgrImage, wh_px: tuple[int, int], out: BgrImage) -> BgrImage:
    """The image at another size, bilinear; in `out` uint8 (height, width, 3), unless it has that size already."""
    if (image_bgr.shape[1], image_bgr.shape[0]) == wh_px:
        return image_bgr
    factor = image_bgr.shape[1] // wh_px[0]
    if factor % 2 == 1 and image_bgr.shape[:2] == (factor * wh_px[1], factor * wh_px[0]):
        # At 3, 5, 7 times smaller (1920x1080 to 640x360) the bilinear spot is the middle pixel of each square, whole.
        middles = image_bgr[factor // 2 :, factor // 2 :]
        cv2.resize(middles, None, dst=out, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_NEAREST)
    else:
        cv2.resize(image_bgr, wh_px, dst=out, interpolation=cv2.INTER_LINEAR)
    return out
