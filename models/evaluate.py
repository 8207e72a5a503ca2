# SPDX-License-Identifier: AGPL-3.0-or-later
"""Evaluation of a detector on annotated photographs, per source and label, with the worst pictures drawn."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2

from contract.model_card import DetectorLabel
from models.annotations import FoundBoxes, Photograph, drawn_by_people, read_annotations, read_detections
from models.detecting import detect
from models.errors import AnnotationsError
from models.pictures import read_image_bgr
from models.scoring import NOTHING, Judged, LabelScore, judge, score_label

ALL_SOURCES = "all"
MISSED_BGR, WRONG_BGR, RIGHT_BGR, IGNORED_BGR = (0, 200, 255), (0, 0, 255), (80, 200, 0), (160, 160, 160)


@dataclass(frozen=True)
class SourceScored:
    """One line of an evaluation: a label's score on one source, or on all of them."""

    source: str
    score: LabelScore

    def as_row(self) -> dict[str, Any]:
        """Flat, rounded to four digits, ready for JSON."""
        row = {"source": self.source} | asdict(self.score)
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def evaluate(
    annotations: Path,
    *,
    detections: Path | None = None,
    card: Path | None = None,
    thresholds: Mapping[DetectorLabel, float] | None = None,
    draw: Path | None = None,
    worst_count: int = 12,
) -> list[SourceScored]:
    """Score detections on the photographs of a COCO file.

    The detections come from a file of `facings detect --json` lines, or are made by the node's own detector with the
    model of `card`. Without `thresholds` each line shows the threshold of its best F1. Raises AnnotationsError.
    """
    photographs = drawn_by_people(read_annotations(annotations), annotations)
    found = read_detections(detections) if detections is not None else detect(photographs, card)
    if not any(photograph.path.name in found for photograph in photographs):
        raise AnnotationsError(f"{detections or card}: names none of the pictures of {annotations}")
    if draw is not None:
        draw_worst(photographs, found, draw, thresholds, worst_count)
    return score_sources(photographs, found, thresholds)


def score_sources(
    photographs: list[Photograph],
    found: Mapping[str, FoundBoxes],
    thresholds: Mapping[DetectorLabel, float] | None = None,
) -> list[SourceScored]:
    """One line per label and source that is complete for it, and one per label over all sources."""
    sources = sorted({photograph.source for photograph in photographs})
    lines = []
    for label in DetectorLabel:
        for source in [*sources, ALL_SOURCES] if len(sources) > 1 else sources:
            members = [photograph for photograph in photographs if source in (ALL_SOURCES, photograph.source)]
            score = score_label(label, members, found, (thresholds or {}).get(label))
            if score is not None:
                lines.append(SourceScored(source, score))
    return lines


def draw_worst(
    photographs: list[Photograph],
    found: Mapping[str, FoundBoxes],
    folder: Path,
    thresholds: Mapping[DetectorLabel, float] | None,
    worst_count: int,
) -> list[Path]:
    """Write the pictures with most mistakes per true box: found green, missed yellow, wrong red, ignored grey."""
    folder.mkdir(parents=True, exist_ok=True)
    used = {line.score.label: line.score.threshold for line in score_sources(photographs, found, thresholds)}
    ranked = sorted(photographs, key=lambda photograph: -_mistakes_share(photograph, found, used))
    written = []
    for rank, photograph in enumerate(ranked[:worst_count]):
        canvas = read_image_bgr(photograph.path)
        for label in sorted(photograph.complete_for):
            _draw_label(canvas, photograph, _judge_sure(photograph, found, label, used[label]), label)
        written.append(folder / f"{rank:02d}-{photograph.path.stem}.jpg")
        cv2.imwrite(str(written[-1]), canvas)
    return written


def _mistakes_share(
    photograph: Photograph, found: Mapping[str, FoundBoxes], thresholds: Mapping[DetectorLabel, float]
) -> float:
    judged = [_judge_sure(photograph, found, label, thresholds[label]) for label in photograph.complete_for]
    mistakes_count = sum(int((~part.correct).sum()) + int((~part.found).sum()) for part in judged)
    return mistakes_count / max(1, sum(part.boxes_count for part in judged))


def _judge_sure(
    photograph: Photograph, found: Mapping[str, FoundBoxes], label: DetectorLabel, threshold: float
) -> Judged:
    corners, confidence = found.get(photograph.path.name, NOTHING).of(label)
    sure = confidence >= threshold
    return judge(
        (corners[sure], confidence[sure]), photograph.boxes_px[label], photograph.ignored_px[label], least_iou=0.5
    )


def _draw_label(canvas: Any, photograph: Photograph, judged: Judged, label: DetectorLabel) -> None:
    for box in photograph.ignored_px[label]:
        _rectangle(canvas, box, IGNORED_BGR, label)
    for box in photograph.boxes_px[label][~judged.found]:
        _rectangle(canvas, box, MISSED_BGR, label)
    for box, correct in zip(judged.xyxy_px, judged.correct, strict=True):
        _rectangle(canvas, box, RIGHT_BGR if correct else WRONG_BGR, label)


def _rectangle(canvas: Any, box: Any, colour_bgr: tuple[int, int, int], label: DetectorLabel) -> None:
    x1, y1, x2, y2 = (int(edge) for edge in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour_bgr, 2)
    cv2.putText(canvas, label.value[:2], (x1 + 3, y1 + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour_bgr, 1)
