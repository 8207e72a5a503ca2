# SPDX-License-Identifier: AGPL-3.0-or-later
"""The way of the books from till and office to the hub, in simulated time."""

from collections.abc import Callable, Sequence
from datetime import datetime

from simulator.store.world import BookLine


class BooksPost:
    """Sends what was written since the last time, when the hub is there to take it; late or twice on demand."""

    def __init__(
        self,
        lines: Callable[[], Sequence[BookLine]],
        take: Callable[[Sequence[BookLine], datetime], None],
        is_hub_up: Callable[[], bool],
    ) -> None:
        self._lines = lines
        self._take = take
        self._is_hub_up = is_hub_up
        self._sent_count = 0
        self.is_late = False
        self.is_twice = False

    def post(self, at: datetime) -> None:
        """Send what is new."""
        if self.is_late or not self._is_hub_up():
            return
        fresh = list(self._lines()[self._sent_count :])
        if not fresh:
            return
        for _ in range(2 if self.is_twice else 1):
            self._take(fresh, at)
        self._sent_count += len(fresh)
