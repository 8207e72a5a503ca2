# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scores of hand-made runs, whose right answer can be counted on the fingers."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.rig.scenario import Expectation, Scenario
from simulator.scoring.benchmark import Finished
from simulator.scoring.benchmark_tables import spread_words
from simulator.scoring.expectations import check
from simulator.scoring.matching import judge_alerts, judge_events
from simulator.scoring.record import (
    AlertRow,
    Mode,
    Presence,
    RunRecord,
    Sight,
    SkuTruth,
    Transport,
    Trouble,
    ZonePlace,
    ZoneSample,
    ZoneTruth,
)
from simulator.scoring.scores import Scores, score
from simulator.scoring.shares import Share, quantile
from simulator.scoring.true_events import EventKind, TrueEvent, true_events
from simulator.scoring.truth import Truth, full_again_count, low_below_count
from simulator.scoring.words import delay_words

OPENED_AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RESTOCK = EventKind.RESTOCK_FROM_BACK


def at(minutes: float) -> datetime:
    return OPENED_AT + timedelta(minutes=minutes)


def shelf(
    minutes: float,
    facings: int,
    *,
    zone: str = "cola",
    packs: int | None = None,
    units: int | None = None,
    misplaced: int = 0,
    defects: int = 0,
) -> ZoneTruth:
    return ZoneTruth(
        at=at(minutes),
        zone_id=zone,
        facings_count=facings,
        front_packs_count=facings if packs is None else packs,
        misplaced_count=misplaced,
        defects_count=defects,
        shelf_units_count=facings * 3 if units is None else units,
    )


def stock(
    minutes: float, *, back: int, books: int, shelf_units: int = 0, baskets: int = 0, sku: str = "COLA"
) -> SkuTruth:
    return SkuTruth(
        at=at(minutes),
        sku=sku,
        shelf_units_count=shelf_units,
        back_units_count=back,
        basket_units_count=baskets,
        book_units=books,
    )


def alert(
    minutes: float,
    closed: float | None,
    kind: str = "restock_from_back",
    place: str = "cola",
    *,
    place_kind: str = "zone",
    number: int = 1,
) -> AlertRow:
    return AlertRow(
        alert_id=f"a-{number}",
        kind=kind,
        place_kind=place_kind,
        place_id=place,
        sku="COLA" if place_kind in {"zone", "sku"} else None,
        zone_ids=("cola",),
        camera_ids=("cam",),
        opened_at=at(minutes),
        closed_at=None if closed is None else at(closed),
        headline="?",
    )


COLA = ZonePlace("cola", "COLA", "drinks", "cam", "node", expected_facings_count=6, minimum_facings_count=2)
TEA = ZonePlace("tea", "TEA", "breakfast", "cam-2", "node-2", expected_facings_count=4, minimum_facings_count=1)


def run(hours: float = 10, **parts: object) -> RunRecord:
    """A shop open all the time, one full zone with stock in the back, nothing said."""
    record = RunRecord(
        scenario="by-hand",
        store_id="hand",
        seed=1,
        mode=Mode.IN_PROCESS,
        sight=Sight.MODELLED,
        speed=0.0,
        opened_at=OPENED_AT,
        ended_at=at(hours * 60),
        open_spans=[(OPENED_AT, at(hours * 60))],
        sample_every_s=60.0,
        zones=[COLA],
        zone_truths=[shelf(0, 6)],
        sku_truths=[stock(0, back=12, books=30)],
    )
    for name, part in parts.items():
        setattr(record, name, part)
    return record


LOW_FROM_60_TO_120 = [shelf(0, 6), shelf(60, 1), shelf(90, 3), shelf(120, 5)]
"""Low below 2, full again from (2 + 6 + 1) // 2 = 4."""


def only(record: RunRecord, kind: EventKind) -> list[TrueEvent]:
    return [event for event in true_events(record) if event.kind is kind]


def test_low_and_full_again_are_the_planograms_numbers() -> None:
    assert (low_below_count(COLA), full_again_count(COLA)) == (2, 4)
    assert (low_below_count(replace(COLA, minimum_facings_count=0)), full_again_count(TEA)) == (1, 3)


def test_a_refill_is_due_from_low_until_full_again() -> None:
    (event,) = only(run(zone_truths=LOW_FROM_60_TO_120), RESTOCK)
    assert (event.since_at, event.until_at) == (at(60), at(120))
    assert (event.place_id, event.open_s, event.cut) == ("cola", 3600.0, False)


