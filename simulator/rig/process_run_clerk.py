# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who walks between the store and the hub: brings the books and takes samples, whatever the world does meanwhile."""

import threading
import time
from collections.abc import Callable

_REST_S = 0.2


class Clerk:
    """Calls `bring` often and `poll` every `poll_every_s`, in a thread, so that a slow hub does not slow the world."""

    def __init__(self, bring: Callable[[], None], poll: Callable[[], None], *, poll_every_s: float) -> None:
        self._bring, self._poll, self._poll_every_s = bring, poll, poll_every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step in hand; allowed twice."""
        self._stopping.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        next_poll_s = time.monotonic()
        try:
            while not self._stopping.wait(_REST_S):
                self._bring()
                if time.monotonic() >= next_poll_s:
                    next_poll_s = max(next_poll_s + self._poll_every_s, time.monotonic())
                    self._poll()
        except Exception as error:  # noqa: BLE001 - the run's own thread raises it
            self.failure = error
