# SPDX-License-Identifier: AGPL-3.0-or-later
"""Alerts: list, read, take on."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.ids import Sku
from server.alert_views import AlertEventView, AlertView, Answer, alert_history, list_alerts, read_alert
from server.alerts import acknowledge_alert
from server.api_session import EngineOf
from server.database import reading, writing
from server.discrepancy import Kind
from server.replies import Problem

router = APIRouter(prefix="/alerts", tags=["alerts"])

AlertId = Annotated[str, Path(max_length=64, pattern=r"^[0-9A-Za-z-]+$")]


@router.get("")
def get_alerts(
    engine: EngineOf,
    state: Literal["open", "closed"] | None = None,
    kind: Kind | None = None,
    sku: Sku | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[AlertView]:
    """Alerts, the newest first."""
    with reading(engine) as connection:
        return list_alerts(connection, state=state, kind=kind, sku=sku, limit=limit)


@router.get("/{alert_id}", responses={404: {"model": Problem}})
def get_alert(alert_id: AlertId, engine: EngineOf) -> AlertView:
    """One alert."""
    with reading(engine) as connection:
        return read_alert(connection, alert_id)


@router.get("/{alert_id}/events", responses={404: {"model": Problem}})
def get_alert_events(alert_id: AlertId, engine: EngineOf) -> list[AlertEventView]:
    """Every change of one alert, the oldest first."""
    with reading(engine) as connection:
        return alert_history(connection, alert_id)


class Acknowledgement(BaseModel):
    """Who takes the alert on and, if already known, what was found."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")] = "somebody"
    answer: Answer | None = None


@router.post("/{alert_id}/acknowledge", responses={404: {"model": Problem}, 409: {"model": Problem}})
def post_acknowledgement(alert_id: AlertId, acknowledgement: Acknowledgement, engine: EngineOf) -> AlertView:
    """Take an open alert on; repeating it does no harm."""
    with writing(engine) as connection:
        acknowledge_alert(
            connection, alert_id, by=acknowledgement.by, answer=acknowledgement.answer, now=datetime.now(UTC)
        )
        return read_alert(connection, alert_id)
