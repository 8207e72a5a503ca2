# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings model`: train, export and evaluate."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from contract.model_card import DetectorHead
from models import adapt_command, card_command, evaluate_command
from models.data_commands import add_data_commands
from models.plain_errors import PlainErrors

app = typer.Typer(no_args_is_help=True, help="Train, export and evaluate detectors.")
adapt_command.register(app)
card_command.register(app)
evaluate_command.register(app)
add_data_commands(app)

RecipeOption = Annotated[
    Path, typer.Option("--recipe", help="TOML recipe, e.g. models/recipes/shelf-nano-2-coarse.toml.")
]
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

    with PlainErrors():
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
    typer.echo(f"report: {trained.report}")


@app.command("export")
def export_command(
    weights: Annotated[Path, typer.Argument(help="Weights of a stage, e.g. OUTPUT/photographs/weights/last.pt.")],
    onnx: Annotated[Path, typer.Option("--onnx", help="The file to write; its card lies beside it.")],
    recipe: RecipeOption,
    manifest: Annotated[Path, typer.Option("--manifest", help="The training's manifest.json.")],
    head: Annotated[DetectorHead, typer.Option("--head", help="Which output the network gets.")] = DetectorHead.RAW,
) -> None:
    """Write the ONNX file and a first card; `card` with --annotations fills in thresholds and scores."""
    from models.cards import FALLBACK_THRESHOLD, make_card, write_card  # noqa: PLC0415
    from models.detecting import card_of  # noqa: PLC0415
    from models.export import export  # noqa: PLC0415
    from models.manifest import data_sources  # noqa: PLC0415
    from models.network import network_plan, stride_px  # noqa: PLC0415
    from models.recipe import read_recipe  # noqa: PLC0415

    with PlainErrors():
        plan = read_recipe(recipe)
        data_sources(manifest)  # what is amiss there shows before a network is put in another's place
        path = export(weights, onnx, plan, head)
        card = make_card(
            path,
            plan,
            manifest,
            head=head,
            thresholds=dict.fromkeys(plan.labels, FALLBACK_THRESHOLD),
            trained_at=datetime.fromtimestamp(weights.stat().st_mtime, UTC),
            stride_px=stride_px(network_plan(plan.network)),
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

    with PlainErrors():
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
