# SPDX-License-Identifier: AGPL-3.0-or-later
"""The queue between network and ledger refuses what does not fit and gives out batches in order."""

from datetime import UTC, datetime
from threading import Thread

from server.inbox import Arrival, Inbox

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _arrival(mid: int, length: int = 10) -> Arrival:
    return Arrival("t", b"x" * length, length, 1, False, mid, 1, NOW)  # noqa: FBT003


def _take(inbox: Inbox, max_count: int = 10) -> list[int]:
    return [arrival.mid for arrival in inbox.take(max_count=max_count, linger_s=0.0, idle_s=0.0)]


def test_batches_keep_the_order_and_the_bound() -> None:
    inbox = Inbox(max_messages_count=100, max_bytes_count=10_000)
    for mid in range(5):
        assert inbox.offer(_arrival(mid))
    assert _take(inbox, 3) == [0, 1, 2]
    assert _take(inbox, 3) == [3, 4]
    assert _take(inbox, 3) == []


def test_what_does_not_fit_is_refused_until_there_is_room() -> None:
    inbox = Inbox(max_messages_count=2, max_bytes_count=10_000)
    assert [inbox.offer(_arrival(mid)) for mid in range(3)] == [True, True, False]
    _take(inbox)
    assert inbox.offer(_arrival(4))


def test_the_bound_on_bytes_counts_what_is_held() -> None:
    inbox = Inbox(max_messages_count=100, max_bytes_count=100)
    assert inbox.offer(_arrival(1, 60))
    assert not inbox.offer(_arrival(2, 60))
    _take(inbox)
    assert inbox.offer(_arrival(3, 60))


def test_closing_wakes_the_waiting_reader_and_takes_nothing_more() -> None:
    inbox = Inbox(max_messages_count=100, max_bytes_count=100)
    got: list[list[Arrival]] = []
    reader = Thread(target=lambda: got.append(inbox.take(max_count=1, linger_s=0.0, idle_s=60.0)))
    reader.start()
    inbox.close()
    reader.join(timeout=10)
    assert got == [[]]
    assert not inbox.offer(_arrival(1))
