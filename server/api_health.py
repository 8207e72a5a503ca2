# SPDX-License-Identifier: AGPL-3.0-or-later
"""`/healthz` and `/metrics`, both from the database: true for the whole hub, whichever worker is asked."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from server import tables
from server.api_session import EngineOf, SettingsOf
from server.database import reading
from server.gaps import read_boots
from server.replies import Health, PartHealth

router = APIRouter(tags=["health"])

_SILENCE = timedelta(seconds=15)
_BOOKS_SILENCE = timedelta(seconds=120)  # a year of sales in one file
_PARTS = ("ingest", "judge", "notices")
_MOST_WAITING_COUNT = 5000
"""More messages than this before the ledger's door: it does not keep up."""


@router.get("/healthz", responses={503: {"model": Health}})
def get_health(engine: EngineOf, settings: SettingsOf, response: Response) -> Health:
    """200 when database, broker connection, ingest, judge, notices and watched folders do their work, else 503."""
    try:
        with reading(engine) as connection:
            rows = {row.part: row for row in connection.execute(select(tables.heartbeat))}
        database = PartHealth(part="database", ok=True, reason=None)
    except SQLAlchemyError as error:
        rows = {}
        database = PartHealth(part="database", ok=False, reason=f"does not answer: {type(error).__name__}")
    now = datetime.now(UTC)
    watched = (*_PARTS, "books") if settings.books.watched else _PARTS
    parts = [database, *(_part(part, rows.get(part), now) for part in watched)]
    ok = all(part.ok for part in parts)
    response.status_code = 200 if ok else 503
    response.headers["Cache-Control"] = "no-store"
    return Health(ok=ok, parts=parts)


def _part(part: str, row: Any, now: datetime) -> PartHealth:
    reason = None
    if row is None:
        reason = "has not shown a sign of life yet"
    elif now - row.beat_at > (_BOOKS_SILENCE if part == "books" else _SILENCE):
        reason = f"last sign of life {(now - row.beat_at).total_seconds():.0f} s ago"
    elif not row.ok:
        reason = str(row.detail.get("trouble") or "in trouble")
    elif row.detail.get("waiting_count", 0) > _MOST_WAITING_COUNT:
        reason = f"{row.detail['waiting_count']} messages wait for the ledger"
    return PartHealth(part=part, ok=reason is None, reason=reason)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def get_metrics(engine: EngineOf) -> Response:
    """Prometheus text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(engine))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Collector:
    """Reads at every scrape, so nothing is counted twice however many workers there are."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        with reading(self._engine) as connection:
            yield from _ledger_metrics(connection)
            yield from _alert_metrics(connection)
            yield from _zone_metrics(connection)
            yield from _part_metrics(connection)


def _ledger_metrics(connection: Connection) -> Iterator[Metric]:
    reports = CounterMetricFamily("facings_reports", "Reports in the ledger.", labels=["node_id"])
    missing = GaugeMetricFamily("facings_reports_missing", "Sequences that have not arrived.", labels=["node_id"])
    missing_counts: Counter[str] = Counter()
    for item in read_boots(connection, incomplete_only=True):
        missing_counts[item.node_id] += item.missing_count
    boot = tables.boot_progress.c
    received = select(boot.node_id, func.sum(boot.received_count).label("received_count")).group_by(boot.node_id)
    for row in connection.execute(received):
        reports.add_metric([row.node_id], int(row.received_count))
        missing.add_metric([row.node_id], missing_counts[row.node_id])
    yield reports
    yield missing
    newest = connection.execute(select(func.max(tables.dead_letter.c.dead_letter_id))).scalar() or 0
    yield CounterMetricFamily("facings_dead_letters", "Messages that could not be used.", value=newest)


def _alert_metrics(connection: Connection) -> Iterator[Metric]:
    alert = tables.alert.c
    query = select(alert.kind, func.count().label("open_count")).where(alert.state == "open").group_by(alert.kind)
    opened = GaugeMetricFamily("facings_alerts_open", "Open alerts.", labels=["kind"])
    for row in connection.execute(query):
        opened.add_metric([row.kind], row.open_count)
    yield opened


def _zone_metrics(connection: Connection) -> Iterator[Metric]:
    zone = tables.zone_latest.c
    query = select(zone.state, func.count().label("zones_count")).group_by(zone.state)
    zones = GaugeMetricFamily("facings_zones", "Zones by what the newest look says.", labels=["state"])
    for row in connection.execute(query):
        zones.add_metric([row.state], row.zones_count)
    yield zones


def _part_metrics(connection: Connection) -> Iterator[Metric]:
    alive = GaugeMetricFamily("facings_part_alive_timestamp_seconds", "Last sign of life.", labels=["part"])
    well = GaugeMetricFamily("facings_part_ok", "1 when the part does its work.", labels=["part"])
    waiting = GaugeMetricFamily("facings_ingest_waiting", "Messages before the ledger's door.")
    for row in connection.execute(select(tables.heartbeat)):
        alive.add_metric([row.part], row.beat_at.timestamp())
        well.add_metric([row.part], float(row.ok))
        if row.part == "ingest":
            waiting.add_metric([], row.detail.get("waiting_count", 0))
    yield alive
    yield well
    yield waiting
