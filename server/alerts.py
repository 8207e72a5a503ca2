# SPDX-License-Identifier: AGPL-3.0-or-later
"""Changes of alerts. Each is appended to `alert_event` in the same transaction, with the notices it asks for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, insert, select, update

from server import tables
from server.alert_state import Suspicion, muted
from server.alert_views import AlertClosedError, Answer, Change, alert_row, read_alert
from server.database import insert_for
from server.discrepancy import STOCK_KINDS, AlertKey, Discrepancy, Kind, PlaceKind, Severity
from server.judgement_settings import NoticeSettings
from server.suspicions import hold_judgement_lock, read_suspicion, write_suspicion

_PICTURE_AGE = timedelta(minutes=10)
"""A picture older than this shows another shelf than the one that raised the alert."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What just happened, for whoever streams it."""

    event_id: int
    alert_id: str
    change: Change
    at: datetime
    snapshot: dict[str, Any]


# --- what the judge does --------------------------------------------------------------------------------------------


def open_alert(
    connection: Connection, discrepancy: Discrepancy, now: datetime, notices: NoticeSettings
) -> AlertChange | None:
    """Open an alert; None when one is open for this key already (another hub was faster)."""
    alert_id = uuid4().hex
    statement = insert_for(connection, tables.alert).on_conflict_do_nothing()
    key = discrepancy.key
    opened = connection.execute(
        statement.values(
            alert_id=alert_id,
            kind=key.kind.value,
            place_kind=key.place_kind.value,
            place_id=key.place_id,
            sku=discrepancy.sku,
            state="open",
            opened_at=now,
            picture_id=_picture_id(connection, discrepancy, now),
            **_content(discrepancy, now),
        ).returning(tables.alert.c.alert_id)
    ).scalar_one_or_none()
    if opened is None:
        return None
    return _record(connection, alert_id, Change.OPENED, now, notices, tell=True)


def is_news(row: Row[Any], discrepancy: Discrepancy, now: datetime, update_every: timedelta) -> bool:
    """Whether an open alert should be reworded: it became urgent, or something material changed a while ago."""
    if _is_more_urgent(row, discrepancy):
        return True
    changed: bool = row.evidence.get("material") != list(discrepancy.material) or row.severity != discrepancy.severity
    return changed and now - row.updated_at >= update_every


def update_alert(
    connection: Connection, row: Row[Any], discrepancy: Discrepancy, now: datetime, notices: NoticeSettings
) -> AlertChange | None:
    """Reword an open alert; None when it is closed already."""
    values = _content(discrepancy, now)
    picture_id = row.picture_id or _picture_id(connection, discrepancy, now)
    if not _change_open(connection, row.alert_id, {**values, "picture_id": picture_id}):
        return None
    return _record(connection, row.alert_id, Change.UPDATED, now, notices, tell=_is_more_urgent(row, discrepancy))


def close_alert(
    connection: Connection, alert_id: str, because: str, now: datetime, notices: NoticeSettings
) -> AlertChange | None:
    """Close an alert; None when it is closed already."""
    if not _change_open(connection, alert_id, {"state": "closed", "closed_at": now, "closed_because": because}):
        return None
    return _record(connection, alert_id, Change.CLOSED, now, notices, tell=notices.closing)


def open_alerts(connection: Connection) -> dict[AlertKey, Row[Any]]:
    """The rows of all open alerts."""
    rows = connection.execute(select(tables.alert).where(tables.alert.c.state == "open"))
    return {AlertKey(Kind(row.kind), PlaceKind(row.place_kind), row.place_id): row for row in rows}


# --- what a person does ---------------------------------------------------------------------------------------------


def acknowledge_alert(
    connection: Connection, alert_id: str, *, by: str, answer: Answer | None, now: datetime
) -> AlertChange:
    """Somebody takes the alert on, or says what was found. "Not true" closes it and keeps it quiet until it was clear.

    Raises AlertNotFoundError, AlertClosedError.
    """
    hold_judgement_lock(connection)
    row = alert_row(connection, alert_id)
    values: dict[str, Any] = {"acknowledged_at": now, "acknowledged_by": by}
    if answer is not None:
        values["answer"] = answer.value
    if answer is Answer.NOT_TRUE:
        values |= {"state": "closed", "closed_at": now, "closed_because": f"{by} says that it is not true"}
    if not _change_open(connection, alert_id, values):
        raise AlertClosedError(f"alert {alert_id} closed at {row.closed_at}: {row.closed_because}")
    acknowledged = _record(connection, alert_id, Change.ACKNOWLEDGED, now, NoticeSettings(), tell=False)
    if answer is Answer.NOT_TRUE:
        key = AlertKey(Kind(row.kind), PlaceKind(row.place_kind), row.place_id)
        remembered = read_suspicion(connection, key) or Suspicion(since_at=row.opened_at)
        write_suspicion(connection, key, muted(remembered, now))
        return _record(connection, alert_id, Change.CLOSED, now, NoticeSettings(), tell=False)
    return acknowledged


# --- rows -----------------------------------------------------------------------------------------------------------


def _is_more_urgent(row: Row[Any], discrepancy: Discrepancy) -> bool:
    return discrepancy.severity is Severity.URGENT and row.severity != Severity.URGENT


def _content(discrepancy: Discrepancy, now: datetime) -> dict[str, Any]:
    evidence = {
        "why": list(discrepancy.why),
        "probability_fraction": round(discrepancy.probability_fraction, 3),
        "figures": discrepancy.figures,
        "zone_ids": list(discrepancy.zone_ids),
        "camera_ids": list(discrepancy.camera_ids),
        "material": list(discrepancy.material),
    }
    return {
        "severity": discrepancy.severity.value,
        "headline": discrepancy.headline,
        "evidence": evidence,
        "updated_at": now,
    }


def _picture_id(connection: Connection, discrepancy: Discrepancy, now: datetime) -> int | None:
    """The newest picture of the shelf; none for a lost camera, whose last good picture would mislead."""
    if discrepancy.key.kind not in STOCK_KINDS:
        return None
    picture = tables.evidence_picture.c
    found: int | None = connection.execute(
        select(picture.picture_id)
        .where(picture.camera_id.in_(discrepancy.camera_ids), picture.received_at >= now - _PICTURE_AGE)
        .order_by(picture.received_at.desc())
        .limit(1)
    ).scalar()
    return found


def _change_open(connection: Connection, alert_id: str, values: dict[str, Any]) -> bool:
    alert = tables.alert.c
    statement = update(tables.alert).where(alert.alert_id == alert_id, alert.state == "open")
    return connection.execute(statement.values(**values)).rowcount == 1


def _record(
    connection: Connection, alert_id: str, change: Change, now: datetime, notices: NoticeSettings, *, tell: bool
) -> AlertChange:
    view = read_alert(connection, alert_id)
    snapshot = view.model_dump(mode="json")
    event_id: int = connection.execute(
        insert(tables.alert_event)
        .values(alert_id=alert_id, change=change.value, at=now, snapshot=snapshot)
        .returning(tables.alert_event.c.event_id)
    ).scalar_one()
    urgent = view.severity is Severity.URGENT
    rows = [
        {
            "event_id": event_id,
            "recipient": name,
            "state": "pending",
            "attempts_count": 0,
            "next_attempt_at": now,
            "urgent": urgent,
        }
        for name, recipient in notices.recipients.items()
        if tell and (urgent or recipient.when == "all")
    ]
    if rows:
        connection.execute(insert(tables.notice), rows)
    return AlertChange(event_id=event_id, alert_id=alert_id, change=change, at=now, snapshot=snapshot)
