# SPDX-License-Identifier: AGPL-3.0-or-later
"""Opening the hub's database: SQLite for one shop, PostgreSQL by URL beyond it, the same statements on both."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL

from server.errors import SettingsError

_BUSY_TIMEOUT_MS = 10_000
_INGEST_LOCK_KEY = 0x66616369
"""Any number that all hubs on one PostgreSQL agree on: the letters "faci"."""


def open_engine(database_url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://...`. Opens no connection yet.

    Raises SettingsError for any other database.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        return create_engine(url, pool_pre_ping=True, connect_args={"options": "-c timezone=UTC", "connect_timeout": 5})
    raise SettingsError(f"database_url: {url.get_backend_name()!r} is not supported, use sqlite or postgresql")


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise SettingsError("database_url: SQLite needs a file, such as sqlite:///var/hub.sqlite")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: sqlite3.Connection, _record: Any) -> None:
        # The driver's own transaction handling begins too late to take the write lock first; `_begin` does it.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("facings_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that may write; commits at the end, rolls back on an error."""
    with engine.execution_options(facings_writes=True).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads."""
    with engine.connect() as connection:
        yield connection


def hold_ingest_lock(connection: Connection) -> None:
    """Let one ingest transaction run at a time, whoever runs it."""
    hold_lock(connection, _INGEST_LOCK_KEY)


def hold_lock(connection: Connection, key: int) -> None:
    """Wait for every other transaction that holds this key, in any process; SQLite's write lock does so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def insert_for(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that knows ON CONFLICT, in this connection's dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns; where the primary key exists, overwrite the other columns."""
    if not rows:
        return
    statement = insert_for(connection, table)
    key_names = [column.name for column in table.primary_key.columns]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key_names}
    connection.execute(statement.on_conflict_do_update(index_elements=key_names, set_=changed), rows)


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to the newest revision. Safe to call at every start and from several processes at once.

    Raises SettingsError for a database that a newer version of the hub has changed.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with writing(engine) as connection:
        hold_ingest_lock(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            where = engine.url.render_as_string(hide_password=True)
            raise SettingsError(f"database_url: {where} belongs to a newer version of the hub: {error}") from error
