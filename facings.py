# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command `facings`: one door, a thin one. Each subcommand loads only its own part.

A Raspberry Pi that runs `facings edge run` never imports the hub, and `facings --help` imports none of either.
"""

import importlib
import sys
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup


class Door(NamedTuple):
    """Where a subcommand lives and what it is for; the module is imported when the subcommand is called."""

    module: str
    attribute: str
    extra: str | None
    summary: str


DOORS = {
    "demo": Door("simulator.demo", "demo_command", "simulator", "Run a small store: cameras, nodes, hub, a shopper."),
    "replay": Door("simulator.replay", "replay_command", "simulator", "Run the whole system over photographs."),
    "detect": Door("edge.cli", "detect_command", "edge", "Find products, gaps and price tags in photographs."),
    "count": Door("edge.cli", "count_command", "edge", "Count facings per zone in photographs of a calibrated camera."),
    "calibrate": Door("calibration.cli", "app", None, "Check a camera's calibration file; take reference crops."),
    "edge": Door("edge.cli", "edge_app", "edge", "Run a camera node."),
    "hub": Door("server.cli", "hub_app", "server", "Run the hub; bring in books and calibrations."),
    "broker": Door("server.cli", "broker_app", "server", "Run the embedded MQTT broker by itself."),
    "model": Door("models.cli", "app", "train", "Train, export and evaluate detectors."),
    "bench": Door("simulator.bench", "app", "simulator", "Measure and torture the system."),
    "store": Door(
        "simulator.cli", "app", "simulator", "Run the virtual store, score the system, publish the benchmark."
    ),
    "schema": Door("contract.cli", "schema_command", None, "Print the JSON Schemas of everything on the wire."),
}

GUESTS = {
    ("calibrate", "references"): Door(
        "edge.cli", "references_command", "edge", "Take reference crops of every product."
    ),
}
"""Commands that a group shows though they live in a room which the group's own may not import."""

OUR_ROOMS = {"contract", "calibration", "edge", "server", "simulator", "models"}


class LazyGroup(TyperGroup):
    """Imports a subcommand's module when that subcommand is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of `DOORS`."""
        del ctx
        return list(DOORS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        del ctx
        door = DOORS.get(cmd_name)
        if door is None:
            return None
        command = _as_command(_behind(door), cmd_name)
        for (group, name), guest in GUESTS.items():
            if group == cmd_name:
                command.add_command(_as_command(_behind(guest), name))
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the subcommands from the table, so that help imports nothing."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, door.summary) for name, door in DOORS.items()])


def _behind(door: Door) -> Any:
    return getattr(importlib.import_module(door.module), door.attribute)


def _as_command(target: Any, name: str) -> Any:
    if isinstance(target, typer.Typer):
        command = typer.main.get_command(target)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(target)
        command = typer.main.get_command(single)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Facings keeps shelves full: cameras count, the hub reconciles, a person is told why.",
)


@app.callback()
def _root() -> None:
    """Facings keeps shelves full: cameras count, the hub reconciles, a person is told why."""


def _missing_extra(error: ModuleNotFoundError) -> str:
    """What to install for the subcommand that was called; some of its modules load only when it runs."""
    name = next((word for word in sys.argv[1:] if word in DOORS), "")
    door = next((guest for (group, word), guest in GUESTS.items() if group == name and word in sys.argv), None)
    door = door or DOORS.get(name)
    extra = f"'facings[{door.extra}]'" if door and door.extra else "facings"
    return f"facings {name}: the package {error.name} is not installed; call: pip install {extra}"


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except BrokenPipeError:
        # A pipe into `head` closes early; that is the reader's choice, not our error.
        sys.stderr.close()
        sys.exit(0)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in OUR_ROOMS:
            raise
        typer.echo(_missing_extra(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
