# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node's clock may say what it likes: order and age of readings do not follow it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.instants import BootRank, ReadingOrder, clock_offset_s, looked_at

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
INSTANTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(captured_at=INSTANTS, received_at=INSTANTS, offset_s=st.floats(-1e10, 1e10))
def test_nothing_is_looked_at_after_it_arrived(captured_at: datetime, received_at: datetime, offset_s: float) -> None:
    assert looked_at(captured_at=captured_at, received_at=received_at, offset_s=offset_s) <= received_at


@pytest.mark.parametrize("node_clock", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)])
def test_a_wrong_clock_is_corrected_by_the_last_status(node_clock: datetime) -> None:
    offset_s = clock_offset_s(reported_at=node_clock, received_at=NOON)
    ten_minutes_later = looked_at(
        captured_at=node_clock + timedelta(minutes=10), received_at=NOON + timedelta(hours=3), offset_s=offset_s
    )
    assert ten_minutes_later == NOON + timedelta(minutes=10)


def test_delay_of_the_network_is_no_wrong_clock() -> None:
    assert clock_offset_s(reported_at=NOON, received_at=NOON + timedelta(seconds=1.5)) == 0


def test_first_instant_of_the_calendar_does_not_break_it() -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert looked_at(captured_at=first, received_at=NOON, offset_s=-1e9) < NOON


def _order(boot: BootRank, monotonic_s: float, boot_id: str = "a") -> ReadingOrder:
    return ReadingOrder("n1", boot_id, monotonic_s, boot)


def test_within_a_boot_the_monotonic_clock_decides() -> None:
    boot = BootRank(NOON, NOON)
    assert _order(boot, 11).is_newer_than(_order(boot, 10))
    assert not _order(boot, 10).is_newer_than(_order(boot, 11))
    assert not _order(boot, 10).is_newer_than(_order(boot, 10))


def test_the_present_boot_beats_a_longer_run_of_the_last_one() -> None:
    last, present = BootRank(NOON, NOON), BootRank(NOON + timedelta(hours=1), NOON + timedelta(hours=1))
    assert _order(present, 1, "b").is_newer_than(_order(last, 99_999, "a"))


def test_a_boot_that_ran_without_us_and_is_delivered_later_is_older() -> None:
    present = BootRank(NOON, NOON)
    offline = BootRank(None, NOON + timedelta(minutes=5))
    assert not _order(offline, 500, "b").is_newer_than(_order(present, 1, "a"))


RANKS = st.builds(BootRank, st.none() | INSTANTS, INSTANTS)


@given(first=RANKS, second=RANKS)
def test_two_boots_are_never_both_the_later_one(first: BootRank, second: BootRank) -> None:
    assert not (first.is_later_than(second) and second.is_later_than(first))
