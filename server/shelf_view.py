# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shelves as people look at them: planogram, newest looks, books and open alerts joined; stale is unknown."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select

from contract.counts import SightState
from contract.status import NodeState
from server import tables
from server.replies import Shelf, ZoneNow

NEVER_SEEN, STALE, NODE_LOST, NOT_IN_PLANOGRAM = "never_seen", "stale", "node_lost", "other_product"

Rows = dict[str, Row[Any]]


def sight_now(
    look: Row[Any] | None, camera: Row[Any] | None, node_state: str | None, now: datetime, silent_after: timedelta
) -> tuple[Literal["seen", "unknown"], str | None]:
    """Whether a look still says something about now, and if not, why. A good picture of a dead camera is no sight."""
    if look is None:
        return "unknown", NEVER_SEEN
    if node_state in {NodeState.LOST, NodeState.STOPPED}:
        return "unknown", NODE_LOST
    if camera is not None and camera.view != SightState.SEEN:
        return "unknown", camera.view_reason
    if look.state != SightState.SEEN:
        return "unknown", look.reason
    if now - look.looked_at > silent_after:
        return "unknown", STALE
    return "seen", None


def read_shelves(connection: Connection, now: datetime, silent_after: timedelta) -> list[Shelf]:
    """Every camera that is calibrated here or has reported, with its zones in planogram order."""
    cameras = _by(connection.execute(select(tables.camera)), "camera_id")
    views = _by(connection.execute(select(tables.camera_latest)), "camera_id")
    nodes = _by(connection.execute(select(tables.node_latest)), "node_id")
    pictures = _newest_pictures(connection)
    zones = _zones(connection, views, nodes, now, silent_after)
    shelves = []
    for camera_id in sorted(cameras.keys() | views.keys()):
        camera, view = cameras.get(camera_id), views.get(camera_id)
        node_state = _node_state(view, nodes)
        state, reason = _view_now(view, node_state, now, silent_after)
        picture = pictures.get(camera_id)
        shelves.append(
            Shelf(
                camera_id=camera_id,
                bay_id=camera.bay_id if camera else None,
                bay_name=(camera.bay_name or camera.bay_id) if camera else camera_id,
                node_id=view.node_id if view else None,
                node_state=node_state,
                view=state,
                view_reason=reason,
                looked_at=view.looked_at if view else None,
                age_s=(now - view.looked_at).total_seconds() if view else None,
                calibration_id=view.calibration_id if view else None,
                picture_id=picture.picture_id if picture else None,
                picture_at=picture.received_at if picture else None,
                zones=zones[camera_id],
            )
        )
    return shelves


def _by(rows: Iterable[Row[Any]], name: str) -> Rows:
    return {getattr(row, name): row for row in rows}


def _node_state(view: Row[Any] | None, nodes: Rows) -> str | None:
    node = nodes.get(view.node_id) if view else None
    return node.state if node else None


def _view_now(
    view: Row[Any] | None, node_state: str | None, now: datetime, silent_after: timedelta
) -> tuple[Literal["seen", "unknown"], str | None]:
    if view is None:
        return "unknown", NEVER_SEEN
    if node_state in {NodeState.LOST, NodeState.STOPPED}:
        return "unknown", NODE_LOST
    if view.view != SightState.SEEN:
        return "unknown", view.view_reason
    if now - view.looked_at > silent_after:
        return "unknown", STALE
    return "seen", None


def _newest_pictures(connection: Connection) -> Rows:
    picture = tables.evidence_picture.c
    newest = select(func.max(picture.picture_id)).group_by(picture.camera_id)
    query = select(picture.picture_id, picture.camera_id, picture.received_at).where(picture.picture_id.in_(newest))
    return _by(connection.execute(query), "camera_id")


def _zones(
    connection: Connection, views: Rows, nodes: Rows, now: datetime, silent_after: timedelta
) -> dict[str, list[ZoneNow]]:
    """Zones of each camera: the planogram's in its order, then those that only the camera's newest report knows."""
    planned = list(connection.execute(select(tables.zone).order_by(tables.zone.c.ordinal)))
    looks = _by(connection.execute(select(tables.zone_latest).order_by(tables.zone_latest.c.zone_id)), "zone_id")
    books = _by(connection.execute(select(tables.book_latest)), "sku")
    alerts = _open_alerts(connection)
    planned_ids = {row.zone_id for row in planned}
    unplanned = [
        row
        for zone_id, row in looks.items()
        if zone_id not in planned_ids and row.camera_id in views and row.report_id == views[row.camera_id].report_id
    ]
    of_camera: dict[str, list[ZoneNow]] = defaultdict(list)
    for place in planned + unplanned:
        look = looks.get(place.zone_id)
        view = views.get(place.camera_id)
        state, reason = sight_now(look, view, _node_state(view, nodes), now, silent_after)
        if state == "seen" and look is not None and (look.sku, look.camera_id) != (place.sku, place.camera_id):
            state, reason = "unknown", NOT_IN_PLANOGRAM
        zone = _zone_now(place, look if state == "seen" else None, state, reason, books.get(place.sku))
        looked_at = look.looked_at if look else None
        alert_ids = [*alerts["zone", place.zone_id], *alerts["sku", place.sku], *alerts["camera", place.camera_id]]
        age_s = (now - looked_at).total_seconds() if looked_at else None
        of_camera[place.camera_id].append(
            zone.model_copy(update={"looked_at": looked_at, "age_s": age_s, "alert_ids": alert_ids})
        )
    return of_camera


def _open_alerts(connection: Connection) -> dict[tuple[str, str], list[str]]:
    alert = tables.alert.c
    query = select(alert.alert_id, alert.place_kind, alert.place_id).where(alert.state == "open")
    ids: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in connection.execute(query.order_by(alert.opened_at)):
        ids[row.place_kind, row.place_id].append(row.alert_id)
    return ids


def _zone_now(
    place: Row[Any],
    look: Row[Any] | None,
    state: Literal["seen", "unknown"],
    reason: str | None,
    book: Row[Any] | None,
) -> ZoneNow:
    """`place` is a row of `zone`, or of `zone_latest` for a zone that no planogram names."""
    expected_count = getattr(place, "expected_facings_count", None)
    facings_count = look.facings_mode_count if look else None
    known = expected_count is not None and facings_count is not None
    return ZoneNow(
        zone_id=place.zone_id,
        sku=place.sku,
        product_name=getattr(place, "product_name", place.sku),
        state=state,
        reason=reason,
        facings_count=facings_count,
        facings_mean_count=look.facings_mean_count if look else None,
        gap_facings=look.gap_facings if look else None,
        expected_facings_count=expected_count,
        minimum_facings_count=getattr(place, "minimum_facings_count", None),
        depth_units_count=getattr(place, "depth_units_count", None),
        missing_facings_count=max(0, expected_count - facings_count) if known else None,  # type: ignore[operator]
        looked_at=None,
        age_s=None,
        on_hand_units=book.units if book else None,
        books_as_of_at=book.as_of_at if book else None,
        alert_ids=[],
    )
