# SPDX-License-Identifier: AGPL-3.0-or-later
"""Model cards: what was measured, where it came from, and at which confidence a box counts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
from pydantic import ValidationError

from contract.model_card import DetectorHead, DetectorLabel, ModelCard, SourceScore, Speed
from models.annotations import EVALUATION_PART, FoundBoxes, Photograph, drawn_by_people, read_annotations
from models.detecting import detect
from models.errors import WorkshopError
from models.evaluate import ALL_SOURCES, SourceScored, score_sources
from models.false_defects import false_defects, raised_for_defects
from models.manifest import RENDERS_LICENCE, RENDERS_SOURCE, data_sources, file_sha256
from models.recipe import Recipe
from models.samples import as_photographs
from models.scales import scale_scores, score_scales
from models.scoring import count_error_fraction, judge_all, precision_recall_f1
from models.whole_file import write_whole

HELD_OUT_SUFFIX = "/held-out"
"""Marks scores of the same training before photographs took part, when their sources were still unseen."""
LICENCE = "AGPL-3.0-or-later"
NMS_IOU = 0.6
"""Neighbouring facings overlap little, slanted ones up to a third; above this two boxes are one facing."""
CANDIDATE_THRESHOLDS = np.round(np.arange(0.05, 0.9, 0.01), 2)
FALLBACK_THRESHOLD = 0.25
F1_PLATEAU = 0.01
"""F1 that differs by less is luck of the pictures."""
MANY_BOXES_COUNT = 500
"""Fewer photographed boxes, of a few fixtures, say little of any other shop."""


JudgedSet: TypeAlias = tuple[list[Photograph], Mapping[str, FoundBoxes]]
"""Annotated pictures, and what was found on each by file name."""


def choose_thresholds(
    sets: Iterable[JudgedSet], labels: tuple[DetectorLabel, ...], *, besides: Iterable[JudgedSet] = ()
) -> dict[DetectorLabel, float]:
    """For each label the confidence at which counts err least, among those whose mean F1 is as good as the best.

    F1 is flat around its best, and counts are not: at one end of the plateau everything is counted that might be there,
    at the other only what is sure. Every set of pictures weighs the same.
    Where `sets` show a label less than MANY_BOXES_COUNT times, those of `besides` take part: renders, which are more
    crowded and more obscure than shops, but many.
    """
    gathered, others = list(sets), list(besides)
    return {
        label: _choose(gathered if _is_shown_often(gathered, label) else gathered + others, label) for label in labels
    }


def _is_shown_often(sets: list[JudgedSet], label: DetectorLabel) -> bool:
    boxes_count = sum(
        len(photograph.boxes_px[label])
        for photographs, _ in sets
        for photograph in photographs
        if label in photograph.complete_for
    )
    return boxes_count >= MANY_BOXES_COUNT


def _choose(sets: list[JudgedSet], label: DetectorLabel) -> float:
    f1, errors = [], []
    for photographs, found in sets:
        members = [photograph for photograph in photographs if label in photograph.complete_for]
        judged = judge_all(label, members, found, least_iou=0.5)
        if sum(part.boxes_count for part in judged):
            f1.append([precision_recall_f1(judged, float(threshold))[2] for threshold in CANDIDATE_THRESHOLDS])
            errors.append([count_error_fraction(judged, float(threshold)) for threshold in CANDIDATE_THRESHOLDS])
    if not f1:
        return FALLBACK_THRESHOLD
    mean_f1, mean_error = np.mean(f1, axis=0), np.mean(errors, axis=0)
    as_good = mean_f1 >= mean_f1.max() - F1_PLATEAU
    best = CANDIDATE_THRESHOLDS[as_good & (mean_error <= mean_error[as_good].min() + 1e-12)]
    return float(best[len(best) // 2])  # the middle of what counts alike holds best on other pictures


def source_scores(lines: Iterable[SourceScored], seen_sources: frozenset[str], suffix: str = "") -> list[SourceScore]:
    """Evaluation lines in a card's words; `suffix` tells apart scores of other weights than the shipped ones."""
    return [
        SourceScore(
            source=line.source + suffix,
            label=line.score.label,
            images_count=line.score.images_count,
            boxes_count=line.score.boxes_count,
            ap50=round(line.score.ap50, 4),
            ap75=round(line.score.ap75, 4),
            f1=round(line.score.f1, 4),
            count_error_fraction=round(line.score.count_error_fraction, 4),
            seen_in_training=line.source in seen_sources,
            precision=round(line.score.precision, 4),
            recall=round(line.score.recall, 4),
            rows_count=line.score.rows_count,
            row_count_error_fraction=_rounded(line.score.row_error_fraction),
            exact_rows_fraction=_rounded(line.score.exact_rows_fraction),
        )
        for line in lines
    ]


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)


