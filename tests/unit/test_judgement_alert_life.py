# SPDX-License-Identifier: AGPL-3.0-or-later
"""The life of alerts, whatever is observed and in whatever rhythm."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from server.alert_plan import decide
from server.alert_state import Move, Suspicion, muted, step
from server.discrepancy import (
    AlertKey,
    AlertTiming,
    Discrepancy,
    Kind,
    Observation,
    PlaceKind,
    Severity,
    Verdict,
    absent,
    present,
    unjudged,
)
from server.judgement_settings import JudgeSettings

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TIMING = AlertTiming(open_after=timedelta(seconds=60), close_after=timedelta(seconds=30))
SETTINGS = JudgeSettings()

waits_s = st.integers(0, 200)
looks = st.lists(st.tuples(st.sampled_from(Verdict), waits_s), max_size=60)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def lived(observed: Sequence[tuple[Verdict, int]]) -> tuple[Suspicion | None, list[Move], datetime]:
    suspicion, moves, now = None, [], NOW
    for verdict, wait_s in observed:
        now += timedelta(seconds=wait_s)
        suspicion, move = step(suspicion, verdict, now, TIMING)
        moves.append(move)
    return suspicion, moves, now


@given(looks)
def test_openings_and_closings_take_turns(observed: list[tuple[Verdict, int]]) -> None:
    suspicion, moves, _ = lived(observed)
    turns = [move for move in moves if move is not Move.STAY]
    assert all(move is (Move.OPEN, Move.CLOSE)[i % 2] for i, move in enumerate(turns))
    assert (suspicion is not None and suspicion.is_open) == (len(turns) % 2 == 1)


@given(looks)
def test_the_same_look_twice_changes_nothing_more(observed: list[tuple[Verdict, int]]) -> None:
    suspicion, now = None, NOW
    for verdict, wait_s in observed:
        now += timedelta(seconds=wait_s)
        suspicion, _ = step(suspicion, verdict, now, TIMING)
        again, move = step(suspicion, verdict, now, TIMING)
        assert (again, move) == (suspicion, Move.STAY)


@given(looks)
def test_no_sight_neither_opens_nor_closes(observed: list[tuple[Verdict, int]]) -> None:
    suspicion, _, now = lived(observed)
    was_open = suspicion is not None and suspicion.is_open
    for wait_s in (0, 1, 3600, 86400):
        now += timedelta(seconds=wait_s)
        suspicion, move = step(suspicion, Verdict.UNJUDGED, now, TIMING)
        assert move is Move.STAY
        assert (suspicion is not None and suspicion.is_open) == was_open


@given(looks)
def test_whatever_came_before_an_alert_that_stays_clear_closes_and_is_forgotten(
    observed: list[tuple[Verdict, int]],
) -> None:
    suspicion, _, now = lived(observed)
    _, _ = step(suspicion, Verdict.ABSENT, now, TIMING)
    suspicion, _ = step(suspicion, Verdict.ABSENT, now, TIMING)
    suspicion, _ = step(suspicion, Verdict.ABSENT, now + TIMING.close_after, TIMING)
    assert suspicion is None


@given(looks)
def test_whatever_came_before_a_cause_that_stays_present_is_open_in_time(observed: list[tuple[Verdict, int]]) -> None:
    suspicion, _, now = lived(observed)
    suspicion, _ = step(suspicion, Verdict.PRESENT, now, TIMING)
    suspicion, _ = step(suspicion, Verdict.PRESENT, now + TIMING.open_after, TIMING)
    assert suspicion is not None
    assert suspicion.is_open


@given(looks)
def test_nothing_opens_before_it_was_seen_for_long_enough(observed: list[tuple[Verdict, int]]) -> None:
    suspicion, now, seen_since_at, blind_since_at = None, NOW, None, None
    for verdict, wait_s in observed:
        now += timedelta(seconds=wait_s)
        if verdict is Verdict.ABSENT:
            seen_since_at = blind_since_at = None
        elif verdict is Verdict.UNJUDGED:
            blind_since_at = blind_since_at or now
        else:
            if seen_since_at is not None and blind_since_at is not None:
                seen_since_at += now - blind_since_at
            seen_since_at, blind_since_at = seen_since_at or now, None
        suspicion, move = step(suspicion, verdict, now, TIMING)
        if move is Move.OPEN:
            assert seen_since_at is not None
            assert now - seen_since_at >= TIMING.open_after


@given(looks, st.integers(0, 300))
def test_a_muted_cause_is_quiet_until_it_was_clear(observed: list[tuple[Verdict, int]], wait_s: int) -> None:
    suspicion: Suspicion | None = muted(Suspicion(since_at=NOW, is_open=True), NOW)
    now = NOW
    for verdict, pause_s in observed:
        if verdict is Verdict.ABSENT:
            continue
        now += timedelta(seconds=pause_s)
        suspicion, move = step(suspicion, verdict, now, TIMING)
        assert move is Move.STAY
        assert suspicion is not None
        assert suspicion.muted
    now += timedelta(seconds=wait_s)
    for moment in (now, now + TIMING.close_after):
        suspicion, move = step(suspicion, Verdict.ABSENT, moment, TIMING)
        assert move is Move.STAY
    assert suspicion is None


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    suspicion, _ = step(None, Verdict.PRESENT, at(0), TIMING)
    suspicion, _ = step(suspicion, Verdict.PRESENT, at(-7200), TIMING)
    _, move = step(suspicion, Verdict.PRESENT, at(-7200 + 60), TIMING)
    assert move is Move.OPEN


# --- several causes at one place ------------------------------------------------------------------------------------

RESTOCK = AlertKey(Kind.RESTOCK_FROM_BACK, PlaceKind.ZONE, "z1")
PHANTOM = AlertKey(Kind.PHANTOM_INVENTORY, PlaceKind.SKU, "TEA")
OUT = AlertKey(Kind.OUT_OF_STOCK, PlaceKind.SKU, "TEA")
KEYS = (RESTOCK, PHANTOM, OUT)


def found(key: AlertKey) -> Observation:
    return present(Discrepancy(key=key, severity=Severity.NORMAL, probability_fraction=0.9, headline="h", why=("w",)))


@st.composite
def views(draw: st.DrawFn) -> list[Observation]:
    """What one look may say about three causes that replace each other."""

    def verdicts(key: AlertKey) -> list[Observation]:
        heirs = [absent(key, "replaced", replaced_by=other) for other in KEYS if other != key]
        return [found(key), unjudged(key), absent(key, "clear"), *heirs]

    return [draw(st.sampled_from(verdicts(key))) for key in KEYS]


@given(st.lists(st.tuples(views(), waits_s), max_size=40))
def test_causes_that_replace_each_other_open_and_close_in_turn_and_all_end(
    observed: list[tuple[list[Observation], int]],
) -> None:
    remembered: dict[AlertKey, Suspicion] = {}
    now = NOW
    for observations, wait_s in observed:
        now += timedelta(seconds=wait_s)
        was_open = {key for key, suspicion in remembered.items() if suspicion.is_open}
        decisions = decide(observations, remembered, now, SETTINGS)
        assert len({decision.key for decision in decisions}) == len(decisions)
        for decision in decisions:
            assert (decision.move is Move.OPEN) <= (decision.key not in was_open and decision.discrepancy is not None)
            assert (decision.move is Move.CLOSE) <= (decision.key in was_open)
            by_key = {observation.key: observation for observation in observations}
            if by_key[decision.key].verdict is Verdict.UNJUDGED:
                assert decision.move is Move.STAY
        remembered = {decision.key: decision.suspicion for decision in decisions if decision.suspicion}
    for wait_s in (0, 3600):
        clear = [absent(key, "clear", replaced_by=RESTOCK if key != RESTOCK else None) for key in KEYS]
        now += timedelta(seconds=wait_s)
        decisions = decide(clear, remembered, now, SETTINGS)
        remembered = {decision.key: decision.suspicion for decision in decisions if decision.suspicion}
    assert remembered == {}


def test_what_is_replaced_stays_until_its_heir_is_told_so_nobody_reads_both_or_neither() -> None:
    remembered = {RESTOCK: Suspicion(since_at=at(-600), is_open=True)}
    open_counts = []
    for seconds in range(0, 121, 10):
        observed = [absent(RESTOCK, "nothing left", replaced_by=PHANTOM), found(PHANTOM)]
        decisions = decide(observed, remembered, at(seconds), SETTINGS)
        remembered = {decision.key: decision.suspicion for decision in decisions if decision.suspicion}
        open_counts.append(sum(suspicion.is_open for suspicion in remembered.values()))
    assert set(open_counts) == {1}
    assert remembered.keys() == {PHANTOM}


def test_what_is_replaced_by_a_cause_that_was_called_untrue_ends_by_itself() -> None:
    remembered = {
        RESTOCK: Suspicion(since_at=at(-600), is_open=True),
        PHANTOM: Suspicion(since_at=at(-600), muted=True),
    }
    for seconds in (0, 30):
        observed = [absent(RESTOCK, "nothing left", replaced_by=PHANTOM), found(PHANTOM)]
        decisions = decide(observed, remembered, at(seconds), SETTINGS)
        remembered = {decision.key: decision.suspicion for decision in decisions if decision.suspicion}
    assert remembered.keys() == {PHANTOM}


def test_a_place_that_is_gone_takes_its_alert_with_it() -> None:
    remembered = {RESTOCK: Suspicion(since_at=NOW, is_open=True), OUT: Suspicion(since_at=NOW)}
    decisions = decide([], remembered, at(1), SETTINGS)
    assert {(decision.key, decision.move, decision.suspicion) for decision in decisions} == {
        (RESTOCK, Move.CLOSE, None),
        (OUT, Move.STAY, None),
    }
