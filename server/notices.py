# SPDX-License-Identifier: AGPL-3.0-or-later
"""Deliver pending notices through apprise: at least once each, with patience, and without ever writing a URL down.

A delivery is claimed in the database before it is tried, so a hub that is killed on the way tries again when the claim
has run out.
"""

import logging
import re
import time
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import apprise
import structlog
from sqlalchemy import Connection, Engine, Row, select, update

from server import tables
from server.alert_views import AlertView, Change
from server.database import reading, writing
from server.discrepancy import Severity
from server.errors import SettingsError
from server.judgement_settings import NoticeSettings, Recipient

_ROUND_S = 5.0
"""A round ends after this, so that its `now` stays true and its thread shows signs of life; the rest waits."""

_STATUS = re.compile(r"error=(\d{3})\b")

_log = structlog.get_logger("notices")


class NoticeSettingsError(SettingsError):
    """A recipient that nothing can be sent to."""


@dataclass(frozen=True, slots=True)
class DeliveryTally:
    """What one round did."""

    sent_count: int = 0
    failed_count: int = 0
    given_up_count: int = 0


@dataclass(frozen=True, slots=True)
class NoticeText:
    """What a person reads."""

    title: str
    body: str
    notify_type: str


def check_recipients(settings: NoticeSettings) -> None:
    """Refuse, by name and without its URL, a recipient that apprise cannot make sense of.

    Raises NoticeSettingsError.
    """
    for name, recipient in settings.recipients.items():
        if _service(recipient) is None:
            raise NoticeSettingsError(
                f"notices.recipients.{name}.url: apprise does not understand it; "
                "write it like ntfy://ntfy.example.org/topic or mailto://user:password@example.org"
            )


def deliver_due(engine: Engine, now: datetime, settings: NoticeSettings) -> DeliveryTally:
    """Try what is due, the urgent first. Blocks on the network, so it belongs in a thread of its own."""
    sent_count = failed_count = given_up_count = 0
    ends_s = time.monotonic() + _ROUND_S
    for _ in range(settings.per_round_count):
        if time.monotonic() > ends_s:
            break
        claimed = _claim(engine, now, settings)
        if claimed is None:
            break
        row, text = claimed
        recipient = settings.recipients.get(row.recipient)
        error = _send(recipient, text) if recipient else "this recipient is no longer configured"
        state = _outcome(row, error, settings, known=recipient is not None)
        _record(engine, row, state, error, now=now, settings=settings)
        sent_count += state == "sent"
        failed_count += state == "pending"
        given_up_count += state == "given_up"
    return DeliveryTally(sent_count, failed_count, given_up_count)


def notice_text(change: Change, alert: AlertView, *, over: bool, page_url: str | None) -> NoticeText:
    """A headline, the evidence, and where to look. `over` says that the alert closed before this could be delivered."""
    if change is Change.CLOSED:
        return NoticeText(f"Over: {alert.headline}", _lines([alert.closed_because or ""], alert, page_url), "success")
    opening = "Already over: " if over else "Now urgent: " if change is Change.UPDATED else ""
    notify_type = "warning" if alert.severity is Severity.URGENT else "info"
    return NoticeText(opening + alert.headline, _lines(alert.why, alert, page_url), notify_type)


def _lines(why: list[str], alert: AlertView, page_url: str | None) -> str:
    link = [f"{page_url.rstrip('/')}/#alert-{alert.alert_id}"] if page_url else []
    return "\n".join([*why, *link])


def _claim(engine: Engine, now: datetime, settings: NoticeSettings) -> tuple[Row[Any], NoticeText] | None:
    """Take the next due notice for ourselves; None when nothing is due."""
    notice = tables.notice.c
    due = (
        select(tables.notice)
        .where(notice.state == "pending", notice.next_attempt_at <= now)
        .order_by(notice.urgent.desc(), notice.notice_id)
        .limit(1)
    )
    with reading(engine) as connection:
        # Looking costs no write lock, and mostly there is nothing.
        if connection.execute(due).first() is None:
            return None
    with writing(engine) as connection:
        row = connection.execute(due.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return None
        connection.execute(
            update(tables.notice)
            .where(notice.notice_id == row.notice_id)
            .values(attempts_count=row.attempts_count + 1, next_attempt_at=now + timedelta(seconds=settings.lease_s))
        )
        return row, _text_of(connection, row, settings)


def _text_of(connection: Connection, row: Row[Any], settings: NoticeSettings) -> NoticeText:
    event, alert = tables.alert_event.c, tables.alert.c
    told = connection.execute(
        select(event.change, event.snapshot, alert.state)
        .join(tables.alert, alert.alert_id == event.alert_id)
        .where(event.event_id == row.event_id)
    ).one()
    view = AlertView.model_validate(told.snapshot)
    return notice_text(Change(told.change), view, over=told.state == "closed", page_url=settings.page_url)


def _outcome(row: Row[Any], error: str | None, settings: NoticeSettings, *, known: bool) -> str:
    if error is None:
        return "sent"
    return "pending" if known and row.attempts_count + 1 < settings.attempts_count else "given_up"


def _record(
    engine: Engine, row: Row[Any], state: str, error: str | None, *, now: datetime, settings: NoticeSettings
) -> None:
    values: dict[str, Any] = {"state": state, "last_error": error}
    if state == "sent":
        values["sent_at"] = now
    else:
        values["next_attempt_at"] = now + settings.retry_after(row.attempts_count + 1)
        _log.warning("notice not delivered", recipient=row.recipient, notice_id=row.notice_id, state=state, why=error)
    with writing(engine) as connection:
        connection.execute(update(tables.notice).where(tables.notice.c.notice_id == row.notice_id).values(**values))


def _send(recipient: Recipient, text: NoticeText) -> str | None:
    """Deliver; None when the service took it, otherwise why not, in words that hold no part of the URL."""
    service = _service(recipient)
    if service is None:
        return "apprise does not understand this recipient's URL"
    try:
        answer = service.notify(
            title=text.title, body=text.body, notify_type=text.notify_type, body_format=apprise.NotifyFormat.TEXT
        )
    except Exception as error:  # noqa: BLE001 (a hundred services live behind this call, and none may stop the hub)
        return f"the service failed with {type(error).__name__}"
    if answer:
        return None
    said = " ".join(entry.message for delivery in answer.results for entry in delivery.logs())
    status = _STATUS.search(said)
    return f"the service answered HTTP {status[1]}" if status else "the service could not be reached"


def _service(recipient: Recipient) -> Any:
    """An apprise object for this one recipient; None where it does not understand the URL."""
    _load_apprise()
    asset = apprise.AppriseAsset(app_id="Facings", app_desc="Shelf alerts", app_url="", storage_mode="memory")
    service = apprise.Apprise(asset=asset)
    return service if service.add(recipient.url.get_secret_value()) else None


@cache
def _load_apprise() -> None:
    """Let apprise load its services, and keep the libraries that handle URLs from logging them."""
    for name in ("apprise", "urllib3"):
        # Tokens stand in the paths of URLs, and these write whole URLs at their lower levels.
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of the hundred services lean on modules that Python is giving up
        apprise.Apprise().add("json://localhost")
