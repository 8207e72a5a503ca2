# SPDX-License-Identifier: AGPL-3.0-or-later
"""The shipped broker configuration, run by a real mosquitto with passwords made by the shipped scripts."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from PIL import Image

from contract import topics
from contract.reports import Committed
from contract.topics import Channel
from simulator.rig.free_port import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
NODE, OTHER = "aisle-3", "aisle-4"
PATIENCE_S = 15.0
TLS_PORT = 8883

FROM_NODE = {
    "report": topics.REPORT.topic(NODE),
    "status": topics.STATUS.topic(NODE),
    "evidence": topics.EVIDENCE.topic(NODE, "left"),
}
TO_NODE = {"committed": topics.COMMITTED.topic(NODE), "desired": topics.DESIRED.topic(NODE)}
ALL_CHANNELS = {channel.level: channel for channel in vars(topics).values() if isinstance(channel, Channel)}


class ShippedBroker:
    """deploy/mosquitto with its absolute paths and ports moved, and nothing else changed.

    `ports` maps each port that the files name to the free one on loopback that stands for it here.
    """

    host = "127.0.0.1"

    def __init__(self, folder: Path, executable: str, *included: str) -> None:
        self.folder = folder
        self.executable = executable
        self.log_file = folder / "log"
        self.ports: dict[int, int] = {}
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "conf.d").mkdir(parents=True)
        (folder / "data").mkdir()
        self._move("mosquitto.conf", folder / "mosquitto.conf")
        for name in included:
            self._move(name, folder / "conf.d" / Path(name).name.removesuffix(".example"))
        shutil.copy(DEPLOY / "mosquitto/facings.acl", folder / "facings.acl")
        self.secrets = folder / "made-secrets"
        self.script("new-secrets", "compose")
        for node_id in (NODE, OTHER):
            self.script("add-node", node_id)
        (folder / "secrets").symlink_to(self.secrets / "mosquitto")
        if os.geteuid() == 0:  # else mosquitto would drop to an account that cannot enter the test's folder
            with (folder / "mosquitto.conf").open("a") as config:
                config.write("user root\n")

    @property
    def port(self) -> int:
        return self.ports[1883]

    def _move(self, name: str, target: Path) -> None:
        text = (DEPLOY / "mosquitto" / name).read_text(encoding="utf-8")
        for shipped in ("/var/lib/mosquitto/", "/mosquitto/data/"):
            text = text.replace(shipped, f"{self.folder}/data/")
        text = text.replace("/etc/mosquitto/", f"{self.folder}/")
        target.write_text(re.sub(r"^listener (\d+).*$", self._listener, text, flags=re.MULTILINE), encoding="utf-8")

    def _listener(self, found: re.Match[str]) -> str:
        self.ports[int(found[1])] = free_port()
        return f"listener {self.ports[int(found[1])]} {self.host}"

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"FACINGS_SECRETS_DIR": str(self.secrets)}
        return subprocess.run(
            [str(DEPLOY / name), *arguments], env=environment, capture_output=True, text=True, check=True, timeout=60
        )

    def password(self, name: str) -> str:
        return (self.secrets / f"mqtt/{name}.password").read_text(encoding="utf-8").strip()

    def start(self) -> None:
        with self.log_file.open("wb") as log:
            command = [self.executable, "-c", str(self.folder / "mosquitto.conf")]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), timeout=0.5).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"mosquitto did not take the shipped configuration: {self.log_file.read_text()}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=PATIENCE_S)


class User:
    """One MQTT client whose every step waits until the broker has answered it."""

    def __init__(
        self,
        broker: ShippedBroker,
        name: str | None,
        password: str | None,
        *,
        will: str | None = None,
        port: int = 1883,
        client_id: str = "",
    ) -> None:
        self.ended = threading.Event()
        self.connected: Queue[bool] = Queue()
        self.subscribed: Queue[int] = Queue()
        self.heard: Queue[MQTTMessage] = Queue()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv311)
        if port == TLS_PORT:
            authority = broker.secrets / "mosquitto/server.crt"
            self.client.tls_set_context(ssl.create_default_context(cafile=str(authority)))
        if name is not None:
            self.client.username_pw_set(name, password)
        if will is not None:
            self.client.will_set(will, b"will", qos=1)
        self.client.on_disconnect = lambda *_: self.ended.set()
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self.connected.put(not reason.is_failure)
        self.client.on_subscribe = lambda _c, _u, mid, _r, _p: self.subscribed.put(mid)
        self.client.on_message = lambda _c, _u, message: self.heard.put(message)
        self.client.connect(broker.host, broker.ports[port])
        self.client.loop_start()
        self.welcome = self.connected.get(timeout=PATIENCE_S)

    def subscribe(self, *filters: str) -> None:
        self.client.subscribe([(wanted, 1) for wanted in filters])
        self.subscribed.get(timeout=PATIENCE_S)

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(timeout=PATIENCE_S)

    def hears_until(self, last_topic: str) -> list[str]:
        """Topics in the order of arrival, up to and with `last_topic`, which has to come."""
        arrived: list[str] = []
        while not arrived or arrived[-1] != last_topic:
            try:
                arrived.append(self.heard.get(timeout=PATIENCE_S).topic)
            except Empty:
                pytest.fail(f"{last_topic} never arrived; before it came {arrived}")
        return arrived

    def vanish(self) -> None:
        """Go without a goodbye, so that the broker speaks the last will."""
        self.client.loop_stop()
        connection = self.client.socket()
        assert connection is not None
        connection.close()

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def executable() -> str:
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip("mosquitto is not installed")
    return found


@pytest.fixture(scope="module", params=["conf.d/machine.conf", "container.d/container.conf"])
def shipped_broker(
    executable: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShippedBroker]:
    """As on a machine and as in the container."""
    broker = ShippedBroker(tmp_path_factory.mktemp("shipped") / "mosquitto", executable, request.param)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def enter(shipped_broker: ShippedBroker) -> Iterator[Callable[..., User]]:
    """Connect as a user, with the password that the scripts made for it."""
    users: list[User] = []

    def connect(name: str, *, will: str | None = None) -> User:
        is_node = name in (NODE, OTHER)
        port = 1883 if is_node or 1884 not in shipped_broker.ports else 1884
        users.append(User(shipped_broker, name, shipped_broker.password(name), will=will, port=port))
        assert users[-1].welcome
        return users[-1]

    yield connect
    for user in users:
        user.leave()


@pytest.mark.parametrize("name", [None, NODE, "hub", "nobody"])
def test_without_the_right_password_nobody_comes_in(shipped_broker: ShippedBroker, name: str | None) -> None:
    for wrong in ("", "guess", shipped_broker.password(OTHER)):
        stranger = User(shipped_broker, name, wrong if name else None)
        assert not stranger.welcome
        stranger.leave()


@pytest.mark.parametrize("kind", FROM_NODE)
def test_the_hub_hears_a_node(enter: Callable[..., User], kind: str) -> None:
    hub, node = enter("hub"), enter(NODE)
    hub.subscribe(
        topics.REPORT.for_all_nodes(), topics.STATUS.for_all_nodes(), topics.EVIDENCE.for_all_nodes(deeper=True)
    )
    node.publish(FROM_NODE[kind])
    assert hub.hears_until(FROM_NODE[kind]) == [FROM_NODE[kind]]


@pytest.mark.parametrize("kind", TO_NODE)
def test_a_node_hears_the_hub(enter: Callable[..., User], kind: str) -> None:
    hub, node = enter("hub"), enter(NODE)
    node.subscribe(TO_NODE[kind])
    hub.publish(TO_NODE[kind])
    assert node.hears_until(TO_NODE[kind]) == [TO_NODE[kind]]


def test_a_node_cannot_speak_under_another_name_nor_for_the_hub(enter: Callable[..., User]) -> None:
    """Whoever may hear everything hears only the last message: the node's own report."""
    hub, integrator, node, intruder = enter("hub"), enter("integrator"), enter(NODE), enter(OTHER)
    for listener in (hub, integrator, node):
        listener.subscribe("#")
    forbidden = [
        *FROM_NODE.values(),
        *TO_NODE.values(),
        topics.COMMITTED.topic(OTHER),
        topics.DESIRED.topic(OTHER),
        f"facings/v1/node/{OTHER}/report/deeper",
        f"facings/v1/node/{OTHER}/evidence",
        f"facings/v1/node/{OTHER}",
        "facings/v1/hub",
        "homeassistant/sensor/config",
    ]
    for topic in forbidden:
        intruder.publish(topic)
    own = topics.REPORT.topic(OTHER)
    intruder.publish(own)
    assert hub.hears_until(own) == [own]
    assert integrator.hears_until(own) == [own]
    enter("hub").publish(TO_NODE["committed"])
    assert node.hears_until(TO_NODE["committed"]) == [TO_NODE["committed"]]


