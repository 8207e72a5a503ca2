# SPDX-License-Identifier: AGPL-3.0-or-later
"""Read what one look of the judge needs, in a handful of statements whatever the number of zones."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from contract.counts import FacingsDistribution, SightState, UnknownReason
from contract.status import NodeState
from server import tables
from server.alert_views import Answer
from server.belief import OnHand
from server.judgement_settings import JudgeSettings
from server.lost_view import CameraSight, NodeSight
from server.sight import Sureness, ZoneMemory, ZoneSight, answered

_SALE = "sale"
_LOOKS_BACK_COUNT = 2000
"""More than a day of looks a minute."""


def read_nodes(connection: Connection, cameras: Iterable[CameraSight]) -> list[NodeSight]:
    """Every node that ever spoke. A report is a sign of life as much as a status."""
    of_node: dict[str, list[CameraSight]] = defaultdict(list)
    for camera in cameras:
        if camera.node_id is not None:
            of_node[camera.node_id].append(camera)
    return [
        NodeSight(
            node_id=row.node_id,
            state=row.state,
            state_since_at=row.state_since_at,
            received_at=max([row.received_at, *(c.received_at for c in of_node[row.node_id] if c.received_at)]),
            camera_ids=tuple(camera.camera_id for camera in of_node[row.node_id]),
        )
        for row in connection.execute(select(tables.node_latest).order_by(tables.node_latest.c.node_id))
    ]


def read_cameras(connection: Connection, zones: Iterable[Row[Any]]) -> list[CameraSight]:
    """Every camera that is calibrated here or ever reported."""
    of_camera: dict[str, list[Row[Any]]] = defaultdict(list)
    for zone in zones:
        of_camera[zone.camera_id].append(zone)
    latest = {row.camera_id: row for row in connection.execute(select(tables.camera_latest))}
    calibrated = set(connection.execute(select(tables.camera.c.camera_id)).scalars())
    return [
        _camera_sight(camera_id, latest.get(camera_id), of_camera[camera_id])
        for camera_id in sorted(calibrated | latest.keys())
    ]


def _camera_sight(camera_id: str, row: Row[Any] | None, zones: list[Row[Any]]) -> CameraSight:
    zone_ids = tuple(zone.zone_id for zone in zones)
    if row is None:
        return CameraSight(camera_id, zone_ids=zone_ids)
    return CameraSight(
        camera_id,
        node_id=row.node_id,
        view=row.view,
        view_reason=row.view_reason,
        looked_at=row.looked_at,
        received_at=row.received_at,
        zone_ids=zone_ids,
        zone_reasons=tuple((zone.zone_id, zone.reason) for zone in zones if zone.reason is not None),
    )


def read_zones(connection: Connection) -> list[Row[Any]]:
    """The planogram with the newest look at each zone, where there is one."""
    zone, latest = tables.zone.c, tables.zone_latest.c
    query = (
        select(
            tables.zone,
            latest.sku.label("seen_sku"),
            latest.camera_id.label("seen_by"),
            latest.state,
            latest.reason,
            latest.facings,
            latest.looked_at,
        )
        .outerjoin(tables.zone_latest, latest.zone_id == zone.zone_id)
        .order_by(zone.camera_id, zone.ordinal)
    )
    return list(connection.execute(query))


def sights_of(
    zones: Iterable[Row[Any]],
    cameras: Iterable[CameraSight],
    nodes: Iterable[NodeSight],
    memories: dict[str, ZoneMemory],
    *,
    now: datetime,
    settings: JudgeSettings,
) -> list[ZoneSight]:
    """One sight per zone; a look counts only while it is fresh and its camera and node stand for it."""
    camera_of = {camera.camera_id: camera for camera in cameras}
    gone = {node.node_id for node in nodes if node.state != NodeState.ONLINE}
    return [
        _zone_sight(row, _unknown_reason(row, camera_of.get(row.camera_id), gone, now, settings), memories)
        for row in zones
    ]


def _zone_sight(row: Row[Any], unknown_reason: str | None, memories: dict[str, ZoneMemory]) -> ZoneSight:
    memory = memories.get(row.zone_id)
    return ZoneSight(
        zone_id=row.zone_id,
        camera_id=row.camera_id,
        sku=row.sku,
        product_name=row.product_name,
        expected_facings_count=row.expected_facings_count,
        minimum_facings_count=row.minimum_facings_count,
        depth_units_count=row.depth_units_count,
        facings=FacingsDistribution.model_validate(row.facings) if unknown_reason is None else None,
        unknown_reason=unknown_reason,
        looked_at=row.looked_at,
        memory=memory if memory is not None and memory.sku == row.sku else None,
    )


def _unknown_reason(
    row: Row[Any], camera: CameraSight | None, gone: set[str], now: datetime, settings: JudgeSettings
) -> str | None:
    """Why this zone is not seen now; None when it is."""
    if row.state is None or camera is None or row.seen_sku != row.sku or row.seen_by != row.camera_id:
        return UnknownReason.NO_CALIBRATION
    if row.state != SightState.SEEN or row.facings is None:
        return row.reason or UnknownReason.CAMERA_LOST
    if camera.view != SightState.SEEN:
        return camera.view_reason or UnknownReason.CAMERA_LOST
    if camera.node_id in gone or now - row.looked_at > settings.silent_after:
        return UnknownReason.CAMERA_LOST
    return None


def read_memories(connection: Connection) -> dict[str, ZoneMemory]:
    """What is remembered of each zone's earlier looks."""
    return {
        row.zone_id: ZoneMemory(row.sku, row.looked_at, row.empty_since_at, row.low_since_at, row.restocked_at)
        for row in connection.execute(select(tables.zone_watch))
    }


