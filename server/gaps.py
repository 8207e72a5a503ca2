# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which reports have not arrived: sequences count from 1 within a boot, so a hole is on its way, or was given up."""

from typing import Any

import structlog
from sqlalchemy import Connection, Engine, func, select, union

from server import tables
from server.database import reading
from server.replies import BootProgress, SequenceGap

_log = structlog.get_logger(__name__)

_MOST_RANGES_COUNT = 1000


def read_boots(connection: Connection, *, incomplete_only: bool = False) -> list[BootProgress]:
    """Progress of every boot, or of those that miss a report; a dead letter with a key is settled, not missing.

    Every start of every node is a boot, for ever: what is asked often should ask for the incomplete ones.
    """
    boot, letter, report = tables.boot_progress.c, tables.dead_letter.c, tables.report.c
    also_report = (
        select(report.report_id)
        .where(report.node_id == letter.node_id, report.boot_id == letter.boot_id, report.sequence == letter.sequence)
        .exists()
    )
    dead = (
        select(letter.node_id, letter.boot_id, func.count().label("dead_count"))
        .where(letter.sequence.is_not(None), ~also_report)
        .group_by(letter.node_id, letter.boot_id)
    )
    dead_counts = {(row.node_id, row.boot_id): row.dead_count for row in connection.execute(dead)}
    query = select(tables.boot_progress).order_by(boot.last_received_at.desc())
    if incomplete_only:
        query = query.where(boot.highest_sequence > boot.received_count)
    rows = connection.execute(query).mappings()
    boots = [_boot(dict(row), dead_counts.get((row["node_id"], row["boot_id"]), 0)) for row in rows]
    return [item for item in boots if item.missing_count or not incomplete_only]


def _boot(row: dict[str, Any], dead_count: int) -> BootProgress:
    missing_count = max(0, row["highest_sequence"] - row["received_count"] - dead_count)
    return BootProgress.model_validate({**row, "dead_letters_count": dead_count, "missing_count": missing_count})


def read_gaps(connection: Connection, node_id: str, boot_id: str) -> list[SequenceGap]:
    """Missing sequences of one boot as ranges, lowest first, at most 1000 of them."""
    report, letter = tables.report.c, tables.dead_letter.c
    settled = union(
        select(report.sequence.label("sequence")).where(report.node_id == node_id, report.boot_id == boot_id),
        select(letter.sequence.label("sequence")).where(letter.node_id == node_id, letter.boot_id == boot_id),
    ).subquery()
    before = func.coalesce(func.lag(settled.c.sequence).over(order_by=settled.c.sequence), 0).label("before")
    steps = select(settled.c.sequence, before).subquery()
    query = select(steps).where(steps.c.sequence > steps.c.before + 1).order_by(steps.c.sequence)
    rows = connection.execute(query.limit(_MOST_RANGES_COUNT))
    return [SequenceGap(first=row.before + 1, last=row.sequence - 1) for row in rows]


class GapLog:
    """Writes a line when a boot's holes become more, or are all filled; not at every look."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told: dict[tuple[str, str], int] = {}

    def look(self) -> None:
        """Compare with what was told last."""
        with reading(self._engine) as connection:
            boots = read_boots(connection, incomplete_only=True)
        missing = {(boot.node_id, boot.boot_id): boot.missing_count for boot in boots}
        for (node_id, boot_id), count in missing.items():
            if count > self._told.get((node_id, boot_id), 0):
                _log.warning("reports_missing", node_id=node_id, boot_id=boot_id, count=count)
        for node_id, boot_id in self._told.keys() - missing.keys():
            _log.info("reports_complete", node_id=node_id, boot_id=boot_id)
        self._told = missing
