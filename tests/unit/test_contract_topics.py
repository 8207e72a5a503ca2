# SPDX-License-Identifier: AGPL-3.0-or-later
"""An id is one topic level and can never become two, and reading a topic never fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import topics
from contract.ids import ID_PATTERN, is_id
from contract.topics import Address, Channel, parse_topic

NODE_CHANNELS = [topics.REPORT, topics.STATUS, topics.COMMITTED, topics.DESIRED]
ids = st.from_regex(ID_PATTERN, fullmatch=True).filter(is_id)

HOSTILE_IDS = [
    "",
    "+",
    "#",
    "aisle/3",
    "../other",
    "$SYS",
    "aisle 3",
    "aisle.3",
    "Aisle-3",
    "aisle-3\n",
    "aisle-3\x00",
    "-aisle",
    "\uff41isle",
    "a" * 64,
    "%u",
]


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
def test_an_id_that_could_change_the_topics_meaning_is_refused(hostile: str) -> None:
    for channel in (*NODE_CHANNELS, topics.EVIDENCE):
        with pytest.raises(ValueError, match="not an id"):
            channel.topic(hostile)
    with pytest.raises(ValueError, match="not an id"):
        topics.EVIDENCE.topic("aisle-3", hostile)


@given(node_id=ids, camera_id=ids)
def test_what_we_address_we_can_read_back(node_id: str, camera_id: str) -> None:
    for channel in NODE_CHANNELS:
        assert parse_topic(channel.topic(node_id)) == Address(channel.level, node_id)
    picture = topics.EVIDENCE.topic(node_id, camera_id)
    assert parse_topic(picture) == Address("evidence", node_id, camera_id)


@given(text=st.text(max_size=80), under_root=st.booleans())
def test_reading_a_topic_never_fails_and_accepts_only_ours(text: str, under_root: bool) -> None:  # noqa: FBT001
    topic = f"{topics.ROOT}/node/{text}" if under_root else text
    address = parse_topic(topic)
    if address is not None:
        levels = [level for level in (address.node_id, address.channel, address.camera_id) if level is not None]
        assert topic == "/".join((topics.ROOT, "node", *levels))


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "facings/v1/node",
        "facings/v1/node/",
        "facings/v1/node/aisle-3",
        "facings/v1/node/aisle-3/",
        "facings/v1/node/aisle-3/report/extra",
        "facings/v1/node/aisle-3/evidence",
        "facings/v1/node/aisle-3/evidence/left/extra",
        "facings/v1/node/+/report",
        "facings/v1/node/aisle-3/reports",
        "facings/v2/node/aisle-3/report",
        "$SYS/broker/uptime",
        "facings/v1/node/aisle-3\n/report",
    ],
)
def test_topics_of_others_are_not_ours(topic: str) -> None:
    assert parse_topic(topic) is None


@pytest.mark.parametrize(
    ("channel", "deeper", "expected"),
    [(topics.REPORT, False, "facings/v1/node/+/report"), (topics.EVIDENCE, True, "facings/v1/node/+/evidence/+")],
)
def test_the_filters_over_all_nodes(channel: Channel, deeper: bool, expected: str) -> None:  # noqa: FBT001
    assert channel.for_all_nodes(deeper=deeper) == expected
