# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is believed about one SKU: how surely its shelf is empty, and how many units may stand where, as intervals.

Nobody sees behind a facing: each of them stands for 1 to `depth` units. See docs/reconciliation.md for the limits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.sight import ZoneSight


@dataclass(frozen=True, slots=True)
class UnitsInterval:
    """Units lie between both ends, ends included."""

    low_count: int
    high_count: int

    def __post_init__(self) -> None:
        if not 0 <= self.low_count <= self.high_count:
            raise ValueError(f"units {self.low_count}..{self.high_count} are no interval")

    @property
    def words(self) -> str:
        """Such as "3 to 12 units", "no unit", "1 unit"."""
        if self.high_count == self.low_count:
            return {0: "no unit", 1: "1 unit"}.get(self.low_count, f"{self.low_count} units")
        return f"{self.low_count} to {self.high_count} units"


@dataclass(frozen=True, slots=True)
class OnHand:
    """What the books say about one SKU."""

    sku: str
    units: int
    """Sum of all movements; below zero when more was sold than was ever booked in."""
    as_of: datetime
    source: str
    last_sale_at: datetime | None = None
    last_receipt_at: datetime | None = None
    last_adjustment_at: datetime | None = None
    """When somebody last corrected the books: what they say since then has not been in doubt for longer."""
    sales_since_empty_count: int = 0
    """Units sold since all zones of the SKU are empty, baskets in between left out; 0 while one is not empty."""


@dataclass(frozen=True, slots=True)
class Belief:
    """One SKU over all of its zones. Zones that are not seen widen the interval up to their capacity."""

    facings: tuple[float, ...]
    """Probability of 0, 1, 2, ... facings over the zones that are seen; their doubts are taken as independent."""
    shelf_units: UnitsInterval
    hides_at_most_count: int
    """Units that may stand on the shelf at the most, as surely as decisions are made; 0 on a surely empty shelf."""
    back_units: UnitsInterval | None
    """What the books leave for anywhere but the shelf, were they right; None without books."""
    complete: bool
    """Every zone of the SKU is seen."""

    @property
    def empty_fraction(self) -> float:
        """P(not one facing in the zones that are seen)."""
        return self.facings[0]

    def more_than_fraction(self, facings_count: int) -> float:
        """P(more than `facings_count` facings are seen)."""
        return _clamped(math.fsum(self.facings[max(0, facings_count + 1) :]))

    def at_least_count(self, certain_fraction: float) -> int:
        """The most facings that stand there with at least this probability."""
        upto = 0
        while upto + 1 < len(self.facings) and self.more_than_fraction(upto) >= certain_fraction:
            upto += 1
        return upto


def believe(
    sights: Sequence[ZoneSight], on_hand: OnHand | None, *, interval_fraction: float, sure_fraction: float
) -> Belief:
    """Join all zones of one SKU.

    `interval_fraction` (0..1) is how often the shelf interval shall hold the truth, `sure_fraction` how often
    `hides_at_most_count` shall, both as far as counting doubts go.
    """
    facings: tuple[float, ...] = (1.0,)
    high_units_count = hides_at_most_count = 0
    tail = (1.0 - interval_fraction) / 2.0
    # Each zone gets its share of the doubt, so that the sum of the zones' bounds holds as often as one bound should.
    zone_share = 1.0 / max(1, sum(sight.facings is not None for sight in sights))
    for sight in sights:
        if sight.facings is None:
            high_units_count += sight.capacity_units_count
            hides_at_most_count += sight.capacity_units_count
            continue
        facings = _convolved(facings, zone_facings(sight))
        high_units_count += sight.facings.quantile_count(1.0 - tail * zone_share) * sight.depth_units_count
        sure_share = 1.0 - (1.0 - sure_fraction) * zone_share
        hides_at_most_count += sight.facings.quantile_count(sure_share) * sight.depth_units_count
    shelf_units = UnitsInterval(min(_quantile_count(facings, tail), high_units_count), high_units_count)
    return Belief(
        facings=facings,
        shelf_units=shelf_units,
        hides_at_most_count=hides_at_most_count,
        back_units=implied_back_units(on_hand.units, shelf_units) if on_hand else None,
        complete=all(sight.facings is not None for sight in sights),
    )


def zone_facings(sight: ZoneSight) -> tuple[float, ...]:
    """Probability of 0, 1, 2, ... facings in one zone that is seen; sums to one."""
    if sight.facings is None:
        raise ValueError(f"zone {sight.zone_id} is not seen")
    total = math.fsum(sight.facings.probabilities)
    return (0.0,) * sight.facings.lowest_count + tuple(p / total for p in sight.facings.probabilities)


def implied_back_units(book_units: int, shelf_units: UnitsInterval) -> UnitsInterval:
    """What the books leave beyond the shelf; nothing where the shelf alone may hold it all."""
    return UnitsInterval(max(0, book_units - shelf_units.high_count), max(0, book_units - shelf_units.low_count))


def phantom_fraction(
    *,
    prior_fraction: float,
    waited_open_s: float,
    patience_s: float,
    sold_since_empty: bool,
    nobody_found_any: bool,
) -> float:
    """P(the books' units do not exist), given that the shelf is empty and the books are above zero.

    Bayes in odds. Waiting: staff refill an empty shelf at a steady rate when they can, so the odds grow as
    prior_odds ** (1 - waited / patience), which is even odds once patience is over. A sale after the shelf emptied
    is twenty times likelier when there are units; a person who looked and found none is so when there are none.
    """
    log_odds = math.log(prior_fraction / (1.0 - prior_fraction)) * (1.0 - waited_open_s / patience_s)
    if sold_since_empty:
        log_odds -= math.log(_EVIDENCE_RATIO)
    if nobody_found_any:
        log_odds += math.log(_EVIDENCE_RATIO)
    return 1.0 / (1.0 + math.exp(-max(-_LOG_ODDS_BOUND, min(_LOG_ODDS_BOUND, log_odds))))


_EVIDENCE_RATIO = 20.0
_LOG_ODDS_BOUND = math.log(99.0)
"""Nothing here is ever surer than 99 in 100: the model is not."""


def _convolved(first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    if first == (1.0,):
        return second
    joined = [0.0] * (len(first) + len(second) - 1)
    for i, p in enumerate(first):
        for j, q in enumerate(second):
            joined[i + j] += p * q
    return tuple(joined)


def _quantile_count(probabilities: Sequence[float], fraction: float) -> int:
    reached = 0.0
    for count, p in enumerate(probabilities):
        reached += p
        if reached >= fraction - 1e-9 and reached > 0.0:
            return count
    return len(probabilities) - 1


def _clamped(probability: float) -> float:
    return min(1.0, max(0.0, probability))
