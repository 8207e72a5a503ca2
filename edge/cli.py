# SPDX-License-Identifier: AGPL-3.0-or-later
"""The node's commands: `edge run`, `detect` and `count`. Heavy libraries load when a command runs, not for its help."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, NoReturn

import typer

edge_app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Run a camera node.")

ModelOption = Annotated[
    Path | None, typer.Option("--model", help="ONNX file with its card beside it; default: the model that came along.")
]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, max=64, help="Threads of the detector.")]
DrawOption = Annotated[Path | None, typer.Option("--draw", help="Folder for annotated pictures; made when missing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON line per picture on standard output.")]
PathsArgument = Annotated[
    list[Path], typer.Argument(metavar="PATH...", help="Picture files, or folders whose pictures are taken in order.")
]


@edge_app.callback()
def _edge() -> None:
    """Run a camera node."""


@edge_app.command("run")
def run_command(
    config: Annotated[Path, typer.Option("--config", help="node.toml of this node.")],
    check: Annotated[bool, typer.Option("--check", help="Only check the configuration and the model.")] = False,  # noqa: FBT002
) -> None:
    """Look, count and report until stopped (SIGTERM or Ctrl-C)."""
    from edge.config import load_config
    from edge.errors import EdgeError
    from edge.node import Node
    from edge.node import check as check_node

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    _log_to_stderr()
    try:
        loaded = load_config(config)
        if check:
            check_node(loaded)
            typer.echo(f"{config}: node {loaded.node_id}, {len(loaded.cameras)} camera(s), in order")
            return
        node = Node(loaded)
    except EdgeError as error:
        _say(str(error))
        raise typer.Exit(2) from error
    _leave(0 if node.run(stopping) else 1)


def detect_command(
    paths: PathsArgument,
    model: ModelOption = None,
    conf: Annotated[
        float | None, typer.Option("--conf", min=0.0, max=1.0, help="One confidence threshold in place of the card's.")
    ] = None,
    facing_height: Annotated[
        float | None,
        typer.Option(
            "--facing-height",
            min=1.0,
            max=20_000.0,
            help="Pixels of height of a usual facing in these pictures; small ones are then looked at in tiles.",
        ),
    ] = None,
    threads: ThreadsOption = 2,
    as_json: JsonOption = False,  # noqa: FBT002
    draw: DrawOption = None,
) -> None:
    """Find products, gaps and price tags in photographs."""
    from edge.detect_pictures import detect_pictures

    faults_count = detect_pictures(
        paths,
        model,
        confidence=conf,
        facing_height_px=facing_height,
        threads_count=threads,
        as_json=as_json,
        draw_folder=draw,
    )
    _finish(faults_count)


def count_command(
    paths: PathsArgument,
    calibration: Annotated[Path, typer.Option("--calibration", help="Calibration file of the camera.")],
    references: Annotated[
        Path | None, typer.Option("--references", help="Reference crops of its products, for the second look.")
    ] = None,
    model: ModelOption = None,
    threads: ThreadsOption = 2,
    as_json: JsonOption = False,  # noqa: FBT002
    draw: DrawOption = None,
) -> None:
    """Count facings per zone in photographs of a calibrated camera, each photograph for itself."""
    from edge.detect_pictures import count_pictures

    faults_count = count_pictures(
        paths,
        calibration,
        model,
        threads_count=threads,
        as_json=as_json,
        draw_folder=draw,
        references_file=references,
    )
    _finish(faults_count)


def references_command(
    calibration: Annotated[Path, typer.Argument(metavar="CAMERA", help="Calibration file of the camera.")],
    paths: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="Photographs of the correctly filled shelf, or folders.")
    ],
    output: Annotated[Path, typer.Option("--output", help="File of reference crops to write, .npz.")],
    model: ModelOption = None,
    threads: ThreadsOption = 2,
    allow_missing: Annotated[  # noqa: FBT002
        bool, typer.Option("--allow-missing", help="Write the file although zones stay without crops.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of the table.")] = False,  # noqa: FBT002
) -> None:
    """Take reference crops of every product, by which a node tells misplaced, turned and damaged packs."""
    from edge.take_references import take_references

    wrote = take_references(
        calibration,
        paths,
        output,
        model,
        threads_count=threads,
        allow_missing=allow_missing,
        as_json=as_json,
    )
    _finish(0 if wrote else 1)


def _finish(faults_count: int) -> None:
    if faults_count:
        raise typer.Exit(1)


def _leave(exit_code: int) -> NoReturn:
    """End the process at once. Everything is on disk by now.

    A camera's reader may still be inside OpenCV; where it comes back while the interpreter takes itself apart, C++
    aborts the process, and a service manager would take a clean stop for a crash.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _log_to_stderr() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
