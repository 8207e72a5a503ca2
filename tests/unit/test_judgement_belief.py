# SPDX-License-Identifier: AGPL-3.0-or-later
"""The belief stays a distribution, its intervals stay in order, and more evidence moves it the right way."""

import math
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.counts import FacingsDistribution
from server.belief import Belief, OnHand, UnitsInterval, believe, implied_back_units, phantom_fraction
from server.judgement_settings import JudgeSettings, NoticeSettings, OpeningHours, open_seconds_between
from server.sight import Sureness, ZoneMemory, ZoneSight, answered, remember

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@st.composite
def distributions(draw: st.DrawFn) -> FacingsDistribution:
    weights = draw(st.lists(st.integers(0, 100), min_size=1, max_size=8).filter(any))
    probabilities = tuple(weight / sum(weights) for weight in weights)
    return FacingsDistribution(lowest_count=draw(st.integers(0, 6)), probabilities=probabilities)


@st.composite
def sights(draw: st.DrawFn) -> ZoneSight:
    expected_count = draw(st.integers(1, 12))
    return ZoneSight(
        zone_id=f"z{draw(st.integers(0, 99))}",
        camera_id="c1",
        sku="TEA",
        product_name="Tea",
        expected_facings_count=expected_count,
        minimum_facings_count=draw(st.integers(0, expected_count)),
        depth_units_count=draw(st.integers(1, 9)),
        facings=draw(st.none() | distributions()),
        looked_at=NOON,
    )


def books(units: int) -> OnHand:
    return OnHand("TEA", units, NOON, "test")


def believed(zones: list[ZoneSight], units: int | None) -> Belief:
    return believe(zones, None if units is None else books(units), interval_fraction=0.9, sure_fraction=0.9)


@given(st.lists(sights(), min_size=1, max_size=4), st.none() | st.integers(-50, 500))
def test_a_belief_is_a_distribution_with_ordered_intervals(zones: list[ZoneSight], units: int | None) -> None:
    belief = believed(zones, units)
    assert math.isclose(math.fsum(belief.facings), 1.0, abs_tol=1e-6)
    assert all(0 <= probability <= 1 + 1e-9 for probability in belief.facings)
    assert 0 <= belief.shelf_units.low_count <= belief.shelf_units.high_count
    assert (belief.back_units is None) == (units is None)
    if units is not None and belief.back_units is not None:
        assert 0 <= belief.back_units.low_count <= belief.back_units.high_count <= max(0, units)
    assert belief.complete == all(zone.facings is not None for zone in zones)
    falling = [belief.more_than_fraction(count) for count in range(-1, len(belief.facings) + 1)]
    assert all(earlier >= later for earlier, later in pairwise(falling))


@given(st.lists(sights(), min_size=1, max_size=3), st.integers(-20, 200), st.integers(0, 50))
def test_more_in_the_books_never_means_less_in_the_back(zones: list[ZoneSight], units: int, more: int) -> None:
    less_back, more_back = believed(zones, units).back_units, believed(zones, units + more).back_units
    assert less_back is not None
    assert more_back is not None
    assert more_back.low_count >= less_back.low_count
    assert more_back.high_count >= less_back.high_count


@given(st.lists(sights(), min_size=1, max_size=3), sights())
def test_another_zone_never_takes_units_away(zones: list[ZoneSight], another: ZoneSight) -> None:
    one, two = believed(zones, None), believed([*zones, another], None)
    assert two.shelf_units.high_count >= one.shelf_units.high_count
    assert two.hides_at_most_count >= one.hides_at_most_count
    assert two.empty_fraction <= one.empty_fraction + 1e-9


