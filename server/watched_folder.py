# SPDX-License-Identifier: AGPL-3.0-or-later
"""A folder from which files of books are taken by themselves.

    FOLDER/            where they are put
    FOLDER/taking/     being taken; what a crash left here is taken at the next start
    FOLDER/taken/      in the ledger
    FOLDER/refused/    not in the ledger, each with NAME.faults.txt beside it

A file is whole when it has not changed for `settle_s`; then it is moved to `taking/`, so that a newer one of the same
name is a file of its own. Every step can be repeated: the ledger knows lines that it has, and a file is kept under a
name that holds a digest of its content.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, StatementError

from server.book_files import read_layout, read_opened
from server.book_layout import Reading
from server.book_lines import Books, BooksError, Fault, Taken
from server.books import read_books
from server.books_settings import WatchedFolder
from server.database import writing
from server.errors import HubError
from server.folder_entries import (
    Entry,
    alone_in,
    entries,
    entry_of,
    exists_in,
    kept_name,
    label_of,
    move,
    opened_file,
    opened_folder,
    write_report,
)
from server.movements import take_books

_log = structlog.get_logger(__name__)

_DIGEST_CHARACTERS = 12


@dataclass(slots=True)
class FolderTally:
    """What came of one folder since the start."""

    taken_count: int = 0
    refused_count: int = 0
    waiting_count: int = 0
    """Files that were not whole at the last step."""
    troubles: list[str] = field(default_factory=list)
    """Of the last step: what could not be decided, and is tried again."""


class FolderWatch:
    """Watches one folder. `step` is called again and again by one thread.

    Raises SettingsError when its layout cannot be read.
    """

    def __init__(self, engine: Engine, settings: WatchedFolder, zone: ZoneInfo) -> None:
        self._engine = engine
        self._settings = settings
        self._zone = zone
        self._layout = read_layout(settings.layout_file) if settings.layout_file else None
        self._unchanged_since_s: dict[str, tuple[tuple[int, ...], float]] = {}
        self.tally = FolderTally()

    def step(self, now: datetime, monotonic_s: float) -> FolderTally:
        """Take what is whole. Raises HubError when the folder itself cannot be used."""
        self.tally.waiting_count, self.tally.troubles = 0, []
        with ExitStack() as stack:
            folder = stack.enter_context(opened_folder(self._settings.folder))
            if not alone_in(folder):
                raise HubError(f"books.watched: {self._settings.folder} is watched by another process")
            taking, taken, refused = (
                stack.enter_context(opened_folder(name, inside=folder, make=True))
                for name in ("taking", "taken", "refused")
            )
            self._claim(folder, taking, monotonic_s)
            for entry in entries(taking):
                self._settle(_Desk(taking, taken, refused), entry, now)
        return self.tally

    def _claim(self, folder: int, taking: int, monotonic_s: float) -> None:
        """Move what is whole out of the reach of whoever writes here."""
        found = entries(folder)
        since_s = self._unchanged_since_s
        self._unchanged_since_s = {}
        for entry in found:
            stamp, first_s = since_s.get(entry.name, (entry.stamp, monotonic_s))
            if stamp != entry.stamp:
                first_s = monotonic_s
            self._unchanged_since_s[entry.name] = (entry.stamp, first_s)
            settled = monotonic_s - first_s >= self._settings.settle_s
            if settled and not exists_in(taking, entry.name):
                with suppress(FileNotFoundError):
                    move(entry.name, folder, entry.name, taking)
                del self._unchanged_since_s[entry.name]
            else:
                self.tally.waiting_count += 1

    def _settle(self, desk: "_Desk", entry: Entry, now: datetime) -> None:
        label = label_of(entry.name)
        try:
            self._settle_or_raise(desk, entry, label, now)
        except Exception as error:  # noqa: BLE001 - one file that cannot be decided must not hold up the others
            self.tally.troubles.append(f"{label}: {type(error).__name__}: {next(iter(str(error).splitlines()), '')}")
            _log.error("books_not_settled", file=label, exc_info=True)

    def _settle_or_raise(self, desk: "_Desk", entry: Entry, label: str, now: datetime) -> None:
        try:
            digest = self._take(desk, entry, label, now)
        except BooksError as error:
            desk.refuse(entry, error)
            self.tally.refused_count += 1
            _log.warning("books_refused", file=label, faults_count=len(error.faults))
            return
        if digest is None:
            self.tally.waiting_count += 1
            return
        move(entry.name, desk.taking, kept_name(label, digest), desk.taken)
        self.tally.taken_count += 1

    def _take(self, desk: "_Desk", entry: Entry, label: str, now: datetime) -> str | None:
        """Take one file into the ledger; the digest of its content, or None when it changed meanwhile."""
        if entry.trouble:
            raise BooksError([Fault(label, 0, "", entry.trouble)])
        with opened_file(entry, desk.taking) as descriptor:
            if descriptor is None:
                return None
            opened = read_opened(descriptor, label)
            if entry_of(os.fstat(descriptor), entry.name) != entry:
                return None
        reading = Reading(
            now,
            zone=self._zone,
            layout=self._layout,
            stated_at=min(opened.modified_at, now),
            truncated_is_fault=True,
        )
        books = read_books(opened.content, source=label, reading=reading)
        taken = self._into_ledger(books, now)
        _log.info("books_taken", file=label, new_count=taken.new_count, repeated_count=taken.repeated_count)
        return hashlib.sha256(opened.content).hexdigest()[:_DIGEST_CHARACTERS]

    def _into_ledger(self, books: Books, now: datetime) -> Taken:
        try:
            with writing(self._engine) as connection:
                return take_books(connection, books, now=now)
        except StatementError as error:
            if isinstance(error, DBAPIError) and not isinstance(error, DataError):
                raise  # the database is away, locked or full: the file is not to blame
            reason = "holds a value that the database cannot keep"
            raise BooksError([Fault(books.source, 0, "", reason)]) from error


@dataclass(frozen=True, slots=True)
class _Desk:
    """Descriptors of the folders inside."""

    taking: int
    taken: int
    refused: int

    def refuse(self, entry: Entry, error: BooksError) -> None:
        """Move the file away with its faults beside it, these first: a file there is never without a reason."""
        stamp = hashlib.sha256(repr(entry.stamp).encode()).hexdigest()[:_DIGEST_CHARACTERS]
        name = kept_name(label_of(entry.name), stamp)
        count = len(error.faults)
        lines = [
            f"{count} fault{'s' if count != 1 else ''}; nothing of this file was written.",
            *map(str, error.faults),
        ]
        write_report(self.refused, f"{name}.faults.txt", "\n".join(lines) + "\n")
        move(entry.name, self.taking, name, self.refused)


class BooksDesk:
    """All watched folders, one after the other."""

    def __init__(self, engine: Engine, settings: Sequence[WatchedFolder], zone: ZoneInfo) -> None:
        self._watches = [FolderWatch(engine, item, zone) for item in settings]

    def step(self, now: datetime) -> dict[str, Any]:
        """Take what is whole; what to say in the sign of life.

        Raises HubError naming every folder and file that could not be settled, after all others were.
        """
        troubles: list[str] = []
        for watch in self._watches:
            try:
                troubles += watch.step(now, time.monotonic()).troubles
            except (HubError, OSError) as error:
                troubles.append(str(error))
        if troubles:
            raise HubError("; ".join(troubles))
        names = ("taken_count", "refused_count", "waiting_count")
        return {name: sum(getattr(watch.tally, name) for watch in self._watches) for name in names}
