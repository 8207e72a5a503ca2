# SPDX-License-Identifier: AGPL-3.0-or-later
"""A record, made easy to ask: what was true at an instant, and who could have seen it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from simulator.rig.scenario import EVERY, Act
from simulator.scoring.record import RunRecord, SkuTruth, Trouble, ZonePlace, ZoneSample, ZoneTruth
from simulator.scoring.spans import Span, Steps, length_s, merged, overlap_s

_HOLE_STEPS = 0.5
"""A pause between samples longer than its step and this share of one more is a hole."""


def low_below_count(zone: ZonePlace) -> int:
    """Fewer facings than this are low: the planogram's minimum, and an empty zone always."""
    return max(1, zone.minimum_facings_count)


def full_again_count(zone: ZonePlace) -> int:
    """From here on a low zone counts as filled: half way from low to what the planogram expects, rounded up."""
    low_count = low_below_count(zone)
    return max(low_count, (low_count + zone.expected_facings_count + 1) // 2)


class Truth:
    """A record, made easy to ask: what holds at an instant, who could see it."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.run: Span = (record.opened_at, record.ended_at)
        self.open_spans = merged(record.open_spans)
        self.zone_of = {zone.zone_id: zone for zone in record.zones}
        self.zones_of: dict[str, list[ZonePlace]] = {}
        for zone in sorted(record.zones, key=lambda zone: zone.zone_id):
            self.zones_of.setdefault(zone.sku, []).append(zone)
        self.node_of = {zone.camera_id: zone.node_id for zone in record.zones}
        by_zone: dict[str, list[tuple[datetime, ZoneTruth]]] = {zone_id: [] for zone_id in self.zone_of}
        for zone_row in record.zone_truths:
            by_zone.setdefault(zone_row.zone_id, []).append((zone_row.at, zone_row))
        by_sku: dict[str, list[tuple[datetime, SkuTruth]]] = {sku: [] for sku in self.zones_of}
        for sku_row in record.sku_truths:
            by_sku.setdefault(sku_row.sku, []).append((sku_row.at, sku_row))
        self._zones = {zone_id: Steps(rows) for zone_id, rows in by_zone.items()}
        self._skus = {sku: Steps(rows) for sku, rows in by_sku.items()}
        self._samples: dict[str, Steps[ZoneSample]] = {}
        self._presences: dict[str, list[Span]] = {}
        for presence in record.presences:
            self._presences.setdefault(presence.bay_id, []).append((presence.since_at, presence.until_at))
        self._presences = {bay_id: merged(spans) for bay_id, spans in self._presences.items()}
        self.node_outages = _node_outages(record, self.node_of)
        self.deaf_spans = merged(span_of(trouble, self.run) for trouble in record.troubles if is_deaf(trouble))
        self._blind = self._blind_spans()

    def zone(self, zone_id: str, at: datetime) -> ZoneTruth:
        """The zone's row at an instant; an empty one before its first."""
        steps = self._zones.get(zone_id)
        return (steps.at(at) if steps else None) or ZoneTruth(at, zone_id, 0, 0, 0, 0, 0)

    def zone_rows(self, zone_id: str) -> list[ZoneTruth]:
        """All rows of a zone, in order."""
        steps = self._zones.get(zone_id)
        return steps.values if steps else []

    def sku(self, sku: str, at: datetime) -> SkuTruth:
        """The SKU's row at an instant; an empty one before its first."""
        steps = self._skus.get(sku)
        return (steps.at(at) if steps else None) or SkuTruth(at, sku, 0, 0, 0, 0)

    def own_shelf_units_count(self, sku: str, at: datetime) -> int:
        """Units on the shelves where the SKU belongs."""
        return sum(self.zone(zone.zone_id, at).shelf_units_count for zone in self.zones_of.get(sku, ()))

    def facings_count(self, sku: str, at: datetime) -> int:
        """Facings of the SKU over all of its zones."""
        return sum(self.zone(zone.zone_id, at).facings_count for zone in self.zones_of.get(sku, ()))

    def settled_book_units(self, sku: str, at: datetime) -> int:
        """What the books will say once every basket is paid; that they lag the shelf is no error of theirs."""
        row = self.sku(sku, at)
        return row.book_units - row.basket_units_count

    def instants_of(self, sku: str) -> list[datetime]:
        """When anything about the SKU or its zones changed."""
        zones = [at for zone in self.zones_of[sku] for at in self._zones[zone.zone_id].instants]
        return zones + self._skus[sku].instants

    def blind_spans(self, camera_id: str) -> list[Span]:
        """When nothing true could be known of a camera's shelf, hub and broker included."""
        return self._blind.get(camera_id, self.deaf_spans)

    def presence_spans(self, bay_id: str) -> list[Span]:
        """When somebody or something stood before a bay."""
        return self._presences.get(bay_id, [])

    def samples_of(self, zone_id: str, span: Span | None = None) -> list[ZoneSample]:
        """What the hub said of a zone during a span (absent: ever), in order of time."""
        if not self._samples:
            by_zone: dict[str, list[tuple[datetime, ZoneSample]]] = {zone_id: [] for zone_id in self.zone_of}
            for sample in self.record.samples:
                by_zone.setdefault(sample.zone_id, []).append((sample.at, sample))
            self._samples = {name: Steps(self._without_holes(name, rows)) for name, rows in by_zone.items()}
        steps = self._samples.get(zone_id)
        if steps is None:
            return []
        return steps.values if span is None else steps.within(span)

    def _without_holes(
        self, zone_id: str, rows: list[tuple[datetime, ZoneSample]]
    ) -> list[tuple[datetime, ZoneSample]]:
        """Where nobody could ask the hub there are no samples: that time is unknown, not left out."""
        step = timedelta(seconds=self.record.sample_every_s)
        known = sorted(rows, key=lambda row: row[0])
        filled = list(known)
        for before_at, after_at in pairwise([self.run[0], *(at for at, _ in known), self.run[1]]):
            at = before_at + step
            while known and after_at - at >= step * _HOLE_STEPS:
                filled.append((at, ZoneSample(at, zone_id, "unknown", None, "hub unheard")))
                at += step
        return filled

    def sight_s(self, span: Span, camera_ids: Iterable[str]) -> float:
        """Seconds of `span` in which at least one of the cameras could see and be heard."""
        blind: list[Span] | None = None
        for camera_id in camera_ids:
            spans = self.blind_spans(camera_id)
            blind = spans if blind is None else _intersection(blind, spans)
        return length_s(span) - overlap_s(span, self.deaf_spans if blind is None else blind)

    def _blind_spans(self) -> dict[str, list[Span]]:
        spans: dict[str, list[Span]] = {camera_id: list(self.deaf_spans) for camera_id in self.node_of}
        for trouble in self.record.troubles:
            for camera_id in trouble.blinds_camera_ids:
                spans.setdefault(camera_id, list(self.deaf_spans)).append(span_of(trouble, self.run))
        for camera_id, node_id in self.node_of.items():
            spans[camera_id] += self.node_outages.get(node_id, [])
        return {camera_id: merged(given) for camera_id, given in spans.items()}


def is_deaf(trouble: Trouble) -> bool:
    """Whether the hub, or every way to it, was off."""
    return trouble.kind == Act.POWER_CUT and trouble.target in {"hub", "broker"}


def takes_node_away(trouble: Trouble) -> bool:
    """Whether nodes were off, or out of reach."""
    return trouble.kind in {Act.POWER_CUT, Act.PARTITION} and not is_deaf(trouble)


def _node_outages(record: RunRecord, node_of: dict[str, str]) -> dict[str, list[Span]]:
    spans: dict[str, list[Span]] = {}
    for trouble in record.troubles:
        if takes_node_away(trouble):
            nodes = set(node_of.values()) if trouble.target == EVERY else {trouble.target}
            for node_id in nodes:
                spans.setdefault(node_id, []).append(span_of(trouble, (record.opened_at, record.ended_at)))
    return {node_id: merged(given) for node_id, given in spans.items()}


def span_of(trouble: Trouble, run: Span) -> Span:
    """Its time, as far as it lies in the run."""
    return max(run[0], trouble.since_at), min(run[1], trouble.until_at)


def _intersection(ours: list[Span], theirs: list[Span]) -> list[Span]:
    return merged((max(a[0], b[0]), min(a[1], b[1])) for a in ours for b in theirs)
