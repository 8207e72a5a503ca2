# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signs of life of the hub's threads, through the database, so that any process can tell how all of them are."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from server import tables
from server.database import upsert, writing


def beat(engine: Engine, part: str, now: datetime, *, ok: bool, detail: dict[str, Any]) -> None:
    """Write that `part` (`ingest`, `judge`, `notices`, `books`) was alive at `now`, and what it has to say."""
    with writing(engine) as connection:
        upsert(connection, tables.heartbeat, [{"part": part, "beat_at": now, "ok": ok, "detail": detail}])
