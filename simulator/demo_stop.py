# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a demo is ended by Ctrl-C or SIGTERM: at once while it still starts, in order once its store is open."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ClosedEarlyError(Exception):
    """Somebody would not wait for the store to open."""


class StopWish(threading.Event):
    """Set when somebody wants the demo to end. Before the store has opened that ends whatever the demo waits for."""

    has_opened = False

    def ask(self, *_: object) -> None:
        """For signals."""
        is_first = not self.is_set()
        self.set()
        if is_first and not self.has_opened:
            raise ClosedEarlyError


@contextmanager
def stop_signals() -> Iterator[StopWish]:
    """A wish that Ctrl-C and SIGTERM make, so that both end the demo in order. Raises ClosedEarlyError inside."""
    stop = StopWish()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
