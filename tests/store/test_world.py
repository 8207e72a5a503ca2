# SPDX-License-Identifier: AGPL-3.0-or-later
"""The virtual store's truth: every unit is in one place, none appears or vanishes, and the books know what is told."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.store.plan import STORES_FOLDER, StorePlan, load_store_plan
from simulator.store.units import DAMAGED, UNTIDY, Condition, Unit
from simulator.store.world import World

OPENED_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CORNER = load_store_plan(STORES_FOLDER / "corner.toml")
MARKET = load_store_plan(STORES_FOLDER / "minimarket.toml")
CORNER_ZONES = [zone.zone_id for _, zone in CORNER.zones()]

Step = tuple[str, int, int, int]
"""Act, two numbers that choose places, units."""


def acts(world: World, zone_ids: list[str]) -> dict[str, Callable[[Step, datetime], object]]:
    """Everything that can be done to a world, by name."""
    sku_of = {zone_id: world.shelf(zone_id).sku for zone_id in zone_ids}
    conditions = list(Condition)

    def zone(step: Step, place: int = 1) -> str:
        return zone_ids[int(step[place]) % len(zone_ids)]

    def basket(step: Step) -> str:
        return f"basket-{step[2] % 4}"

    def put_back(step: Step, _: datetime) -> object:
        carried = world.basket(basket(step))
        return carried and world.put_back(basket(step), carried[step[3] % len(carried)].unit_id, zone(step))

    return {
        "sell": lambda step, at: world.sell(zone(step), step[3], at),
        "pick": lambda step, _: world.pick(
            zone(step), basket(step), behind=step[3] % 2 == 0, damaged_too=step[3] % 3 == 0
        ),
        "put_back": put_back,
        "pay": lambda step, at: world.pay(basket(step), at),
        "pay_wrong": lambda step, at: world.pay(basket(step), at, booked={sku_of[zone(step)]: step[3]}),
        "walk_out": lambda step, _: world.walk_out(basket(step)),
        "steal": lambda step, _: world.steal(zone(step), step[3]),
        "break": lambda step, _: world.break_(zone(step), step[3]),
        "damage": lambda step, _: world.damage(zone(step), step[3], conditions[step[2] % len(conditions)]),
        "deliver": lambda step, at: world.deliver(sku_of[zone(step)], step[3], at, booked_units=step[2]),
        "restock": lambda step, _: world.restock(zone(step)),
        "restock_wrong": lambda step, _: world.restock(zone(step), step[3], into=zone(step, 2)),
        "face_up": lambda step, _: world.face_up(zone(step)),
        "misplace": lambda step, _: world.misplace(sku_of[zone(step)], zone(step, 2), step[3]),
        "tidy": lambda step, _: world.tidy(zone(step)),
        "waste": lambda step, at: world.waste(zone(step), at, booked=step[3] % 2 == 0),
        "count": lambda step, at: world.hand_count(sku_of[zone(step)], at, error_units=step[3] % 5 - 2),
    }


ACT_NAMES = sorted(acts(World(CORNER, OPENED_AT), CORNER_ZONES))
steps = st.lists(
    st.tuples(st.sampled_from(ACT_NAMES), st.integers(0, 99), st.integers(0, 99), st.integers(0, 40)), max_size=60
)


def standing(world: World) -> list[Unit]:
    return [
        unit for zone_id in CORNER_ZONES for column in world.columns(zone_id) for unit in column if unit is not None
    ]


def inside(world: World) -> list[Unit]:
    back = [unit for sku in world.skus for unit in world.back_units(sku)]
    carried = [unit for units in world.baskets().values() for unit in units]
    return [*standing(world), *back, *carried]


@given(happenings=steps, seed=st.integers(0, 1000))
def test_every_unit_is_in_one_place_at_every_instant(happenings: list[Step], seed: int) -> None:
    world = World(CORNER, OPENED_AT, np.random.default_rng(seed))
    act = acts(world, CORNER_ZONES)
    here = {unit.unit_id: unit.sku for unit in inside(world)}
    gone: set[int] = set()
    for minute, step in enumerate(happenings):
        act[step[0]](step, OPENED_AT + timedelta(minutes=minute))
        units = inside(world)
        ids = {unit.unit_id: unit.sku for unit in units}
        assert len(ids) == len(units)
        gone |= here.keys() - ids.keys()
        assert not gone & ids.keys()
        assert all(ids[unit_id] == sku for unit_id, sku in here.items() if unit_id in ids)
        here = ids


@given(happenings=steps, seed=st.integers(0, 1000))
def test_what_came_in_is_what_is_there_and_what_has_left(happenings: list[Step], seed: int) -> None:
    world = World(CORNER, OPENED_AT, np.random.default_rng(seed))
    act = acts(world, CORNER_ZONES)
    for minute, step in enumerate(happenings):
        act[step[0]](step, OPENED_AT + timedelta(minutes=minute))
        on_shelves = Counter(unit.sku for unit in standing(world))
        for sku in world.skus:
            tally = world.tally(sku)
            assert tally.shelf == on_shelves[sku]
            assert tally.back == len(world.back_units(sku))
            assert min(tally.sold, tally.lost, tally.wasted, tally.baskets) >= 0
            assert tally.opening + tally.received == (
                tally.shelf + tally.back + tally.baskets + tally.sold + tally.lost + tally.wasted
            )


@given(happenings=steps)
def test_books_are_the_sum_of_their_lines_and_no_line_is_ever_changed(happenings: list[Step]) -> None:
    world = World(CORNER, OPENED_AT, np.random.default_rng(1))
    act = acts(world, CORNER_ZONES)
    for minute, step in enumerate(happenings):
        before = list(world.books)
        act[step[0]](step, OPENED_AT + timedelta(minutes=minute))
        assert world.books[: len(before)] == before
    for sku in world.skus:
        assert world.book_units(sku) == sum(line.units for line in world.books if line.sku == sku)
    references = Counter((line.kind, line.sku, line.reference) for line in world.books)
    assert max(references.values()) == 1


@given(happenings=steps)
def test_a_zone_keeps_its_slots_and_springs_leave_no_hole_in_front(happenings: list[Step]) -> None:
    zone_ids = [zone.zone_id for _, zone in MARKET.zones()]
    world = World(MARKET, OPENED_AT, np.random.default_rng(1))
    act = acts(world, zone_ids)
    shapes = {zone_id: [len(column) for column in world.columns(zone_id)] for zone_id in zone_ids}
    for minute, step in enumerate(happenings):
        act[step[0]](step, OPENED_AT + timedelta(minutes=minute))
    for zone_id in zone_ids:
        columns = world.columns(zone_id)
        assert [len(column) for column in columns] == shapes[zone_id]
        if world.shelf(zone_id).pusher:
            for column in columns:
                count = sum(1 for unit in column if unit is not None)
                assert all(unit is not None for unit in column[:count])


@given(happenings=steps, zone_id=st.sampled_from(CORNER_ZONES))
def test_what_a_camera_could_see_adds_up(happenings: list[Step], zone_id: str) -> None:
    world = World(CORNER, OPENED_AT, np.random.default_rng(1))
    act = acts(world, CORNER_ZONES)
    for minute, step in enumerate(happenings):
        act[step[0]](step, OPENED_AT + timedelta(minutes=minute))
    truth = world.zone_truth(zone_id, OPENED_AT)
    assert truth.front_packs_count == truth.facings_count + truth.misplaced_count
    assert truth.front_packs_count <= len(world.columns(zone_id))
    assert truth.facings_count <= truth.shelf_units_count
    assert truth.defects_count <= truth.front_packs_count


@pytest.fixture
def world() -> World:
    return World(CORNER, OPENED_AT, np.random.default_rng(1))


def fronts(world: World, zone_id: str) -> list[Unit | None]:
    return [column[0] for column in world.columns(zone_id)]


def test_an_emptied_zone_shows_no_facing_and_a_restocked_one_all(world: World) -> None:
    world.sell("cola", 999, OPENED_AT)
    assert world.facings_count("cola") == 0
    world.restock("cola")
    assert world.facings_count("cola") == 6


def test_a_pack_taken_from_the_front_leaves_a_hole_until_somebody_faces_up(world: World) -> None:
    world.pick("tea", "b")
    assert fronts(world, "tea").count(None) == 1
    assert world.facings_count("tea") == 4  # the pack behind it still shows, deeper in the shelf
    world.face_up("tea")
    assert None not in fronts(world, "tea")


def test_a_hand_that_reaches_behind_leaves_the_front_as_it_was(world: World) -> None:
    before = fronts(world, "tea")
    world.pick("tea", "b", behind=True)
    assert fronts(world, "tea") == before
    assert world.own_units_count("tea") == 15


def test_a_thief_leaves_the_books_as_they_were(world: World) -> None:
    books = list(world.books)
    assert world.steal("cola", 20) == 20
    assert world.books == books
    assert (world.tally("COLA-330").lost, world.tally("COLA-330").sold) == (20, 0)


def test_a_pack_in_a_basket_is_neither_on_the_shelf_nor_in_the_books_sales_yet(world: World) -> None:
    on_hand = world.book_units("TEA-050")
    world.pick("tea", "b")
    assert world.sku_truth("TEA-050", OPENED_AT).basket_units_count == 1
    assert world.book_units("TEA-050") == on_hand
    world.pay("b", OPENED_AT)
    assert world.sku_truth("TEA-050", OPENED_AT).basket_units_count == 0
    assert world.book_units("TEA-050") == on_hand - 1


def test_a_scan_as_the_twin_keeps_the_total_of_the_books_and_spoils_two_skus(world: World) -> None:
    total = sum(world.book_units(sku) for sku in world.skus)
    cola, lemonade = world.book_units("COLA-330"), world.book_units("LEMON-330")
    for _ in range(2):
        world.pick("cola", "b")
    world.pay("b", OPENED_AT, booked={"COLA-330": 1, "LEMON-330": 1})
    assert sum(world.book_units(sku) for sku in world.skus) == total - 2
    assert (world.book_units("COLA-330"), world.book_units("LEMON-330")) == (cola - 1, lemonade - 1)
    assert (world.tally("COLA-330").sold, world.tally("LEMON-330").sold) == (2, 0)


def test_a_pack_put_back_in_the_wrong_place_is_seen_there_and_missed_at_home(world: World) -> None:
    world.steal("lemonade", 999)
    unit = world.pick("cola", "b")
    assert unit is not None
    assert world.put_back("b", unit.unit_id, "lemonade")
    truth = world.zone_truth("lemonade", OPENED_AT)
    assert (truth.facings_count, truth.front_packs_count, truth.misplaced_count) == (0, 1, 1)
    world.tidy("lemonade")
    assert world.zone_truth("lemonade", OPENED_AT).misplaced_count == 0
    assert world.own_units_count("cola") == 24


def test_nobody_takes_a_leaking_pack_while_a_good_one_stands_there(world: World) -> None:
    world.damage("honey", 5, Condition.LEAKING)
    for _ in range(15):
        unit = world.pick("honey", "b")
        assert unit is not None
        assert unit.condition is Condition.OK
    assert world.pick("honey", "b") is None
    assert world.pick("honey", "b", damaged_too=True) is not None


def test_facing_up_sets_packs_upright_but_mends_nothing(world: World) -> None:
    world.damage("jam", 1, Condition.TOPPLED)
    world.damage("jam", 2, Condition.TORN)
    assert world.zone_truth("jam", OPENED_AT).defects_count == 3
    world.face_up("jam")
    assert world.zone_truth("jam", OPENED_AT).defects_count == 2
    assert not UNTIDY & DAMAGED


@pytest.mark.parametrize(("booked", "believed"), [(True, 0), (False, 2)])
def test_waste_that_nobody_books_makes_the_books_too_high(world: World, *, booked: bool, believed: int) -> None:
    world.damage("jam", 2, Condition.CRUSHED)
    assert world.waste("jam", OPENED_AT, booked=booked) == 2
    tally = world.tally("JAM-340")
    assert tally.wasted == 2
    assert world.book_units("JAM-340") - tally.shelf - tally.back == believed


def test_a_hand_count_sets_the_books_right_or_wrong_by_its_own_error(world: World) -> None:
    world.steal("nuts", 4)
    world.hand_count("NUTS-200", OPENED_AT)
    assert world.book_units("NUTS-200") == world.tally("NUTS-200").shelf
    world.hand_count("NUTS-200", OPENED_AT, error_units=-2)
    assert world.book_units("NUTS-200") == world.tally("NUTS-200").shelf - 2


def test_a_delivery_is_in_the_house_before_it_is_in_the_books(world: World) -> None:
    on_hand = world.book_units("TEA-050")
    world.receive("TEA-050", 12)
    assert (world.back_count("TEA-050"), world.book_units("TEA-050")) == (20, on_hand)
    world.book_receipt("TEA-050", 10, OPENED_AT, "late-paper")
    assert world.book_units("TEA-050") == on_hand + 10


def test_the_opening_books_hold_the_errors_that_the_store_file_states() -> None:
    plan: StorePlan = CORNER
    world = World(plan, OPENED_AT)
    wrong = {stock.sku: stock.book_error_units for stock in plan.stock if stock.book_error_units}
    assert wrong == {"NUTS-200": 6, "COFFEE-250": -23}
    for sku in world.skus:
        tally = world.tally(sku)
        assert world.book_units(sku) - tally.shelf - tally.back == wrong.get(sku, 0)
