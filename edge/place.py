# SPDX-License-Identifier: AGPL-3.0-or-later
"""A camera's calibration laid over its frames, ready to count."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.document import Calibration
from calibration.view import CameraView
from contract.model_card import DetectorLabel, ModelCard
from edge.counting import ZoneReading, count_zones
from edge.detections import Detections
from edge.detector import Detector
from edge.facings import FLOOR_SHARE
from edge.frames import BgrImage
from edge.tiling import TilingPlan, plan_tiles
from edge.zone_map import draw_zone_map


@dataclass(frozen=True, slots=True)
class Place:
    """Made once per calibration and frame size."""

    view: CameraView
    zone_map: NDArray[np.int16]
    _plans: dict[str, TilingPlan] = field(default_factory=dict, init=False, repr=False, compare=False)
    """One per model, by the hash of its file."""

    @classmethod
    def of(cls, calibration: Calibration, frame_wh_px: tuple[int, int]) -> "Place":
        """Lay a calibration over frames of one size.

        Raises CalibrationError when they do not belong together.
        """
        view = CameraView(calibration, frame_wh_px)
        return cls(view, draw_zone_map(view))

    def count(self, detector: Detector, image_bgr: BgrImage) -> tuple[Detections, list[ZoneReading]]:
        """Detect and count: the boxes that reach the card's thresholds, and one reading per zone."""
        card = detector.card
        found = detector.detect(image_bgr, plan=self.plan_for(card), thresholds=_counting_thresholds(card))
        thresholds = dict(card.confidence_thresholds)
        return found.at_least(thresholds), count_zones(found, self.zone_map, self.view, thresholds)

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


def _counting_thresholds(card: ModelCard) -> dict[DetectorLabel, float]:
    """Doubtful boxes weigh in, each by its small probability."""
    return {label: FLOOR_SHARE * threshold for label, threshold in card.confidence_thresholds.items()}
