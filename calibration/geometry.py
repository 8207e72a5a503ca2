# SPDX-License-Identifier: AGPL-3.0-or-later
"""Points in the picture, points on the bay, and the one thing that converts between them.

A bay is treated as a plane: the front edges of its shelves. Its frame has the origin at the bottom left corner,
x to the right and y up, in millimetres. A picture has the origin at the top left, x to the right and y down, in
pixels.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.errors import DegenerateFit

FloatArray = NDArray[np.float64]

MINIMUM_PAIRS = 4
MAXIMUM_CONDITION = 1e7
"""Ratio of the largest to the second smallest singular value of the normalised design matrix. Four corners of a
rectangle seen obliquely stay under 1e2; three points on a line and one beside it pass 1e12."""


@dataclass(frozen=True, slots=True)
class PixelPoint:
    """A point in the picture; origin top left."""

    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True)
class BayPoint:
    """A point on the bay plane; origin bottom left."""

    x_mm: float
    y_mm: float


def _as_points(points: ArrayLike) -> FloatArray:
    array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if not np.all(np.isfinite(array)):
        raise DegenerateFit("a point has a coordinate that is not a finite number; measure it again")
    return array


def _normalising(points: FloatArray) -> FloatArray:
    """Move the centroid to the origin and the mean distance to sqrt(2) (Hartley 1997, IEEE PAMI 19:580)."""
    centroid = points.mean(axis=0)
    mean_distance = float(np.linalg.norm(points - centroid, axis=1).mean())
    scale = np.sqrt(2.0) / mean_distance
    return np.array([[scale, 0, -scale * centroid[0]], [0, scale, -scale * centroid[1]], [0, 0, 1]])


def _apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    projected = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    # A point on the vanishing line has no finite image; NaN says so to the caller instead of a wild number.
    with np.errstate(divide="ignore", invalid="ignore"):
        mapped: FloatArray = projected[:, :2] / projected[:, 2:]
    mapped[~np.isfinite(mapped).all(axis=1)] = np.nan
    return mapped


def _inverse(matrix: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _collinear(points: FloatArray) -> bool:
    centred = points - points.mean(axis=0)
    singular = np.linalg.svd(centred, compute_uv=False)
    return bool(singular[1] < 1e-3 * singular[0])


def _refuse_degenerate_pairs(points_px: FloatArray, points_mm: FloatArray) -> None:
    if len(points_px) != len(points_mm):
        raise DegenerateFit(f"{len(points_px)} picture points against {len(points_mm)} bay points; they come in pairs")
    if len(points_px) < MINIMUM_PAIRS:
        raise DegenerateFit(f"{len(points_px)} point pairs; give at least {MINIMUM_PAIRS}, best the corners of the bay")
    for points, where in ((points_px, "in the picture"), (points_mm, "on the bay")):
        if np.ptp(points, axis=0).max() == 0:
            raise DegenerateFit(f"all points are the same point {where}; spread them over the corners of the bay")
        if _collinear(points):
            raise DegenerateFit(f"all points lie on one line {where}; add points off that line")
        if len(points) == MINIMUM_PAIRS and any(_collinear(np.delete(points, i, axis=0)) for i in range(MINIMUM_PAIRS)):
            raise DegenerateFit(f"three of the four points lie on one line {where}; move one of them or add a fifth")


@dataclass(frozen=True, slots=True)
class Homography:
    """A plane-to-plane map between picture and bay. `matrix` is 3x3 and takes pixels to millimetres."""

    matrix: FloatArray
    errors_px: FloatArray
    """Reprojection error of each fitted pair, in pixels; shape (n,)."""

    @classmethod
    def fit(cls, points_px: ArrayLike, points_mm: ArrayLike) -> Self:
        """Least squares over n >= 4 pairs by the normalised direct linear transform (Hartley and Zisserman 2004, 4.1).

        `points_px` and `points_mm` have shape (n, 2). Raises DegenerateFit when the pairs do not determine the map or
        when it folds the bay (a point order that runs the other way round for some corners).
        """
        pixels, millimetres = _as_points(points_px), _as_points(points_mm)
        _refuse_degenerate_pairs(pixels, millimetres)
        to_unit_px, to_unit_mm = _normalising(pixels), _normalising(millimetres)
        u, v = _apply(to_unit_px, pixels).T
        x, y = _apply(to_unit_mm, millimetres).T
        zero, one = np.zeros_like(u), np.ones_like(u)
        rows = np.vstack(
            [
                np.column_stack([u, v, one, zero, zero, zero, -x * u, -x * v, -x]),
                np.column_stack([zero, zero, zero, u, v, one, -y * u, -y * v, -y]),
            ]
        )
        _, singular, transposed = np.linalg.svd(rows)
        if singular[0] > MAXIMUM_CONDITION * singular[7]:
            raise DegenerateFit("three of the points lie on one line and nothing else fixes the map; move one of them")
        unscaled = np.linalg.inv(to_unit_mm) @ transposed[-1].reshape(3, 3) @ to_unit_px
        matrix = np.asarray(unscaled / np.linalg.norm(unscaled), dtype=np.float64)
        _refuse_folded(matrix, pixels)
        back = _apply(_inverse(matrix), millimetres)
        errors = np.asarray(np.linalg.norm(back - pixels, axis=1), dtype=np.float64)
        return cls(matrix=matrix, errors_px=errors)

    def to_bay_mm(self, points_px: ArrayLike) -> FloatArray:
        """Pixels (n, 2) to millimetres (n, 2); NaN for a point on the vanishing line."""
        return _apply(self.matrix, np.asarray(points_px, dtype=np.float64).reshape(-1, 2))

    def to_pixels(self, points_mm: ArrayLike) -> FloatArray:
        """Millimetres (n, 2) to pixels (n, 2); NaN for a point on the vanishing line."""
        return _apply(_inverse(self.matrix), np.asarray(points_mm, dtype=np.float64).reshape(-1, 2))


def _refuse_folded(matrix: FloatArray, points_px: FloatArray) -> None:
    """The vanishing line must not run between the given points, and y must turn over once: pixels down, bay up."""
    depth = np.column_stack([points_px, np.ones(len(points_px))]) @ matrix[2]
    if depth.min() * depth.max() <= 0:
        raise DegenerateFit("the points cross over: check that each picture point belongs to the bay point beside it")
    # det(J) of a projective map has the sign of det(H) * depth; a front view mirrors y once, so it is negative.
    if np.linalg.det(matrix) * depth[0] > 0:
        raise DegenerateFit(
            "the bay comes out mirrored: x_mm runs to the right and y_mm upwards; check the point order"
        )
