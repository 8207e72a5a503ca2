# SPDX-License-Identifier: AGPL-3.0-or-later
"""The publisher against a real broker that stops, freezes and forgets, and a hub that keeps silent."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.counts import SightState, UnknownReason
from contract.reports import CountReport, ReportKey
from contract.status import NodeState, NodeStatus
from edge.config import BrokerConfig
from edge.outbox import Outbox
from edge.publisher import WINDOW_COUNT, Publisher

if TYPE_CHECKING:
    from tests.broker.conftest import HubStandIn, Mosquitto

BOOT_ID = "c" * 32
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def report(sequence: int) -> CountReport:
    return CountReport(
        node_id="node-1",
        boot_id=BOOT_ID,
        sequence=sequence,
        camera_id="cam-1",
        captured_at=NOW,
        monotonic_s=float(sequence),
        model_id="toy",
        view=SightState.UNKNOWN,
        view_reason=UnknownReason.BLACK,
    )


def status(state: NodeState) -> NodeStatus:
    return NodeStatus(node_id="node-1", boot_id=BOOT_ID, state=state)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "outbox.sqlite", node_id="node-1", boot_id=BOOT_ID, started_at=NOW)
    yield opened
    opened.close()


@pytest.fixture
def desired() -> list[bytes]:
    return []


@pytest.fixture
def publish(mosquitto: "Mosquitto", outbox: Outbox, desired: list[bytes]) -> Iterator[Callable[..., Publisher]]:
    made: list[Publisher] = []

    def make(**broker_fields: object) -> Publisher:
        broker = BrokerConfig.model_validate(
            {"host": mosquitto.host, "port": mosquitto.port, "keepalive_s": 5, **broker_fields}
        )
        publisher = Publisher(
            broker,
            node_id="node-1",
            boot_id=BOOT_ID,
            outbox=outbox,
            make_status=status,
            on_desired=desired.append,
            resend_after_s=0.5,
        )
        publisher.start()
        made.append(publisher)
        return publisher

    yield make
    for publisher in made:
        publisher.stop()


def has_reports(hub: "HubStandIn", count: int) -> bool:
    return len(hub.reports) >= count


def fill(outbox: Outbox, count: int) -> None:
    for _ in range(count):
        outbox.append(report)


def test_reports_arrive_in_order_and_leave_the_disk_only_when_settled(
    hub: "HubStandIn", outbox: Outbox, publish: Callable[..., Publisher]
) -> None:
    hub.answers = False
    fill(outbox, 20)
    publish()
    hub.wait_until(lambda: len(hub.arrivals) >= 20)
    assert [key.sequence for key in hub.arrivals[:20]] == list(range(1, 21))
    assert outbox.pending_count == 20
    hub.settle(*hub.arrivals[:7])
    hub.wait_until(lambda: outbox.pending_count == 13)


def test_what_the_hub_does_not_settle_is_sent_again_until_it_does(
    hub: "HubStandIn", outbox: Outbox, publish: Callable[..., Publisher]
) -> None:
    hub.answers = False
    fill(outbox, 3)
    publish()
    hub.wait_until(lambda: hub.arrivals.count(ReportKey(node_id="node-1", boot_id=BOOT_ID, sequence=2)) >= 3)
    hub.answers = True
    hub.wait_until(lambda: outbox.pending_count == 0)


def test_one_lost_report_is_sent_again_while_later_ones_are_answered(
    hub: "HubStandIn", outbox: Outbox, publish: Callable[..., Publisher]
) -> None:
    hub.answers = False
    publisher = publish()
    lost = ReportKey(node_id="node-1", boot_id=BOOT_ID, sequence=1)

    def answer_all_but_the_lost_one() -> bool:
        outbox.append(report)
        publisher.wake()
        later = [key for key in hub.reports if key != lost]
        if later:
            hub.settle(*later)
        return hub.arrivals.count(lost) >= 2

    hub.wait_until(answer_all_but_the_lost_one)


def test_a_silent_hub_gets_no_more_than_the_window(
    hub: "HubStandIn", outbox: Outbox, publish: Callable[..., Publisher]
) -> None:
    hub.answers = False
    fill(outbox, WINDOW_COUNT + 50)
    publish()
    hub.wait_until(lambda: len(hub.reports) >= WINDOW_COUNT)
    hub.wait_until(lambda: len(hub.arrivals) >= 2 * WINDOW_COUNT)
    assert max(key.sequence for key in hub.reports) == WINDOW_COUNT
    hub.answers = True
    hub.wait_until(lambda: outbox.pending_count == 0)
    assert len(hub.reports) == WINDOW_COUNT + 50


def test_a_broker_killed_again_and_again_loses_nothing(
    hub: "HubStandIn", mosquitto: "Mosquitto", outbox: Outbox, publish: Callable[..., Publisher]
) -> None:
    publish()
    for round_count in range(1, 4):
        fill(outbox, 60)
        wanted_count = 60 * round_count - 40
        hub.wait_until(partial(has_reports, hub, wanted_count), timeout_s=60)
        mosquitto.kill()
        fill(outbox, 20)
        mosquitto.start()
    hub.wait_until(lambda: outbox.pending_count == 0, timeout_s=90)
    assert sorted(key.sequence for key in hub.reports) == list(range(1, 241))


def test_a_frozen_broker_holds_up_nothing_but_itself(
    hub: "HubStandIn", mosquitto: "Mosquitto", outbox: Outbox, publish: Callable[..., Publisher]
) -> None:
    publisher = publish()
    hub.wait_until(lambda: publisher.is_connected)
    mosquitto.pause()
    written = threading.Event()

    def look() -> None:
        for _ in range(50):
            outbox.append(report)
            publisher.wake()
            publisher.tell_status()
            publisher.send_evidence("cam-1", b"jpeg")
        written.set()

    threading.Thread(target=look, daemon=True).start()
    assert written.wait(20)
    mosquitto.resume()
    hub.wait_until(lambda: outbox.pending_count == 0, timeout_s=60)
    assert len(hub.reports) == 50


def test_the_retained_status_tells_a_late_comer_and_a_clean_stop_from_a_loss(
    hub: "HubStandIn", publish: Callable[..., Publisher]
) -> None:
    publisher = publish()
    hub.wait_until(lambda: [s.state for s in hub.statuses] == [NodeState.ONLINE])
    publisher.stop()
    hub.wait_until(lambda: hub.statuses[-1].state is NodeState.STOPPED)
    assert NodeState.LOST not in [s.state for s in hub.statuses]


def test_a_node_that_gives_up_is_lost_and_not_stopped(hub: "HubStandIn", publish: Callable[..., Publisher]) -> None:
    publisher = publish()
    hub.wait_until(lambda: [s.state for s in hub.statuses] == [NodeState.ONLINE])
    publisher.stop(in_good_order=False)
    hub.wait_until(lambda: hub.statuses[-1].state is NodeState.LOST)
    assert hub.statuses[-1].boot_id == BOOT_ID
    assert NodeState.STOPPED not in [s.state for s in hub.statuses]


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff" * 9, b'{"node_id":"node-2"}', b"[]"])
def test_a_nonsensical_answer_harms_nothing(
    hub: "HubStandIn", outbox: Outbox, publish: Callable[..., Publisher], payload: bytes
) -> None:
    publish()
    hub.wait_until(lambda: hub.statuses)
    hub.publish("facings/v1/node/node-1/committed", payload)
    fill(outbox, 1)
    hub.wait_until(lambda: outbox.pending_count == 0)


def test_desired_configurations_are_handed_on(
    hub: "HubStandIn", publish: Callable[..., Publisher], desired: list[bytes]
) -> None:
    hub.publish("facings/v1/node/node-1/desired", b"kept for late comers", retain=True)
    hub.publish("facings/v1/node/node-2/desired", b"not ours", retain=True)
    publish()
    hub.wait_until(lambda: desired == [b"kept for late comers"])


def test_a_password_is_shown_to_the_broker_and_a_wrong_one_does_not_end_the_node(
    configured_mosquitto: "Callable[..., Mosquitto]", outbox: Outbox, tmp_path: Path
) -> None:
    password_file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(password_file), "node-1", "right"], check=True)
    broker = configured_mosquitto("allow_anonymous false", f"password_file {password_file}")
    broker.start()
    for password, connects in (("wrong", False), ("right", True)):
        (tmp_path / "secret").write_text(password)
        publisher = Publisher(
            BrokerConfig(host=broker.host, port=broker.port, username="node-1", password_file=tmp_path / "secret"),
            node_id="node-1",
            boot_id=BOOT_ID,
            outbox=outbox,
            make_status=status,
            on_desired=lambda _payload: None,
        )
        publisher.start()
        assert publisher._connected.wait(3) is connects
        publisher.stop()


def test_nobody_at_the_address_is_waited_for(
    outbox: Outbox, publish: Callable[..., Publisher], mosquitto: "Mosquitto", hub: "HubStandIn"
) -> None:
    hub.close()
    mosquitto.kill()
    publisher = publish()
    fill(outbox, 5)
    publisher.wake()
    assert not publisher.is_connected
    mosquitto.start()
    assert publisher._connected.wait(20)
