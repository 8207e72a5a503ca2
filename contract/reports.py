# SPDX-License-Identifier: AGPL-3.0-or-later
"""A count report from node to hub, and the hub's answer that it is on the hub's disk."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract.counts import SightState, UnknownReason, ZoneCount
from contract.envelope import Message
from contract.ids import BootId, CalibrationId, CameraId, ModelId, NodeId, UtcDatetime

REPORT_SCHEMA_VERSION = 1

MAX_ZONES_PER_REPORT = 512
MAX_REPORT_BYTES = 256 * 1024
"""A payload beyond this is not parsed: it goes to the dead letters with its length as the reason."""

Sequence = Annotated[int, Field(ge=1, lt=2**53)]
"""Counts from 1 within one boot; below 2**53 so that JavaScript reads it exactly."""


class ReportKey(Message):
    """The idempotency key of a report: however often it arrives, it is counted once."""

    node_id: NodeId
    boot_id: BootId
    sequence: Sequence


class CountReport(Message):
    """All zones of one camera at one instant. Holds no picture; pictures travel on their own topic."""

    schema_version: Literal[1] = 1
    node_id: NodeId
    boot_id: BootId
    sequence: Sequence
    camera_id: CameraId
    captured_at: UtcDatetime
    """Stamped right after the grab, by the node's clock."""
    monotonic_s: Annotated[float, Field(ge=0)]
    """The node's monotonic clock at the grab: orders reports of one boot even when the clock on the wall jumps."""
    model_id: ModelId
    calibration_id: CalibrationId | None = None
    view: SightState
    """Whether this camera's picture as a whole could be used."""
    view_reason: UnknownReason | None = None
    zones: Annotated[tuple[ZoneCount, ...], Field(max_length=MAX_ZONES_PER_REPORT)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.view is SightState.SEEN) != (self.view_reason is None):
            raise ValueError("view_reason must be given exactly when view is 'unknown'")
        if self.view is SightState.UNKNOWN and any(zone.state is SightState.SEEN for zone in self.zones):
            raise ValueError("no zone can be seen in a view that is unknown")
        if self.zones and self.calibration_id is None:
            raise ValueError("zones need the calibration_id that drew them")
        if len({zone.zone_id for zone in self.zones}) != len(self.zones):
            raise ValueError("a zone_id appears twice")
        return self

    @property
    def key(self) -> ReportKey:
        """The idempotency key."""
        return ReportKey(node_id=self.node_id, boot_id=self.boot_id, sequence=self.sequence)


class SequenceRange(Message):
    """Sequences `first` to `last`, both included."""

    first: Sequence
    last: Sequence

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"range {self.first}..{self.last} runs backwards")
        return self


class Committed(Message):
    """Hub to node: these sequences of this boot are settled on the hub's disk, in the ledger or in the dead letters.

    Sent after the database commit, and again whenever a settled report arrives once more, so that a lost answer
    costs one repetition. Only this message lets a node delete a report.
    """

    schema_version: Literal[1] = 1
    node_id: NodeId
    boot_id: BootId
    ranges: Annotated[tuple[SequenceRange, ...], Field(min_length=1, max_length=4096)]

    @classmethod
    def of(cls, node_id: str, boot_id: str, sequences: list[int]) -> Self:
        """Fold sequences (any order, repeats allowed, at least one) into ranges."""
        ranges: list[list[int]] = []
        for sequence in sorted(set(sequences)):
            if ranges and sequence == ranges[-1][1] + 1:
                ranges[-1][1] = sequence
            else:
                ranges.append([sequence, sequence])
        folded = tuple(SequenceRange(first=first, last=last) for first, last in ranges)
        return cls(node_id=node_id, boot_id=boot_id, ranges=folded)
