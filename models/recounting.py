# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden frames counted at any thresholds: the network looks once at each, the node's counting as often as needed.

A box that a higher threshold drops never kept a surer one alive or down (suppression walks from the surest), so the
boxes found at a low threshold, cut at a higher one, are those that a node at the higher one finds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from contract.counts import FacingsDistribution
from contract.model_card import DetectorLabel
from edge.counting import ZoneReading, count_zones
from edge.detections import Detections
from edge.detector import Detector
from edge.errors import EdgeError
from edge.facings import FLOOR_SHARE
from edge.picture_file import read_picture
from edge.place import Place
from edge.sight import shows_shelf
from models.errors import GoldenError, WorkshopError
from models.golden import GoldenFrame
from models.golden_truth import ZoneTruth

LEAST_THRESHOLD, MOST_THRESHOLD = 0.05, 0.9
"""Among these a threshold is sought."""

Thresholds = Mapping[DetectorLabel, float]


@dataclass(frozen=True)
class ZoneTally:
    """One zone of one frame: the truth, what was counted, and how far the two are apart."""

    zone_id: str
    truth: ZoneTruth
    facings_count: int
    """The likeliest number, which a node shows."""
    ranked_score: float
    """How far the node's distribution of facings is from the truth, in facings; 0 where nobody counted them."""
    gap_facings: float
    defects_count: dict[DetectorLabel, int]

    @property
    def facings_error(self) -> int:
        """|counted - true| facings; 0 where nobody counted them."""
        return 0 if self.truth.facings_count is None else abs(self.facings_count - self.truth.facings_count)

    @property
    def gap_error(self) -> float:
        """|counted - true| empty facings; 0 where nobody counted them."""
        return 0.0 if self.truth.gap_facings is None else abs(self.gap_facings - self.truth.gap_facings)

    @property
    def defects_error(self) -> int:
        """Sum of |counted - true| over the kinds that somebody looked for."""
        return sum(abs(self.defects_count.get(kind, 0) - count) for kind, count in self.truth.defects_count.items())


@dataclass(frozen=True)
class FrameTally:
    """One frame counted at one set of thresholds."""

    picture: str
    zones: tuple[ZoneTally, ...]
    is_shelf: bool
    """False where a node would say `no_shelf` and report nothing."""

    @property
    def loss(self) -> float:
        """What a choice of thresholds is to make small: errors of all kinds, in facings."""
        return sum(zone.ranked_score + zone.gap_error + zone.defects_error for zone in self.zones)


@dataclass
class Look:
    """One golden frame as one network saw it, down to the least threshold."""

    frame: GoldenFrame
    place: Place
    found: Detections
    _kept: dict[tuple[float, ...], FrameTally] = field(default_factory=dict)

    def tally(self, thresholds: Thresholds) -> FrameTally:
        """Count at these thresholds, as `Place.count` does."""
        key = tuple(thresholds[label] for label in self.found.labels)
        if key not in self._kept:
            floors = {label: FLOOR_SHARE * threshold for label, threshold in thresholds.items()}
            unsure, bars = self.found.at_least(floors), dict(thresholds)
            readings = count_zones(unsure, self.place.zone_map, self.place.view, bars)
            self._kept[key] = tally(self.frame, unsure.at_least(bars), readings)
        return self._kept[key]


def look(frame: GoldenFrame, detector: Detector) -> Look:
    """Run the network over one golden frame.

    Raises GoldenError when its picture cannot be read or does not belong to its calibration, WorkshopError when the
    network fails.
    """
    image_bgr, place = opened(frame)
    card = detector.card
    floors = {label: FLOOR_SHARE * min(LEAST_THRESHOLD, card.confidence_thresholds[label]) for label in card.labels}
    try:
        found = detector.detect(image_bgr, plan=place.plan_for(card), thresholds=floors)
    except EdgeError as error:
        raise WorkshopError(str(error)) from error
    return Look(frame, place, found)


def opened(frame: GoldenFrame) -> tuple[NDArray[np.uint8], Place]:
    """Picture uint8 (height, width, 3) and its calibration laid over it. Raises GoldenError."""
    try:
        image_bgr = read_picture(frame.picture)
        return image_bgr, Place.of(frame.calibration, (image_bgr.shape[1], image_bgr.shape[0]))
    except EdgeError as error:
        raise GoldenError(str(error)) from error
    except CalibrationError as error:
        raise GoldenError(f"{frame.picture}: {error}") from error


def count_as_node(frame: GoldenFrame, detector: Detector) -> FrameTally:
    """Count one frame through the node's own door, at the thresholds of the detector's card."""
    image_bgr, place = opened(frame)
    try:
        found, readings = place.count(detector, image_bgr)
    except EdgeError as error:
        raise WorkshopError(str(error)) from error
    return tally(frame, found, readings)


def tally(frame: GoldenFrame, found: Detections, readings: list[ZoneReading]) -> FrameTally:
    """Readings of a frame's zones beside their truth. `found` are the boxes at or above the thresholds.

    Defects are the readings' own, as a node reports them: once a pack, over a sure product.
    """
    zones = []
    for reading in readings:
        truth = frame.truth.get(reading.zone.zone_id)
        if truth is None or reading.facings is None:
            continue
        zones.append(
            ZoneTally(
                zone_id=reading.zone.zone_id,
                truth=truth,
                facings_count=reading.facings.mode_count,
                ranked_score=ranked_score(reading.facings, truth.facings_count),
                gap_facings=reading.gap_facings,
                defects_count={DetectorLabel(kind.value): count for kind, count in reading.defects.items()},
            )
        )
    is_shelf = shows_shelf(
        readings,
        found.count_of(DetectorLabel.PRICE_TAG),
        places_count=found.count_of(DetectorLabel.PRODUCT, DetectorLabel.GAP),
    )
    return FrameTally(frame.picture.name, tuple(zones), is_shelf)


def open_detector(onnx_file: Path) -> Detector:
    """The node's detector on two threads. Raises WorkshopError when file or card cannot be used."""
    try:
        return Detector(onnx_file, threads_count=2)
    except EdgeError as error:
        raise WorkshopError(str(error)) from error


def ranked_score(facings: FacingsDistribution, true_count: int | None) -> float:
    """Ranked probability score of a distribution: the sum over counts k of (P(facings <= k) - [truth <= k]) squared.

    It is |count - truth| for a certain count, and proper: saying more than one knows never pays (Epstein 1969;
    Gneiting and Raftery 2007, section 4.2). 0 where nobody counted.
    """
    if true_count is None:
        return 0.0
    lowest, highest = min(facings.lowest_count, true_count), facings.lowest_count + len(facings.probabilities)
    counts = np.arange(lowest, max(highest, true_count + 1))
    chances = np.zeros(len(counts))
    start = facings.lowest_count - lowest
    chances[start : start + len(facings.probabilities)] = facings.probabilities
    return float(((np.minimum(chances.cumsum(), 1.0) - (counts >= true_count)) ** 2).sum())
