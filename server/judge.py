# SPDX-License-Identifier: AGPL-3.0-or-later
"""One look of the judge: read the newest sights and books, tell the causes apart, write what changed."""

from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from server import tables
from server.alert_plan import Decision, decide
from server.alert_state import Move, Suspicion
from server.alerts import AlertChange, close_alert, is_news, open_alert, open_alerts, update_alert
from server.database import reading, upsert, writing
from server.discrepancy import AlertKey, Observation
from server.judge_inputs import (
    read_books,
    read_cameras,
    read_memories,
    read_nodes,
    read_none_found,
    read_zones,
    run_began_at,
    sights_of,
)
from server.judgement_settings import JudgeSettings, NoticeSettings
from server.lost_view import judge_camera, judge_node
from server.reconcile import judge_sku
from server.sight import ZoneMemory, ZoneSight, remember
from server.sku_case import SkuCase
from server.suspicions import hold_judgement_lock, read_suspicions, write_suspicion


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the whole shop found, before anything is written."""

    observations: list[Observation]
    memory_rows: list[dict[str, Any]]
    """Rows of `zone_watch` that changed."""


def judge_shop(
    engine: Engine,
    now: datetime,
    settings: JudgeSettings,
    notices: NoticeSettings,
    *,
    listening_since_at: datetime | None,
) -> tuple[AlertChange, ...]:
    """Judge the whole shop as of `now` (aware UTC) and say what changed.

    Looks without a lock and takes the database's write lock only when something is to be written, which is seldom.
    `listening_since_at` is since when the hub hears the broker; None while it does not, so that nobody is called
    silent whom we could not hear. Nothing is kept between two calls but what stands in the database.
    """
    with reading(engine) as connection:
        look = look_around(connection, now, settings, listening_since_at=listening_since_at)
        opened, remembered = _memory(connection)
        decisions = decide(look.observations, remembered, now, settings)
        if not look.memory_rows and not any(_changes(d, opened, remembered, now, settings) for d in decisions):
            return ()
    with writing(engine) as connection:
        return write_down(connection, look, now, settings, notices)


def judge_once(
    connection: Connection,
    now: datetime,
    settings: JudgeSettings,
    notices: NoticeSettings,
    *,
    listening_since_at: datetime | None,
) -> tuple[AlertChange, ...]:
    """The same as `judge_shop`, all within the caller's transaction."""
    look = look_around(connection, now, settings, listening_since_at=listening_since_at)
    return write_down(connection, look, now, settings, notices)


def write_down(
    connection: Connection, look: Look, now: datetime, settings: JudgeSettings, notices: NoticeSettings
) -> tuple[AlertChange, ...]:
    """Carry out what follows from a look; decided anew on the alerts as they stand now, for people answer meanwhile."""
    hold_judgement_lock(connection)
    upsert(connection, tables.zone_watch, look.memory_rows)
    opened, remembered = _memory(connection)
    changes = []
    for decision in decide(look.observations, remembered, now, settings):
        if not _changes(decision, opened, remembered, now, settings):
            continue
        change = _carry_out(connection, decision, opened.get(decision.key), now, notices)
        if change is not None:
            changes.append(change)
        if decision.suspicion != remembered.get(decision.key):
            write_suspicion(connection, decision.key, decision.suspicion)
    return tuple(changes)


def _memory(connection: Connection) -> tuple[dict[AlertKey, Row[Any]], dict[AlertKey, Suspicion]]:
    """Open alerts, and what is remembered of each key."""
    opened = open_alerts(connection)
    suspicions = read_suspicions(connection)
    remembered = {key: replace(suspicion, is_open=key in opened) for key, suspicion in suspicions.items()}
    for key in opened.keys() - remembered.keys():
        remembered[key] = Suspicion(since_at=opened[key].opened_at, is_open=True)
    return opened, remembered