def seen_sources(card: ModelCard) -> frozenset[str]:
    """Sources of photographs that trained the card's weights."""
    return frozenset(source.name for source in card.sources) - {RENDERS_SOURCE}


def photograph_scores(card: ModelCard, lines: Iterable[SourceScored]) -> list[SourceScore]:
    """Evaluation lines of photographs in a card's words; those over all sources count as seen when any source was."""
    seen = seen_sources(card)
    return source_scores(lines, seen | {ALL_SOURCES} if seen else seen)


def make_card(
    onnx_path: Path,
    recipe: Recipe,
    manifest: Path,
    *,
    head: DetectorHead,
    thresholds: dict[DetectorLabel, float],
    trained_at: datetime,
    scores: Iterable[SourceScore] = (),
    weaknesses: Iterable[str] = (),
    stride_px: int = 32,
) -> ModelCard:
    """The card of an exported network whose input may have any sides that are multiples of `stride_px`."""
    return ModelCard(
        model_id=recipe.model_id,
        onnx_file=onnx_path.name,
        onnx_sha256=file_sha256(onnx_path),
        labels=recipe.labels,
        head=head,
        input_wh_px=None,
        default_input_wh_px=recipe.default_input_wh_px,
        stride_px=stride_px,
        facing_height_range_px=recipe.renders.facing_height_range_px,
        max_boxes_count=1500,
        confidence_thresholds=thresholds,
        nms_iou=NMS_IOU,
        licence=LICENCE,
        trained_at=trained_at,
        recipe=recipe_name(manifest),
        data_manifest_sha256=file_sha256(manifest),
        sources=data_sources(manifest),
        scores=tuple(scores),
        weaknesses=tuple(weaknesses),
    )


def fill_card(
    path: Path,
    annotations: Path,
    renders_folder: Path,
    *,
    held_out: Sequence[Path] = (),
    weaknesses: Iterable[str] | None = None,
    holds_px: tuple[float, float] | None = None,
    scales: Sequence[float] = (),
) -> ModelCard:
    """Choose thresholds, then score every photograph.

    Thresholds are chosen on the photographs that trained and on those that may not train but may choose settings; never
    on those of a source that may train and was left out, which are there to judge. Validation renders take part for
    labels that those photographs show too seldom.

    `held_out` are filled cards of the same training without some of the photographs: their scores on the sources that
    they left out, at their own thresholds, are added, named `SOURCE/held-out`; the first that left a source out counts.
    At each of `scales` the photographs are scored once more.
    `holds_px` and `weaknesses` are those of `set_on_card`. Raises WorkshopError.
    """
    card = read_card(path)
    photographs = drawn_by_people(read_annotations(annotations), annotations)
    found = detect(photographs, path)
    seen = seen_sources(card)
    renders = as_photographs(renders_folder, "val", card.labels, RENDERS_LICENCE)
    free = [
        photograph  # of sources that trained the weights: those of any other are there to judge them
        for photograph in photographs
        if photograph.may_train and photograph.source in seen and photograph.split != EVALUATION_PART
    ]
    found_in_renders = detect(renders, path, calibrated=True)  # as a node that knows its shelf's scale sees it
    closed = [photograph for photograph in photographs if not photograph.may_train]
    thresholds = choose_thresholds([(free, found), (closed, found)], card.labels, besides=[(renders, found_in_renders)])
    thresholds = raised_for_defects(thresholds, [*free, *closed], found)
    lines = score_sources(photographs, found, thresholds)
    scores = photograph_scores(card, lines)
    judged: set[str] = set()
    for other_path in held_out:
        other = read_card(other_path)
        unseen = seen - {source.name for source in other.sources} - judged
        judged |= unseen
        examined = [photograph for photograph in photographs if photograph.source in unseen]
        fresh = score_sources(examined, detect(examined, other_path), other.confidence_thresholds)
        by_source = [line for line in fresh if line.source != ALL_SOURCES]
        scores += source_scores(by_source, frozenset(), suffix=HELD_OUT_SUFFIX)
    scores += source_scores(score_sources(renders, found_in_renders, thresholds), frozenset())
    at_scales = score_scales(photographs, path, scales, thresholds, unscaled=lines)
    filled = card.model_copy(
        update={
            "confidence_thresholds": thresholds,
            "scores": tuple(scores),
            "scale_scores": tuple(scale_scores(at_scales)),
            "false_defects": false_defects(photographs, found, thresholds),
        }
    )
    write_card(filled, path)
    return set_on_card(path, weaknesses=weaknesses, holds_px=holds_px)


