# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every MQTT topic, with its quality of service and whether it is retained. The only place with topic strings.

A node publishes only below `facings/v1/node/<its id>/`, so a broker can hold it to that with one pattern rule.
"""

from dataclasses import dataclass

from contract.ids import is_id

ROOT = "facings/v1"


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of message: where it goes and how."""

    level: str
    qos: int
    retain: bool

    def topic(self, node_id: str, *levels: str) -> str:
        """Topic of one node's channel; `levels` are further ids.

        Raises ValueError for an id that could change the topic's meaning.
        """
        wrong = [text for text in (node_id, *levels) if not is_id(text)]
        if wrong:
            raise ValueError(f"not an id fit for a topic: {wrong[0]!r}")
        return "/".join((ROOT, "node", node_id, self.level, *levels))

    def for_all_nodes(self, *, deeper: bool = False) -> str:
        """Subscription filter over every node; `deeper` covers the ids below the channel."""
        return f"{ROOT}/node/+/{self.level}" + ("/+" if deeper else "")


REPORT = Channel("report", qos=1, retain=False)
"""Node to hub: `CountReport`."""
STATUS = Channel("status", qos=1, retain=True)
"""Node to anyone: `NodeStatus`; also the node's last will."""
EVIDENCE = Channel("evidence", qos=0, retain=False)
"""Node to hub: one JPEG; below it the camera's id."""
COMMITTED = Channel("committed", qos=1, retain=False)
"""Hub to node: `Committed`."""
DESIRED = Channel("desired", qos=1, retain=True)
"""Hub to node: `DesiredConfig`."""


@dataclass(frozen=True, slots=True)
class Address:
    """Who sent a message, read off its topic."""

    channel: str
    node_id: str
    camera_id: str | None = None


def parse_topic(topic: str) -> Address | None:
    """Read a topic of ours; `None` for any other topic (some brokers send retained messages nobody asked for)."""
    prefix = f"{ROOT}/node/"
    if not topic.startswith(prefix):
        return None
    levels = topic.removeprefix(prefix).split("/")
    if not all(is_id(level) for level in levels):
        return None
    match levels:
        case [node_id, "report" | "status" | "committed" | "desired" as channel]:
            return Address(channel, node_id)
        case [node_id, "evidence", camera_id]:
            return Address("evidence", node_id, camera_id)
        case _:
            return None
