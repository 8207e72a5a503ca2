# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which of the packs seen at calibration become reference crops: no odd one, evenly from all photographs. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.crop_banks import CropBanks

LEAST_CROPS_COUNT = 2
"""One crop alone cannot say how much packs of a product differ."""

MOST_CROPS_COUNT = 24
"""Each facing is seen at its own angle, so a wide zone needs many."""

ODD_DISTANCE = 0.2
"""A pack further than this from all others of its product, in root mean square of features, may be odd."""

ODD_RATIO = 2.0
"""And is, when that is so many times as far as packs of it usually are."""

ODD_SIZE_RATIO = 1.5
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

    `thumbnails` uint8 (n, HEIGHT_PX, WIDTH_PX, 3) and `wh_mm` (n, 2) are all packs of one product, photograph by
    photograph. A pack unlike the rest is left out: a turned or foreign one among the references would make that look
    right ever after. Of the others every one so many is kept, not the most different: how much good packs differ is
    learnt from those kept.
    """
    sound = np.arange(len(thumbnails))
    if len(sound) >= _LEAST_TO_JUDGE_COUNT:
        banks = CropBanks(thumbnails, np.zeros(len(sound), np.int64))
        nearest = banks.fit(banks.planes, banks.product, banks.place).distance
        is_odd = nearest > max(ODD_DISTANCE, ODD_RATIO * float(np.median(nearest)))
        usual_mm = np.median(wh_mm, axis=0)
        is_odd |= (np.maximum(wh_mm / usual_mm, usual_mm / wh_mm) > ODD_SIZE_RATIO).any(axis=1)
        sound = np.flatnonzero(~is_odd)
    kept = sound
    if len(sound) > MOST_CROPS_COUNT:
        kept = sound[np.arange(MOST_CROPS_COUNT) * len(sound) // MOST_CROPS_COUNT]
    return kept, Choice(sku, len(thumbnails), len(thumbnails) - len(sound), len(kept))
