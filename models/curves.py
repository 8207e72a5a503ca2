# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a page draws of judged detections: precision over recall, trust in the confidence, counted against true."""

from dataclasses import dataclass

import numpy as np

from models.scoring import Judged

BINS_COUNT = 10
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Reliability:
    """How far a confidence can be taken at its word. One entry of each tuple per tenth that holds detections."""

    confidence: tuple[float, ...]
    """Mean confidence of the detections."""
    precision: tuple[float, ...]
    """Share of them that is right."""
    detections_count: tuple[int, ...]

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017): mean distance of the two, weighed by detections."""
        found_count = sum(self.detections_count)
        parts = zip(self.confidence, self.precision, self.detections_count, strict=True)
        return sum(abs(sure - right) * count for sure, right, count in parts) / max(1, found_count)


def precision_recall(judged: list[Judged]) -> Points:
    """(recall, interpolated precision) from the surest detection to the least sure; empty without boxes or finds."""
    boxes_count = sum(picture.boxes_count for picture in judged)
    confidence = np.concatenate([picture.confidence for picture in judged]) if judged else np.zeros(0)
    if not boxes_count or not len(confidence):
        return []
    correct = np.concatenate([picture.correct for picture in judged])[np.argsort(-confidence, kind="stable")]
    hits = np.cumsum(correct)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    steps = np.flatnonzero(correct)  # between two hits nothing but the way down to the next envelope happens
    return [(float(hits[step] / boxes_count), float(precision[step])) for step in steps]


def reliability(judged: list[Judged]) -> Reliability:
    """Detections sorted into tenths of confidence."""
    confidence = np.concatenate([picture.confidence for picture in judged]) if judged else np.zeros(0)
    correct = np.concatenate([picture.correct for picture in judged]) if judged else np.zeros(0, dtype=bool)
    tenth = np.minimum((confidence * BINS_COUNT).astype(np.int64), BINS_COUNT - 1)
    held = [tenth == number for number in range(BINS_COUNT) if (tenth == number).any()]
    return Reliability(
        confidence=tuple(float(confidence[mask].mean()) for mask in held),
        precision=tuple(float(correct[mask].mean()) for mask in held),
        detections_count=tuple(int(mask.sum()) for mask in held),
    )


def counts(judged: list[Judged], threshold: float) -> Points:
    """(true, counted) boxes of every picture, counted at `threshold`."""
    return [(float(part.boxes_count), float((part.confidence >= threshold).sum())) for part in judged]
