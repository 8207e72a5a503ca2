# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writing a batch of letters into the ledger, in the caller's transaction. A letter that comes twice counts once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from contract.reports import CountReport, ReportKey
from server import tables
from server.camera_nodes import part_foreign
from server.database import insert_for
from server.instants import looked_at
from server.latest import BootKey, NewReport, advance_boots, refresh_latest
from server.letters import DeadLetter, Letter, PictureLetter, ReportLetter, StatusLetter
from server.nodes import take_status
from server.pictures import store_pictures

MAX_DEAD_LETTERS_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Stored:
    """What a batch changed."""

    settled: dict[BootKey, list[int]]
    """Sequences that are on disk now, new and repeated ones alike: what `Committed` may say."""
    new_reports_count: int
    repeated_reports_count: int
    dead_letters_count: int
    pictures_count: int


def store(connection: Connection, letters: Sequence[Letter], *, pictures_per_camera_count: int) -> Stored:
    """Write one batch. Statuses come first: they tell which boot of a node is the present one."""
    take_status(connection, [letter for letter in letters if isinstance(letter, StatusLetter)])
    own, foreign = part_foreign(connection, [letter for letter in letters if isinstance(letter, ReportLetter)])
    reports = _first_of_each(own)
    dead = [*(letter for letter in letters if isinstance(letter, DeadLetter)), *foreign]
    pictures = [letter for letter in letters if isinstance(letter, PictureLetter)]
    new = _append_reports(connection, list(reports.values()))
    if new:
        ranks = advance_boots(connection, new)
        refresh_latest(connection, new, ranks)
    _append_dead_letters(connection, dead)
    store_pictures(connection, pictures, per_camera_count=pictures_per_camera_count)
    settled: dict[BootKey, list[int]] = defaultdict(list)
    for key in [*reports, *(letter.key for letter in dead if letter.key)]:
        settled[key.node_id, key.boot_id].append(key.sequence)
    return Stored(
        settled=dict(settled),
        new_reports_count=len(new),
        repeated_reports_count=len(own) - len(new),
        dead_letters_count=len(dead),
        pictures_count=len(pictures),
    )


def _first_of_each(letters: Iterable[ReportLetter]) -> dict[ReportKey, ReportLetter]:
    first: dict[ReportKey, ReportLetter] = {}
    for letter in letters:
        first.setdefault(letter.report.key, letter)
    return first


def _append_reports(connection: Connection, letters: list[ReportLetter]) -> list[NewReport]:
    """Insert those that the ledger does not hold yet, with their zones."""
    if not letters:
        return []
    offsets_s = _clock_offsets_s(connection, {letter.report.node_id for letter in letters})
    rows = [
        _report_row(letter, offsets_s.get((letter.report.node_id, letter.report.boot_id), 0.0)) for letter in letters
    ]
    keys = ("node_id", "boot_id", "sequence")
    statement = (
        insert_for(connection, tables.report)
        .on_conflict_do_nothing(index_elements=keys)
        .returning(tables.report.c.report_id, *(tables.report.c[name] for name in keys))
    )
    inserted = {
        (node_id, boot_id, sequence): report_id
        for report_id, node_id, boot_id, sequence in connection.execute(statement, rows)
    }
    new = [
        NewReport(inserted[key], row, _zone_readings(letter.report))
        for letter, row in zip(letters, rows, strict=True)
        if (key := (row["node_id"], row["boot_id"], row["sequence"])) in inserted
    ]
    zone_rows = [
        {"report_id": item.report_id, "zone_id": zone_id, "looked_at": item.row["looked_at"], **reading}
        for item in new
        for zone_id, reading in item.readings.items()
    ]
    if zone_rows:
        connection.execute(insert(tables.zone_count), zone_rows)
    return new


def _clock_offsets_s(connection: Connection, node_ids: set[str]) -> dict[BootKey, float]:
    columns = tables.node_latest.c
    query = select(columns.node_id, columns.boot_id, columns.clock_offset_s).where(columns.node_id.in_(node_ids))
    return {(node_id, boot_id): offset_s for node_id, boot_id, offset_s in connection.execute(query)}


def _report_row(letter: ReportLetter, offset_s: float) -> dict[str, Any]:
    report = letter.report
    return {
        "node_id": report.node_id,
        "boot_id": report.boot_id,
        "sequence": report.sequence,
        "camera_id": report.camera_id,
        "captured_at": report.captured_at,
        "looked_at": looked_at(captured_at=report.captured_at, received_at=letter.received_at, offset_s=offset_s),
        "received_at": letter.received_at,
        "monotonic_s": report.monotonic_s,
        "model_id": report.model_id,
        "calibration_id": report.calibration_id,
        "view": report.view.value,
        "view_reason": report.view_reason.value if report.view_reason else None,
    }


def _zone_readings(report: CountReport) -> dict[str, dict[str, Any]]:
    return {
        zone.zone_id: {
            "sku": zone.sku,
            "state": zone.state.value,
            "reason": zone.reason.value if zone.reason else None,
            "facings_mode_count": zone.facings.mode_count if zone.facings else None,
            "facings_mean_count": zone.facings.mean_count if zone.facings else None,
            "facings": zone.facings.model_dump(mode="json") if zone.facings else None,
            "gap_facings": zone.gap_facings,
            "defects": {kind.value: count for kind, count in zone.defects.items()},
            "occluded_fraction": zone.occluded_fraction,
        }
        for zone in report.zones
    }


def _append_dead_letters(connection: Connection, letters: list[DeadLetter]) -> None:
    if not letters:
        return
    rows = [
        {
            "received_at": letter.received_at,
            "topic": letter.topic,
            "reason": letter.reason,
            "payload_bytes_count": letter.payload_bytes_count,
            "payload": letter.payload,
            "node_id": letter.key.node_id if letter.key else None,
            "boot_id": letter.key.boot_id if letter.key else None,
            "sequence": letter.key.sequence if letter.key else None,
        }
        for letter in letters
    ]
    statement = insert_for(connection, tables.dead_letter).on_conflict_do_nothing()
    connection.execute(statement, rows)
    # What a stranger can send without end must not fill the disk: only the newest are kept.
    column = tables.dead_letter.c.dead_letter_id
    newest = connection.execute(select(func.max(column))).scalar_one()
    connection.execute(delete(tables.dead_letter).where(column <= newest - MAX_DEAD_LETTERS_COUNT))
