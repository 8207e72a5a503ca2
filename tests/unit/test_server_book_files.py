# SPDX-License-Identifier: AGPL-3.0-or-later
"""Products, days of sales, JSON and other programs' exports: what is read, what is refused, and where."""

import csv
import gzip
import json
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from server import tables
from server.book_cells import decimal_of_micros, gtin_of, micros_of
from server.book_files import read_book_file
from server.book_layout import Layout, Reading, layout_of
from server.book_lines import Books, MovementKind
from server.books import MAX_FAULTS_COUNT, read_books
from server.database import reading as reading_database
from server.database import writing
from server.errors import SettingsError
from server.movements import BooksError, Taken, take_books

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SALES = Path(__file__).parents[2].parent / "shared" / "data" / "sales" / "freshretailnet_daily.csv.gz"
LAYOUT = """
units_factor = 1000
[columns]
sku = ["city_id", "store_id", "product_id"]
day = "date"
units = "sale"
hourly_units = "hourly_sale"
"""


def read(text: str, **given: Any) -> Books:
    return read_books(text.encode(), source="books.csv", reading=Reading(NOW, **given))


def faults_of(books: Books) -> list[tuple[int, str]]:
    return [(fault.line, fault.field) for fault in books.faults]


def take(engine: Engine, text: str, **given: Any) -> Taken:
    with writing(engine) as connection:
        return take_books(connection, read(text, **given), now=NOW)


def product(engine: Engine, sku: str) -> Any:
    with reading_database(engine) as connection:
        return connection.execute(select(tables.product).where(tables.product.c.sku == sku)).one()


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1.99", "1.99"),
        ("1,99", "1.99"),
        ("1.234,50", "1234.5"),
        ("1,234.50", "1234.5"),
        ("1.234.567", "1234567"),
        ("0,125", "0.125"),
        ("0.0375", "0.0375"),
        ("1234.567", "1234.567"),
        ("12", "12"),
    ],
)
def test_amounts_of_money_are_exact(written: str, amount: str) -> None:
    assert micros_of(written) == int(Decimal(amount) * 1_000_000)
    assert Decimal(decimal_of_micros(micros_of(written))) == Decimal(amount)


@pytest.mark.parametrize(
    "written", ["1.234", "1,234", "-1", "1.99 EUR", "1e3", "1.2.3", "1,23,4", "\u0661", "12345678901"]
)
def test_amounts_that_may_mean_two_things_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"write|expected"):
        micros_of(written)


@given(st.text(alphabet="0123456789", min_size=13, max_size=13), st.integers(0, 12), st.integers(1, 9))
def test_a_gtin_with_one_wrong_digit_is_never_taken(body: str, place: int, more: int) -> None:
    (valid,) = [gtin for gtin in (f"{body}{check}" for check in range(10)) if is_gtin(gtin)]
    wrong = valid[:place] + str((int(valid[place]) + more) % 10) + valid[place + 1 :]
    assert not is_gtin(wrong)


def is_gtin(written: str) -> bool:
    try:
        return gtin_of(written) == written
    except ValueError:
        return False


def test_known_gtins_are_taken_at_each_length() -> None:
    assert gtin_of("4006381333931") == "04006381333931"
    assert gtin_of("96385074") == "00000096385074"
    assert gtin_of("036000291452") == "00036000291452"


PRODUCTS = "sku;name;gtin;case_pack_units;cost;price;lead_time_days;supplier;shelf_life_days;as_of\n"


def test_a_product_is_read_whole(engine: Engine) -> None:
    line = "TEA;Grüner Tee;4006381333931;12;0,8375;1,99;3;Müller & Söhne;540;2026-11-01T00:00:00+01:00\n"
    taken = take(engine, "\ufeff" + PRODUCTS + line)
    assert (taken.products_stated_count, taken.new_count) == (1, 0)
    tea = product(engine, "TEA")
    assert (tea.name, tea.gtin, tea.case_pack_units) == ("Grüner Tee", "04006381333931", 12)
    assert (tea.cost_micros, tea.price_micros) == (837_500, 1_990_000)
    assert (tea.lead_time_days, tea.supplier, tea.shelf_life_days) == (3, "Müller & Söhne", 540)
    assert take(engine, PRODUCTS + line).products_repeated_count == 1


def test_every_field_of_a_product_is_checked() -> None:
    books = read(PRODUCTS + "T EA;\x07;4006381333932;0;1,234;free;-1;" + "x" * 300 + ";0;soon\n")
    fields = "sku as_of name gtin case_pack_units cost price lead_time_days supplier shelf_life_days"
    assert sorted(faults_of(books)) == sorted((2, field) for field in fields.split())


