# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings model card`: fill in a card, or show it."""

from pathlib import Path
from typing import Annotated

import typer

from models.errors import WorkshopError
from models.evaluate_command import parse_scales
from models.plain_errors import PlainErrors


def register(app: typer.Typer) -> None:
    """Add the command to `facings model`."""
    app.command("card")(card_command)


def card_command(
    card: Annotated[Path, typer.Argument(help="The card.")],
    *,
    annotations: Annotated[
        Path | None, typer.Option("--annotations", help="COCO file of annotated photographs; fills in the scores.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="The training's `pictures` folder; goes with --annotations.")
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option("--held-out", help="Filled card of a training that left some sources out; judges them; repeat."),
    ] = None,
    weakness: Annotated[
        list[str] | None, typer.Option("--weakness", help="A known weakness, in place of those on the card; repeat.")
    ] = None,
    holds: Annotated[
        tuple[float, float] | None, typer.Option("--holds", help="Facing heights (px at the input) that scored well.")
    ] = None,
    default_input: Annotated[
        tuple[int, int] | None,
        typer.Option("--default-input", help="Width and height (px) that a node feeds where it knows no scale."),
    ] = None,
    scales: Annotated[
        str, typer.Option("--scales", help="Feeding sizes to score as well, e.g. 0.5,1,2; goes with --annotations.")
    ] = "",
    speed: Annotated[Path | None, typer.Option("--speed", help="What `facings bench vision --json` printed.")] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the card as the tables of models/README.md.")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="SOURCE=WORDS: what --markdown calls a source; repeat.")
    ] = None,
) -> None:
    """Show a card; with --annotations choose its thresholds and write its scores, with --speed its speed."""
    from models.card_markdown import card_markdown  # noqa: PLC0415 - libraries load when a command runs
    from models.cards import fill_card, read_card, read_speed, set_on_card  # noqa: PLC0415
    from models.evaluation import check_scales  # noqa: PLC0415

    with PlainErrors():
        names = _names(name or [])
        if (annotations is None) != (pictures is None):
            raise WorkshopError("--annotations and --pictures go together: thresholds are chosen on both")
        if annotations is None and (held_out or scales):
            raise WorkshopError(
                "--held-out and --scales score photographs: name them with --annotations and --pictures"
            )
        sizes = parse_scales(scales)
        check_scales(sizes)
        shown = read_card(card)
        measured = None if speed is None else read_speed(speed, shown.model_id)  # faults show before minutes of scoring
        if default_input is not None:
            shown = set_on_card(card, default_input_wh_px=default_input)  # before the scores, which follow from it
        if annotations is not None and pictures is not None:
            shown = fill_card(card, annotations, pictures, held_out=held_out or (), scales=sizes)
        if measured is not None or weakness is not None or holds is not None:
            shown = set_on_card(card, speed=measured, weaknesses=weakness, holds_px=holds)
    if markdown:
        typer.echo(card_markdown(shown, names), nl=False)
    else:
        fields = {"model_id", "confidence_thresholds", "scores", "scale_scores", "false_defects", "speed", "weaknesses"}
        typer.echo(shown.model_dump_json(indent=1, include=fields, exclude_none=True))


def _names(pairs: list[str]) -> dict[str, str]:
    names = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    if len(names) != len(pairs):
        raise WorkshopError("--name: expected SOURCE=WORDS, each source once")
    return names
