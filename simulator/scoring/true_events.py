# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was truly wrong during a run, and when. Nothing here looks at what the system said.

Every definition stands in docs/benchmark-method.md. They use the truth of shelf and back room, the books as they were
written, and the planogram's own numbers; the formulas are repeated here on purpose, so that a mistake in the hub's
own cannot hide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from simulator.rig.scenario import EVERY
from simulator.scoring.record import RunRecord, ZonePlace
from simulator.scoring.spans import Span, holding, length_s, merged, overlap_s
from simulator.scoring.truth import Truth, full_again_count, is_deaf, low_below_count, span_of, takes_node_away


class EventKind(StrEnum):
    """What can be wrong. All but the last two carry the hub's own names."""

    RESTOCK_FROM_BACK = "restock_from_back"
    OUT_OF_STOCK = "out_of_stock"
    PHANTOM_INVENTORY = "phantom_inventory"
    UNRECORDED_STOCK = "unrecorded_stock"
    VIEW_LOST = "view_lost"
    NODE_LOST = "node_lost"
    MISPLACED = "misplaced"
    DEFECTIVE = "defective"


SIGHT_KINDS = frozenset({EventKind.VIEW_LOST, EventKind.NODE_LOST})
"""About cameras and nodes; every other kind is about goods."""
NOT_ALERTED_YET = frozenset({EventKind.MISPLACED, EventKind.DEFECTIVE})
"""Kinds that the hub has no alert for: counted and shown, in no average."""


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """One thing that was wrong at one place from `since_at` until `until_at`."""

    kind: EventKind
    place_kind: str
    """`zone`, `sku`, `camera` or `node`, as the hub's alerts have it."""
    place_id: str
    sku: str | None
    zone_ids: tuple[str, ...]
    camera_ids: tuple[str, ...]
    """Cameras that could see it; for a node the ones it serves."""
    since_at: datetime
    until_at: datetime
    open_s: float
    """Of its time, seconds in which the shop was open."""
    sight_s: float
    """Of its time, seconds in which not every camera of it was blind and hub and broker ran."""
    cut: bool
    """The run ended before it did."""
    words: str
    """What made it true when it began."""

    @property
    def span(self) -> Span:
        """Its time."""
        return self.since_at, self.until_at


def true_events(record: RunRecord, truth: Truth | None = None) -> list[TrueEvent]:
    """Every true event of the run, by beginning. `truth` is the same record, where somebody already asks it."""
    truth = truth or Truth(record)
    events = [event for zone in record.zones for event in _zone_events(truth, zone)]
    events += [event for sku in truth.zones_of for event in _sku_events(truth, sku)]
    events += [*_lost_views(truth), *_lost_nodes(truth)]
    return sorted(events, key=lambda event: (event.since_at, event.kind, event.place_id))


def _zone_events(truth: Truth, zone: ZonePlace) -> list[TrueEvent]:
    low_count, full_count = low_below_count(zone), full_again_count(zone)

    def fetchable(at: datetime) -> bool:
        return truth.sku(zone.sku, at).back_units_count >= 1

    def words(at: datetime) -> str:
        facings_count, back_count = truth.zone(zone.zone_id, at).facings_count, truth.sku(zone.sku, at).back_units_count
        return f"{facings_count} facings (low below {low_count}), {back_count} units in the back"

    def misplaced_words(at: datetime) -> str:
        return f"{truth.zone(zone.zone_id, at).misplaced_count} facings of another product"

    def defect_words(at: datetime) -> str:
        return f"{truth.zone(zone.zone_id, at).defects_count} facings nobody would take"

    instants = truth.instants_of(zone.sku)
    low_spans = holding(
        instants,
        truth.run,
        lambda at: truth.zone(zone.zone_id, at).facings_count < low_count and fetchable(at),
        lambda at: truth.zone(zone.zone_id, at).facings_count < full_count and fetchable(at),
    )
    misplaced_spans = holding(instants, truth.run, lambda at: truth.zone(zone.zone_id, at).misplaced_count > 0)
    defect_spans = holding(instants, truth.run, lambda at: truth.zone(zone.zone_id, at).defects_count > 0)
    return [
        *_goods_events(truth, EventKind.RESTOCK_FROM_BACK, (zone,), low_spans, words),
        *_goods_events(truth, EventKind.MISPLACED, (zone,), misplaced_spans, misplaced_words),
        *_goods_events(truth, EventKind.DEFECTIVE, (zone,), defect_spans, defect_words),
    ]


