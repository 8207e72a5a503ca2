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

    def write(self, image_bgr: BgrImage, letterbox: Letterbox) -> NDArray[np.float32]:
        """Fill and return the blob, float32 (1, 3, height, width); valid until the next call."""
        width_px, height_px = letterbox.inner_wh_px
        left, top = letterbox.offset_xy_px
        if self._inner != (left, top, width_px, height_px):
            self._blob.fill(PADDING_GREY / 255)  # another aspect ratio leaves other borders
            self._inner = (left, top, width_px, height_px)
        inner = image_bgr
        if (image_bgr.shape[1], image_bgr.shape[0]) != (width_px, height_px):
            inner = cv2.resize(image_bgr, (width_px, height_px), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
        for plane, channel in enumerate((2, 1, 0)):
            np.multiply(
                inner[:, :, channel],
                np.float32(1 / 255),
                out=self._blob[0, plane, top : top + height_px, left : left + width_px],
                casting="unsafe",
            )
        return self._blob
