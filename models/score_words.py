# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scores in words and cells, the same in a terminal, on a page and in Markdown."""

from contract.model_card import FalseDefects
from models.evaluate import SourceScored

SCORE_NAMES = (
    "source",
    "label",
    "images",
    "boxes",
    "AP50",
    "AP75",
    "at",
    "precision",
    "recall",
    "F1",
    "count error",
    "off/image",
    "rows",
    "row error",
    "off/row",
)
SCALE_NAMES = ("label", "fed at", "boxes", "AP50", "AP75", "precision", "recall", "count error", "row error")
SCORE_LEGEND = (
    "at: confidence that counts. count error: sum of the absolute errors of the images / true boxes. off/image: mean"
    " absolute error of an image. row error, off/row: the same for each shelf row, on images complete for products."
)


def score_cells(line: SourceScored) -> tuple[str, ...]:
    """One line of an evaluation, as `SCORE_NAMES`."""
    score = line.score
    figures = (score.ap50, score.ap75, score.threshold, score.precision, score.recall, score.f1)
    if not score.boxes_count:  # nothing to find: only what was found wrongly can be told
        blanks = ("", "", f"{score.threshold:.3f}", "", "", "", "")
        named = (line.source, score.label.value, str(score.images_count), "0")
        return (*named, *blanks, f"{score.count_error_mean:.2f}", "", "", "")
    return (
        line.source,
        score.label.value,
        str(score.images_count),
        str(score.boxes_count),
        *(f"{figure:.3f}" for figure in figures),
        f"{score.count_error_fraction:.1%}",
        f"{score.count_error_mean:.2f}",
        str(score.rows_count or ""),
        share_cell(score.row_error_fraction),
        "" if score.row_error_mean is None else f"{score.row_error_mean:.2f}",
    )


def scale_cells(scale: float, line: SourceScored) -> tuple[str, ...]:
    """One line at one feeding size, as `SCALE_NAMES`."""
    score = line.score
    return (
        score.label.value,
        f"{scale:g} x",
        str(score.boxes_count),
        *(f"{figure:.3f}" for figure in (score.ap50, score.ap75, score.precision, score.recall)),
        f"{score.count_error_fraction:.1%}",
        share_cell(score.row_error_fraction),
    )


def score_words(line: SourceScored) -> str:
    """One line of an evaluation as words."""
    score = line.score
    return (
        f"{score.label.value} AP50 {score.ap50:.3f}, AP75 {score.ap75:.3f}, F1 {score.f1:.3f},"
        f" count error {score.count_error_fraction:.1%}"
    )


def share_cell(share: float | None, *, digits_count: int = 1) -> str:
    """A share in per cent, nothing where it is unknown."""
    return "" if share is None else f"{share:.{digits_count}%}"


def false_defects_words(counted: FalseDefects) -> str:
    """One sentence about the defects that are none."""
    kinds = ", ".join(f"{count} {kind.value}" for kind, count in counted.defects_count.items())
    return (
        f"{sum(counted.defects_count.values())} false defects ({kinds}) on {counted.products_count} products of"
        f" {counted.images_count} images: {counted.per_200_products:.2f} per 200 products, at the card's thresholds."
    )
