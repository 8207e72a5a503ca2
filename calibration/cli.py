# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings calibrate`: what an integrator asks about a camera's file."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from calibration.errors import CalibrationFault
from calibration.files import load_calibration

app = typer.Typer(no_args_is_help=True, help="Check a camera's calibration file.")


@app.callback()
def _group() -> None:
    """Check a camera's calibration file."""


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Calibration files, .toml or .json.", metavar="FILE...")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line per file.")] = False,
) -> None:
    """Name every fault of each FILE with file, field and reason; exit 1 when there is one."""
    console = Console(highlight=False, soft_wrap=True)
    faulty = False
    for path in files:
        try:
            calibration = load_calibration(path)
        except CalibrationFault as error:
            faulty = True
            if as_json:
                faults = [{"field": fault.field, "reason": fault.reason} for fault in error.faults]
                typer.echo(json.dumps({"file": str(path), "ok": False, "faults": faults}))
            else:
                for fault in error.faults:
                    console.print(f"[red]✗[/] {escape(str(fault))}", emoji=False)
            continue
        errors_px = calibration.homography().errors_px
        if as_json:
            found = {
                "file": str(path),
                "ok": True,
                "camera_id": calibration.camera_id,
                "calibration_id": calibration.calibration_id,
                "zones_count": len(calibration.zones),
                "worst_point_error_px": round(float(errors_px.max()), 3),
            }
            typer.echo(json.dumps(found))
        else:
            console.print(
                f"[green]✓[/] {escape(str(path))}: {calibration.calibration_id}, camera {calibration.camera_id}, "
                f"{len(calibration.zones)} zones, worst point {errors_px.max():.1f} px off",
                emoji=False,
            )
    if faulty:
        raise typer.Exit(1)