def test_a_refill_is_not_due_while_the_back_room_is_empty() -> None:
    skus = [stock(0, back=0, books=30), stock(80, back=5, books=30), stock(100, back=0, books=30)]
    (event,) = only(run(zone_truths=LOW_FROM_60_TO_120, sku_truths=skus), RESTOCK)
    assert (event.since_at, event.until_at) == (at(80), at(100))


def test_the_last_unit_in_a_basket_makes_a_stock_out_not_a_phantom() -> None:
    zones = [shelf(0, 6), shelf(60, 0, units=0)]
    skus = [
        stock(0, back=0, books=1, shelf_units=1),
        stock(60, back=0, books=1, baskets=1),
        stock(70, back=0, books=0),
    ]
    record = run(zone_truths=zones, sku_truths=skus)
    (event,) = only(record, EventKind.OUT_OF_STOCK)
    assert event.since_at == at(60)
    assert event.cut
    assert not only(record, EventKind.PHANTOM_INVENTORY)


def test_stolen_units_make_a_phantom_until_the_books_are_corrected() -> None:
    zones = [shelf(0, 6), shelf(60, 0, units=0)]
    skus = [stock(0, back=0, books=18), stock(60, back=0, books=18), stock(200, back=0, books=0)]
    record = run(zone_truths=zones, sku_truths=skus)
    (phantom,) = only(record, EventKind.PHANTOM_INVENTORY)
    (out,) = only(record, EventKind.OUT_OF_STOCK)
    assert (phantom.since_at, phantom.until_at, out.since_at) == (at(60), at(200), at(200))
    assert not only(record, RESTOCK)


def test_unrecorded_stock_is_more_facings_than_books() -> None:
    skus = [stock(0, back=0, books=6), stock(30, back=0, books=6, baskets=1), stock(50, back=0, books=9)]
    (event,) = only(run(sku_truths=skus), EventKind.UNRECORDED_STOCK)
    assert (event.since_at, event.until_at) == (at(30), at(50))


def test_misplaced_and_defective_are_counted_and_said_to_be_unalerted() -> None:
    zones = [shelf(0, 6), shelf(10, 5, packs=6, misplaced=1), shelf(40, 6), shelf(50, 6, defects=2)]
    scores = score(run(zone_truths=zones))
    assert scores.of(EventKind.MISPLACED).events_count == 1
    assert not scores.of(EventKind.MISPLACED).alerted
    assert scores.of(EventKind.DEFECTIVE).recall.fraction == 0.0
    assert scores.missed_events == ()


def test_camera_and_node_events_come_from_what_was_broken() -> None:
    troubles = [
        Trouble("cover", "cam", at(60), at(90), ("cam",)),
        Trouble("bump", "cam", at(80), at(100), ("cam",)),
        Trouble("power_cut", "node", at(200), at(230), ("cam",)),
        Trouble("power_cut", "broker", at(300), at(330), ("cam",)),
        Trouble("slow", "cam", at(400), at(430)),
    ]
    events = true_events(run(troubles=troubles))
    assert [(event.kind, event.place_id, event.since_at, event.until_at) for event in events] == [
        (EventKind.VIEW_LOST, "cam", at(60), at(100)),
        (EventKind.NODE_LOST, "node", at(200), at(230)),
    ]


def test_an_alert_in_time_is_right_and_its_delay_is_counted() -> None:
    scores = score(run(zone_truths=LOW_FROM_60_TO_120, alerts=[alert(62, 121)])).of(RESTOCK)
    assert (scores.recall.hits, scores.recall.of, scores.precision.fraction) == (1, 1, 1.0)
    assert (scores.delay_median_s, scores.alerts_per_event.fraction) == (120.0, 1.0)


def test_an_alert_that_lets_go_early_has_said_it_for_part_of_the_time() -> None:
    alerts = [alert(75, 90, number=1), alert(80, 85, number=2), alert(105, 200, number=3)]
    scores = score(run(zone_truths=LOW_FROM_60_TO_120, alerts=alerts)).of(RESTOCK)
    assert scores.recall.fraction == 1.0
    assert (scores.said_time.hits, scores.said_time.of) == (30 * 60, 60 * 60)
    closed = run(zone_truths=LOW_FROM_60_TO_120, alerts=alerts, open_spans=[(at(0), at(80))])
    assert score(closed).of(RESTOCK).said_time.fraction == 5 / 20


