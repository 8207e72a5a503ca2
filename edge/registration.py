# SPDX-License-Identifier: AGPL-3.0-or-later
"""By which map a reference view became the present one, when it can be told at all."""

from dataclasses import dataclass
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames import GreyImage
from edge.landmarks import ALIKE_CORRELATION, STOCK, Landmarks, find

Matrix = NDArray[np.float64]
_Fit: TypeAlias = tuple[Matrix | None, NDArray[np.uint8]]  # OpenCV gives None where nothing fits; its stubs do not

NEAR_TOLERANCE_PX = 1.5
FAR_TOLERANCE_PX = 2.5
LEAST_PAIRS = 8

_LEAST_SPREAD = 0.15
"""Share of the picture that points must span to fix a homography beyond them."""

MOST_FEATURES_COUNT = 700
_RATIO = 0.8
"""A feature counts when its best match is that much closer than its second (Lowe 2004): of equal packs none is."""


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """`matrix` 3x3 takes pixels of the reference to pixels of the present picture.

    `inliers_count` of `candidates_count` patches or features follow it.
    """

    matrix: Matrix
    inliers_count: int
    candidates_count: int


def near(reference: GreyImage, grey: GreyImage, landmarks: Landmarks) -> Registration | None:
    """Follow corner patches over a few pixels: exact to a tenth of a pixel, blind beyond `landmarks.REACH_PX`.

    Furniture alone is asked where there is enough of it, since goods may be pushed along.
    """
    asked = landmarks.is_corner & landmarks.is_structure
    if np.count_nonzero(asked) < 2 * LEAST_PAIRS:
        asked = landmarks.is_corner
    if np.count_nonzero(asked) < LEAST_PAIRS:
        return None
    spots_px = landmarks.spots_px[asked]
    offsets, correlations = find(reference, grey, spots_px, landmarks.half_wh_px)
    followed = correlations >= ALIKE_CORRELATION
    if np.count_nonzero(followed) < LEAST_PAIRS:
        return None
    here = spots_px[followed].astype(np.float32)
    return _similarity(here, here + offsets[followed], NEAR_TOLERANCE_PX, len(spots_px))


def far(
    reference: GreyImage, ground: NDArray[np.uint8], grey: GreyImage, *, with_goods: bool = False
) -> Registration | None:
    """Match SIFT features all over both pictures: slower, but it finds a camera that was turned by many degrees.

    Goods of the reference are left out: a pack that stands three places further on today moved without its camera.
    `with_goods` asks them too, and then only features that agree over a wide part of the picture count.
    """
    mask = np.where((ground == STOCK) & (not with_goods), 0, 255).astype(np.uint8)
    sift = cv2.SIFT_create(nfeatures=MOST_FEATURES_COUNT, contrastThreshold=0.015)  # type: ignore[attr-defined]
    spots, descriptors = sift.detectAndCompute(reference, mask)
    found_spots, found_descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None or found_descriptors is None or min(len(spots), len(found_spots)) < LEAST_PAIRS:
        return None
    pairs = [
        (best.queryIdx, best.trainIdx)
        for best, second in cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors, found_descriptors, 2)
        if best.distance < _RATIO * second.distance
    ]
    if len(pairs) < LEAST_PAIRS:
        return None
    before = np.array([spots[index].pt for index, _ in pairs], np.float32)
    after = np.array([found_spots[index].pt for _, index in pairs], np.float32)
    matrix, inliers = cast("_Fit", cv2.findHomography(before, after, cv2.RANSAC, FAR_TOLERANCE_PX))
    if matrix is None:
        return None
    followed = inliers.ravel() > 0
    if np.count_nonzero(followed) >= LEAST_PAIRS and _spread(before[followed]) < _LEAST_SPREAD * reference.size:
        if with_goods:
            return None
        return _similarity(before[followed], after[followed], FAR_TOLERANCE_PX, len(pairs))
    return Registration(np.asarray(matrix, np.float64), int(np.count_nonzero(followed)), len(pairs))


def _similarity(
    before: NDArray[np.float32], after: NDArray[np.float32], tolerance_px: float, candidates_count: int
) -> Registration | None:
    """Turn, scale and shift: unlike maps of more freedom it stays sane beyond the points that it was fitted on."""
    affine, inliers = cast(
        "_Fit",
        cv2.estimateAffinePartial2D(before, after, method=cv2.RANSAC, ransacReprojThreshold=tolerance_px),
    )
    if affine is None:
        return None
    return Registration(np.vstack([affine, [0.0, 0.0, 1.0]]), int(np.count_nonzero(inliers)), candidates_count)


def _spread(points: NDArray[np.float32]) -> float:
    """Area of the hull of points (n, 2), in square pixels."""
    return float(cv2.contourArea(cv2.convexHull(points)))
