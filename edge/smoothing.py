# SPDX-License-Identifier: AGPL-3.0-or-later
"""Only verified changes are told: a state stands when three looks in a row agree on it. Pure; time is an argument.

More than two different states within five looks is no state at all: the place is unsettled, and nothing is claimed. Nor
is what was told before claimed on, when none of five looks saw it. (The first rule is that of Retail-Shelf-Monitoring's
temporal consensus.)

What is wrong with packs makes no state of its own: of looks that agree on the count, the fewest defects and the fewest
misplaced packs that all of them saw are told.
"""

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from contract.counts import DefectKind, FacingsDistribution, UnknownReason
from edge.counting import ZoneReading
from edge.facings import mean_distribution, shared_probability

CONFIRM_LOOKS = 3
WINDOW_LOOKS = 5
MOST_STATES = 2

STALE_AFTER_S = 300.0
"""Looks that lie further apart say nothing about each other."""

ALIKE_SHARE = 0.1
"""Counts that differ by at most this share are one state: one more or less among twenty is the detector's noise."""

ALIKE_PROBABILITY = 0.6
"""Two looks that share so much probability do not contradict each other: a box in doubt unsettles no shelf."""


Kind = TypeVar("Kind", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a place is said to be: facings with their gaps, or the reason why nothing can be said."""

    facings: FacingsDistribution | None
    gap_facings: float = 0.0
    reason: UnknownReason | None = None
    occluded_fraction: float = 0.0
    defects: Mapping[DefectKind, int] = field(default_factory=dict)
    misplaced: Mapping[str, int] | None = None

    @classmethod
    def of(cls, reading: ZoneReading) -> "Outlook":
        """The outlook of a single look."""
        return cls(
            reading.facings,
            reading.gap_facings,
            reading.reason,
            reading.occluded_fraction,
            reading.defects,
            reading.misplaced,
        )

    def is_alike(self, other: "Outlook") -> bool:
        """Whether both are the same state."""
        if self.facings is None or other.facings is None:
            return self.facings is other.facings and self.reason is other.reason
        first_count, second_count = self.facings.mode_count, other.facings.mode_count
        return abs(first_count - second_count) <= int(ALIKE_SHARE * max(first_count, second_count))

    def has_flags_of(self, other: "Outlook") -> bool:
        """Whether both say the same of what is wrong with packs."""
        return (self.defects, self.misplaced) == (other.defects, other.misplaced)

    def may_be(self, other: "Outlook") -> bool:
        """Whether both could be looks at one unchanged shelf, given how sure each is of its count."""
        if self.facings is None or other.facings is None:
            return self.is_alike(other)
        return self.is_alike(other) or shared_probability(self.facings, other.facings) >= ALIKE_PROBABILITY


SEEN_VIEW = Outlook(FacingsDistribution.certain(0))
"""The outlook of a whole view that can be used; its facings mean nothing."""

UNSETTLED = Outlook(None, reason=UnknownReason.UNSETTLED)


class Consensus:
    """The looks at one place, and what they agree on."""

    def __init__(self) -> None:
        self._looks: deque[Outlook] = deque(maxlen=WINDOW_LOOKS)
        self._last_s: float | None = None
        self.verified: Outlook | None = None
        """What is told; None before anything was ever verified."""

    def take(self, outlook: Outlook, monotonic_s: float) -> None:
        """Take one look."""
        if self._last_s is not None and monotonic_s - self._last_s > STALE_AFTER_S:
            self._looks.clear()
        self._last_s = monotonic_s
        self._looks.append(outlook)
        agreeing = self._agreeing()
        if len(agreeing) >= CONFIRM_LOOKS:
            self.verified = _merged(agreeing)
        elif self._states_count() > MOST_STATES:
            self.verified = UNSETTLED
        elif len(self._looks) == WINDOW_LOOKS and not self._is_supported():
            one_state = self._states_count() == 1  # in doubt by one pack, but five looks do not contradict each other
            self.verified = _merged(list(self._looks)) if one_state else UNSETTLED

    @property
    def is_undecided(self) -> bool:
        """Whether the newest look disagrees with what is told, so that looking again soon is worth it."""
        if self.verified is None or not self._looks or not self._looks[-1].is_alike(self.verified):
            return True
        return not self._looks[-1].has_flags_of(self.verified)

    def _is_supported(self) -> bool:
        """Whether any look could be one at what is told; what none of them saw must not be told on."""
        told = self.verified
        return told is not None and any(look.may_be(told) for look in self._looks)

    def _agreeing(self) -> list[Outlook]:
        """The newest looks that agree with the newest one, without a break."""
        agreeing: list[Outlook] = []
        for look in reversed(self._looks):
            if not look.is_alike(self._looks[-1]):
                break
            agreeing.append(look)
        return agreeing[:CONFIRM_LOOKS]

    def _states_count(self) -> int:
        states: list[Outlook] = []
        for look in self._looks:
            if not any(look.may_be(state) for state in states):
                states.append(look)
        return len(states)


def _merged(looks: list[Outlook]) -> Outlook:
    """One outlook from several that agree: the mixture of their distributions, the means of the rest."""
    occluded_fraction = sum(look.occluded_fraction for look in looks) / len(looks)
    seen = [look.facings for look in looks if look.facings is not None]
    if not seen:
        return replace(looks[0], occluded_fraction=occluded_fraction)
    gap_facings = sum(look.gap_facings for look in looks) / len(looks)
    asked = [look.misplaced for look in looks if look.misplaced is not None]
    return Outlook(
        mean_distribution(seen),
        gap_facings,
        occluded_fraction=occluded_fraction,
        defects=_seen_by_all([look.defects for look in looks]),
        misplaced=_seen_by_all(asked) if len(asked) == len(looks) else None,
    )


def _seen_by_all(counts: Sequence[Mapping[Kind, int]]) -> dict[Kind, int]:
    """The fewest of each kind in any look, kinds that one did not see left out."""
    return {kind: min(one.get(kind, 0) for one in counts) for kind in counts[0] if all(one.get(kind) for one in counts)}
