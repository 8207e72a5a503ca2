# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a person would notice of the people in a store: when they come, what they take, what the books make of it."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.store.assortment import Assortment, stocked
from simulator.store.life import Life
from simulator.store.plan import STORES_FOLDER, StorePlan, load_store_plan
from simulator.store.trade import SupplierPlan
from simulator.store.truth import Deed, Happening
from simulator.store.world import World

MONDAY = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
SATURDAY = datetime(2026, 3, 7, 7, 0, tzinfo=UTC)
CORNER = load_store_plan(STORES_FOLDER / "corner.toml")
CALM = CORNER.model_copy(
    update={"stock": tuple(stock.model_copy(update={"book_error_units": 0}) for stock in CORNER.stock)}
)
"""The corner shop with right books."""
THOUSAND = load_store_plan(STORES_FOLDER / "thousand.toml")


class Story:
    """A stretch of a shop's life."""

    def __init__(
        self,
        plan: StorePlan = CALM,
        *,
        days: float = 1,
        seed: int = 1,
        since_at: datetime = MONDAY,
        habits: Mapping[str, Any] | None = None,
    ) -> None:
        self.plan = plan.with_habits(habits or {})
        self.since_at = since_at
        self.world = World(self.plan, since_at)
        self.life = Life(self.plan, self.world, seed)
        self.happenings = self.life.advance(since_at + timedelta(days=days))

    def of(self, *deeds: Deed) -> list[Happening]:
        return [one for one in self.happenings if one.what in deeds]

    def book_errors(self) -> dict[str, int]:
        """Books less truth of every SKU that is wrong."""
        errors = {}
        for sku in self.world.skus:
            tally = self.world.tally(sku)
            errors[sku] = self.world.book_units(sku) - tally.shelf - tally.back - tally.baskets
        return {sku: error for sku, error in errors.items() if error}

    def references(self, word: str) -> list[str]:
        return [line.reference for line in self.world.books if line.reference.startswith(word)]


def test_in_a_calm_shop_the_books_stay_right() -> None:
    story = Story(days=14)
    assert len(story.of(Deed.PAY)) > 100
    booked_later = {line.sku for line in story.world.books[-40:]}
    assert story.book_errors().keys() <= booked_later  # nothing but deliveries that wait for the office
    assert not story.of(Deed.STEAL, Deed.BREAK, Deed.DAMAGE, Deed.MISPLACE, Deed.WASTE)


def test_a_day_sells_about_what_the_store_file_says() -> None:
    story = Story(THOUSAND, days=1, since_at=datetime(2026, 3, 3, 0, 0, tzinfo=UTC))
    wanted = -sum(line.units for line in story.world.books if line.kind == "sale")
    stated = sum(demand.per_day for demand in THOUSAND.demand) * THOUSAND.habits.shoppers.weekday_factors[1]
    assert wanted == pytest.approx(stated, rel=0.12)


def test_more_shoppers_come_at_ten_than_at_one_and_none_at_night() -> None:
    story = Story(THOUSAND, days=2)
    by_hour = Counter(one.since_at.hour for one in story.life.presences if one.kind == "shopper")
    assert by_hour[10] > 1.3 * by_hour[13]
    assert sum(by_hour[hour] for hour in (0, 1, 2, 3, 4, 5)) == 0


def test_a_saturday_is_busier_than_a_thursday() -> None:
    thursday, saturday = Story(THOUSAND, since_at=SATURDAY - timedelta(days=2)), Story(THOUSAND, since_at=SATURDAY)
    assert len(saturday.of(Deed.PAY)) > 1.1 * len(thursday.of(Deed.PAY))


def test_a_promotion_sells_more_while_it_lasts(tmp_path: Path) -> None:
    path = tmp_path / "promotion.toml"
    promotion = '[[promotions]]\nsku = "TEA-050"\nfrom_on = 2026-03-03\nuntil_on = 2026-03-04\nfactor = 30\n'
    path.write_text((STORES_FOLDER / "corner.toml").read_text() + promotion)
    story = Story(load_store_plan(path), days=5)
    asked = Counter(one.at.day for one in story.happenings if one.what is Deed.PICK and "TEA-050" in one.skus)
    asked += Counter(one.at.day for one in story.life.lost_sales if one.sku == "TEA-050")
    assert asked[3] + asked[4] > 3 * (asked[2] + asked[5] + asked[6])


def test_intermittent_products_sell_in_bursts_and_steady_ones_every_day() -> None:
    made = stocked(Assortment(skus=150, seed=3))
    every_day = SupplierPlan(supplier_id="all", weekdays=tuple(range(7)))
    plan = StorePlan(store_id="some", bays=made.bays, demand=made.demand, suppliers=(every_day,))
    story = Story(plan, days=14)
    days_of: dict[str, set[int]] = {}
    for happening in story.of(Deed.PICK):
        for sku in happening.skus:
            days_of.setdefault(sku, set()).add(happening.at.day)
    slow = [demand.sku for demand in plan.demand if demand.per_day < 0.3]
    fast = [demand.sku for demand in plan.demand if demand.per_day > 5]
    assert sum(len(days_of.get(sku, ())) for sku in slow) / len(slow) < 4
    assert sum(len(days_of.get(sku, ())) for sku in fast) / len(fast) > 11


