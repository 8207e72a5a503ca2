# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which of the packs seen at calibration become reference crops: none that is odd, and those that differ most. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.crop_features import cells, shifted_cells

LEAST_CROPS_COUNT = 2
"""One crop alone cannot say how much packs of a product differ."""

MOST_CROPS_COUNT = 12

ODD_DISTANCE = 0.35
"""A pack further than this from all others of its product, in root mean square of cells, may be odd."""

ODD_RATIO = 2.0
"""And is, when that is so many times as far as packs of it usually are."""

ODD_SIZE_RATIO = 1.3
"""A box that is longer or shorter along a side than is usual shows a piece of a pack, or two."""

_LEAST_TO_JUDGE_COUNT = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of the packs of one product."""

    sku: str
    seen_count: int
    odd_count: int
    kept_count: int


def choose_crops(
    sku: str, thumbnails: NDArray[np.uint8], wh_mm: NDArray[np.float32]
) -> tuple[NDArray[np.int64], Choice]:
    """Indices of the packs to keep, and what became of the others.

    `thumbnails` uint8 (n, SIDE_PX, SIDE_PX, 3) and `wh_mm` (n, 2) are all packs of one product. A pack unlike the rest
    is left out: a turned or foreign one among the references would make that look right ever after.
    """
    sound = np.arange(len(thumbnails))
    distance = _distances(thumbnails)
    if len(sound) >= _LEAST_TO_JUDGE_COUNT:
        nearest = distance.min(axis=1)
        is_odd = nearest > max(ODD_DISTANCE, ODD_RATIO * float(np.median(nearest)))
        usual_mm = np.median(wh_mm, axis=0)
        is_odd |= (np.maximum(wh_mm / usual_mm, usual_mm / wh_mm) > ODD_SIZE_RATIO).any(axis=1)
        sound = np.flatnonzero(~is_odd)
    kept = _most_different(distance, sound)
    return kept, Choice(sku, len(thumbnails), len(thumbnails) - len(sound), len(kept))


def _distances(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Root mean square distance (n, n) of each pack's cells from another's as best boxed; inf from itself."""
    count = len(thumbnails)
    if not count:
        return np.zeros((0, 0), np.float32)
    fronts = cells(thumbnails).reshape(count, 1, -1)
    shifted = shifted_cells(thumbnails)
    shifted = shifted.reshape(count, shifted.shape[1], -1)
    distance = np.full((count, count), np.inf, np.float32)
    for index in range(count):
        apart = np.sqrt(((shifted[index] - fronts) ** 2).mean(axis=2)).min(axis=1)
        distance[:, index] = np.where(np.arange(count) == index, np.inf, apart)
    return distance


def _most_different(distance: NDArray[np.float32], sound: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most MOST_CROPS_COUNT of `sound`, each next one the furthest from those before it."""
    if len(sound) <= MOST_CROPS_COUNT:
        return sound
    among = distance[np.ix_(sound, sound)].astype(np.float64)
    np.fill_diagonal(among, 0.0)
    kept = [int(among.sum(axis=1).argmin())]  # the most ordinary pack comes first
    while len(kept) < MOST_CROPS_COUNT:
        kept.append(int(among[:, kept].min(axis=1).argmax()))
    return sound[np.sort(np.array(kept, dtype=np.int64))]
