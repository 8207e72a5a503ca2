# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hub's ingest against a real broker and real databases: nothing lost, nothing twice, nothing believed blindly."""

import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, create_engine, func, select, text

from contract import topics
from contract.counts import FacingsDistribution, SightState, ZoneCount
from contract.reports import Committed, CountReport
from contract.status import NodeState, NodeStatus
from server import tables
from server.broker_link import BrokerLink
from server.config import BrokerSettings
from server.database import migrate, open_engine, reading, writing
from server.embedded_broker import EmbeddedBroker
from server.inbox import Inbox
from server.ingest import Ingest
from server.shelves import ask_node

BOOT = "0123456789abcdef" * 2
PATIENCE_S = 90.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"waited {PATIENCE_S:g} s in vain for {what}")


class NodeEnd:
    """The node's end of the line: sends what it is told and remembers what the hub says is settled."""

    def __init__(self, port: int, node_id: str = "n1") -> None:
        self.node_id = node_id
        self.settled: set[int] = set()
        self.desired: list[bytes] = []
        self.connected = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, f"node-{uuid4().hex[:8]}", protocol=MQTTv311)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self.connected.set()
        client.on_message = self._on_message
        client.reconnect_delay_set(1, 1)
        client.connect_async("127.0.0.1", port)
        client.loop_start()
        self.client = client
        assert self.connected.wait(PATIENCE_S)

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe([(topics.COMMITTED.topic(self.node_id), 1), (topics.DESIRED.topic(self.node_id), 1)])

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if message.topic == topics.DESIRED.topic(self.node_id):
            self.desired.append(bytes(message.payload))
        elif message.topic == topics.COMMITTED.topic(self.node_id):
            committed = Committed.read(bytes(message.payload))
            assert committed.node_id == self.node_id
            for span in committed.ranges:
                self.settled.update(range(span.first, span.last + 1))

    def say(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos, retain)

    def report(self, sequence: int, facings_count: int = 3) -> None:
        self.say(topics.REPORT.topic(self.node_id), report_payload(sequence, facings_count, node_id=self.node_id))

    def send_until_settled(self, sequences: range) -> None:
        """What an outbox does: send again whatever has not been settled."""
        deadline_s = time.monotonic() + PATIENCE_S
        while missing := [sequence for sequence in sequences if sequence not in self.settled]:
            assert time.monotonic() < deadline_s, f"{len(missing)} reports were never settled"
            for sequence in missing:
                self.report(sequence)
            waited_until_s = time.monotonic() + 3
            while time.monotonic() < waited_until_s and not self.settled.issuperset(missing):
                time.sleep(0.02)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def report_payload(sequence: int, facings_count: int = 3, *, node_id: str = "n1") -> bytes:
    return CountReport(
        node_id=node_id,
        boot_id=BOOT,
        sequence=sequence,
        camera_id="c1",
        captured_at=datetime.now(UTC),
        monotonic_s=float(sequence),
        model_id="m1",
        calibration_id="cal-0123456789abcdef",
        view=SightState.SEEN,
        zones=(
            ZoneCount(
                zone_id="z1",
                sku="TEA",
                state=SightState.SEEN,
                facings=FacingsDistribution.certain(facings_count),
            ),
        ),
    ).to_json()


@contextmanager
def ingesting(engine: Engine, port: int, *, inbox_messages_count: int = 20_000) -> Iterator[tuple[Ingest, BrokerLink]]:
    inbox = Inbox(max_messages_count=inbox_messages_count, max_bytes_count=64 * 1024 * 1024)
    link = BrokerLink(BrokerSettings(port=port), inbox)
    ingest = Ingest(engine, link, inbox, pictures_per_camera_count=5)
    link.start()
    ingest.start()
    try:
        wait_for(lambda: link.listening_since_at is not None, "the hub's subscription")
        yield ingest, link
    finally:
        ingest.stop()
        link.stop()


@contextmanager
def node_end(port: int, node_id: str = "n1") -> Iterator[NodeEnd]:
    node = NodeEnd(port, node_id)
    try:
        yield node
    finally:
        node.stop()


