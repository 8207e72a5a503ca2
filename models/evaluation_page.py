# SPDX-License-Identifier: AGPL-3.0-or-later
"""An evaluation as files: one page that needs nothing else, all figures as JSON, the boxes, the worst pictures."""

import json
from html import escape
from pathlib import Path

from contract.model_card import FalseDefects
from models.charts import Axis, Line, chart, round_up
from models.curves import counts, precision_recall, reliability
from models.evaluate import ALL_SOURCES, SourceScored, draw_worst, over_all
from models.evaluation import Evaluation, write_detections
from models.html_page import html_table, inline_picture, page
from models.scales import Scales
from models.score_words import SCALE_NAMES, SCORE_LEGEND, SCORE_NAMES, false_defects_words, scale_cells, score_cells
from models.scoring import judge_all

PAGE_NAME = "report.html"
WORST_COUNT = 12
WORST_WORDS = "Pictures with most mistakes per true box: found green, missed yellow, wrong red, ignored grey."


def write_evaluation(made: Evaluation, folder: Path) -> Path:
    """Write `report.html`, `scores.json`, `detections.jsonl` and `worst/` into `folder`; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = json.dumps(made.as_json(), indent=1) + "\n"
    (folder / "scores.json").write_text(figures, encoding="utf-8")
    write_detections(folder / "detections.jsonl", made.photographs, made.found)
    worst = draw_worst(made.photographs, made.found, folder / "worst", made.thresholds, WORST_COUNT)
    path = folder / PAGE_NAME
    path.write_text(evaluation_page(made, worst), encoding="utf-8")
    return path


def evaluation_page(made: Evaluation, worst: list[Path]) -> str:
    """The page, as HTML; `worst` are picture files, the worst first."""
    counted_at = "the threshold of the best F1, which flatters" if made.thresholds is None else "the card's thresholds"
    title = f"{made.model_id} on {made.dataset.name}"
    parts = [
        f'<p class="soft">facings model evaluate</p><h1>{escape(title)}</h1>',
        f'<p class="soft">{len(made.photographs)} pictures. Precision, recall and counts at {counted_at}.</p>',
        html_table(SCORE_NAMES, [score_cells(line) for line in made.scores], words_count=2),
        f'<p class="soft">{escape(SCORE_LEGEND)}</p>',
        "<h2>Other sizes</h2>" + scales_table(made.scales) if made.scales else "",
        f"<h2>False defects</h2><p>{escape(_defects(made.false_defects))}</p>",
        "<h2>Curves</h2>",
        *(_label_charts(made, line) for line in over_all(made.scores)),
        f'<h2>Worst pictures</h2><p class="soft">{WORST_WORDS}</p><div class="grid">',
        *(inline_picture(path, path.stem) for path in worst),
        "</div>",
    ]
    return page(title, parts)


def scales_table(scales: Scales) -> str:
    """One line per label and feeding size, as HTML."""
    rows = [scale_cells(scale, line) for scale, lines in sorted(scales.items()) for line in over_all(lines)]
    return html_table(SCALE_NAMES, sorted(rows, key=lambda cells: cells[0]))


def _defects(counted: FalseDefects | None) -> str:
    return (
        "The model names no defects, or no picture is complete for products."
        if counted is None
        else (false_defects_words(counted))
    )


def _label_charts(made: Evaluation, overall: SourceScored) -> str:
    """Precision over recall by source, trust in the confidence, counted against true."""
    label, threshold = overall.score.label, overall.score.threshold
    members = {
        line.source: [
            photograph
            for photograph in made.photographs
            if label in photograph.complete_for and line.source in {ALL_SOURCES, photograph.source}
        ]
        for line in made.scores
        if line.score.label == label
    }
    judged = {source: judge_all(label, those, made.found, least_iou=0.5) for source, those in members.items()}
    own = [source for source in judged if source != ALL_SOURCES]
    trust = reliability(judged[overall.source])
    dots = {source: counts(judged[source], threshold) for source in own}
    most = round_up(max((max(dot) for those in dots.values() for dot in those), default=1.0))
    charts = (
        chart(
            f"{label.value}: precision over recall",
            Axis("recall"),
            Axis("precision"),
            [Line(source, precision_recall(parts)) for source, parts in judged.items()],
        ),
        chart(
            f"{label.value}: confidence taken at its word is off by {trust.error:.3f}",
            Axis("confidence"),
            Axis("share that is right"),
            [Line(overall.source, list(zip(trust.confidence, trust.precision, strict=True)))],
            diagonal=True,
        ),
        chart(
            f"{label.value}: counted at {threshold:.2f} and true, a dot per picture",
            Axis("true", 0, most),
            Axis("counted", 0, most),
            [
                Line(source, dots[source], dots=True, words=[photograph.path.name for photograph in members[source]])
                for source in own
            ],
            diagonal=True,
        ),
    )
    return f'<div class="grid">{"".join(charts)}</div>'
