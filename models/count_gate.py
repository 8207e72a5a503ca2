# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a quantised detector may take its float twin's place: the count decides, since the count is the product."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.model_card import CountGate, DetectorLabel
from models.annotations import FoundBoxes, Photograph
from models.cards import CANDIDATE_THRESHOLDS
from models.errors import WorkshopError
from models.scoring import NOTHING, judge

LIMIT_FRACTION = 0.02

Thresholds = Mapping[DetectorLabel, float]


class Compared(NamedTuple):
    """A set of annotated pictures with what the float and the quantised network found on each, by file name."""

    photographs: list[Photograph]
    found_by_float: Mapping[str, FoundBoxes]
    found_by_quantised: Mapping[str, FoundBoxes]


def thresholds_that_keep_counts(
    sets: Iterable[Compared], labels: Iterable[DetectorLabel], float_thresholds: Thresholds
) -> dict[DetectorLabel, float]:
    """For each label the confidence at which the quantised network counts most like the float one at its own.

    The float thresholds were chosen by F1, and F1 is flat around its best: chosen so again, they jump along that
    plateau and the counts with them. Here the sum over the pictures of |quantised count - float count|, divided by the
    float counts, is least; every set weighs the same. Of equally good thresholds the middle one, and the float one
    where nothing was counted. Give it renders and photographs that may train.
    """
    gathered = list(sets)
    return {label: _keeping(gathered, label, float_thresholds[label]) for label in labels}


def _keeping(sets: list[Compared], label: DetectorLabel, float_threshold: float) -> float:
    candidates = np.unique([*CANDIDATE_THRESHOLDS, float_threshold])
    differences = np.zeros(len(candidates))
    counted = False
    for part in sets:
        by_float = counts(part.photographs, part.found_by_float, label, float_threshold)
        if by_float.sum() == 0:
            continue
        counted = True
        for place, candidate in enumerate(candidates):
            ours = counts(part.photographs, part.found_by_quantised, label, float(candidate))
            differences[place] += np.abs(ours - by_float).sum() / by_float.sum()
    if not counted:
        return float_threshold
    best = candidates[differences <= differences.min() + 1e-12]
    return float(best[len(best) // 2])


def counts(
    photographs: Iterable[Photograph], found: Mapping[str, FoundBoxes], label: DetectorLabel, threshold: float
) -> NDArray[np.int64]:
    """How many boxes of a label are found on each picture that is complete for it, ignored regions left out."""
    return np.array(
        [
            int((judged.confidence >= threshold).sum())
            for photograph in photographs
            if label in photograph.complete_for
            for judged in [
                judge(
                    found.get(photograph.path.name, NOTHING).of(label),
                    photograph.boxes_px[label],
                    photograph.ignored_px[label],
                    least_iou=0.5,
                )
            ]
        ],
        dtype=np.int64,
    )


def count_gate(
    sets: Iterable[Compared],
    float_thresholds: Thresholds,
    quantised_thresholds: Thresholds,
    *,
    label: DetectorLabel = DetectorLabel.PRODUCT,
    limit_fraction: float = LIMIT_FRACTION,
) -> CountGate:
    """Compare the counts of one label over all pictures that are complete for it, each network at its own thresholds.

    With t, f and q the true, float and quantised count of a picture and sums over pictures, it passes when both
    |sum|q - t| / sum t - sum|f - t| / sum t| and sum|q - f| / sum f are at most `limit_fraction`: the quantised network
    errs as much as the float one, and on the same pictures. Nothing counted by float means that nothing may be counted.
    Raises WorkshopError when no picture holds a true box: such pictures show nothing.
    """
    by_float, by_quantised, true = [], [], []
    for part in sets:
        by_float.append(counts(part.photographs, part.found_by_float, label, float_thresholds[label]))
        by_quantised.append(counts(part.photographs, part.found_by_quantised, label, quantised_thresholds[label]))
        true += [len(one.boxes_px[label]) for one in part.photographs if label in one.complete_for]
    if not sum(true):
        raise WorkshopError(f"no picture of the count gate is complete for {label} and holds one: give it others")
    floats, ours, truth = np.concatenate(by_float), np.concatenate(by_quantised), np.array(true)
    return CountGate(
        images_count=len(truth),
        boxes_count=int(truth.sum()),
        float_count_error_fraction=_rounded(np.abs(floats - truth).sum() / truth.sum()),
        count_error_fraction=_rounded(np.abs(ours - truth).sum() / truth.sum()),
        count_difference_fraction=_rounded(np.abs(ours - floats).sum() / max(1, floats.sum())),
        limit_fraction=limit_fraction,
    )


def _rounded(fraction: float) -> float:
    return round(float(fraction), 6)