def rows_count(engine: Engine, table: Any) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_reports_are_on_disk_before_the_node_is_told(engine: Engine, mosquitto: Any) -> None:
    with ingesting(engine, mosquitto.port), node_end(mosquitto.port) as node:
        for sequence in range(1, 301):
            node.report(sequence, sequence % 5)
        wait_for(lambda: len(node.settled) == 300, "300 settled reports")
        assert rows_count(engine, tables.report) == 300
        with reading(engine) as connection:
            zone = connection.execute(select(tables.zone_latest)).one()
        assert zone.facings_mode_count == 300 % 5


def test_a_repeated_report_is_settled_again_and_counted_once(engine: Engine, mosquitto: Any) -> None:
    with ingesting(engine, mosquitto.port), node_end(mosquitto.port) as node:
        node.report(1)
        wait_for(lambda: node.settled == {1}, "the first answer")
        node.settled.clear()
        node.report(1)
        wait_for(lambda: node.settled == {1}, "the second answer")
    assert rows_count(engine, tables.report) == 1


def test_hostile_payloads_become_dead_letters_and_harm_nothing(engine: Engine, mosquitto: Any) -> None:
    topic = topics.REPORT.topic("n1")
    broken = json.loads(report_payload(7))
    hostile = [
        b"",
        b"\x00\xff\xfe",
        b"null",
        b"[" * 50_000,
        b'{"sequence": ' + b"9" * 10_000 + b"}",
        json.dumps({**broken, "zones": "<script>"}).encode(),
        json.dumps({**broken, "sequence": 8, "captured_at": "0001-01-01T00:00:00+14:00"}).encode(),
        json.dumps({**broken, "sequence": 9, "padding": "x" * 400_000}).encode(),
        json.dumps({**broken, "sequence": 10, "node_id": "n2"}).encode(),
    ]
    with ingesting(engine, mosquitto.port), node_end(mosquitto.port) as node, node_end(mosquitto.port, "n2") as other:
        for payload in hostile:
            node.say(topic, payload)
        node.say("facings/v1/node/n1/evidence/c1", b"<svg/onload=alert(1)>")
        node.say("facings/v1/node/n1/status", b"{}")
        node.report(11)
        wait_for(lambda: 11 in node.settled, "the sound report after them")
        # Those whose key can be read are settled too: their node need not send them for ever.
        assert node.settled == {7, 8, 9, 10, 11}
        assert other.settled == set()
    assert rows_count(engine, tables.report) == 1
    with reading(engine) as connection:
        letters = connection.execute(select(tables.dead_letter)).all()
    assert len(letters) == len(hostile) + 2
    assert all(letter.reason for letter in letters)
    assert max(letter.payload_bytes_count for letter in letters) > 400_000
    assert max(len(letter.payload) for letter in letters) <= 16 * 1024


def test_two_hubs_on_one_database_count_each_report_once(engine: Engine, mosquitto: Any) -> None:
    with ingesting(engine, mosquitto.port) as (first, _), ingesting(engine, mosquitto.port) as (second, _):
        with node_end(mosquitto.port) as node:
            node.send_until_settled(range(1, 301))
        wait_for(
            lambda: (
                sum(ingest.tally.new_reports_count + ingest.tally.repeated_reports_count for ingest in (first, second))
                >= 600
            ),
            "both hubs to have seen every report",
        )
    assert rows_count(engine, tables.report) == 300
    with reading(engine) as connection:
        boot = connection.execute(select(tables.boot_progress)).one()
    assert (boot.highest_sequence, boot.received_count) == (300, 300)


