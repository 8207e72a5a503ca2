# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ledger on SQLite and PostgreSQL: once each, in any order, and never moved back by a late or lying report."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select
from structlog.testing import capture_logs

from contract.counts import FacingsDistribution, SightState, UnknownReason, ZoneCount
from contract.reports import CountReport, ReportKey
from contract.status import NodeState, NodeStatus
from server import tables
from server.camera_nodes import assign_camera
from server.database import reading, writing
from server.gaps import GapLog
from server.ledger import Stored, store
from server.letters import DeadLetter, Letter, PictureLetter, ReportLetter, StatusLetter

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOOT_A, BOOT_B = "a" * 32, "b" * 32


def report(
    sequence: int,
    facings_count: int | None = 3,
    *,
    boot_id: str = BOOT_A,
    captured_at: datetime | None = None,
    received_at: datetime | None = None,
    camera_id: str = "c1",
    zone_id: str = "z1",
    node_id: str = "n1",
) -> ReportLetter:
    """A report of one zone, taken `sequence` seconds after noon; None facings are an unknown zone."""
    seen = facings_count is not None
    zone = ZoneCount(
        zone_id=zone_id,
        sku="TEA",
        state=SightState.SEEN if seen else SightState.UNKNOWN,
        reason=None if seen else UnknownReason.OCCLUDED,
        facings=FacingsDistribution.certain(facings_count) if facings_count is not None else None,
    )
    taken_at = NOON + timedelta(seconds=sequence)
    return ReportLetter(
        CountReport(
            node_id=node_id,
            boot_id=boot_id,
            sequence=sequence,
            camera_id=camera_id,
            captured_at=captured_at or taken_at,
            monotonic_s=float(sequence),
            model_id="m1",
            calibration_id="cal-0123456789abcdef",
            view=SightState.SEEN,
            zones=(zone,),
        ),
        received_at or taken_at,
    )


def status(
    state: NodeState, received_at: datetime, *, boot_id: str = BOOT_A, live: bool = True, **fields: Any
) -> StatusLetter:
    return StatusLetter(NodeStatus(node_id="n1", boot_id=boot_id, state=state, **fields), received_at, live=live)


def keep(engine: Engine, letters: Sequence[Letter]) -> Stored:
    with writing(engine) as connection:
        return store(connection, letters, pictures_per_camera_count=3)


def latest_count(engine: Engine, zone_id: str = "z1") -> int | None:
    with reading(engine) as connection:
        column = tables.zone_latest.c
        counted: int | None = connection.execute(
            select(column.facings_mode_count).where(column.zone_id == zone_id)
        ).scalar_one()
        return counted


def rows_count(engine: Engine, table: Any) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_report_that_comes_three_times_counts_once_and_is_settled_each_time(engine: Engine) -> None:
    first = keep(engine, [report(1), report(1)])
    again = keep(engine, [report(1)])
    assert (first.new_reports_count, first.repeated_reports_count) == (1, 1)
    assert (again.new_reports_count, again.repeated_reports_count) == (0, 1)
    assert first.settled == again.settled == {("n1", BOOT_A): [1]}
    assert rows_count(engine, tables.report) == 1
    assert rows_count(engine, tables.zone_count) == 1


def test_five_hundred_reports_in_any_order_and_any_batches_end_the_same(engine: Engine) -> None:
    letters = [report(sequence, sequence % 7) for sequence in range(1, 501)]
    luck = random.Random(20261123)  # noqa: S311 - repeatable on purpose
    shuffled = letters + luck.sample(letters, 200)
    luck.shuffle(shuffled)
    while shuffled:
        length = luck.randint(1, 120)
        keep(engine, shuffled[:length])
        shuffled = shuffled[length:]
    assert rows_count(engine, tables.report) == 500
    assert latest_count(engine) == 500 % 7
    with reading(engine) as connection:
        boot = connection.execute(select(tables.boot_progress)).one()
    assert (boot.highest_sequence, boot.received_count) == (500, 500)


def test_a_gap_shows_until_it_is_filled(engine: Engine) -> None:
    keep(engine, [report(1), report(4)])
    with reading(engine) as connection:
        boot = connection.execute(select(tables.boot_progress)).one()
        assert boot.highest_sequence - boot.received_count == 2
    keep(engine, [report(2), report(3)])
    with reading(engine) as connection:
        boot = connection.execute(select(tables.boot_progress)).one()
        assert boot.highest_sequence == boot.received_count == 4


def test_a_gap_is_logged_when_it_grows_and_when_it_is_filled(engine: Engine) -> None:
    gaps = GapLog(engine)
    with capture_logs() as lines:
        keep(engine, [report(1), report(4)])
        gaps.look()
        gaps.look()
        keep(engine, [report(2), report(3)])
        gaps.look()
        gaps.look()
    assert [(line["event"], line.get("count")) for line in lines] == [
        ("reports_missing", 2),
        ("reports_complete", None),
    ]


