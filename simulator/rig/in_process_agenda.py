# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is due when, in simulated time: a queue that always gives the earliest, and of one instant the lowest rank."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum


class Rank(IntEnum):
    """Order of what is due at the same instant: causes before those who look, nodes before the hub, words last."""

    TROUBLE = 0
    LOOK = 1
    SEND = 2
    BOOKS = 3
    ARRIVE = 4
    JUDGE = 5
    SAMPLE = 6


@dataclass(order=True, slots=True)
class Entry:
    """One thing that is due. `cancelled` entries are passed over."""

    at: datetime
    rank: Rank
    number: int
    action: Callable[[datetime], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class Agenda:
    """All that is due. The same calls in the same order always run in the same order."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._number = 0

    def put(self, at: datetime, rank: Rank, action: Callable[[datetime], None]) -> Entry:
        """Do `action(at)` at that instant."""
        self._number += 1
        entry = Entry(at, rank, self._number, action)
        heapq.heappush(self._entries, entry)
        return entry

    @property
    def next_at(self) -> datetime | None:
        """When the next thing is due."""
        while self._entries and self._entries[0].cancelled:
            heapq.heappop(self._entries)
        return self._entries[0].at if self._entries else None

    def run_one(self) -> None:
        """Do the first thing."""
        if self.next_at is not None:
            entry = heapq.heappop(self._entries)
            entry.action(entry.at)