def test_an_alert_before_its_event_is_wrong_though_it_comes_true_while_it_stands() -> None:
    scores = score(run(zone_truths=LOW_FROM_60_TO_120, alerts=[alert(30, 121)])).of(RESTOCK)
    assert (scores.precision.fraction, scores.precision_sometime.fraction) == (0.0, 1.0)
    assert (scores.recall.fraction, scores.delays_s, scores.standing_count) == (1.0, (), 1)


@pytest.mark.parametrize(("opened_min", "right"), [(121.4, True), (121.6, False)])
def test_an_alert_is_right_until_ninety_seconds_after_its_event(opened_min: float, *, right: bool) -> None:
    record = run(zone_truths=LOW_FROM_60_TO_120, alerts=[alert(opened_min, 130)])
    (judged,) = judge_alerts(Truth(record), true_events(record))
    assert judged.right is right
    assert score(record).of(RESTOCK).recall.hits == 0, "it came when nobody could do anything about it any more"


def test_a_short_event_counts_for_the_second_recall_only() -> None:
    zones = [shelf(0, 6), shelf(60, 1), shelf(69, 6), shelf(100, 1), shelf(111, 6)]
    scores = score(run(zone_truths=zones)).of(RESTOCK)
    assert (scores.recall.of, scores.recall_all.of, scores.events_count) == (1, 2, 2)


def test_only_open_hours_make_an_event_long() -> None:
    record = run(zone_truths=LOW_FROM_60_TO_120, open_spans=[(at(0), at(65)), (at(118), at(600))])
    assert only(record, RESTOCK)[0].open_s == 7 * 60
    assert score(record).of(RESTOCK).recall.of == 0


def test_an_event_behind_a_covered_camera_is_set_aside_and_shown() -> None:
    record = run(zone_truths=LOW_FROM_60_TO_120, troubles=[Trouble("cover", "cam", at(50), at(121), ("cam",))])
    scores = score(record).of(RESTOCK)
    assert (scores.events_count, scores.unseen_count, scores.recall_all.of) == (1, 1, 0)
    part = run(zone_truths=LOW_FROM_60_TO_120, troubles=[Trouble("cover", "cam", at(50), at(110), ("cam",))])
    assert score(part).of(RESTOCK).recall.of == 1, "ten minutes of sight are enough to be asked for an answer"


def test_an_event_during_a_power_cut_of_the_hub_is_set_aside() -> None:
    record = run(zone_truths=LOW_FROM_60_TO_120, troubles=[Trouble("power_cut", "hub", at(50), at(121))])
    assert score(record).of(RESTOCK).unseen_count == 1


def test_the_right_place_under_the_wrong_name_is_told_from_both_sides() -> None:
    zones = [shelf(0, 6), shelf(60, 0, units=0)]
    skus = [stock(0, back=0, books=18)]
    scores = score(run(zone_truths=zones, sku_truths=skus, alerts=[alert(62, None)]))
    assert [(line.said, line.was, line.count) for line in scores.false_alerts] == [
        ("restock_from_back", "phantom_inventory", 1)
    ]
    assert [(line.said, line.was) for line in scores.missed_events] == [("restock_from_back", "phantom_inventory")]
    assert scores.of(EventKind.PHANTOM_INVENTORY).cut_missed_count == 1
    assert scores.wasted_walks_count == 1
    assert scores.wasted_walks_per_open_day == pytest.approx(1.2)


def test_flapping_is_alerts_per_event() -> None:
    alerts = [alert(62, 70, number=1), alert(75, 80, number=2), alert(85, 121, number=3)]
    scores = score(run(zone_truths=LOW_FROM_60_TO_120, alerts=alerts)).of(RESTOCK)
    assert (scores.alerts_per_event.fraction, scores.precision.hits, scores.delays_s) == (3.0, 3, (120.0,))


def test_a_wrong_alert_during_a_trouble_is_put_down_to_it() -> None:
    troubles = [
        Trouble("cover", "cam", at(60), at(90), ("cam",)),
        Trouble("cover", "cam-2", at(60), at(90), ("cam-2",)),
    ]
    alerts = [alert(70, 75, number=1), alert(94, 99, number=2), alert(96, 99, number=3)]
    scores = score(run(troubles=troubles, alerts=alerts, zones=[COLA, TEA]))
    (line,) = scores.troubles
    assert (line.kind, line.troubles_count, line.wrong_alerts_count, line.lasted_s) == ("cover", 2, 2, 1800.0)
    assert (scores.wrong_while_blind_count, scores.opened_while_blind_count) == (2, 1)