def test_unknown_is_kept_as_unknown_and_not_as_zero(engine: Engine) -> None:
    keep(engine, [report(1, 3), report(2, None)])
    with reading(engine) as connection:
        zone = connection.execute(select(tables.zone_latest)).one()
    assert (zone.state, zone.reason) == ("unknown", "occluded")
    assert zone.facings_mode_count is None
    assert zone.facings is None


@pytest.mark.parametrize("wrong", [datetime(2099, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)])
def test_a_lying_clock_neither_sticks_nor_loses(engine: Engine, wrong: datetime) -> None:
    keep(engine, [report(1, 3, captured_at=wrong)])
    assert latest_count(engine) == 3
    keep(engine, [report(2, 0)])
    assert latest_count(engine) == 0
    keep(engine, [report(3, 2, captured_at=wrong)])
    assert latest_count(engine) == 2
    with reading(engine) as connection:
        assert connection.execute(select(func.max(tables.report.c.looked_at))).scalar_one() <= NOON + timedelta(
            seconds=3
        )


def test_a_corrected_clock_gives_the_age_of_a_late_report(engine: Engine) -> None:
    node_time = datetime(1970, 1, 1, tzinfo=UTC)
    keep(engine, [status(NodeState.ONLINE, NOON, reported_at=node_time)])
    arrived_at = NOON + timedelta(hours=2)
    keep(engine, [report(1, 3, captured_at=node_time + timedelta(minutes=5), received_at=arrived_at)])
    with reading(engine) as connection:
        assert connection.execute(select(tables.zone_latest.c.looked_at)).scalar_one() == NOON + timedelta(minutes=5)


def test_a_backlog_of_the_last_boot_does_not_undo_the_present_one(engine: Engine) -> None:
    keep(engine, [status(NodeState.ONLINE, NOON), report(900, 5)])
    keep(engine, [status(NodeState.ONLINE, NOON + timedelta(hours=1), boot_id=BOOT_B)])
    keep(engine, [report(1, 2, boot_id=BOOT_B), report(901, 4, received_at=NOON + timedelta(hours=2))])
    assert latest_count(engine) == 2
    assert rows_count(engine, tables.report) == 3


def test_a_boot_that_ran_offline_does_not_undo_the_present_one(engine: Engine) -> None:
    keep(engine, [status(NodeState.ONLINE, NOON, boot_id=BOOT_B), report(1, 2, boot_id=BOOT_B)])
    keep(engine, [report(700, 5, boot_id=BOOT_A, received_at=NOON + timedelta(hours=1))])
    assert latest_count(engine) == 2


def test_zones_that_the_planogram_gives_to_another_camera_are_history_only(engine: Engine) -> None:
    with writing(engine) as connection:
        calibration = {"calibration_id": "cal-0", "camera_id": "c1", "document": "{}", "imported_at": NOON}
        connection.execute(insert(tables.calibration).values(calibration))
        camera = {"camera_id": "c1", "calibration_id": "cal-0", "bay_id": "b", "bay_name": "B"}
        connection.execute(insert(tables.camera).values(camera))
        zone = {"zone_id": "z1", "camera_id": "c1", "bay_id": "b", "ordinal": 0, "sku": "TEA", "product_name": "Tea"}
        figures = {"expected_facings_count": 3, "minimum_facings_count": 1, "depth_units_count": 1}
        connection.execute(insert(tables.zone).values({**zone, **figures}))
    keep(engine, [report(1, 3, camera_id="c1")])
    keep(engine, [report(2, 0, camera_id="c2")])
    assert latest_count(engine) == 3
    assert rows_count(engine, tables.zone_count) == 2


def test_a_node_cannot_speak_for_the_camera_of_another(engine: Engine) -> None:
    keep(engine, [report(1, 3)])
    stored = keep(engine, [report(1, 0, node_id="thief", boot_id=BOOT_B), report(2, 4)])
    assert latest_count(engine) == 4
    assert stored.settled == {("n1", BOOT_A): [2], ("thief", BOOT_B): [1]}
    with reading(engine) as connection:
        letter = connection.execute(select(tables.dead_letter)).one()
        told = connection.execute(select(tables.report.c.node_id).distinct()).scalars().all()
    assert letter.reason.startswith("camera c1 belongs to node n1, not to thief")
    assert (letter.node_id, letter.boot_id, letter.sequence) == ("thief", BOOT_B, 1)
    assert told == ["n1"]


def test_a_node_that_invents_cameras_does_not_fill_the_shop(engine: Engine) -> None:
    stored = keep(engine, [report(n, camera_id=f"c{n}", zone_id=f"z{n}") for n in range(1, 201)])
    assert rows_count(engine, tables.camera_latest) == 64
    assert rows_count(engine, tables.dead_letter) == 136
    assert stored.settled == {("n1", BOOT_A): list(range(1, 201))}
    keep(engine, [report(201, camera_id="c1", zone_id="z1"), report(202, camera_id="other", node_id="n2")])
    assert rows_count(engine, tables.dead_letter) == 136


