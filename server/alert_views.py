# SPDX-License-Identifier: AGPL-3.0-or-later
"""Alerts as the API, the events and the notices show them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, Row, select

from server import tables
from server.discrepancy import Kind, PlaceKind, Severity
from server.errors import ConflictError, NotFoundError


class AlertNotFoundError(NotFoundError):
    """No alert has that id."""


class AlertClosedError(ConflictError):
    """The alert is over, so nobody can take it on."""


class Answer(StrEnum):
    """What a person found at the shelf."""

    DONE = "done"
    NONE_IN_BACK = "none_in_back"
    NOT_TRUE = "not_true"


class Change(StrEnum):
    """What can happen to an alert."""

    OPENED = "opened"
    UPDATED = "updated"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class AlertView(BaseModel):
    """One alert as the API, the events and the notices show it."""

    model_config = ConfigDict(frozen=True)

    alert_id: str
    kind: Kind
    place_kind: PlaceKind
    place_id: str
    sku: str | None
    state: Literal["open", "closed"]
    severity: Severity
    headline: str
    why: list[str]
    probability_fraction: float
    figures: dict[str, Any]
    zone_ids: list[str]
    camera_ids: list[str]
    opened_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    answer: Answer | None
    closed_at: datetime | None
    closed_because: str | None
    picture_id: int | None


class AlertEventView(BaseModel):
    """One change of one alert, with the alert as it then was."""

    model_config = ConfigDict(frozen=True)

    event_id: int
    alert_id: str
    change: Change
    at: datetime
    snapshot: AlertView


def list_alerts(
    connection: Connection,
    *,
    state: Literal["open", "closed"] | None = None,
    kind: Kind | None = None,
    sku: str | None = None,
    limit: int = 200,
) -> list[AlertView]:
    """Alerts, the newest first."""
    alert = tables.alert.c
    query = select(tables.alert).order_by(alert.opened_at.desc(), alert.alert_id).limit(limit)
    for column, wanted in ((alert.state, state), (alert.kind, kind), (alert.sku, sku)):
        if wanted is not None:
            query = query.where(column == str(wanted))
    return [_view(row) for row in connection.execute(query)]


def read_alert(connection: Connection, alert_id: str) -> AlertView:
    """One alert. Raises AlertNotFoundError."""
    return _view(alert_row(connection, alert_id))


def alert_history(connection: Connection, alert_id: str) -> list[AlertEventView]:
    """All changes of one alert, the oldest first. Raises AlertNotFoundError."""
    alert_row(connection, alert_id)
    event = tables.alert_event.c
    query = select(tables.alert_event).where(event.alert_id == alert_id).order_by(event.event_id)
    return [_event_view(row) for row in connection.execute(query)]


def events_after(connection: Connection, event_id: int, *, limit: int = 500) -> list[AlertEventView]:
    """Changes of all alerts after `event_id`, the oldest first."""
    event = tables.alert_event.c
    query = select(tables.alert_event).where(event.event_id > event_id).order_by(event.event_id).limit(limit)
    return [_event_view(row) for row in connection.execute(query)]


def alert_row(connection: Connection, alert_id: str) -> Row[Any]:
    """The stored row. Raises AlertNotFoundError."""
    row = connection.execute(select(tables.alert).where(tables.alert.c.alert_id == alert_id)).one_or_none()
    if row is None:
        raise AlertNotFoundError(f"no alert {alert_id!r}: list them with GET /api/v1/alerts")
    return row


def _view(row: Row[Any]) -> AlertView:
    fields = dict(row._mapping)  # noqa: SLF001 (the documented way to read a row as a mapping)
    evidence = {name: value for name, value in fields.pop("evidence").items() if name != "material"}
    return AlertView.model_validate(fields | evidence)


def _event_view(row: Row[Any]) -> AlertEventView:
    return AlertEventView.model_validate(dict(row._mapping))  # noqa: SLF001 (as above)
