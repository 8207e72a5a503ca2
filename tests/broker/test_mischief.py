# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the virtual store does to the network between node and hub, with a real broker and real MQTT clients."""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract import topics
from contract.counts import SightState
from contract.reports import Committed, CountReport
from contract.status import NodeStatus
from edge.config import BrokerConfig
from edge.outbox import Outbox
from edge.publisher import Publisher
from simulator.rig.mischief_bridge import Clumsiness, ClumsyBridge
from simulator.rig.network import LinkQuality, TcpRelay

BOOT = "b" * 32
WAIT_S = 20.0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def echo_port(stack: ExitStack) -> int:
    """A server that sends everything back."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

    def answer(connection: socket.socket) -> None:
        with connection:
            while chunk := connection.recv(4096):
                connection.sendall(chunk)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    stack.callback(lambda: listener.shutdown(socket.SHUT_RDWR))
    return int(listener.getsockname()[1])


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)


def receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        assert chunk, "the other side hung up"
        received += chunk
    return received


def says_nothing(connection: socket.socket) -> bool:
    connection.settimeout(0.5)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(WAIT_S)
    return False


def test_a_relay_passes_everything_on_both_ways(echo_port: int) -> None:
    sent = bytes(range(256)) * 4000
    with TcpRelay(echo_port) as relay, dial(relay.listen_port) as connection:
        threading.Thread(target=connection.sendall, args=(sent,), daemon=True).start()
        assert receive(connection, len(sent)) == sent


def test_a_cut_relay_keeps_what_is_sent_until_it_is_mended(echo_port: int) -> None:
    with TcpRelay(echo_port) as relay, dial(relay.listen_port) as connection:
        connection.sendall(b"before")
        assert receive(connection, 6) == b"before"
        relay.cut()
        connection.sendall(b"meanwhile")
        assert says_nothing(connection)
        relay.mend()
        assert receive(connection, 9) == b"meanwhile"


def test_a_cut_relay_does_not_even_tell_that_the_other_side_hung_up(stack: ExitStack) -> None:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    relay = stack.enter_context(TcpRelay(listener.getsockname()[1]))
    connection = stack.enter_context(dial(relay.listen_port))
    far, _ = listener.accept()
    relay.cut()
    far.close()
    assert says_nothing(connection)
    relay.mend()
    assert connection.recv(1) == b""


def test_a_connection_begun_while_the_relay_is_cut_stands_once_it_is_mended(echo_port: int) -> None:
    with TcpRelay(echo_port) as relay:
        relay.cut()
        with dial(relay.listen_port) as connection:
            connection.sendall(b"hello")
            assert says_nothing(connection)
            relay.mend()
            assert receive(connection, 5) == b"hello"


@pytest.mark.parametrize("quality", [LinkQuality(delay_s=0.4), LinkQuality(bytes_per_s=2000.0)])
def test_a_slow_relay_loses_nothing(echo_port: int, quality: LinkQuality) -> None:
    with TcpRelay(echo_port) as relay, dial(relay.listen_port) as connection:
        relay.set_quality(quality)
        connection.sendall(bytes(range(200)))
        assert receive(connection, 200) == bytes(range(200))


def test_a_relay_to_nowhere_hangs_up(stack: ExitStack) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    relay = stack.enter_context(TcpRelay(port))
    with dial(relay.listen_port) as connection:
        assert connection.recv(1) == b""


class HubSide:
    """Listens where the hub would and answers as it does."""

    def __init__(self, port: int, stack: ExitStack) -> None:
        self.reports: queue.Queue[CountReport] = queue.Queue()
        self.client = connected(port, stack)
        self.client.on_message = lambda _client, _userdata, message: self.reports.put(
            CountReport.read(bytes(message.payload))
        )
        subscribe(self.client, topics.REPORT.for_all_nodes())

    def sequences(self, count: int) -> list[int]:
        return [self.reports.get(timeout=WAIT_S).sequence for _ in range(count)]


def connected(port: int, stack: ExitStack) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.connect("127.0.0.1", port)
    client.loop_start()
    stack.callback(client.loop_stop)
    stack.callback(client.disconnect)
    return client


def subscribe(client: mqtt.Client, topic: str) -> None:
    granted = threading.Event()
    client.on_subscribe = lambda *_: granted.set()
    client.subscribe(topic, 1)
    assert granted.wait(WAIT_S)


def report(sequence: int) -> CountReport:
    return CountReport(
        node_id="node-1",
        boot_id=BOOT,
        sequence=sequence,
        camera_id="cam-1",
        captured_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        monotonic_s=float(sequence),
        model_id="model-1",
        calibration_id=None,
        view=SightState.SEEN,
        view_reason=None,
        zones=(),
    )


@pytest.fixture
def bridged(configured_mosquitto: Callable[..., Any], stack: ExitStack) -> tuple[int, HubSide, ClumsyBridge]:
    """Port of the node's broker, the hub's side, and the bridge between."""
    near, far = configured_mosquitto(), configured_mosquitto()
    near.start()
    far.start()
    hub = HubSide(far.port, stack)
    bridge = stack.enter_context(ClumsyBridge(from_port=near.port, to_port=far.port, seed=3))
    node = connected(near.port, stack)
    while True:  # until the bridge has subscribed
        node.publish(topics.REPORT.topic("node-1"), report(1).to_json(), 1)
        try:
            hub.reports.get(timeout=0.2)
        except queue.Empty:
            continue
        while not hub.reports.empty():
            hub.reports.get()
        return near.port, hub, bridge


def publish(port: int, stack: ExitStack, count: int) -> None:
    node = connected(port, stack)
    for sequence in range(1, count + 1):
        node.publish(topics.REPORT.topic("node-1"), report(sequence).to_json(), 1)


def test_a_bridge_that_nobody_disturbs_keeps_order_and_number(
    bridged: tuple[int, HubSide, ClumsyBridge], stack: ExitStack
) -> None:
    port, hub, _ = bridged
    publish(port, stack, 50)
    assert hub.sequences(50) == list(range(1, 51))
    assert hub.reports.empty()


def test_a_clumsy_bridge_brings_everything_twice(bridged: tuple[int, HubSide, ClumsyBridge], stack: ExitStack) -> None:
    port, hub, bridge = bridged
    bridge.set_manner({Clumsiness.DUPLICATE: 0.0})
    publish(port, stack, 20)
    assert sorted(hub.sequences(40)) == sorted([*range(1, 21), *range(1, 21)])


def test_a_clumsy_bridge_brings_everything_out_of_order(
    bridged: tuple[int, HubSide, ClumsyBridge], stack: ExitStack
) -> None:
    port, hub, bridge = bridged
    bridge.set_manner({Clumsiness.REORDER: 0.0})
    publish(port, stack, 20)
    arrived = hub.sequences(20)
    assert sorted(arrived) == list(range(1, 21))
    assert arrived != sorted(arrived)


def test_a_clumsy_bridge_brings_late_what_was_sent_while_it_was_late(
    bridged: tuple[int, HubSide, ClumsyBridge], stack: ExitStack
) -> None:
    port, hub, bridge = bridged
    bridge.set_manner({Clumsiness.DELAY: 2.0})
    publish(port, stack, 3)
    with pytest.raises(queue.Empty):
        hub.reports.get(timeout=0.5)
    assert hub.sequences(3) == [1, 2, 3]


def test_reports_leave_a_true_node_over_relay_and_bridge_whatever_happens_to_them(
    bridged: tuple[int, HubSide, ClumsyBridge], stack: ExitStack, tmp_path: Path
) -> None:
    """The node's own outbox and publisher; the answers go back over the same bridge."""
    port, hub, bridge = bridged
    outbox = Outbox(tmp_path / "outbox.sqlite", node_id="node-1", boot_id=BOOT, started_at=datetime.now(UTC))
    stack.callback(outbox.close)
    relay = stack.enter_context(TcpRelay(port))
    publisher = Publisher(
        BrokerConfig(host="127.0.0.1", port=relay.listen_port, keepalive_s=5),
        node_id="node-1",
        boot_id=BOOT,
        outbox=outbox,
        make_status=lambda state: NodeStatus(node_id="node-1", boot_id=BOOT, state=state),
        on_desired=lambda _: None,
        resend_after_s=1.0,
    )
    publisher.start()
    stack.callback(publisher.stop)
    bridge.set_manner({Clumsiness.DUPLICATE: 0.0, Clumsiness.REORDER: 0.0})
    for count in range(30):
        outbox.append(report)
        publisher.wake()
        if count == 10:
            relay.cut()
        if count == 20:
            relay.mend()
    arrived: set[int] = set()
    while outbox.pending_count:
        heard = hub.reports.get(timeout=WAIT_S)
        arrived.add(heard.sequence)
        answer = Committed.of("node-1", BOOT, [heard.sequence])
        hub.client.publish(topics.COMMITTED.topic("node-1"), answer.to_json(), topics.COMMITTED.qos)
    assert arrived == set(range(1, 31))
