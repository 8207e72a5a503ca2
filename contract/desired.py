# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hub to node: the one retained, versioned configuration that a node is asked to run."""

from typing import Annotated, Literal

from pydantic import Field

from contract.envelope import Message
from contract.ids import CalibrationId, CameraId, NodeId

MAX_CALIBRATION_CHARACTERS = 512 * 1024


class DesiredCalibration(Message):
    """A camera's calibration file as JSON text; the node checks that it hashes to `calibration_id` before use."""

    camera_id: CameraId
    calibration_id: CalibrationId
    document_json: Annotated[str, Field(max_length=MAX_CALIBRATION_CHARACTERS)]


class DesiredConfig(Message):
    """What the node should run. Absent fields leave the node's own file in force.

    The node takes a configuration whole or not at all, keeps it on disk, and says which `config_version` it runs in its
    status. A version that is not higher than the one in force is ignored.
    """

    schema_version: Literal[1] = 1
    node_id: NodeId
    config_version: Annotated[int, Field(ge=1)]
    look_interval_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Seconds between two looks at a shelf."""
    report_interval_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """A report is sent on every verified change, and at least this often."""
    evidence: bool | None = None
    """Whether pictures may leave the node."""
    calibrations: Annotated[tuple[DesiredCalibration, ...], Field(max_length=64)] = ()
