# SPDX-License-Identifier: AGPL-3.0-or-later
"""The broker between nodes and hub in simulated time, with everything that can befall a message.

Messages for a hub that is away are lost here: the nodes keep what was not answered. Retained statuses are kept and
given to a hub that comes back, as brokers do; a broken connection's last will is said when its keepalive ran out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from contract import topics
from edge.config import BrokerConfig
from server.inbox import Arrival
from simulator.rig.in_process_agenda import Agenda, Entry, Rank
from simulator.rig.in_process_hub import InProcessHub
from simulator.rig.in_process_node import CALM_WAITS_S, InProcessNode
from simulator.store.luck import luck

WILL_AFTER_S = 1.5 * BrokerConfig(host="broker").keepalive_s
"""MQTT 3.1.1, 3.1.2.10: a broker gives a silent client up after one and a half keepalives."""
HUB_START_AFTER_S = 10.0
BROKER_START_AFTER_S = 2.0
HUB_RECONNECTS_AFTER_S = 10.0
"""The longest pause of the hub's own client."""
LONGEST_REORDER_S = 20.0


@dataclass(slots=True)
class Mischief:
    """What befalls the messages of one node."""

    duplicates: bool = False
    delay_s: float = 0.0
    reorders: bool = False


class InProcessBroker:
    """Carries messages while it has power, between nodes that can reach it and a hub that is up."""

    def __init__(self, agenda: Agenda, hub: InProcessHub, seed: int, *, heard: Callable[[datetime], None]) -> None:
        self._agenda = agenda
        self._hub = hub
        self._luck = luck(seed, "rig", "messages")
        self._heard = heard
        self.nodes: dict[str, InProcessNode] = {}
        self.mischief: dict[str, Mischief] = {}
        self.partitioned: set[str] = set()
        self.is_up = True
        self.is_hub_up = False
        self._wills: dict[str, bytes] = {}
        self._will_timers: dict[str, Entry] = {}
        self._retained: dict[str, bytes] = {}
        self._inbox: list[Arrival] = []
        self._inbox_has_news = False
        self._ingesting: Entry | None = None
        self._messages_count = 0

    def add(self, node: InProcessNode) -> None:
        """Let a node's messages through."""
        self.nodes[node.node_id] = node
        self.mischief[node.node_id] = Mischief()

    # --- towards the nodes

    def is_open(self, node_id: str) -> bool:
        """Whether the node can hold a connection."""
        return self.is_up and node_id not in self.partitioned

    def connected(self, node_id: str, last_will: bytes) -> None:
        """A node came, perhaps before it was given up."""
        if node_id in self._will_timers:
            self._will_timers.pop(node_id).cancelled = True
        self._wills[node_id] = last_will

    def publish(self, node_id: str, channel: topics.Channel, payload: bytes, at: datetime, *, is_news: bool) -> None:
        """Take a message of a node and carry it to the hub, whatever mischief befalls it."""
        if not self.is_open(node_id):
            return
        if channel.retain:
            self._retained[node_id] = payload
        mischief = self.mischief[node_id]
        for _ in range(2 if mischief.duplicates else 1):
            delay_s = mischief.delay_s
            if mischief.reorders and channel is topics.REPORT:
                delay_s += round(float(self._luck.uniform(0, LONGEST_REORDER_S)), 3)
            self._carry(channel.topic(node_id), payload, at + timedelta(seconds=delay_s), is_news=is_news)

    def gone(self, node_id: str, at: datetime) -> None:
        """A node's connection broke without a farewell."""
        if node_id in self._wills and node_id not in self._will_timers:
            say = partial(self._say_will, node_id)
            self._will_timers[node_id] = self._agenda.put(at + timedelta(seconds=WILL_AFTER_S), Rank.SEND, say)

    def _say_will(self, node_id: str, at: datetime) -> None:
        self._will_timers.pop(node_id, None)
        will = self._wills.pop(node_id, None)
        if will is not None and self.is_up:
            self._retained[node_id] = will
            self._carry(topics.STATUS.topic(node_id), will, at, is_news=True)

    # --- towards the hub

    def _carry(self, topic: str, payload: bytes, at: datetime, *, is_news: bool, retained: bool = False) -> None:
        self._messages_count += 1
        arrival = Arrival(
            topic=topic,
            payload=payload,
            payload_bytes_count=len(payload),
            qos=1,
            retained=retained,
            mid=self._messages_count % 65_535 + 1,
            connection_number=1,
            received_at=at,
        )
        self._agenda.put(at, Rank.ARRIVE, partial(self._arrive, arrival, is_news))

    def _arrive(self, arrival: Arrival, is_news: bool, at: datetime) -> None:  # noqa: FBT001 - a fact of the message
        if not (self.is_up and self.is_hub_up and self._hub.listening_since_at):
            return
        self._inbox.append(arrival)
        self._inbox_has_news |= is_news
        # Behind all others of this instant, as one batch; what is no news on the minute.
        ingest_at = at if is_news else at + timedelta(seconds=-at.timestamp() % CALM_WAITS_S)
        if self._ingesting is not None and not self._ingesting.cancelled:
            if self._ingesting.at <= ingest_at:
                return
            self._ingesting.cancelled = True
        self._ingesting = self._agenda.put(ingest_at, Rank.ARRIVE, self.ingest)

    def ingest(self, at: datetime) -> None:
        """Let the hub write down what lies before it."""
        self._ingesting = None
        has_news, self._inbox_has_news = self._inbox_has_news, False
        batch, self._inbox = self._inbox, []
        if not batch:
            return
        for committed in self._hub.ingest(batch):
            node = self.nodes.get(committed.node_id)
            if node is not None and self.is_open(committed.node_id):
                node.settle(committed.to_json(), at)
        if has_news:
            self._heard(at)

    def connect_hub(self, at: datetime) -> None:
        """The hub subscribes and is given what the broker kept."""
        if not (self.is_up and self.is_hub_up):
            return
        self._hub.listening_since_at = at
        for node_id, payload in sorted(self._retained.items()):
            self._carry(topics.STATUS.topic(node_id), payload, at, retained=True, is_news=True)

    # --- power

    def cut_power(self, at: datetime) -> None:
        """The broker is gone, and every connection with it."""
        self.is_up = False
        self._hub.listening_since_at = None
        for timer in self._will_timers.values():
            timer.cancelled = True
        self._will_timers.clear()
        self._wills.clear()
        for node in self.nodes.values():
            node.lose_connection(at)

    def restore_power(self, at: datetime) -> None:
        """The broker starts; who was connected comes back when its next try is due."""
        self._agenda.put(at + timedelta(seconds=BROKER_START_AFTER_S), Rank.TROUBLE, self._start)

    def _start(self, at: datetime) -> None:
        self.is_up = True
        self._agenda.put(at + timedelta(seconds=HUB_RECONNECTS_AFTER_S), Rank.TROUBLE, self.connect_hub)

    def cut_hub_power(self, at: datetime) -> None:
        """The hub is gone: nothing is judged, nothing answered."""
        del at
        self.is_hub_up = False
        self._hub.listening_since_at = None
        self._inbox.clear()

    def start_hub(self, at: datetime) -> None:
        """The hub runs and connects."""
        self.is_hub_up = True
        self.connect_hub(at)
