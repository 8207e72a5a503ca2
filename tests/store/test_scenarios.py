# SPDX-License-Identifier: AGPL-3.0-or-later
"""The library of scenarios: each names only what its store has, and the short ones come out as their prose says."""

from datetime import timedelta
from pathlib import Path

import pytest

from simulator.errors import ScenarioError
from simulator.rig.in_process import run_in_process
from simulator.rig.scenario import SCENARIOS_FOLDER, Scenario, load_scenario, scenario_names
from simulator.rig.schedule import check_names, plan_of, stretches_of, trouble_of
from simulator.scoring.expectations import check
from simulator.scoring.record import RunRecord, Sight

LIBRARY = (
    "quiet-day",
    "busy-saturday",
    "thief",
    "lazy-restocker",
    "wrong-delivery",
    "bumped-camera",
    "power-cuts",
    "broker-down",
    "all-cameras-covered",
    "thousand-skus",
)
"""Promised to whoever reads the documentation."""

STOCK_KINDS = {"restock_from_back", "out_of_stock", "phantom_inventory", "unrecorded_stock"}


def scenario_of(name: str) -> Scenario:
    return load_scenario(SCENARIOS_FOLDER / f"{name}.toml")


def test_the_library_holds_what_is_promised() -> None:
    assert set(LIBRARY) <= set(scenario_names())


@pytest.mark.parametrize("name", scenario_names())
def test_a_scenario_names_only_what_its_store_has_and_says_what_should_come_of_it(name: str) -> None:
    scenario = scenario_of(name)
    plan_of(scenario)  # raises with every name that the store has not
    assert len(scenario.happens.split()) >= 20
    assert len(scenario.expected.split()) >= 20
    assert scenario.expect, "at least one line for the machine to check"
    for line in scenario.expect:
        assert (line.after or timedelta()) + (line.within or timedelta()) <= scenario.lasts


def test_what_the_store_has_not_is_named_before_anything_runs(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(
        'title = "x"\nhappens = "x"\nexpected = "x"\nlasts = "1h"\n'
        '[[events]]\nat = "1m"\nact = "cover"\ntarget = "cam-nowhere"\n'
        '[[events]]\nat = "1m"\nact = "misplace"\ntarget = "cola"\n'
        '[[expect]]\nkind = "view_lost"\nplace = "cam-nowhere"\n'
    )
    with pytest.raises(ScenarioError) as raised:
        plan_of(load_scenario(file))
    assert "events.0.target" in str(raised.value)
    assert "events.1.sku" in str(raised.value)
    assert "expect.0.place" in str(raised.value)


def test_a_trouble_for_every_camera_is_one_of_each_and_ends_where_it_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "mended.toml"
    file.write_text(
        'title = "x"\nhappens = "x"\nexpected = "x"\nlasts = "1h"\nbegins_at = 08:00:00\n'
        '[[events]]\nat = "10m"\nact = "bump"\ntarget = "*"\n'
        '[[events]]\nat = "20m"\nact = "mend"\ntarget = "cam-drinks"\n'
    )
    scenario = load_scenario(file)
    plan = plan_of(scenario)
    troubles = [trouble_of(stretch, plan) for stretch in stretches_of(scenario, plan)]
    lasting = {trouble.target: (trouble.until_at - trouble.since_at).total_seconds() for trouble in troubles}
    assert lasting == {"cam-drinks": 600.0, "cam-breakfast": 3000.0}
    assert all(trouble.blinds_camera_ids == (trouble.target,) for trouble in troubles)
    check_names(scenario, plan)


SHORT = ("all-cameras-covered", "broker-down", "bumped-camera", "disk-full", "power-cuts")
LONG = ("thief", "lazy-restocker", "wrong-delivery", "books-late", "clock-wrong", "thousand-skus")
"""Minutes of computing each: left to `make scenarios`."""

_ran: dict[tuple[str, int], RunRecord] = {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenarios")


def ran(name: str, folder: Path, *, seed: int = 1) -> RunRecord:
    """The record of a scenario, run once for all tests of this file."""
    if (name, seed) not in _ran:
        where = folder / f"{name}-{seed}"
        _ran[name, seed] = run_in_process(name, scenario_of(name), seed, sight=Sight.MODELLED, folder=where)
    return _ran[name, seed]


@pytest.mark.parametrize("name", SHORT)
def test_a_short_scenario_comes_out_as_its_prose_says(name: str, folder: Path) -> None:
    assert check(scenario_of(name), ran(name, folder)) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name", ["quiet-day", *(pytest.param(name, marks=pytest.mark.library) for name in ("busy-saturday", *LONG))]
)
def test_a_long_scenario_comes_out_as_its_prose_says(name: str, folder: Path) -> None:
    assert check(scenario_of(name), ran(name, folder)) == []


@pytest.mark.parametrize("name", SHORT)
def test_no_report_is_lost_or_counted_twice_whatever_breaks(name: str, folder: Path) -> None:
    transport = ran(name, folder).transport
    assert (transport.lost_count, transport.doubled_count, transport.dead_letters_count) == (0, 0, 0)
    assert transport.ledger_count + transport.waiting_count == transport.numbered_count
    assert transport.numbered_count > 100


@pytest.mark.parametrize("name", ["all-cameras-covered", "bumped-camera"])
def test_no_stock_alert_opens_on_what_a_blind_camera_counts(name: str, folder: Path) -> None:
    record = ran(name, folder)
    blind = [
        (camera_id, trouble.since_at, trouble.until_at)
        for trouble in record.troubles
        for camera_id in trouble.blinds_camera_ids
    ]
    wrong = [
        alert
        for alert in record.alerts
        if alert.kind in STOCK_KINDS
        and any(since <= alert.opened_at < until and camera in alert.camera_ids for camera, since, until in blind)
    ]
    assert blind
    assert [alert.headline for alert in wrong] == []
