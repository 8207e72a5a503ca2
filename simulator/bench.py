# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings bench`: measures and tortures the true system, and says what it saw."""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from edge.errors import EdgeError
from simulator.errors import SimulatorError
from simulator.picture.speed import measure_render_speed
from simulator.rig.durability import DurabilityOutcome, run_durability
from simulator.rig.measure_second_look import measure_second_look, pictures_total
from simulator.rig.vision_bench import chosen_models, measure_vision
from simulator.rig.vision_table import vision_table
from simulator.store.plan import STORES_FOLDER, load_store_plan

app = typer.Typer(no_args_is_help=True, help="Measure and torture the system.")


@app.callback()
def _group() -> None:
    """Measure and torture the system."""


@app.command()
def durability(
    *,
    reports: Annotated[int, typer.Option(min=1, help="Reports that the node makes at least.")] = 5000,
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs at random moments.")] = 100,
    seed: Annotated[int, typer.Option(help="Chooses the victims and the moments.")] = 1,
    broker: Annotated[
        str, typer.Option(help="mosquitto, or amqtt: the embedded broker in its own process.")
    ] = "mosquitto",
    database: Annotated[str | None, typer.Option(help="Database URL of an empty database; SQLite when absent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Kill node, broker and hub at random; check that every report is in the ledger exactly once."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="facings-durability-") as folder, Progress(console=console) as bars:
        tasks = {what: bars.add_task(what, total=None) for what in ("kills", "reports", "drained")}
        try:
            outcome = run_durability(
                Path(folder),
                reports_count=reports,
                kills_count=kills,
                seed=seed,
                broker=broker,
                database_url=database,
                progress=lambda what, done, total: bars.update(tasks[what], completed=done, total=total),
            )
        except SimulatorError as error:
            console.print(f"facings bench durability: {error}", markup=False)
            raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(outcome.to_dict()))
    else:
        Console().print(_table(outcome))
    if not outcome.exactly_once:
        raise typer.Exit(1)


@app.command()
def render(
    *,
    count: Annotated[
        int, typer.Option(min=1, help="Random bays of each kind: cold, warm, and with timed warps.")
    ] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the bays.")] = 0,
    width: Annotated[int, typer.Option(min=64, help="Pixels.")] = 640,
    height: Annotated[int, typer.Option(min=64, help="Pixels.")] = 480,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """State how many bays a core draws a second, and what one sale or one passer-by costs, beside the floor."""
    with Progress(console=Console(stderr=True)) as bars:
        task = bars.add_task("bays", total=3 * count)
        speed = measure_render_speed(
            count=count, seed=seed, wh_px=(width, height), progress=lambda done: bars.advance(task, done)
        )
    if as_json:
        typer.echo(json.dumps(speed.to_dict()))
        return
    table = Table("what", "figure", title=f"Drawing bays of {width} x {height}, processor time of one core")
    for what, figure in (
        ("random bays a second, artwork drawn for the first time", speed.cold_fps),
        ("random bays a second, artwork cached", speed.warm_fps),
        ("one such bay, ms", speed.warm_ms),
        (f"  of which bare warps ({speed.warps_per_bay:.0f} of them), ms", speed.warp_floor_ms),
        ("one bay again after a sale, ms", speed.sale_ms),
        ("one bay again with a passer-by, ms", speed.passer_by_ms),
        ("encoding the picture as JPEG, ms", speed.jpeg_floor_ms),
    ):
        table.add_row(what, str(figure))
    Console().print(table)


@app.command()
def vision(
    *,
    model: Annotated[
        list[Path] | None, typer.Option(help="Network or card; may be repeated. All shipped ones when absent.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each network: bare run, whole look, its steps.")] = 60,
    starts: Annotated[int, typer.Option(min=0, help="Fresh processes per network, for start-up and memory.")] = 3,
    peer_python: Annotated[
        str | None, typer.Option(help="Interpreter with ultralytics and supervision, measured beside.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """State what a look of the node costs beside the bare network: one thread, 24 zones, about 200 boxes."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="facings-vision-") as folder, Progress(console=console) as bars:
        try:
            onnx_files = chosen_models(model or [])
            task = bars.add_task("turns", total=len(onnx_files) * (rounds + starts))
            speed = measure_vision(
                onnx_files,
                Path(folder),
                rounds=rounds,
                starts_count=starts,
                wanted_peer=peer_python,
                progress=lambda: bars.advance(task),
            )
        except (EdgeError, SimulatorError) as error:
            console.print(f"facings bench vision: {error}", markup=False)
            raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(speed.to_dict()))
    else:
        Console().print(vision_table(speed))


@app.command("second-look")
def second_look(
    *,
    references: Annotated[int, typer.Option(min=1, help="Photographs of each tidy bay.")] = 4,
    pictures: Annotated[int, typer.Option(min=1, help="Spoilt shelves of each bay.")] = 9,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the brands and what goes wrong.")] = 1,
    model: Annotated[Path | None, typer.Option(help="ONNX file; default: the model that came along.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """State how many misplaced, turned and damaged packs the second look finds on rendered bays, and its cost."""
    plan = load_store_plan(STORES_FOLDER / "minimarket.toml")
    with Progress(console=Console(stderr=True)) as bars:
        task = bars.add_task("pictures", total=pictures_total(plan, references, pictures))
        score = measure_second_look(
            references_count=references,
            pictures_count=pictures,
            seed=seed,
            onnx_file=model,
            plan=plan,
            progress=lambda: bars.advance(task),
        )
    figures = score.to_dict()
    if as_json:
        typer.echo(json.dumps(figures))
        return
    Console().print(_second_look_table(figures))


def _second_look_table(figures: dict[str, Any]) -> Table:
    table = Table("what", "figure", title="Second look, rendered minimarket, the detector's own boxes")
    for part, words in (("findings", "single looks"), ("told", "agreed on by all looks")):
        for wrong, counts in figures.pop(part).items():
            told = ", ".join(f"{count} {finding}" for finding, count in counts.items())
            table.add_row(f"{words}: {wrong}", told)
    for width, parts in figures.pop("by_width_px").items():
        figures[f"{width} px wide"] = parts
    for what, figure in figures.items():
        plain = (
            ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in figure.items())
            if isinstance(figure, dict)
            else str(figure)
        )
        table.add_row(what.replace("_", " "), plain)
    return table


def _table(outcome: DurabilityOutcome) -> Table:
    verdict = "[green]every report exactly once[/]" if outcome.exactly_once else "[red]not exactly once[/]"
    table = Table("what", "figure", title=f"Durability, {outcome.broker} and {outcome.database}: {verdict}")
    kills = ", ".join(f"{name} {count}" for name, count in outcome.kills_count.items())
    for what, figure in (
        ("reports the node numbered", outcome.reports_count),
        ("reports in the ledger", outcome.ledger_count),
        ("missing", outcome.missing_count),
        ("doubled", outcome.doubled_count),
        ("dead letters", outcome.dead_letters_count),
        ("still on the node", outcome.left_on_node_count),
        ("boots of the node", outcome.boots_count),
        ("SIGKILLs", kills),
        ("seconds", outcome.elapsed_s),
    ):
        table.add_row(what, str(figure))
    return table
