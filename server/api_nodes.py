# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nodes and cameras, how complete their reports are, and what arrived but could not be used."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select

from contract.ids import BootId, NodeId
from server import tables
from server.api_session import EngineOf
from server.database import reading
from server.gaps import read_boots, read_gaps
from server.replies import BootProgress, CameraNow, DeadLetterReply, NodeNow, SequenceGap

router = APIRouter(tags=["nodes"])

_PREVIEW_CHARACTERS = 400


@router.get("/nodes")
def get_nodes(engine: EngineOf) -> list[NodeNow]:
    """Every node that ever spoke, with its last word."""
    with reading(engine) as connection:
        boots = read_boots(connection, incomplete_only=True)
        missing = {(boot.node_id, boot.boot_id): boot.missing_count for boot in boots}
        rows = connection.execute(select(tables.node_latest).order_by(tables.node_latest.c.node_id)).mappings()
        return [
            NodeNow.model_validate({**row, "missing_count": missing.get((row["node_id"], row["boot_id"]), 0)})
            for row in rows
        ]


@router.get("/cameras")
def get_cameras(engine: EngineOf) -> list[CameraNow]:
    """The last look of every camera."""
    with reading(engine) as connection:
        rows = connection.execute(select(tables.camera_latest).order_by(tables.camera_latest.c.camera_id)).mappings()
        return [CameraNow.model_validate(dict(row)) for row in rows]


@router.get("/boots")
def get_boots(engine: EngineOf, *, incomplete_only: bool = False) -> list[BootProgress]:
    """Every start of every node, the latest first: how many reports came, and how many are missing."""
    with reading(engine) as connection:
        return read_boots(connection, incomplete_only=incomplete_only)


@router.get("/nodes/{node_id}/boots/{boot_id}/gaps")
def get_gaps(node_id: NodeId, boot_id: BootId, engine: EngineOf) -> list[SequenceGap]:
    """Which sequences of one boot are missing, lowest first, at most 1000 ranges."""
    with reading(engine) as connection:
        return read_gaps(connection, node_id, boot_id)


@router.get("/dead-letters")
def get_dead_letters(
    engine: EngineOf,
    before_id: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[DeadLetterReply]:
    """What could not be used, the newest first; page on with `before_id`."""
    letter = tables.dead_letter.c
    query = select(tables.dead_letter).order_by(letter.dead_letter_id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(letter.dead_letter_id < before_id)
    with reading(engine) as connection:
        return [
            DeadLetterReply.model_validate({**row, "payload_preview": _preview(row["payload"])})
            for row in connection.execute(query).mappings()
        ]


def _preview(payload: bytes) -> str:
    decoded = payload[:_PREVIEW_CHARACTERS].decode(errors="replace")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in decoded)