def _sku_events(truth: Truth, sku: str) -> list[TrueEvent]:
    zones = tuple(truth.zones_of[sku])

    def none_left(at: datetime) -> bool:
        return truth.own_shelf_units_count(sku, at) == 0 and truth.sku(sku, at).back_units_count == 0

    def words(at: datetime) -> str:
        row = truth.sku(sku, at)
        return (
            f"{truth.facings_count(sku, at)} facings, {row.back_units_count} units in the back, books {row.book_units}"
            f" with {row.basket_units_count} in baskets"
        )

    conditions: dict[EventKind, Callable[[datetime], bool]] = {
        EventKind.OUT_OF_STOCK: lambda at: none_left(at) and truth.settled_book_units(sku, at) <= 0,
        EventKind.PHANTOM_INVENTORY: lambda at: none_left(at) and truth.settled_book_units(sku, at) > 0,
        EventKind.UNRECORDED_STOCK: lambda at: truth.facings_count(sku, at) > max(0, truth.settled_book_units(sku, at)),
    }
    instants = truth.instants_of(sku)
    return [
        event
        for kind, holds in conditions.items()
        for event in _goods_events(truth, kind, zones, holding(instants, truth.run, holds), words)
    ]


def _goods_events(
    truth: Truth,
    kind: EventKind,
    zones: tuple[ZonePlace, ...],
    spans: list[Span],
    words: Callable[[datetime], str],
) -> list[TrueEvent]:
    camera_ids = tuple(sorted({zone.camera_id for zone in zones}))
    at_a_zone = kind in {EventKind.RESTOCK_FROM_BACK, EventKind.MISPLACED, EventKind.DEFECTIVE}
    return [
        TrueEvent(
            kind=kind,
            place_kind="zone" if at_a_zone else "sku",
            place_id=zones[0].zone_id if at_a_zone else zones[0].sku,
            sku=zones[0].sku,
            zone_ids=tuple(zone.zone_id for zone in zones),
            camera_ids=camera_ids,
            since_at=span[0],
            until_at=span[1],
            open_s=overlap_s(span, truth.open_spans),
            sight_s=truth.sight_s(span, camera_ids),
            cut=span[1] >= truth.run[1],
            words=words(span[0]),
        )
        for span in spans
    ]


def _lost_views(truth: Truth) -> list[TrueEvent]:
    spans: dict[str, list[Span]] = {}
    for trouble in truth.record.troubles:
        if not is_deaf(trouble) and not takes_node_away(trouble):
            for camera_id in trouble.blinds_camera_ids:
                spans.setdefault(camera_id, []).append(span_of(trouble, truth.run))
    events = []
    for camera_id, given in sorted(spans.items()):
        outages = truth.node_outages.get(truth.node_of.get(camera_id, ""), [])
        unheard = merged([*truth.deaf_spans, *outages])
        zone_ids = tuple(sorted(zone.zone_id for zone in truth.record.zones if zone.camera_id == camera_id))
        for span in merged(given):
            place = ("camera", camera_id, zone_ids, (camera_id,))
            events.append(_sight_event(truth, EventKind.VIEW_LOST, place, span, unheard))
    return events


def _lost_nodes(truth: Truth) -> list[TrueEvent]:
    events = []
    for node_id, spans in sorted(truth.node_outages.items()):
        camera_ids = tuple(sorted(camera_id for camera_id, node in truth.node_of.items() if node == node_id))
        zone_ids = tuple(sorted(zone.zone_id for zone in truth.record.zones if zone.node_id == node_id))
        for span in spans:
            place = ("node", node_id, zone_ids, camera_ids)
            events.append(_sight_event(truth, EventKind.NODE_LOST, place, span, truth.deaf_spans))
    return events


def _sight_event(
    truth: Truth,
    kind: EventKind,
    place: tuple[str, str, tuple[str, ...], tuple[str, ...]],
    span: Span,
    unheard: list[Span],
) -> TrueEvent:
    place_kind, place_id, zone_ids, camera_ids = place
    causes = sorted(
        {
            trouble.kind
            for trouble in truth.record.troubles
            if overlap_s(span, [span_of(trouble, truth.run)]) > 0
            and (place_id in {trouble.target, *trouble.blinds_camera_ids} or trouble.target == EVERY)
        }
    )
    return TrueEvent(
        kind=kind,
        place_kind=place_kind,
        place_id=place_id,
        sku=None,
        zone_ids=zone_ids,
        camera_ids=camera_ids,
        since_at=span[0],
        until_at=span[1],
        open_s=overlap_s(span, truth.open_spans),
        sight_s=length_s(span) - overlap_s(span, unheard),
        cut=span[1] >= truth.run[1],
        words=", ".join(causes),
    )