def test_what_is_taken_is_paid_minutes_later() -> None:
    story = Story(days=1)
    first_pick = story.of(Deed.PICK)[0]
    basket_now = World(CALM, MONDAY)
    life = Life(CALM, basket_now, 1)
    life.advance(first_pick.at)
    carried = sum(basket_now.tally(sku).baskets for sku in basket_now.skus)
    assert carried > 0
    first_pay = story.of(Deed.PAY)[0]
    assert first_pay.at - first_pick.at > timedelta(seconds=30)


def test_an_empty_shelf_sells_its_neighbour_or_nothing() -> None:
    empty = tuple(
        stock.model_copy(update={"shelf_units": 0, "back_units": 0} if stock.sku == "COLA-330" else {})
        for stock in CALM.stock
    )
    plan = CALM.model_copy(update={"stock": empty})
    story = Story(plan, habits={"supply": {"orders": False}})
    lost = [one for one in story.life.lost_sales if one.sku == "COLA-330"]
    assert {one.instead for one in lost} == {None, "LEMON-330"}
    stubborn = Story(plan, habits={"supply": {"orders": False}, "shoppers": {"substitute_fraction": 0}})
    assert {one.instead for one in stubborn.life.lost_sales} == {None}


def test_theft_leaves_books_that_believe_in_what_is_gone() -> None:
    story = Story(days=7, habits={"losses": {"thefts_per_day": 8, "sweeps_per_week": 2}})
    lost = {sku: story.world.tally(sku).lost for sku in story.world.skus if story.world.tally(sku).lost}
    assert sum(lost.values()) > 20
    assert story.of(Deed.STEAL)
    errors = story.book_errors()
    assert all(errors[sku] == count for sku, count in lost.items() if sku in errors)
    assert set(lost) <= set(errors) | {line.sku for line in story.world.books[-40:]}


def test_somebody_stands_before_the_bay_when_stock_goes_missing() -> None:
    story = Story(days=7, habits={"losses": {"thefts_per_day": 8}})
    bay_of = {zone.zone_id: bay.bay_id for bay, zone in CALM.zones()}
    for happening in story.of(Deed.STEAL, Deed.PICK, Deed.RESTOCK):
        bay_id = bay_of[happening.zone_ids[0]]
        there = [
            one.kind
            for one in story.life.presences
            if one.bay_id == bay_id and one.since_at <= happening.at <= one.until_at
        ]
        assert ("staff" if happening.what is Deed.RESTOCK else "shopper") in there


def test_wrong_scans_keep_the_total_and_spoil_the_skus() -> None:
    story = Story(days=7, habits={"till": {"misscan_fraction": 0.2}, "supply": {"orders": False}})
    errors = story.book_errors()
    assert len(errors) >= 4
    assert sum(errors.values()) == 0


def test_wrong_keys_spoil_the_total() -> None:
    story = Story(days=7, habits={"till": {"key_error_fraction": 0.5}, "supply": {"orders": False}})
    written: Counter[str] = Counter()
    for line in story.world.books:
        if line.kind == "sale":
            written[line.sku] -= line.units
    assert any(written[sku] > story.world.tally(sku).sold for sku in story.world.skus)
    assert any(written[sku] < story.world.tally(sku).sold for sku in story.world.skus)


@pytest.mark.parametrize(
    ("habit", "too_high"),
    [("short_fraction", True), ("unbooked_fraction", False)],
)
def test_a_short_delivery_makes_the_books_too_high_and_an_unbooked_one_too_low(habit: str, *, too_high: bool) -> None:
    story = Story(days=4, habits={"supply": {habit: 1.0}})
    errors = story.book_errors()
    assert errors
    assert all((error > 0) is too_high for error in errors.values())


def test_a_delivery_booked_as_its_twin_is_missing_there_and_too_much_here() -> None:
    story = Story(days=3, habits={"supply": {"wrong_sku_fraction": 1.0}})
    errors = story.book_errors()
    assert errors["COLA-330"] == -errors["LEMON-330"]


def test_late_papers_come_hours_after_the_goods() -> None:
    def mean_wait(late_fraction: float) -> timedelta:
        story = Story(days=2, habits={"supply": {"late_fraction": late_fraction}})
        arrived = story.of(Deed.DELIVER)[0].at
        waits = [one.at - arrived for one in story.of(Deed.BOOK)]
        return sum(waits, timedelta()) / len(waits)

    assert mean_wait(0) < timedelta(hours=1)
    assert mean_wait(1) > timedelta(hours=5)


def empty_minutes(story: Story) -> float:
    """Zone-minutes without a single own unit while the back room has some, over the opening hours."""
    minutes = 0.0
    world = World(story.plan, story.since_at)
    life = Life(story.plan, world, 1)
    for since, until in story.plan.open_spans(story.since_at, story.life.now):
        at = since
        while at < until:
            life.advance(at)
            minutes += 10 * sum(
                1
                for _, zone in story.plan.zones()
                if world.own_units_count(zone.zone_id) == 0 and world.back_count(zone.sku)
            )
            at += timedelta(minutes=10)
    return minutes