def test_count_errors_are_told_apart_by_who_stands_there() -> None:
    samples = [
        ZoneSample(at(1), "cola", "seen", 6.0),
        ZoneSample(at(2), "cola", "seen", 4.0),
        ZoneSample(at(3), "cola", "unknown", None, "occluded"),
        ZoneSample(at(4), "cola", "seen", 7.0),
    ]
    record = run(
        hours=4.5 / 60,
        zone_truths=[shelf(0, 5, packs=6, misplaced=1)],
        samples=samples,
        presences=[Presence("drinks", "shopper", 100.0, at(1.5), at(3.5), 1)],
    )
    counts = score(record).counts
    assert (counts.overall.samples_count, counts.overall.known_count) == (4, 3)
    assert counts.overall.unknown_fraction == 0.25
    assert counts.overall.mean_error_packs == pytest.approx((0 + 2 + 1) / 3)
    assert counts.overall.bias_packs == pytest.approx((0 - 2 + 1) / 3)
    assert counts.overall.mean_error_facings == pytest.approx((1 + 1 + 2) / 3)
    assert (counts.passed.known_count, counts.passed.mean_error_packs) == (1, 2.0)
    assert counts.free.mean_error_packs == 0.5
    assert counts.zones["cola"] == counts.overall


def test_a_number_given_while_blind_is_counted_apart_and_closed_hours_not_at_all() -> None:
    samples = [ZoneSample(at(m), "cola", "seen", 6.0) for m in (1, 61, 300)]
    record = run(
        samples=samples,
        sample_every_s=14400.0,
        open_spans=[(at(0), at(120))],
        troubles=[Trouble("cover", "cam", at(60), at(90), ("cam",))],
    )
    counts = score(record).counts
    assert (counts.overall.samples_count, counts.blind.known_count, counts.free.known_count) == (2, 1, 1)


def test_availability_states_its_denominators() -> None:
    second = replace(COLA, zone_id="cola-2")
    zones = [shelf(0, 6), shelf(2.5, 0), shelf(0, 6, zone="cola-2"), shelf(1.5, 0, zone="cola-2")]
    samples = [
        ZoneSample(at(1), "cola", "seen", 6.0),
        ZoneSample(at(1), "cola-2", "unknown", None),
        ZoneSample(at(2), "cola", "seen", 0.0),
        ZoneSample(at(2), "cola-2", "unknown", None),
        ZoneSample(at(3), "cola", "seen", 0.0),
        ZoneSample(at(3), "cola-2", "seen", 1.0),
        ZoneSample(at(4), "cola", "seen", 0.0),
        ZoneSample(at(4), "cola-2", "seen", 0.0),
    ]
    figures = score(run(4.5 / 60, zones=[COLA, second], zone_truths=zones, samples=samples)).availability
    assert (figures.pairs_count, figures.there_count) == (4, 2)
    assert (figures.known_count, figures.reported_there_count, figures.known_and_there_count) == (3, 2, 1)
    assert (figures.true_fraction, figures.known_fraction) == (0.5, 0.75)


def test_time_in_which_the_hub_could_not_be_asked_is_unknown() -> None:
    samples = [ZoneSample(at(m), "cola", "seen", 6.0) for m in (1, 2, 7, 8, 9)]
    counts = score(run(9.5 / 60, samples=samples)).counts
    assert (counts.overall.samples_count, counts.overall.known_count) == (9, 5)


def test_transport_and_notes_are_passed_on() -> None:
    scores = score(run(transport=Transport(100, 97, 2, 1), notes=["no toxiproxy here"]))
    assert (scores.transport.lost_count, scores.transport.doubled_count, scores.notes) == (2, 1, ("no toxiproxy here",))


