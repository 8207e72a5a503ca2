# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo's panel: who may use it, what a press does to the store, and what happens where its port is taken."""

import http.client
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from simulator.demo_stop import ClosedEarlyError, stop_signals
from simulator.errors import DemoError
from simulator.panel.app import PanelServer, create_panel
from simulator.panel.clock import StoreClock
from simulator.panel.store import VISIT, DemoStore
from simulator.panel.wishes import Wish, Wishes
from simulator.rig.scenario import Scenario

REAL_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SCENARIO = Scenario.model_validate(
    {
        "title": "One event",
        "happens": "The tea is sold out after four minutes.",
        "expected": "Nothing here.",
        "begins_at": "03:00:00",
        "lasts": "1h",
        "events": [{"at": "4m", "act": "sell", "target": "tea", "units": 99}],
    }
)


def clock_of(store: DemoStore, speed: float) -> StoreClock:
    return StoreClock(real_at=REAL_AT, world_at=store.opened_at, speed=speed)


def panel_on(port: int) -> PanelServer:
    no_pictures: dict[str, bytes | None] = {}
    return PanelServer(create_panel(lambda: {"clock": "now"}, Wishes(), no_pictures.__getitem__), port)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the panel of no store at all is served."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        found: int = probe.getsockname()[1]
    with panel_on(found):
        yield found


def asked(port: int, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """The answer to exactly this path and these headers: nothing tidies them up on the way."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, text in headers.items():
        connection.putheader(name, text)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 200),
        ("/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ("/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ("/api/state", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        (
            "/api/state",
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
            403,
        ),
        ("/api/state", {"Sec-Fetch-Site": "same-site"}, 403),
        ("/api/state", {"Origin": "null"}, 403),
        ("/api/state", {"Host": "shop.example"}, 421),
        ("/page/../app.py", {}, 404),
        ("/page/%2e%2e/app.py", {}, 404),
        ("/cameras/no-such-camera/picture.jpg", {}, 404),
    ],
)
def test_a_link_leads_to_the_page_and_no_other_site_reaches_behind_it(
    port: int, path: str, headers: dict[str, str], status: int
) -> None:
    answer = asked(port, path, headers)
    assert answer.status == status
    assert "frame-ancestors 'none'" in str(answer.getheader("Content-Security-Policy"))


def test_a_taken_port_is_told_and_not_advertised(port: int) -> None:
    with pytest.raises(DemoError, match=f"port {port} .*--port 0"):
        panel_on(port).__enter__()


def test_a_press_just_before_an_event_of_the_script_does_not_cancel_it() -> None:
    store = DemoStore(SCENARIO, seed=1)
    clock = clock_of(store, speed=120)
    store.advance(store.opened_at + timedelta(minutes=3, seconds=58))
    # The loop of the demo looks at the clock, then at the buttons: by then the store is a little further.
    store.grant(Wish(act="steal", target="honey", units=1), clock, REAL_AT + timedelta(minutes=4, seconds=3) / 120)
    happened = store.advance(store.opened_at + timedelta(minutes=4, seconds=10))
    assert not [words for _, words in happened if "left out" in words]
    assert store.world.own_units_count("tea") == 0


@pytest.mark.parametrize("speed", [0.0, 1.0, 120.0])
def test_a_visitor_stands_before_a_bay_for_the_promised_real_time_at_any_speed(speed: float) -> None:
    store = DemoStore(SCENARIO, seed=1)
    clock, bay = clock_of(store, speed), store.plan.bays[0]
    store.grant(Wish(act="stand", target=bay.bay_id), clock, REAL_AT)

    def stands_there(real_at: datetime) -> bool:
        return "somebody stands before it" in store.troubles_of(bay, clock.world_at(real_at), real_at)

    assert stands_there(REAL_AT + timedelta(seconds=5))
    clock.set_speed(1.0, real_at=REAL_AT + timedelta(seconds=6))
    assert stands_there(REAL_AT + VISIT - timedelta(seconds=1))
    assert not stands_there(REAL_AT + VISIT + timedelta(seconds=1))


def test_a_signal_ends_the_start_at_once_and_an_open_store_in_order() -> None:
    with stop_signals(), pytest.raises(ClosedEarlyError):
        signal.raise_signal(signal.SIGINT)
    with stop_signals() as stop:
        stop.has_opened = True
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
