# SPDX-License-Identifier: AGPL-3.0-or-later
"""What truly stands in a zone, as stated or as counted from boxes that a person drew. Pure."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calibration.document import Calibration
from calibration.view import CameraView
from contract.counts import DefectKind
from contract.model_card import DEFECT_LABELS, DetectorLabel
from edge.counting import count_zones
from edge.detections import Detections
from edge.zone_map import draw_zone_map
from models.annotations import Photograph

ALL_LABELS = tuple(DetectorLabel)


@dataclass(frozen=True)
class ZoneTruth:
    """Facings, empty facings and defects of one zone; None where nobody counted them."""

    facings_count: int | None = None
    gap_facings: float | None = None
    defects_count: dict[DetectorLabel, int] = field(default_factory=dict)
    """Only the kinds that somebody looked for."""

    def as_row(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "facings_count": self.facings_count,
            "gap_facings": self.gap_facings,
            "defects_count": {label.value: count for label, count in self.defects_count.items()},
        }


def truth_of_boxes(photograph: Photograph, calibration: Calibration) -> dict[str, ZoneTruth]:
    """Each zone counted by the node's own rule from drawn boxes, which are certain.

    Only labels that the photograph is complete for are counted, and only in zones that no ignored region of theirs
    touches. A defect is one of a product, once a pack, so it is counted only where products are.
    Raises CalibrationError when photograph and calibration do not belong together.
    """
    view = CameraView(calibration, photograph.wh_px)
    zone_map = draw_zone_map(view)
    drawn = _certain(photograph)
    readings = count_zones(drawn, zone_map, view, dict.fromkeys(ALL_LABELS, 0.5))
    counted = {}
    for index, reading in enumerate(readings):
        sound = {
            label
            for label in photograph.complete_for
            if not any((_part(zone_map, box) == index).any() for box in photograph.ignored_px[label])
        }
        if reading.facings is None or not sound:
            continue
        kinds = sorted(DEFECT_LABELS & sound) if DetectorLabel.PRODUCT in sound else []
        counted[reading.zone.zone_id] = ZoneTruth(
            reading.facings.mode_count if DetectorLabel.PRODUCT in sound else None,
            round(reading.gap_facings, 2) if DetectorLabel.GAP in sound else None,
            {kind: reading.defects.get(DefectKind(kind.value), 0) for kind in kinds},
        )
    return counted


def merged(stated: dict[str, ZoneTruth], counted: dict[str, ZoneTruth]) -> tuple[dict[str, ZoneTruth], list[str]]:
    """Counts with what the boxes add to them, and a line for every zone in which the two disagree on facings."""
    faults = []
    whole = dict(counted)
    for zone_id, truth in stated.items():
        other = counted.get(zone_id, ZoneTruth())
        if None not in (truth.facings_count, other.facings_count) and truth.facings_count != other.facings_count:
            faults.append(
                f"facings.{zone_id}: {truth.facings_count} stated, {other.facings_count} boxes drawn; correct one"
            )
        whole[zone_id] = ZoneTruth(
            other.facings_count if truth.facings_count is None else truth.facings_count,
            other.gap_facings if truth.gap_facings is None else truth.gap_facings,
            {**other.defects_count, **truth.defects_count},
        )
    return whole, faults


def _certain(photograph: Photograph) -> Detections:
    """Drawn boxes as detections of confidence 1."""
    parts = [photograph.boxes_px[label] for label in ALL_LABELS]
    xyxy_px = np.concatenate(parts).astype(np.float32)
    class_id = np.repeat(np.arange(len(ALL_LABELS)), [len(part) for part in parts]).astype(np.int64)
    return Detections(xyxy_px, np.ones(len(xyxy_px), dtype=np.float32), class_id, ALL_LABELS)


def _part(zone_map: Any, box: Any) -> Any:
    left, top, right, bottom = (max(0, int(edge)) for edge in (box[0], box[1], np.ceil(box[2]), np.ceil(box[3])))
    return zone_map[top:bottom, left:right]