def test_a_node_cannot_overhear_anybody(enter: Callable[..., User]) -> None:
    hub, node, eavesdropper = enter("hub"), enter(NODE), enter(OTHER)
    eavesdropper.subscribe("#", "+/+/+/+/+", *TO_NODE.values(), *FROM_NODE.values(), "facings/v1/node/+/committed")
    for topic in FROM_NODE.values():
        node.publish(topic)
    for topic in TO_NODE.values():
        hub.publish(topic)
    own = topics.COMMITTED.topic(OTHER)
    hub.publish(own)
    assert set(eavesdropper.hears_until(own)) == {own}


def test_a_retained_configuration_is_kept_from_other_nodes(enter: Callable[..., User]) -> None:
    hub = enter("hub")
    hub.publish(TO_NODE["desired"], retain=True)
    late, owner = enter(OTHER), enter(NODE)
    late.subscribe("#")
    own = topics.COMMITTED.topic(OTHER)
    hub.publish(own)
    assert set(late.hears_until(own)) == {own}
    owner.subscribe(TO_NODE["desired"])
    assert owner.hears_until(TO_NODE["desired"]) == [TO_NODE["desired"]]
    hub.publish(TO_NODE["desired"], b"", retain=True)


def test_a_last_will_speaks_only_under_its_own_name(enter: Callable[..., User], shipped_broker: ShippedBroker) -> None:
    hub = enter("hub")
    hub.subscribe(topics.STATUS.for_all_nodes())
    User(shipped_broker, OTHER, shipped_broker.password(OTHER), will=topics.STATUS.topic(NODE)).vanish()
    honest = topics.STATUS.topic(OTHER)
    enter(OTHER, will=honest).vanish()
    assert hub.hears_until(honest) == [honest]


