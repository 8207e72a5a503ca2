# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a scenario file promises, checked against what a run left behind."""

from datetime import datetime, timedelta

from simulator.rig.scenario import Expectation, Scenario
from simulator.scoring.record import AlertRow, RunRecord
from simulator.scoring.true_events import NOT_ALERTED_YET, SIGHT_KINDS, EventKind


def check(scenario: Scenario, record: RunRecord) -> list[str]:
    """One sentence for each expectation that does not hold; an empty list when all do.

    A window is from `after` (absent: the beginning) for `within` (absent: to the end), ends included. An alert
    belongs to it when it opened in it.
    """
    faults = [_fault(expectation, record) for expectation in scenario.expect]
    return [fault for fault in faults if fault is not None]


def _fault(expectation: Expectation, record: RunRecord) -> str | None:
    known = _known(expectation, record)
    if known is not None:
        return known
    what = f"{expectation.kind} at {expectation.place}" if expectation.place else expectation.kind
    since_at, until_at = _window(expectation, record)
    matching = [alert for alert in record.alerts if _is_meant(alert, expectation)]
    inside = sorted(
        (alert for alert in matching if since_at <= alert.opened_at <= until_at), key=lambda alert: alert.opened_at
    )
    window = _window_words(expectation)
    if not expectation.happens:
        return _opened_words(what, window, inside, record) if inside else None
    if not inside:
        late = [alert.opened_at for alert in matching]
        instead = f"it opened at {_clock(min(late), record)}" if late else "it never did"
        return f"{what} must open{window}, but {instead}"
    stays_open = any(alert.closed_at is None for alert in inside)
    if expectation.closes is None or expectation.closes is not stays_open:
        return None
    opened = f"{what} opened at {_clock(inside[0].opened_at, record)} and"
    return f"{opened} must be closed by the end, but is open" if stays_open else f"{opened} must stay open, but closed"


def _opened_words(what: str, window: str, inside: list[AlertRow], record: RunRecord) -> str:
    more = f" and {len(inside) - 1} more" if len(inside) > 1 else ""
    return f"{what} must not open{window}, but did at {_clock(inside[0].opened_at, record)}{more}"


def _known(expectation: Expectation, record: RunRecord) -> str | None:
    """What is wrong with the expectation itself: one that nothing can meet would otherwise pass or fail unnoticed."""
    alerted = [kind.value for kind in EventKind if kind not in NOT_ALERTED_YET]
    if expectation.kind not in alerted:
        return f"no alert is of kind '{expectation.kind}'; there are {', '.join(alerted)}"
    match expectation.kind:
        case EventKind.VIEW_LOST:
            what, places = "camera", {zone.camera_id for zone in record.zones}
        case EventKind.NODE_LOST:
            what, places = "node", {zone.node_id for zone in record.zones}
        case _:
            what, places = "zone or SKU", {name for zone in record.zones for name in (zone.zone_id, zone.sku)}
    if expectation.place is not None and expectation.place not in places:
        return f"{expectation.kind}: no {what} in the store is called '{expectation.place}'"
    return None


def _is_meant(alert: AlertRow, expectation: Expectation) -> bool:
    """A place may be given as the zone or the SKU, whichever of the two the kind is about."""
    if alert.kind != expectation.kind:
        return False
    return expectation.place is None or expectation.place in {alert.place_id, alert.sku, *_zones_of(alert)}


def _zones_of(alert: AlertRow) -> tuple[str, ...]:
    return () if alert.kind in SIGHT_KINDS else alert.zone_ids


def _window(expectation: Expectation, record: RunRecord) -> tuple[datetime, datetime]:
    since_at = record.opened_at + (expectation.after or timedelta(0))
    return since_at, record.ended_at if expectation.within is None else since_at + expectation.within


def _window_words(expectation: Expectation) -> str:
    after = f" after {_words(expectation.after)}" if expectation.after else ""
    return f" within {_words(expectation.within)}{after}" if expectation.within else after


def _words(length: timedelta | None) -> str:
    minutes, seconds = divmod(int((length or timedelta(0)).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _clock(at: datetime, record: RunRecord) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} ({_words(at - record.opened_at)} into the run)"
