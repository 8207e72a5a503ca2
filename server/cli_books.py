# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings hub books ...`: bring files of books into the ledger, with progress for the large ones."""
# ruff: noqa: PLC0415 - a command loads only what it needs

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from server.errors import HubError

if TYPE_CHECKING:
    from server.book_lines import BooksError, Progress, Taken

books_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Book inventory.")

_FAULTS_SHOWN_COUNT = 1000
_LARGE_COUNT = 10_000
"""Fewer lines than this are in before anybody could read of their progress."""


@books_app.command("import")
def import_books(
    file: Annotated[Path, typer.Argument(help="CSV or JSON of movements, products or days of sales; gzip too.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file; FACINGS_HUB_* variables win over it.")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
    layout: Annotated[Path | None, typer.Option("--layout", help="TOML file: how this export names things.")] = None,
) -> None:
    """Take a file into the ledger, whole or not at all; lines that are on record already are passed over."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from server.book_files import read_book_file, read_layout
    from server.book_layout import Reading
    from server.book_lines import BooksError
    from server.books import read_books
    from server.config import load_settings
    from server.database import migrate, open_engine, writing
    from server.movements import take_books

    try:
        settings = load_settings(config)
        now = datetime.now(UTC)
        opened = read_book_file(file)
        reading = Reading(
            now,
            zone=settings.judge.zone_info,
            layout=read_layout(layout) if layout else None,
            stated_at=min(opened.modified_at, now),
        )
        with _progress() as progress:
            books = read_books(opened.content, source=file.name, reading=reading, progress=progress)
            with _ledger_url(settings.database_url, dry_run=dry_run) as database_url:
                engine = open_engine(database_url)
                migrate(engine)
                with writing(engine) as connection:
                    taken = take_books(connection, books, now=now, progress=progress)
                    if dry_run:
                        connection.rollback()
                engine.dispose()
    except BooksError as error:
        _say_faults(error)
        raise typer.Exit(1) from None
    except (HubError, SQLAlchemyError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{_sentence(taken, dry_run=dry_run)} Ledger: {make_url(settings.database_url)}")


@books_app.callback()
def _books() -> None:
    """Book inventory."""


@contextmanager
def _ledger_url(database_url: str, *, dry_run: bool) -> "Iterator[str]":
    """The ledger to check against; a dry run against none yet checks against an empty one that is thrown away."""
    from sqlalchemy import make_url

    url = make_url(database_url)
    if not dry_run or url.get_backend_name() != "sqlite" or not url.database or Path(url.database).exists():
        yield database_url
        return
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/empty.sqlite"


def _sentence(taken: "Taken", *, dry_run: bool) -> str:
    verb = "would be added" if dry_run else "added"
    said = f"{taken.new_count} movements of {taken.skus_count} SKUs {verb}, {taken.repeated_count} on record already."
    if taken.products_stated_count or taken.products_repeated_count:
        said += f" {taken.products_stated_count} products stated, {taken.products_repeated_count} on record already."
    return said


def _say_faults(error: "BooksError") -> None:
    for fault in error.faults[:_FAULTS_SHOWN_COUNT]:
        typer.echo(str(fault), err=True)
    if len(error.faults) > _FAULTS_SHOWN_COUNT:
        typer.echo(f"and {len(error.faults) - _FAULTS_SHOWN_COUNT} faults more", err=True)


@contextmanager
def _progress() -> "Iterator[Progress]":
    """A bar where a person watches, a line a stage where a log does; silent for what is in before it can be read."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {}

        def tell(what: str, done_count: int, all_count: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=all_count)
                if not console.is_terminal and all_count >= _LARGE_COUNT:
                    console.print(f"{what}: {all_count}", highlight=False)
            bars.update(tasks[what], completed=done_count, total=all_count)

        yield tell