def test_a_camera_that_a_person_gives_to_another_node_is_seen_through_that_one(engine: Engine) -> None:
    keep(engine, [status(NodeState.ONLINE, NOON), report(1, 3)])
    with writing(engine) as connection:
        assign_camera(connection, "c1", "n2", NOON)
    assert rows_count(engine, tables.zone_latest) == 0
    keep(engine, [report(2, 5), report(1, 2, node_id="n2", boot_id=BOOT_B)])
    assert latest_count(engine) == 2


def test_a_clean_stop_is_told_from_a_crash_and_a_belated_farewell_is_ignored(engine: Engine) -> None:
    def present() -> tuple[str, str]:
        with reading(engine) as connection:
            row = connection.execute(select(tables.node_latest)).one()
        return row.boot_id, row.state

    keep(engine, [status(NodeState.ONLINE, NOON, software_version="1.0")])
    keep(engine, [status(NodeState.STOPPED, NOON + timedelta(seconds=5))])
    assert present() == (BOOT_A, "stopped")
    keep(engine, [status(NodeState.ONLINE, NOON + timedelta(seconds=9), boot_id=BOOT_B)])
    keep(engine, [status(NodeState.LOST, NOON + timedelta(seconds=10), boot_id=BOOT_A)])
    assert present() == (BOOT_B, "online")
    keep(engine, [status(NodeState.LOST, NOON + timedelta(seconds=20), boot_id=BOOT_B)])
    assert present() == (BOOT_B, "lost")


def test_a_last_will_does_not_erase_what_is_known_of_the_node(engine: Engine) -> None:
    keep(engine, [status(NodeState.ONLINE, NOON, software_version="1.0")])
    keep(engine, [status(NodeState.LOST, NOON + timedelta(seconds=20))])
    with reading(engine) as connection:
        row = connection.execute(select(tables.node_latest)).one()
    assert row.status["software_version"] == "1.0"
    assert row.status["state"] == "lost"
    assert row.state_since_at == NOON + timedelta(seconds=20)


def test_dead_letters_with_a_key_are_settled_and_kept_once(engine: Engine) -> None:
    key = ReportKey(node_id="n1", boot_id=BOOT_A, sequence=9)
    dead = DeadLetter("facings/v1/node/n1/report", "zones: missing", b"{}", 2, NOON, key)
    keyless = DeadLetter("facings/v1/node/n1/report", "not JSON", b"\x00\xff", 2, NOON)
    assert keep(engine, [dead, keyless]).settled == {("n1", BOOT_A): [9]}
    assert keep(engine, [dead]).settled == {("n1", BOOT_A): [9]}
    assert rows_count(engine, tables.dead_letter) == 2


def test_a_flood_of_dead_letters_stays_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.ledger.MAX_DEAD_LETTERS_COUNT", 20)
    for number in range(10):
        keep(engine, [DeadLetter("t", f"reason {number}", b"x", 1, NOON) for _ in range(10)])
    with reading(engine) as connection:
        reasons = set(connection.execute(select(tables.dead_letter.c.reason)).scalars())
    assert reasons == {"reason 8", "reason 9"}


def test_each_camera_keeps_its_newest_pictures_and_those_of_open_alerts(engine: Engine) -> None:
    def picture(number: int, camera_id: str = "c1") -> PictureLetter:
        return PictureLetter("n1", camera_id, b"\xff\xd8\xff%d\xff\xd9" % number, NOON)

    keep(engine, [picture(0)])
    with writing(engine) as connection:
        picture_id = connection.execute(select(tables.evidence_picture.c.picture_id)).scalar_one()
        alert = {"alert_id": "x", "kind": "view_lost", "place_kind": "camera", "place_id": "c1", "state": "open"}
        words = {"severity": "urgent", "headline": "h", "evidence": {}, "opened_at": NOON, "updated_at": NOON}
        connection.execute(insert(tables.alert).values({**alert, **words, "picture_id": picture_id}))
    for number in range(1, 10):
        keep(engine, [picture(number), picture(number, "c2")])
    keep(engine, [report(1), PictureLetter("intruder", "c1", b"\xff\xd8\xffX\xff\xd9", NOON)])
    with reading(engine) as connection:
        column = tables.evidence_picture.c
        kept = connection.execute(select(column.camera_id, column.jpeg).order_by(column.picture_id)).all()
    assert [row.jpeg[3:4] for row in kept if row.camera_id == "c1"] == [b"0", b"7", b"8", b"9"]
    assert [row.jpeg[3:4] for row in kept if row.camera_id == "c2"] == [b"7", b"8", b"9"]