def test_a_spread_says_over_how_many_runs_it_is() -> None:
    told = run(zone_truths=LOW_FROM_60_TO_120, alerts=[alert(62, 121)])
    late = run(zone_truths=LOW_FROM_60_TO_120, alerts=[alert(64, 121)])
    runs = [Finished("by-hand", seed, score(record), ()) for seed, record in enumerate((told, late, run()))]

    def delay_s(scores: Scores) -> float | None:
        return scores.of(RESTOCK).delay_median_s

    assert spread_words(runs, delay_s, delay_words) == "3.0 min (2.0 min to 4.0 min), of 2 of 3 runs"
    assert spread_words(runs[:2], delay_s, delay_words) == "3.0 min (2.0 min to 4.0 min)"
    assert spread_words(runs[2:], delay_s, delay_words) == "\N{EN DASH}"


def test_wilsons_interval() -> None:
    share = Share(hits=9, of=10)
    assert share.fraction == 0.9
    # By hand: middle (0.9 + 3.8415 / 20) / 1.38415, half 1.96 * sqrt(0.009 + 3.8415 / 400) / 1.38415.
    assert share.low_fraction == pytest.approx(0.5958, abs=1e-3)
    assert share.high_fraction == pytest.approx(0.9821, abs=1e-3)
    assert Share(hits=0, of=0).fraction is None


def test_p95_is_a_delay_that_occurred() -> None:
    assert quantile([float(n) for n in range(1, 21)], 0.95) == 19.0
    assert quantile([5.0], 0.95) == 5.0
    assert quantile([], 0.95) is None


def test_a_record_goes_to_json_and_back(tmp_path: Path) -> None:
    record = run(
        zone_truths=LOW_FROM_60_TO_120,
        alerts=[alert(62, None)],
        samples=[ZoneSample(at(1), "cola", "seen", 6.0)],
        troubles=[Trouble("cover", "cam", at(60), at(90), ("cam",))],
        presences=[Presence("drinks", "trolley", 100.0, at(1.5), at(3.5), 1)],
        transport=Transport(5, 4, 1),
        notes=["note"],
    )
    record.write(tmp_path / "record.json")
    assert RunRecord.read(tmp_path / "record.json") == record


def test_a_record_that_was_kept_can_still_be_scored() -> None:
    """The file was written when records were new; one that cannot be read any more makes kept benchmarks worthless."""
    record = RunRecord.read(Path(__file__).parents[1] / "golden" / "run_record.json")
    scores = score(record)
    assert (scores.of(RESTOCK).recall_all.hits, scores.of(RESTOCK).delays_s) == (1, (90.0,))
    assert (scores.counts.overall.samples_count, scores.counts.overall.known_count) == (4, 1)
    assert scores.transport.lost_count == 1


def test_a_packed_record_is_the_same(tmp_path: Path) -> None:
    record = run(alerts=[alert(62, None)])
    record.write(tmp_path / "record.json.gz")
    assert RunRecord.read(tmp_path / "record.json.gz") == record


def scenario(*expect: Expectation) -> Scenario:
    return Scenario(title="t", happens="h", expected="e", lasts=timedelta(hours=10), expect=expect)


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ({"kind": "restock_from_back", "place": "cola"}, True),
        ({"kind": "restock_from_back", "place": "COLA"}, True),
        ({"kind": "restock_from_back", "after": "1h", "within": "3m", "closes": True}, True),
        ({"kind": "restock_from_back", "after": "1h", "within": "1m"}, False),
        ({"kind": "restock_from_back", "after": "1h", "closes": False}, False),
        ({"kind": "restock_from_back", "place": "cola", "happens": False}, False),
        ({"kind": "restock_from_back", "after": "2h", "happens": False}, True),
        ({"kind": "view_lost", "happens": False}, True),
        ({"kind": "view_lost", "place": "cam"}, False),
        ({"kind": "view_lost", "place": "nowhere", "happens": False}, False),
        ({"kind": "misplaced"}, False),
    ],
)
def test_expectations(line: dict[str, object], *, holds: bool) -> None:
    record = run(zone_truths=LOW_FROM_60_TO_120, alerts=[alert(62, 121)])
    faults = check(scenario(Expectation.model_validate(line)), record)
    assert (not faults) is holds, faults
    assert all(str(line["kind"]) in fault for fault in faults)