@given(st.lists(distributions(), min_size=1, max_size=2), st.lists(st.integers(1, 6), min_size=2, max_size=2))
def test_the_interval_holds_the_truth_as_often_as_it_says(counts: list[FacingsDistribution], depths: list[int]) -> None:
    """Whatever stands behind each facing, one unit or a full row of them."""
    zones = [
        ZoneSight("z", "c1", "TEA", "Tea", 4, 1, depth, facings) for facings, depth in zip(counts, depths, strict=False)
    ]
    interval = believed(zones, None).shelf_units
    for behind_full in (False, True):
        inside = 0.0
        for chances in _joint(zones):
            units = sum(count * (zone.depth_units_count if behind_full else 1) for count, _, zone in chances)
            chance = math.prod(probability for _, probability, _ in chances)
            inside += chance * (interval.low_count <= units <= interval.high_count)
        assert inside >= 0.9 - 1e-6


def _joint(zones: list[ZoneSight]) -> list[list[tuple[int, float, ZoneSight]]]:
    joint: list[list[tuple[int, float, ZoneSight]]] = [[]]
    for zone in zones:
        assert zone.facings is not None
        joint = [
            [*chances, (zone.facings.lowest_count + i, probability, zone)]
            for chances in joint
            for i, probability in enumerate(zone.facings.probabilities)
        ]
    return joint


def test_units_are_never_negative_or_reversed() -> None:
    for low_count, high_count in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError, match="no interval"):
            UnitsInterval(low_count, high_count)
    assert implied_back_units(-3, UnitsInterval(0, 0)) == UnitsInterval(0, 0)
    assert implied_back_units(10, UnitsInterval(2, 6)) == UnitsInterval(4, 8)


def test_a_zone_that_nobody_sees_may_hold_what_fits_into_it() -> None:
    unseen = ZoneSight("z1", "c1", "TEA", "Tea", 4, 1, 5)
    assert believed([unseen], 30).shelf_units == UnitsInterval(0, 20)


chance = st.floats(0.01, 0.49)


@given(chance, st.floats(0, 1e6), st.floats(0, 1e6), st.booleans(), st.booleans())
def test_phantom_grows_with_waiting_and_answers_and_falls_with_sales(
    prior: float,
    waited_s: float,
    more_s: float,
    sold: bool,  # noqa: FBT001 (hypothesis passes by name)
    none_found: bool,  # noqa: FBT001
) -> None:
    def fraction(waited_open_s: float, *, sold: bool = sold, none_found: bool = none_found) -> float:
        return phantom_fraction(
            prior_fraction=prior,
            waited_open_s=waited_open_s,
            patience_s=28800,
            sold_since_empty=sold,
            nobody_found_any=none_found,
        )

    assert 0 < fraction(waited_s) < 1
    assert fraction(waited_s + more_s) >= fraction(waited_s)
    assert fraction(waited_s, sold=True) <= fraction(waited_s, sold=False)
    assert fraction(waited_s, none_found=True) >= fraction(waited_s, none_found=False)
    assert fraction(0, sold=False, none_found=False) == pytest.approx(prior)
    assert fraction(28800, sold=False, none_found=False) == pytest.approx(0.5)


@given(sights())
def test_a_memory_knows_since_when_and_a_blind_look_leaves_it(sight: ZoneSight) -> None:
    memory = ZoneMemory("TEA", NOON - timedelta(hours=1), empty_since_at=NOON - timedelta(hours=1))
    after = remember(memory, sight, sure_fraction=0.9, clear_fraction=0.5)
    assert after is not None
    if sight.facings is None:
        assert after == memory
        return
    level = answered(sight.facings.probability_at_most(0), sure_fraction=0.9, clear_fraction=0.5)
    kept_at = None if level is Sureness.NO else memory.empty_since_at
    assert after.empty_since_at == kept_at
    assert remember(after, sight, sure_fraction=0.9, clear_fraction=0.5) == after, "the same look twice"


