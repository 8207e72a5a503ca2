# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node in simulated time: its watchers, its outbox on disk, and the rules of `edge.publisher` for what is sent when.

A report leaves the outbox only by the hub's answer. What a power cut takes is what lies in memory: watchers, what
was in flight, the connection. Settings and outbox stay, and the next start is another boot.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from calibration.document import Calibration
from contract import topics
from contract.reports import Committed, ReportKey
from contract.status import NodeState, NodeStatus
from edge.config import BrokerConfig, CameraConfig, NodeConfig
from edge.detector import Detector
from edge.outbox import Outbox
from edge.publisher import (
    RECONNECT_AT_MOST_EVERY_S,
    RESEND_AFTER_S,
    RESEND_AT_MOST_EVERY_S,
    STATUS_EVERY_S,
    WINDOW_COUNT,
)
from edge.reference_file import ReferenceFile
from edge.settings import Settings
from edge.watcher import Look, Watcher
from simulator.rig.in_process_agenda import Agenda, Entry, Rank
from simulator.rig.in_process_camera import CameraSeat, Eye, NodeTime
from simulator.rig.system_account import OutboxAccount, outbox_account

OUTBOX_FILE = "outbox.sqlite"

START_AFTER_S = 20.0
"""From power to the first look: a Raspberry Pi boots and loads the network."""

CALM_WAITS_S = 60.0
"""What is no news is written down by the minute, so a node must be that much more patient with its answers."""
_FIRST_RESEND_AFTER_S = RESEND_AFTER_S + CALM_WAITS_S


class Line(Protocol):
    """The way from a node to the broker."""

    def is_open(self, node_id: str) -> bool:
        """Whether a connection can be made or held."""

    def connected(self, node_id: str, last_will: bytes) -> None:
        """Take a connection; `last_will` is said when it breaks."""

    def publish(self, node_id: str, channel: topics.Channel, payload: bytes, at: datetime, *, is_news: bool) -> None:
        """Take a message; what is no news may be written down with the next batch."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What does not change: who the node is, its cameras' eyes, and the detector behind each."""

    node_id: str
    calibrations: Mapping[str, Calibration]
    eyes: Mapping[str, Eye]
    detectors: Mapping[str, Detector]
    folder: Path
    seed: int
    every_look: bool


