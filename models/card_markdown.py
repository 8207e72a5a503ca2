# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model card as the Markdown tables of models/README.md."""

from collections.abc import Iterable, Mapping, Sequence

from contract.model_card import ModelCard, SourceScore
from models.cards import HELD_OUT_SUFFIX
from models.evaluate import ALL_SOURCES
from models.manifest import RENDERS_SOURCE
from models.score_words import false_defects_words, share_cell

SCORE_NAMES = ("photographs", "label", "pictures", "boxes", "AP50", "AP75", "F1", "count error", "by row")
EARLIER_NAMES = (*SCORE_NAMES, "shipped AP50 / count error")
ROW_WORDS = "By row: the same sum over shelf rows instead of pictures, on pictures whose products are all annotated."


def card_markdown(card: ModelCard, names: Mapping[str, str] | None = None) -> str:
    """Every figure of the card; `names` say a source in other words than the card's id of it."""
    said = names or {}
    thresholds = ", ".join(f"{label.value} {card.confidence_thresholds[label]:g}" for label in card.labels)
    sections = [
        f"`{card.onnx_file}` ({card.model_id}): thresholds {thresholds}.",
        *_scores(card, said),
        *_scales(card, said),
        *(["## False defects", false_defects_words(card.false_defects)] if card.false_defects else []),
        *_speed(card),
        *(["## Where it fails", "\n".join(f"- {words}" for words in card.weaknesses)] if card.weaknesses else []),
        "## Licences and credits",
        markdown_table(
            ("source", "pictures", "licence", "credit"),
            [
                (said.get(source.name, source.name), str(source.images_count), source.licence, source.credit or "")
                for source in card.sources
            ],
            figures=(1,),
        ),
    ]
    return "\n\n".join(sections) + "\n"


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]], *, figures: Iterable[int] = ()) -> str:
    """A table; columns numbered in `figures` stand to the right."""
    right = set(figures)
    rule = "|".join("---:" if column in right else "---" for column in range(len(names)))
    return "\n".join(
        [_row(names), f"|{rule}|", *(_row([cell.replace("|", "\\|") for cell in cells]) for cells in rows)]
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _scores(card: ModelCard, said: Mapping[str, str]) -> list[str]:
    real = [score for score in card.scores if score.source.removesuffix(HELD_OUT_SUFFIX) != RENDERS_SOURCE]
    earlier = [score for score in real if score.source.endswith(HELD_OUT_SUFFIX)]
    shipped = {(score.source, score.label): score for score in real}
    unseen = [score for score in real if not score.seen_in_training and score not in earlier]
    only_seen = [
        score
        for score in real
        if score.seen_in_training
        and score.source != ALL_SOURCES
        and (score.source + HELD_OUT_SUFFIX, score.label) not in shipped
    ]
    renders = [score for score in card.scores if score.source == RENDERS_SOURCE]
    columns = range(2, len(EARLIER_NAMES))
    parts = []
    for title, members in (
        ("Photographs that trained nothing", unseen),
        ("Photographs that took part in the training; memory as much as skill", only_seen),
        ("Renders that trained nothing", renders),
    ):
        if members:
            rows = [_score_cells(score, said) for score in members]
            parts += [f"## {title}", markdown_table(SCORE_NAMES, rows, figures=columns)]
    if earlier:
        rows = []
        for score in earlier:
            now = shipped.get((score.source.removesuffix(HELD_OUT_SUFFIX), score.label))
            memory = "" if now is None else f"{now.ap50:.3f} / {now.count_error_fraction:.1%}"
            rows.append((*_score_cells(score, said), memory))
        title = "## Photographs that took part, scored by a training that left their source out"
        parts += [title, markdown_table(EARLIER_NAMES, rows, figures=columns)]
    return [*parts, ROW_WORDS] if any(score.rows_count for score in card.scores) else parts


def _score_cells(score: SourceScore, said: Mapping[str, str]) -> tuple[str, ...]:
    name = score.source.removesuffix(HELD_OUT_SUFFIX)
    figures = (
        *(f"{figure:.3f}" for figure in (score.ap50, score.ap75, score.f1)),
        f"{score.count_error_fraction:.1%}",
        share_cell(score.row_count_error_fraction),
    )
    if not score.boxes_count:  # nothing to find, so no figure means anything
        figures = ("", "", "", "", "")
    return (
        said.get(name, name),
        score.label.value,
        str(score.images_count),
        str(score.boxes_count),
        *figures,
    )


def _scales(card: ModelCard, said: Mapping[str, str]) -> list[str]:
    if not card.scale_scores:
        return []
    names = ("photographs", "label", "fed at", "AP50", "AP75", "count error")
    rows = [
        (
            said.get(score.source, score.source),
            score.label.value,
            f"{score.scale:g} x",
            f"{score.ap50:.3f}",
            f"{score.ap75:.3f}",
            f"{score.count_error_fraction:.1%}",
        )
        for score in sorted(card.scale_scores, key=lambda score: (score.source, card.labels.index(score.label)))
    ]
    return ["## Photographs fed at other sizes", markdown_table(names, rows, figures=(2, 3, 4, 5))]


def _speed(card: ModelCard) -> list[str]:
    if card.speed is None:
        return []
    speed = card.speed
    names = ("machine", "input", "network alone, ms", "one look, ms", "ratio", "INT8 network to float")
    cells = (
        speed.machine,
        f"{speed.input_wh_px[0]}x{speed.input_wh_px[1]}",
        f"{speed.bare_run_ms:.1f}",
        f"{speed.look_ms:.1f}",
        f"{speed.ratio:.2f}",
        "" if speed.int8_ratio is None else f"{speed.int8_ratio:.2f}",
    )
    return ["## Speed, one thread", markdown_table(names, [cells], figures=(2, 3, 4, 5))]
