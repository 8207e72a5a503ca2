# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings hub ...` and `facings broker ...`."""

import signal
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer
import uvicorn
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from calibration.errors import CalibrationError
from calibration.files import load_calibration
from server.api import create_app
from server.books import read_csv_file
from server.config import HubSettings, load_settings
from server.database import migrate, open_engine, writing
from server.embedded_broker import EmbeddedBroker
from server.errors import HubError
from server.movements import take_movements
from server.pipeline import Hub
from server.shelves import take_calibration

_log = structlog.get_logger(__name__)

hub_app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="The hub.")
books_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Book inventory.")
calibration_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Planogram and calibrations.")
broker_app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="The small broker.")
hub_app.add_typer(books_app, name="books")
hub_app.add_typer(calibration_app, name="calibration")

ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file; FACINGS_HUB_* variables win over it.")]

_SHUTDOWN_PATIENCE_S = 3


@hub_app.command("run")
def run(config: ConfigOption = None) -> None:
    """Take reports in, judge, tell, and serve API and page until SIGTERM or Ctrl-C."""
    settings = _settings(config)
    listener = _listener(settings)
    # uvicorn raises the signal again once it has shut down; it must not end us before the ledger's last batch.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        with Hub(settings) as hub:
            server = uvicorn.Server(
                uvicorn.Config(
                    create_app(settings, hub.engine),
                    log_level="warning",
                    server_header=False,
                    timeout_graceful_shutdown=_SHUTDOWN_PATIENCE_S,
                )
            )
            typer.echo(f"Facings hub: http://{settings.listen_host}:{settings.listen_port}/")
            server.run(sockets=[listener])
    except (HubError, SQLAlchemyError) as error:
        _fail(error)


@hub_app.command("migrate")
def migrate_command(config: ConfigOption = None) -> None:
    """Bring the database's schema to this version's; `run` does so by itself."""
    _engine(config).dispose()
    typer.echo("The database is up to date.")


@books_app.command("import")
def import_books(
    file: Annotated[Path, typer.Argument(help="CSV with sku,kind,units,occurred_at and optionally reference,name.")],
    config: ConfigOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
) -> None:
    """Append the movements of a CSV file; lines that are on record already are passed over."""
    try:
        now = datetime.now(UTC)
        lines = read_csv_file(file, now=now)
        engine = _engine(config)
        with writing(engine) as connection:
            taken = take_movements(connection, lines, source=file.name, now=now)
            if dry_run:
                connection.rollback()
    except (HubError, SQLAlchemyError) as error:
        _fail(error)
    verb = "would be added" if dry_run else "added"
    typer.echo(
        f"{taken.new_count} movements of {taken.skus_count} SKUs {verb}, {taken.repeated_count} on record already."
    )


@calibration_app.command("add")
def add_calibration(
    files: Annotated[list[Path], typer.Argument(help="Calibration files, TOML or JSON.")], config: ConfigOption = None
) -> None:
    """Take calibrations into the planogram: all of them or, when one is wrong, none."""
    try:
        calibrations = [load_calibration(path) for path in files]
        now = datetime.now(UTC)
        with writing(_engine(config)) as connection:
            taken = [(item.camera_id, take_calibration(connection, item, now)) for item in calibrations]
    except (HubError, CalibrationError, SQLAlchemyError) as error:
        _fail(error)
    for camera_id, calibration_id in taken:
        typer.echo(f"camera {camera_id}: {calibration_id}")


@broker_app.command("run")
def run_broker(port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 1883) -> None:
    """Run the embedded broker by itself, on loopback, until SIGTERM or Ctrl-C."""
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


def _settings(config: Path | None) -> HubSettings:
    try:
        return load_settings(config)
    except HubError as error:
        _fail(error)


def _listener(settings: HubSettings) -> socket.socket:
    """Take the port before anything is started, so that a second hub ends at once and says why."""
    family = socket.AF_INET6 if ":" in settings.listen_host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.listen_host, settings.listen_port))
    except OSError as error:
        listener.close()
        _fail(HubError(f"cannot listen on {settings.listen_host}:{settings.listen_port}: {error.strerror}"))
    return listener


def _engine(config: Path | None) -> Engine:
    engine = open_engine(_settings(config).database_url)
    migrate(engine)
    return engine


def _fail(error: BaseException) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(1) from None
