# SPDX-License-Identifier: AGPL-3.0-or-later
"""What nodes say about themselves: the present state of each, and which of its boots is the present one."""

from typing import Any

from sqlalchemy import Connection, select, update

from contract.status import NodeState
from server import tables
from server.database import insert_for, upsert
from server.instants import clock_offset_s
from server.letters import StatusLetter


def take_status(connection: Connection, letters: list[StatusLetter]) -> None:
    """Take statuses in the order of their arrival.

    A farewell (`stopped`, or the broker's `lost`) of an earlier boot may arrive after the next boot said hello;
    it says nothing about the present one and is left aside.
    """
    for letter in letters:
        status = letter.status
        if status.state is NodeState.ONLINE:
            _announce(connection, letter)
        row = connection.execute(
            select(tables.node_latest).where(tables.node_latest.c.node_id == status.node_id)
        ).one_or_none()
        belated = row is not None and row.boot_id != status.boot_id and status.state is not NodeState.ONLINE
        if not belated:
            upsert(connection, tables.node_latest, [_node_row(letter, row)])


def _announce(connection: Connection, letter: StatusLetter) -> None:
    """Note when this boot first said hello; the boot may have sent nothing else yet."""
    boot = tables.boot_progress
    status = letter.status
    statement = insert_for(connection, boot).on_conflict_do_nothing(index_elements=["node_id", "boot_id"])
    connection.execute(
        statement,
        {
            "node_id": status.node_id,
            "boot_id": status.boot_id,
            "first_received_at": letter.received_at,
            "last_received_at": letter.received_at,
            "announced_at": letter.received_at,
            "highest_sequence": 0,
            "received_count": 0,
        },
    )
    connection.execute(
        update(boot)
        .where(boot.c.node_id == status.node_id, boot.c.boot_id == status.boot_id, boot.c.announced_at.is_(None))
        .values(announced_at=letter.received_at)
    )


def _node_row(letter: StatusLetter, before: Any) -> dict[str, Any]:
    status = letter.status
    same_boot = before is not None and before.boot_id == status.boot_id
    unchanged = same_boot and before.state == status.state.value
    offset_s = before.clock_offset_s if same_boot else 0.0
    if letter.live and status.reported_at is not None:
        offset_s = clock_offset_s(reported_at=status.reported_at, received_at=letter.received_at)
    document = status.model_dump(mode="json", exclude_none=True)
    if same_boot and status.state is NodeState.LOST:
        # A last will carries no more than the state; what was known of the node stays worth knowing.
        document = {**before.status, "state": status.state.value}
    return {
        "node_id": status.node_id,
        "boot_id": status.boot_id,
        "state": status.state.value,
        "state_since_at": before.state_since_at if unchanged else letter.received_at,
        "received_at": letter.received_at,
        "clock_offset_s": offset_s,
        "status": document,
    }
