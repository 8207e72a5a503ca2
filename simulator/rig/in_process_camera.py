# SPDX-License-Identifier: AGPL-3.0-or-later
"""One camera of a node in simulated time: when it is looked at, and which looks may be left out.

Looks follow `edge.camera_loop`. Left out are only looks of which it is known beforehand what they say: the picture
shows what it showed, the watcher is settled, the detector would not be asked and no report is due. The watcher is told
how many they were, so that it asks the detector at the very look at which it would have.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from contract.counts import SightState
from contract.status import CameraStatus
from edge.camera_loop import LONGEST_RETRY_S, MOST_QUICK_LOOKS, QUICK_LOOK_S
from edge.frames import BgrImage, Frame
from edge.settings import Settings
from edge.watcher import Look, Watcher
from simulator.rig.in_process_agenda import Agenda, Entry, Rank

WATCHFUL_AFTER = timedelta(seconds=90)
"""For so long after any change every look is made, though nothing may come of it: a frozen picture is only told from a
still one after `frozen_after_s` (60), somebody in the way only after 30 seconds."""


@dataclass(frozen=True, slots=True)
class Grabbed:
    """What asking a camera gave: a picture, or None, and how long it took."""

    image_bgr: BgrImage | None
    took_s: float = 0.0


class Eye(Protocol):
    """One camera as a node has it."""

    def grab(self, at: datetime) -> Grabbed:
        """Ask for a picture."""

    def is_lively(self, at: datetime) -> bool:
        """Whether something moves before it, so that no picture is like the last."""


@dataclass(frozen=True, slots=True)
class NodeTime:
    """The node's two clocks. `monotonic_s` runs from its boot; the wall clock may be wrong."""

    booted_at: datetime
    shift: timedelta = timedelta()

    def monotonic_s(self, at: datetime) -> float:
        """Seconds since boot."""
        return (at - self.booted_at).total_seconds()


class CameraSeat:
    """Looks through one eye from `start` to `stop`.

    `deliver(look, at, is_news)` takes each look and says whether it is safe on disk; `is_news` tells a report of what
    changed from one that is merely due.
    """

    def __init__(
        self,
        watcher: Watcher,
        eye: Eye,
        agenda: Agenda,
        settings: Settings,
        *,
        clock: Callable[[], NodeTime],
        deliver: Callable[[Look, datetime, bool], bool],
        every_look: bool,
    ) -> None:
        self.watcher = watcher
        self._eye = eye
        self._agenda = agenda
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._every_look = every_look
        self._failures_count = self._quick_looks_count = 0
        self._entry: Entry | None = None
        self._looked_at: datetime | None = None
        self._told_at: datetime | None = None
        self._changed_at: datetime | None = None
        self._is_skipping = self._was_soon = False
        self.looks_count = 0

    def start(self, at: datetime) -> None:
        """Begin to look."""
        self._changed_at = at
        self._entry = self._agenda.put(at, Rank.LOOK, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._entry is not None:
            self._entry.cancelled = True
            self._entry = None

    def wake(self, at: datetime) -> None:
        """What stands before the camera, or the camera itself, changed: look at the next turn that a node would."""
        self._changed_at = at
        if self._entry is None or self._looked_at is None or not self._is_skipping:
            return
        usual_s = self._settings.look_interval_s
        next_at = datetime.fromtimestamp(math.ceil(at.timestamp() / usual_s) * usual_s, tz=UTC)
        if next_at <= self._looked_at:
            next_at += timedelta(seconds=usual_s)
        if next_at < self._entry.at:
            self.stop()
            self._entry = self._agenda.put(next_at, Rank.LOOK, self._look)

    def status(self) -> CameraStatus:
        """The camera as the node sees it now."""
        return self.watcher.status()

    def _look(self, at: datetime) -> None:
        self._account_for_skipped(at)
        self.looks_count += 1
        clock = self._clock()
        grabbed = self._eye.grab(at)
        ended_at = at + timedelta(seconds=grabbed.took_s)
        captured_at, monotonic_s = ended_at + clock.shift, clock.monotonic_s(ended_at)
        if grabbed.image_bgr is None:
            look = self.watcher.lost(captured_at, monotonic_s, self._settings)
        else:
            frame = Frame(grabbed.image_bgr, captured_at, monotonic_s, self.watcher.camera_id)
            look = self.watcher.look(frame, self._settings)
        self._looked_at = at
        is_news = self._was_soon or look.look_again_soon or look.view_changed
        self._was_soon = look.look_again_soon
        is_safe = self._deliver(look, ended_at, is_news)
        if look.make_report is not None:
            self._told_at = at
        self._entry = self._agenda.put(
            ended_at + self._pause(look, at, failed=grabbed.image_bgr is None, is_safe=is_safe), Rank.LOOK, self._look
        )

    def _account_for_skipped(self, at: datetime) -> None:
        if self._is_skipping and self._looked_at is not None and self.watcher.status().view is SightState.SEEN:
            turns_count = round((at - self._looked_at).total_seconds() / self._settings.look_interval_s)
            self.watcher.pass_over(turns_count - 1)
        self._is_skipping = False

    def _pause(self, look: Look, at: datetime, *, failed: bool, is_safe: bool) -> timedelta:
        """As `edge.camera_loop` pauses, or longer where nothing can come of the looks between."""
        self._failures_count = self._failures_count + 1 if failed else 0
        self._quick_looks_count = self._quick_looks_count + 1 if look.look_again_soon else 0
        usual_s = self._settings.look_interval_s
        if failed:
            return timedelta(seconds=min(LONGEST_RETRY_S, QUICK_LOOK_S * 2 ** (self._failures_count - 1)))
        if 0 < self._quick_looks_count <= MOST_QUICK_LOOKS:
            return timedelta(seconds=min(QUICK_LOOK_S, usual_s))
        turns_count = self._turns_to_leave(look, at) if is_safe and not self._every_look else 1
        self._is_skipping = turns_count > 1
        # Back from quick looks to the common beat of all cameras: a look comes a little sooner, and many at once.
        off_beat_s = at.timestamp() % usual_s
        return timedelta(seconds=turns_count * usual_s - off_beat_s)

    def _turns_to_leave(self, look: Look, at: datetime) -> int:
        """Turns until the next look that must be made."""
        if self._told_at is None or self._eye.is_lively(at):
            return 1
        beat_at = at - timedelta(seconds=at.timestamp() % self._settings.look_interval_s)
        left_s = self._settings.report_interval_s - (beat_at - self._told_at).total_seconds()
        until_report_count = max(1, math.ceil(left_s / self._settings.look_interval_s))
        if self.watcher.status().view is SightState.SEEN:
            if look.look_again_soon:
                return 1
            return min(until_report_count, self.watcher.still_looks_count)
        is_over = self._changed_at is None or at - self._changed_at >= WATCHFUL_AFTER
        return until_report_count if is_over else 1
