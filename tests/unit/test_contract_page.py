# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/mqtt.md is what an integrator builds on: it has to agree with the contract in every topic, flag and example."""

import json
import re
from pathlib import Path

import pytest

from contract import topics
from contract.counts import UnknownReason
from contract.envelope import Message
from contract.schemas import WIRE_TYPES
from contract.status import NodeState
from contract.topics import Channel

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/mqtt.md").read_text(encoding="utf-8")
CHANNELS = {channel.level: channel for channel in vars(topics).values() if isinstance(channel, Channel)}
TYPES: dict[str, type[Message]] = {wire_type.__name__: wire_type for wire_type in WIRE_TYPES}
PAYLOADS = {"report": "CountReport", "status": "NodeStatus", "committed": "Committed", "desired": "DesiredConfig"}
ROW = re.compile(
    r"^\| `(?P<topic>facings/[^`]+)` \| (?P<qos>\d) \| (?P<retained>yes|no) \| (?P<payload>[^|]+) \|", re.MULTILINE
)
EXAMPLE = re.compile(r"^Example[^\n]*`(?P<type>\w+)`:\n\n```json\n(?P<json>.*?)\n```", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    return [(found["type"], found["json"]) for found in EXAMPLE.finditer(PAGE)]


def test_the_table_lists_every_channel_with_its_flags_and_no_other() -> None:
    rows = {found["topic"].split("/")[4]: found for found in ROW.finditer(PAGE)}
    assert set(rows) == set(CHANNELS)
    for level, channel in CHANNELS.items():
        row = rows[level]
        deeper = ("camera",) if level == "evidence" else ()
        assert row["topic"].lower() == channel.topic("node", *deeper)
        assert (int(row["qos"]), row["retained"] == "yes") == (channel.qos, channel.retain), level
        assert row["payload"].strip(" `") == PAYLOADS.get(level, "one JPEG")


def test_every_channel_has_its_section_and_every_message_an_example() -> None:
    assert set(CHANNELS) <= set(re.findall(r"^## (\w+)$", PAGE, re.MULTILINE))
    assert {name for name, _ in examples()} == set(PAYLOADS.values())


@pytest.mark.parametrize(("name", "text"), examples(), ids=[f"{name}-{i}" for i, (name, _) in enumerate(examples())])
def test_every_example_is_a_message(name: str, text: str) -> None:
    TYPES[name].model_validate_json(text)  # strict: an example shows no field that does not exist


@pytest.mark.parametrize("name", ["CountReport", "NodeStatus", "Committed"])
def test_the_main_examples_are_the_golden_messages(name: str) -> None:
    file_name = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
    golden = (REPOSITORY / f"tests/golden/{file_name}.v1.json").read_text(encoding="utf-8")
    shown = next(text for shown_name, text in examples() if shown_name == name)
    assert json.loads(shown) == json.loads(golden)


def test_the_page_names_every_reason_and_every_state() -> None:
    for word in (*UnknownReason, *NodeState):
        assert f"`{word}`" in PAGE, word


def test_every_topic_that_the_page_mentions_is_one_of_ours() -> None:
    mentioned = set(re.findall(r"facings/v1/node/[^\s`'\"]+", PAGE))
    for topic in mentioned:
        concrete = topic.replace("NODE", "node").replace("CAMERA", "camera").replace("+", "node", 1)
        assert topics.parse_topic(concrete) is not None, topic
