# SPDX-License-Identifier: AGPL-3.0-or-later
"""A living store: one seed, one world, however time is cut and whatever a visitor does; another seed, another one."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import SimulatorError
from simulator.scoring.record import Presence
from simulator.store.life import Life
from simulator.store.plan import STORES_FOLDER, StorePlan, load_store_plan
from simulator.store.truth import Deed, Happening, TruthLog
from simulator.store.units import Unit
from simulator.store.world import World

OPENED_AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MARKET = load_store_plan(STORES_FOLDER / "minimarket.toml")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Wanted:
    act: str
    target: str
    units: int = 1
    booked_units: int | None = None
    sku: str | None = None


@dataclass
class Lived:
    world: World
    life: Life
    happenings: list[Happening]
    log: TruthLog

    @property
    def fingerprint(self) -> str:
        """Every row of truth, every line of the books, every visit, every unit where it stands at the end."""
        slots = [self.world.columns(zone.zone_id) for _, zone in self.world.plan.zones()]
        back = [self.world.back_units(sku) for sku in self.world.skus]
        rows = (self.log.zone_truths, self.log.sku_truths, self.world.books, self.life.presences, slots, back)
        return hashlib.sha256(repr(rows).encode()).hexdigest()


def live(
    plan: StorePlan, seed: int, stops: Sequence[timedelta], wanted: Sequence[tuple[timedelta, Wanted]] = ()
) -> Lived:
    world = World(plan, OPENED_AT)
    life, log = Life(plan, world, seed), TruthLog(world)
    happenings: list[Happening] = []
    orders = sorted(wanted, key=lambda one: one[0])
    for stop in sorted(stops):
        while orders and orders[0][0] <= stop:
            after, order = orders.pop(0)
            happenings += life.advance(OPENED_AT + after)
            happenings.append(life.do(order, OPENED_AT + after))
        happenings += life.advance(OPENED_AT + stop)
    log.take(happenings)
    return Lived(world, life, happenings, log)


THREE_DAYS = live(MARKET, 1, [3 * DAY])


def test_same_seed_same_world_to_the_last_unit() -> None:
    assert live(MARKET, 1, [3 * DAY]).fingerprint == THREE_DAYS.fingerprint


def test_another_seed_another_world() -> None:
    assert live(MARKET, 2, [3 * DAY]).fingerprint != THREE_DAYS.fingerprint


@settings(max_examples=8, deadline=None)
@given(minutes=st.lists(st.integers(0, 3 * 24 * 60), max_size=40))
def test_it_does_not_matter_how_time_is_cut(minutes: list[int]) -> None:
    stops = [timedelta(minutes=minute) for minute in minutes]
    assert live(MARKET, 1, [*stops, 3 * DAY]).fingerprint == THREE_DAYS.fingerprint


def test_jumping_from_event_to_event_gives_the_same_world() -> None:
    world = World(MARKET, OPENED_AT)
    life, log = Life(MARKET, world, 1), TruthLog(world)
    while (next_at := life.next_at()) is not None and next_at <= OPENED_AT + 3 * DAY:
        log.take(life.advance(next_at))
    log.take(life.advance(OPENED_AT + 3 * DAY))
    assert Lived(world, life, [], log).fingerprint == THREE_DAYS.fingerprint


def test_a_world_that_lives_keeps_its_units() -> None:
    places: list[Unit] = []
    for _, zone in MARKET.zones():
        places += THREE_DAYS.world.shelf(zone.zone_id).units()
    for sku in THREE_DAYS.world.skus:
        places += THREE_DAYS.world.back_units(sku)
        tally = THREE_DAYS.world.tally(sku)
        left = tally.sold + tally.lost + tally.wasted
        assert tally.opening + tally.received == tally.shelf + tally.back + tally.baskets + left
    places += [unit for units in THREE_DAYS.world.baskets().values() for unit in units]
    assert len({unit.unit_id for unit in places}) == len(places)


NASTY: dict[str, dict[str, object]] = {
    "shoppers": {"demand_factor": 3, "put_back_fraction": 0.3, "behind_fraction": 0.4, "takes_damaged_fraction": 0.5},
    "losses": {"thefts_per_day": 40, "sweeps_per_week": 30, "breakages_per_day": 20, "damages_per_day": 40},
    "till": {"misscan_fraction": 0.2, "key_error_fraction": 0.3},
    "supply": {"short_fraction": 0.3, "wrong_sku_fraction": 0.3, "unbooked_fraction": 0.2, "late_fraction": 0.5},
    "staff": {"wrong_zone_fraction": 0.4, "overfill_fraction": 0.5, "forgets_waste_fraction": 0.5, "night_fill": True},
}
every_order = st.one_of(
    st.builds(
        Wanted,
        act=st.sampled_from(["sell", "steal", "break", "restock", "misplace", "damage", "face_up", "tidy", "waste"]),
        target=st.sampled_from([zone.zone_id for _, zone in MARKET.zones()]),
        units=st.integers(1, 40),
        sku=st.sampled_from([zone.sku for _, zone in MARKET.zones()]),
    ),
    st.builds(
        Wanted,
        act=st.sampled_from(["deliver", "count"]),
        target=st.sampled_from([zone.sku for _, zone in MARKET.zones()]),
        units=st.integers(1, 40),
        booked_units=st.none() | st.integers(0, 40),
    ),
)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), orders=st.lists(st.tuples(st.integers(0, 1439), every_order), max_size=25))
def test_units_are_conserved_at_every_instant_of_a_nasty_day(seed: int, orders: list[tuple[int, Wanted]]) -> None:
    plan = MARKET.with_habits(NASTY)
    world = World(plan, OPENED_AT)
    life = Life(plan, world, seed)
    waiting = sorted(
        ((OPENED_AT + timedelta(minutes=minute), order) for minute, order in orders), key=lambda one: one[0]
    )
    sums = {sku: world.tally(sku).opening for sku in world.skus}
    while (next_at := life.next_at()) is not None and next_at <= OPENED_AT + DAY:
        while waiting and waiting[0][0] < next_at:
            life.do(waiting[0][1], waiting[0][0])
            del waiting[0]
        life.advance(next_at)
        for sku, opening in sums.items():
            tally = world.tally(sku)
            left = tally.sold + tally.lost + tally.wasted
            assert opening + tally.received == tally.shelf + tally.back + tally.baskets + left
    ids = [unit.unit_id for _, zone in plan.zones() for unit in world.shelf(zone.zone_id).units()]
    ids += [unit.unit_id for sku in world.skus for unit in world.back_units(sku)]
    ids += [unit.unit_id for units in world.baskets().values() for unit in units]
    assert len(set(ids)) == len(ids)
    assert len(ids) == sum(
        world.tally(sku).shelf + world.tally(sku).back + world.tally(sku).baskets for sku in world.skus
    )


PRINT_A_DAY = """
import hashlib, sys
from datetime import UTC, datetime, timedelta
from simulator.store.life import Life
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.truth import TruthLog
from simulator.store.world import World
plan = load_store_plan(STORES_FOLDER / "minimarket.toml")
world = World(plan, datetime(2026, 3, 2, 8, tzinfo=UTC))
life, log = Life(plan, world, 5), TruthLog(world)
log.take(life.advance(datetime(2026, 3, 3, 8, tzinfo=UTC)))
sys.stdout.write(hashlib.sha256(repr((log.zone_truths, log.sku_truths, world.books)).encode()).hexdigest())
"""


def test_another_process_lives_through_the_same_day() -> None:
    """Python shuffles its hashes from process to process; the world must not notice."""
    root = Path(__file__).parents[2]
    told = {
        subprocess.run(
            [sys.executable, "-c", PRINT_A_DAY],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(told) == 1
    assert len(told.pop()) == 64


def shoppers(lived: Lived) -> list[Presence]:
    return [presence for presence in lived.life.presences if presence.kind == "shopper"]


def sales(lived: Lived, skus: set[str]) -> list[tuple[str, int, datetime]]:
    return [
        (line.sku, line.units, line.occurred_at)
        for line in lived.world.books
        if line.kind == "sale" and line.sku in skus
    ]


@settings(max_examples=5, deadline=None)
@given(
    after_minutes=st.integers(0, 3 * 24 * 60),
    order=st.sampled_from(
        [
            Wanted("steal", "milk", 99),
            Wanted("sell", "cola", 12),
            Wanted("deliver", "ENER-250", 30, booked_units=3),
            Wanted("misplace", "tonic", 3, sku="ENER-250"),
            Wanted("damage", "cola", 4),
        ]
    ),
)
def test_what_a_visitor_does_changes_nobody_elses_luck(after_minutes: int, order: Wanted) -> None:
    meddled = live(MARKET, 1, [3 * DAY], [(timedelta(minutes=after_minutes), order)])
    assert shoppers(meddled) == shoppers(THREE_DAYS)
    # Another person looks after the bays at the other end of the shop: what is sold there stays as it was.
    far = {zone.sku for bay, zone in MARKET.zones() if bay in MARKET.bays[4:]}
    assert sales(meddled, far) == sales(THREE_DAYS, far)


def test_every_instant_is_told_in_order_and_within_the_time_asked_for() -> None:
    times = [happening.at for happening in THREE_DAYS.happenings]
    assert times == sorted(times)
    assert times[0] >= OPENED_AT
    assert times[-1] <= OPENED_AT + 3 * DAY
    assert [one.since_at for one in THREE_DAYS.life.presences] == sorted(
        one.since_at for one in THREE_DAYS.life.presences
    )
    assert all(one.since_at < one.until_at for one in THREE_DAYS.life.presences)


def test_the_log_holds_what_is_true_at_every_instant() -> None:
    """Rows taken late, from what happened, say the same as the world itself says when it is asked at that instant."""
    world = World(MARKET, OPENED_AT)
    life, log = Life(MARKET, world, 1), TruthLog(world)
    asked = []
    for hour in range(1, 48):
        log.take(life.advance(OPENED_AT + timedelta(hours=hour)))
        newest_zone = {row.zone_id: row for row in log.zone_truths}
        newest_sku = {row.sku: row for row in log.sku_truths}
        for _, zone in MARKET.zones():
            row = newest_zone[zone.zone_id]
            asked.append(row == world.zone_truth(zone.zone_id, row.at))
        for sku in world.skus:
            sku_row = newest_sku[sku]
            asked.append(sku_row == world.sku_truth(sku, sku_row.at))
    assert all(asked)


def test_nobody_shops_while_the_door_is_closed() -> None:
    spans = MARKET.open_spans(OPENED_AT, OPENED_AT + 3 * DAY)
    came = [one.since_at for one in THREE_DAYS.life.presences if one.kind == "shopper"]
    within = [any(since <= at <= until + timedelta(hours=1) for since, until in spans) for at in came]
    assert all(within)
    assert len(spans) == 4  # Monday from eight on, Tuesday, Wednesday, and Thursday until eight


def test_an_order_is_carried_out_at_its_instant_and_told() -> None:
    world = World(MARKET, OPENED_AT)
    life = Life(MARKET, world, 1)
    at = OPENED_AT + timedelta(hours=1)
    happening = life.do(Wanted("steal", "honey", 99), at)
    assert (happening.at, happening.what) == (at, Deed.STEAL)
    assert happening.zone_ids == ("honey",)
    assert [row.facings_count for row in happening.zone_truths] == [0]
    # What was due on the way is told by the next call, and comes before.
    assert all(one.at <= at for one in life.advance(at))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Wanted("steal", "hony"), "no zone 'hony'"),
        (Wanted("deliver", "HONEY"), "no SKU 'HONEY'"),
        (Wanted("misplace", "honey"), "give the sku"),
        (Wanted("cover", "cam-drinks"), "nobody can do 'cover'"),
    ],
)
def test_an_order_for_what_the_store_has_not_is_refused(order: Wanted, words: str) -> None:
    with pytest.raises(SimulatorError, match=words):
        Life(MARKET, World(MARKET, OPENED_AT), 1).do(order, OPENED_AT)


def test_nothing_can_be_done_in_the_past() -> None:
    life = Life(MARKET, World(MARKET, OPENED_AT), 1)
    life.advance(OPENED_AT + timedelta(hours=1))
    with pytest.raises(SimulatorError, match="lies in the past"):
        life.do(Wanted("steal", "honey"), OPENED_AT)


def test_a_managers_count_sets_the_books_right() -> None:
    world = World(MARKET, OPENED_AT)
    life = Life(MARKET, world, 1)
    life.do(Wanted("steal", "honey", 99), OPENED_AT)
    life.do(Wanted("count", "HONE-500"), OPENED_AT)
    assert world.book_units("HONE-500") == world.tally("HONE-500").shelf + world.tally("HONE-500").back


def test_a_thousand_products_live_through_a_day() -> None:
    plan = load_store_plan(STORES_FOLDER / "thousand.toml")
    lived = live(plan, 7, [DAY])
    assert len(lived.world.skus) == 1000
    assert live(plan, 7, [DAY / 3, DAY]).fingerprint == lived.fingerprint
