# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node says about itself, retained, and what its last will says when it cannot speak any more."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contract.counts import SightState, UnknownReason
from contract.envelope import Message
from contract.ids import BootId, CalibrationId, CameraId, ModelId, NodeId, UtcDatetime


class NodeState(StrEnum):
    """A clean stop is told from a crash: only the broker, speaking the last will, says `lost`."""

    ONLINE = "online"
    STOPPED = "stopped"
    LOST = "lost"


class CameraStatus(Message):
    """One camera of a node as the node sees it now."""

    camera_id: CameraId
    view: SightState
    view_reason: UnknownReason | None = None
    calibration_id: CalibrationId | None = None
    looked_at: UtcDatetime | None = None
    """Instant of the last frame that arrived, good or bad; absent before the first."""
    inference_ms: Annotated[float, Field(ge=0)] | None = None
    """Moving median time of one detector run."""


class NodeStatus(Message):
    """Sent on connect, on every change and every minute; retained. The last will carries `state: lost` and no more."""

    schema_version: Literal[1] = 1
    node_id: NodeId
    boot_id: BootId
    state: NodeState
    reported_at: UtcDatetime | None = None
    """Absent in a last will, which is written long before it is sent."""
    uptime_s: Annotated[float, Field(ge=0)] | None = None
    software_version: Annotated[str, Field(max_length=64)] | None = None
    model_id: ModelId | None = None
    config_version: Annotated[int, Field(ge=0)] | None = None
    """Version of the desired configuration that the node runs; absent while it runs from its own file."""
    config_error: Annotated[str, Field(max_length=2000)] | None = None
    """Why the latest desired configuration was refused; absent when it was taken."""
    outbox_count: Annotated[int, Field(ge=0)] | None = None
    """Reports on the node's disk that the hub has not settled yet."""
    dropped_count: Annotated[int, Field(ge=0)] | None = None
    """Reports given up because the outbox was full, over the node's life."""
    last_sequence: Annotated[int, Field(ge=0)] | None = None
    """Highest sequence of this boot so far, so that a missing tail can be noticed."""
    cameras: Annotated[tuple[CameraStatus, ...], Field(max_length=64)] = ()
