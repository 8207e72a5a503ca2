# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings model golden` drafts a file of golden frames; `facings model adapt` adapts a model to a store by it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.errors import WorkshopError

if TYPE_CHECKING:
    from models.store_model import StoreModel

GoldenArgument = Annotated[Path | None, typer.Argument(help="TOML file of golden frames; see docs/adaptation.md.")]
FolderOption = Annotated[Path, typer.Option("--store-folder", help="The store's folder of models.")]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="ONNX file to begin with, where the folder has none yet; else the shipped. With --fine-tune of a store "
        "that runs 8 bits: the float network that they were made of, where it is not found.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to `facings model`."""
    app.command("golden")(golden_command)
    app.command("adapt")(adapt_command)


def golden_command(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures of one camera, or folders of them.")],
    *,
    calibration: Annotated[Path, typer.Option("--calibration", help="The camera's calibration file.")],
    output: Annotated[Path, typer.Option("--output", help="The TOML file to write; must not exist.")],
    store: Annotated[str, typer.Option("--store", help="Id of the store: small letters, digits, - and _.")],
    model: Annotated[
        Path | None, typer.Option("--model", help="ONNX file that counts; the shipped one if absent.")
    ] = None,
) -> None:
    """Draft a file of golden frames with a model's own counts, for a person to correct and mark as checked."""
    from models.golden_draft import write_draft  # noqa: PLC0415 - draws in OpenCV and the detector

    try:
        draft = write_draft(pictures, calibration, output, store_id=store, onnx=model)
    except WorkshopError as error:
        raise _refused(error) from error
    typer.echo(f"{output}: {draft.frames_count} frames to check; each as it was counted lies in {draft.drawings}")
    untimed_count = draft.frames_count - draft.timed_frames_count
    if untimed_count:
        typer.echo(
            f"warning: {untimed_count} of {draft.frames_count} pictures tell no time, neither in EXIF nor as in "
            "cam1-20261120-090000.jpg: add captured_at or group to them, else each stands alone, and pictures of one "
            "minute check each other",
            err=True,
        )


def adapt_command(
    golden: GoldenArgument = None,
    *,
    store_folder: FolderOption,
    model: ModelOption = None,
    candidate: Annotated[
        Path | None, typer.Option("--candidate", help="ONNX file of another network to let in, if it counts as well.")
    ] = None,
    fine_tune: Annotated[
        bool, typer.Option("--fine-tune", help="Train the present network on the golden frames (train extra).")
    ] = False,
    licence: Annotated[
        str, typer.Option("--licence", help="With --fine-tune: by what right the store's pictures train a network.")
    ] = "",
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="With --fine-tune: recipe of the network; the card's if absent.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option("--work", help="With --fine-tune: folder for the training; resumed where it exists.")
    ] = None,
    renders: Annotated[int, typer.Option("--renders", min=1, help="With --fine-tune: renders mixed in.")] = 300,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="With --fine-tune: passes over the pictures.")] = 3,
    device: Annotated[str, typer.Option("--device", help="With --fine-tune: cpu, or a GPU's name.")] = "cpu",
    go_back: Annotated[bool, typer.Option("--undo", help="Go back to the model before the current one.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Adapt a model to a store: thresholds from golden frames, taken only if the store is counted at least as well.

    Exit code 0: a better model is in place, or the old one was best already; 1: refused, the old one stays; 2: the
    golden frames or files cannot be used.
    """
    from models.adapt import adapt  # noqa: PLC0415 - draws in OpenCV and the detector
    from models.adapt_report import print_adapted  # noqa: PLC0415
    from models.golden import read_golden  # noqa: PLC0415
    from models.store_model import CURRENT, open_model, undo  # noqa: PLC0415

    def say(text: str) -> None:
        typer.echo(text, err=True)

    try:
        if go_back:
            left, again = undo(store_folder)
            typer.echo(f"{store_folder / CURRENT}: {again} again in place of {left}; restart the node")
            return
        frames = read_golden(_named(golden, fine_tune=fine_tune, candidate=candidate))
        old = _old_model(store_folder, model, fine_tune=fine_tune)
        contender = None if candidate is None else open_model(candidate)
        if fine_tune:
            from models.store_training import StorePlan, fine_tuned  # noqa: PLC0415 - loads the simulator

            plan = StorePlan(
                licence=licence,
                recipe=recipe,
                float_model=None if old.onnx == model else model,
                renders_count=renders,
                epochs=epochs,
                device=device,
            )
            contender = fine_tuned(frames, old, plan, work or store_folder / ".training", say=say)
        outcome = adapt(frames, store_folder, old, candidate=contender, split=fine_tune, say=say)
    except WorkshopError as error:
        raise _refused(error) from error
    if as_json:
        typer.echo(json.dumps(outcome.as_row(), indent=1))
    else:
        print_adapted(outcome, store_folder)
    if not outcome.unchanged and not outcome.verdict.accepted:
        raise typer.Exit(1)


def _named(golden: Path | None, *, fine_tune: bool, candidate: Path | None) -> Path:
    if golden is None:
        raise WorkshopError("name the file of golden frames, or say --undo")
    if fine_tune and candidate is not None:
        raise WorkshopError("--fine-tune makes its own candidate; leave --candidate out")
    return golden


def _old_model(store_folder: Path, model: Path | None, *, fine_tune: bool) -> "StoreModel":
    """What the store runs; where its folder is empty, what it is to begin with."""
    from edge.errors import ModelError  # noqa: PLC0415 - beside onnxruntime
    from edge.model_file import shipped_model  # noqa: PLC0415
    from models.store_model import current_model, open_model  # noqa: PLC0415

    current = current_model(store_folder)
    if current is not None and model is not None and not fine_tune:
        raise WorkshopError(
            f"{store_folder} runs {current.card.model_id} already; to let another network in, name it with --candidate"
        )
    try:
        return current or open_model(model or shipped_model())
    except ModelError as error:
        raise WorkshopError(str(error)) from error


def _refused(error: WorkshopError) -> typer.Exit:
    for line in str(error).splitlines():
        typer.echo(f"facings model: {line}", err=True)
    return typer.Exit(2)