@st.composite
def some_run(draw: st.DrawFn) -> RunRecord:
    minutes = st.integers(0, 600)
    zones = [shelf(0, 6), shelf(0, 4, zone="tea")]
    zones += [
        shelf(draw(minutes) + n / 100, facings, zone=draw(st.sampled_from(["cola", "tea"])), units=facings * 2)
        for n, facings in enumerate(draw(st.lists(st.integers(0, 6), max_size=12)), start=1)
    ]
    skus = [stock(0, back=3, books=20), stock(0, back=3, books=20, sku="TEA")]
    skus += [
        stock(
            draw(minutes) + n / 100,
            back=back,
            books=draw(st.integers(-3, 20)),
            baskets=draw(st.integers(0, 2)),
            sku=draw(st.sampled_from(["COLA", "TEA"])),
        )
        for n, back in enumerate(draw(st.lists(st.integers(0, 3), max_size=12)), start=1)
    ]
    alerts = []
    for n in range(draw(st.integers(0, 6))):
        opened = draw(minutes)
        kind = draw(st.sampled_from(["restock_from_back", "out_of_stock", "phantom_inventory", "view_lost"]))
        place_kind, place = {"restock_from_back": ("zone", "cola"), "view_lost": ("camera", "cam")}.get(
            kind, ("sku", "COLA")
        )
        alerts.append(
            alert(opened, draw(st.none() | st.just(opened + 20)), kind, place, place_kind=place_kind, number=n)
        )
    troubles = [
        Trouble(
            draw(st.sampled_from(["cover", "power_cut"])),
            draw(st.sampled_from(["node", "hub"])),
            at(since),
            at(since + 45),
            ("cam",),
        )
        for since in draw(st.lists(minutes, max_size=3))
    ]
    samples = [
        ZoneSample(at(m), zone, "seen" if count is not None else "unknown", count)
        for m in range(0, 600, 60)
        for zone in ("cola", "tea")
        for count in (draw(st.none() | st.integers(0, 7).map(float)),)
    ]
    return run(
        zones=[COLA, TEA],
        zone_truths=zones,
        sku_truths=skus,
        alerts=alerts,
        troubles=troubles,
        samples=samples,
        sample_every_s=3600.0,
    )


@settings(max_examples=60, deadline=None)
@given(some_run())
def test_every_share_is_between_nothing_and_all(record: RunRecord) -> None:
    scores = score(record)
    shares = [
        share for line in scores.kinds for share in (line.recall, line.recall_all, line.said_time, line.precision)
    ]
    assert all(0 <= share.hits <= share.of + 1e-6 for share in shares)
    assert all(line.recall.of <= line.recall_all.of <= line.events_count for line in scores.kinds)
    assert all(delay_s >= 0 for line in scores.kinds for delay_s in line.delays_s)
    counts = scores.counts
    assert counts.overall == counts.passed + counts.free + counts.blind


@settings(max_examples=60, deadline=None)
@given(some_run(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(record: RunRecord, luck: random.Random) -> None:
    before = score(record)
    for rows in (record.zone_truths, record.sku_truths, record.alerts, record.troubles, record.samples, record.zones):
        luck.shuffle(rows)
    assert score(record) == before


@settings(max_examples=60, deadline=None)
@given(some_run())
def test_a_system_that_tells_each_event_as_it_begins_is_perfect_and_a_silent_one_finds_nothing(
    record: RunRecord,
) -> None:
    events = true_events(record)
    record.alerts = [
        AlertRow(
            alert_id=f"ideal-{n}",
            kind=event.kind,
            place_kind=event.place_kind,
            place_id=event.place_id,
            sku=event.sku,
            zone_ids=event.zone_ids,
            camera_ids=event.camera_ids,
            opened_at=event.since_at,
            closed_at=event.until_at,
            headline="",
        )
        for n, event in enumerate(events)
    ]
    for line in score(record).kinds:
        assert line.precision.hits == line.precision.of == line.events_count
        assert line.recall.hits == line.recall.of
        assert line.recall_all.hits == line.recall_all.of
        assert line.said_time.hits == pytest.approx(line.said_time.of)
        assert set(line.delays_s) <= {0.0}
    assert score(record).wasted_walks_count == 0
    record.alerts = []
    for line in score(record).kinds:
        assert line.recall_all.hits == line.precision.of == 0


@settings(max_examples=60, deadline=None)
@given(some_run())
def test_whatever_is_wrong_or_missed_is_explained(record: RunRecord) -> None:
    truth, events = Truth(record), true_events(record)
    assert all(judged.why for judged in judge_events(truth, events))
    assert all(judged.why for judged in judge_alerts(truth, events))
