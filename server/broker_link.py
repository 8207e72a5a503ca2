# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hub's MQTT connection: fills the inbox, says what is settled, and acknowledges what is on disk or had no room.

A clean session on purpose: what the hub misses while it is away is still in the nodes' outboxes, and a fixed client id
would let two hubs push each other off the broker.
"""

import ssl
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contract import topics
from contract.desired import DesiredConfig
from contract.reports import MAX_REPORT_BYTES, Committed
from server.config import BrokerSettings
from server.inbox import Arrival, Inbox
from server.letters import MAX_DEAD_PAYLOAD_BYTES, MAX_PICTURE_BYTES

_log = structlog.get_logger(__name__)

_SUBSCRIPTIONS = [
    (topics.REPORT.for_all_nodes(), topics.REPORT.qos),
    (topics.STATUS.for_all_nodes(), topics.STATUS.qos),
    (topics.EVIDENCE.for_all_nodes(deeper=True), topics.EVIDENCE.qos),
]
_KEEPALIVE_S = 30
_MAX_COMMITTED_IN_FLIGHT_COUNT = 1000


class BrokerLink:
    """One connection that comes back by itself.

    paho's thread calls the `_on_*` methods; everything else may be called from any thread.
    """

    def __init__(self, settings: BrokerSettings, inbox: Inbox) -> None:
        self._inbox = inbox
        self._settings = settings
        self._connection_number = 0
        self.listening_since_at: datetime | None = None
        """Since when this connection's subscriptions stand; None while they do not."""
        self.trouble: str | None = "not connected yet"
        """Why nothing can arrive; None while all is well."""
        self.refused_count = 0
        """Messages that found the inbox full."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"facings-hub-{uuid4().hex[:12]}",
            clean_session=True,
            protocol=MQTTv311,
            manual_ack=True,
        )
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.reconnect_delay_set(min_delay=1, max_delay=10)
        client.max_inflight_messages_set(_MAX_COMMITTED_IN_FLIGHT_COUNT)
        if settings.username is not None:
            client.username_pw_set(settings.username, settings.password())
        if settings.ca_file is not None:
            client.tls_set_context(ssl.create_default_context(cafile=str(settings.ca_file)))
        self._client = client

    def start(self) -> None:
        """Connect in the background, again and again until it works."""
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=_KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye and end paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def say_committed(self, committed: Committed) -> None:
        """Tell a node what is settled. Not kept for later: a node that hears nothing sends again and is told again."""
        if self._client.is_connected():
            topic = topics.COMMITTED.topic(committed.node_id)
            self._client.publish(topic, committed.to_json(), topics.COMMITTED.qos, topics.COMMITTED.retain)

    def say_desired(self, desired: DesiredConfig) -> bool:
        """Leave a node its configuration at the broker; False when there is no connection."""
        if not self._client.is_connected():
            return False
        topic = topics.DESIRED.topic(desired.node_id)
        self._client.publish(topic, desired.to_json(), topics.DESIRED.qos, topics.DESIRED.retain)
        return True

    def acknowledge(self, arrivals: list[Arrival]) -> None:
        """Let the broker forget these, where they came over the present connection."""
        for arrival in arrivals:
            if arrival.qos > 0 and arrival.connection_number == self._connection_number:
                self._client.ack(arrival.mid, arrival.qos)

    @property
    def connection_number(self) -> int:
        """Counts connections, so that a new one can be noticed."""
        return self._connection_number

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self.trouble = f"the broker refused the hub: {reason}"
            _log.error("broker_refused", reason=str(reason), host=self._settings.host, port=self._settings.port)
            return
        self._connection_number += 1
        client.subscribe(_SUBSCRIPTIONS)

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [topic for (topic, _), reason in zip(_SUBSCRIPTIONS, reasons, strict=False) if reason.is_failure]
        if refused:
            self.trouble = f"the broker's rules forbid the hub to read {', '.join(refused)}"
            _log.error("subscription_refused", topics=refused)
            return
        self.trouble = None
        self.listening_since_at = datetime.now(UTC)
        _log.info("broker_connected", host=self._settings.host, port=self._settings.port)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self.listening_since_at = None
        self.trouble = f"connection to the broker lost: {reason}"
        _log.warning("broker_disconnected", reason=str(reason))

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        self.trouble = f"no broker answers at {self._settings.host}:{self._settings.port}"

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic of ours; paho's thread must not die of it
        arrival = Arrival(
            topic=topic,
            payload=_bounded(bytes(message.payload)),
            payload_bytes_count=len(message.payload),
            qos=message.qos,
            retained=message.retain,
            mid=message.mid,
            connection_number=self._connection_number,
            received_at=datetime.now(UTC),
        )
        if not self._inbox.offer(arrival):
            self.refused_count += 1
            # Left unacknowledged it would keep its place in the broker's window until the connection ends, and a
            # window full of such leaves the hub deaf. The node has it in its outbox and sends it again.
            self.acknowledge([arrival])


def _bounded(payload: bytes) -> bytes:
    """A payload that is too large to be read is not held in memory either."""
    largest = max(MAX_PICTURE_BYTES, MAX_REPORT_BYTES)
    return payload if len(payload) <= largest else payload[:MAX_DEAD_PAYLOAD_BYTES]
