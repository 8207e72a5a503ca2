# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a picture shows anything at all. Pure: small arrays in, a reason or None out. No sight is never zero."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.counts import UnknownReason
from edge.counting import ZoneReading

BLACK_MEAN_GREY = 14.0
BLACK_BRIGHTEST_GREY = 48.0
"""A picture whose 99th percentile is below this and whose mean is below the other shows nothing but darkness."""

FLAT_SPREAD_GREY = 3.0
"""Standard deviation below which a picture is one flat colour: a hand, a sticker, spray, a lens cap in the light."""

BLURRED_SHARPNESS = 0.07
"""Blurred whatever this camera was like before; shelves blurred by a Gaussian of 5 px at 640 px width have this."""

BLURRED_SHARE = 0.45
"""Blurred when sharpness falls below this share of this camera's own usual sharpness: a Gaussian of 2 px does it."""

LEAST_FROZEN_LOOKS = 4

OVERLAY_FRACTION = 0.06
"""A picture that changes within a rectangle of this share and nowhere else is frozen under a clock that the camera
writes on it. Noise changes all over."""

LEAST_SHELF_FRACTION = 0.1
LEAST_TAGS_COUNT = 2
MOST_SHELF_FRACTION = 2.0
MOST_SURPLUS_COUNT = 5
"""A shelf holds a second tier at most; beyond twice the plan and a few more, what is counted is not this shelf."""

_REMEMBERED_LOOKS = 50
_LEAST_REMEMBERED_LOOKS = 5


@dataclass(slots=True)
class FrozenWatch:
    """Notices that a live camera sends the same picture again and again.

    A sensor always has noise, so two looks of a working camera are never equal. A file camera may well show the same
    file for hours, so it is not watched (`frozen_after_s` is None).
    """

    frozen_after_s: float | None
    tolerance_grey: float = 0.0
    _first: NDArray[np.uint8] | None = None
    _first_s: float = 0.0
    _equal_looks: int = 0

    def is_frozen(self, sample: NDArray[np.uint8], monotonic_s: float) -> bool:
        """Take one look's unaveraged grey sample."""
        if self.frozen_after_s is None:
            return False
        if self._first is None or not self._equal(self._first, sample):
            self._first, self._first_s, self._equal_looks = sample, monotonic_s, 1
            return False
        self._equal_looks += 1
        return self._equal_looks >= LEAST_FROZEN_LOOKS and monotonic_s - self._first_s >= self.frozen_after_s

    def _equal(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
        if first.shape != second.shape:
            return False
        difference = np.abs(first.astype(np.int16) - second.astype(np.int16))
        if float(difference.mean()) <= self.tolerance_grey:
            return True
        rows, columns = (np.flatnonzero(difference.any(axis=axis)) for axis in (1, 0))
        return bool((np.ptp(rows) + 1) * (np.ptp(columns) + 1) <= OVERLAY_FRACTION * difference.size)


class BlurWatch:
    """Knows how sharp this camera usually is."""

    def __init__(self) -> None:
        self._usual: deque[float] = deque(maxlen=_REMEMBERED_LOOKS)

    def is_blurred(self, sharpness: float) -> bool:
        """Take one look's sharpness; only sharp looks are remembered, so a blurred lens does not become usual."""
        blurred = sharpness < BLURRED_SHARPNESS
        if len(self._usual) >= _LEAST_REMEMBERED_LOOKS:
            blurred = blurred or sharpness < BLURRED_SHARE * float(np.median(self._usual))
        if not blurred:
            self._usual.append(sharpness)
        return blurred


def darkness(thumbnail: NDArray[np.uint8]) -> UnknownReason | None:
    """Reason why a grey thumbnail shows nothing: black, or one flat colour as of a covered lens."""
    if thumbnail.mean() < BLACK_MEAN_GREY and np.percentile(thumbnail, 99) < BLACK_BRIGHTEST_GREY:
        return UnknownReason.BLACK
    if thumbnail.std() < FLAT_SPREAD_GREY:
        return UnknownReason.COVERED
    return None


def shows_shelf(readings: list[ZoneReading], tags_count: int, *, places_count: int) -> bool:
    """Whether the calibrated view holds a shelf at all.

    A truly emptied shelf still shows its gaps and its price tags. Where facings and empty facings together make less
    than a tenth of what the planogram expects, and no two tags are seen either, the camera looks at something else.
    So it does where far more facings are counted than the shelf can hold: a tiled wall, another fixture. And where no
    product or gap is sure anywhere (`places_count`), nor two tags: many doubts may add up to facings, not to a shelf.
    """
    expected_count = sum(reading.zone.expected_facings_count for reading in readings if reading.facings is not None)
    if expected_count == 0:
        return True
    facings_count = sum(r.facings.mean_count for r in readings if r.facings is not None)
    if facings_count > MOST_SHELF_FRACTION * expected_count + MOST_SURPLUS_COUNT:
        return False
    if places_count == 0 and tags_count < LEAST_TAGS_COUNT:
        return False
    found_count = facings_count + sum(r.gap_facings for r in readings if r.facings is not None)
    return found_count >= LEAST_SHELF_FRACTION * expected_count or tags_count >= LEAST_TAGS_COUNT
