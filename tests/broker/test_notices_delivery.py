# SPDX-License-Identifier: AGPL-3.0-or-later
"""Notices reach real receivers (webhook, ntfy, mail), survive failures and kills, and keep their URLs secret."""

import contextlib
import io
import json
import logging
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine, Row, select, update

from server import tables
from server.alerts import close_alert, open_alert
from server.database import reading, writing
from server.discrepancy import AlertKey, Discrepancy, Kind, PlaceKind, Severity
from server.judgement_settings import NoticeSettings
from server.notices import DeliveryTally, NoticeSettingsError, check_recipients, deliver_due

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "tok3n-nobody-may-read"  # noqa: S105 (made up for this test)


class Receiver(ThreadingHTTPServer):
    """An HTTP service on loopback that remembers what it got and answers as told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.arrived = threading.Event()
        self.hold: threading.Event | None = None

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.got.append((self.path, json.loads(body)))
        self.server.arrived.set()
        if self.server.hold is not None:
            self.server.hold.wait(30)
        answer = b"{}"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the sender may have been killed
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def told(engine: Engine, settings: NoticeSettings, *, severity: Severity = Severity.URGENT, place: str = "z1") -> str:
    """Open an alert, which leaves its notices in the table."""
    discrepancy = Discrepancy(
        key=AlertKey(Kind.RESTOCK_FROM_BACK, PlaceKind.ZONE, place),
        severity=severity,
        probability_fraction=0.8,
        headline="Refill Tea from the back room",
        why=("Books say 14 in the building; the shelf has been empty since 10:42.", "Look in the back room."),
        sku="TEA",
        zone_ids=(place,),
    )
    with writing(engine) as connection:
        change = open_alert(connection, discrepancy, NOW, settings)
    assert change is not None
    return change.alert_id


def to(url: str, **more: Any) -> NoticeSettings:
    return NoticeSettings.model_validate({"recipients": {"manager": {"url": url}}, **more})


def notice(engine: Engine) -> Row[Any]:
    with reading(engine) as connection:
        return connection.execute(select(tables.notice)).one()


def test_a_webhook_gets_headline_evidence_and_link_once(engine: Engine, receiver: Receiver) -> None:
    settings = to(f"json://127.0.0.1:{receiver.port}/{SECRET}", page_url="http://hub.lan:8000/")
    alert_id = told(engine, settings)
    assert deliver_due(engine, NOW, settings) == DeliveryTally(sent_count=1)
    assert deliver_due(engine, NOW + timedelta(days=1), settings) == DeliveryTally()
    ((path, body),) = receiver.got
    assert path == f"/{SECRET}"
    assert body["title"] == "Refill Tea from the back room"
    assert body["type"] == "warning"
    assert body["message"].splitlines() == [
        "Books say 14 in the building; the shelf has been empty since 10:42.",
        "Look in the back room.",
        f"http://hub.lan:8000/#alert-{alert_id}",
    ]
    row = notice(engine)
    assert (row.state, row.attempts_count, row.sent_at) == ("sent", 1, NOW)


def test_ntfy_gets_it_on_its_topic(engine: Engine, receiver: Receiver) -> None:
    settings = to(f"ntfy://127.0.0.1:{receiver.port}/shop-floor")
    told(engine, settings)
    assert deliver_due(engine, NOW, settings) == DeliveryTally(sent_count=1)
    ((_, body),) = receiver.got
    assert body["topic"] == "shop-floor"
    assert body["title"] == "Refill Tea from the back room"


class Mailbox:
    """What an SMTP server took in."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"


def test_a_mail_arrives(engine: Engine) -> None:
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        settings = to(f"mailto://127.0.0.1:{port}/?from=hub@example.org&to=kim@example.org")
        told(engine, settings)
        assert deliver_due(engine, NOW, settings) == DeliveryTally(sent_count=1)
    finally:
        controller.stop()
    (mail,) = mailbox.mails
    assert "kim@example.org" in str(mail["To"])
    assert mail["Subject"] == "Refill Tea from the back room"
    assert "the shelf has been empty since 10:42" in mail.as_string()


