# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the judgement knows about one zone: its place in the planogram, the newest look, and since when it is empty."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from contract.counts import FacingsDistribution


@dataclass(frozen=True, slots=True)
class ZoneMemory:
    """What is kept of a zone's earlier looks."""

    sku: str
    looked_at: datetime
    """Newest look folded in; only looks that saw the zone are."""
    empty_since_at: datetime | None = None
    low_since_at: datetime | None = None
    restocked_at: datetime | None = None
    """When the zone last left low."""


@dataclass(frozen=True, slots=True)
class ZoneSight:
    """One zone now. Without `facings` the zone is not seen, and `unknown_reason` says why."""

    zone_id: str
    camera_id: str
    sku: str
    product_name: str
    expected_facings_count: int
    minimum_facings_count: int
    depth_units_count: int
    facings: FacingsDistribution | None = None
    unknown_reason: str | None = None
    looked_at: datetime | None = None
    memory: ZoneMemory | None = None

    @property
    def low_below_count(self) -> int:
        """Fewer facings than this are low; an empty zone always is."""
        return max(1, self.minimum_facings_count)

    @property
    def full_again_count(self) -> int:
        """From here on a zone that was low counts as filled: half way up, so that one pack more or less never flaps."""
        return max(self.low_below_count, (self.low_below_count + self.expected_facings_count + 1) // 2)

    @property
    def capacity_units_count(self) -> int:
        """Units that a zone nobody sees may hold: its place in the planogram, filled to the back."""
        return self.expected_facings_count * self.depth_units_count


class Sureness(StrEnum):
    """A question about a shelf, answered by a distribution and two thresholds."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


def answered(probability: float, *, sure_fraction: float, clear_fraction: float) -> Sureness:
    """Yes from `sure_fraction` on, no below `clear_fraction`."""
    if probability >= sure_fraction:
        return Sureness.YES
    return Sureness.NO if probability < clear_fraction else Sureness.UNSURE


def remember(
    memory: ZoneMemory | None, sight: ZoneSight, *, sure_fraction: float, clear_fraction: float
) -> ZoneMemory | None:
    """Fold a look into the memory. A look that saw nothing, or is not newer, leaves it as it is."""
    if sight.facings is None or sight.looked_at is None:
        return memory
    if memory is None or memory.sku != sight.sku:
        memory = ZoneMemory(sku=sight.sku, looked_at=sight.looked_at)
    elif sight.looked_at <= memory.looked_at:
        return memory
    thresholds = {"sure_fraction": sure_fraction, "clear_fraction": clear_fraction}
    empty = answered(sight.facings.probability_at_most(0), **thresholds)
    low = answered(sight.facings.probability_at_most(sight.low_below_count - 1), **thresholds)
    left_low = memory.low_since_at is not None and low is Sureness.NO
    return ZoneMemory(
        sku=sight.sku,
        looked_at=sight.looked_at,
        empty_since_at=_since(memory.empty_since_at, empty, sight.looked_at),
        low_since_at=_since(memory.low_since_at, low, sight.looked_at),
        restocked_at=sight.looked_at if left_low else memory.restocked_at,
    )


def _since(since_at: datetime | None, answer: Sureness, looked_at: datetime) -> datetime | None:
    match answer:
        case Sureness.YES:
            return since_at or looked_at
        case Sureness.NO:
            return None
        case Sureness.UNSURE:
            return since_at
