# SPDX-License-Identifier: AGPL-3.0-or-later
"""The life of one alert as a pure state machine.

    (nothing) --present--> suspected --present for open_after--> open --absent for close_after--> (nothing)
    suspected --absent--> (nothing)
    open --answer "not true"--> muted --absent for close_after--> (nothing)

`unjudged` stops the clock: time that nobody saw counts neither towards opening nor towards closing.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from server.discrepancy import AlertTiming, Verdict


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What is remembered between two looks about one key that is suspected, open or muted."""

    since_at: datetime
    """Start of the present suspicion, moved on by the time nobody could judge."""
    clear_since_at: datetime | None = None
    """Start of the present absence, moved on in the same way; only while open or muted."""
    frozen_at: datetime | None = None
    """Since when nothing can be judged."""
    is_open: bool = False
    muted: bool = False
    """A person said that it is not true: say nothing more until the cause has been absent once."""


class Move(StrEnum):
    """What the step asks for."""

    STAY = "stay"
    OPEN = "open"
    CLOSE = "close"


def step(
    suspicion: Suspicion | None, verdict: Verdict, now: datetime, timing: AlertTiming
) -> tuple[Suspicion | None, Move]:
    """One look. Taking the same look twice changes nothing more, whatever the state."""
    if suspicion is None:
        if verdict is not Verdict.PRESENT:
            return None, Move.STAY
        suspicion = Suspicion(since_at=now)
    if verdict is Verdict.UNJUDGED:
        return (suspicion if suspicion.frozen_at else replace(suspicion, frozen_at=now)), Move.STAY
    suspicion = _thawed(suspicion, now)
    if verdict is Verdict.PRESENT:
        return _step_present(replace(suspicion, clear_since_at=None), now, timing)
    return _step_absent(suspicion, now, timing)


def muted(suspicion: Suspicion | None, now: datetime) -> Suspicion:
    """State after a person answered "not true"; the alert itself closes at once."""
    return replace(suspicion or Suspicion(since_at=now), is_open=False, muted=True, clear_since_at=None)


def _step_present(suspicion: Suspicion, now: datetime, timing: AlertTiming) -> tuple[Suspicion, Move]:
    if suspicion.is_open or suspicion.muted or now - suspicion.since_at < timing.open_after:
        return suspicion, Move.STAY
    return replace(suspicion, is_open=True), Move.OPEN


def _step_absent(suspicion: Suspicion, now: datetime, timing: AlertTiming) -> tuple[Suspicion | None, Move]:
    if not (suspicion.is_open or suspicion.muted):
        return None, Move.STAY
    clear_since_at = suspicion.clear_since_at or now
    if now - clear_since_at < timing.close_after:
        return replace(suspicion, clear_since_at=clear_since_at), Move.STAY
    return None, Move.CLOSE if suspicion.is_open else Move.STAY


def _thawed(suspicion: Suspicion, now: datetime) -> Suspicion:
    """Move the starts on by the frozen time; a clock that was set back must not make anybody wait for it."""
    since_at, clear_since_at = suspicion.since_at, suspicion.clear_since_at
    if suspicion.frozen_at is not None:
        blind = now - suspicion.frozen_at
        since_at += blind
        clear_since_at = clear_since_at + blind if clear_since_at else None
    return replace(
        suspicion,
        since_at=min(since_at, now),
        clear_since_at=min(clear_since_at, now) if clear_since_at else None,
        frozen_at=None,
    )
