# SPDX-License-Identifier: AGPL-3.0-or-later
"""A thread that does one step again and again, and leaves a sign of life whatever the step does."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from server.heartbeat import beat

_log = structlog.get_logger(__name__)

_BEAT_EVERY_S = 2.0


class Worker:
    """Calls `step(now)` every `interval_s`. A step that fails is logged, shows in `/healthz`, and is tried again."""

    def __init__(
        self, engine: Engine, part: str, step: Callable[[datetime], dict[str, Any]], *, interval_s: float
    ) -> None:
        self._engine = engine
        self._part = part
        self._step = step
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._beaten_at: datetime | None = None
        self._was_ok = True
        self._thread = threading.Thread(target=self._run, name=part, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, patience_s: float = 10.0) -> None:
        """Let the step in hand finish; give up waiting for it after `patience_s`."""
        self._stopping.set()
        self._thread.join(timeout=patience_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            now = datetime.now(UTC)
            try:
                detail = self._step(now)
            except Exception as error:  # noqa: BLE001 - a broken step must neither end the thread nor go unseen
                _log.error("step_failed", part=self._part, error=_first_line(error), exc_info=True)
                self._beat(now, ok=False, detail={"trouble": _first_line(error)})
            else:
                self._beat(now, ok=True, detail=detail)
            self._stopping.wait(self._interval_s)

    def _beat(self, now: datetime, *, ok: bool, detail: dict[str, Any]) -> None:
        """Not at every step: a sign of life costs a disk flush."""
        due = self._beaten_at is None or (now - self._beaten_at).total_seconds() >= _BEAT_EVERY_S
        if not due and ok == self._was_ok:
            return
        self._beaten_at, self._was_ok = now, ok
        try:
            beat(self._engine, self._part, now, ok=ok, detail=detail)
        except SQLAlchemyError as error:
            _log.warning("heartbeat_failed", part=self._part, error=str(error).splitlines()[0])


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
