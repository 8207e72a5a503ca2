# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every true event and every alert, judged one by one, with the words why. The rules: docs/benchmark-method.md."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.scoring.record import AlertRow, Trouble
from simulator.scoring.spans import Span, inside, meets, merged, overlap_s
from simulator.scoring.true_events import NOT_ALERTED_YET, SIGHT_KINDS, EventKind, TrueEvent
from simulator.scoring.truth import Truth, is_deaf, span_of
from simulator.scoring.words import percent

GRACE = timedelta(seconds=90)
"""What the product says of itself: 60 s until an alert opens and 30 s until it closes. An alert is right when its
event held within this of the alert's opening; an event with less sight than this could be told by nobody."""
LEAST_OPEN_S = 600.0
"""A shorter event does not count for the recall: it is over before anybody could walk there. Shop-open time for
goods, elapsed time for cameras and nodes, which break at night as well."""
SETTLING = timedelta(minutes=5)
"""A wrong alert this soon after a trouble is still put down to it."""


@dataclass(frozen=True, slots=True)
class JudgedEvent:
    """One true event and what the system made of it."""

    event: TrueEvent
    unseen: bool
    """Nobody could see it: left out of the recall, counted apart."""
    long: bool
    """Long enough to count for the recall."""
    alerts: tuple[AlertRow, ...]
    """Alerts of its kind and place that were open during it, by opening."""
    delay_s: float | None
    """From its beginning to the first alert that opened for it; None for none, or one that was open before."""
    lasted_s: float
    """Shop-open time for goods, elapsed time for cameras and nodes."""
    said_s: float
    """Of it, seconds in which such an alert stood."""
    instead: tuple[str, ...]
    """Other kinds that stood at its place meanwhile."""
    why: str

    @property
    def told(self) -> bool:
        """An alert of its kind stood at its place while it held."""
        return bool(self.alerts)


@dataclass(frozen=True, slots=True)
class JudgedAlert:
    """One alert and what was true of it."""

    alert: AlertRow
    right: bool
    """Its event held when it opened, give or take `GRACE`."""
    right_sometime: bool
    """Its event held at some instant while it was open, the same grace included: says less, reads better."""
    truth_instead: tuple[EventKind, ...]
    """Other kinds that were true of its place when it opened."""
    troubles: tuple[Trouble, ...]
    """What was broken there when it opened, or until shortly before."""
    blind: bool
    """It is about goods and opened while no camera of its place saw anything."""
    sight_down: bool
    """It is about goods, and a camera of its place was blind or unheard when it opened, or less than `SETTLING` ago."""
    why: str


def judge_events(truth: Truth, events: Iterable[TrueEvent]) -> list[JudgedEvent]:
    """One line per event, in their order."""
    alerts_at: dict[tuple[str, str], list[AlertRow]] = defaultdict(list)
    alerts_about: dict[str, list[AlertRow]] = defaultdict(list)
    for alert in truth.record.alerts:
        alerts_at[alert.kind, alert.place_id].append(alert)
        alerts_about[_subject(truth, alert)].append(alert)
    judged = []
    for event in events:
        own = sorted(
            (alert for alert in alerts_at[event.kind, event.place_id] if _open_during(truth, alert, event.span)),
            key=lambda alert: (alert.opened_at, alert.alert_id),
        )
        others = {
            alert.kind
            for alert in alerts_about[_subject_of_event(truth, event)]
            if alert.kind != event.kind and _open_during(truth, alert, event.span)
        }
        judged.append(_judged_event(truth, event, own, tuple(sorted(others))))
    return judged


def _judged_event(truth: Truth, event: TrueEvent, own: list[AlertRow], others: tuple[str, ...]) -> JudgedEvent:
    fresh = [alert.opened_at for alert in own if alert.opened_at >= event.since_at - GRACE]
    counted = [event.span] if event.kind in SIGHT_KINDS else truth.open_spans
    lasted_s = overlap_s(event.span, counted)
    stood = merged(
        (max(event.since_at, alert.opened_at), min(event.until_at, alert.closed_at or truth.run[1])) for alert in own
    )
    unseen = event.sight_s < GRACE.total_seconds()
    long = lasted_s >= LEAST_OPEN_S
    return JudgedEvent(
        event=event,
        unseen=unseen,
        long=long,
        alerts=tuple(own),
        delay_s=max(0.0, (min(fresh) - event.since_at).total_seconds()) if own and own[0].opened_at in fresh else None,
        lasted_s=lasted_s,
        said_s=sum(overlap_s(span, counted) for span in stood),
        instead=others,
        why=_why_event(truth, event, own, others, unseen=unseen, long=long),
    )


