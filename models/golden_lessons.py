# SPDX-License-Identifier: AGPL-3.0-or-later
"""Boxes to learn from, without anybody drawing one: golden counts say where a model's own boxes may be believed.

In a zone that the model counts as the person did, its boxes at its thresholds are taken for the truth. A zone where
the two differ costs nothing in training, nor does what lies outside the counted zones: nobody knows what is right.
Each label is believed by its own count. Right counts of wrong boxes (one missed, one made up) pass; they are rare and
the gate stands behind them. Pure.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contract.model_card import DetectorLabel
from edge.counting import assign_zones, without_rivals
from edge.place import Place
from models.annotations import Boxes, as_boxes
from models.recounting import Look, Thresholds, ZoneTally

MOST_GAP_ERROR_FACINGS = 0.5
BANDS_COUNT = 96
"""Regions that cost nothing are laid out in so many bands over the height of a picture."""


TAUGHT_LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP)
"""Nobody counts price tags, and too few packs of a store are harmed: these labels live on by the renders alone."""


@dataclass(frozen=True)
class Lesson:
    """What one picture teaches of each taught label: boxes, and regions in which it costs nothing, in pixels."""

    boxes_px: dict[DetectorLabel, Boxes]
    ignored_px: dict[DetectorLabel, Boxes]
    taught_zones_count: int
    """Zones whose products teach."""


def lesson_of(look: Look, thresholds: Thresholds) -> Lesson:
    """The believed boxes of one golden frame as a model sees it at `thresholds`."""
    zone_ids = [zone.zone_id for zone, _ in look.place.view.zone_polygons_px]
    bars = dict(thresholds)
    sure = look.found.at_least(bars)
    kept = without_rivals(sure.of(DetectorLabel.PRODUCT), sure.of(DetectorLabel.GAP), bars)
    zones = look.tally(thresholds).zones
    believed = {
        label: [zone_ids.index(zone.zone_id) for zone in zones if _agrees(label, zone)] for label in TAUGHT_LABELS
    }
    boxes = {
        label: as_boxes(found.xyxy_px[np.isin(assign_zones(found.xyxy_px, look.place.zone_map), believed[label])])
        for label, found in zip(TAUGHT_LABELS, kept, strict=True)
    }
    ignored = {label: regions_outside(look.place, believed[label]) for label in TAUGHT_LABELS}
    return Lesson(boxes, ignored, len(believed[DetectorLabel.PRODUCT]))


def _agrees(label: DetectorLabel, zone: ZoneTally) -> bool:
    """Whether the boxes of a label in a zone are taken for the truth."""
    if label is DetectorLabel.PRODUCT:
        return zone.truth.facings_count is not None and zone.facings_error == 0
    return zone.truth.gap_facings is not None and zone.gap_error < MOST_GAP_ERROR_FACINGS


def regions_outside(place: Place, zone_indexes: list[int]) -> Boxes:
    """Rectangles (n, 4), in pixels, that cover what none of these zones covers, to a band's height.

    A band that a zone only partly fills goes by its middle row.
    """
    believed = np.isin(place.zone_map, zone_indexes)
    height_px = len(believed)
    edges = np.unique(np.linspace(0, height_px, min(BANDS_COUNT, height_px) + 1).round().astype(int))
    regions: list[tuple[float, float, float, float]] = []
    open_runs: dict[tuple[int, int], int] = {}
    for top, bottom in pairwise(edges):
        runs = _runs(~believed[(top + bottom) // 2])
        ended = [run for run in open_runs if run not in runs]
        regions += [(left, open_runs.pop((left, right)), right, top) for left, right in ended]
        for run in runs:
            open_runs.setdefault(run, int(top))
    regions += [(left, since, right, height_px) for (left, right), since in open_runs.items()]
    return as_boxes(regions)


def _runs(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of True in a row, as start and end."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
    return [(int(left), int(right)) for left, right in zip(steps[::2], steps[1::2], strict=True)]
