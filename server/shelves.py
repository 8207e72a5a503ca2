# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where things should be: calibrations taken into the planogram, and what nodes are asked to run."""

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, delete, func, insert, select

from calibration.document import Calibration
from contract.desired import DesiredCalibration, DesiredConfig
from server import tables
from server.database import insert_for, reading, upsert
from server.errors import DesiredConfigError, NotFoundError, PlanogramError

if TYPE_CHECKING:
    from server.broker_link import BrokerLink


def take_calibration(connection: Connection, calibration: Calibration, now: datetime) -> str:
    """Make this the calibration of its camera: its zones are the planogram of that camera from now on.

    Taking the same one again changes nothing. Returns its id. Raises PlanogramError, listing every zone that belongs
    to another camera.
    """
    camera_id, calibration_id = calibration.camera_id, calibration.calibration_id
    _refuse_unprintable_names(calibration)
    _refuse_foreign_zones(connection, calibration)
    document = {"calibration_id": calibration_id, "camera_id": camera_id, "document": calibration.to_json()}
    statement = insert_for(connection, tables.calibration).on_conflict_do_nothing()
    connection.execute(statement, {**document, "imported_at": now})
    bay = calibration.bay
    camera = {"camera_id": camera_id, "calibration_id": calibration_id, "bay_id": bay.bay_id, "bay_name": bay.name}
    upsert(connection, tables.camera, [camera])
    connection.execute(delete(tables.zone).where(tables.zone.c.camera_id == camera_id))
    connection.execute(
        insert(tables.zone),
        [
            {
                "zone_id": zone.zone_id,
                "camera_id": camera_id,
                "bay_id": bay.bay_id,
                "ordinal": i,
                "sku": zone.sku,
                "product_name": zone.product_name or zone.sku,
                "expected_facings_count": zone.expected_facings_count,
                "minimum_facings_count": zone.minimum_facings_count,
                "depth_units_count": zone.depth_units_count,
            }
            for i, zone in enumerate(calibration.zones)
        ],
    )
    names = {zone.sku: zone.product_name for zone in calibration.zones if zone.product_name}
    if names:
        known = insert_for(connection, tables.product).on_conflict_do_nothing()
        connection.execute(known, [{"sku": sku, "name": name, "updated_at": now} for sku, name in names.items()])
    return calibration_id


def _refuse_unprintable_names(calibration: Calibration) -> None:
    named = [("bay.name", calibration.bay.name)]
    named += [(f"zones.{i}.product_name", zone.product_name) for i, zone in enumerate(calibration.zones)]
    faults = [field for field, name in named if not name.isprintable()]
    if faults:
        listed = ", ".join(faults)
        raise PlanogramError(f"calibration of camera {calibration.camera_id}: cannot be printed: {listed}")


def _refuse_foreign_zones(connection: Connection, calibration: Calibration) -> None:
    zone = tables.zone.c
    ids = [item.zone_id for item in calibration.zones]
    query = select(zone.zone_id, zone.camera_id).where(zone.zone_id.in_(ids), zone.camera_id != calibration.camera_id)
    foreign = connection.execute(query.order_by(zone.zone_id)).all()
    if foreign:
        listed = "; ".join(f"zone {row.zone_id} belongs to camera {row.camera_id}" for row in foreign)
        raise PlanogramError(f"calibration of camera {calibration.camera_id}: {listed}. Take it out there first.")


def ask_node(
    connection: Connection,
    node_id: str,
    *,
    look_interval_s: float | None,
    report_interval_s: float | None,
    evidence: bool | None,
    camera_ids: list[str],
    now: datetime,
) -> DesiredConfig:
    """Write the next version of what a node should run, with the present calibrations of `camera_ids`.

    The version is above every one that the node says it runs, too: a hub whose database was made anew would otherwise
    ask in vain. The ingest publishes it. Raises NotFoundError for a camera without calibration, DesiredConfigError
    for values no node would take.
    """
    column = tables.desired_config.c
    highest = select(func.max(column.config_version)).where(column.node_id == node_id)
    status = select(tables.node_latest.c.status).where(tables.node_latest.c.node_id == node_id)
    running = (connection.execute(status).scalar_one_or_none() or {}).get("config_version") or 0
    version = max(connection.execute(highest).scalar_one() or 0, running) + 1
    try:
        desired = DesiredConfig(
            node_id=node_id,
            config_version=version,
            look_interval_s=look_interval_s,
            report_interval_s=report_interval_s,
            evidence=evidence,
            calibrations=tuple(_stored_calibration(connection, camera_id) for camera_id in camera_ids),
        )
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise DesiredConfigError("; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults)) from error
    row = {"node_id": node_id, "config_version": version, "document": desired.to_json().decode(), "created_at": now}
    connection.execute(insert(tables.desired_config).values(row))
    return desired


def _stored_calibration(connection: Connection, camera_id: str) -> DesiredCalibration:
    query = (
        select(tables.calibration.c.calibration_id, tables.calibration.c.document)
        .join(tables.camera, tables.camera.c.calibration_id == tables.calibration.c.calibration_id)
        .where(tables.camera.c.camera_id == camera_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"camera {camera_id!r} has no calibration; add one with: facings hub calibration add FILE")
    return DesiredCalibration(camera_id=camera_id, calibration_id=row.calibration_id, document_json=row.document)


class DesiredPublisher:
    """Keeps the broker's retained configurations equal to the newest in the database, also after it lost them."""

    def __init__(self, engine: Engine, link: "BrokerLink") -> None:
        self._engine = engine
        self._link = link
        self._published: dict[str, int] = {}
        self._connection_number = 0

    def publish_new(self) -> None:
        """Publish every newest version that this connection has not published yet."""
        if self._connection_number != self._link.connection_number:
            self._connection_number = self._link.connection_number
            self._published.clear()
        column = tables.desired_config.c
        newest = select(column.node_id, func.max(column.config_version).label("newest")).group_by(column.node_id)
        with reading(self._engine) as connection:
            wanted = {row.node_id: row.newest for row in connection.execute(newest)}
            for node_id, version in wanted.items():
                if self._published.get(node_id) != version and self._publish(connection, node_id, version):
                    self._published[node_id] = version

    def _publish(self, connection: Connection, node_id: str, version: int) -> bool:
        column = tables.desired_config.c
        query = select(column.document).where(column.node_id == node_id, column.config_version == version)
        return self._link.say_desired(DesiredConfig.read(connection.execute(query).scalar_one()))
