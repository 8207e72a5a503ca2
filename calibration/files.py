# SPDX-License-Identifier: AGPL-3.0-or-later
"""Calibration files: TOML or JSON, read whole or refused with every fault named."""

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from calibration.document import Calibration
from calibration.errors import CalibrationError, CalibrationFault, DegenerateFit, Fault
from calibration.overlap import overlapping_zones
from calibration.view import CameraView

MAXIMUM_FILE_BYTES = 1_000_000
MAXIMUM_SHOWN_CHARACTERS = 200


def load_calibration(path: Path) -> Calibration:
    """Read a file in which `check_file` finds nothing. Raises CalibrationFault with every fault."""
    calibration, faults = _read(path)
    if calibration is None or faults:
        raise CalibrationFault(faults)
    return calibration


def check_file(path: Path) -> list[Fault]:
    """Every fault of the file; an empty list when a node may use it."""
    return _read(path)[1]


def _read(path: Path) -> tuple[Calibration | None, list[Fault]]:
    name = str(path)
    try:
        document = _parse(path)
    except CalibrationFault as fault:
        return None, list(fault.faults)
    try:
        # Through JSON, so that a TOML array becomes a tuple while a number in quotes stays a fault.
        calibration = Calibration.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        return None, _faults_of(name, error)
    return calibration, geometry_faults(calibration, name)


def _parse(path: Path) -> dict[str, Any]:
    name = str(path)
    try:
        if path.stat().st_size > MAXIMUM_FILE_BYTES:
            raise CalibrationFault([Fault(name, "", f"larger than {MAXIMUM_FILE_BYTES} bytes; not a calibration file")])
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CalibrationFault([Fault(name, "", f"cannot be read: {error.strerror or error}")]) from error
    except UnicodeDecodeError as error:
        raise CalibrationFault([Fault(name, "", f"is not UTF-8 text: {error.reason} at byte {error.start}")]) from error
    try:
        match path.suffix.lower():
            case ".toml":
                document = tomllib.loads(content)
            case ".json":
                document = json.loads(content)
            case other:
                raise CalibrationFault([Fault(name, "", f"ends in {other!r}; expected .toml or .json")])
    except (ValueError, RecursionError) as error:  # both parsers' errors, and a number too long to convert
        raise CalibrationFault([Fault(name, "", f"cannot be parsed: {error}")]) from error
    if not isinstance(document, dict):
        raise CalibrationFault([Fault(name, "", "holds no table at its top level")])
    try:
        json.dumps(document)
    except (TypeError, RecursionError) as error:
        raise CalibrationFault([Fault(name, "", f"holds a value of a kind no field takes: {error}")]) from error
    return document


def _faults_of(name: str, error: ValidationError) -> list[Fault]:
    details = error.errors(include_url=False, include_context=False)
    # A list whose items are all wrong is reported as too short as well; that one would only mislead.
    echoes = [
        detail
        for detail in details
        if detail["type"] == "too_short"
        and any(other["loc"][: len(detail["loc"])] == detail["loc"] != other["loc"] for other in details)
    ]
    return [_as_fault(name, detail) for detail in details if detail not in echoes]


def _as_fault(name: str, detail: Any) -> Fault:
    field = ".".join(str(part) for part in detail["loc"])
    given = detail.get("input")
    reason = str(detail["msg"]).removeprefix("Value error, ")
    if isinstance(given, str | int | float | bool) and len(shown := repr(given)) <= MAXIMUM_SHOWN_CHARACTERS:
        reason += f" (is {shown})"
    return Fault(name, field, reason)


def geometry_faults(calibration: Calibration, name: str) -> list[Fault]:
    """What is wrong with where things are: points, zones outside bay or picture, zones that overlap.

    `name` says in each fault where the calibration came from.
    """
    try:
        view = CameraView(calibration, calibration.image_wh_px)
    except DegenerateFit as error:
        return [Fault(name, "points", str(error))]
    except CalibrationError as error:
        return [Fault(name, "image_wh_px", str(error))]
    faults = []
    width_px, height_px = calibration.image_wh_px
    for i, point in enumerate(calibration.points):
        if not (0 <= point.x_px <= width_px and 0 <= point.y_px <= height_px):
            faults.append(Fault(name, f"points.{i}", f"lies outside the picture of {width_px}x{height_px} px"))
    for i, zone in enumerate(calibration.zones):
        field = f"zones.{i}.polygon_mm"
        beyond = [
            corner
            for corner in zone.polygon_mm
            if not (
                -1 <= corner[0] <= calibration.bay.width_mm + 1 and -1 <= corner[1] <= calibration.bay.height_mm + 1
            )
        ]
        if beyond:
            faults.append(
                Fault(
                    name,
                    field,
                    f"zone {zone.zone_id} leaves the bay of {calibration.bay.width_mm:g}x"
                    f"{calibration.bay.height_mm:g} mm at {beyond[0][0]:g},{beyond[0][1]:g}",
                )
            )
        elif zone.zone_id in view.out_of_view_zone_ids:
            faults.append(Fault(name, field, f"zone {zone.zone_id} lies mostly outside the picture"))
    for i, j, shared_fraction in overlapping_zones(calibration):
        first, second = calibration.zones[i], calibration.zones[j]
        reason = f"zone {second.zone_id} shares {shared_fraction:.0%} of its area with zone {first.zone_id}"
        faults.append(Fault(name, f"zones.{j}.polygon_mm", f"{reason}; a facing belongs to one zone"))
    return faults
