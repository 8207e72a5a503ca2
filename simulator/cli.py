# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings store`: run the virtual store against the system, score what it said, publish the benchmark."""

import importlib
import json
import shlex
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperGroup

from edge.errors import EdgeError
from server.errors import HubError
from simulator.errors import ScenarioError, SimulatorError
from simulator.rig.scenario import Scenario, scenario_names
from simulator.scoring.benchmark import Benchmark, run_benchmark
from simulator.scoring.expectations import check
from simulator.scoring.playing import Play, find_scenario, play, working_folder
from simulator.scoring.record import Mode, RunRecord, Sight
from simulator.scoring.scores import Scores, score
from simulator.scoring.terminal import TABLE_WIDTH, figure_lines, kinds_table
from simulator.scoring.words import delay_words

PICTURE_COMMANDS = {
    "render": ("simulator.picture.export", "render_command", "Draw random bays with their ground truth as COCO."),
    "sheet": ("simulator.picture.sheet", "sheet_command", "Draw bays beside real photographs, to be judged by eye."),
}
"""Where commands live whose libraries load only when they are called, and what they are for."""


class _StoreGroup(TyperGroup):
    """Our commands and those that draw."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the help."""
        return [*super().list_commands(ctx), *PICTURE_COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        if cmd_name not in PICTURE_COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = PICTURE_COMMANDS[cmd_name]
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(getattr(importlib.import_module(module), attribute))
        command = typer.main.get_command(single)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List them without importing what draws."""
        ours = [(name, self.get_command(ctx, name).get_short_help_str(70)) for name in super().list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([*ours, *((name, words) for name, (_, _, words) in PICTURE_COMMANDS.items())])


app = typer.Typer(
    cls=_StoreGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Run the virtual store against the system and score what it says.",
)


class ModeName(StrEnum):
    """Modes as they are written on the command line."""

    IN_PROCESS = "in-process"
    PROCESSES = "processes"

    @property
    def mode(self) -> Mode:
        """The record's word for it."""
        return Mode.PROCESSES if self is ModeName.PROCESSES else Mode.IN_PROCESS


ScenarioArgument = Annotated[str, typer.Argument(help="Name in the library (see `scenarios`), or a scenario file.")]
RecordArgument = Annotated[Path, typer.Argument(help="A record that `run --record` wrote.")]
ReportOption = Annotated[
    list[Path] | None,
    typer.Option("--report", help="FILE.html for the page, FILE.json for the scores; repeat for both."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ModeOption = Annotated[
    ModeName, typer.Option("--mode", help="The true processes in their own time, or the same code in simulated time.")
]
SightOption = Annotated[
    Sight | None,
    typer.Option(
        "--sight", help="Rendered pictures and the detector, or boxes with its errors. In processes: detector."
    ),
]


@app.command("run")
def run_command(
    scenario: ScenarioArgument,
    *,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same store.")] = 1,
    report: ReportOption = None,
    record: Annotated[Path | None, typer.Option("--record", help="Keep all that the run left behind, as JSON.")] = None,
    mode: ModeOption = ModeName.IN_PROCESS,
    sight: SightOption = None,
    speed: Annotated[
        float | None, typer.Option("--speed", min=0.1, max=600, help="World seconds per second, in processes only.")
    ] = None,
    must_hold: Annotated[
        bool, typer.Option("--check", help="Exit with 1 when an expectation of the scenario does not hold.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Play a scenario and score the system on it."""
    with _plain_errors(), ExitStack() as stack:
        _check_files(report, record)
        if speed is not None and mode is ModeName.IN_PROCESS:
            raise ScenarioError("--speed is for --mode processes; simulated time runs as fast as it can")
        name, plan = find_scenario(scenario)
        usual_sight = Sight.DETECTOR if mode is ModeName.PROCESSES else Sight.MODELLED
        wish = Play(name, plan, seed, mode.mode, sight or usual_sight, speed)
        folder = stack.enter_context(working_folder(wish.mode))
        bar = stack.enter_context(_Bar(f"{name}, seed {seed}"))
        played = play(wish, folder, bar.move)
    faults = check(plan, played)
    if record is not None:
        played.write(record)
    _write_reports(report, played, faults)
    _say(played, faults, report, as_json=as_json)
    if must_hold and faults:
        raise typer.Exit(1)


@app.command("scenarios")
def scenarios_command(*, as_json: JsonOption = False) -> None:
    """List the library."""
    with _plain_errors():
        library = {name: find_scenario(name)[1] for name in scenario_names()}
    if as_json:
        rows = [
            {
                "name": name,
                "title": plan.title,
                "happens": plan.happens,
                "expected": plan.expected,
                "store": plan.store,
                "lasts_s": plan.lasts.total_seconds(),
            }
            for name, plan in library.items()
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table("name", "what happens", "store", "lasts", box=SIMPLE_HEAD, pad_edge=False)
    for name, plan in library.items():
        table.add_row(name, plan.title, plan.store, delay_words(plan.lasts.total_seconds()))
    Console(width=max(Console().width, TABLE_WIDTH)).print(table)


@app.command("score")
def score_command(
    record: RecordArgument,
    *,
    scenario: Annotated[
        str | None, typer.Option("--scenario", help="Scenario to check against; the record's own name if absent.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a record anew."""
    with _plain_errors():
        played = _read_record(record)
        faults = _faults_of(played, scenario)
    _say(played, faults or [], None, as_json=as_json)


@app.command("report")
def report_command(
    record: RecordArgument,
    page: Annotated[Path, typer.Argument(help="The page to write, FILE.html, or the scores, FILE.json.")],
    *,
    scenario: Annotated[
        str | None, typer.Option("--scenario", help="Scenario to check against; the record's own name if absent.")
    ] = None,
) -> None:
    """Write the page, or the scores, of a record."""
    with _plain_errors():
        _check_files([page], None)
        played = _read_record(record)
        _write_reports([page], played, _faults_of(played, scenario))
    typer.echo(f"{page} is written")


@app.command("benchmark")
def benchmark_command(
    *,
    scenarios: Annotated[
        str, typer.Option("--scenarios", help="Names of the library, with commas.")
    ] = "ordinary-morning,busy-saturday,thief",
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=1000, help="How many.")] = 10,
    first_seed: Annotated[int, typer.Option("--first-seed", min=0, help="The others follow it.")] = 1,
    also: Annotated[
        str | None,
        typer.Option("--also", help="Names to play from the first seed only; absent: the rest of the library."),
    ] = None,
    mode: ModeOption = ModeName.IN_PROCESS,
    sight: SightOption = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Runs at a time, each in its own process.")] = 1,
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("docs/benchmark.md"),
    json_file: Annotated[Path | None, typer.Option("--json", help="All figures of every run, too.")] = None,
    folder: Annotated[
        Path, typer.Option("--folder", help="Keeps every finished run, so that a second call goes on from there.")
    ] = Path("var/benchmark"),
) -> None:
    """Play several scenarios from several seeds and write docs/benchmark.md."""
    usual_sight = Sight.DETECTOR if mode is ModeName.PROCESSES else Sight.MODELLED
    with _plain_errors():
        for file in (out, json_file):
            if file is not None and not file.absolute().parent.is_dir():
                raise ScenarioError(f"{file}: there is no folder {file.parent}")
        plans = _plans(scenarios)
        rest = ",".join(name for name in scenario_names() if name not in {*plans, "demo"})
        others = {name: plan for name, plan in _plans(rest if also is None else also).items() if name not in plans}
        if not plans:
            raise ScenarioError("--scenarios: name at least one scenario")
        wish = Benchmark(
            plans=plans,
            seeds=tuple(range(first_seed, first_seed + seeds)),
            also=others,
            mode=mode.mode,
            sight=sight or usual_sight,
            folder=folder,
        )
        run_benchmark(
            wish,
            out=out,
            json_file=json_file,
            jobs_count=jobs,
            command=_benchmark_words(wish, mode),
            console=Console(stderr=True),
        )
    typer.echo(f"{out} is written" + (f", {json_file} too" if json_file else ""))


def _plans(names: str) -> dict[str, Scenario]:
    return dict(find_scenario(name.strip()) for name in names.split(",") if name.strip())


def _benchmark_words(wish: Benchmark, mode: ModeName) -> str:
    """The command that makes the same page again."""
    return (
        f"facings store benchmark --scenarios {','.join(wish.plans)} --seeds {len(wish.seeds)}"
        f" --first-seed {wish.seeds[0]} --also {shlex.quote(','.join(wish.also))} --mode {mode} --sight {wish.sight}"
    )


def _check_files(reports: list[Path] | None, record: Path | None) -> None:
    """Before hours of running, not after. Raises ScenarioError."""
    for file in reports or ():
        if file.suffix not in {".html", ".json"}:
            raise ScenarioError(f"--report {file}: call it FILE.html for the page or FILE.json for the scores")
    for file in [*(reports or ()), *([record] if record else [])]:
        if not file.absolute().parent.is_dir():
            raise ScenarioError(f"{file}: there is no folder {file.parent}")


def _read_record(path: Path) -> RunRecord:
    try:
        return RunRecord.read(path)
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise ScenarioError(f"{path}: is no record of `facings store run --record`: {place}: {fault['msg']}") from error


def _faults_of(played: RunRecord, scenario: str | None) -> list[str] | None:
    """What does not hold; None where the record's scenario is not at hand."""
    if scenario is None and played.scenario not in scenario_names():
        return None
    return check(find_scenario(scenario or played.scenario)[1], played)


def _write_reports(reports: list[Path] | None, played: RunRecord, faults: list[str] | None) -> None:
    for file in reports or ():
        if file.suffix == ".json":
            file.write_text(json.dumps(_as_json(score(played), faults), indent=1) + "\n", encoding="utf-8")
        else:
            from simulator.scoring.report_page import report_page  # noqa: PLC0415

            file.write_text(report_page(played, faults=faults), encoding="utf-8")


def _as_json(scores: Scores, faults: list[str] | None) -> dict[str, Any]:
    return {**scores.model_dump(mode="json"), "expectations_not_met": faults}


def _say(played: RunRecord, faults: list[str], reports: list[Path] | None, *, as_json: bool) -> None:
    scores = score(played)
    if as_json:
        typer.echo(json.dumps(_as_json(scores, faults), indent=1))
        return
    console = Console(width=max(Console().width, TABLE_WIDTH))
    console.print(kinds_table(scores))
    for line in figure_lines(scores):
        console.print(line, markup=False, highlight=False)
    for note in scores.notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    for fault in faults:
        console.print(f"not met: {fault}", markup=False, highlight=False)
    for file in reports or ():
        console.print(f"report: {file}", markup=False, highlight=False)


class _Bar:
    """A progress bar on standard error."""

    def __init__(self, words: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[clock]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._words = words
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        self._progress.start()
        self._task = self._progress.add_task(self._words, total=1.0, clock="")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def move(self, at: datetime, fraction: float) -> None:
        """World time and how much of the run is over."""
        self._progress.update(self._task, completed=fraction, clock=f"{at:%a %H:%M}")


class _plain_errors:  # noqa: N801 - reads as a statement
    """Turns errors that were designed into one line and exit code 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SimulatorError | EdgeError | HubError):
            typer.echo(f"facings store: {error}", err=True)
            raise typer.Exit(2) from error
