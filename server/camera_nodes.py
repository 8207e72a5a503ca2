# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which node speaks for a camera: the first that did, until a person names another one.

The broker holds a node to its own name, not to its own cameras. Without this, one node with stolen credentials could
empty every shelf of the shop.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from server import tables
from server.database import hold_ingest_lock, upsert
from server.letters import DeadLetter, ReportLetter, dead_letter_of


def nodes_of(connection: Connection, camera_ids: Iterable[str]) -> dict[str, str]:
    """The node of each camera that has one."""
    column = tables.camera_node.c
    query = select(column.camera_id, column.node_id).where(column.camera_id.in_(set(camera_ids)))
    return {row.camera_id: row.node_id for row in connection.execute(query)}


def part_foreign(connection: Connection, letters: list[ReportLetter]) -> tuple[list[ReportLetter], list[DeadLetter]]:
    """Give each new camera to the node that speaks first; what another node says of it becomes a dead letter."""
    known = nodes_of(connection, {letter.report.camera_id for letter in letters})
    claimed: dict[str, ReportLetter] = {}
    own, foreign = [], []
    for letter in letters:
        camera_id, node_id = letter.report.camera_id, letter.report.node_id
        if camera_id not in known:
            known[camera_id], claimed[camera_id] = node_id, letter
        if known[camera_id] == node_id:
            own.append(letter)
        else:
            reason = (
                f"camera {camera_id} belongs to node {known[camera_id]}, not to {node_id}; if it moved, "
                f"call PUT /api/v1/cameras/{camera_id}/node"
            )
            foreign.append(dead_letter_of(letter, reason))
    if claimed:
        rows = [
            {"camera_id": camera_id, "node_id": letter.report.node_id, "since_at": letter.received_at}
            for camera_id, letter in claimed.items()
        ]
        connection.execute(insert(tables.camera_node), rows)
    return own, foreign


def assign_camera(connection: Connection, camera_id: str, node_id: str, now: datetime) -> None:
    """Let this node, and no other, speak for the camera from now on.

    What another node saw last is forgotten as the present (it stays in the ledger): two nodes' looks have no order.
    """
    hold_ingest_lock(connection)
    if nodes_of(connection, [camera_id]).get(camera_id) == node_id:
        return
    upsert(connection, tables.camera_node, [{"camera_id": camera_id, "node_id": node_id, "since_at": now}])
    for table in (tables.camera_latest, tables.zone_latest):
        connection.execute(delete(table).where(table.c.camera_id == camera_id))
