# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a workshop command ends when something is wrong: one line for its reader and exit code 2."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from models.errors import WorkshopError


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the workshop's errors into words on standard error and exit code 2."""
    try:
        yield
    except WorkshopError as error:
        typer.echo(f"facings model: {error}", err=True)
        raise typer.Exit(2) from error
