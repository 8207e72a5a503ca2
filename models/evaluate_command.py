# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings model evaluate`: how good a detector is on annotated pictures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.errors import WorkshopError
from models.plain_errors import PlainErrors

if TYPE_CHECKING:
    from models.evaluation import Evaluation

TABLE_WIDTH = 160
"""A narrower terminal wraps the table instead of cutting its figures short."""
SPREAD_LIMIT = 0.03


def register(app: typer.Typer) -> None:
    """Add the command to `facings model`."""
    app.command("evaluate")(evaluate_command)


def evaluate_command(
    dataset: Annotated[
        Path,
        typer.Argument(help="COCO file of annotated photographs, a folder with annotations.json, or drawn pictures."),
    ],
    *,
    detections: Annotated[
        Path | None,
        typer.Option("--detections", help="Lines of `facings detect --json`; else the node's detector runs."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option("--card", help="Card of the model to run; the shipped one if absent.")
    ] = None,
    at_card: Annotated[
        bool, typer.Option("--at-card", help="Count at the card's thresholds, as a node does, not at the best F1.")
    ] = False,
    scales: Annotated[
        str, typer.Option("--scales", help="Also feed each picture at these multiples of its size, e.g. 0.5,1,2.")
    ] = "",
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Tell the detector how tall facings are, as a calibration does.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder for report.html, figures, boxes and the worst pictures.")
    ] = None,
    draw: Annotated[Path | None, typer.Option("--draw", help="Folder for the worst pictures alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a detector: AP50, AP75, precision, recall, F1, errors of the count per image and per shelf row."""
    from models.detecting import shipped_card_path  # noqa: PLC0415 - libraries load when a command runs
    from models.evaluate import draw_worst  # noqa: PLC0415
    from models.evaluation import evaluate_dataset  # noqa: PLC0415
    from models.evaluation_page import WORST_COUNT, write_evaluation  # noqa: PLC0415

    with PlainErrors():
        made = evaluate_dataset(
            dataset,
            card or shipped_card_path(),
            detections=detections,
            at_card=at_card,
            scales=parse_scales(scales),
            calibrated=calibrated,
        )
        if draw is not None:
            draw_worst(made.photographs, made.found, draw, made.thresholds, WORST_COUNT)
        report = None if output is None else write_evaluation(made, output)
    if as_json:
        typer.echo(json.dumps(made.as_json(), indent=1))
        return
    _print_tables(made)
    if report is not None:
        typer.echo(f"report: {report}")


def parse_scales(words: str) -> tuple[float, ...]:
    """The numbers of a list such as 0.5,1,2. Raises WorkshopError."""
    try:
        return tuple(float(word) for word in words.split(",") if word.strip())
    except ValueError as error:
        raise WorkshopError(f"--scales {words}: expected numbers with commas between, such as 0.5,1,2") from error


def _print_tables(made: "Evaluation") -> None:
    from models.evaluate import over_all  # noqa: PLC0415
    from models.scales import ap50_spread  # noqa: PLC0415
    from models.score_words import (  # noqa: PLC0415
        SCALE_NAMES,
        SCORE_LEGEND,
        SCORE_NAMES,
        false_defects_words,
        scale_cells,
        score_cells,
    )

    console = Console(width=max(Console().width, TABLE_WIDTH))
    console.print(_table(SCORE_NAMES, [score_cells(line) for line in made.scores], words_count=2))
    typer.echo(SCORE_LEGEND)
    if made.trained_sources:
        typer.echo(
            f"{', '.join(sorted(made.trained_sources))}: photographs of these trained the model, so their scores, and"
            " those over all, show memory as much as skill; its card holds scores of trainings that left them out."
        )
    if made.scales:
        rows = [scale_cells(scale, line) for scale, lines in made.scales.items() for line in over_all(lines)]
        console.print(_table(SCALE_NAMES, sorted(rows, key=lambda cells: cells[0]), words_count=1))
        for line in over_all(made.scores):
            spread = ap50_spread(made.scales, line.score.label)
            verdict = "within" if spread <= SPREAD_LIMIT else "beyond"
            typer.echo(
                f"{line.score.label.value}: AP50 differs by {spread:.3f} between sizes, {verdict} {SPREAD_LIMIT}"
            )
    if made.false_defects is not None:
        typer.echo(false_defects_words(made.false_defects))


def _table(names: tuple[str, ...], rows: list[tuple[str, ...]], *, words_count: int) -> Table:
    table = Table(*names, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[words_count:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    return table
