# SPDX-License-Identifier: AGPL-3.0-or-later
"""Carries the outbox to the hub, and the hub's answers back.

Reports go out in order, at most `WINDOW_COUNT` unsettled at once. While the oldest of them is not settled in time, all
are sent again, with growing pauses; so is everything after a reconnect. Nothing here ever waits for the camera,
and the camera never waits for this. Only the monotonic clock is read, so a jump of the wall clock changes nothing.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import ValidationError

from contract import topics
from contract.reports import Committed, ReportKey
from contract.status import NodeState, NodeStatus
from edge.config import BrokerConfig
from edge.errors import ConfigError, OutboxError
from edge.outbox import Outbox

WINDOW_COUNT = 200
RESEND_AFTER_S = 10.0
RESEND_AT_MOST_EVERY_S = 300.0
STATUS_EVERY_S = 60.0
RECONNECT_AT_MOST_EVERY_S = 30
_IDLE_S = 1.0

log = structlog.get_logger()


class Publisher:
    """The node's one connection. Start it once, stop it once.

    `make_status` builds the status of the moment; `on_desired` receives desired configurations, in a thread of the
    client. Raises ConfigError when the password or the certificate authority cannot be read.
    """

    def __init__(
        self,
        broker: BrokerConfig,
        *,
        node_id: str,
        boot_id: str,
        outbox: Outbox,
        make_status: Callable[[NodeState], NodeStatus],
        on_desired: Callable[[bytes], None],
        resend_after_s: float = RESEND_AFTER_S,
    ) -> None:
        self._broker = broker
        self._node_id = node_id
        self._outbox = outbox
        self._make_status = make_status
        self._on_desired = on_desired
        self._resend_after_s = self._first_resend_after_s = resend_after_s
        self._turn = threading.Lock()
        self._in_flight: dict[ReportKey, mqtt.MQTTMessageInfo] = {}
        self._cursor = 0
        self._progress_s = 0.0
        self._connected = threading.Event()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._status_due = threading.Event()
        self._client = self._make_client(boot_id)
        self._pump = threading.Thread(target=self._run, name="publish", daemon=True)

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted this node and the connection stands."""
        return self._connected.is_set()

    def start(self) -> None:
        """Connect in the background, for as long as it takes."""
        self._client.connect_async(self._broker.host, self._broker.port, self._broker.keepalive_s)
        self._client.loop_start()
        self._pump.start()

    def wake(self) -> None:
        """A report was put into the outbox."""
        self._wake.set()

    def tell_status(self) -> None:
        """Something in the status changed."""
        self._status_due.set()
        self._wake.set()

    def send_evidence(self, camera_id: str, jpeg: bytes) -> None:
        """Send one picture if the broker is there now; pictures are never kept."""
        if self.is_connected:
            channel = topics.EVIDENCE
            self._client.publish(channel.topic(self._node_id, camera_id), jpeg, channel.qos, channel.retain)

    def stop(self, *, in_good_order: bool = True, timeout_s: float = 3.0) -> None:
        """Say `stopped`, so that nobody takes it for a crash, and leave.

        Not `in_good_order`: break off, so that the broker says `lost` in this node's place.
        """
        self._stopping.set()
        self._wake.set()
        self._pump.join(timeout_s)
        if in_good_order:
            self._say_farewell(timeout_s)
            self._client.disconnect()
        else:
            self._break_off()
        self._client.loop_stop()

    def _say_farewell(self, timeout_s: float) -> None:
        if self.is_connected:
            said = self._publish_status(NodeState.STOPPED)
            try:
                said.wait_for_publish(timeout_s)
            except (RuntimeError, ValueError):
                log.warning("the broker left before the farewell", node_id=self._node_id)

    def _break_off(self) -> None:
        """End the connection as a crash would: whoever disconnects takes the last will back."""
        line = self._client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):  # it is gone already
                line.shutdown(socket.SHUT_RDWR)

    def _make_client(self, boot_id: str) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"facings-node-{self._node_id}", protocol=mqtt.MQTTv311
        )
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password())
        if self._broker.tls_ca_file is not None:
            try:
                client.tls_set(ca_certs=str(self._broker.tls_ca_file))
            except OSError as error:
                raise ConfigError(f"broker.tls_ca_file: {self._broker.tls_ca_file} cannot be used ({error})") from error
        last_will = NodeStatus(node_id=self._node_id, boot_id=boot_id, state=NodeState.LOST).to_json()
        channel = topics.STATUS
        client.will_set(channel.topic(self._node_id), last_will, channel.qos, channel.retain)
        client.reconnect_delay_set(1, RECONNECT_AT_MOST_EVERY_S)
        client.max_inflight_messages_set(WINDOW_COUNT)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("the broker refuses this node", node_id=self._node_id, reason=str(reason))
            return
        client.subscribe(
            [(channel.topic(self._node_id), channel.qos) for channel in (topics.COMMITTED, topics.DESIRED)]
        )
        with self._turn:
            self._send_again()
            self._resend_after_s = self._first_resend_after_s
        log.info("connected", node_id=self._node_id, broker=self._broker.host)
        self._connected.set()
        self.tell_status()

    def _on_disconnect(self, _client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._connected.clear()
        if not self._stopping.is_set():
            log.warning("disconnected", node_id=self._node_id, reason=str(reason))

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        try:
            address = topics.parse_topic(message.topic)
            if address is None or address.node_id != self._node_id:
                return
            if address.channel == topics.COMMITTED.level:
                self._settle(bytes(message.payload))
            elif address.channel == topics.DESIRED.level and message.payload:
                self._on_desired(bytes(message.payload))
        except Exception:  # an exception would end the client's thread, and with it the node's only way out
            log.exception("a message of the hub is not used", node_id=self._node_id)

    def _settle(self, payload: bytes) -> None:
        try:
            committed = Committed.read(payload)
            self._outbox.settle(committed)
        except (ValidationError, OutboxError) as error:
            log.warning("an answer of the hub is not used", node_id=self._node_id, reason=str(error).splitlines()[0])
            return
        with self._turn:
            oldest = next(iter(self._in_flight), None)
            for key in list(self._in_flight):
                if key.boot_id == committed.boot_id and any(
                    span.first <= key.sequence <= span.last for span in committed.ranges
                ):
                    del self._in_flight[key]
            # Only the oldest tells: answers to later reports must not hide for ever that one was lost on the way.
            if oldest not in self._in_flight:
                self._progress_s = time.monotonic()
                self._resend_after_s = self._first_resend_after_s
        self._wake.set()

    def _run(self) -> None:
        status_s = 0.0
        while not self._stopping.is_set():
            self._wake.wait(_IDLE_S)
            self._wake.clear()
            if not self.is_connected:
                continue
            try:
                if self._status_due.is_set() or time.monotonic() - status_s >= STATUS_EVERY_S:
                    self._status_due.clear()
                    self._publish_status(NodeState.ONLINE)
                    status_s = time.monotonic()
                self._send_reports(time.monotonic())
            except Exception:  # the pump must not die of one bad moment; what was not sent is still in the outbox
                log.exception("sending failed", node_id=self._node_id)
                self._stopping.wait(_IDLE_S)

    def _send_reports(self, now_s: float) -> None:
        channel = topics.REPORT
        with self._turn:
            if self._in_flight and now_s - self._progress_s > self._resend_after_s:
                self._send_again()
                self._resend_after_s = min(2 * self._resend_after_s, RESEND_AT_MOST_EVERY_S)
            if not self._in_flight:
                self._progress_s = now_s
            free_count = WINDOW_COUNT - len(self._in_flight)
            if free_count <= 0:
                return
            for pending in self._outbox.pending(after_position=self._cursor, limit=free_count):
                self._cursor = pending.position
                if pending.key not in self._in_flight:
                    self._in_flight[pending.key] = self._client.publish(
                        channel.topic(self._node_id), pending.payload, channel.qos, channel.retain
                    )

    def _send_again(self) -> None:
        """Begin anew at the oldest report, save for those that the client itself still holds and will repeat."""
        self._in_flight = {key: sent for key, sent in self._in_flight.items() if _is_held(sent)}
        self._cursor = 0
        self._progress_s = time.monotonic()

    def _publish_status(self, state: NodeState) -> mqtt.MQTTMessageInfo:
        channel = topics.STATUS
        payload = self._make_status(state).to_json()
        return self._client.publish(channel.topic(self._node_id), payload, channel.qos, channel.retain)


def _is_held(sent: mqtt.MQTTMessageInfo) -> bool:
    """Whether the client has not heard from the broker about a message and will repeat it by itself."""
    try:
        return not sent.is_published()
    except (RuntimeError, ValueError):
        return False