def set_on_card(
    path: Path,
    *,
    speed: Speed | None = None,
    weaknesses: Iterable[str] | None = None,
    holds_px: tuple[float, float] | None = None,
    default_input_wh_px: tuple[int, int] | None = None,
) -> ModelCard:
    """Write what a person or a benchmark knows onto a card; what is `None` stays as it was.

    `default_input_wh_px` is what a node shall feed where it knows nothing of the scale; another than before takes away
    the scores, which were of that one. `holds_px` is the range of
    facing heights at the network's input in which the scores were found to hold, where
    that is narrower than what training covered. Raises WorkshopError.
    """
    card = read_card(path)
    known = {
        "speed": speed,
        "weaknesses": None if weaknesses is None else tuple(weaknesses),
        "facing_height_range_px": holds_px,
        "default_input_wh_px": default_input_wh_px,
    }
    moved = default_input_wh_px not in (None, card.default_input_wh_px)
    outdated = {"scores": (), "scale_scores": (), "false_defects": None, "speed": None} if moved else {}
    try:
        changed = ModelCard.model_validate(
            dict(card) | outdated | {field: value for field, value in known.items() if value is not None}
        )
    except ValidationError as error:
        raise WorkshopError(f"{path}: {error}") from error
    write_card(changed, path)
    return changed


def read_speed(path: Path, model_id: str) -> Speed:
    """The speed of a model in what `facings bench vision --json` printed.

    Raises WorkshopError naming the file and the fault.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        measured = {model["model_id"]: model for model in table["models"]}
        if model_id not in measured:
            raise WorkshopError(f"{path}: measures {', '.join(measured)}, not {model_id}")
        model = measured[model_id]
        return Speed(
            machine=table["machine"],
            input_wh_px=tuple(model["input_wh_px"]),
            bare_run_ms=model["bare"]["wall_ms"],
            look_ms=model["full"]["wall_ms"],
            ratio=model["ratio_wall"],
            int8_ratio=table["int8_share"].get(model["onnx_file"].removesuffix(".onnx")),
        )
    except OSError as error:
        raise WorkshopError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise WorkshopError(f"{path}: is nothing that `facings bench vision --json` prints: {error!r}") from error


def read_card(path: Path) -> ModelCard:
    """Read a card. Raises WorkshopError naming the file and the fault."""
    try:
        return ModelCard.read(path.read_bytes())
    except OSError as error:
        raise WorkshopError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise WorkshopError(f"{path}: {error}") from error


def recipe_name(manifest: Path) -> str:
    """File name of the recipe that a manifest belongs to."""
    return str(json.loads(manifest.read_text(encoding="utf-8"))["recipe"]["file"])


def write_card(card: ModelCard, path: Path) -> None:
    """Write the card as indented JSON. Raises WorkshopError."""
    write_whole(path, (card.model_dump_json(indent=1, exclude_none=False) + "\n").encode())
