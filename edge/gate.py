# SPDX-License-Identifier: AGPL-3.0-or-later
"""Decides on a small grey picture whether a look is worth a detector run, and whether it may be trusted. Pure.

Difference on a reduced picture; still views are looked at again every so often; and a view of which much changes at
once is not believed before it has stayed so for a while (all three after Frigate's motion and stationary handling).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CHANGED_GREY = 18.0
"""A thumbnail pixel that differs by more has changed; noise is averaged out long before."""

WORTH_A_RUN_FRACTION = 0.0005
"""Changed share of the picture that calls for a detector run: a handful of thumbnail pixels, one small pack."""

MOVING_FRACTION = 0.06
"""Changed share between two looks that says somebody moves in the view."""

MUCH_FRACTION = 0.15
"""Changed share since the last trusted look that could as well be somebody standing there."""

STILL_RUN_EVERY = 20
"""A still view is shown to the detector again every so many looks."""


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What to do with one look."""

    worth_a_run: bool
    """The detector should see it."""
    trusted: bool
    """Nobody stands or moves in the view, as far as a thumbnail can tell."""
    obstructed_s: float
    """For how long the view has not been trusted."""


@dataclass(slots=True)
class ChangeGate:
    """Remembers the previous thumbnail and the last trusted one. With `is_live` false every picture is trusted."""

    is_live: bool
    settle_s: float = 15.0
    """How long a much changed view must hold still before it is believed."""
    _previous: NDArray[np.uint8] | None = None
    _trusted: NDArray[np.uint8] | None = None
    _looks_since_run: int = 0
    _untrusted_since_s: float | None = None
    _still_since_s: float = field(default=0.0)

    def judge(self, thumbnail: NDArray[np.uint8], monotonic_s: float, *, wanted: bool) -> GateVerdict:
        """Take one look's grey thumbnail. `wanted`: the caller asks for a detector run whatever changed."""
        moved = changed_fraction(self._previous, thumbnail)
        since_trusted = changed_fraction(self._trusted, thumbnail)
        first = self._trusted is None
        self._previous = thumbnail
        if self.is_live and not first and not self._believable(moved, since_trusted, monotonic_s):
            if self._untrusted_since_s is None:
                self._untrusted_since_s = monotonic_s
            return GateVerdict(worth_a_run=False, trusted=False, obstructed_s=monotonic_s - self._untrusted_since_s)
        self._untrusted_since_s = None
        self._looks_since_run += 1
        worth_a_run = (
            wanted or first or since_trusted > WORTH_A_RUN_FRACTION or self._looks_since_run >= STILL_RUN_EVERY
        )
        if worth_a_run:
            self._trusted = thumbnail
            self._looks_since_run = 0
        return GateVerdict(worth_a_run=worth_a_run, trusted=True, obstructed_s=0.0)

    @property
    def still_looks_count(self) -> int:
        """Looks at an unchanged view until the detector sees it again."""
        return max(1, STILL_RUN_EVERY - self._looks_since_run)

    def pass_over(self, looks_count: int) -> None:
        """Account for looks that a simulation left out, as nothing had changed."""
        self._looks_since_run += looks_count

    def forget(self) -> None:
        """Begin anew, as after a new calibration."""
        self._previous = self._trusted = self._untrusted_since_s = None
        self._looks_since_run = 0

    def _believable(self, moved: float, since_trusted: float, monotonic_s: float) -> bool:
        if moved > MOVING_FRACTION or self._untrusted_since_s is None:
            self._still_since_s = monotonic_s
        if moved > MOVING_FRACTION:
            return False
        return since_trusted <= MUCH_FRACTION or monotonic_s - self._still_since_s >= self.settle_s


def changed_fraction(before: NDArray[np.uint8] | None, after: NDArray[np.uint8]) -> float:
    """Share of pixels that changed beside a common change of brightness; 1 when nothing can be compared."""
    if before is None or before.shape != after.shape:
        return 1.0
    difference = after.astype(np.float32) - before
    return float((np.abs(difference - np.median(difference)) > CHANGED_GREY).mean())