def _changes(
    decision: Decision,
    opened: dict[AlertKey, Row[Any]],
    remembered: dict[AlertKey, Suspicion],
    now: datetime,
    settings: JudgeSettings,
) -> bool:
    if decision.move is not Move.STAY or decision.suspicion != remembered.get(decision.key):
        return True
    row = opened.get(decision.key)
    if row is None or decision.discrepancy is None:
        return False
    return is_news(row, decision.discrepancy, now, timedelta(seconds=settings.update_every_s))


def _carry_out(
    connection: Connection, decision: Decision, row: Row[Any] | None, now: datetime, notices: NoticeSettings
) -> AlertChange | None:
    if decision.move is Move.CLOSE and row is not None:
        return close_alert(connection, row.alert_id, decision.because, now, notices)
    if decision.discrepancy is None:
        return None
    if decision.move is Move.OPEN:
        return open_alert(connection, decision.discrepancy, now, notices)
    return None if row is None else update_alert(connection, row, decision.discrepancy, now, notices)


def look_around(
    connection: Connection, now: datetime, settings: JudgeSettings, *, listening_since_at: datetime | None
) -> Look:
    """Read the newest sights and books, and judge every place. Writes nothing."""
    zones = read_zones(connection)
    cameras = read_cameras(connection, zones)
    nodes = read_nodes(connection, cameras)
    by_node = {node.node_id: judge_node(node, now, settings, listening_since_at=listening_since_at) for node in nodes}
    observations = list(by_node.values())
    for camera in cameras:
        node = by_node.get(camera.node_id) if camera.node_id else None
        observations.append(judge_camera(camera, now, settings, node=node, listening_since_at=listening_since_at))
    memories = read_memories(connection)
    seen = sights_of(zones, cameras, nodes, memories, now=now, settings=settings)
    sights, memory_rows = _remembered(connection, seen, memories, settings)
    for case in _cases(connection, sights, now, settings):
        observations += judge_sku(case)
    return Look(observations, memory_rows)


def _remembered(
    connection: Connection, sights: list[ZoneSight], memories: dict[str, ZoneMemory], settings: JudgeSettings
) -> tuple[list[ZoneSight], list[dict[str, Any]]]:
    """Fold the newest looks into the memories; the rows of those in which more than the instant changed."""
    folded, rows = [], []
    for sight in sights:
        memory = remember(
            sight.memory, sight, sure_fraction=settings.sure_fraction, clear_fraction=settings.clear_fraction
        )
        before = memories.get(sight.zone_id)
        if memory is not None and (before is None or replace(before, looked_at=memory.looked_at) != memory):
            memory = _dated(connection, memory, sight, settings)
            rows.append({"zone_id": sight.zone_id, **asdict(memory)})
        folded.append(replace(sight, memory=memory))
    return folded, rows


def _dated(connection: Connection, memory: ZoneMemory, sight: ZoneSight, settings: JudgeSettings) -> ZoneMemory:
    """Date what begins with this look back to where the ledger shows that it began."""
    empty_since_at, low_since_at = memory.empty_since_at, memory.low_since_at
    if empty_since_at == memory.looked_at:
        empty_since_at = run_began_at(connection, sight.zone_id, 1, memory.looked_at, settings)
    if low_since_at == memory.looked_at:
        low_below_count = sight.low_below_count
        low_since_at = run_began_at(connection, sight.zone_id, low_below_count, memory.looked_at, settings)
    return replace(memory, empty_since_at=empty_since_at, low_since_at=low_since_at)


def _cases(connection: Connection, sights: list[ZoneSight], now: datetime, settings: JudgeSettings) -> list[SkuCase]:
    of_sku: dict[str, list[ZoneSight]] = defaultdict(list)
    for sight in sights:
        of_sku[sight.sku].append(sight)
    bare = [SkuCase(sku, tuple(zones), None, now, settings) for sku, zones in of_sku.items()]
    empty_since = {case.sku: case.empty_since_at for case in bare if case.empty_since_at is not None}
    low = [sight.sku for sight in sights if sight.memory and sight.memory.low_since_at]
    books = read_books(connection, empty_since, settings)
    none_found = read_none_found(connection, low) if low else {}
    return [replace(case, on_hand=books.get(case.sku), none_found_at=none_found.get(case.sku)) for case in bare]
