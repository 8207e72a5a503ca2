# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings bench second-look`: how many wrong packs the second look finds on rendered bays, and what it costs.

Reference crops are taken from tidy shelves with the detector's own boxes, as an integrator takes them; then shelves are
shown on which some packs are misplaced, damaged, toppled or turned, each in several looks as a node takes them.
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
from edge.frames import BgrImage
from edge.model_file import shipped_model
from edge.place import Place, box_wh_mm
from edge.second_look import Finding, SecondLook, Verdict
from edge.smoothing import CONFIRM_LOOKS
from edge.take_references import chosen_crops, crops_of, joined
from edge.thumbnails import take_thumbnails
from simulator.cameras.bay_view import calibration_of
from simulator.rig.spoilt_shelves import Shelf, TruePack, Wrong, spoilt_shelves, tidy_shelves
from simulator.store.plan import STORES_FOLDER, StorePlan, load_store_plan

SAME_IOU = 0.5

SMALLEST_WIDTH_PX = 24.0
"""A pack that is narrower in the frame is not judged here."""

FREE_FRACTION = 0.85
"""A sound pack of which less is seen has another one fallen before it, and is `hidden`."""

WIDTHS_PX = (24, 40, 56, 80)
"""Packs are told apart by their width in the frame, from each of these on."""

FLAGS = (Finding.MISPLACED, Finding.WRONG_FACE, Finding.DAMAGED)
_HIDDEN, _STRAY = "hidden", "stray"
_SOUND = (Wrong.NOTHING.value, _HIDDEN)
_SOUGHT = {Wrong.MISPLACED: Finding.MISPLACED, Wrong.WRONG_FACE: Finding.WRONG_FACE, Wrong.DAMAGED: Finding.DAMAGED}

Tally = dict[str, Counter[str]]
"""Findings by what is true of a box: `tally[wrong][finding]`."""