@pytest.mark.parametrize("newest_first", [True, False])
def test_an_old_price_list_that_comes_late_does_not_turn_prices_back(engine: Engine, *, newest_first: bool) -> None:
    lists = [
        "sku,price,cost,as_of\nTEA,2.49,1.10,2026-11-10T00:00:00Z\n",
        "sku,price,supplier,as_of\nTEA,1.99,Old & Co,2026-11-01T00:00:00Z\n",
    ]
    for text in lists if newest_first else reversed(lists):
        take(engine, text)
    tea = product(engine, "TEA")
    assert (tea.price_micros, tea.cost_micros, tea.supplier) == (2_490_000, 1_100_000, "Old & Co")


def test_without_a_date_the_file_says_how_old_it_is(engine: Engine) -> None:
    take(engine, "sku,price\nTEA,2.49\n", stated_at=NOW - timedelta(days=1))
    take(engine, "sku,price\nTEA,1.99\n", stated_at=NOW - timedelta(days=9))
    assert product(engine, "TEA").price_micros == 2_490_000


def test_a_gtin_names_one_product_and_two_may_trade_theirs(engine: Engine) -> None:
    take(engine, "sku,gtin\nTEA,4006381333931\nRICE,96385074\n", stated_at=NOW - timedelta(days=2))
    with pytest.raises(BooksError, match="TEA's") as caught:
        take(engine, "sku,gtin\nMILK,036000291452\nOATS,4006381333931\n")
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [(3, "gtin")]
    take(engine, "sku,gtin\nRICE,4006381333931\nTEA,96385074\n", stated_at=NOW - timedelta(days=1))
    assert product(engine, "TEA").gtin.endswith("96385074")


def test_names_in_movements_follow_their_own_time(engine: Engine) -> None:
    header = "sku,kind,units,occurred_at,name\n"
    take(engine, header + "TEA,sale,1,2026-11-09T10:00:00Z,New tea\n")
    take(engine, header + "TEA,sale,1,2026-11-02T10:00:00Z,Old tea\nRICE,sale,1,2026-11-02T10:00:00Z,\n")
    assert (product(engine, "TEA").name, product(engine, "RICE").name) == ("New tea", "RICE")


def test_json_and_json_lines_say_the_same_as_csv() -> None:
    item = {"sku": "TEA", "kind": "hand_count", "units": 7, "occurred_at": "2026-11-02T00:00:00Z"}
    goods = {"sku": "TEA", "price": 1.99, "case_pack_units": 6}
    listed = read(json.dumps([item, goods], indent=1))
    lined = read(f"{json.dumps(item)}\n{json.dumps(goods)}\n")
    assert [movement for _, movement in listed.movements] == [movement for _, movement in lined.movements]
    assert listed.movements[0][1].kind is MovementKind.HAND_COUNT
    assert lined.products[0][1].price_micros == 1_990_000
    assert listed.faults == lined.faults == []


def test_faults_in_json_are_named_by_the_line_an_editor_shows() -> None:
    text = """[
  {"sku": "TEA", "kind": "sale", "units": 1.5,
   "occurred_at": "2026-11-02T00:00:00Z"},
  {"sku": "TEA", "kind": "sale", "units": 1, "occurred_at": "2026-11-02T00:00:00Z", "till": 4},
  7,
  {"sku": "TEA", "sku": "RICE", "kind": "sale", "units": 1, "occurred_at": "2026-11-02T00:00:00Z"},
  {"sku": "TEA", "price": {"EUR": 2}}
]"""
    assert faults_of(read(text)) == [(2, "units"), (4, "till"), (5, ""), (6, "sku"), (7, "price")]
    assert faults_of(read('[{"sku": "T"}, {"sku": "T", "price": -1}]'))[-1] == (2, "price")  # one line: items count


@pytest.mark.parametrize("text", ["[", "[{}", '[{"sku": 1}] x', "[" * 5000, '{"sku"', '[{"sku": "\\ud800"}]'])
def test_broken_json_is_a_fault(text: str) -> None:
    assert read(text).faults


@given(
    content=st.binary(max_size=300), start=st.sampled_from([b"[", b"{", b'[{"sku":', b"sku,day,units\n", b"sku,gtin\n"])
)
def test_no_bytes_break_any_reader(content: bytes, start: bytes) -> None:
    books = read_books(start + content, source="x", reading=Reading(NOW, truncated_is_fault=True))
    assert all(fault.line >= 0 and str(fault).isprintable() for fault in books.faults)