def test_an_integrator_hears_counts_and_states_and_says_nothing(enter: Callable[..., User]) -> None:
    hub, integrator, node = enter("hub"), enter("integrator"), enter(NODE)
    integrator.subscribe("#")
    hub.subscribe("#")
    as_if_a_node = [topics.REPORT.topic("integrator"), topics.EVIDENCE.topic("integrator", "left")]
    for topic in (*FROM_NODE.values(), *TO_NODE.values(), *as_if_a_node):
        integrator.publish(topic, b"forged")
    hub.publish(topics.REPORT.topic("hub"), b"forged")
    node.publish(FROM_NODE["evidence"])
    hub.publish(TO_NODE["committed"])
    node.publish(FROM_NODE["status"])
    node.publish(FROM_NODE["report"])
    assert integrator.hears_until(FROM_NODE["report"]) == [FROM_NODE["status"], FROM_NODE["report"]]
    arrived = [hub.heard.get(timeout=PATIENCE_S).payload for _ in FROM_NODE]
    assert b"forged" not in arrived


def test_a_message_that_is_too_large_for_any_of_ours_is_not_passed_on(enter: Callable[..., User]) -> None:
    hub, node = enter("hub"), enter(NODE)
    hub.subscribe("#")
    node.publish(FROM_NODE["evidence"], b"x" * 2 * 1024 * 1024)
    assert hub.hears_until(FROM_NODE["evidence"]) == [FROM_NODE["evidence"]]
    node.client.publish(FROM_NODE["report"], b"x" * 3_000_000, qos=0)
    status = topics.STATUS.topic(OTHER)
    enter(OTHER).publish(status)
    assert hub.hears_until(status)[-1] == status


