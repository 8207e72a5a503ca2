# SPDX-License-Identifier: AGPL-3.0-or-later
"""Case by case: what the shelf and the books say, which cause follows, and in which words."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.counts import FacingsDistribution, UnknownReason
from server.alert_plan import decide
from server.alert_state import Move, Suspicion
from server.belief import OnHand
from server.discrepancy import STOCK_KINDS, AlertKey, Observation, Severity, Verdict
from server.judgement_settings import JudgeSettings, OpeningHours
from server.lost_view import CameraSight, NodeSight, judge_camera, judge_node
from server.reconcile import judge_sku
from server.sight import ZoneMemory, ZoneSight
from server.sku_case import SkuCase
from server.wording import clock_words, duration_words, view_words

NOW = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
EMPTIED_AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
SETTINGS = JudgeSettings()


def zone(
    facings: int | FacingsDistribution | None, *, zone_id: str = "z1", since_at: datetime = EMPTIED_AT, **more: Any
) -> ZoneSight:
    """Six facings expected, low below two, four units deep."""
    seen = FacingsDistribution.certain(facings) if isinstance(facings, int) else facings
    empty = seen is not None and seen.mode_count == 0
    low = seen is not None and seen.mode_count < 2
    memory = ZoneMemory("TEA", NOW, since_at if empty else None, since_at if low else None, more.get("restocked_at"))
    return ZoneSight(zone_id, "c1", "TEA", "Tea", 6, 2, 4, seen, None if seen else "black", NOW, memory)


def books(units: int, **more: Any) -> OnHand:
    return OnHand("TEA", units, NOW, "till", **more)


def judged(
    zones: list[ZoneSight],
    on_hand: OnHand | None,
    *,
    now: datetime = NOW,
    settings: JudgeSettings = SETTINGS,
    none_found_at: datetime | None = None,
) -> list[Observation]:
    return judge_sku(SkuCase("TEA", tuple(zones), on_hand, now, settings, none_found_at))


def present_kinds(observations: list[Observation]) -> list[str]:
    return [str(observation.key.kind) for observation in observations if observation.verdict is Verdict.PRESENT]


@dataclass
class Case:
    """One situation in the shop and the one thing a manager should hear about it; "" for nothing."""

    name: str
    zones: list[ZoneSight]
    books: OnHand | None
    kind: str
    words: str = ""
    more: dict[str, Any] = field(default_factory=dict)


LONG_AGO = NOW - timedelta(hours=9)

CASES = [
    Case("full and right", [zone(6)], books(20), ""),
    Case(
        "empty, books say there is stock",
        [zone(0)],
        books(14),
        "restock_from_back",
        "Books say 14 in the building; the shelf has been empty since 10:42. "
        "If the books are right, 14 units stand elsewhere: look in the back room.",
    ),
    Case(
        "empty, and one was sold long after",
        [zone(0)],
        books(14, last_sale_at=NOW - timedelta(minutes=5), sales_since_empty_count=1),
        "restock_from_back",
        "Books say 14 in the building; the shelf has been empty since 10:42. "
        "One was sold at 11:25, long after the shelf emptied, so there are some: look in the back room.",
    ),
    Case(
        "low, and the books hold more than can hide",
        [zone(1)],
        books(40),
        "restock_from_back",
        "Books say 40 in the building; the shelf has been down to 1 of 6 facings since 10:42, where at most 4 units "
        "can stand. If the books are right, 36 to 39 units stand elsewhere: look in the back room.",
    ),
    Case("low, but all of the books may hide behind it", [zone(1)], books(4), ""),
    Case("above the minimum", [zone(2)], books(40), ""),
    Case(
        "empty and the books agree",
        [zone(0)],
        books(0),
        "out_of_stock",
        "Books say 0 in the building; the shelf has been empty since 10:42. There is nothing to refill from.",
    ),
    Case(
        "empty and the books are below zero",
        [zone(0)],
        books(-3),
        "out_of_stock",
        "Books say -3: more was sold than was ever booked in; the shelf has been empty since 10:42. "
        "There should be nothing to refill from, and a delivery was not booked in: count it when it arrives.",
    ),
    Case(
        "empty beyond patience",
        [zone(0, since_at=LONG_AGO)],
        books(14),
        "phantom_inventory",
        "Books say 14 in the building, but the shelf has been empty since 02:30. "
        "In 9 hours of opening time nobody refilled it and none was sold. "
        "Count it once more and correct the books, or it will never be reordered.",
    ),
    Case(
        "empty for long, but one was sold lately",
        [zone(0, since_at=LONG_AGO)],
        books(14, last_sale_at=NOW - timedelta(hours=1), sales_since_empty_count=2),
        "restock_from_back",
    ),
    Case(
        "empty for long, but a delivery came lately",
        [zone(0, since_at=LONG_AGO)],
        books(14, last_receipt_at=NOW - timedelta(hours=1)),
        "restock_from_back",
    ),
    Case(
        "empty for long, but somebody corrected the books lately",
        [zone(0, since_at=LONG_AGO)],
        books(14, last_adjustment_at=NOW - timedelta(hours=1)),
        "restock_from_back",
    ),
    Case(
        "somebody looked and found none",
        [zone(0)],
        books(14),
        "phantom_inventory",
        "Books say 14 in the building, but the shelf has been empty since 10:42. "
        "Somebody looked in the back room at 11:00 and found none. "
        "Count it once more and correct the books, or it will never be reordered.",
        {"none_found_at": NOW - timedelta(minutes=30)},
    ),
    Case(
        "somebody found none, but then a delivery came",
        [zone(0)],
        books(14, last_receipt_at=NOW - timedelta(minutes=10)),
        "restock_from_back",
        more={"none_found_at": NOW - timedelta(minutes=30)},
    ),
    Case(
        "somebody found none, but then counted and corrected the books",
        [zone(0)],
        books(14, last_adjustment_at=NOW - timedelta(minutes=10)),
        "restock_from_back",
        more={"none_found_at": NOW - timedelta(minutes=30)},
    ),
    Case(
        "somebody found none for a low shelf",
        [zone(1)],
        books(40),
        "",
        more={"none_found_at": NOW - timedelta(minutes=30)},
    ),
    Case("just emptied, the last two may be in baskets", [zone(0, since_at=NOW - timedelta(minutes=5))], books(2), ""),
    Case("baskets have long reached the till", [zone(0)], books(2), "restock_from_back"),
    Case("just emptied, more than baskets hold", [zone(0, since_at=NOW)], books(9), "restock_from_back"),
    Case(
        "more on the shelf than in the books",
        [zone(6)],
        books(3),
        "unrecorded_stock",
        "Books say 3 in the building, but at least 6 units can be seen on the shelf. "
        "A delivery or a return was not booked in, or another product stands in its place: look, then correct.",
    ),
    Case("as many facings as units", [zone(6)], books(6), ""),
    Case("stock on the shelf, books below zero", [zone(3)], books(-2), "unrecorded_stock"),
    Case("books below zero and nothing there is no unrecorded stock", [zone(0)], books(-2), "out_of_stock"),
    Case("one zone empty, all may stand in the other", [zone(0), zone(5, zone_id="z2")], books(20), ""),
    Case(
        "one zone empty, more than the other can hold", [zone(0), zone(5, zone_id="z2")], books(21), "restock_from_back"
    ),
    Case("both zones together show too much", [zone(3), zone(4, zone_id="z2")], books(6), "unrecorded_stock"),
    Case("one zone empty, the other not seen, books small", [zone(0), zone(None, zone_id="z2")], books(20), ""),
    Case(
        "one zone empty, the other not seen, books too many for it",
        [zone(0), zone(None, zone_id="z2")],
        books(25),
        "restock_from_back",
    ),
    Case("one zone empty, the other not seen, books at zero", [zone(0), zone(None, zone_id="z2")], books(0), ""),
    Case("nothing seen", [zone(None)], books(14), ""),
    Case("nothing seen and no books", [zone(None)], None, ""),
    Case("full, no books", [zone(6)], None, ""),
    Case(
        "empty, no books",
        [zone(0)],
        None,
        "restock_from_back",
        "The shelf has been empty since 10:42. "
        "The books do not know TEA: look in the back room, and reorder if there is none.",
    ),
    Case(
        "a doubtful count",
        [zone(FacingsDistribution(lowest_count=0, probabilities=(0.6, 0.0, 0.1, 0.3)))],
        books(40),
        "",
    ),
    Case(
        "a doubtful count that is low either way",
        [zone(FacingsDistribution(lowest_count=0, probabilities=(0.4, 0.6)))],
        books(40),
        "restock_from_back",
        "Books say 40 in the building; the shelf has been down to 0 to 1 of 6 facings since 10:42, where at most "
        "4 units can stand. If the books are right, 36 to 40 units stand elsewhere: look in the back room.",
    ),
    Case(
        "a nearly certain count",
        [zone(FacingsDistribution(lowest_count=0, probabilities=(0.95, 0.05)))],
        books(14),
        "restock_from_back",
    ),
    Case(
        "many facings, but not surely more than the books",
        [zone(FacingsDistribution(lowest_count=5, probabilities=(0.2, 0.8)))],
        books(5),
        "",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_situation_one_cause_in_plain_words(case: Case) -> None:
    observations = judged(case.zones, case.books, **case.more)
    assert present_kinds(observations) == ([case.kind] if case.kind else [])
    for observation in observations:
        if observation.discrepancy is not None and case.words:
            assert " ".join(observation.discrepancy.why) == case.words


def test_only_opening_time_uses_up_patience() -> None:
    hours = JudgeSettings(opening_hours=OpeningHours(opens_at=time(8), closes_at=time(20)))
    overnight = [zone(0, since_at=datetime(2026, 11, 22, 19, 0, tzinfo=UTC))]
    assert present_kinds(judged(overnight, books(14))) == ["phantom_inventory"]
    assert present_kinds(judged(overnight, books(14), settings=hours)) == ["restock_from_back"]


def test_an_empty_shelf_is_urgent_and_a_low_one_is_not() -> None:
    severities = [
        observation.discrepancy.severity
        for facings in (0, 1)
        for observation in judged([zone(facings)], books(40))
        if observation.discrepancy
    ]
    assert severities == [Severity.URGENT, Severity.NORMAL]


def test_a_shelf_filled_only_half_way_up_does_not_end_its_alert() -> None:
    by_facings = {facings: judged([zone(facings)], books(40))[0].verdict for facings in range(7)}
    assert by_facings == {
        0: Verdict.PRESENT,
        1: Verdict.PRESENT,
        2: Verdict.UNJUDGED,
        3: Verdict.UNJUDGED,
        4: Verdict.ABSENT,
        5: Verdict.ABSENT,
        6: Verdict.ABSENT,
    }


facings_or_none = st.none() | st.integers(0, 8)


@given(st.lists(facings_or_none, min_size=1, max_size=3), st.none() | st.integers(-20, 60), st.integers(0, 48))
def test_at_most_one_story_is_told_about_a_product(facings: list[int | None], units: int | None, hours: int) -> None:
    zones = [zone(count, zone_id=f"z{i}", since_at=NOW - timedelta(hours=hours)) for i, count in enumerate(facings)]
    observations = judged(zones, None if units is None else books(units))
    told = set(present_kinds(observations))
    assert len(told) <= 1
    assert len({observation.key for observation in observations}) == len(observations)
    if all(count is None for count in facings):
        assert all(observation.verdict is Verdict.UNJUDGED for observation in observations)
    for observation in observations:
        if observation.discrepancy is not None:
            assert 0 < observation.discrepancy.probability_fraction <= 1
            assert all(sentence.endswith(".") for sentence in observation.discrepancy.why)
            assert observation.key.kind in STOCK_KINDS


# --- cameras and nodes ----------------------------------------------------------------------------------------------

LISTENING = NOW - timedelta(hours=1)


def camera(**more: Any) -> CameraSight:
    seen: dict[str, Any] = {
        "node_id": "n1",
        "view": "seen",
        "looked_at": NOW,
        "received_at": NOW,
        "zone_ids": ("z1", "z2"),
    }
    return CameraSight("c1", **(seen | more))


def seen_by(sight: CameraSight, *, listening_since_at: datetime | None = LISTENING) -> Observation:
    return judge_camera(sight, NOW, SETTINGS, node=None, listening_since_at=listening_since_at)


@pytest.mark.parametrize("reason", list(UnknownReason))
def test_every_reason_of_a_lost_view_has_words(reason: UnknownReason) -> None:
    observation = seen_by(camera(view="unknown", view_reason=reason.value))
    assert observation.discrepancy is not None
    assert observation.discrepancy.headline == "Camera c1 cannot see its shelf"
    assert observation.discrepancy.why[1] == "Not watched meanwhile: z1 and z2."
    assert view_words(reason) != view_words(None)
    assert all(sentence[-1] in ".?" and sentence[-2].isalpha() for sentence in observation.discrepancy.why[:1])


def test_a_camera_that_sees_is_fine_and_one_that_lost_a_zone_for_good_is_not() -> None:
    assert seen_by(camera()).verdict is Verdict.ABSENT
    moved = seen_by(camera(zone_reasons=(("z1", "out_of_view"),)))
    assert moved.discrepancy is not None
    assert moved.discrepancy.why[0].startswith("It does not see z1")


def test_a_silent_camera_is_lost_only_if_we_were_listening() -> None:
    long_ago = camera(received_at=NOW - timedelta(minutes=10), looked_at=NOW - timedelta(minutes=10))
    assert seen_by(long_ago).verdict is Verdict.PRESENT
    assert seen_by(long_ago, listening_since_at=None).verdict is Verdict.UNJUDGED
    assert seen_by(long_ago, listening_since_at=NOW - timedelta(seconds=30)).verdict is Verdict.UNJUDGED
    assert seen_by(CameraSight("c1")).verdict is Verdict.PRESENT, "calibrated and never heard of"


def test_old_pictures_that_arrive_now_are_no_sight() -> None:
    late = seen_by(camera(looked_at=NOW - timedelta(hours=1)))
    assert late.discrepancy is not None
    assert late.discrepancy.why[0].startswith("Its newest picture is from 10:30")


@pytest.mark.parametrize(("state", "word"), [("lost", "lost"), ("stopped", "stopped"), ("online", "silent")])
def test_a_node_that_is_gone_takes_its_cameras_alerts_over(state: str, word: str) -> None:
    gone = NodeSight("n1", state, EMPTIED_AT, NOW - timedelta(minutes=10), ("c1", "c2"))
    node = judge_node(gone, NOW, SETTINGS, listening_since_at=LISTENING)
    assert node.discrepancy is not None
    assert node.discrepancy.headline == f"Node n1 is {word}"
    folded = judge_camera(camera(view="unknown", view_reason="black"), NOW, SETTINGS, node=node, listening_since_at=NOW)
    assert (folded.verdict, folded.replaced_by) == (Verdict.ABSENT, node.key)


def test_instants_and_durations_read_as_people_say_them() -> None:
    berlin = JudgeSettings(timezone="Europe/Berlin").zone_info
    assert clock_words(EMPTIED_AT, NOW, berlin) == "11:42"
    assert clock_words(EMPTIED_AT - timedelta(days=2), NOW, berlin) == "Sat 11:42"
    assert clock_words(EMPTIED_AT - timedelta(days=30), NOW, berlin) == "2026-10-24 12:42"
    assert [duration_words(seconds) for seconds in (45, 60, 119, 7100, 7200, 172800)] == [
        "45 seconds",
        "1 minute",
        "1 minute",
        "118 minutes",
        "2 hours",
        "2 days",
    ]


@pytest.mark.parametrize(
    ("sight", "minutes"),
    [
        (camera(view="unknown", view_reason="covered"), 1),
        (camera(view="unknown", view_reason="occluded"), 10),
        (camera(zone_reasons=(("z1", "occluded"),)), 60),
    ],
)
def test_who_stands_in_the_way_is_given_time_to_leave_and_a_covered_lens_is_not(
    sight: CameraSight, minutes: int
) -> None:
    remembered: dict[AlertKey, Suspicion] = {}
    told_after = []
    for minute in range(90):
        decisions = decide([seen_by(sight)], remembered, NOW + timedelta(minutes=minute), SETTINGS)
        remembered = {decision.key: decision.suspicion for decision in decisions if decision.suspicion}
        told_after += [minute for decision in decisions if decision.move is Move.OPEN]
    assert told_after == [minutes]