def test_another_kind_of_file_does_not_fill_the_memory_with_faults() -> None:
    assert len(read("sku,gtin\n" + "?,?\n" * MAX_FAULTS_COUNT).faults) == MAX_FAULTS_COUNT + 1


def test_a_file_that_broke_off_is_told_where_it_has_to_be_whole() -> None:
    text = "sku,kind,units,occurred_at\nTEA,sale,1,2026-11-02T00:00:00Z"
    assert not read(text).faults
    assert faults_of(read(text, truncated_is_fault=True)) == [(2, "")]


def test_a_bomb_a_pipe_and_half_an_archive_are_refused(tmp_path: Path) -> None:
    bomb, half, pipe = tmp_path / "bomb.csv.gz", tmp_path / "half.csv.gz", tmp_path / "pipe.csv"
    bomb.write_bytes(gzip.compress(b"\0" * (65 * 1024 * 1024)))
    half.write_bytes(gzip.compress(os.urandom(2000))[:1000])
    os.mkfifo(pipe)
    for path, words in ((bomb, "larger than"), (half, "whole"), (pipe, "plain file")):
        with pytest.raises(BooksError, match=words):
            read_book_file(path)


DAYS = "sku,day,units,hourly_units\n"
HOURS = " ".join(["0"] * 9 + ["2", "3"] + ["0"] * 13)


def test_a_days_sales_are_one_movement_and_come_once(engine: Engine) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    text = DAYS + f"TEA,2026-11-02,5,{HOURS}\nTEA,2026-11-03,0,\n"
    assert take(engine, text, zone=berlin).new_count == 1
    again = take(engine, text, zone=berlin)
    assert (again.new_count, again.repeated_count) == (0, 2)
    with reading_database(engine) as connection:
        (movement,) = connection.execute(select(tables.movement))
        days = connection.execute(select(tables.day_sales).order_by(tables.day_sales.c.day)).all()
    assert (movement.units, movement.occurred_at) == (-5, datetime(2026, 11, 2, 11, tzinfo=UTC))
    assert [(row.day, row.units, row.hourly_units) for row in days] == [
        (date(2026, 11, 2), 5, HOURS),
        (date(2026, 11, 3), 0, None),
    ]


def test_hours_may_follow_their_day_and_nothing_may_contradict_it(engine: Engine) -> None:
    take(engine, DAYS + "TEA,2026-11-02,5,\n")
    assert take(engine, DAYS + f"TEA,2026-11-02,5,{HOURS}\n").new_count == 0
    with pytest.raises(BooksError) as caught:
        take(
            engine, DAYS + f"TEA,2026-11-02,6,\nTEA,2026-11-02,5,{HOURS[::-1]}\nTEA,2026-11-04,1,\nTEA,2026-11-04,2,\n"
        )
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [
        (2, "units"),
        (3, "hourly_units"),
        (5, "units"),
    ]
    with reading_database(engine) as connection:
        assert connection.execute(select(func.sum(tables.movement.c.units))).scalar_one() == -5


def test_a_day_that_is_not_over_and_hours_that_do_not_add_up_are_faults() -> None:
    text = DAYS + f"TEA,2026-11-23,5,\nTEA,2026-11-02,4,{HOURS}\nTEA,2026-11-02,5,1 2\nTEA,02.11.2026,-5,\n"
    assert faults_of(read(text)) == [(2, "day"), (3, "hourly_units"), (4, "hourly_units"), (5, "day"), (5, "units")]