def test_the_rules_name_exactly_the_topics_of_the_contract() -> None:
    rules = (DEPLOY / "mosquitto/facings.acl").read_text(encoding="utf-8").splitlines()
    allowed = [rule.split() for rule in rules if rule.startswith(("topic ", "pattern ")) and " deny " not in rule]
    named = {words[-1].split("/")[4] for words in allowed}
    assert named == set(ALL_CHANNELS)


def test_the_password_file_holds_no_password(shipped_broker: ShippedBroker) -> None:
    hashed = (shipped_broker.secrets / "mosquitto/passwords").read_text(encoding="utf-8")
    for name in ("hub", "integrator", NODE, OTHER):
        assert shipped_broker.password(name) not in hashed
        assert len(shipped_broker.password(name)) == 32
        assert (shipped_broker.secrets / f"mqtt/{name}.password").stat().st_mode & 0o077 == 0
    assert len({shipped_broker.password(name) for name in ("hub", "integrator", NODE, OTHER)}) == 4


def test_the_scripts_refuse_what_would_harm(shipped_broker: ShippedBroker) -> None:
    before = (shipped_broker.secrets / "mosquitto/passwords").read_bytes()
    refused = [
        ("add-node", "hub"),
        ("add-node", "integrator"),
        ("add-node", NODE),  # has one already
        ("add-node", "Aisle/4"),
        ("add-node", "a:b"),
        ("add-node", ".*"),
        ("add-node",),
        ("new-secrets", "compose"),  # would overwrite secrets in use
        ("new-secrets",),
    ]
    for name, *arguments in refused:
        with pytest.raises(subprocess.CalledProcessError) as refusal:
            shipped_broker.script(name, *arguments)
        assert refusal.value.stderr
    assert (shipped_broker.secrets / "mosquitto/passwords").read_bytes() == before


def test_a_node_added_later_comes_in_after_a_reload(shipped_broker: ShippedBroker) -> None:
    answer = shipped_broker.script("add-node", "aisle-9")
    assert shipped_broker.password("aisle-9") not in answer.stdout + answer.stderr
    assert shipped_broker.process is not None
    shipped_broker.process.send_signal(1)  # SIGHUP, as `systemctl reload` does
    deadline = time.monotonic() + PATIENCE_S
    welcome = False
    while not welcome and time.monotonic() < deadline:
        newcomer = User(shipped_broker, "aisle-9", shipped_broker.password("aisle-9"))
        welcome = newcomer.welcome
        newcomer.leave()
    assert welcome