def test_lazy_staff_leave_shelves_empty_longer() -> None:
    demand = {"shoppers": {"demand_factor": 3}}
    diligent = Story(days=3, habits=demand)
    lazy = Story(days=3, habits={**demand, "staff": {"round_every_min": 240, "skips_fraction": 0.5}})
    assert empty_minutes(lazy) > 2 * empty_minutes(diligent)


def test_staff_who_use_wrong_places_leave_misplaced_stock_behind() -> None:
    habits = {
        "shoppers": {"demand_factor": 4},
        "staff": {"wrong_zone_fraction": 0.5, "overfill_fraction": 1.0, "tidy_fraction": 0.0},
    }
    story = Story(days=5, habits=habits)
    assert story.of(Deed.MISPLACE)
    assert any(row.misplaced_count for one in story.happenings for row in one.zone_truths)


def test_springs_keep_a_row_faced_up_where_a_plain_row_shows_holes() -> None:
    def holes(*, pusher: bool) -> int:
        rows = tuple(row.model_copy(update={"pusher": pusher}) for row in CALM.bays[0].rows)
        bays = (CALM.bays[0].model_copy(update={"rows": rows}), CALM.bays[1])
        plan = CALM.model_copy(update={"bays": bays})
        story = Story(plan, days=0.4, habits={"staff": {"face_up_fraction": 0}})
        zone_ids = [zone.zone_id for row in rows for zone in row.zones]
        columns = [column for zone_id in zone_ids for column in story.world.columns(zone_id)]
        return sum(1 for column in columns if column[0] is None and any(column))

    assert holes(pusher=False) > 3
    assert holes(pusher=True) == 0


def test_damaged_packs_stay_until_staff_clear_them() -> None:
    losses = {"damages_per_day": 20, "untidy_per_day": 0}
    ignored = Story(days=1, habits={"losses": losses, "staff": {"clear_fraction": 0}})
    cleared = Story(days=1, habits={"losses": losses, "staff": {"clear_fraction": 1}})

    def defects(story: Story) -> int:
        return sum(story.world.zone_truth(zone.zone_id, MONDAY).defects_count for _, zone in story.plan.zones())

    assert defects(ignored) > defects(cleared)
    assert not ignored.of(Deed.WASTE)
    assert cleared.of(Deed.WASTE)
    assert len(set(cleared.references("waste"))) == len(cleared.of(Deed.WASTE))


def test_a_shop_filled_before_opening_opens_full() -> None:
    habits = {"staff": {"night_fill": True, "round_every_min": 600}, "supply": {"orders": False}}
    story = Story(days=1, habits=habits)  # until seven the next morning
    for _, zone in story.plan.zones():
        full = story.world.shelf(zone.zone_id).capacity
        assert story.world.own_units_count(zone.zone_id) == full or story.world.back_count(zone.sku) == 0


def test_counting_every_night_heals_the_books() -> None:
    losses = {"losses": {"thefts_per_day": 10}}
    spoilt = Story(days=6, habits=losses)
    healed = Story(days=6, habits={**losses, "staff": {"counts_per_night": 12}})
    assert healed.references("count")
    assert sum(map(abs, healed.book_errors().values())) < sum(map(abs, spoilt.book_errors().values())) / 2


def test_packs_that_shoppers_put_back_end_up_in_wrong_places() -> None:
    habits = {
        "shoppers": {"put_back_fraction": 0.5, "wrong_zone_fraction": 1.0},
        "staff": {"tidy_fraction": 0.0},
    }
    story = Story(days=2, habits=habits)
    assert story.of(Deed.PUT_BACK)
    misplaced = [story.world.zone_truth(zone.zone_id, MONDAY).misplaced_count for _, zone in story.plan.zones()]
    assert sum(misplaced) > 0


def test_trolleys_stand_for_minutes() -> None:
    story = Story(days=2, habits={"shoppers": {"trolleys_per_day": 10}})
    waits = [one.until_at - one.since_at for one in story.life.presences if one.kind == "trolley"]
    assert len(waits) > 8
    assert max(waits) > timedelta(minutes=5)


def test_an_ordinary_shop_is_about_as_wrong_as_the_trade_reports() -> None:
    """Shares of the literature: records wrong in about 65 % of SKUs, shelves empty around 8 % of the time."""
    plan = load_store_plan(STORES_FOLDER / "minimarket.toml")
    story = Story(plan, days=0)
    empty = looked = 0
    for since, until in plan.open_spans(MONDAY, MONDAY + timedelta(days=14)):
        at = since
        while at < until:
            story.life.advance(at)
            looked += len(plan.zones())
            empty += sum(1 for _, zone in plan.zones() if story.world.own_units_count(zone.zone_id) == 0)
            at += timedelta(hours=1)
    assert 0.4 < len(story.book_errors()) / len(story.world.skus) < 0.85
    assert 0.02 < empty / looked < 0.13
