# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reduces a frame to the few small arrays on which the cheap decisions rest."""

from dataclasses import dataclass

import cv2
import numpy as np

from edge.frames import BgrImage, GreyImage

THUMBNAIL_WIDTH_PX = 160
_SHARPNESS_WIDTH_PX = 640
_SAMPLE_WIDTH_PX = 320
_CONTRAST_FLOOR = 5.0


@dataclass(frozen=True, slots=True)
class Glimpse:
    """`thumbnail` uint8 (height, 160): averaged, so sensor noise is gone. `sample` uint8: single pixels, noise kept.

    `sharpness` is the 99th percentile of the absolute Laplacian at 640 px width over the picture's contrast: sharp
    photographs of shelves have 0.36 to 1.03, the same blurred by a Gaussian of 1 px 0.2 and of 2 px 0.06. Taking the
    strongest edges and not their variance, it does not fall much when stock goes and rails and tags stay.
    """

    thumbnail: GreyImage
    sample: GreyImage
    sharpness: float


def glimpse(image_bgr: BgrImage) -> Glimpse:
    """Reduce an image uint8 (height, width, 3)."""
    grey: GreyImage = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)  # type: ignore[assignment]
    step_px = max(1, grey.shape[1] // _SAMPLE_WIDTH_PX)
    return Glimpse(
        thumbnail=_reduced(grey, THUMBNAIL_WIDTH_PX),
        sample=np.ascontiguousarray(grey[::step_px, ::step_px]),
        sharpness=_sharpness(_reduced(grey, _SHARPNESS_WIDTH_PX)),
    )


def _reduced(grey: GreyImage, width_px: int) -> GreyImage:
    if grey.shape[1] <= width_px:
        return grey
    height_px = max(1, round(grey.shape[0] * width_px / grey.shape[1]))
    return cv2.resize(grey, (width_px, height_px), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _sharpness(grey: GreyImage) -> float:
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    darkest, brightest = np.percentile(grey, (2, 98))
    return float(np.percentile(edges, 99) / (brightest - darkest + _CONTRAST_FLOOR))