@pytest.fixture
def tls_broker(tmp_path: Path, executable: str) -> Iterator[ShippedBroker]:
    """The machine's configuration with the TLS example taken up, and a certificate made here."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    broker = ShippedBroker(tmp_path / "mosquitto", executable, "conf.d/machine.conf", "conf.d/tls.conf.example")
    certificate, key = broker.secrets / "mosquitto/server.crt", broker.secrets / "mosquitto/server.key"
    what = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker"]
    where = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, "req", *what, *where], check=True, capture_output=True, timeout=60)
    broker.start()
    yield broker
    broker.stop()


def test_the_tls_listener_encrypts_and_asks_for_the_password_too(tls_broker: ShippedBroker) -> None:
    for password, expected in ((tls_broker.password(NODE), True), ("guess", False)):
        node = User(tls_broker, NODE, password, port=TLS_PORT)
        assert node.welcome is expected
        node.leave()


def test_a_stolen_node_cannot_push_another_off_the_listeners_for_nodes(
    tls_broker: ShippedBroker, tmp_path: Path, executable: str
) -> None:
    container = ShippedBroker(tmp_path / "container", executable, "container.d/container.conf")
    container.start()
    for broker, port in ((tls_broker, TLS_PORT), (container, 1883)):
        honest = User(broker, NODE, broker.password(NODE), port=port, client_id=f"facings-node-{NODE}")
        honest.subscribe(topics.COMMITTED.topic(NODE))
        for client_id in (f"facings-node-{NODE}", NODE):
            stolen = User(broker, OTHER, broker.password(OTHER), port=port, client_id=client_id)
            assert stolen.welcome
            stolen.publish(topics.REPORT.topic(OTHER))
            stolen.leave()
        honest.publish(topics.REPORT.topic(NODE))
        assert not honest.ended.is_set()
        honest.leave()
    container.stop()


def test_hub_and_node_meet_through_the_shipped_configuration(
    tls_broker: ShippedBroker, tmp_path: Path, processes: Callable[..., None]
) -> None:
    """Both programs with their example files and made secrets, the node over TLS: its first report is committed."""
    broker, hub_port = tls_broker, free_port()
    hub_file = (DEPLOY / "examples/hub.toml").read_text(encoding="utf-8")
    hub_file = hub_file.replace("port = 1883", f"port = {broker.port}").replace("8360", str(hub_port))
    (tmp_path / "hub.toml").write_text(hub_file.replace("/var/lib/facings-hub", str(tmp_path)), encoding="utf-8")
    hub_secrets = {
        "FACINGS_HUB_BROKER__USERNAME": "hub",
        "FACINGS_HUB_BROKER__PASSWORD_FILE": str(broker.secrets / "mqtt/hub.password"),
        "FACINGS_HUB_API_TOKEN": "a token of this test alone",
    }
    Image.new("RGB", (320, 240), "grey").save(tmp_path / "shelf.png")
    node_file = (DEPLOY / "examples/node.toml").read_text(encoding="utf-8").split("[[cameras]]")[0]
    moved = {
        'host = "hub.shop.example"': f'host = "{broker.host}"',
        "port = 8883": f"port = {broker.ports[TLS_PORT]}",
        "/run/credentials/facings-node.service/mqtt_password": str(broker.secrets / f"mqtt/{NODE}.password"),
        "broker-ca.crt": str(broker.secrets / "mosquitto/server.crt"),
        "/var/lib/facings-node": str(tmp_path / "state"),
    }
    for shipped, here in moved.items():
        assert shipped in node_file
        node_file = node_file.replace(shipped, here)
    node_file += '[[cameras]]\ncamera_id = "left"\nsource = "shelf.png"\n'
    (tmp_path / "node.toml").write_text(node_file, encoding="utf-8")

    listener = User(broker, NODE, broker.password(NODE))
    listener.subscribe(topics.COMMITTED.topic(NODE))
    processes("hub", "run", "--config", str(tmp_path / "hub.toml"), **hub_secrets)
    processes("edge", "run", "--config", str(tmp_path / "node.toml"))
    committed = Committed.read(bytes(listener.heard.get(timeout=90).payload))
    assert (committed.node_id, committed.ranges[0].first) == (NODE, 1)
    listener.leave()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Start `facings` with these words; ended after the test, and shown when the test fails."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **variables: str) -> None:
        program = Path(sys.executable).parent / "facings"
        with (tmp_path / f"{words[0]}.log").open("wb") as log:
            command = [str(program), *words]
            started.append(subprocess.Popen(command, env=os.environ | variables, stdout=log, stderr=subprocess.STDOUT))

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(timeout=30)
    for log_file in tmp_path.glob("*.log"):
        sys.stdout.write(f"--- {log_file.name}\n{log_file.read_text(encoding='utf-8')}\n")
