# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cuts what lies in and closely around boxes out of a picture, all at one small size."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.crop_features import HEIGHT_PX, MARGIN_X_PX, WIDTH_PX
from edge.frames import BgrImage

_MARGIN_FRACTION = MARGIN_X_PX / (WIDTH_PX - 2 * MARGIN_X_PX)


def take_thumbnails(image_bgr: BgrImage, xyxy_px: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One thumbnail uint8 (n, HEIGHT_PX, WIDTH_PX, 3) per box (n, 4), an eighth of the box wider on every side.

    Where that reaches beyond the picture, its edge is repeated. The scale is not kept: a wide pack becomes a tall one.
    """
    height_px, width_px = image_bgr.shape[:2]
    thumbnails = np.empty((len(xyxy_px), HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    margin = _MARGIN_FRACTION * (xyxy_px[:, 2:] - xyxy_px[:, :2])
    low = np.floor(xyxy_px[:, :2] - margin + 0.5).astype(int)
    high = np.maximum(np.floor(xyxy_px[:, 2:] + margin + 0.5).astype(int), low + 1)
    for index, ((left, top), (right, bottom)) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        x0, x1 = min(max(left, 0), width_px - 1), max(min(right, width_px), 1)
        y0, y1 = min(max(top, 0), height_px - 1), max(min(bottom, height_px), 1)
        crop = image_bgr[y0:y1, x0:x1]
        if (x0, y0, x1, y1) != (left, top, right, bottom):
            beyond = (max(y0 - top, 0), max(bottom - y1, 0), max(x0 - left, 0), max(right - x1, 0))
            crop = cv2.copyMakeBorder(crop, *beyond, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        thumbnails[index] = cv2.resize(crop, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return thumbnails
