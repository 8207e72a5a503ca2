# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far the reported counts are from the truth, and how well the shop's shelves stood by both. Open hours only.

Samples are taken at equal steps, so that every sum over them is weighted by time.
"""

from collections import defaultdict
from datetime import datetime

from pydantic import BaseModel, ConfigDict, computed_field

from simulator.scoring.record import ZoneSample
from simulator.scoring.spans import inside
from simulator.scoring.truth import Truth

_FROZEN = ConfigDict(frozen=True)


class CountError(BaseModel):
    """Sums over the samples of one or more zones; errors are in facings."""

    model_config = _FROZEN

    samples_count: int = 0
    known_count: int = 0
    """Samples in which the hub gave a number; every error below is about these."""
    absolute_packs: float = 0.0
    """Against the front positions that show any pack: the most that a count can say."""
    signed_packs: float = 0.0
    exact_packs_count: int = 0
    absolute_facings: float = 0.0
    """Against the front positions that show the zone's own SKU: what the shop wants to know."""
    exact_facings_count: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unknown_fraction(self) -> float | None:
        """Share of time in which the hub gave no number."""
        return _mean(self.samples_count - self.known_count, self.samples_count)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def mean_error_packs(self) -> float | None:
        """Mean absolute error against packs."""
        return _mean(self.absolute_packs, self.known_count)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def bias_packs(self) -> float | None:
        """Mean of reported less true packs."""
        return _mean(self.signed_packs, self.known_count)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exact_packs_fraction(self) -> float | None:
        """Share of known time in which the number of packs was right."""
        return _mean(self.exact_packs_count, self.known_count)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def mean_error_facings(self) -> float | None:
        """Mean absolute error against the own SKU's facings."""
        return _mean(self.absolute_facings, self.known_count)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exact_facings_fraction(self) -> float | None:
        """Share of known time in which the number of the own SKU's facings was right."""
        return _mean(self.exact_facings_count, self.known_count)

    def __add__(self, other: "CountError") -> "CountError":
        return CountError(
            samples_count=self.samples_count + other.samples_count,
            known_count=self.known_count + other.known_count,
            absolute_packs=self.absolute_packs + other.absolute_packs,
            signed_packs=self.signed_packs + other.signed_packs,
            exact_packs_count=self.exact_packs_count + other.exact_packs_count,
            absolute_facings=self.absolute_facings + other.absolute_facings,
            exact_facings_count=self.exact_facings_count + other.exact_facings_count,
        )


class Counts(BaseModel):
    """Count errors over the run. `passed` and `free` part the time while a camera worked; `blind` is the rest."""

    model_config = _FROZEN

    overall: CountError
    passed: CountError
    """While somebody or something stood before the bay."""
    free: CountError
    """While nobody did."""
    blind: CountError
    """While the camera was blind or unheard: a number given then is an old one, or invented."""
    zones: dict[str, CountError]


