# SPDX-License-Identifier: AGPL-3.0-or-later
"""World time in less real time: both directions agree, nights pass quickly, patience shrinks with the speed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import BrokerConfig, CameraConfig, NodeConfig
from server.judgement_settings import JudgeSettings, OpeningHours, open_seconds_between
from simulator.rig.compression import (
    CLOSED_SPEED_FACTOR,
    FixedPatience,
    NodePace,
    WorldClock,
    fixed_notes,
    hurried_judge,
    look_floor_s,
    node_pace,
    speed_carried,
    world_clock,
)

BEGAN_AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
OPEN_SPANS = [(MONDAY + timedelta(days=day, hours=8), MONDAY + timedelta(days=day, hours=20)) for day in range(3)]


def clock_of(speed: float, events_at: tuple[datetime, ...] = ()) -> WorldClock:
    return world_clock(
        began_at=BEGAN_AT,
        opened_at=MONDAY + timedelta(hours=8),
        ended_at=MONDAY + timedelta(days=2, hours=20),
        open_spans=OPEN_SPANS,
        events_at=events_at,
        speed=speed,
    )


@given(st.floats(1, 600), st.floats(-100, 5000), st.floats(0, 5000))
def test_world_and_real_instants_belong_together_and_never_run_backwards(
    speed: float, first_min: float, later_min: float
) -> None:
    clock = clock_of(speed)
    earlier = MONDAY + timedelta(hours=8, minutes=first_min)
    later = earlier + timedelta(minutes=later_min)
    assert abs(clock.world_at(clock.real_at(earlier)) - earlier) < timedelta(milliseconds=20)
    assert clock.real_at(earlier) <= clock.real_at(later)


def test_a_run_begins_at_its_beginning_and_passes_at_its_speed() -> None:
    clock = clock_of(30)
    assert clock.world_at(BEGAN_AT) == MONDAY + timedelta(hours=8)
    assert clock.world_at(BEGAN_AT + timedelta(minutes=2)) == MONDAY + timedelta(hours=9)


def test_a_quiet_night_passes_quickly_and_the_next_day_at_the_usual_speed() -> None:
    clock = clock_of(30)
    closed_real = clock.real_at(MONDAY + timedelta(days=1, hours=8)) - clock.real_at(MONDAY + timedelta(hours=20))
    # 45 minutes at either end keep their speed, ten and a half hours between pass twenty times faster.
    assert closed_real == pytest.approx(
        timedelta(hours=1.5) / 30 + timedelta(hours=10.5) / (30 * CLOSED_SPEED_FACTOR), abs=timedelta(seconds=0.01)
    )
    day = clock.real_at(MONDAY + timedelta(days=1, hours=18)) - clock.real_at(MONDAY + timedelta(days=1, hours=9))
    assert day == timedelta(hours=9) / 30


def test_a_night_in_which_something_is_made_to_happen_keeps_its_speed_around_it() -> None:
    midnight = MONDAY + timedelta(days=1)
    clock = clock_of(30, events_at=(midnight,))
    around = clock.real_at(midnight + timedelta(minutes=30)) - clock.real_at(midnight - timedelta(minutes=30))
    assert around == timedelta(hours=1) / 30


@given(st.floats(8, 20), st.floats(0, 48), st.sampled_from([5.0, 30.0, 120.0]))
def test_real_waiting_is_opening_time_but_for_what_nights_add(from_h: float, waited_h: float, speed: float) -> None:
    """What an always open hub counts in real time stands for the opening time that a shop's hub would count."""
    clock = clock_of(speed)
    since_at = MONDAY + timedelta(hours=from_h)
    until_at = min(since_at + timedelta(hours=waited_h), MONDAY + timedelta(days=2, hours=20))
    hours = OpeningHours.model_validate({"opens_at": "08:00", "closes_at": "20:00"})
    open_s = open_seconds_between(since_at, until_at, hours, JudgeSettings().zone_info)
    counted_s = (clock.real_at(until_at) - clock.real_at(since_at)).total_seconds() * speed
    # An hour and a half of margin and half an hour of quick night for each of at most two nights.
    assert open_s - 1 <= counted_s <= open_s + 2 * (5400 + 10.5 * 3600 / CLOSED_SPEED_FACTOR) + 1


