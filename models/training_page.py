# SPDX-License-Identifier: AGPL-3.0-or-later
"""The report of a training: curves of every stage, scores on held-out renders, and the worst mistakes on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from models.charts import Axis, Line, chart, round_up
from models.evaluate import draw_worst
from models.held_out import StageScored, found_on_renders, held_out_renders
from models.html_page import html_table, inline_picture, page
from models.recipe import Recipe
from models.score_words import SCORE_LEGEND, SCORE_NAMES, score_cells
from models.stage_clock import STEPS_FILE, StepRow, read_steps

PAGE_NAME = "report.html"
WORST_COUNT = 12
TOP_SHARE = 1.05
WORST_WORDS = "Held-out renders with most mistakes per true box: found green, missed yellow, wrong red, ignored grey."


@dataclass(frozen=True)
class StageReport:
    """One stage as the page tells it."""

    name: str
    rows: list[StepRow]
    scored: StageScored


def write_report(
    output: Path, recipe: Recipe, pictures: Path, scored: dict[str, StageScored], *, with_worst: bool = True
) -> Path:
    """Write `report.html` into the training's folder, and `worst/`; the page's path.

    `scored` holds the stages that are done, in order; the last one's mistakes are drawn, `with_worst`.
    """
    stages = [StageReport(name, read_steps(output / name / STEPS_FILE), part) for name, part in scored.items()]
    worst: list[Path] = []
    if with_worst and stages:
        photographs = held_out_renders(pictures, recipe.labels)
        found = found_on_renders(stages[-1].scored, photographs)
        worst = draw_worst(photographs, found, output / "worst", None, WORST_COUNT)
    path = output / PAGE_NAME
    path.write_text(training_page(recipe, stages, worst), encoding="utf-8")
    return path


def training_page(recipe: Recipe, stages: Sequence[StageReport], worst: Sequence[Path]) -> str:
    """The page, as HTML; `worst` are picture files, the worst first."""
    done = "" if len(stages) == len(recipe.stages) else f" {len(stages)} of {len(recipe.stages)} stages are done."
    names = ("stage", *SCORE_NAMES[1:])
    rows = [(stage.name, *score_cells(line)[1:]) for stage in stages for line in stage.scored.lines]
    parts = [
        f'<p class="soft">facings model train</p><h1>{escape(recipe.model_id)}</h1>',
        f'<p class="soft">{escape(recipe.network.architecture)} at {recipe.train_input_px} px.{done}</p>',
        "<h2>On renders that trained nothing</h2>",
        html_table(names, rows, words_count=2),
        f'<p class="soft">By the node\'s own detector, after each stage. {escape(SCORE_LEGEND)}</p>',
        *(_stage_charts(stage) for stage in stages),
    ]
    if worst:
        parts.append(f'<h2>Worst mistakes</h2><p class="soft">{WORST_WORDS}</p><div class="grid">')
        parts += [inline_picture(path, path.stem) for path in worst]
        parts.append("</div>")
    return page(f"Training of {recipe.model_id}", parts)


def _stage_charts(stage: StageReport) -> str:
    """Every part of the loss and the learning rate over the epochs of one stage."""
    if not stage.rows:
        return f"<h2>{escape(stage.name)}</h2><p>No steps were noted.</p>"
    minutes = stage.rows[-1].spent_s / 60
    epochs = Axis("epochs", 0.0, max(stage.rows[-1].epoch, 1e-6))
    curves = {name: [row.losses.get(name, 0.0) for row in stage.rows] for name in stage.rows[-1].losses}
    curves["learning rate"] = [row.learning_rate for row in stage.rows]
    charts = [
        chart(
            name.replace("_", " "),
            epochs,
            Axis("", 0.0, round_up(max(values) * TOP_SHARE)),
            [
                Line(
                    f"{values[0]:.3g} to {values[-1]:.3g}",
                    [(row.epoch, value) for row, value in zip(stage.rows, values, strict=True)],
                )
            ],
        )
        for name, values in curves.items()
    ]
    head = f"{escape(stage.name)}: {stage.rows[-1].epoch:.2f} epochs in {minutes:.1f} min"
    return f'<h2>{head}</h2><div class="grid">{"".join(charts)}</div>'
