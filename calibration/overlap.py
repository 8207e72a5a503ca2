# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether two zones claim the same part of a bay. A facing belongs to one zone, so they must not."""

import numpy as np
from numpy.typing import NDArray

from calibration.document import Calibration

ALLOWED_SHARED_FRACTION = 0.05
"""Hand-drawn neighbours overlap a little along their seam; beyond this it is a mistake."""

_SAMPLES_PER_SIDE_COUNT = 24


def overlapping_zones(calibration: Calibration) -> list[tuple[int, int, float]]:
    """Pairs (i, j) with i < j of zone indices, and the share of the smaller zone that both cover (0..1)."""
    polygons = [np.asarray(zone.polygon_mm, dtype=np.float64) for zone in calibration.zones]
    lows = np.array([polygon.min(axis=0) for polygon in polygons])
    highs = np.array([polygon.max(axis=0) for polygon in polygons])
    overlaps = []
    for j in range(len(polygons)):
        for i in np.flatnonzero(((lows[:j] < highs[j]) & (highs[:j] > lows[j])).all(axis=1)):
            shared_fraction = _shared_fraction(polygons[i], polygons[j])
            if shared_fraction > ALLOWED_SHARED_FRACTION:
                overlaps.append((int(i), j, shared_fraction))
    return overlaps


def inside(polygon: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd rule: which points (n, 2) lie inside the polygon (m, 2)."""
    x, y = points[:, 0][:, None], points[:, 1][:, None]
    ax, ay = polygon[:, 0], polygon[:, 1]
    bx, by = np.roll(ax, -1), np.roll(ay, -1)
    straddles = (ay > y) != (by > y)
    rise = np.where(by == ay, 1.0, by - ay)
    crossings = straddles & (x < (bx - ax) * (y - ay) / rise + ax)
    odd: NDArray[np.bool_] = crossings.sum(axis=1) % 2 == 1
    return odd


def _shared_fraction(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Share of the smaller polygon covered by the other, on a grid of samples over the smaller one's bounding box."""
    small, large = sorted((first, second), key=lambda polygon: float(np.prod(np.ptp(polygon, axis=0))))
    low, high = small.min(axis=0), small.max(axis=0)
    fractions = (np.arange(_SAMPLES_PER_SIDE_COUNT) + 0.5) / _SAMPLES_PER_SIDE_COUNT
    grid = np.stack(np.meshgrid(*(low[axis] + fractions * (high - low)[axis] for axis in (0, 1))), axis=-1)
    samples = grid.reshape(-1, 2)
    within = inside(small, samples)
    return float((within & inside(large, samples)).sum() / max(1, within.sum()))
