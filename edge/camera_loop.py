# SPDX-License-Identifier: AGPL-3.0-or-later
"""One camera's thread: grab, look, put the report on disk, wait."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from contract.status import CameraStatus
from edge.cameras.camera import Camera
from edge.errors import CameraError, OutboxDamaged, OutboxError
from edge.outbox import Outbox
from edge.publisher import Publisher
from edge.settings import LiveSettings
from edge.watcher import Look, Watcher

QUICK_LOOK_S = 1.0
"""Pause between looks while something is undecided."""

MOST_QUICK_LOOKS = 12
"""A shelf that never settles must not cost more than this before the usual pace returns."""

LONGEST_RETRY_S = 60.0

log = structlog.get_logger()


class CameraLoop:
    """Runs in a thread of its own until it is told to stop. `beat_s` says when it was last seen alive."""

    def __init__(
        self,
        camera_id: str,
        camera: Camera,
        watcher: Watcher,
        *,
        settings: LiveSettings,
        outbox: Outbox,
        publisher: Publisher,
        look_interval_s: float | None = None,
    ) -> None:
        self.camera_id = camera_id
        self.beat_s = time.monotonic()
        self._camera = camera
        self._watcher = watcher
        self._settings = settings
        self._outbox = outbox
        self._publisher = publisher
        self._look_interval_s = look_interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"look-{camera_id}", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; `join` waits for it."""
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def status(self) -> CameraStatus:
        """The camera as the node sees it now."""
        return self._watcher.status()

    def _run(self) -> None:
        failures_count = quick_looks_count = 0
        try:
            while not self._stopping.is_set():
                started_s = time.monotonic()
                look, fault = self._look()
                self._deliver(look)
                failures_count = failures_count + 1 if fault else 0
                quick_looks_count = quick_looks_count + 1 if look.look_again_soon else 0
                if fault:
                    pause_s = min(LONGEST_RETRY_S, QUICK_LOOK_S * 2 ** (failures_count - 1))
                else:
                    pause_s = self._pause_s(quick_looks_count)
                self._wait(pause_s - (0 if fault else time.monotonic() - started_s))
        except Exception:
            log.exception("a camera thread failed", camera_id=self.camera_id)
        finally:
            self._camera.close()

    def _look(self) -> tuple[Look, CameraError | None]:
        self.beat_s = time.monotonic()
        settings = self._settings.now
        try:
            frame = self._camera.grab()
        except CameraError as error:
            log.warning("no picture", camera_id=self.camera_id, reason=str(error))
            return self._watcher.lost(datetime.now(UTC), time.monotonic(), settings), error
        self.beat_s = time.monotonic()
        return self._watcher.look(frame, settings), None

    def _deliver(self, look: Look) -> None:
        if look.make_report is not None and not self._stopping.is_set():
            try:
                self._outbox.append(look.make_report)
            except OutboxDamaged:
                raise  # looking on would only lose reports; the supervisor's budget ends the node
            except OutboxError as error:
                log.critical("a report is not on disk", camera_id=self.camera_id, reason=str(error))
                self._watcher.tell_again()
            self._publisher.wake()
        if look.picture_jpeg is not None:
            self._publisher.send_evidence(self.camera_id, look.picture_jpeg)
        if look.view_changed:
            self._publisher.tell_status()

    def _pause_s(self, quick_looks_count: int) -> float:
        usual_s = self._look_interval_s or self._settings.now.look_interval_s
        return min(QUICK_LOOK_S, usual_s) if 0 < quick_looks_count <= MOST_QUICK_LOOKS else usual_s

    def _wait(self, pause_s: float) -> None:
        """Wait in short steps, so that a long pause is not taken for a hang."""
        end_s = time.monotonic() + pause_s
        while not self._stopping.is_set() and (left_s := end_s - time.monotonic()) > 0:
            self.beat_s = time.monotonic()
            self._stopping.wait(min(left_s, 5.0))


LoopMaker = Callable[[], CameraLoop]
