# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which node speaks for a camera: the first that did, until a person names another one.

The broker holds a node to its own name, not to its own cameras. Without this, one node with stolen credentials could
empty every shelf of the shop.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from server import tables
from server.database import hold_ingest_lock, upsert
from server.letters import DeadLetter, ReportLetter, dead_letter_of

MAX_CAMERAS_PER_NODE_COUNT = 64
"""As many as a node's status can name. A node that invents cameras must not fill the page and raise their alerts."""


def nodes_of(connection: Connection, camera_ids: Iterable[str]) -> dict[str, str]:
    """The node of each camera that has one."""
    column = tables.camera_node.c
    query = select(column.camera_id, column.node_id).where(column.camera_id.in_(set(camera_ids)))
    return {row.camera_id: row.node_id for row in connection.execute(query)}


def part_foreign(connection: Connection, letters: list[ReportLetter]) -> tuple[list[ReportLetter], list[DeadLetter]]:
    """Give each new camera to the node that speaks first; what another node says of it becomes a dead letter."""
    known = nodes_of(connection, {letter.report.camera_id for letter in letters})
    new = [letter.report for letter in letters if letter.report.camera_id not in known]
    counts = _cameras_counts(connection, {report.node_id for report in new}) if new else Counter()
    claimed: dict[str, ReportLetter] = {}
    own, foreign = [], []
    for letter in letters:
        camera_id, node_id = letter.report.camera_id, letter.report.node_id
        if camera_id not in known and counts[node_id] < MAX_CAMERAS_PER_NODE_COUNT:
            known[camera_id], claimed[camera_id] = node_id, letter
            counts[node_id] += 1
        if known.get(camera_id) == node_id:
            own.append(letter)
        else:
            foreign.append(dead_letter_of(letter, _why_foreign(camera_id, node_id, known.get(camera_id))))
    if claimed:
        rows = [
            {"camera_id": camera_id, "node_id": letter.report.node_id, "since_at": letter.received_at}
            for camera_id, letter in claimed.items()
        ]
        connection.execute(insert(tables.camera_node), rows)
    return own, foreign


def _cameras_counts(connection: Connection, node_ids: set[str]) -> Counter[str]:
    column = tables.camera_node.c
    query = select(column.node_id, func.count().label("cameras_count")).where(column.node_id.in_(node_ids))
    rows = connection.execute(query.group_by(column.node_id))
    return Counter({row.node_id: row.cameras_count for row in rows})


def _why_foreign(camera_id: str, node_id: str, owner_id: str | None) -> str:
    move = f"call PUT /api/v1/cameras/{camera_id}/node"
    if owner_id is None:
        return (
            f"node {node_id} speaks for {MAX_CAMERAS_PER_NODE_COUNT} cameras already; if {camera_id} is its own, {move}"
        )
    return f"camera {camera_id} belongs to node {owner_id}, not to {node_id}; if it moved, {move}"


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
