# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lens distortion after Brown (1966) with the coefficient order OpenCV uses: k1, k2 radial, p1, p2 tangential."""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

FloatArray = NDArray[np.float64]

_ITERATIONS_COUNT = 20

Focal = Annotated[float, Field(gt=1, lt=100_000)]
Coefficient = Annotated[float, Field(ge=-2, le=2)]


class Lens(BaseModel):
    """Focal lengths and centre in pixels of the calibration picture; coefficients without unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fx_px: Focal
    fy_px: Focal
    cx_px: Annotated[float, Field(gt=-20_000, lt=40_000)]
    cy_px: Annotated[float, Field(gt=-20_000, lt=40_000)]
    k1: Coefficient = 0.0
    k2: Coefficient = 0.0
    p1: Coefficient = 0.0
    p2: Coefficient = 0.0

    def _bend(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        r2 = x * x + y * y
        radial = 1 + self.k1 * r2 + self.k2 * r2 * r2
        bent_x = x * radial + 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x)
        bent_y = y * radial + self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y
        return bent_x, bent_y

    def distort(self, points_px: ArrayLike) -> FloatArray:
        """Where an ideal pinhole's points (n, 2) really land in the picture."""
        points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
        x, y = self._bend((points[:, 0] - self.cx_px) / self.fx_px, (points[:, 1] - self.cy_px) / self.fy_px)
        return np.column_stack([x * self.fx_px + self.cx_px, y * self.fy_px + self.cy_px])

    def undistort(self, points_px: ArrayLike) -> FloatArray:
        """Inverse of `distort` by fixed-point iteration; points (n, 2) in pixels of the calibration picture."""
        points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
        seen_x = (points[:, 0] - self.cx_px) / self.fx_px
        seen_y = (points[:, 1] - self.cy_px) / self.fy_px
        x, y = seen_x.copy(), seen_y.copy()
        for _ in range(_ITERATIONS_COUNT):
            bent_x, bent_y = self._bend(x, y)
            before_x, before_y = x, y
            x, y = x + (seen_x - bent_x), y + (seen_y - bent_y)
            if np.array_equal(x, before_x) and np.array_equal(y, before_y):
                break  # and would stay there for ever
        return np.column_stack([x * self.fx_px + self.cx_px, y * self.fy_px + self.cy_px])
