# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which zones are hidden behind a person or a thing. Pure: what became of the furniture's landmarks in, shares out.

Stock can go; rails, tags and boards cannot. Where the furniture below and above a stretch of shelf is out of sight,
something stands before it, and what is missing between says nothing about the stock.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.document import Zone
from calibration.view import CameraView
from contract.counts import UnknownReason
from edge.counting import ZoneReading
from edge.detections import Detections

BAND_MM = 60.0
"""So far below and above a zone is furniture taken for the zone's own: a rail is 25 to 40 mm high."""

HIDDEN_CORRELATION = 0.5
"""A landmark that correlates less where it should be is out of sight."""

WIDE_MM = 200.0
"""A rail that is out of sight over so much hides what stands on it: somebody's back is 300 mm and more. A changed tag
is 60 to 100 mm wide."""

NARROW_MM = 130.0
"""So much is enough where the rail above is out of sight over it as well."""

RUN_FRACTION = 0.75
"""Share of the landmarks of such a piece of rail that must be out of sight."""

FILLED_FRACTION = 0.8
"""A zone over so much of which goods stand is not hidden, whatever became of its rail. Gaps do not count: a dark coat
may look like one."""

STANDING_MM = 50.0
"""So far above or below the zone's lower edge may a box end that stands on it."""

_LEAST_RUN_COUNT = 3
_WINDOWS_COUNT = 9


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


def hidden_fraction(zone: Zone, sighting: Sighting) -> float:
    """Share of the zone's width before which something stands, 0..1; nought where no furniture can tell.

    The zone is asked at stretches half a facing wide. One is hidden when it belongs to a wide piece of rail that is
    out of sight, or to a narrow piece above which the next rail is out of sight too.
    """
    outline = np.asarray(zone.polygon_mm, dtype=np.float64)
    (left_mm, low_mm), (right_mm, high_mm) = outline.min(axis=0), outline.max(axis=0)
    count = max(1, round(2 * (right_mm - left_mm) / zone.facing_width_mm))
    middles_mm = left_mm + (np.arange(count) + 0.5) * (right_mm - left_mm) / count
    y_mm = sighting.spots_mm[:, 1]
    below, above = np.abs(y_mm - low_mm) <= BAND_MM, np.abs(y_mm - high_mm) <= BAND_MM
    wide = _in_a_hidden_run(middles_mm, sighting, below, WIDE_MM)
    narrow = _in_a_hidden_run(middles_mm, sighting, below, NARROW_MM) & _in_a_hidden_run(
        middles_mm, sighting, above, NARROW_MM
    )
    return float((wide | narrow).mean())


def hides_a_facing(zone: Zone, fraction: float) -> bool:
    """Whether so much of the zone is hidden that its count would be wrong."""
    return fraction * zone.expected_facings_count >= 0.5  # noqa: PLR2004 - half a facing


def without_hidden(
    readings: list[ZoneReading], sighting: Sighting, products: Detections, view: CameraView
) -> list[ZoneReading]:
    """The readings, those of zones that are hidden replaced by `unknown: occluded`.

    `products` are in pixels of `view`. A zone in which goods stand side by side from end to end hides nothing: there,
    something new was put on the rail.
    """
    return [_unless_hidden(reading, sighting, products, view) for reading in readings]


def _unless_hidden(reading: ZoneReading, sighting: Sighting, products: Detections, view: CameraView) -> ZoneReading:
    if reading.facings is None:
        return reading
    fraction = hidden_fraction(reading.zone, sighting)
    if not hides_a_facing(reading.zone, fraction):
        return replace(reading, occluded_fraction=fraction)
    if _is_filled(reading.zone, products, view):
        return reading
    return ZoneReading(reading.zone, None, reason=UnknownReason.OCCLUDED, occluded_fraction=fraction)


def _is_filled(zone: Zone, products: Detections, view: CameraView) -> bool:
    """Whether goods that stand on the zone's own board together span most of its width."""
    boxes_px = products.xyxy_px.astype(np.float64)
    starts_mm, ends_mm = view.to_bay_mm(boxes_px[:, [0, 3]]), view.to_bay_mm(boxes_px[:, [2, 3]])
    outline = np.asarray(zone.polygon_mm, dtype=np.float64)
    (left_mm, low_mm), (right_mm, _) = outline.min(axis=0), outline.max(axis=0)
    standing = np.abs((starts_mm[:, 1] + ends_mm[:, 1]) / 2 - low_mm) <= STANDING_MM
    spans = np.clip(np.stack([starts_mm[standing, 0], ends_mm[standing, 0]], axis=1), left_mm, right_mm)
    reached_mm, spanned_mm = left_mm, 0.0
    for start_mm, end_mm in spans[np.argsort(spans[:, 0])].tolist():
        spanned_mm += max(0.0, end_mm - max(start_mm, reached_mm))
        reached_mm = max(reached_mm, end_mm)
    return bool(spanned_mm >= FILLED_FRACTION * (right_mm - left_mm))


def _in_a_hidden_run(
    middles_mm: NDArray[np.float64], sighting: Sighting, band: NDArray[np.bool_], run_mm: float
) -> NDArray[np.bool_]:
    """Which places along a rail lie in a piece of it, `run_mm` long, that is out of sight; bool (places,)."""
    x_mm, hidden = sighting.spots_mm[band, 0], sighting.is_hidden[band]
    starts_mm = middles_mm[:, None] - run_mm * np.linspace(0.05, 0.95, _WINDOWS_COUNT)
    inside = (x_mm >= starts_mm[..., None]) & (x_mm <= starts_mm[..., None] + run_mm)
    asked, lost = inside.sum(axis=2), (inside & hidden).sum(axis=2)
    runs = (asked >= _LEAST_RUN_COUNT) & (lost >= RUN_FRACTION * asked)
    # The place itself must be hidden: a run may begin beside it.
    beside = np.abs(x_mm - middles_mm[:, None]) <= run_mm / 4
    here = (beside & hidden).sum(axis=1) * 2 >= np.maximum(beside.sum(axis=1), 1)
    return np.asarray(runs.any(axis=1) & here)
