# SPDX-License-Identifier: AGPL-3.0-or-later
"""One look of the judge: read the newest sights and books, tell the causes apart, write what changed."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from server import tables
from server.alert_plan import Decision, decide
from server.alert_state import Move, Suspicion
from server.alerts import AlertChange, close_alert, open_alert, open_alerts, update_alert
from server.database import upsert
from server.discrepancy import Observation
from server.judge_inputs import (
    read_books,
    read_cameras,
    read_memories,
    read_nodes,
    read_none_found,
    read_zones,
    sights_of,
)
from server.judgement_settings import JudgeSettings, NoticeSettings
from server.lost_view import judge_camera, judge_node
from server.reconcile import judge_sku
from server.sight import ZoneMemory, ZoneSight, remember
from server.sku_case import SkuCase
from server.suspicions import read_suspicions, write_suspicion


def judge_once(
    connection: Connection,
    now: datetime,
    settings: JudgeSettings,
    notices: NoticeSettings,
    *,
    listening_since_at: datetime | None,
) -> tuple[AlertChange, ...]:
    """Judge the whole shop as of `now` (aware UTC) inside the caller's transaction, and say what changed.

    `listening_since_at` is since when the hub hears the broker; None while it does not, so that nobody is called
    silent whom we could not hear. Nothing is kept between two calls but what stands in the database.
    """
    observations = _observe(connection, now, settings, listening_since_at)
    opened = open_alerts(connection)
    suspicions = read_suspicions(connection)
    remembered = {key: replace(suspicion, is_open=key in opened) for key, suspicion in suspicions.items()}
    for key in opened.keys() - remembered.keys():
        remembered[key] = Suspicion(since_at=opened[key].opened_at, is_open=True)
    update_every = timedelta(seconds=settings.update_every_s)
    changes = []
    for decision in decide(observations, remembered, now, settings):
        change = _carry_out(
            connection, decision, opened.get(decision.key), now, notices=notices, update_every=update_every
        )
        if change is not None:
            changes.append(change)
        if decision.suspicion != remembered.get(decision.key):
            write_suspicion(connection, decision.key, decision.suspicion)
    return tuple(changes)


def _carry_out(
    connection: Connection,
    decision: Decision,
    row: Row[Any] | None,
    now: datetime,
    *,
    notices: NoticeSettings,
    update_every: timedelta,
) -> AlertChange | None:
    if decision.move is Move.CLOSE and row is not None:
        return close_alert(connection, row.alert_id, decision.because, now, notices)
    if decision.discrepancy is None:
        return None
    if decision.move is Move.OPEN:
        return open_alert(connection, decision.discrepancy, now, notices)
    if row is None:
        return None
    return update_alert(connection, row, decision.discrepancy, now, notices, update_every=update_every)


def _observe(
    connection: Connection, now: datetime, settings: JudgeSettings, listening_since_at: datetime | None
) -> list[Observation]:
    zones = read_zones(connection)
    cameras = read_cameras(connection, zones)
    nodes = read_nodes(connection, cameras)
    by_node = {node.node_id: judge_node(node, now, settings, listening_since_at=listening_since_at) for node in nodes}
    observations = list(by_node.values())
    for camera in cameras:
        node = by_node.get(camera.node_id) if camera.node_id else None
        observations.append(judge_camera(camera, now, settings, node=node, listening_since_at=listening_since_at))
    memories = read_memories(connection)
    sights = _remembered(
        connection, sights_of(zones, cameras, nodes, memories, now=now, settings=settings), memories, settings
    )
    for case in _cases(connection, sights, now, settings):
        observations += judge_sku(case)
    return observations


def _remembered(
    connection: Connection, sights: list[ZoneSight], memories: dict[str, ZoneMemory], settings: JudgeSettings
) -> list[ZoneSight]:
    """Fold the newest looks into the memories; write down those in which something other than the instant changed."""
    folded, rows = [], []
    for sight in sights:
        memory = remember(
            sight.memory, sight, sure_fraction=settings.sure_fraction, clear_fraction=settings.clear_fraction
        )
        folded.append(replace(sight, memory=memory))
        before = memories.get(sight.zone_id)
        if memory is not None and (before is None or replace(before, looked_at=memory.looked_at) != memory):
            rows.append(
                {
                    "zone_id": sight.zone_id,
                    "sku": memory.sku,
                    "looked_at": memory.looked_at,
                    "empty_since_at": memory.empty_since_at,
                    "low_since_at": memory.low_since_at,
                    "restocked_at": memory.restocked_at,
                }
            )
    upsert(connection, tables.zone_watch, rows)
    return folded


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