def run_began_at(
    connection: Connection, zone_id: str, below_count: int, upto_at: datetime, settings: JudgeSettings
) -> datetime:
    """First look that was sure of fewer than `below_count` facings, with none up to `upto_at` that contradicts it.

    The judge may have missed the beginning: it was down, or a node sent in one go what it had kept. The search goes
    back `_LOOKS_BACK_COUNT` looks at the most.
    """
    count = tables.zone_count.c
    looks = connection.execute(
        select(count.looked_at, count.facings)
        .where(count.zone_id == zone_id, count.state == SightState.SEEN.value, count.looked_at <= upto_at)
        .order_by(count.looked_at.desc())
        .limit(_LOOKS_BACK_COUNT)
        .execution_options(yield_per=50)
    )
    began_at = upto_at
    with closing(looks):
        for look in looks:
            few_fraction = FacingsDistribution.model_validate(look.facings).probability_at_most(below_count - 1)
            few = answered(few_fraction, sure_fraction=settings.sure_fraction, clear_fraction=settings.clear_fraction)
            if few is Sureness.NO:
                break
            if few is Sureness.YES:
                began_at = look.looked_at
    return began_at


def read_books(connection: Connection, empty_since: dict[str, datetime], settings: JudgeSettings) -> dict[str, OnHand]:
    """Books of every SKU in the planogram. `empty_since` names the SKUs of which every zone is empty."""
    book = tables.book_latest
    rows = connection.execute(select(book).where(book.c.sku.in_(select(tables.zone.c.sku))))
    books = {
        row.sku: OnHand(
            row.sku,
            row.units,
            row.as_of_at,
            row.source,
            row.last_sale_at,
            row.last_receipt_at,
            row.last_adjustment_at,
        )
        for row in rows
    }
    basket_lag = timedelta(seconds=settings.basket_lag_s)
    for sku, since_at in empty_since.items():
        on_hand = books.get(sku)
        if on_hand and on_hand.last_sale_at and on_hand.last_sale_at > since_at + basket_lag:
            sold_count = _sold_count(connection, sku, since_at + basket_lag)
            books[sku] = replace(on_hand, sales_since_empty_count=sold_count)
    return books


def _sold_count(connection: Connection, sku: str, after_at: datetime) -> int:
    movement = tables.movement.c
    query = select(func.sum(-movement.units)).where(
        movement.sku == sku, movement.kind == _SALE, movement.occurred_at > after_at
    )
    return max(0, int(connection.execute(query).scalar() or 0))


def read_none_found(connection: Connection, skus: Iterable[str]) -> dict[str, datetime]:
    """When a person last found none of these SKUs in the back room."""
    alert = tables.alert.c
    query = (
        select(alert.sku, func.max(alert.acknowledged_at).label("found_at"))
        .where(alert.answer == Answer.NONE_IN_BACK.value, alert.sku.in_(list(skus)))
        .group_by(alert.sku)
    )
    return {row.sku: row.found_at for row in connection.execute(query)}
