# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings model`: train, export and evaluate."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contract.model_card import DetectorHead
from models.errors import WorkshopError
from models.evaluate import SourceScored

TABLE_WIDTH = 120
"""A narrower terminal wraps the table instead of cutting its figures short."""

app = typer.Typer(no_args_is_help=True, help="Train, export and evaluate detectors.")

RecipeOption = Annotated[Path, typer.Option("--recipe", help="TOML recipe, e.g. models/recipes/shelf-nano.toml.")]
AnnotationsOption = Annotated[
    Path | None, typer.Option("--annotations", help="COCO file of photographs; only those that may train take part.")
]


@app.command("train")
def train_command(
    *,
    recipe: RecipeOption,
    output: Annotated[Path, typer.Option("--output", help="Folder for pictures, weights and the manifest.")],
    annotations: AnnotationsOption = None,
    start: Annotated[Path | None, typer.Option("--start", help="Earlier weights of ours to go on from.")] = None,
    processes: Annotated[int, typer.Option("--processes", min=1, help="Processes that draw renders.")] = 2,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads that torch computes with.")] = 2,
    device: Annotated[str, typer.Option("--device", help="cpu, or a GPU as ultralytics names it.")] = "cpu",
) -> None:
    """Train by a recipe. Run again after an interruption, it goes on where it stopped."""
    from models.train import train  # noqa: PLC0415 - draws in OpenCV and the simulator

    with _plain_errors():
        trained = train(
            recipe,
            output,
            annotations=annotations,
            start=start,
            processes=processes,
            threads=threads,
            device=device,
            say=typer.echo,
        )
    for stage, weights in trained.weights.items():
        typer.echo(f"{stage}: {weights}")
    typer.echo(f"manifest: {trained.manifest}")


@app.command("export")
def export_command(
    weights: Annotated[Path, typer.Argument(help="Weights of a stage, e.g. OUTPUT/photographs/weights/last.pt.")],
    onnx: Annotated[Path, typer.Option("--onnx", help="The file to write; its card lies beside it.")],
    recipe: RecipeOption,
    manifest: Annotated[Path, typer.Option("--manifest", help="The training's manifest.json.")],
    head: Annotated[DetectorHead, typer.Option("--head", help="Which output the network gets.")] = DetectorHead.RAW,
) -> None:
    """Write the ONNX file and a first card; `evaluate` with --write-card fills in thresholds and scores."""
    from models.cards import FALLBACK_THRESHOLD, make_card, write_card  # noqa: PLC0415
    from models.detecting import card_of  # noqa: PLC0415
    from models.export import export  # noqa: PLC0415
    from models.recipe import read_recipe  # noqa: PLC0415

    with _plain_errors():
        plan = read_recipe(recipe)
        path = export(weights, onnx, plan, head)
        card = make_card(
            path,
            plan,
            manifest,
            head=head,
            thresholds=dict.fromkeys(plan.labels, FALLBACK_THRESHOLD),
            trained_at=datetime.fromtimestamp(weights.stat().st_mtime, UTC),
        )
    write_card(card, card_of(path))
    typer.echo(f"{path} and {card_of(path)}")


