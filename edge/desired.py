# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hub's desired configuration: taken whole or refused whole, and kept on disk.

Keeping it lets a node that starts without its hub run what it ran before.
"""

import os
from pathlib import Path

from pydantic import ValidationError

from calibration.document import Calibration
from calibration.files import geometry_faults
from contract.desired import DesiredConfig
from edge.errors import DesiredRefused
from edge.settings import Settings

_FILE_NAME = "desired.json"


def overlay(own: Settings, current: Settings, payload: bytes, *, node_id: str, camera_ids: set[str]) -> Settings | None:
    """Settings after a desired configuration arrived, or None when it is not newer than the one in force.

    It is laid over the node's `own` settings, not over the `current` ones: what it leaves out goes back to the file.
    Raises DesiredRefused naming everything that is wrong.
    """
    try:
        desired = DesiredConfig.read(payload)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise DesiredRefused("; ".join(faults)) from error
    if desired.node_id != node_id:
        raise DesiredRefused(f"node_id: is for {desired.node_id}, this is {node_id}")
    if current.config_version is not None and desired.config_version <= current.config_version:
        return None
    faults = _calibration_faults(desired, camera_ids)
    if faults:
        raise DesiredRefused("; ".join(faults))
    return own.overlaid(desired)


def _calibration_faults(desired: DesiredConfig, camera_ids: set[str]) -> list[str]:
    faults: list[str] = []
    given: set[str] = set()
    for index, part in enumerate(desired.calibrations):
        field = f"calibrations.{index}"
        if part.camera_id not in camera_ids:
            faults.append(f"{field}.camera_id: this node has no camera {part.camera_id}")
        if part.camera_id in given:
            faults.append(f"{field}.camera_id: {part.camera_id} is given twice")
        given.add(part.camera_id)
        try:
            calibration = Calibration.from_json(part.document_json)
        except ValidationError as error:
            faults.append(f"{field}.document_json: {str(error).splitlines()[0]}")
            continue
        faults += map(str, geometry_faults(calibration, f"{field}.document_json"))
        if calibration.calibration_id != part.calibration_id:
            faults.append(
                f"{field}.calibration_id: document is {calibration.calibration_id}, not {part.calibration_id}"
            )
        if calibration.camera_id != part.camera_id:
            faults.append(f"{field}.camera_id: the document is for camera {calibration.camera_id}")
    return faults


def keep(state_dir: Path, payload: bytes) -> None:
    """Write a taken configuration so that either the old or the new one is there after a power cut."""
    fresh = state_dir / (_FILE_NAME + ".new")
    with fresh.open("wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(state_dir / _FILE_NAME)
    folder = os.open(state_dir, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def kept(state_dir: Path) -> bytes | None:
    """The configuration that was taken last, if any. Raises DesiredRefused when the disk does not give it back."""
    try:
        return (state_dir / _FILE_NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DesiredRefused(f"{state_dir / _FILE_NAME} cannot be read ({error.strerror})") from error