def test_leaving_low_is_a_refill_and_another_product_begins_anew() -> None:
    def sight(facings_count: int, minute: int, sku: str = "TEA") -> ZoneSight:
        looked_at = NOON + timedelta(minutes=minute)
        return ZoneSight(
            "z1", "c1", sku, "Tea", 4, 2, 5, FacingsDistribution.certain(facings_count), looked_at=looked_at
        )

    memory = None
    for minute, facings_count in enumerate((4, 1, 0, 0, 4)):
        memory = remember(memory, sight(facings_count, minute), sure_fraction=0.9, clear_fraction=0.5)
        if minute == 3:
            assert memory is not None
            assert memory.low_since_at == NOON + timedelta(minutes=1)
            assert memory.empty_since_at == NOON + timedelta(minutes=2)
    assert memory is not None
    assert (memory.low_since_at, memory.empty_since_at) == (None, None)
    assert memory.restocked_at == NOON + timedelta(minutes=4)
    other = remember(memory, sight(4, 5, sku="SOAP"), sure_fraction=0.9, clear_fraction=0.5)
    assert other is not None
    assert other.restocked_at is None


BERLIN = ZoneInfo("Europe/Berlin")
HOURS = OpeningHours(opens_at=time(8), closes_at=time(20), weekdays=frozenset(range(6)))


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-11-23T09:00+01:00", "2026-11-23T12:00+01:00", 3),
        ("2026-11-23T19:00+01:00", "2026-11-24T09:00+01:00", 2),
        ("2026-11-21T19:00+01:00", "2026-11-23T09:00+01:00", 2),  # closed on Sunday
        ("2026-11-23T21:00+01:00", "2026-11-24T07:00+01:00", 0),
        ("2026-10-24T19:00+02:00", "2026-10-26T09:00+01:00", 2),  # clocks went back on Sunday
        ("2026-11-23T12:00+01:00", "2026-11-23T11:00+01:00", 0),
    ],
)
def test_only_opening_time_counts(since: str, until: str, hours: float) -> None:
    seconds = open_seconds_between(datetime.fromisoformat(since), datetime.fromisoformat(until), HOURS, BERLIN)
    assert seconds == hours * 3600


def test_without_opening_hours_the_shop_is_always_open() -> None:
    assert open_seconds_between(NOON, NOON + timedelta(days=2), None, BERLIN) == 2 * 86400


@pytest.mark.parametrize(
    ("given_settings", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"sure_fraction": 0.5, "clear_fraction": 0.6}, "clear_fraction"),
        ({"patience_s": 0}, "patience_s"),
        ({"prior_phantom_fraction": 0.5}, "prior_phantom_fraction"),
        ({"opening_hours": {"opens_at": "20:00", "closes_at": "08:00"}}, "closes_at"),
        ({"restock_from_back": {"open_after_s": -1, "close_after_s": 1}}, "open_after_s"),
        ({"basket_lag": 3}, "basket_lag"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(given_settings: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        JudgeSettings.model_validate(given_settings)


def test_a_fault_in_the_recipients_does_not_print_their_urls() -> None:
    with pytest.raises(ValidationError) as caught:
        NoticeSettings.model_validate({"recipients": {"kim": {"url": "ntfy://hush/t", "wen": "all"}}})
    assert "hush" not in str(caught.value)
    with pytest.raises(ValidationError, match="pattern"):
        NoticeSettings.model_validate({"recipients": {"ntfy://hush/t": {"url": "ntfy://x/t"}}})


def test_the_wait_between_attempts_doubles_up_to_a_bound() -> None:
    waits_s = [NoticeSettings().retry_after(count).total_seconds() for count in (1, 2, 3, 4, 50)]
    assert waits_s == [5, 10, 20, 40, 900]


def test_the_documentation_names_every_setting() -> None:
    document = (Path(__file__).parents[2] / "docs" / "reconciliation.md").read_text(encoding="utf-8")
    names = {*JudgeSettings.model_fields, *NoticeSettings.model_fields} - {"per_round_count"}
    assert [name for name in sorted(names) if f"`{name}`" not in document] == []
