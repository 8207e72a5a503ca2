# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings hub ...` and `facings broker ...`. Each command loads only what it needs: a book import, no web server."""
# ruff: noqa: PLC0415 - that is why imports stand inside the commands

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from calibration.errors import CalibrationError
from server.cli_books import books_app
from server.errors import HubError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from server.config import HubSettings

hub_app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="The hub.")
calibration_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Planogram and calibrations.")
broker_app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="The small broker.")
hub_app.add_typer(books_app, name="books")
hub_app.add_typer(calibration_app, name="calibration")

ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file; FACINGS_HUB_* variables win over it.")]


@hub_app.command("run")
def run(config: ConfigOption = None) -> None:
    """Take reports in, judge, tell, and serve API and page until SIGTERM or Ctrl-C."""
    from sqlalchemy.exc import SQLAlchemyError

    from server.serve import serve

    try:
        serve(_settings(config))
    except (HubError, SQLAlchemyError) as error:
        _fail(error)


@hub_app.command("migrate")
def migrate_command(config: ConfigOption = None) -> None:
    """Bring the database's schema to this version's; `run` does so by itself."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        _engine(config).dispose()
    except (HubError, SQLAlchemyError) as error:
        _fail(error)
    typer.echo("The database is up to date.")


@calibration_app.command("add")
def add_calibration(
    files: Annotated[list[Path], typer.Argument(help="Calibration files, TOML or JSON.")], config: ConfigOption = None
) -> None:
    """Take calibrations into the planogram: all of them or, when one is wrong, none."""
    from sqlalchemy.exc import SQLAlchemyError

    from calibration.files import load_calibration
    from server.database import writing
    from server.shelves import take_calibration

    try:
        calibrations = [load_calibration(path) for path in files]
        now = datetime.now(UTC)
        with writing(_engine(config)) as connection:
            taken = [(item.camera_id, take_calibration(connection, item, now)) for item in calibrations]
    except (HubError, CalibrationError, SQLAlchemyError) as error:
        _fail(error)
    for camera_id, calibration_id in taken:
        typer.echo(f"camera {camera_id}: {calibration_id}")


@calibration_app.callback()
def _calibration() -> None:
    """Planogram and calibrations."""


@broker_app.command("run")
def run_broker(port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 1883) -> None:
    """Run the embedded broker by itself, on loopback, until SIGTERM or Ctrl-C."""
    from server.embedded_broker import EmbeddedBroker

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    broker = EmbeddedBroker(port)
    try:
        broker.start()
    except HubError as error:
        _fail(error)
    typer.echo(f"MQTT broker on 127.0.0.1:{port}")
    stopping.wait()
    broker.stop()


@broker_app.callback()
def _broker() -> None:
    """The small broker for one machine."""


def _settings(config: Path | None) -> "HubSettings":
    from server.config import load_settings

    return load_settings(config)


def _engine(config: Path | None) -> "Engine":
    from server.database import migrate, open_engine

    engine = open_engine(_settings(config).database_url)
    migrate(engine)
    return engine


def _fail(error: BaseException) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(1) from None
