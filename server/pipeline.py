# SPDX-License-Identifier: AGPL-3.0-or-later
"""The whole hub on one screen.

    broker ~> link -> inbox -> ingest -> ledger          (thread: ingest)
    ledger + books + planogram -> judge -> alerts        (thread: judge)
    alerts -> notices -> a person's phone                (thread: notices)
    watched folders -> books                             (thread: books, where any is configured)
    database -> api -> page, integrators                 (main thread, uvicorn)

The threads meet only in the database, so each may run in a process of its own.
"""

from datetime import datetime
from typing import Any, Self

import structlog

from server.broker_link import BrokerLink
from server.config import HubSettings
from server.database import migrate, open_engine
from server.embedded_broker import EmbeddedBroker
from server.inbox import Inbox
from server.ingest import Ingest
from server.judge import judge_shop
from server.notices import check_recipients, deliver_due
from server.watched_folder import BooksDesk
from server.worker import Worker

_log = structlog.get_logger(__name__)

_INBOX_MESSAGES_COUNT = 20_000
_INBOX_BYTES_COUNT = 128 * 1024 * 1024
_JUDGE_INTERVAL_S = 0.5
_NOTICE_INTERVAL_S = 1.0
_BOOKS_INTERVAL_S = 1.0


class Hub:
    """Everything but the API. Use as a context manager: what was started is stopped, in reverse order."""

    def __init__(self, settings: HubSettings) -> None:
        check_recipients(settings.notices)
        self._settings = settings
        self.engine = open_engine(settings.database_url)
        self._broker = EmbeddedBroker(settings.broker.port) if settings.broker.embedded else None
        inbox = Inbox(max_messages_count=_INBOX_MESSAGES_COUNT, max_bytes_count=_INBOX_BYTES_COUNT)
        self.link = BrokerLink(settings.broker, inbox)
        self.ingest = Ingest(
            self.engine, self.link, inbox, pictures_per_camera_count=settings.pictures_per_camera_count
        )
        self._judge = Worker(self.engine, "judge", self._judge_step, interval_s=_JUDGE_INTERVAL_S)
        self._notices = Worker(self.engine, "notices", self._notices_step, interval_s=_NOTICE_INTERVAL_S)
        self._books = self._books_worker()

    def __enter__(self) -> Self:
        migrate(self.engine)
        if self._broker is not None:
            self._broker.start()
        self.link.start()
        self.ingest.start()
        self._judge.start()
        self._notices.start()
        if self._books is not None:
            self._books.start()
        _log.info("hub_started", database=self.engine.url.render_as_string(hide_password=True))
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._books is not None:
            self._books.stop()
        self._notices.stop()
        self._judge.stop()
        self.ingest.stop()
        self.link.stop()
        if self._broker is not None:
            self._broker.stop()
        self.engine.dispose()
        _log.info("hub_stopped")

    def _books_worker(self) -> Worker | None:
        watched = self._settings.books.watched
        if not watched:
            return None
        desk = BooksDesk(self.engine, watched, self._settings.judge.zone_info)
        return Worker(self.engine, "books", desk.step, interval_s=_BOOKS_INTERVAL_S)

    def _judge_step(self, now: datetime) -> dict[str, Any]:
        changes = judge_shop(
            self.engine,
            now,
            self._settings.judge,
            self._settings.notices,
            listening_since_at=self.link.listening_since_at,
        )
        for change in changes:
            _log.info("alert", change=change.change, alert_id=change.alert_id)
        return {"changes_count": len(changes)}

    def _notices_step(self, now: datetime) -> dict[str, Any]:
        tally = deliver_due(self.engine, now, self._settings.notices)
        if tally.failed_count or tally.given_up_count:
            _log.warning("notices_failed", failed_count=tally.failed_count, given_up_count=tally.given_up_count)
        return {"sent_count": tally.sent_count, "failed_count": tally.failed_count}
