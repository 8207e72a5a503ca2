# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shelves, zones and pictures; calibrations in; configurations out to nodes."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select

from calibration.document import Calibration
from calibration.files import geometry_faults
from contract.ids import CameraId, NodeId, ZoneId
from server import tables
from server.api_session import EngineOf, SettingsOf
from server.camera_nodes import assign_camera
from server.database import reading, writing
from server.replies import CalibrationTaken, CameraAssigned, DesiredAsked, Problem, Shelves, ZoneLook
from server.shelf_view import read_shelves
from server.shelves import ask_node, take_calibration

router = APIRouter(tags=["shelves"])


@router.get("/shelves")
def get_shelves(engine: EngineOf, settings: SettingsOf) -> Shelves:
    """Every shelf with its zones: counts, what is expected, what the books say, open alerts."""
    now = datetime.now(UTC)
    with reading(engine) as connection:
        return Shelves(now_at=now, shelves=read_shelves(connection, now, settings.judge.silent_after))


@router.get("/zones/{zone_id}/history")
def get_zone_history(
    zone_id: ZoneId,
    engine: EngineOf,
    since_at: AwareDatetime | None = None,
    until_at: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
) -> list[ZoneLook]:
    """Looks at one zone, the newest first; page on with `until_at` set to the last `looked_at`."""
    look, report = tables.zone_count.c, tables.report.c
    query = (
        select(
            tables.zone_count,
            report.captured_at,
            report.received_at,
            report.node_id,
            report.camera_id,
            report.model_id,
            report.calibration_id,
        )
        .join(tables.report, report.report_id == look.report_id)
        .where(look.zone_id == zone_id)
        .order_by(look.looked_at.desc(), look.report_id.desc())
        .limit(limit)
    )
    if since_at is not None:
        query = query.where(look.looked_at >= since_at)
    if until_at is not None:
        query = query.where(look.looked_at < until_at)
    with reading(engine) as connection:
        return [
            ZoneLook.model_validate({**row, "facings_count": row["facings_mode_count"]})
            for row in connection.execute(query).mappings()
        ]


@router.get(
    "/pictures/{picture_id}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 404: {"model": Problem}},
)
def get_picture(picture_id: Annotated[int, Path(ge=1, lt=2**63)], engine: EngineOf) -> Response:
    """One annotated picture; an id never shows another picture, so it may be kept by the browser."""
    picture = tables.evidence_picture.c
    with reading(engine) as connection:
        jpeg = connection.execute(select(picture.jpeg).where(picture.picture_id == picture_id)).scalar_one_or_none()
    if jpeg is None:
        raise HTTPException(404, f"no picture {picture_id}; old ones are dropped")
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400, immutable"})


@router.put("/cameras/{camera_id}/calibration", responses={409: {"model": Problem}})
def put_calibration(camera_id: CameraId, calibration: Calibration, engine: EngineOf) -> CalibrationTaken:
    """Make this document the camera's calibration and its zones the planogram."""
    if calibration.camera_id != camera_id:
        raise HTTPException(
            422, f"the document is for camera {calibration.camera_id!r}, the address says {camera_id!r}"
        )
    faults = geometry_faults(calibration, camera_id)
    if faults:
        raise HTTPException(422, "\n".join(str(fault) for fault in faults))
    with writing(engine) as connection:
        calibration_id = take_calibration(connection, calibration, datetime.now(UTC))
    return CalibrationTaken(camera_id=camera_id, calibration_id=calibration_id)


class CameraNode(BaseModel):
    """The node that is to speak for a camera."""

    model_config = ConfigDict(extra="forbid")

    node_id: NodeId


@router.put("/cameras/{camera_id}/node")
def put_camera_node(camera_id: CameraId, wish: CameraNode, engine: EngineOf) -> CameraAssigned:
    """Let this node speak for the camera from now on; without this call the first node that did keeps it."""
    with writing(engine) as connection:
        assign_camera(connection, camera_id, wish.node_id, datetime.now(UTC))
    return CameraAssigned(camera_id=camera_id, node_id=wish.node_id)


class NodeWish(BaseModel):
    """What a node should run; what is left out stays as in the node's own file."""

    model_config = ConfigDict(extra="forbid")

    look_interval_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    report_interval_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    evidence: bool | None = None
    camera_ids: Annotated[list[CameraId], Field(max_length=64)] = []
    """Cameras whose present calibration the hub sends along."""


@router.put("/nodes/{node_id}/desired", responses={404: {"model": Problem}, 422: {"model": Problem}})
def put_desired(node_id: NodeId, wish: NodeWish, engine: EngineOf) -> DesiredAsked:
    """Ask a node to run this. The answer carries the version; the node's status says when it runs it."""
    with writing(engine) as connection:
        desired = ask_node(
            connection,
            node_id,
            look_interval_s=wish.look_interval_s,
            report_interval_s=wish.report_interval_s,
            evidence=wish.evidence,
            camera_ids=wish.camera_ids,
            now=datetime.now(UTC),
        )
    return DesiredAsked(desired=desired)
