# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whatever arrives is a letter or a dead letter with a reason; reading never raises."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.counts import FacingsDistribution, SightState, ZoneCount
from contract.reports import MAX_REPORT_BYTES, CountReport
from contract.status import NodeState, NodeStatus
from contract.topics import COMMITTED, DESIRED, EVIDENCE, REPORT, STATUS
from server.inbox import Arrival
from server.letters import (
    MAX_DEAD_PAYLOAD_BYTES,
    MAX_PICTURE_BYTES,
    DeadLetter,
    Letter,
    PictureLetter,
    ReportLetter,
    StatusLetter,
    read_letter,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BOOT = "0123456789abcdef" * 2


def arrival(topic: str, payload: bytes, *, retained: bool = False, length: int | None = None) -> Arrival:
    return Arrival(topic, payload, len(payload) if length is None else length, 1, retained, 7, 1, NOW)


def report_json(**changes: Any) -> dict[str, Any]:
    report = CountReport(
        node_id="n1",
        boot_id=BOOT,
        sequence=5,
        camera_id="c1",
        captured_at=NOW,
        monotonic_s=10.0,
        model_id="m1",
        calibration_id="cal-0123456789abcdef",
        view=SightState.SEEN,
        zones=(ZoneCount(zone_id="z1", sku="A", state=SightState.SEEN, facings=FacingsDistribution.certain(3)),),
    )
    document: dict[str, Any] = json.loads(report.to_json())
    return {**document, **changes}


def read_report(**changes: Any) -> Letter | None:
    return read_letter(arrival(REPORT.topic("n1"), json.dumps(report_json(**changes)).encode()))


def test_a_sound_report_is_read_and_added_fields_are_tolerated() -> None:
    letter = read_report(invented_later={"a": 1})
    assert isinstance(letter, ReportLetter)
    assert letter.report.zones[0].facings is not None
    assert letter.report.zones[0].facings.mode_count == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"captured_at": "2026-11-23T09:00:00"}, "captured_at"),
        ({"captured_at": "0001-01-01T00:00:00+14:00"}, "outside the years 1 to 9999"),
        ({"monotonic_s": -1}, "monotonic_s"),
        ({"view": "unknown"}, "view_reason"),
        ({"camera_id": "../../etc"}, "camera_id"),
        ({"zones": [{"zone_id": "z1", "sku": "A", "state": "unknown"}]}, "zones.0"),
    ],
)
def test_a_wrong_report_says_which_field_and_is_settled(changes: dict[str, Any], reason: str) -> None:
    letter = read_report(**changes)
    assert isinstance(letter, DeadLetter)
    assert reason in letter.reason
    assert letter.key is not None
    assert (letter.key.node_id, letter.key.boot_id, letter.key.sequence) == ("n1", BOOT, 5)


def test_a_report_in_another_nodes_name_settles_nothing_of_that_node() -> None:
    letter = read_report(node_id="n2")
    assert isinstance(letter, DeadLetter)
    assert "in the name of" in letter.reason
    assert letter.key is not None
    assert letter.key.node_id == "n1"


def test_too_large_is_not_parsed_but_settled() -> None:
    payload = json.dumps(report_json(padding="x" * MAX_REPORT_BYTES)).encode()
    letter = read_letter(arrival(REPORT.topic("n1"), payload))
    assert isinstance(letter, DeadLetter)
    assert str(len(payload)) in letter.reason
    assert len(letter.payload) == MAX_DEAD_PAYLOAD_BYTES
    assert letter.payload_bytes_count == len(payload)
    assert letter.key is not None


def test_the_key_of_a_torn_report_is_salvaged() -> None:
    payload = json.dumps(report_json()).encode()[:-20]
    letter = read_letter(arrival(REPORT.topic("n1"), payload))
    assert isinstance(letter, DeadLetter)
    assert letter.key is not None
    assert letter.key.sequence == 5


def test_a_key_that_cannot_be_told_is_not_guessed() -> None:
    payload = b'{"boot_id": "%s", "sequence": 5, "boot_id": "%s", "sequence": 6,' % (b"0" * 32, b"1" * 32)
    letter = read_letter(arrival(REPORT.topic("n1"), payload))
    assert isinstance(letter, DeadLetter)
    assert letter.key is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"sequence": ' + b"9" * 5000 + b"}",
        b"\x00" * 100,
        b'"\\ud800"',
    ],
)
def test_nonsense_is_a_dead_letter_with_a_printable_reason(payload: bytes) -> None:
    letter = read_letter(arrival(REPORT.topic("n1"), payload))
    assert isinstance(letter, DeadLetter)
    assert letter.reason
    assert letter.reason.isprintable()


@given(payload=st.binary(max_size=300), channel=st.sampled_from(["report", "status", "evidence/c1"]))
def test_reading_never_raises(payload: bytes, channel: str) -> None:
    read_letter(arrival(f"facings/v1/node/n1/{channel}", payload))


@given(
    changes=st.dictionaries(
        st.sampled_from(sorted(report_json())),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_field_may_hold_anything(changes: dict[str, Any]) -> None:
    letter = read_report(**changes)
    assert isinstance(letter, ReportLetter | DeadLetter)


@pytest.mark.parametrize(
    "topic",
    [
        COMMITTED.topic("n1"),
        DESIRED.topic("n1"),
        "other/topic",
        "facings/v1/node/N1/report",
        "facings/v1/node//report",
        "",
    ],
)
def test_topics_that_are_not_the_hubs_business_are_left_alone(topic: str) -> None:
    assert read_letter(arrival(topic, b"{}")) is None


def test_a_retained_status_is_not_live() -> None:
    payload = NodeStatus(node_id="n1", boot_id=BOOT, state=NodeState.ONLINE, reported_at=NOW).to_json()
    fresh = read_letter(arrival(STATUS.topic("n1"), payload))
    kept = read_letter(arrival(STATUS.topic("n1"), payload, retained=True))
    assert isinstance(fresh, StatusLetter)
    assert fresh.live
    assert isinstance(kept, StatusLetter)
    assert not kept.live


def test_a_cleared_retained_status_is_nothing() -> None:
    assert read_letter(arrival(STATUS.topic("n1"), b"", retained=True)) is None


def test_only_whole_jpegs_of_bounded_length_are_pictures() -> None:
    topic = EVIDENCE.topic("n1", "c1")
    assert isinstance(read_letter(arrival(topic, b"\xff\xd8\xff\xe0body\xff\xd9")), PictureLetter)
    for payload in (b"\xff\xd8\xff\xe0torn", b"\x89PNG\r\n", b"<svg onload=alert(1)>", b""):
        letter = read_letter(arrival(topic, payload))
        assert isinstance(letter, DeadLetter)
        assert "JPEG" in letter.reason
    large = read_letter(arrival(topic, b"\xff\xd8\xff", length=MAX_PICTURE_BYTES + 1))
    assert isinstance(large, DeadLetter)
