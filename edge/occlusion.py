# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which zones are hidden behind a person or a thing. Pure: what became of the furniture's landmarks in, shares out.

Stock can go; rails, tags and boards cannot. Where the furniture below and above a stretch of shelf is out of sight,
something stands before it, and what is missing between says nothing about the stock.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from calibration.document import Zone
from calibration.view import CameraView
from contract.counts import UnknownReason
from edge.counting import ZoneReading
from edge.detections import Detections

BAND_MM = 60.0
"""So far below a zone are landmarks taken for those of its own rail."""

HIDDEN_CORRELATION = 0.5
"""A landmark that correlates less where it should be is out of sight."""

HIDDEN_RUNS = ((150.0, 0.85), (250.0, 0.7))
"""Lengths in millimetres of a piece of rail, and the share of its landmarks that must be out of sight for it to count
as hidden. A head is 150 mm wide, a back 300 and more; a tag that was changed touches landmarks over 120 mm. The longer
piece is for clothes on which some landmarks seem to be found."""

STANDING_MM = 50.0
"""So far above or below the zone's lower edge may a box of goods end that stands on it. What a shopper carries, or what
a detector takes for goods on a coat, seldom ends there. Gaps prove nothing: a dark coat may look like one."""

_LEAST_RUN_COUNT = 3
_WINDOWS_COUNT = 9
_BESIDE_MM = 35.0


Spans: TypeAlias = NDArray[np.float64]
NO_SPANS: Spans = np.zeros((0, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The furniture's landmarks in one look: `spots_mm` float64 (n, 2) on the bay, `is_hidden` bool (n,)."""

    spots_mm: NDArray[np.float64]
    is_hidden: NDArray[np.bool_]

    @classmethod
    def of(cls, spots_mm: NDArray[np.float64], correlations: NDArray[np.float32]) -> "Sighting":
        """From the correlation float32 (n,) of each landmark, NaN where it lies outside the picture."""
        judged = np.isfinite(correlations) & np.isfinite(spots_mm).all(axis=1)
        return cls(spots_mm[judged], correlations[judged] < HIDDEN_CORRELATION)


def hidden_fraction(zone: Zone, sighting: Sighting, spans_mm: Spans = NO_SPANS) -> float:
    """Share of the zone's width before which something stands, 0..1; nought where no rail can tell.

    The zone is asked at stretches half a facing wide. One is hidden when it belongs to a piece of the rail below that
    is out of sight, unless goods are seen in it: `spans_mm` float64 (n, 2) from left to right. Then something new was
    put on the rail. A stretch next to a hidden one is hidden too, since what hides a rail may be wider above it.
    """
    outline = np.asarray(zone.polygon_mm, dtype=np.float64)
    (left_mm, low_mm), right_mm = outline.min(axis=0), outline[:, 0].max()
    count = max(1, round(2 * (right_mm - left_mm) / zone.facing_width_mm))
    # One stretch more on each side: somebody may stand before the neighbouring zone and lean over.
    middles_mm = left_mm + (np.arange(-1, count + 1) + 0.5) * (right_mm - left_mm) / count
    x_mm, y_mm = sighting.spots_mm.T
    below = (y_mm <= low_mm + BAND_MM / 4) & (y_mm >= low_mm - BAND_MM)
    hidden = np.zeros(len(middles_mm), dtype=bool)
    for run_mm, least_fraction in HIDDEN_RUNS:
        hidden |= _in_a_hidden_run(middles_mm, x_mm[below], sighting.is_hidden[below], run_mm, least_fraction)
    hidden &= ~((middles_mm[:, None] >= spans_mm[:, 0]) & (middles_mm[:, None] <= spans_mm[:, 1])).any(axis=1)
    return float((hidden[:-2] | hidden[1:-1] | hidden[2:]).mean())


def without_hidden(
    readings: list[ZoneReading], sighting: Sighting, products: Detections, view: CameraView
) -> list[ZoneReading]:
    """The readings, those of zones that are hidden, wholly or in part, replaced by `unknown: occluded`.

    `products` are in pixels of `view`.
    """
    boxes_px = products.xyxy_px.astype(np.float64)
    feet_mm = np.concatenate([view.to_bay_mm(boxes_px[:, [0, 3]]), view.to_bay_mm(boxes_px[:, [2, 3]])], axis=1)
    return [_unless_hidden(reading, sighting, feet_mm) for reading in readings]


def _unless_hidden(reading: ZoneReading, sighting: Sighting, feet_mm: NDArray[np.float64]) -> ZoneReading:
    """`feet_mm` float64 (n, 4) are the lower left and the lower right corners of the boxes of goods."""
    if reading.facings is None:
        return reading
    low_mm = min(y_mm for _, y_mm in reading.zone.polygon_mm)
    standing = np.abs((feet_mm[:, 1] + feet_mm[:, 3]) / 2 - low_mm) <= STANDING_MM
    fraction = hidden_fraction(reading.zone, sighting, feet_mm[standing][:, [0, 2]])
    if fraction == 0:
        return reading
    return ZoneReading(reading.zone, None, reason=UnknownReason.OCCLUDED, occluded_fraction=fraction)


def _in_a_hidden_run(
    middles_mm: NDArray[np.float64],
    x_mm: NDArray[np.float64],
    hidden: NDArray[np.bool_],
    run_mm: float,
    least_fraction: float,
) -> NDArray[np.bool_]:
    """Which places along a rail lie in a piece of it, `run_mm` long, that is out of sight; bool (places,).

    `x_mm` and `hidden` (landmarks,) are those of the rail.
    """
    starts_mm = middles_mm[:, None] - run_mm * np.linspace(0.05, 0.95, _WINDOWS_COUNT)
    inside = (x_mm >= starts_mm[..., None]) & (x_mm <= starts_mm[..., None] + run_mm)
    asked, lost = inside.sum(axis=2), (inside & hidden).sum(axis=2)
    runs = (asked >= _LEAST_RUN_COUNT) & (lost >= least_fraction * asked)
    # The place itself must be hidden: a run may begin beside it.
    beside = np.abs(x_mm - middles_mm[:, None]) <= _BESIDE_MM
    here = (beside & hidden).sum(axis=1) * 2 >= np.maximum(beside.sum(axis=1), 1)
    return np.asarray(runs.any(axis=1) & here)