@dataclass(slots=True)
class SecondLookScore:
    """What was found. Boxes that lie on no true facing by half count as `stray`."""

    single: Tally = field(default_factory=dict)
    """Of single looks."""
    told: Tally = field(default_factory=dict)
    """Of packs seen in `CONFIRM_LOOKS` looks, what all of them agree on; else `open`."""
    by_width: dict[int, Tally] = field(default_factory=dict)
    """Of single looks, by the pack's width: the greatest of `WIDTHS_PX` that it reaches."""
    named_count: int = 0
    """Misplaced packs of which the right product was named."""
    look_s: float = 0.0
    detector_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The figures, fractions rounded."""
        named = _share(self.named_count, _said(self.single, [Wrong.MISPLACED.value], [Finding.MISPLACED]))
        return {
            "findings": _plain(self.single),
            "told": _plain(self.told),
            **_fractions(self.single),
            "misplaced_named_fraction": named,
            f"told_by_{CONFIRM_LOOKS}_looks": _fractions(self.told),
            "by_width_px": {f"from {low}": _fractions(tally) for low, tally in sorted(self.by_width.items())},
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
    """Look at every bay of the minimarket; `progress` is called after each shelf. Each seed shows other brands."""
    plan = plan or load_store_plan(STORES_FOLDER / "minimarket.toml")
    detector = Detector(onnx_file or shipped_model(), threads_count=1)
    score = SecondLookScore()
    for bay in plan.bays:
        place = Place.of(calibration_of(bay), bay.image_wh_px)
        tidy = []
        for shelf in tidy_shelves(plan, bay, count=references_count, seed=seed):
            tidy.append(crops_of(shelf.looks_bgr[0], place, detector))
            progress()
        crops, _ = chosen_crops(joined(tidy), place.view.calibration, detector.card.model_id)
        look = SecondLook(crops)
        for shelf in spoilt_shelves(plan, bay, count=pictures_count, seed=seed, looks_count=CONFIRM_LOOKS):
            _score_shelf(score, shelf, place, detector, look)
            progress()
    return score


def pictures_total(plan: StorePlan, references_count: int, pictures_count: int) -> int:
    """Shelves that `measure_second_look` draws."""
    return len(plan.bays) * (references_count + pictures_count)


def _score_shelf(score: SecondLookScore, shelf: Shelf, place: Place, detector: Detector, look: SecondLook) -> None:
    said: dict[int, list[str]] = {}
    for image_bgr in shelf.looks_bgr:
        for pack_index, verdict in _look(score, shelf, image_bgr, place, detector, look):
            if pack_index is None:
                _count(score.single, _STRAY, verdict.finding.value)
                continue
            pack, finding = shelf.packs[pack_index], verdict.finding
            width_px = pack.xyxy_px[2] - pack.xyxy_px[0]
            if width_px < SMALLEST_WIDTH_PX:
                continue
            wrong = _truth(pack)
            _count(score.single, wrong, finding.value)
            low_px = max(low for low in WIDTHS_PX if width_px >= low)
            _count(score.by_width.setdefault(low_px, {}), wrong, finding.value)
            said.setdefault(pack_index, []).append(finding.value)
            if wrong == Wrong.MISPLACED.value and finding is Finding.MISPLACED and verdict.sku == pack.sku:
                score.named_count += 1
    for pack_index, findings in said.items():
        if len(findings) == len(shelf.looks_bgr):
            _count(score.told, _truth(shelf.packs[pack_index]), findings[0] if len(set(findings)) == 1 else "open")


def _look(  # noqa: PLR0917 - one look needs them all
    score: SecondLookScore, shelf: Shelf, image_bgr: BgrImage, place: Place, detector: Detector, look: SecondLook
) -> list[tuple[int | None, Verdict]]:
    """One look: the index of the true pack of each box that lies in a zone, and the verdict on it."""
    thresholds = dict(detector.card.confidence_thresholds)
    started_s = time.process_time()
    found = detector.detect(image_bgr, facing_height_px=place.view.facing_height_px, thresholds=thresholds)
    score.detector_s += time.process_time() - started_s
    placed = place_boxes(found, place.zone_map, thresholds)
    inside = placed.zone != NO_ZONE
    boxes_px = placed.products.of(DetectorLabel.PRODUCT).xyxy_px[inside]
    skus = [place.view.calibration.zones[index].sku for index in placed.zone[inside].tolist()]
    started_s = time.process_time()
    verdicts = look.judge(take_thumbnails(image_bgr, boxes_px), skus, box_wh_mm(place.view, boxes_px))
    score.look_s += time.process_time() - started_s
    iou = overlaps(boxes_px, np.array([pack.xyxy_px for pack in shelf.packs], np.float32).reshape(-1, 4))
    best = [int(row.argmax()) if row.max(initial=0.0) >= SAME_IOU else None for row in iou]
    return list(zip(best, verdicts, strict=True))


def _truth(pack: TruePack) -> str:
    hidden = pack.wrong is Wrong.NOTHING and pack.visible_fraction < FREE_FRACTION
    return _HIDDEN if hidden else pack.wrong.value


def _count(tally: Tally, wrong: str, finding: str) -> None:
    tally.setdefault(wrong, Counter())[finding] += 1


def _said(tally: Tally, wrongs: list[str], findings: list[Finding]) -> int:
    return sum(tally.get(wrong, Counter())[finding.value] for wrong in wrongs for finding in findings)


def _fractions(tally: Tally) -> dict[str, Any]:
    """Share of each kind that was called so, and of sound packs, hidden ones too, that were called anything wrong."""
    counts = {wrong: sum(findings.values()) for wrong, findings in tally.items()}
    recalls: dict[str, Any] = {}
    for wrong, finding in _SOUGHT.items():
        recalls[f"{wrong.value}_recall"] = _share(_said(tally, [wrong.value], [finding]), counts.get(wrong.value, 0))
    sound_count = sum(counts.get(wrong, 0) for wrong in _SOUND)
    others = [wrong for wrong in counts if wrong not in _SOUND and wrong != _STRAY]
    return {
        **recalls,
        "anything_wrong_recall": _share(_said(tally, others, list(FLAGS)), sum(counts[wrong] for wrong in others)),
        "false_flags_fraction": _share(_said(tally, list(_SOUND), list(FLAGS)), sound_count),
        "wrong_packs_count": sum(counts[wrong] for wrong in others),
        "sound_packs_count": sound_count,
    }


def _plain(tally: Tally) -> dict[str, dict[str, int]]:
    return {wrong: dict(sorted(counts.items())) for wrong, counts in sorted(tally.items())}


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
