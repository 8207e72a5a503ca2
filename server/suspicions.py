# SPDX-License-Identifier: AGPL-3.0-or-later
"""The table that lets suspicions survive a restart of the hub."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, select

from server import tables
from server.alert_state import Suspicion
from server.database import hold_lock, upsert
from server.discrepancy import AlertKey, Kind, PlaceKind

_LOCK_KEY = 0x6A756467
"""Any number that all hubs on one PostgreSQL agree on: the letters "judg"."""


def hold_judgement_lock(connection: Connection) -> None:
    """Let one transaction at a time change alerts, be it a judge or a person."""
    hold_lock(connection, _LOCK_KEY)


def read_suspicions(connection: Connection) -> dict[AlertKey, Suspicion]:
    """All that is remembered. Whether an alert is open is not known here: `is_open` is False throughout."""
    rows = connection.execute(select(tables.suspicion))
    return {AlertKey(Kind(row.kind), PlaceKind(row.place_kind), row.place_id): _suspicion(row) for row in rows}


def read_suspicion(connection: Connection, key: AlertKey) -> Suspicion | None:
    """What is remembered of one key."""
    row = connection.execute(select(tables.suspicion).where(_is(key))).one_or_none()
    return None if row is None else _suspicion(row)


def write_suspicion(connection: Connection, key: AlertKey, suspicion: Suspicion | None) -> None:
    """Remember, or forget with None."""
    if suspicion is None:
        connection.execute(delete(tables.suspicion).where(_is(key)))
        return
    row: dict[str, Any] = {
        "place_kind": key.place_kind.value,
        "place_id": key.place_id,
        "kind": key.kind.value,
        "since_at": suspicion.since_at,
        "clear_since_at": suspicion.clear_since_at,
        "frozen_at": suspicion.frozen_at,
        "muted": suspicion.muted,
    }
    upsert(connection, tables.suspicion, [row])


def _is(key: AlertKey) -> ColumnElement[bool]:
    column = tables.suspicion.c
    return and_(
        column.place_kind == key.place_kind.value, column.place_id == key.place_id, column.kind == key.kind.value
    )


def _suspicion(row: Row[Any]) -> Suspicion:
    return Suspicion(row.since_at, row.clear_since_at, row.frozen_at, muted=row.muted)