def test_every_patience_of_the_hub_is_divided_and_nothing_else_changes() -> None:
    usual = JudgeSettings(opening_hours=OpeningHours.model_validate({"opens_at": "08:00", "closes_at": "20:00"}))
    hurried, notes = hurried_judge(usual, speed=10, report_interval_s=1.0)
    assert hurried.patience_s == usual.patience_s / 10
    assert hurried.basket_lag_s == usual.basket_lag_s / 10
    assert hurried.silent_after_s == usual.silent_after_s / 10
    assert hurried.unrecorded_stock.open_after_s == usual.unrecorded_stock.open_after_s / 10
    assert hurried.view_lost.close_after_s == usual.view_lost.close_after_s / 10
    assert hurried.opening_hours is None
    assert hurried.sure_fraction == usual.sure_fraction
    assert hurried.basket_units_count == usual.basket_units_count
    assert notes == []


def test_no_silence_is_believed_while_reports_may_still_come() -> None:
    hurried, notes = hurried_judge(JudgeSettings(), speed=100, report_interval_s=4.0)
    assert hurried.silent_after_s > 3 * 4.0
    assert any("silent_after_s" in note for note in notes)


def pace(speed: float, least_look_s: float = 0.2) -> NodePace:
    camera = CameraConfig(camera_id="any", source="any")
    node = NodeConfig(node_id="any", state_dir=Path(), broker=BrokerConfig(host="any"), cameras=(camera,))
    return node_pace(
        node=node,
        camera=camera,
        keepalive_s=node.broker.keepalive_s,
        speed=speed,
        least_look_s=least_look_s,
        least_stall_s=4.0,
    )


def test_a_node_at_its_own_speed_keeps_the_products_own_patience() -> None:
    usual = pace(1)
    assert usual.settings["look_interval_s"] == 5.0
    assert usual.settings["report_interval_s"] == 60.0
    assert usual.camera_options["frozen_after_s"] == 60.0
    assert usual.keepalive_s == 30
    assert usual.notes == ()


@given(st.floats(1, 600), st.floats(0.05, 5))
def test_a_hurried_node_is_still_a_node_that_its_configuration_admits(speed: float, least_look_s: float) -> None:
    hurried = pace(speed, least_look_s)
    CameraConfig.model_validate({"camera_id": "any", "source": "any", **hurried.camera_options})
    broker = {"host": "any", "keepalive_s": hurried.keepalive_s}
    document = {"node_id": "any", "state_dir": ".", "broker": broker, "cameras": [{"camera_id": "c", "source": "s"}]}
    NodeConfig.model_validate({**document, **hurried.settings})
    assert hurried.settings["look_interval_s"] >= least_look_s
    assert hurried.settings["report_interval_s"] >= hurried.settings["look_interval_s"]


def test_what_cannot_be_divided_further_is_told() -> None:
    assert any("look_interval_s is 60 s of the world instead of 5 s" in note for note in pace(60, 1.0).notes)
    [note] = fixed_notes([FixedPatience("the longest pause", 60.0)], 30)
    assert "the longest pause is 60 s of real time, 30 min of the world" in note


def test_twice_the_cameras_are_carried_at_half_the_speed() -> None:
    one = speed_carried(cameras_count=2, look_ms=100, cores_count=2)
    two = speed_carried(cameras_count=4, look_ms=100, cores_count=2)
    assert one == pytest.approx(2 * two)
    # Two cameras of 100 ms on two cores that are to be half free: a look of each every 0.2 s, 15 s of world time.
    assert look_floor_s(cameras_count=2, look_ms=100, cores_count=2) == pytest.approx(0.2)
    assert one == pytest.approx(75)
