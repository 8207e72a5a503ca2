# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings schema`: what an integrator builds against."""

import json
from typing import Annotated

import typer

from contract.schemas import json_schemas


def schema_command(
    name: Annotated[str | None, typer.Argument(help="One type, for instance CountReport; all when left out.")] = None,
) -> None:
    """Print the JSON Schemas of everything on the wire."""
    schemas = json_schemas()
    if name is not None and name not in schemas:
        typer.echo(f"facings schema: no type {name!r}; there are {', '.join(schemas)}", err=True)
        raise typer.Exit(2)
    typer.echo(json.dumps(schemas if name is None else schemas[name], indent=2))
