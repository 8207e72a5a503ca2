# SPDX-License-Identifier: AGPL-3.0-or-later
"""A whole evaluation: scores by source and row, the same at other feeding sizes, false defects."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.model_card import DetectorLabel, FalseDefects, ModelCard
from models.annotations import (
    FoundBoxes,
    Photograph,
    annotations_file,
    drawn_by_people,
    read_annotations,
    read_detections,
)
from models.cards import read_card
from models.cards import seen_sources as trained_sources
from models.detecting import detect
from models.errors import AnnotationsError, WorkshopError
from models.evaluate import SourceScored, score_sources
from models.false_defects import false_defects
from models.manifest import RENDERS_LICENCE
from models.samples import as_photographs
from models.scales import Scales, score_scales

LABELS_FOLDER = Path("labels") / "val"
"""What tells the pictures of a training, whose held-out renders can be scored, from a folder of photographs."""
SCALES_RANGE = (0.05, 8.0)


@dataclass(frozen=True)
class Evaluation:
    """What was found on the pictures, and how good it is. `scales` holds the scores of every feeding size."""

    dataset: Path
    model_id: str
    photographs: list[Photograph]
    found: Mapping[str, FoundBoxes]
    thresholds: Mapping[DetectorLabel, float] | None
    scores: list[SourceScored]
    scales: Scales
    false_defects: FalseDefects | None
    trained_sources: frozenset[str] = frozenset()
    """Sources whose photographs trained the model: memory as much as skill."""

    def as_json(self) -> dict[str, Any]:
        """All figures, ready for JSON; boxes stay out."""
        return {
            "model_id": self.model_id,
            "dataset": self.dataset.name,
            "trained_sources": sorted(self.trained_sources),
            "scores": [line.as_row() for line in self.scores],
            "scales": [
                {"scale": scale} | line.as_row() for scale, lines in sorted(self.scales.items()) for line in lines
            ],
            "false_defects": None if self.false_defects is None else self.false_defects.model_dump(mode="json"),
        }


def evaluate_dataset(
    dataset: Path,
    card_path: Path,
    *,
    detections: Path | None = None,
    at_card: bool = False,
    scales: Sequence[float] = (),
    calibrated: bool = False,
) -> Evaluation:
    """Score detections on annotated pictures: a COCO file, a folder that holds one, or the pictures of a training.

    The detections come from a file of `facings detect --json` lines, or are made by the node's own detector with the
    model of `card_path`, once more for each of `scales`. Counts are taken at the card's thresholds `at_card`, else at
    those of the best F1. Raises WorkshopError.
    """
    check_scales(scales, detections)
    card = read_card(card_path)
    photographs = read_dataset(dataset, card)
    thresholds = dict(card.confidence_thresholds) if at_card else None
    if detections is not None:
        found = read_detections(detections)
    else:
        found = detect(photographs, card_path, calibrated=calibrated)
    if not any(photograph.path.name in found for photograph in photographs):
        raise AnnotationsError(f"{detections or card_path}: names none of the pictures of {dataset}")
    scores = score_sources(photographs, found, thresholds)
    return Evaluation(
        dataset=dataset,
        model_id=card.model_id if detections is None else detections.name,
        photographs=photographs,
        found=found,
        thresholds=thresholds,
        scores=scores,
        scales=score_scales(photographs, card_path, scales, thresholds, calibrated=calibrated, unscaled=scores),
        false_defects=false_defects(photographs, found, card.confidence_thresholds),
        trained_sources=trained_sources(card) & {photograph.source for photograph in photographs},
    )


def read_dataset(dataset: Path, card: ModelCard) -> list[Photograph]:
    """The annotated pictures of a data set. Raises AnnotationsError when there are none."""
    if (dataset / LABELS_FOLDER).is_dir():
        photographs = as_photographs(dataset, LABELS_FOLDER.name, card.labels, RENDERS_LICENCE)
    else:
        file = annotations_file(dataset)
        photographs = drawn_by_people(read_annotations(file), file)
    if not photographs:
        raise AnnotationsError(f"{dataset}: holds no annotated picture")
    return photographs


def write_detections(path: Path, photographs: list[Photograph], found: Mapping[str, FoundBoxes]) -> None:
    """Write what was found as `facings detect --json` does, so that any other scorer can judge the same boxes."""
    lines = []
    for photograph in photographs:
        boxes = found.get(photograph.path.name)
        if boxes is not None:
            parts = zip(np.round(boxes.xyxy_px, 2).tolist(), boxes.confidence.tolist(), boxes.labels, strict=True)
            detections = [{"xyxy_px": xyxy, "confidence": sure, "label": label.value} for xyxy, sure, label in parts]
            lines.append(json.dumps({"image": photograph.path.name, "detections": detections}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def check_scales(scales: Sequence[float], detections: Path | None = None) -> None:
    """Refuse sizes that no camera has. Raises WorkshopError."""
    lowest, highest = SCALES_RANGE
    if any(not lowest <= scale <= highest for scale in scales):
        raise WorkshopError(f"--scales: expected numbers from {lowest:g} to {highest:g}, such as 0.5,1,2")
    if scales and detections is not None:
        raise WorkshopError("--scales: a file of detections cannot be fed anew; leave --detections out")
