# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real mosquitto on a free loopback port, which a test may stop, kill and start again."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract import topics
from contract.desired import DesiredConfig
from contract.reports import Committed, CountReport, ReportKey
from contract.status import NodeStatus
from simulator.rig.free_port import free_port

HOST = "127.0.0.1"
START_TIMEOUT_S = 10.0


class Mosquitto:
    """One broker with a folder of its own; its port stays the same over restarts.

    Anonymous on loopback only. With `persistence` it writes its memory to disk on a clean stop, as
    Debian's default does. `extra_lines` are added to its configuration file, for passwords and topic rules.
    """

    host = HOST

    def __init__(self, folder: Path, *, persistence: bool = True, extra_lines: tuple[str, ...] = ()) -> None:
        executable = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not Path(executable).exists():
            pytest.skip("mosquitto is not installed")
        self.executable = executable
        self.folder = folder
        self.port = free_port()
        self.config_file = folder / "mosquitto.conf"
        self.log_file = folder / "mosquitto.log"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"listener {self.port} {HOST}",
            "user root",  # when started as root it would drop to a user who cannot write in the test's folder
            "max_queued_messages 100000",
            f"persistence {str(persistence).lower()}",
            f"persistence_location {folder}/",
            "log_type all",
            *(extra_lines or ("allow_anonymous true",)),
        ]
        self.config_file.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until the port answers."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [self.executable, "-c", str(self.config_file)], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if not self.is_running:
                break
            try:
                socket.create_connection((HOST, self.port), timeout=0.5).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"mosquitto did not start: {self.log_file.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop cleanly (SIGTERM)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End at once (SIGKILL), as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop cleanly and start again on the same port."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        self._process.wait(timeout=10)
        self._process = None


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A fresh running broker."""
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def configured_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Make a broker with configuration lines of the test's own (passwords, topic rules); not started yet."""
    made: list[Mosquitto] = []

    def make(*extra_lines: str, persistence: bool = True) -> Mosquitto:
        made.append(Mosquitto(tmp_path / f"mosquitto-{len(made)}", persistence=persistence, extra_lines=extra_lines))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()


class HubStandIn:
    """A real MQTT client that does what a hub does with reports: keeps each once, then says so (or keeps silent)."""

    def __init__(self, broker: Mosquitto) -> None:
        self.reports: dict[ReportKey, CountReport] = {}
        self.arrivals: list[ReportKey] = []
        self.statuses: list[NodeStatus] = []
        self.pictures: list[tuple[str, bytes]] = []
        self.answers = True
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def ask_for(self, desired: DesiredConfig) -> None:
        """Publish a desired configuration."""
        channel = topics.DESIRED
        self._client.publish(channel.topic(desired.node_id), desired.to_json(), channel.qos, channel.retain)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish anything."""
        self._client.publish(topic, payload, 1, retain)

    def settle(self, *keys: ReportKey) -> None:
        """Say that these reports, all of one boot, are on disk."""
        answer = Committed.of(keys[0].node_id, keys[0].boot_id, [key.sequence for key in keys])
        self._client.publish(topics.COMMITTED.topic(keys[0].node_id), answer.to_json(), topics.COMMITTED.qos)

    def wait_until(self, condition: Callable[[], object], *, timeout_s: float = 20.0) -> None:
        """Wait for a condition; fail the test when it does not come true."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {timeout_s} s in vain; {len(self.reports)} reports, statuses {self.statuses[-2:]}")
            time.sleep(0.02)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        filters = [topics.REPORT.for_all_nodes(), topics.STATUS.for_all_nodes()]
        client.subscribe([(text, 1) for text in (*filters, topics.EVIDENCE.for_all_nodes(deeper=True))])

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        address = topics.parse_topic(message.topic)
        assert address is not None
        if address.channel == topics.STATUS.level:
            self.statuses.append(NodeStatus.read(bytes(message.payload)))
        elif address.channel == topics.EVIDENCE.level:
            self.pictures.append((str(address.camera_id), bytes(message.payload)))
        else:
            report = CountReport.read(bytes(message.payload))
            self.arrivals.append(report.key)
            self.reports[report.key] = report
            if self.answers:
                self.settle(report.key)


@pytest.fixture
def hub(mosquitto: Mosquitto) -> Iterator[HubStandIn]:
    """A stand-in for the hub, connected and subscribed."""
    stand_in = HubStandIn(mosquitto)
    yield stand_in
    stand_in.close()