class InProcessNode:
    """One node. Every method takes the instant at which it happens."""

    def __init__(self, plan: NodePlan, agenda: Agenda, line: Line) -> None:
        self.node_id = plan.node_id
        self._plan = plan
        self._agenda = agenda
        self._line = line
        # The node's own file with every default of the product.
        cameras = tuple(CameraConfig(camera_id=camera_id, source="rtsp://shelf") for camera_id in plan.eyes)
        self._config = NodeConfig(
            node_id=plan.node_id, state_dir=plan.folder, broker=BrokerConfig(host="broker"), cameras=cameras
        )
        self._settings = Settings(
            look_interval_s=self._config.look_interval_s,
            report_interval_s=self._config.report_interval_s,
            evidence=False,
            calibrations=dict(plan.calibrations),
        )
        self._boots_count = 0
        self._boot_id = ""
        self._clock = NodeTime(datetime.min.replace(tzinfo=UTC))
        self._shift = timedelta()
        self._outbox: Outbox | None = None
        self.seats: dict[str, CameraSeat] = {}
        self.is_disk_full = False
        self.is_connected = self._has_news = False
        self._in_flight: dict[ReportKey, int] = {}
        self._cursor = 0
        self._resend_after_s = _FIRST_RESEND_AFTER_S
        self._timers: dict[str, Entry] = {}
        self.looks_count = 0

    @property
    def camera_ids(self) -> tuple[str, ...]:
        """Its cameras."""
        return tuple(self._plan.eyes)

    def boot(self, at: datetime) -> None:
        """Start the program: a new boot over the outbox that is there."""
        self._boots_count += 1
        words = f"{self._plan.seed}/{self.node_id}/{self._boots_count}"
        self._boot_id = hashlib.sha256(words.encode()).hexdigest()[:32]
        self._clock = NodeTime(at, self._shift)
        self._plan.folder.mkdir(parents=True, exist_ok=True)
        self._outbox = Outbox(
            self._plan.folder / OUTBOX_FILE,
            node_id=self.node_id,
            boot_id=self._boot_id,
            started_at=at + self._shift,
        )
        self.seats = {camera.camera_id: self._seat(camera) for camera in self._config.cameras}
        for seat in self.seats.values():
            seat.start(at)
        self.try_connect(at)

    def cut_power(self, at: datetime) -> None:
        """Everything in memory is gone."""
        del at
        self.stop()
        self._in_flight.clear()
        self.is_connected = False

    def stop(self) -> None:
        """Put an end to all that runs, and close the outbox."""
        for seat in self.seats.values():
            seat.stop()
            self.looks_count += seat.looks_count
        self.seats = {}
        for timer in self._timers.values():
            timer.cancelled = True
        self._timers.clear()
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    def set_clock(self, shift: timedelta) -> None:
        """Put the wall clock wrong, or right again."""
        self._shift = shift
        self._clock = replace(self._clock, shift=shift)

    def wake(self, camera_id: str, at: datetime) -> None:
        """Something changed before a camera or in it."""
        if camera_id in self.seats:
            self.seats[camera_id].wake(at)

    def lose_connection(self, at: datetime) -> None:
        """The broker, or the way to it, is gone; try again with the client's growing pauses."""
        if not self.is_connected:
            return
        self.is_connected = False
        self._put_off("connect", at, 1.0, partial(self._reconnect, pause_s=1.0))

    def try_connect(self, at: datetime) -> None:
        """Connect, or go on trying."""
        self._reconnect(at, pause_s=1.0)

    def _reconnect(self, at: datetime, *, pause_s: float) -> None:
        if self._outbox is None:
            return
        if not self._line.is_open(self.node_id):
            longer_s = min(2 * pause_s, RECONNECT_AT_MOST_EVERY_S)
            self._put_off("connect", at, longer_s, partial(self._reconnect, pause_s=longer_s))
            return
        will = NodeStatus(node_id=self.node_id, boot_id=self._boot_id, state=NodeState.LOST)
        self._line.connected(self.node_id, will.to_json())
        self.is_connected = self._has_news = True
        self._send_again()
        self._tell_status(at)
        self._send(at)

    def settle(self, payload: bytes, at: datetime) -> None:
        """Take the hub's answer."""
        if self._outbox is None or not self.is_connected:
            return
        committed = Committed.read(payload)
        self._outbox.settle(committed)
        oldest = next(iter(self._in_flight), None)
        settled = {number for span in committed.ranges for number in range(span.first, span.last + 1)}
        for key in [key for key in self._in_flight if key.boot_id == committed.boot_id and key.sequence in settled]:
            del self._in_flight[key]
        if oldest not in self._in_flight:
            self._resend_after_s = _FIRST_RESEND_AFTER_S
            self._put_off_resending(at)
        if self._outbox.pending_count > len(self._in_flight):
            self._send(at)

    def _seat(self, camera: CameraConfig) -> CameraSeat:
        watcher = Watcher(
            camera.camera_id,
            self._plan.detectors[camera.camera_id],
            node_id=self.node_id,
            boot_id=self._boot_id,
            is_live=True,
            frozen_after_s=camera.frozen_after_s,
            frozen_tolerance_grey=camera.frozen_tolerance,
            moved_tolerance_fraction=camera.moved_tolerance,
            references=ReferenceFile(self._plan.folder, camera.camera_id),
        )
        return CameraSeat(
            watcher,
            self._plan.eyes[camera.camera_id],
            self._agenda,
            self._settings,
            clock=lambda: self._clock,
            deliver=partial(self._deliver, watcher),
            every_look=self._plan.every_look,
        )

    def _deliver(self, watcher: Watcher, look: Look, at: datetime, is_news: bool) -> bool:  # noqa: FBT001 - of the look
        is_safe = True
        if look.make_report is not None and self._outbox is not None:
            if self.is_disk_full:
                is_safe = False
                watcher.tell_again()
            else:
                self._outbox.append(look.make_report)
                self._has_news |= is_news
                self._put_off("send", at, 0.0, self._send)
        if look.view_changed:
            self._has_news = True
            self._put_off("status", at, 0.0, self._tell_status)
        return is_safe

    def _tell_status(self, at: datetime) -> None:
        if self.is_connected and self._outbox is not None:
            status = NodeStatus(
                node_id=self.node_id,
                boot_id=self._boot_id,
                state=NodeState.ONLINE,
                reported_at=at + self._shift,
                uptime_s=self._clock.monotonic_s(at),
                outbox_count=self._outbox.pending_count,
                last_sequence=self._outbox.last_sequence,
                cameras=tuple(seat.status() for seat in self.seats.values()),
            )
            self._line.publish(self.node_id, topics.STATUS, status.to_json(), at, is_news=self._has_news)
            self._put_off("status", at, STATUS_EVERY_S, self._tell_status)

    def _send(self, at: datetime) -> None:
        if not self.is_connected or self._outbox is None:
            return
        if not self._in_flight:
            self._put_off_resending(at)
        free_count = WINDOW_COUNT - len(self._in_flight)
        for pending in self._outbox.pending(after_position=self._cursor, limit=max(0, free_count)):
            self._cursor = pending.position
            if pending.key not in self._in_flight:
                self._in_flight[pending.key] = pending.position
                self._line.publish(self.node_id, topics.REPORT, pending.payload, at, is_news=self._has_news)

        self._has_news = False

    def _send_again(self) -> None:
        self._in_flight.clear()
        self._cursor = 0

    def _resend(self, at: datetime) -> None:
        if not self.is_connected or not self._in_flight:
            return
        self._send_again()
        self._has_news = True
        self._resend_after_s = min(2 * self._resend_after_s, RESEND_AT_MOST_EVERY_S)
        self._send(at)

    def _put_off_resending(self, at: datetime) -> None:
        self._put_off("resend", at, self._resend_after_s, self._resend)

    def _put_off(self, name: str, at: datetime, pause_s: float, action: Callable[[datetime], None]) -> None:
        """One timer of each name; the newest stands."""
        if name in self._timers:
            self._timers[name].cancelled = True
        self._timers[name] = self._agenda.put(at + timedelta(seconds=pause_s), Rank.SEND, action)

    def account(self) -> OutboxAccount:
        """What it ever numbered and what is still on its disk, whether it has power or not."""
        return outbox_account(self._plan.folder / OUTBOX_FILE)
