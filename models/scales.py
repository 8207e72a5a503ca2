# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scores at several feeding sizes: the same photographs as cameras of less and of more resolution would give them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from contract.model_card import DetectorLabel, ScaleScore
from models.annotations import Photograph
from models.detecting import detect
from models.evaluate import SourceScored, over_all, score_sources

Scales = dict[float, list[SourceScored]]
"""The scores of every feeding size."""


def score_scales(
    photographs: list[Photograph],
    card_path: Path,
    scales: Sequence[float],
    thresholds: Mapping[DetectorLabel, float] | None,
    *,
    calibrated: bool = False,
    unscaled: list[SourceScored] | None = None,
) -> Scales:
    """The scores when every photograph is fed at each of these multiples of its size; `unscaled` are those at 1.

    Raises WorkshopError when the model of `card_path` cannot be used.
    """
    return {
        scale: unscaled
        if scale == 1 and unscaled is not None
        else score_sources(photographs, detect(photographs, card_path, scale=scale, calibrated=calibrated), thresholds)
        for scale in sorted(set(scales))
    }


def ap50_spread(scales: Scales, label: DetectorLabel) -> float:
    """How far the AP50 of a label, over all pictures, differs between the sizes at most."""
    figures = [line.score.ap50 for lines in scales.values() for line in over_all(lines) if line.score.label == label]
    return max(figures, default=0.0) - min(figures, default=0.0)


def scale_scores(scales: Mapping[float, Iterable[SourceScored]]) -> list[ScaleScore]:
    """The scores in a card's words."""
    return [
        ScaleScore(
            scale=scale,
            source=line.source,
            label=line.score.label,
            boxes_count=line.score.boxes_count,
            ap50=round(line.score.ap50, 4),
            ap75=round(line.score.ap75, 4),
            count_error_fraction=round(line.score.count_error_fraction, 4),
        )
        for scale, lines in sorted(scales.items())
        for line in lines
    ]