def _why_event(
    truth: Truth, event: TrueEvent, own: list[AlertRow], others: tuple[str, ...], *, unseen: bool, long: bool
) -> str:
    if own:
        return "told"
    if event.kind in NOT_ALERTED_YET:
        return "the hub has no alert for this yet"
    if unseen:
        return "nobody could see it: its camera, its node or the hub was down all the time"
    parts = [f"true at first: {event.words}"]
    if not long:
        parts.append(f"too short for the recall ({event.open_s / 60:.0f} min open)")
    if event.kind not in SIGHT_KINDS:
        unknown = _unknown_fraction(truth, event)
        if unknown is not None:
            parts.append(f"the hub called the shelf unknown in {percent(unknown)} of the samples")
    parts.append("instead it said " + ", ".join(others) if others else "it said nothing about this place")
    if event.cut:
        parts.append("the run ended first")
    return "; ".join(parts)


def _unknown_fraction(truth: Truth, event: TrueEvent) -> float | None:
    samples = [sample.state for zone_id in event.zone_ids for sample in truth.samples_of(zone_id, event.span)]
    return samples.count("unknown") / len(samples) if samples else None


def judge_alerts(truth: Truth, events: Iterable[TrueEvent]) -> list[JudgedAlert]:
    """One line per alert, by opening."""
    at_place: dict[tuple[str, str], list[TrueEvent]] = defaultdict(list)
    about: dict[str, list[TrueEvent]] = defaultdict(list)
    for event in events:
        at_place[event.kind, event.place_id].append(event)
        about[_subject_of_event(truth, event)].append(event)
    ordered = sorted(truth.record.alerts, key=lambda alert: (alert.opened_at, alert.alert_id))
    return [
        _judged_alert(truth, alert, at_place[alert.kind, alert.place_id], about[_subject(truth, alert)])
        for alert in ordered
    ]


def _judged_alert(truth: Truth, alert: AlertRow, own: list[TrueEvent], about: list[TrueEvent]) -> JudgedAlert:
    at_opening = (alert.opened_at - GRACE, alert.opened_at + GRACE)
    opened = (alert.opened_at - GRACE, alert.closed_at or truth.run[1])
    right = any(meets(at_opening, event.span) for event in own)
    instead = tuple(
        sorted({event.kind for event in about if event.kind != alert.kind and meets(at_opening, event.span)})
    )
    troubles = tuple(trouble for trouble in truth.record.troubles if _bears_on(truth, trouble, alert))
    camera_ids = _cameras_of(truth, alert)
    lately = (alert.opened_at - SETTLING, alert.opened_at + timedelta(seconds=1))
    blind = alert.kind not in SIGHT_KINDS and all(
        inside(alert.opened_at, truth.blind_spans(camera_id)) for camera_id in camera_ids
    )
    return JudgedAlert(
        alert=alert,
        right=right,
        right_sometime=right or any(meets(opened, event.span) for event in own),
        truth_instead=instead,
        troubles=troubles,
        blind=blind,
        sight_down=alert.kind not in SIGHT_KINDS
        and any(overlap_s(lately, truth.blind_spans(camera_id)) > 0 for camera_id in camera_ids),
        why="right" if right else _why_alert(truth, alert, own, instead, troubles),
    )


