# SPDX-License-Identifier: AGPL-3.0-or-later
"""How good detections are against federated labels: average precision, F1 and the error of the count.

Only pictures that are complete for a label count for it. A detection first tries to match a box; what is left over and
lies by more than half of its area inside an ignored region is forgotten. Average precision is the mean of the
interpolated precision at 101 recalls (COCO's definition, Lin et al. 2014), with greedy matching, surest first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.model_card import DetectorLabel
from models.annotations import Boxes, FoundBoxes, Photograph, as_boxes
from models.rows import row_counts, rows_of

RECALLS = np.linspace(0.0, 1.0, 101)
THRESHOLDS = np.arange(0.05, 0.95, 0.05)
"""Confidence thresholds among which the best F1 is sought."""
IGNORED_SHARE = 0.5
NOTHING = FoundBoxes(as_boxes([]), np.zeros(0), ())


@dataclass(frozen=True)
class LabelScore:
    """Score of one label over a set of pictures. Fractions are 0..1, errors are in boxes per picture or per box."""

    label: DetectorLabel
    images_count: int
    boxes_count: int
    ap50: float
    ap75: float
    threshold: float
    """Confidence at which precision, recall, F1 and the count error are taken."""
    precision: float
    recall: float
    f1: float
    count_error_mean: float
    """Mean absolute difference between counted and true boxes of a picture."""
    count_error_fraction: float
    """Sum of absolute differences divided by all true boxes."""
    exact_images_fraction: float
    rows_count: int = 0
    """Shelf rows of the pictures that are complete for products too; `models.rows` says what a row is."""
    row_error_mean: float | None = None
    """Mean absolute difference between counted and true boxes of a row."""
    row_error_fraction: float | None = None
    """Sum of the rows' absolute differences divided by all true boxes of these pictures."""
    exact_rows_fraction: float | None = None


@dataclass(frozen=True)
class Judged:
    """The detections of one label on one picture after matching, surest first; ignored ones are gone."""

    xyxy_px: Boxes
    confidence: NDArray[np.float64]
    correct: NDArray[np.bool_]
    found: NDArray[np.bool_]
    """For every true box whether a detection matched it."""

    @property
    def boxes_count(self) -> int:
        """True boxes on this picture."""
        return len(self.found)


def judge(found: tuple[Boxes, NDArray[np.float64]], truth: Boxes, ignored: Boxes, least_iou: float) -> Judged:
    """Match detections (sorted, surest first) to true boxes, each at most once, by the highest overlap."""
    corners, confidence = found
    overlap = iou(corners, truth)
    taken = np.zeros(len(truth), dtype=bool)
    correct = np.zeros(len(corners), dtype=bool)
    for row in range(len(corners)):
        free = np.where(taken, -1.0, overlap[row])
        if len(free) and free.max() >= least_iou:
            # Of equal overlaps the last one, as a scan that keeps every "at least as good" would take.
            chosen = len(free) - 1 - int(np.argmax(free[::-1]))
            taken[chosen] = correct[row] = True
    forgotten = ~correct & (_share_inside(corners, ignored) > IGNORED_SHARE)
    return Judged(corners[~forgotten], confidence[~forgotten], correct[~forgotten], taken)


def judge_all(
    label: DetectorLabel, photographs: Iterable[Photograph], found: Mapping[str, FoundBoxes], least_iou: float
) -> list[Judged]:
    """Judge one label on every picture; `found` is keyed by file name."""
    return [
        judge(
            found.get(photograph.path.name, NOTHING).of(label),
            photograph.boxes_px[label],
            photograph.ignored_px[label],
            least_iou,
        )
        for photograph in photographs
    ]


def score_label(
    label: DetectorLabel,
    photographs: Iterable[Photograph],
    found: Mapping[str, FoundBoxes],
    threshold: float | None = None,
) -> LabelScore | None:
    """Score one label on the pictures that are complete for it; `None` when there is no such picture.

    `found` is keyed by file name; a picture without an entry counts as one on which nothing was found. Without a
    `threshold` the one with the best F1 is taken, which flatters: a node cannot know it.
    """
    members = [photograph for photograph in photographs if label in photograph.complete_for]
    if not members:
        return None
    judged = {least_iou: judge_all(label, members, found, least_iou) for least_iou in (0.5, 0.75)}
    chosen = best_threshold(judged[0.5]) if threshold is None else threshold
    precision, recall, f1 = precision_recall_f1(judged[0.5], chosen)
    boxes_count = sum(picture.boxes_count for picture in judged[0.5])
    errors = np.array([abs(int((picture.confidence >= chosen).sum()) - picture.boxes_count) for picture in judged[0.5]])
    return LabelScore(
        label=label,
        images_count=len(members),
        boxes_count=boxes_count,
        ap50=average_precision(judged[0.5]),
        ap75=average_precision(judged[0.75]),
        threshold=chosen,
        precision=precision,
        recall=recall,
        f1=f1,
        count_error_mean=float(errors.mean()),
        count_error_fraction=float(errors.sum() / max(1, boxes_count)),
        exact_images_fraction=float((errors == 0).mean()),
        **_row_figures(label, members, judged[0.5], chosen),
    )


