# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings bench second-look`: how many wrong packs the second look finds on rendered shelves, and what it costs.

Reference crops are taken from tidy shelves with the detector's own boxes, as an integrator takes them; then shelves are
shown on which some packs are misplaced, damaged, toppled or turned.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contract.model_card import DetectorLabel
from edge.counting import NO_ZONE, place_boxes
from edge.defects import overlaps
from edge.detector import Detector
from edge.model_file import shipped_model
from edge.place import Place, box_wh_mm
from edge.second_look import Finding, SecondLook
from edge.take_references import chosen_crops, crops_of, joined
from edge.thumbnails import take_thumbnails
from simulator.cameras.bay_view import calibration_of
from simulator.rig.spoilt_shelves import Shelf, Wrong, spoilt_shelves, tidy_shelves
from simulator.store.plan import STORES_FOLDER, StorePlan, load_store_plan

SAME_IOU = 0.5


@dataclass(slots=True)
class SecondLookScore:
    """Findings by what is true of a box: `findings[wrong][finding]`; boxes of no true facing count as `stray`."""

    findings: dict[str, Counter[str]] = field(default_factory=dict)
    named_count: int = 0
    """Misplaced packs of which the right product was named."""
    look_s: float = 0.0
    detector_s: float = 0.0

    def count(self, wrong: str, *findings: Finding) -> int:
        """Boxes of which that is true and one of these was said."""
        return sum(self.findings.get(wrong, Counter())[finding.value] for finding in findings)

    def boxes_count(self, wrong: str) -> int:
        """Boxes of which that is true."""
        return sum(self.findings.get(wrong, Counter()).values())

    def to_dict(self) -> dict[str, Any]:
        """The figures, fractions rounded."""
        flags = (Finding.MISPLACED, Finding.WRONG_FACE, Finding.DAMAGED)
        sound_count = self.boxes_count(Wrong.NOTHING)
        misplaced_said = sum(counts[Finding.MISPLACED.value] for counts in self.findings.values())
        return {
            "findings": {wrong: dict(sorted(counts.items())) for wrong, counts in sorted(self.findings.items())},
            "misplaced_recall": _share(self.count(Wrong.MISPLACED, Finding.MISPLACED), self.boxes_count("misplaced")),
            "misplaced_precision": _share(self.count(Wrong.MISPLACED, Finding.MISPLACED), misplaced_said),
            "misplaced_named_fraction": _share(self.named_count, self.count(Wrong.MISPLACED, Finding.MISPLACED)),
            "wrong_face_recall": _share(
                self.count(Wrong.WRONG_FACE, Finding.WRONG_FACE), self.boxes_count(Wrong.WRONG_FACE)
            ),
            "damaged_recall": _share(self.count(Wrong.DAMAGED, Finding.DAMAGED), self.boxes_count(Wrong.DAMAGED)),
            "defect_recall": _share(
                sum(self.count(wrong, *flags) for wrong in (Wrong.DAMAGED, Wrong.WRONG_FACE, Wrong.TOPPLED)),
                sum(self.boxes_count(wrong) for wrong in (Wrong.DAMAGED, Wrong.WRONG_FACE, Wrong.TOPPLED)),
            ),
            "false_flags_fraction": _share(self.count(Wrong.NOTHING, *flags), sound_count),
            "sound_boxes_count": sound_count,
            "cost_over_detector_run": _share(self.look_s, self.detector_s),
        }


def measure_second_look(
    *,
    references_count: int,
    pictures_count: int,
    seed: int,
    onnx_file: Path | None = None,
    plan: StorePlan | None = None,
    progress: Callable[[], None] = lambda: None,
) -> SecondLookScore:
    """Look at every bay of the minimarket; `progress` is called after each picture."""
    plan = plan or load_store_plan(STORES_FOLDER / "minimarket.toml")
    detector = Detector(onnx_file or shipped_model(), threads_count=1)
    score = SecondLookScore()
    for bay in plan.bays:
        place = Place.of(calibration_of(bay), bay.image_wh_px)
        tidy = []
        for shelf in tidy_shelves(plan, bay, count=references_count, seed=seed):
            tidy.append(crops_of(shelf.image_bgr, place, detector))
            progress()
        crops, _ = chosen_crops(joined(tidy), place.view.calibration, detector.card.model_id)
        look = SecondLook(crops)
        for shelf in spoilt_shelves(plan, bay, count=pictures_count, seed=seed + 1):
            _score_picture(score, shelf, place, detector, look)
            progress()
    return score


def pictures_total(plan: StorePlan, references_count: int, pictures_count: int) -> int:
    """Pictures that `measure_second_look` draws."""
    return len(plan.bays) * (references_count + pictures_count)


def _score_picture(score: SecondLookScore, shelf: Shelf, place: Place, detector: Detector, look: SecondLook) -> None:
    thresholds = dict(detector.card.confidence_thresholds)
    started_s = time.process_time()
    found = detector.detect(shelf.image_bgr, facing_height_px=place.view.facing_height_px, thresholds=thresholds)
    detected_s = time.process_time()
    placed = place_boxes(found, place.zone_map, thresholds)
    inside = placed.zone != NO_ZONE
    boxes_px = placed.products.of(DetectorLabel.PRODUCT).xyxy_px[inside]
    skus = [place.view.calibration.zones[index].sku for index in placed.zone[inside].tolist()]
    asked_s = time.process_time()
    verdicts = look.judge(take_thumbnails(shelf.image_bgr, boxes_px), skus, box_wh_mm(place.view, boxes_px))
    score.look_s += time.process_time() - asked_s
    score.detector_s += detected_s - started_s
    true_px = np.array([pack.xyxy_px for pack in shelf.packs], np.float32).reshape(-1, 4)
    iou = overlaps(boxes_px, true_px)
    for index, verdict in enumerate(verdicts):
        best = int(iou[index].argmax())
        pack = shelf.packs[best] if iou[index, best] >= SAME_IOU else None
        wrong = "stray" if pack is None else pack.wrong.value
        score.findings.setdefault(wrong, Counter())[verdict.finding.value] += 1
        if pack is not None and pack.wrong is Wrong.MISPLACED and verdict.sku == pack.sku:
            score.named_count += 1


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