def _why_alert(
    truth: Truth, alert: AlertRow, own: list[TrueEvent], instead: tuple[EventKind, ...], troubles: tuple[Trouble, ...]
) -> str:
    parts = [f"true then: {truth_words(truth, alert, alert.opened_at)}"]
    if instead:
        parts.append("what was wrong was " + ", ".join(kind.value for kind in instead))
    before = [event.until_at for event in own if event.until_at < alert.opened_at]
    after = [event.since_at for event in own if event.since_at > alert.opened_at]
    if before:
        parts.append(f"such an event had ended {_ago(alert.opened_at - max(before))} before")
    if after and (alert.closed_at is None or min(after) <= alert.closed_at):
        parts.append(f"it came true {_ago(min(after) - alert.opened_at)} later, while this stood")
    if troubles:
        parts.append("during " + ", ".join(sorted({f"{trouble.kind} of {trouble.target}" for trouble in troubles})))
    if somebody_before(truth, _cameras_of(truth, alert), (alert.opened_at - GRACE, alert.opened_at)):
        parts.append("somebody stood before the bay")
    if not inside(alert.opened_at, truth.open_spans):
        parts.append("the shop was closed")
    return "; ".join(parts)


def truth_words(truth: Truth, alert: AlertRow, at: datetime) -> str:
    """What was true of an alert's place at an instant, in words."""
    if alert.kind in SIGHT_KINDS:
        return "nothing that was broken on purpose took its sight"
    sku = sku_of(truth, alert)
    zones = truth.zones_of.get(sku, [])
    shelves = ", ".join(
        f"{truth.zone(zone.zone_id, at).facings_count} of {zone.expected_facings_count} facings in {zone.zone_id}"
        f" (minimum {zone.minimum_facings_count})"
        for zone in zones
    )
    row = truth.sku(sku, at)
    return f"{shelves}; {row.back_units_count} in the back, books {row.book_units}, {row.basket_units_count} in baskets"


def somebody_before(truth: Truth, camera_ids: set[str], span: Span) -> bool:
    """Whether anybody or anything stood before a bay of these cameras during a span."""
    return any(
        overlap_s(span, truth.presence_spans(zone.bay_id)) > 0
        for zone in truth.record.zones
        if zone.camera_id in camera_ids
    )


def _ago(gone: timedelta) -> str:
    seconds = gone.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - reads better so


def _open_during(truth: Truth, alert: AlertRow, span: Span) -> bool:
    """Strictly: an alert that opens as its event ends has told nobody of it."""
    return alert.opened_at < span[1] and (alert.closed_at or truth.run[1]) > span[0]


def sku_of(truth: Truth, alert: AlertRow) -> str:
    """The SKU of an alert about goods."""
    zone = truth.zone_of.get(alert.place_id) if alert.place_kind == "zone" else None
    return zone.sku if zone else alert.sku or alert.place_id


def _subject(truth: Truth, alert: AlertRow) -> str:
    """What the alert is about, so that other kinds about the same thing are found: a SKU, or a node."""
    if alert.place_kind == "zone":
        return f"sku {sku_of(truth, alert)}"
    if alert.place_kind == "camera":
        return f"node {truth.node_of.get(alert.place_id, alert.place_id)}"
    return f"{alert.place_kind} {alert.place_id}"


def _subject_of_event(truth: Truth, event: TrueEvent) -> str:
    if event.sku is not None:
        return f"sku {event.sku}"
    if event.place_kind == "camera":
        return f"node {truth.node_of.get(event.place_id, event.place_id)}"
    return f"node {event.place_id}"


def _cameras_of(truth: Truth, alert: AlertRow) -> set[str]:
    if alert.kind in SIGHT_KINDS:
        return {alert.place_id} if alert.place_kind == "camera" else set(alert.camera_ids)
    if alert.place_kind == "zone" and alert.place_id in truth.zone_of:
        return {truth.zone_of[alert.place_id].camera_id}
    return {zone.camera_id for zone in truth.zones_of.get(sku_of(truth, alert), [])}


def _bears_on(truth: Truth, trouble: Trouble, alert: AlertRow) -> bool:
    """Whether the trouble was on, or hardly over, when the alert opened, and concerns its place."""
    since_at, until_at = span_of(trouble, truth.run)
    if not since_at <= alert.opened_at <= until_at + SETTLING:
        return False
    camera_ids = _cameras_of(truth, alert)
    nodes = {truth.node_of.get(camera_id, "") for camera_id in camera_ids}
    everywhere = is_deaf(trouble) or trouble.target in {"*", "books", "hub", "broker"}
    return everywhere or bool(camera_ids & {trouble.target, *trouble.blinds_camera_ids}) or trouble.target in nodes