def _row_figures(
    label: DetectorLabel, photographs: list[Photograph], judged: list[Judged], threshold: float
) -> dict[str, Any]:
    """The fields of a LabelScore that speak of rows; only their defaults where no picture shows any."""
    errors: list[int] = []
    boxes_count = 0
    for photograph, picture in zip(photographs, judged, strict=True):
        products = photograph.boxes_px[DetectorLabel.PRODUCT]
        if DetectorLabel.PRODUCT not in photograph.complete_for or not len(products):
            continue
        rows = rows_of(products, photograph.facings_per_row)
        true = row_counts(photograph.boxes_px[label], products, rows)
        counted = row_counts(picture.xyxy_px[picture.confidence >= threshold], products, rows)
        errors += np.abs(counted - true).tolist()
        boxes_count += picture.boxes_count
    if not errors:
        return {}
    return {
        "rows_count": len(errors),
        "row_error_mean": float(np.mean(errors)),
        "row_error_fraction": float(sum(errors) / max(1, boxes_count)),
        "exact_rows_fraction": float(np.mean([error == 0 for error in errors])),
    }


def average_precision(judged: list[Judged]) -> float:
    """Interpolated average precision over all pictures, 0 when nothing true was found or nothing was there."""
    boxes_count = sum(picture.boxes_count for picture in judged)
    confidence = np.concatenate([picture.confidence for picture in judged])
    correct = np.concatenate([picture.correct for picture in judged])[np.argsort(-confidence, kind="stable")]
    if not boxes_count or not len(correct):
        return 0.0
    hits = np.cumsum(correct)
    recall = hits / boxes_count
    precision = hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(recall, RECALLS)
    return float(np.where(place < len(envelope), envelope[np.minimum(place, len(envelope) - 1)], 0.0).mean())


def precision_recall_f1(judged: list[Judged], threshold: float) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean for detections at least as sure as `threshold`."""
    kept = [picture.correct[picture.confidence >= threshold] for picture in judged]
    hits_count, found_count = sum(int(part.sum()) for part in kept), sum(len(part) for part in kept)
    boxes_count = sum(picture.boxes_count for picture in judged)
    return (
        hits_count / max(1, found_count),
        hits_count / max(1, boxes_count),
        2 * hits_count / max(1, boxes_count + found_count),
    )


def count_error_fraction(judged: list[Judged], threshold: float) -> float:
    """Sum over the pictures of |counted - true|, divided by the true boxes."""
    errors = sum(abs(int((picture.confidence >= threshold).sum()) - picture.boxes_count) for picture in judged)
    return errors / max(1, sum(picture.boxes_count for picture in judged))


def best_threshold(judged: list[Judged]) -> float:
    """The threshold with the best F1; of equal ones the highest."""
    return max((precision_recall_f1(judged, float(threshold))[2], float(threshold)) for threshold in THRESHOLDS)[1]


def iou(ours: Boxes, theirs: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every pair: (n, m)."""
    shared = _intersection(ours, theirs)
    union = _area(ours)[:, None] + _area(theirs)[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), dtype=np.float64)


def _share_inside(corners: Boxes, regions: Boxes) -> NDArray[np.float64]:
    """Largest share of each box's area that lies in one region: (n,)."""
    if not len(regions) or not len(corners):
        return np.zeros(len(corners))
    share = _intersection(corners, regions) / np.maximum(_area(corners), 1e-9)[:, None]
    return np.asarray(share.max(axis=1), dtype=np.float64)


def _intersection(ours: Boxes, theirs: Boxes) -> NDArray[np.float64]:
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    return np.asarray(np.prod(np.clip(high - low, 0, None), axis=2), dtype=np.float64)


def _area(corners: Boxes) -> NDArray[np.float64]:
    return np.asarray((corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1]), dtype=np.float64)
