# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a new model may take an old one's place: only where it counts the golden frames at least as well. Pure.

The rule, over the checking frames, which chose nothing:

1. The facings miscounted in all zones together (sum of |counted - true|) are no more than the old model's.
2. No zone of a frame that the old model counted right is off by more than one facing.
3. Empty facings, where somebody counted them, are together no more than `GAP_TOLERANCE_FACINGS` a zone further off:
   a gap is measured, not counted, and wavers.
4. Defects miscounted, where somebody looked for them, are no more.
5. No frame in which the old model saw a shelf is none to the new one.

Anything else keeps the old model. Equal counts are enough, since a choice of thresholds has by then made the
distributions of the frames that chose truer, and a network of the same counts may be wanted for its size or its speed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.recounting import FrameTally, ZoneTally

GAP_TOLERANCE_FACINGS = 0.05
MOST_OFF_FACINGS = 1
"""How far a zone may be off that was right before."""
RESAMPLES_COUNT = 2000


@dataclass(frozen=True)
class ZoneLine:
    """One zone over all checking frames: facings that truly stood there and facings miscounted, old and new."""

    zone_id: str
    frames_count: int
    true_facings: int
    old_error: int
    new_error: int


@dataclass(frozen=True)
class Verdict:
    """What the gate says, with the figures behind it."""

    reasons: tuple[str, ...]
    """Why the old model stays; empty when the new one is accepted."""
    zones: tuple[ZoneLine, ...]
    frames_count: int
    true_facings: int
    old_error: int
    new_error: int
    change_low: float
    change_high: float
    """95 % interval of the change in miscounted facings, by resampling whole groups of frames."""
    old_gap_error: float
    new_gap_error: float
    old_defects_error: int
    new_defects_error: int

    @property
    def accepted(self) -> bool:
        """Whether the new model may take the old one's place."""
        return not self.reasons

    def as_row(self) -> dict[str, Any]:
        """For JSON."""
        figures = {name: value for name, value in vars(self).items() if name not in {"zones", "reasons"}}
        figures = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
        zones = [dict(vars(line)) for line in self.zones]
        return {"accepted": self.accepted, "reasons": list(self.reasons), **figures, "zones": zones}


def judge(old: Sequence[FrameTally], new: Sequence[FrameTally], groups: Sequence[str]) -> Verdict:
    """Compare two models on the same checking frames; `groups` tells which of them look alike."""
    pairs = [
        (before.picture, was, now)
        for before, after in zip(old, new, strict=True)
        for was, now in zip(before.zones, after.zones, strict=True)
    ]
    old_error, new_error = (sum(zone.facings_error for tally in side for zone in tally.zones) for side in (old, new))
    old_gaps, new_gaps = (sum(zone.gap_error for tally in side for zone in tally.zones) for side in (old, new))
    old_defects, new_defects = (
        sum(zone.defects_error for tally in side for zone in tally.zones) for side in (old, new)
    )
    reasons = []
    if new_error > old_error:
        reasons.append(f"{new_error} facings miscounted in all, {old_error} before")
    reasons += [
        f"{picture}, zone {now.zone_id}: {now.facings_count} counted, {now.truth.facings_count} stand there; "
        "before it was right"
        for picture, was, now in pairs
        if was.facings_error == 0 and now.facings_error > MOST_OFF_FACINGS
    ]
    gap_zones_count = sum(now.truth.gap_facings is not None for _, _, now in pairs)
    if new_gaps > old_gaps + GAP_TOLERANCE_FACINGS * gap_zones_count:
        reasons.append(f"empty facings are off by {new_gaps:.1f} in all, by {old_gaps:.1f} before")
    if new_defects > old_defects:
        reasons.append(f"{new_defects} defects miscounted, {old_defects} before")
    reasons += [
        f"{before.picture}: a node would no longer see a shelf"
        for before, after in zip(old, new, strict=True)
        if before.is_shelf and not after.is_shelf
    ]
    low, high = _change_interval(old, new, groups)
    return Verdict(
        reasons=tuple(reasons),
        zones=_zone_lines([(was, now) for _, was, now in pairs]),
        frames_count=len(old),
        true_facings=sum(now.truth.facings_count or 0 for _, _, now in pairs),
        old_error=old_error,
        new_error=new_error,
        change_low=low,
        change_high=high,
        old_gap_error=old_gaps,
        new_gap_error=new_gaps,
        old_defects_error=old_defects,
        new_defects_error=new_defects,
    )


def _zone_lines(pairs: list[tuple[ZoneTally, ZoneTally]]) -> tuple[ZoneLine, ...]:
    """Worst first, as the new model counts."""
    lines = []
    for zone_id in dict.fromkeys(now.zone_id for _, now in pairs):
        members = [(was, now) for was, now in pairs if now.zone_id == zone_id and now.truth.facings_count is not None]
        if members:
            lines.append(
                ZoneLine(
                    zone_id,
                    frames_count=len(members),
                    true_facings=sum(now.truth.facings_count or 0 for _, now in members),
                    old_error=sum(was.facings_error for was, _ in members),
                    new_error=sum(now.facings_error for _, now in members),
                )
            )
    return tuple(sorted(lines, key=lambda line: (-line.new_error, -line.old_error, line.zone_id)))


def _change_interval(
    old: Sequence[FrameTally], new: Sequence[FrameTally], groups: Sequence[str]
) -> tuple[float, float]:
    """Cluster bootstrap (Davison and Hinkley 1997, section 3.8) of the change, in facings over all checking frames."""
    changes: dict[str, float] = {}
    for before, after, group in zip(old, new, groups, strict=True):
        change = sum(zone.facings_error for zone in after.zones) - sum(zone.facings_error for zone in before.zones)
        changes[group] = changes.get(group, 0.0) + change
    each = np.array(list(changes.values()))
    drawn = np.random.default_rng(0).choice(each, size=(RESAMPLES_COUNT, len(each))).sum(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)
