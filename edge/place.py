# SPDX-License-Identifier: AGPL-3.0-or-later
"""A camera's calibration laid over its frames, ready to count."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.document import Calibration
from calibration.view import CameraView
from contract.model_card import DetectorLabel, ModelCard
from edge.counting import NO_ZONE, PlacedBoxes, ZoneReading, place_boxes, read_zones
from edge.defects import flagged
from edge.detections import Detections
from edge.detector import Detector
from edge.facings import FLOOR_SHARE
from edge.frames import BgrImage
from edge.reference_crops import ReferenceCrops
from edge.second_look import UNSURE, SecondLook, Verdict
from edge.thumbnails import take_thumbnails
from edge.tiling import TilingPlan, plan_tiles
from edge.zone_map import draw_zone_map

TALLEST_TAG_FRACTION = 1.5
"""Of the facings' height: low boxes of gum have tags nearly as tall as themselves."""


@dataclass(frozen=True, slots=True)
class Place:
    """Made once per calibration and frame size. `second_look` None: nobody asks whether a pack is the right one."""

    view: CameraView
    zone_map: NDArray[np.signedinteger]
    second_look: SecondLook | None = None
    _plans: dict[str, TilingPlan] = field(default_factory=dict, init=False, repr=False, compare=False)
    """One per model, by the hash of its file."""

    @classmethod
    def of(cls, calibration: Calibration, frame_wh_px: tuple[int, int], crops: ReferenceCrops | None = None) -> "Place":
        """Lay a calibration over frames of one size.

        Raises CalibrationError when they do not belong together, ReferencesMismatch when the crops do not.
        """
        view = CameraView(calibration, frame_wh_px)
        second_look = None if crops is None else SecondLook(crops.belonging_to(calibration))
        return cls(view, draw_zone_map(view), second_look)

    def count(self, detector: Detector, image_bgr: BgrImage) -> tuple[Detections, list[ZoneReading]]:
        """Detect and count: the boxes that reach the card's thresholds, and one reading per zone."""
        card = detector.card
        found = detector.detect(image_bgr, plan=self.plan_for(card), thresholds=_counting_thresholds(card))
        thresholds = dict(card.confidence_thresholds)
        placed = place_boxes(found, self.zone_map, thresholds)
        flags = flagged(placed.defects, self._verdicts(placed, image_bgr, thresholds))
        readings = read_zones(placed, flags, self.zone_map, self.view, thresholds)
        return found.at_least(thresholds), readings

    def tags_count(self, found: Detections) -> int:
        """Price tags that may be such: one much taller than a facing is a lamp, a tile or a sign."""
        tags = found.of(DetectorLabel.PRICE_TAG).xyxy_px
        return int(np.count_nonzero(tags[:, 3] - tags[:, 1] <= TALLEST_TAG_FRACTION * self.view.facing_height_px))

    def plan_for(self, card: ModelCard) -> TilingPlan:
        """What a model is shown of this camera's frames: all at once, or the bay in tiles where facings are small."""
        plan = self._plans.get(card.onnx_sha256)
        if plan is None:
            plan = self._plans[card.onnx_sha256] = plan_tiles(
                card,
                self.view.frame_wh_px,
                facing_height_px=self.view.facing_height_px,
                largest_facing_wh_px=self.view.largest_facing_wh_px,
                region_px=self.view.bay_box_px,
            )
        return plan

    def _verdicts(
        self, placed: PlacedBoxes, image_bgr: BgrImage, thresholds: dict[DetectorLabel, float]
    ) -> list[Verdict] | None:
        """What the second look says of each product box; None without one. A doubtful box is not asked."""
        if self.second_look is None:
            return None
        sure = placed.products.confidence >= thresholds.get(DetectorLabel.PRODUCT, 1.0)
        asked = np.flatnonzero(sure & (placed.zone != NO_ZONE))
        boxes_px = placed.products.xyxy_px[asked]
        skus = [self.view.calibration.zones[index].sku for index in placed.zone[asked].tolist()]
        verdicts = [UNSURE] * len(placed.products)
        judged = self.second_look.judge(take_thumbnails(image_bgr, boxes_px), skus, box_wh_mm(self.view, boxes_px))
        for index, verdict in zip(asked.tolist(), judged, strict=True):
            verdicts[index] = verdict
        return verdicts


def box_wh_mm(view: CameraView, xyxy_px: NDArray[np.float32]) -> NDArray[np.float64]:
    """Width and height (n, 2) of boxes (n, 4) on the bay plane, measured through their middles; inf beyond it."""
    boxes_px = xyxy_px.astype(np.float64)
    left, top, right, bottom = boxes_px.T
    x_px, y_px = (left + right) / 2, (top + bottom) / 2
    ends_px = [np.stack(end, axis=1) for end in ((left, y_px), (right, y_px), (x_px, top), (x_px, bottom))]
    west, east, north, south = np.split(view.to_bay_mm(np.concatenate(ends_px)), 4)
    wh_mm = np.stack([np.linalg.norm(east - west, axis=1), np.linalg.norm(north - south, axis=1)], axis=1)
    known_mm: NDArray[np.float64] = np.nan_to_num(wh_mm, nan=np.inf)
    return known_mm


def _counting_thresholds(card: ModelCard) -> dict[DetectorLabel, float]:
    """Doubtful boxes weigh in, each by its small probability."""
    return {label: FLOOR_SHARE * threshold for label, threshold in card.confidence_thresholds.items()}