class Availability(BaseModel):
    """On-shelf availability. Denominator: (SKU, sample) pairs of open hours; a SKU is there when a facing shows it."""

    model_config = _FROZEN

    pairs_count: int = 0
    there_count: int = 0
    """Pairs in which at least one own facing truly stood in the SKU's zones."""
    known_count: int = 0
    """Pairs in which the hub could tell: a zone seen with a facing, or every zone seen without one."""
    reported_there_count: int = 0
    known_and_there_count: int = 0
    """Of the known pairs, those in which it was truly there."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def true_fraction(self) -> float | None:
        """Truly there, of all pairs."""
        return _mean(self.there_count, self.pairs_count)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def reported_fraction(self) -> float | None:
        """Reported there, of the pairs that the hub could tell."""
        return _mean(self.reported_there_count, self.known_count)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def true_when_known_fraction(self) -> float | None:
        """Truly there, of the same pairs that `reported_fraction` is about."""
        return _mean(self.known_and_there_count, self.known_count)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def known_fraction(self) -> float | None:
        """Pairs that the hub could tell, of all."""
        return _mean(self.known_count, self.pairs_count)

    def __add__(self, other: "Availability") -> "Availability":
        return Availability(
            pairs_count=self.pairs_count + other.pairs_count,
            there_count=self.there_count + other.there_count,
            known_count=self.known_count + other.known_count,
            reported_there_count=self.reported_there_count + other.reported_there_count,
            known_and_there_count=self.known_and_there_count + other.known_and_there_count,
        )


def count_errors(truth: Truth) -> Counts:
    """Every sample of open hours against what stood there at its instant."""
    sums: dict[str, dict[str, CountError]] = {"passed": {}, "free": {}, "blind": {}}
    for zone in truth.record.zones:
        groups: dict[str, list[ZoneSample]] = {"passed": [], "free": [], "blind": []}
        blind_spans, presence_spans = truth.blind_spans(zone.camera_id), truth.presence_spans(zone.bay_id)
        for sample in truth.samples_of(zone.zone_id):
            if not inside(sample.at, truth.open_spans):
                continue
            if inside(sample.at, blind_spans):
                groups["blind"].append(sample)
            else:
                groups["passed" if inside(sample.at, presence_spans) else "free"].append(sample)
        for name, samples in groups.items():
            sums[name][zone.zone_id] = _error_of(truth, zone.zone_id, samples)
    zones = {zone_id: sum((sums[name][zone_id] for name in sums), CountError()) for zone_id in sorted(truth.zone_of)}
    total = {name: sum(by_zone.values(), CountError()) for name, by_zone in sums.items()}
    return Counts(overall=sum(zones.values(), CountError()), zones=zones, **total)


def availability(truth: Truth) -> Availability:
    """True and reported availability at the instants of the samples."""
    by_instant: dict[str, dict[datetime, list[ZoneSample]]] = {sku: defaultdict(list) for sku in truth.zones_of}
    for zone in truth.record.zones:
        for sample in truth.samples_of(zone.zone_id):
            if inside(sample.at, truth.open_spans):
                by_instant[zone.sku][sample.at].append(sample)
    pairs = there = known = reported = known_there = 0
    for sku, instants in by_instant.items():
        for at, samples in instants.items():
            said = said_there(samples, zones_count=len(truth.zones_of[sku]))
            is_there = truth.facings_count(sku, at) > 0
            pairs += 1
            there += is_there
            known += said is not None
            reported += said is True
            known_there += is_there and said is not None
    return Availability(
        pairs_count=pairs,
        there_count=there,
        known_count=known,
        reported_there_count=reported,
        known_and_there_count=known_there,
    )


def said_there(samples: list[ZoneSample], *, zones_count: int) -> bool | None:
    """What the hub said of a SKU from the samples of its zones at one instant; None when it could not tell."""
    seen = [sample.facings_count for sample in samples if sample.state == "seen" and sample.facings_count is not None]
    if any(facings_count > 0 for facings_count in seen):
        return True
    return False if len(seen) == zones_count else None


def _error_of(truth: Truth, zone_id: str, samples: list[ZoneSample]) -> CountError:
    absolute_packs = signed_packs = absolute_facings = 0.0
    known_count = exact_packs_count = exact_facings_count = 0
    for sample in samples:
        if sample.state != "seen" or sample.facings_count is None:
            continue
        row = truth.zone(zone_id, sample.at)
        error_packs = sample.facings_count - row.front_packs_count
        error_facings = sample.facings_count - row.facings_count
        known_count += 1
        absolute_packs += abs(error_packs)
        signed_packs += error_packs
        absolute_facings += abs(error_facings)
        exact_packs_count += error_packs == 0
        exact_facings_count += error_facings == 0
    return CountError(
        samples_count=len(samples),
        known_count=known_count,
        absolute_packs=absolute_packs,
        signed_packs=signed_packs,
        exact_packs_count=exact_packs_count,
        absolute_facings=absolute_facings,
        exact_facings_count=exact_facings_count,
    )


def _mean(total: float, count: float) -> float | None:
    return total / count if count else None
