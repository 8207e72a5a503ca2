# SPDX-License-Identifier: AGPL-3.0-or-later
"""Books come in whole or not at all, say every fault at once, and may come again."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from server import tables
from server.book_files import read_book_file
from server.books import read_csv, read_items
from server.database import reading, writing
from server.movements import BooksError, Movement, MovementKind, Taken, take_movements

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HEADER = "sku,kind,units,occurred_at,reference,name\n"


def read(text: str) -> list[tuple[int, Movement]]:
    return read_csv(text.encode(), source="books.csv", now=NOW)


def faults_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BooksError) as caught:
        read(text)
    return [(fault.line, fault.field) for fault in caught.value.faults]


def take(engine: Engine, text: str) -> Taken:
    with writing(engine) as connection:
        return take_movements(connection, read(text), source="books.csv", now=NOW)


def on_hand(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        return {row.sku: row.units for row in connection.execute(select(tables.book_latest))}


def test_every_fault_is_named_at_its_line_and_field() -> None:
    text = (
        HEADER
        + "TEA,opening,12,2026-11-01T00:00:00Z,,Green tea\n"
        + "../x,sale,1,2026-11-02T00:00:00Z,,\n"
        + "TEA,gift,1,2026-11-02T00:00:00Z,,\n"
        + "\n"
        + "TEA,sale,1.5,2026-11-02T00:00:00Z,,\n"
        + "TEA,sale,-1,yesterday,,\n"
        + "TEA,receipt,4,2026-11-02T00:00:00,,\n"
        + "TEA,receipt,4,2027-11-02T00:00:00Z,,\n"
        + "TEA,receipt,4\n"
        + "TEA,adjustment,0,2026-11-02T00:00:00Z,,bell\x07\n"
    )
    assert faults_of(text) == [
        (3, "sku"),
        (4, "kind"),
        (6, "units"),
        (7, "units"),
        (7, "occurred_at"),
        (8, "occurred_at"),
        (9, "occurred_at"),
        (10, ""),
        (11, "units"),
        (11, "name"),
    ]


def test_a_fault_reads_like_a_compilers() -> None:
    with pytest.raises(BooksError) as caught:
        read(HEADER + "TEA,sale,x,2026-11-02T00:00:00Z,,\n")
    assert str(caught.value) == "books.csv:2: units: is 'x'; expected a whole number"


def test_lines_are_counted_as_an_editor_counts_them_also_after_a_quoted_line_break() -> None:
    assert faults_of(HEADER + 'TEA,sale,1,2026-11-02T00:00:00Z,,"a\nb"\nTEA,sale,x,2026-11-02T00:00:00Z,,\n') == [
        (2, "name"),
        (4, "units"),
    ]


def test_missing_unknown_and_doubled_columns_are_named() -> None:
    assert faults_of("sku,kind,units,reference,refernce,sku\n") == [(1, "occurred_at"), (1, "refernce"), (1, "sku")]


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"", 1), (HEADER.encode() + b"TEA,sale,1,\xff\n", 2), (HEADER.encode() + b'TEA,"sale"x,1\n', 2)],
)
def test_files_that_are_no_csv_are_refused(content: bytes, line: int) -> None:
    with pytest.raises(BooksError) as caught:
        read_csv(content, source="books.csv", now=NOW)
    assert caught.value.faults[0].line == line


def test_a_missing_file_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(BooksError, match="cannot be read"):
        read_book_file(tmp_path / "absent.csv")


def test_semicolons_byte_order_mark_and_column_order_do_not_matter() -> None:
    text = "\ufeffoccurred_at;units;sku;kind\r\n2026-11-02T08:00:00+01:00;3;TEA;sale\r\n"
    (line, movement), *rest = read(text)
    assert rest == []
    assert line == 2
    assert movement == Movement("TEA", MovementKind.SALE, 3, datetime(2026, 11, 2, 7, 0, tzinfo=UTC))


def test_on_hand_is_the_sum_of_movements(engine: Engine) -> None:
    taken = take(
        engine,
        HEADER
        + "TEA,opening,12,2026-11-01T00:00:00Z,,Green tea\n"
        + "TEA,sale,5,2026-11-02T00:00:00Z,,\n"
        + "TEA,receipt,6,2026-11-03T00:00:00Z,D1,\n"
        + "TEA,adjustment,-1,2026-11-04T00:00:00Z,,\n"
        + "RICE,sale,2,2026-11-04T00:00:00Z,,\n",
    )
    assert taken == Taken(new_count=5, repeated_count=0, products_named_count=1, skus_count=2)
    assert on_hand(engine) == {"TEA": 12, "RICE": -2}
    with reading(engine) as connection:
        tea = connection.execute(select(tables.book_latest).where(tables.book_latest.c.sku == "TEA")).one()
    assert tea.as_of_at == datetime(2026, 11, 4, tzinfo=UTC)
    assert tea.last_sale_at == datetime(2026, 11, 2, tzinfo=UTC)
    assert tea.last_receipt_at == datetime(2026, 11, 3, tzinfo=UTC)
    assert tea.last_adjustment_at == datetime(2026, 11, 4, tzinfo=UTC)


def test_two_tills_that_book_at_once_are_both_in_the_sum(engine: Engine) -> None:
    take(engine, HEADER + "TEA,opening,12,2026-11-01T00:00:00Z,,\n")
    with ThreadPoolExecutor(1) as second_till:
        with writing(engine) as connection:
            lines = read(HEADER + "TEA,sale,5,2026-11-02T00:00:00Z,A,\n")
            take_movements(connection, lines, source="till-1", now=NOW)
            other = second_till.submit(take, engine, HEADER + "TEA,sale,3,2026-11-02T00:00:01Z,B,\n")
            wait([other], timeout=0.5)
        other.result(timeout=20)
    assert on_hand(engine) == {"TEA": 4}


def test_the_same_file_twice_changes_nothing_and_two_equal_sales_stay_two(engine: Engine) -> None:
    text = HEADER + "TEA,sale,1,2026-11-02T00:00:00Z,,\n" * 2 + "TEA,sale,1,2026-11-02T00:00:00Z,T7,\n"
    assert take(engine, text).new_count == 3
    again = take(engine, text)
    assert (again.new_count, again.repeated_count) == (0, 3)
    assert on_hand(engine) == {"TEA": -3}


def test_a_longer_file_of_the_same_day_adds_only_its_new_lines(engine: Engine) -> None:
    morning = HEADER + "TEA,sale,1,2026-11-02T08:00:00Z,,\n"
    take(engine, morning)
    assert take(engine, morning + "TEA,sale,1,2026-11-02T09:00:00Z,,\n").new_count == 1
    assert on_hand(engine) == {"TEA": -2}


def test_opening_stock_twice_is_a_fault_and_nothing_is_written(engine: Engine) -> None:
    take(engine, HEADER + "TEA,opening,12,2026-11-01T00:00:00Z,,\n")
    with pytest.raises(BooksError) as caught:
        take(
            engine,
            HEADER
            + "RICE,opening,9,2026-11-01T00:00:00Z,,\n"
            + "TEA,opening,10,2026-11-01T00:00:00Z,,\n"
            + "RICE,opening,8,2026-11-02T00:00:00Z,,\n",
        )
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [(3, "kind"), (4, "kind")]
    assert on_hand(engine) == {"TEA": 12}


def test_a_reference_that_now_says_something_else_is_a_fault(engine: Engine) -> None:
    take(engine, HEADER + "TEA,receipt,6,2026-11-03T00:00:00Z,D1,\n")
    with pytest.raises(BooksError, match="on record"):
        take(engine, HEADER + "TEA,receipt,7,2026-11-03T00:00:00Z,D1,\n")
    assert on_hand(engine) == {"TEA": 6}


def test_a_later_line_that_comes_late_does_not_turn_the_books_back(engine: Engine) -> None:
    take(engine, HEADER + "TEA,sale,1,2026-11-05T00:00:00Z,,\n")
    take(engine, HEADER + "TEA,receipt,6,2026-11-03T00:00:00Z,,\n")
    with reading(engine) as connection:
        tea = connection.execute(select(tables.book_latest)).one()
    assert tea.units == 5
    assert tea.as_of_at == datetime(2026, 11, 5, tzinfo=UTC)


def test_fifty_planted_faults_are_fifty_and_change_nothing(engine: Engine) -> None:
    lines = [f"S{i},sale,1,2026-11-02T00:00:00Z,R{i}," for i in range(2000)]
    planted = range(7, 2000, 40)
    for i in planted:
        lines[i] = lines[i].replace(",1,", ",one,")
    with pytest.raises(BooksError) as caught:
        take(engine, HEADER + "\n".join(lines) + "\n")
    assert [fault.line for fault in caught.value.faults] == [i + 2 for i in planted]
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(tables.movement)).scalar_one() == 0


def test_more_lines_than_one_statement_takes(engine: Engine) -> None:
    lines = [f"S{i % 300},sale,1,2026-11-02T00:00:00Z,R{i}," for i in range(12_000)]
    assert take(engine, HEADER + "\n".join(lines) + "\n").new_count == 12_000
    assert sum(on_hand(engine).values()) == -12_000


def test_json_items_are_judged_by_the_same_rules() -> None:
    items = [
        {"sku": "TEA", "kind": "sale", "units": 2, "occurred_at": "2026-11-02T00:00:00Z", "reference": None},
        {"sku": "TEA", "kind": "sale", "units": True, "occurred_at": 5},
    ]
    with pytest.raises(BooksError) as caught:
        read_items(items, source="till", now=NOW)
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [(2, "units"), (2, "occurred_at")]
    assert len(read_items(items[:1], source="till", now=NOW)) == 1


MOVEMENTS = st.lists(
    st.builds(
        Movement,
        sku=st.sampled_from(["TEA", "RICE"]),
        kind=st.sampled_from([MovementKind.SALE, MovementKind.RECEIPT]),
        units=st.integers(1, 5),
        occurred_at=st.integers(0, 3).map(lambda hours: NOW - timedelta(hours=hours)),
        reference=st.just(""),
    ),
    max_size=12,
)


@given(movements=MOVEMENTS, cut=st.integers(0, 12))
def test_a_file_in_two_overlapping_parts_equals_the_file(movements: list[Movement], cut: int) -> None:
    from server.movement_rows import idempotency_keys  # noqa: PLC0415 - the pure part only

    whole = set(idempotency_keys(movements))
    assert len(whole) == len(movements)
    assert set(idempotency_keys(movements[:cut])) | whole == whole


@given(content=st.binary(max_size=400))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    try:
        lines = read_csv(HEADER.encode() + content, source="books.csv", now=NOW)
    except BooksError as error:
        lines = [(fault.line, Movement("", MovementKind.SALE, 1, NOW)) for fault in error.faults]
    assert all(line >= 1 for line, _ in lines)
