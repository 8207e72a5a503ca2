# SPDX-License-Identifier: AGPL-3.0-or-later
"""How the workshop's commands end when something is wrong: one line that says what, and exit code 2."""

import typer

from models.errors import WorkshopError


class PlainErrors:
    """Around the body of a command: turns the workshop's errors, and those of files, into one line and exit code 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WorkshopError):
            typer.echo(f"facings model: {error}", err=True)
            raise typer.Exit(2) from error
        if isinstance(error, OSError) and error.filename is not None:  # a full disk, a folder that may not be written
            typer.echo(f"facings model: {error.filename}: {error.strerror}", err=True)
            raise typer.Exit(2) from error