def test_a_last_will_says_lost(engine: Engine, mosquitto: Any) -> None:
    def state() -> str | None:
        with reading(engine) as connection:
            return connection.execute(select(tables.node_latest.c.state)).scalar_one_or_none()

    topic = topics.STATUS.topic("n1")
    with ingesting(engine, mosquitto.port):
        client = Client(CallbackAPIVersion.VERSION2, "dying", protocol=MQTTv311)
        client.will_set(topic, NodeStatus(node_id="n1", boot_id=BOOT, state=NodeState.LOST).to_json(), 1, retain=True)
        client.connect("127.0.0.1", mosquitto.port)
        client.loop_start()
        online = NodeStatus(node_id="n1", boot_id=BOOT, state=NodeState.ONLINE, reported_at=datetime.now(UTC))
        client.publish(topic, online.to_json(), 1, retain=True)
        wait_for(lambda: state() == "online", "the node's hello")
        sock = client.socket()
        assert sock is not None
        client.loop_stop()
        sock.close()
        wait_for(lambda: state() == "lost", "the last will")


def test_a_broker_that_dies_and_returns_loses_nothing(engine: Engine, mosquitto: Any) -> None:
    with ingesting(engine, mosquitto.port) as (_, link), node_end(mosquitto.port) as node:
        for sequence in range(1, 201):
            node.report(sequence)
        mosquitto.kill()
        wait_for(lambda: link.listening_since_at is None, "the hub to notice")
        mosquitto.start()
        wait_for(lambda: link.listening_since_at is not None, "the hub to come back")
        node.send_until_settled(range(1, 401))
    assert rows_count(engine, tables.report) == 400


def test_a_locked_database_delays_and_loses_nothing(tmp_path: Any, mosquitto: Any) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/hub.sqlite")
    migrate(engine)
    with ingesting(engine, mosquitto.port) as (ingest, _), node_end(mosquitto.port) as node:
        with writing(engine):
            for sequence in range(1, 101):
                node.report(sequence)
            wait_for(lambda: ingest.tally.database_failures_count >= 1, "the ingest to meet the lock")
            assert node.settled == set()
        wait_for(lambda: len(node.settled) == 100, "100 settled reports")
    assert rows_count(engine, tables.report) == 100
    engine.dispose()


def test_an_inbox_that_ran_over_does_not_leave_the_hub_deaf(tmp_path: Any, mosquitto: Any) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/hub.sqlite")
    migrate(engine)
    with (
        ingesting(engine, mosquitto.port, inbox_messages_count=1) as (ingest, link),
        node_end(mosquitto.port) as node,
    ):
        for sequence in range(1, 2001):
            node.report(sequence)
        wait_for(lambda: link.refused_count >= 1000, "a thousand reports that found no room")
        wait_for(lambda: ingest.tally.new_reports_count >= 1, "a report that found room")
        node.settled.clear()
        node.send_until_settled(range(3001, 3003))
    engine.dispose()


def test_a_busy_connection_pool_delays_and_loses_nothing(postgres_cluster: Any, mosquitto: Any) -> None:
    spare = open_engine(postgres_cluster.new_database())
    migrate(spare)
    narrow = create_engine(spare.url, pool_size=1, max_overflow=0, pool_timeout=0.2)
    with ingesting(narrow, mosquitto.port) as (ingest, _), node_end(mosquitto.port) as node:
        with narrow.connect():
            for sequence in range(1, 21):
                node.report(sequence)
            wait_for(lambda: ingest.tally.database_failures_count >= 1, "the ingest to wait for a connection")
        wait_for(lambda: len(node.settled) == 20, "20 settled reports")
    assert rows_count(spare, tables.report) == 20
    assert rows_count(spare, tables.dead_letter) == 0
    narrow.dispose()
    spare.dispose()


def test_a_postgresql_that_is_cut_off_and_returns_loses_nothing(postgres_cluster: Any, mosquitto: Any) -> None:
    engine = open_engine(postgres_cluster.new_database())
    migrate(engine)
    with ingesting(engine, mosquitto.port) as (ingest, _), node_end(mosquitto.port) as node:
        node.send_until_settled(range(1, 51))
        postgres_cluster.stop("immediate")
        try:
            for sequence in range(51, 101):
                node.report(sequence)
            wait_for(lambda: ingest.tally.database_failures_count >= 2, "the ingest to miss its database")
            assert node.settled == set(range(1, 51))
        finally:
            postgres_cluster.start()
        wait_for(lambda: len(node.settled) == 100, "100 settled reports")
    assert rows_count(engine, tables.report) == 100
    engine.dispose()