def test_a_refusal_is_tried_again_later_and_later_and_then_given_up_with_its_reason(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.status = 503
    settings = to(f"json://127.0.0.1:{receiver.port}", attempts_count=4, first_retry_s=10)
    told(engine, settings)
    now, waits = NOW, []
    for _ in range(200):
        before = len(receiver.got)
        deliver_due(engine, now, settings)
        if len(receiver.got) > before:
            waits.append((now - NOW).total_seconds())
        now += timedelta(seconds=5)
    assert waits == [0, 10, 30, 70]
    row = notice(engine)
    assert (row.state, row.last_error) == ("given_up", "the service answered HTTP 503")


def test_a_receiver_that_was_down_for_a_while_gets_it_after_all(engine: Engine, receiver: Receiver) -> None:
    receiver.status = 500
    settings = to(f"json://127.0.0.1:{receiver.port}")
    told(engine, settings)
    deliver_due(engine, NOW, settings)
    receiver.status = 200
    assert deliver_due(engine, NOW + timedelta(seconds=6), settings).sent_count == 1
    assert notice(engine).state == "sent"


@pytest.fixture
def root_log() -> Iterator[io.StringIO]:
    """All that a hub's log handler would get at the lowest level. (caplog listens behind the loggers we closed.)"""
    written = io.StringIO()
    handler, root = logging.StreamHandler(written), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.getLogger("hub").debug("listening")
    yield written
    root.removeHandler(handler)
    root.setLevel(before)
    assert "listening" in written.getvalue()


def test_no_url_reaches_the_database_or_any_log(
    engine: Engine, receiver: Receiver, root_log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    closed_port = 9
    for url in (
        f"json://kim:{SECRET}@127.0.0.1:{receiver.port}/{SECRET}",
        f"ntfy://{SECRET}@127.0.0.1:{receiver.port}/{SECRET}",
        f"json://127.0.0.1:{closed_port}/{SECRET}",
        f"mailto://kim:{SECRET}@127.0.0.1:{closed_port}/?from=hub@example.org&to=kim@example.org",
    ):
        settings = to(url)
        check_recipients(settings)
        told(engine, settings, place=f"z{len(url)}")
        for status in (200, 403):
            receiver.status = status
            with writing(engine) as connection:
                connection.execute(update(tables.notice).values(state="pending", next_attempt_at=NOW))
            deliver_due(engine, NOW, settings)
        assert SECRET not in repr(settings)
        assert SECRET not in settings.model_dump_json()
    printed = capfd.readouterr()
    with reading(engine) as connection:
        stored = repr([connection.execute(select(table)).all() for table in tables.metadata.sorted_tables])
    for place in (root_log.getvalue(), printed.out, printed.err, stored):
        assert SECRET not in place
        assert f"127.0.0.1:{receiver.port}" not in place
    assert "manager" in stored


def test_a_recipient_nobody_understands_is_refused_at_the_door_by_name_only() -> None:
    with pytest.raises(NoticeSettingsError, match=r"notices\.recipients\.manager\.url") as caught:
        check_recipients(to(f"nonsense://{SECRET}"))
    assert SECRET not in str(caught.value)


def test_someone_who_left_the_configuration_is_given_up_at_once(engine: Engine) -> None:
    told(engine, to("json://127.0.0.1:9"))
    assert deliver_due(engine, NOW, NoticeSettings()) == DeliveryTally(given_up_count=1)
    assert notice(engine).last_error == "this recipient is no longer configured"


def test_the_urgent_goes_first_and_what_is_over_says_so(engine: Engine, receiver: Receiver) -> None:
    settings = to(f"json://127.0.0.1:{receiver.port}", closing=True)
    told(engine, settings, severity=Severity.NORMAL)
    over_id = told(engine, settings, place="z2")
    with writing(engine) as connection:
        close_alert(connection, over_id, "the shelf is full again", NOW, settings)
    deliver_due(engine, NOW, settings)
    titles = [body["title"] for _, body in receiver.got]
    headline = "Refill Tea from the back room"
    assert titles == [f"Already over: {headline}", f"Over: {headline}", headline]


def test_a_hub_killed_while_it_delivers_delivers_again_when_it_is_back(
    engine: Engine, database_url: str, receiver: Receiver
) -> None:
    settings = to(f"json://127.0.0.1:{receiver.port}", lease_s=60)
    told(engine, settings)
    receiver.hold = threading.Event()
    program = textwrap.dedent(
        """
        import json, sys
        from datetime import datetime
        from server.database import open_engine
        from server.judgement_settings import NoticeSettings
        from server.notices import deliver_due
        url, now, recipient = sys.argv[1:]
        settings = NoticeSettings.model_validate({"recipients": {"manager": {"url": recipient}}, "lease_s": 60})
        deliver_due(open_engine(url), datetime.fromisoformat(now), settings)
        """
    )
    recipient = f"json://127.0.0.1:{receiver.port}?rto=30"
    hub = subprocess.Popen([sys.executable, "-c", program, database_url, NOW.isoformat(), recipient])
    assert receiver.arrived.wait(30)
    hub.send_signal(signal.SIGKILL)
    assert hub.wait(10) == -signal.SIGKILL
    receiver.hold.set()
    receiver.hold = None
    assert deliver_due(engine, NOW + timedelta(seconds=59), settings) == DeliveryTally(), "still claimed by the dead"
    assert deliver_due(engine, NOW + timedelta(seconds=60), settings) == DeliveryTally(sent_count=1)
    assert len(receiver.got) == 2