@app.command("quantise")
def quantise_command(
    onnx: Annotated[Path, typer.Argument(help="The float model; its card, with thresholds chosen, lies beside it.")],
    *,
    pictures: Annotated[
        Path,
        typer.Option("--calibration-pictures", help="The training's `pictures` folder: renders to measure and count."),
    ],
    target: Annotated[Path, typer.Option("--onnx", help="The file to write; its card lies beside it.")],
    annotations: AnnotationsOption = None,
    gate_annotations: Annotated[
        Path | None,
        typer.Option(
            "--gate-annotations", help="COCO file of photographs to count only; all of --annotations if absent."
        ),
    ] = None,
    pictures_count: Annotated[int, typer.Option("--pictures-count", min=1, help="Pictures to calibrate on.")] = 48,
    seven_bits: Annotated[
        bool, typer.Option("--seven-bits", help="Smaller weights, for x86 processors without VNNI.")
    ] = False,
) -> None:
    """Write an 8-bit model, if it counts as the float one does; else exit with 1 and leave everything as it was."""
    from models.quantised_model import quantise_model  # noqa: PLC0415 - loads onnx
    from models.session_speed import median_ratio  # noqa: PLC0415

    with _plain_errors():
        gate = quantise_model(
            onnx,
            target,
            pictures,
            annotations=annotations,
            gate_annotations=gate_annotations,
            pictures_count=pictures_count,
            seven_bits=seven_bits,
            say=typer.echo,
        )
    typer.echo(
        f"{gate.boxes_count} products on {gate.images_count} pictures: count error {gate.count_error_fraction:.2%} "
        f"in 8 bits, {gate.float_count_error_fraction:.2%} in float; "
        f"counts differ by {gate.count_difference_fraction:.2%}"
    )
    if not gate.passed:
        typer.echo(
            f"count gate refused it: at most {gate.limit_fraction:.0%} may differ; {target} was not written", err=True
        )
        raise typer.Exit(1)
    ratio = median_ratio(target, onnx, input_wh_px=(640, 384))
    typer.echo(f"{target}: passed the count gate; a run costs {ratio:.2f} of the float one's (640x384, one thread)")


@app.command("card")
def card_command(
    card: Annotated[Path, typer.Argument(help="The card to fill in.")],
    *,
    annotations: Annotated[Path, typer.Option("--annotations", help="COCO file of annotated photographs.")],
    pictures: Annotated[Path, typer.Option("--pictures", help="The training's `pictures` folder.")],
    before: Annotated[
        Path | None, typer.Option("--before", help="Card of the weights before photographs trained them.")
    ] = None,
    weakness: Annotated[list[str] | None, typer.Option("--weakness", help="A known weakness; repeat.")] = None,
    holds: Annotated[
        tuple[float, float] | None, typer.Option("--holds", help="Facing heights (px at the input) that scored well.")
    ] = None,
) -> None:
    """Choose the card's thresholds and write its scores."""
    from models.cards import fill_card  # noqa: PLC0415

    with _plain_errors():
        filled = fill_card(card, annotations, pictures, before=before, weaknesses=weakness or (), holds_px=holds)
    typer.echo(filled.model_dump_json(indent=1, include={"confidence_thresholds", "scores"}))


@app.command("evaluate")
def evaluate_command(
    annotations: Annotated[Path, typer.Argument(help="COCO file of annotated photographs.")],
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
    draw: Annotated[Path | None, typer.Option("--draw", help="Folder for the worst pictures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a detector: AP50, AP75, precision, recall, F1 and count error per label and source."""
    from models.cards import read_card  # noqa: PLC0415
    from models.detecting import shipped_card_path  # noqa: PLC0415
    from models.evaluate import evaluate  # noqa: PLC0415

    with _plain_errors():
        used_card = card or shipped_card_path()
        thresholds = read_card(used_card).confidence_thresholds if at_card else None
        lines = evaluate(annotations, detections=detections, card=used_card, thresholds=thresholds, draw=draw)
    if as_json:
        typer.echo(json.dumps([line.as_row() for line in lines], indent=1))
    else:
        _print_table(lines)


def _print_table(lines: list[SourceScored]) -> None:
    names = ("source", "label", "images", "boxes", "AP50", "AP75", "at", "precision", "recall", "F1", "count error")
    table = Table(*names, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for line in lines:
        score = line.score
        figures = (score.ap50, score.ap75, score.threshold, score.precision, score.recall, score.f1)
        table.add_row(
            line.source,
            score.label.value,
            str(score.images_count),
            str(score.boxes_count),
            *(f"{figure:.3f}" for figure in figures),
            f"{score.count_error_fraction:.1%}",
        )
    Console(width=max(Console().width, TABLE_WIDTH)).print(table)


class _plain_errors:  # noqa: N801 - reads as a statement
    """Turns the workshop's errors into one line and exit code 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WorkshopError):
            typer.echo(f"facings model: {error}", err=True)
            raise typer.Exit(2) from error