def test_a_letter_that_the_database_never_takes_does_not_hold_up_the_others(engine: Engine, mosquitto: Any) -> None:
    with writing(engine) as connection:
        # Stands for any rule of the database that a sound report could break one day.
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE report ADD CONSTRAINT never CHECK (sequence <> 5)"))
        else:
            connection.execute(
                text(
                    "CREATE TRIGGER never BEFORE INSERT ON report WHEN NEW.sequence = 5 "
                    "BEGIN SELECT RAISE(ABORT, 'never'); END"
                )
            )
    with ingesting(engine, mosquitto.port), node_end(mosquitto.port) as node:
        for sequence in range(1, 11):
            node.report(sequence)
        wait_for(lambda: len(node.settled) == 10, "ten settled reports")
    assert rows_count(engine, tables.report) == 9
    with reading(engine) as connection:
        letter = connection.execute(select(tables.dead_letter)).one()
    assert letter.sequence == 5
    assert "refused" in letter.reason


def test_a_desired_configuration_reaches_a_node_that_comes_later(engine: Engine, mosquitto: Any) -> None:
    now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    asked: dict[str, Any] = {"report_interval_s": None, "evidence": True, "camera_ids": [], "now": now}
    with writing(engine) as connection:
        ask_node(connection, "n1", look_interval_s=5.0, **asked)
        ask_node(connection, "n1", look_interval_s=2.0, **asked)

    def look_intervals(port: int) -> list[float]:
        with node_end(port) as node:
            time.sleep(0.2)
            return [json.loads(payload)["look_interval_s"] for payload in node.desired]

    with ingesting(engine, mosquitto.port):
        wait_for(lambda: look_intervals(mosquitto.port) == [2.0], "version 2 alone, retained")


def test_the_embedded_broker_carries_reports_too(engine: Engine) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    broker = EmbeddedBroker(port)
    broker.start()
    try:
        with ingesting(engine, port), node_end(port) as node:
            node.send_until_settled(range(1, 201))
    finally:
        broker.stop()
    assert rows_count(engine, tables.report) == 200


@contextmanager
def hub_process(config_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "facings", "hub", "run", "--config", str(config_file)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_hub_killed_again_and_again_loses_and_doubles_nothing(
    database_url: str, tmp_path: Path, mosquitto: Any
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen_port = probe.getsockname()[1]
    config_file = tmp_path / "hub.toml"
    config_file.write_text(
        f'database_url = "{database_url}"\nlisten_port = {listen_port}\n[broker]\nport = {mosquitto.port}\n'
    )
    luck = random.Random(5)  # noqa: S311 - repeatable on purpose
    with node_end(mosquitto.port) as node:
        sent = 0
        for _ in range(3):
            with hub_process(config_file) as process:
                wait_for(lambda: _hub_answers(listen_port), "the hub's API")
                settled_count = len(node.settled)
                for sequence in range(sent + 1, sent + 251):
                    node.report(sequence)
                sent += 250
                wanted_count = settled_count + luck.randint(1, 120)
                wait_for(lambda: len(node.settled) >= wanted_count, "some of the reports to be settled")  # noqa: B023
                process.kill()
        settled_before = set(node.settled)
        engine = open_engine(database_url)
        with reading(engine) as connection:
            stored = set(connection.execute(select(tables.report.c.sequence)).scalars())
        assert settled_before <= stored, "a node was told that a report is on disk which is not"
        with hub_process(config_file) as process:
            wait_for(lambda: _hub_answers(listen_port), "the hub's API")
            node.send_until_settled(range(1, sent + 1))
            process.terminate()
            assert process.wait(timeout=60) == 0
    with reading(engine) as connection:
        sequences = list(connection.execute(select(tables.report.c.sequence)).scalars())
    assert sorted(sequences) == list(range(1, sent + 1))
    engine.dispose()


def _hub_answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False
