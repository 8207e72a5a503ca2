# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is derived from new reports in the same transaction: progress of each boot, latest of each camera and zone.

All of it can be rebuilt from the ledger.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, tuple_, update

from server import tables
from server.database import upsert
from server.instants import BootRank, ReadingOrder

BootKey = tuple[str, str]
"""(node_id, boot_id)."""


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report that the ledger has just taken."""

    report_id: int
    row: dict[str, Any]
    """Its columns in `report`."""
    readings: dict[str, dict[str, Any]]
    """Columns in `zone_count` of each zone id."""


def advance_boots(connection: Connection, new: list[NewReport]) -> dict[BootKey, BootRank]:
    """Count the new reports on their boots; give back where these boots stand."""
    boot = tables.boot_progress.c
    by_boot: dict[BootKey, list[NewReport]] = defaultdict(list)
    for item in new:
        by_boot[item.row["node_id"], item.row["boot_id"]].append(item)
    known = _boots(connection, by_boot)
    for (node_id, boot_id), items in by_boot.items():
        highest = max(item.row["sequence"] for item in items)
        arrived = [item.row["received_at"] for item in items]
        row = known.get((node_id, boot_id))
        if row is None:
            connection.execute(
                insert(tables.boot_progress).values(
                    node_id=node_id,
                    boot_id=boot_id,
                    first_received_at=min(arrived),
                    last_received_at=max(arrived),
                    highest_sequence=highest,
                    received_count=len(items),
                )
            )
        else:
            connection.execute(
                update(tables.boot_progress)
                .where(boot.node_id == node_id, boot.boot_id == boot_id)
                .values(
                    last_received_at=max(arrived),
                    highest_sequence=max(highest, row.highest_sequence),
                    received_count=row.received_count + len(items),
                )
            )
    return {key: BootRank(row.announced_at, row.first_received_at) for key, row in _boots(connection, by_boot).items()}


def _boots(connection: Connection, keys: Iterable[BootKey]) -> dict[BootKey, Any]:
    boot = tables.boot_progress.c
    query = select(tables.boot_progress).where(tuple_(boot.node_id, boot.boot_id).in_(list(keys)))
    return {(row.node_id, row.boot_id): row for row in connection.execute(query)}


def refresh_latest(connection: Connection, new: list[NewReport], ranks: dict[BootKey, BootRank]) -> None:
    """Move `camera_latest` and `zone_latest` on to what is newer than they hold; never back."""
    cameras: dict[str, tuple[ReadingOrder, dict[str, Any]]] = {}
    zones: dict[str, tuple[ReadingOrder, dict[str, Any]]] = {}
    owners = _zone_owners(connection, {zone_id for item in new for zone_id in item.readings})
    for item in new:
        row = item.row
        order = ReadingOrder(row["node_id"], row["boot_id"], row["monotonic_s"], ranks[row["node_id"], row["boot_id"]])
        shared = {
            "node_id": row["node_id"],
            "boot_id": row["boot_id"],
            "monotonic_s": row["monotonic_s"],
            "report_id": item.report_id,
            "captured_at": row["captured_at"],
            "looked_at": row["looked_at"],
            "received_at": row["received_at"],
            "calibration_id": row["calibration_id"],
        }
        camera_id = row["camera_id"]
        camera_row = {"camera_id": camera_id, **shared, "view": row["view"], "view_reason": row["view_reason"]}
        _keep_newer(cameras, camera_id, order, camera_row)
        for zone_id, reading in item.readings.items():
            # A zone that the planogram gives to another camera is not this camera's to speak of.
            if owners.get(zone_id, camera_id) == camera_id:
                zone_row = {
                    "zone_id": zone_id,
                    "camera_id": camera_id,
                    **shared,
                    "model_id": row["model_id"],
                    **reading,
                }
                _keep_newer(zones, zone_id, order, zone_row)
    upsert(connection, tables.camera_latest, _newer_than_stored(connection, tables.camera_latest, cameras))
    upsert(connection, tables.zone_latest, _newer_than_stored(connection, tables.zone_latest, zones))


def _keep_newer(
    best: dict[str, tuple[ReadingOrder, dict[str, Any]]], place_id: str, order: ReadingOrder, row: dict[str, Any]
) -> None:
    held = best.get(place_id)
    if held is None or order.is_newer_than(held[0]):
        best[place_id] = (order, row)


def _zone_owners(connection: Connection, zone_ids: set[str]) -> dict[str, str]:
    zone = tables.zone.c
    query = select(zone.zone_id, zone.camera_id).where(zone.zone_id.in_(zone_ids))
    return {row.zone_id: row.camera_id for row in connection.execute(query)}


def _newer_than_stored(
    connection: Connection, table: Any, candidates: dict[str, tuple[ReadingOrder, dict[str, Any]]]
) -> list[dict[str, Any]]:
    place = next(iter(table.primary_key.columns))
    boot = tables.boot_progress.c
    query = (
        select(place, table.c.node_id, table.c.boot_id, table.c.monotonic_s, boot.announced_at, boot.first_received_at)
        .join(tables.boot_progress, (boot.node_id == table.c.node_id) & (boot.boot_id == table.c.boot_id))
        .where(place.in_(list(candidates)))
    )
    stored = {
        place_id: ReadingOrder(node_id, boot_id, monotonic_s, BootRank(announced_at, first_received_at))
        for place_id, node_id, boot_id, monotonic_s, announced_at, first_received_at in connection.execute(query)
    }
    return [
        row
        for place_id, (order, row) in candidates.items()
        if place_id not in stored or order.is_newer_than(stored[place_id])
    ]
