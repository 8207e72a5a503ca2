# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the verdicts of one look to what happens to every alert. Pure; `judge` writes it down."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from server.alert_state import Move, Suspicion, step
from server.discrepancy import AlertKey, Discrepancy, Observation, Verdict
from server.judgement_settings import JudgeSettings


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one key."""

    key: AlertKey
    suspicion: Suspicion | None
    """To be remembered; None to be forgotten."""
    move: Move
    discrepancy: Discrepancy | None = None
    """What is wrong, where it is present."""
    because: str = ""
    """Why it closes."""


PLACE_GONE = "its place is no longer in the plan"


def decide(
    observations: Iterable[Observation],
    suspicions: Mapping[AlertKey, Suspicion],
    now: datetime,
    settings: JudgeSettings,
) -> list[Decision]:
    """One decision for every key that is present or remembered.

    A remembered key that nobody judged any more lies outside the plan and ends. An absent cause that another one
    replaces waits until that one is open and then ends at once.
    """
    by_key = {observation.key: observation for observation in observations}
    decisions = {
        key: _decided(by_key[key], suspicion, now, settings)
        for key, suspicion in _concerned(by_key, suspicions)
        if by_key[key].replaced_by is None
    }
    for key, suspicion in _concerned(by_key, suspicions):
        heir_key = by_key[key].replaced_by
        if heir_key is not None:
            heir = decisions.get(heir_key)
            decisions[key] = _replaced(by_key[key], suspicion, heir, now, settings)
    for key in suspicions.keys() - by_key.keys():
        move = Move.CLOSE if suspicions[key].is_open else Move.STAY
        decisions[key] = Decision(key, None, move, because=PLACE_GONE)
    return list(decisions.values())


def _concerned(
    by_key: Mapping[AlertKey, Observation], suspicions: Mapping[AlertKey, Suspicion]
) -> Iterable[tuple[AlertKey, Suspicion | None]]:
    for key, observation in by_key.items():
        suspicion = suspicions.get(key)
        if suspicion is not None or observation.verdict is Verdict.PRESENT:
            yield key, suspicion


def _decided(observation: Observation, suspicion: Suspicion | None, now: datetime, settings: JudgeSettings) -> Decision:
    found = observation.discrepancy
    timing = settings.timing(observation.key.kind, open_after_s=found.open_after_s if found else None)
    after, move = step(suspicion, observation.verdict, now, timing)
    return Decision(observation.key, after, move, observation.discrepancy, observation.because)


def _replaced(
    observation: Observation, suspicion: Suspicion | None, heir: Decision | None, now: datetime, settings: JudgeSettings
) -> Decision:
    """`heir` is what becomes of the cause that replaces this one; None while nothing points to it."""
    heir_state = heir.suspicion if heir else None
    if suspicion is not None and suspicion.is_open and heir_state is not None and not heir_state.muted:
        if heir_state.is_open:
            return Decision(observation.key, None, Move.CLOSE, because=observation.because)
        observation = replace(observation, verdict=Verdict.UNJUDGED)
    return _decided(observation, suspicion, now, settings)
