# SPDX-License-Identifier: AGPL-3.0-or-later
"""Between the network thread, which must never wait, and the ledger's thread, which may wait for its disk."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """One MQTT message as it came, with what is needed to acknowledge it."""

    topic: str
    payload: bytes
    payload_bytes_count: int
    """True length; `payload` may be cut."""
    qos: int
    retained: bool
    mid: int
    connection_number: int
    """Message ids begin anew on every connection, so an acknowledgement is only good on its own."""
    received_at: datetime


class Inbox:
    """A queue with a bound on messages and on bytes.

    What does not fit is refused: the node still has it in its outbox and sends it again.
    """

    def __init__(self, *, max_messages_count: int, max_bytes_count: int) -> None:
        self._max_messages_count = max_messages_count
        self._max_bytes_count = max_bytes_count
        self._bytes_count = 0
        self._arrivals: deque[Arrival] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return len(self._arrivals)

    def offer(self, arrival: Arrival) -> bool:
        """Take it if there is room; never waits."""
        with self._changed:
            full = (
                len(self._arrivals) >= self._max_messages_count
                or self._bytes_count + len(arrival.payload) > self._max_bytes_count
            )
            if full or self._closed:
                return False
            self._arrivals.append(arrival)
            self._bytes_count += len(arrival.payload)
            self._changed.notify()
            return True

    def take(self, *, max_count: int, linger_s: float, idle_s: float) -> list[Arrival]:
        """Wait up to `idle_s` for a first message, then up to `linger_s` for a batch of `max_count` to fill.

        Returns an empty list when nothing came, or when the inbox was closed and is empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._arrivals or self._closed, timeout=idle_s)
            if not self._arrivals:
                return []
            deadline_s = time.monotonic() + linger_s
            while len(self._arrivals) < max_count and not self._closed:
                remaining_s = deadline_s - time.monotonic()
                if remaining_s <= 0 or not self._changed.wait(timeout=remaining_s):
                    break
            batch = [self._arrivals.popleft() for _ in range(min(max_count, len(self._arrivals)))]
            self._bytes_count -= sum(len(arrival.payload) for arrival in batch)
            return batch

    def close(self) -> None:
        """Take nothing more; wake whoever waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
