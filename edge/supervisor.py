# SPDX-License-Identifier: AGPL-3.0-or-later
"""Starts camera threads again when they die or hang, within a budget.

A thread cannot be killed, so one that hangs is left behind and another takes its place. When that happens too often the
node gives up and ends with an error: the service manager then starts the whole process afresh, and the outbox loses
nothing by it.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

import structlog

from contract.status import CameraStatus
from edge.camera_loop import CameraLoop, LoopMaker

HANGS_AFTER_S = 120.0
BUDGET_COUNT = 5
BUDGET_WINDOW_S = 600.0
_CHECK_EVERY_S = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class RestartBudget:
    """At most `BUDGET_COUNT` restarts within `BUDGET_WINDOW_S`. Pure; time is an argument."""

    _restarts_s: deque[float] = field(default_factory=deque)

    def allows(self, monotonic_s: float) -> bool:
        """Take one restart out of the budget, if it holds one."""
        while self._restarts_s and monotonic_s - self._restarts_s[0] > BUDGET_WINDOW_S:
            self._restarts_s.popleft()
        if len(self._restarts_s) >= BUDGET_COUNT:
            return False
        self._restarts_s.append(monotonic_s)
        return True


class Supervisor:
    """Keeps one loop per camera running."""

    def __init__(self, makers: dict[str, LoopMaker], *, hangs_after_s: float = HANGS_AFTER_S) -> None:
        self._makers = makers
        self._hangs_after_s = hangs_after_s
        self._loops: dict[str, CameraLoop] = {camera_id: make() for camera_id, make in makers.items()}
        self._budget = RestartBudget()

    def run(self, stopping: threading.Event) -> bool:
        """Watch until `stopping` is set. Returns False when the budget was spent and the process should end."""
        for loop in self._loops.values():
            loop.start()
        healthy = True
        while healthy and not stopping.wait(_CHECK_EVERY_S):
            healthy = all(self._check(camera_id, time.monotonic()) for camera_id in self._makers)
        for loop in self._loops.values():
            loop.stop()
        for loop in self._loops.values():
            loop.join(timeout_s=2.0)
        return healthy

    def statuses(self) -> tuple[CameraStatus, ...]:
        """Every camera as the node sees it now."""
        return tuple(loop.status() for loop in self._loops.values())

    def _check(self, camera_id: str, monotonic_s: float) -> bool:
        loop = self._loops[camera_id]
        hangs = monotonic_s - loop.beat_s > self._hangs_after_s
        if loop.is_alive and not hangs:
            return True
        if not self._budget.allows(monotonic_s):
            log.error("restarted too often; the node ends", camera_id=camera_id)
            return False
        log.error("a camera thread is started again", camera_id=camera_id, hung=hangs)
        loop.stop()
        self._loops[camera_id] = self._makers[camera_id]()
        self._loops[camera_id].start()
        return True
