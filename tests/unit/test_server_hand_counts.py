# SPDX-License-Identifier: AGPL-3.0-or-later
"""A hand count states what there was; whatever arrives when, the books end at the same figure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from server import tables
from server.book_lines import Movement, MovementKind
from server.database import migrate, open_engine, reading, writing
from server.movements import BooksError, Taken, take_movements

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KIND = MovementKind


def at(hours: float) -> datetime:
    return NOW - timedelta(hours=48 - hours)


def take(engine: Engine, *movements: Movement, source: str = "books.csv") -> Taken:
    with writing(engine) as connection:
        return take_movements(connection, list(enumerate(movements, start=2)), source=source, now=NOW)


def book(engine: Engine, sku: str = "TEA") -> Any:
    with reading(engine) as connection:
        return connection.execute(select(tables.book_latest).where(tables.book_latest.c.sku == sku)).one()


def test_a_count_sets_on_hand_and_says_when_the_books_were_corrected(engine: Engine) -> None:
    take(engine, Movement("TEA", KIND.OPENING, 20, at(0)), Movement("TEA", KIND.SALE, 3, at(1)))
    take(engine, Movement("TEA", KIND.HAND_COUNT, 11, at(2)))
    take(engine, Movement("TEA", KIND.SALE, 2, at(3)))
    tea = book(engine)
    assert (tea.units, tea.last_count_at, tea.last_adjustment_at) == (9, at(2), at(2))


def test_a_sale_from_before_the_count_that_comes_late_changes_history_and_not_on_hand(engine: Engine) -> None:
    take(engine, Movement("TEA", KIND.OPENING, 20, at(0)), Movement("TEA", KIND.HAND_COUNT, 11, at(2)))
    take(engine, Movement("TEA", KIND.SALE, 4, at(1)))
    tea = book(engine)
    assert (tea.units, tea.last_sale_at) == (11, at(1))
    take(engine, Movement("TEA", KIND.HAND_COUNT, 30, at(1.5)))  # an older count that comes late
    assert book(engine).units == 11


def test_what_happens_in_the_instant_of_a_count_is_in_it_and_that_of_an_opening_is_not(engine: Engine) -> None:
    take(engine, Movement("TEA", KIND.HAND_COUNT, 5, at(1)), Movement("TEA", KIND.SALE, 1, at(1)))
    take(engine, Movement("RICE", KIND.OPENING, 5, at(1)), Movement("RICE", KIND.SALE, 1, at(1)))
    assert (book(engine, "TEA").units, book(engine, "RICE").units) == (5, 4)


def test_history_from_before_the_opening_is_kept_and_not_taken_away_again(engine: Engine) -> None:
    take(engine, Movement("TEA", KIND.SALE, 90, at(0)), Movement("TEA", KIND.OPENING, 12, at(5)))
    tea = book(engine)
    assert (tea.units, tea.last_sale_at) == (12, at(0))


def test_every_kind_moves_the_books_its_own_way(engine: Engine) -> None:
    ways = {
        KIND.OPENING: 100,
        KIND.RECEIPT: 24,
        KIND.SALE: 10,
        KIND.RETURN: 1,
        KIND.WASTE: 3,
        KIND.TRANSFER: -6,
        KIND.ADJUSTMENT: -2,
    }
    take(engine, *[Movement("TEA", kind, units, at(i)) for i, (kind, units) in enumerate(ways.items())])
    tea = book(engine)
    assert tea.units == 100 + 24 - 10 + 1 - 3 - 6 - 2
    assert tea.last_receipt_at == at(1)  # a transfer out is no delivery
    take(engine, Movement("TEA", KIND.TRANSFER, 12, at(9)))
    assert book(engine).last_receipt_at == at(9)


def test_two_counts_of_one_instant_must_agree(engine: Engine) -> None:
    take(engine, Movement("TEA", KIND.HAND_COUNT, 5, at(1)))
    assert take(engine, Movement("TEA", KIND.HAND_COUNT, 5, at(1))).repeated_count == 1
    with pytest.raises(BooksError, match="add up what several places hold"):
        take(engine, Movement("TEA", KIND.HAND_COUNT, 7, at(1)))
    with pytest.raises(BooksError, match="9, and 4 were counted") as caught:
        take(engine, Movement("RICE", KIND.HAND_COUNT, 4, at(1)), Movement("RICE", KIND.HAND_COUNT, 9, at(1)))
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [(3, "units")]
    assert book(engine).units == 5


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("counts")
    engine = open_engine(f"sqlite:///{folder / 'hub.sqlite'}")
    migrate(engine)
    yield engine
    engine.dispose()


EVENTS = st.lists(
    st.tuples(st.sampled_from(list(MovementKind)), st.integers(1, 9), st.integers(0, 6)), min_size=1, max_size=9
)
_names = count()


def one_story(events: Sequence[tuple[MovementKind, int, int]], sku: str) -> list[Movement]:
    """At most one opening, and counts of one instant that agree: the rest is a fault of its own."""
    story: list[Movement] = []
    counted_hours: set[int] = set()
    for number, (kind, units, hour) in enumerate(events):
        if kind is KIND.OPENING and any(movement.kind is kind for movement in story):
            continue
        if kind is KIND.HAND_COUNT and hour in counted_hours:
            continue
        counted_hours |= {hour} if kind is KIND.HAND_COUNT else set()
        story.append(Movement(sku, kind, units, at(hour), f"R{number}"))
    return story


def told_in_order(story: Sequence[Movement]) -> int:
    """On-hand as somebody would keep it who hears everything at its time: opening, then changes, then counts."""
    rank = {KIND.OPENING: 0, KIND.HAND_COUNT: 2}
    units = 0
    for movement in sorted(story, key=lambda item: (item.occurred_at, rank.get(item.kind, 1))):
        states = movement.kind in {KIND.OPENING, KIND.HAND_COUNT}
        sign = -1 if movement.kind in {KIND.SALE, KIND.WASTE} else 1
        units = movement.units if states else units + sign * movement.units
    return units


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(events=EVENTS, randomness=st.randoms(use_true_random=False), parts=st.integers(1, 4))
def test_every_order_of_arrival_ends_at_the_same_books(shop: Engine, events: Any, randomness: Any, parts: int) -> None:
    sku = f"S{next(_names)}"
    story = one_story(events, sku)
    arriving = [*story, *randomness.sample(story, k=min(2, len(story)))]  # some of it twice
    randomness.shuffle(arriving)
    for part in range(parts):
        chunk = arriving[part::parts]
        # within one file a repeated reference is a second line of the ticket, so repeats come in other files
        unique = {movement.reference: movement for movement in chunk}
        if unique:
            take(shop, *unique.values(), source=f"part-{part}")
    assert book(shop, sku).units == told_in_order(story)
    assert book(shop, sku).as_of_at == max(movement.occurred_at for movement in story)
