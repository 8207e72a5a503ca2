# SPDX-License-Identifier: AGPL-3.0-or-later
"""The virtual store's truth: units are conserved, and the books know only what passes through them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import StorePlanError
from simulator.store.plan import STORES_FOLDER, StorePlan, load_store_plan
from simulator.store.world import World

OPENED_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PLAN = load_store_plan(STORES_FOLDER / "corner.toml")
ZONE_IDS = [zone.zone_id for _, zone in PLAN.zones()]

steps = st.lists(
    st.tuples(st.sampled_from(["sell", "steal", "restock", "deliver"]), st.sampled_from(ZONE_IDS), st.integers(0, 60)),
    max_size=60,
)


def live(plan: StorePlan, seed: int, happenings: list[tuple[str, str, int]]) -> World:
    world = World(plan, OPENED_AT, np.random.default_rng(seed))
    sku_of = {zone.zone_id: zone.sku for _, zone in plan.zones()}
    for minute, (act, zone_id, units) in enumerate(happenings):
        at = OPENED_AT + timedelta(minutes=minute)
        match act:
            case "sell":
                world.sell(zone_id, units, at)
            case "steal":
                world.steal(zone_id, units)
            case "restock":
                world.restock(zone_id)
            case _:
                world.deliver(sku_of[zone_id], units, at)
    return world


@given(happenings=steps, seed=st.integers(0, 1000))
def test_no_unit_appears_or_vanishes(happenings: list[tuple[str, str, int]], seed: int) -> None:
    world = live(PLAN, seed, happenings)
    for sku in world.skus:
        tally = world.tally(sku)
        assert min(tally.shelf, tally.back, tally.sold, tally.lost) >= 0
        assert tally.opening + tally.received == tally.shelf + tally.back + tally.sold + tally.lost


@given(happenings=steps, seed=st.integers(0, 1000))
def test_books_differ_from_truth_by_the_opening_error_and_theft_alone(
    happenings: list[tuple[str, str, int]], seed: int
) -> None:
    world = live(PLAN, seed, happenings)
    error_of = {stock.sku: stock.book_error_units for stock in PLAN.stock}
    for sku in world.skus:
        tally = world.tally(sku)
        assert world.book_units(sku) == tally.shelf + tally.back + error_of.get(sku, 0) + tally.lost


def shelves(world: World) -> list[object]:
    return [world.columns(zone_id) for zone_id in ZONE_IDS]


@given(happenings=steps)
def test_same_seed_same_world(happenings: list[tuple[str, str, int]]) -> None:
    assert shelves(live(PLAN, 7, happenings)) == shelves(live(PLAN, 7, happenings))


def test_an_emptied_zone_shows_no_facing_and_a_restocked_one_all() -> None:
    world = World(PLAN, OPENED_AT, np.random.default_rng(1))
    world.sell("cola", 999, OPENED_AT)
    assert world.facings_count("cola") == 0
    world.restock("cola")
    assert world.facings_count("cola") == 6


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('shape = "can"', 'shape = "ball"', "no such shape"),
        ("facings = 6", "facings = 60", "need"),
        ('zone_id = "cola", sku', 'zone_id = "water", sku', "given twice"),
        ('act = "cover"', 'act = "sell"', "takes place at a zone_id"),
        ('sku = "TEA-050"\nback', 'sku = "TEA-51"\nback', "nothing in the store is called"),
    ],
)
def test_a_wrong_store_file_is_refused_with_its_fault(tmp_path: Path, before: str, after: str, words: str) -> None:
    text = (STORES_FOLDER / "corner.toml").read_text()
    assert before in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(before, after))
    with pytest.raises(StorePlanError, match=words):
        load_store_plan(path)