def test_another_programs_export_is_read_by_its_layout() -> None:
    layout = Layout(
        columns={"sku": "Artikel", "units": "Menge", "occurred_at": "Zeit", "reference": ["Kasse", "Bon"]},
        constants={"kind": "sale"},
        units_factor=1000,
        decimal_sign=",",
        instant_format="%d.%m.%Y %H:%M",
    )
    text = "Kasse;Bon;Artikel;Menge;Zeit;Bediener\n1;77;TEA;0,25;02.11.2026 10:12;Eva\n1;78;TEA;0.25;gestern;Eva\n"
    books = read(text, layout=layout, zone=ZoneInfo("Europe/Berlin"))
    (_, sale), *rest = books.movements
    assert not rest
    assert (sale.units, sale.reference) == (250, "1-77")
    assert sale.occurred_at == datetime(2026, 11, 2, 9, 12, tzinfo=UTC)
    assert faults_of(books) == [(3, "units"), (3, "occurred_at")]
    assert faults_of(read("Kasse;Artikel;Menge;Zeit\n", layout=layout)) == [(1, "bon")]
    item = '[{"Kasse": 1, "Bon": 77, "Artikel": "TEA", "Menge": 0.25, "Zeit": "02.11.2026 10:12"}]'
    pointed = Layout.model_validate({**layout.model_dump(), "decimal_sign": "."})
    assert [sale.units for _, sale in read(item, layout=pointed).movements] == [250]
    mistyped = Layout(columns={"skuu": "Artikel", "units": "Menge", "day": "Tag"})
    assert faults_of(read("Artikel;Menge;Tag\nTEA;1;2026-11-02\n", layout=mistyped)) == [(1, "sku"), (1, "skuu")]


def test_a_layout_with_a_mistake_names_its_field() -> None:
    with pytest.raises(SettingsError, match=r"layout.toml: units_factor"):
        layout_of(b'units_factor = 0\n[columns]\nsku = "a"\n', "layout.toml")
    with pytest.raises(SettingsError, match="not TOML"):
        layout_of(b"[columns", "layout.toml")


def test_faults_of_the_file_and_of_the_ledger_come_together_and_change_nothing(engine: Engine) -> None:
    """Fifty planted faults of every sort are fifty, at their lines."""
    header = "sku,kind,units,occurred_at,reference,name\n"
    take(engine, header + "OLD,receipt,6,2026-11-03T00:00:00Z,D1,\nOLD,opening,1,2026-11-01T00:00:00Z,,\n")
    take(engine, header + "OLD,hand_count,4,2026-11-05T00:00:00Z,,\n")
    planted = [
        ("OLD,receipt,7,2026-11-03T00:00:00Z,D1,", "reference"),
        ("OLD,opening,5,2026-11-02T00:00:00Z,,", "kind"),
        ("OLD,hand_count,5,2026-11-05T00:00:00Z,,", "units"),
        ("S P,sale,1,2026-11-02T00:00:00Z,,", "sku"),
        ("TEA,theft,1,2026-11-02T00:00:00Z,,", "kind"),
        ("TEA,sale,1.0,2026-11-02T00:00:00Z,,", "units"),
        ("TEA,sale,1,2026-11-02,,", "occurred_at"),
        ("TEA,sale,1,2026-11-02T00:00:00Z,,a\x00b", "name"),
        ("TEA,sale,1,2026-11-02T00:00:00Z", ""),
        ('TEA,"sale"x,1,2026-11-02T00:00:00Z,,', ""),
    ]
    lines = [f"S{i},sale,1,2026-11-02T00:00:00Z,R{i}," for i in range(5000)]
    expected = []
    for i in range(50):
        wrong, field = planted[i % 10] if i < 10 or i % 10 > 2 else planted[3 + i % 7]
        lines[i * 97 + 3] = wrong
        expected.append((i * 97 + 5, field))
    with pytest.raises(BooksError) as caught:
        take(engine, header + "\n".join(lines) + "\n")
    assert [(fault.line, fault.field) for fault in caught.value.faults] == expected
    with reading_database(engine) as connection:
        assert connection.execute(select(func.count()).select_from(tables.movement)).scalar_one() == 3


@pytest.mark.slow
def test_the_real_shape_of_ninety_days_comes_in_whole(engine: Engine) -> None:
    """2,212 series of 90 days, hours included."""
    if not SALES.exists():
        pytest.skip("shared data set is absent")
    content = read_book_file(SALES).content
    told: dict[str, list[int]] = {}
    books = read_books(content, source="sales", reading=Reading(NOW, layout=layout_of(LAYOUT.encode(), "layout.toml")))
    with writing(engine) as connection:
        taken = take_books(
            connection, books, now=NOW, progress=lambda what, done, _: told.setdefault(what, []).append(done)
        )
        units = connection.execute(select(func.sum(tables.day_sales.c.units))).scalar_one()
        on_hand = connection.execute(select(func.sum(tables.book_latest.c.units))).scalar_one()
    rows = csv.DictReader(content.decode().splitlines())
    assert units == -on_hand == sum(int(Decimal(row["sale"]) * 1000) for row in rows)
    assert taken.skus_count <= 2212
    assert told["movements"] == sorted(told["movements"])
    assert len(told["movements"]) > 5
