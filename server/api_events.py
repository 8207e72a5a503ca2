# SPDX-License-Identifier: AGPL-3.0-or-later
"""Server-sent events: alerts and zones as they change, read from the database, so that any worker may serve them.

An event's id holds both cursors, `A.R`: the last alert event and the last report. A browser that was away sends it
as `Last-Event-ID` and gets what it missed.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header
from sqlalchemy import Connection, Engine, func, select
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from server import tables
from server.alert_views import events_after
from server.api_session import EngineOf
from server.database import reading

router = APIRouter(tags=["events"])

_POLL_S = 0.5
_PING_S = 15
_LOOK_BACK_COUNT = 50
"""Numbers are given before transactions end, so a lower one may show up after a higher one."""
_MOST_AT_ONCE_COUNT = 500


@dataclass(slots=True)
class Cursor:
    """How far a listener has been told."""

    event_id: int
    report_id: int

    def __str__(self) -> str:
        return f"{self.event_id}.{self.report_id}"


@router.get("/events", response_class=EventSourceResponse)
async def get_events(engine: EngineOf, last_event_id: Annotated[str | None, Header()] = None) -> EventSourceResponse:
    """Events `alert` (an alert with its change), `zones` (zones with a new look) and `hello`, which comes first."""
    return EventSourceResponse(_stream(engine, last_event_id), ping=_PING_S)


async def _stream(engine: Engine, last_event_id: str | None) -> AsyncIterator[ServerSentEvent]:
    cursor = await run_in_threadpool(_begin, engine, last_event_id)
    told = set(range(max(0, cursor.event_id - _LOOK_BACK_COUNT), cursor.event_id + 1))
    yield ServerSentEvent(event="hello", id=str(cursor), data="{}", retry=2000)
    while True:
        news = await run_in_threadpool(_news, engine, cursor, told)
        for left_count, (kind, document) in zip(range(len(news) - 1, -1, -1), news, strict=True):
            # Only the last one moves the listener's cursor: who breaks off before it is told all of them again.
            yield ServerSentEvent(event=kind, id=None if left_count else str(cursor), data=document)
        await asyncio.sleep(_POLL_S)


def _begin(engine: Engine, last_event_id: str | None) -> Cursor:
    with reading(engine) as connection:
        newest = Cursor(
            _highest(connection, tables.alert_event.c.event_id), _highest(connection, tables.report.c.report_id)
        )
    known = re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,18})", last_event_id or "")
    if not known:
        return newest
    # A cursor from before the database was made anew would otherwise wait for numbers that are years away.
    return Cursor(min(int(known[1]), newest.event_id), min(int(known[2]), newest.report_id))


def _highest(connection: Connection, column: Any) -> int:
    return connection.execute(select(func.max(column))).scalar() or 0


def _news(engine: Engine, cursor: Cursor, told: set[int]) -> list[tuple[str, str]]:
    """What the listener has not been told yet; moves the cursor on."""
    with reading(engine) as connection:
        since = max(0, cursor.event_id - _LOOK_BACK_COUNT)
        events = [
            event for event in events_after(connection, since, limit=_MOST_AT_ONCE_COUNT) if event.event_id not in told
        ]
        zone = tables.zone_latest.c
        changed = connection.execute(
            select(zone.zone_id, zone.report_id, zone.state, zone.reason, zone.facings_mode_count)
            .where(zone.report_id > cursor.report_id)
            .order_by(zone.report_id)
        ).all()
    news = [("alert", event.model_dump_json()) for event in events]
    told.update(event.event_id for event in events)
    cursor.event_id = max([cursor.event_id, *(event.event_id for event in events)])
    told.difference_update({event_id for event_id in told if event_id < cursor.event_id - 2 * _LOOK_BACK_COUNT})
    if changed:
        cursor.report_id = changed[-1].report_id
        news.append(("zones", _zones_json(changed)))
    return news


def _zones_json(rows: Any) -> str:
    return json.dumps(
        [
            {"zone_id": row.zone_id, "state": row.state, "reason": row.reason, "facings_count": row.facings_mode_count}
            for row in rows
        ]
    )
