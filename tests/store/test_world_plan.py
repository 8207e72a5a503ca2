# SPDX-License-Identifier: AGPL-3.0-or-later
"""Store files: what they may say, and how a wrong one is refused."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from simulator.errors import StorePlanError
from simulator.store.plan import STORES_FOLDER, load_store_plan

STORES = sorted(path.stem for path in STORES_FOLDER.glob("*.toml"))


def changed(tmp_path: Path, store: str, before: str, after: str) -> Path:
    text = (STORES_FOLDER / f"{store}.toml").read_text()
    assert before in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(before, after))
    return path


@pytest.mark.parametrize("store", STORES)
def test_every_shipped_store_can_be_read(store: str) -> None:
    plan = load_store_plan(STORES_FOLDER / f"{store}.toml")
    assert plan.store_id == store
    assert plan.open_span(date(2026, 3, 2)) is not None


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('shape = "can"', 'shape = "ball"', r"wrong.toml: bays.0.rows.1.zones.0.shape: .*no such shape"),
        ("facings = 6", "facings = 60", r"bays.0: .*need"),
        ('zone_id = "cola", sku', 'zone_id = "water", sku', "as a whole: .*zone_id given twice: water"),
        ('sku = "TEA-050"\nback', 'sku = "TEA-51"\nback', "nothing in the store is called TEA-51"),
        ('twin = "LEMON-330"', 'twin = "LIMES"', "nothing in the store is called LIMES"),
        ('"LEMON-330"', '"COLA-330"', "as a whole: .*stock.sku given twice: COLA-330"),
        ('twin = "LEMON-330"', 'twin = "COLA-330"', "COLA-330 cannot be taken for itself"),
        ("per_day = 20", "per_day = -1", r"demand.2.per_day: .*greater than or equal to 0"),
        ('pattern = "weekend"', 'pattern = "sometimes"', r"demand.4.pattern: .*'even', 'morning'"),
        ("closes_at = 21:00:00", "closes_at = 06:00:00", r"opening_hours.0: .*must lie behind"),
        ("weekdays = [1, 4]", "weekdays = [1, 7]", r"suppliers.0.weekdays.1: .*less than or equal to 6"),
        ('supplier_id = "wholesaler"', 'suplier_id = "wholesaler"', r"suppliers.0.suplier_id: Extra inputs"),
        ('camera_id = "cam-drinks"', 'camera_id = "cam-drinks"\nmount = "ceiling"', r"bays.0.mount: .*'overhead'"),
        ('store_id = "corner"', 'store_id = "corner', r"wrong.toml: cannot be read: .*line 3"),
    ],
)
def test_a_wrong_store_file_is_refused_with_file_and_field(tmp_path: Path, before: str, after: str, words: str) -> None:
    with pytest.raises(StorePlanError, match=words):
        load_store_plan(changed(tmp_path, "corner", before, after))


@pytest.mark.parametrize(
    ("store", "before", "after", "words"),
    [
        ("thousand", "skus = 1000", "skus = 0", "assortment: skus: .*greater than or equal to 1"),
        ("thousand", "seed = 7", "sed = 7", "assortment: sed: Extra inputs"),
        ("minimarket", "misscan_fraction = 0.004", "misscan_fraction = 4", "habits.till.misscan_fraction: .*less than"),
        ("minimarket", "people = 2", "peple = 2", "habits.staff.peple: Extra inputs"),
    ],
)
def test_a_wrong_habit_or_assortment_is_named(tmp_path: Path, store: str, before: str, after: str, words: str) -> None:
    with pytest.raises(StorePlanError, match=words):
        load_store_plan(changed(tmp_path, store, before, after))


def documented_store() -> str:
    page = (Path(__file__).parents[2] / "docs" / "virtual-store.md").read_text()
    return page.split("```toml\n")[1].split("```")[0]


def test_the_store_file_of_the_documentation_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(documented_store())
    plan = load_store_plan(path)
    assert plan.bays[0].rows[0].pusher
    assert plan.habits.staff.round_every_min == 90


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, "corner", "per_day", "per_dey")
    with pytest.raises(StorePlanError) as refused:
        load_store_plan(path)
    assert len(str(refused.value).splitlines()) == 12


def test_a_bay_that_is_wrong_is_not_called_missing_as_well(tmp_path: Path) -> None:
    with pytest.raises(StorePlanError) as refused:
        load_store_plan(changed(tmp_path, "corner", "facings = 6", "facings = 60"))
    assert len(str(refused.value).splitlines()) == 1 + 1  # cola and lemonade fill one row, jam the other bay's


def test_a_product_has_one_size_wherever_it_stands(tmp_path: Path) -> None:
    text = documented_store().replace("facings = 4", "facings = 2")
    lemonade = next(line for line in text.splitlines() if '"lemonade"' in line)
    again = lemonade.replace('"lemonade"', '"lemonade-2"')
    path = tmp_path / "kiosk.toml"
    path.write_text(text.replace(lemonade, f"{lemonade}\n{again}"))
    plan = load_store_plan(path)
    assert [zone.zone_id for _, zone in plan.zones() if zone.sku == "LEMON-330"] == ["lemonade", "lemonade-2"]
    path.write_text(text.replace(lemonade, f"{lemonade}\n{again.replace('150]', '151]')}"))
    with pytest.raises(StorePlanError, match="zone lemonade-2: LEMON-330 has another name, shape or size"):
        load_store_plan(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorePlanError, match=r"nowhere.toml: cannot be read"):
        load_store_plan(tmp_path / "nowhere.toml")


def test_a_scenario_changes_some_habits_and_leaves_the_others() -> None:
    plan = load_store_plan(STORES_FOLDER / "minimarket.toml")
    lazy = plan.with_habits({"staff": {"round_every_min": 240}, "losses": {"thefts_per_day": 9}})
    assert lazy.habits.staff.round_every_min == 240
    assert lazy.habits.staff.people == plan.habits.staff.people
    assert lazy.habits.till == plan.habits.till
    assert plan.habits.staff.round_every_min != 240


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"staff": {"lazyness": 1}}, "store 'corner': habits: staff.lazyness: Extra inputs"),
        ({"thieves": {}}, "habits: thieves: Extra inputs"),
        ({"shoppers": {"browsers_fraction": 1}}, "habits: shoppers.browsers_fraction: .*less than or equal to 0.95"),
        ({"losses": {"sweep_fraction": 2}}, "habits: losses.sweep_fraction: .*less than or equal to 1"),
        ({"shoppers": {"weekday_factors": [1, 1]}}, "habits: shoppers.weekday_factors: .*at least 7"),
    ],
)
def test_a_scenario_cannot_invent_habits(overrides: dict[str, dict[str, object]], words: str) -> None:
    with pytest.raises(StorePlanError, match=words):
        load_store_plan(STORES_FOLDER / "corner.toml").with_habits(overrides)


def test_opening_hours_follow_the_weekday_and_are_cut_to_the_time_asked_for() -> None:
    plan = load_store_plan(STORES_FOLDER / "minimarket.toml")
    saturday_noon, monday_noon = datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 3, 9, 12, tzinfo=UTC)
    assert plan.open_spans(saturday_noon, monday_noon) == [
        (saturday_noon, datetime(2026, 3, 7, 21, tzinfo=UTC)),
        (datetime(2026, 3, 8, 9, tzinfo=UTC), datetime(2026, 3, 8, 18, tzinfo=UTC)),
        (datetime(2026, 3, 9, 7, tzinfo=UTC), monday_noon),
    ]


def test_an_assortment_is_made_the_same_every_time_and_fits_its_bays(tmp_path: Path) -> None:
    plan = load_store_plan(STORES_FOLDER / "thousand.toml")
    assert plan == load_store_plan(STORES_FOLDER / "thousand.toml")
    assert len({zone.sku for _, zone in plan.zones()}) == 1000
    other = load_store_plan(changed(tmp_path, "thousand", "seed = 7", "seed = 8"))
    assert other.bays != plan.bays
    for bay in plan.bays:
        for row in bay.rows:
            lefts_mm = bay.zone_lefts_mm(row)
            assert lefts_mm == sorted(lefts_mm)
            assert lefts_mm[0] >= 0


def test_an_assortment_stands_beside_bays_that_the_file_states_itself(tmp_path: Path) -> None:
    text = (STORES_FOLDER / "corner.toml").read_text()
    path = tmp_path / "both.toml"
    path.write_text(text + "\n[assortment]\nskus = 40\n")
    plan = load_store_plan(path)
    assert len(plan.zones()) == 12 + 40
    assert plan.bays[0].bay_id == "drinks"
