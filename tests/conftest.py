# SPDX-License-Identifier: AGPL-3.0-or-later
"""Real databases for every tier, and the list of reasons for which a test may be left out."""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import psycopg
import pytest
import uvicorn
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from sqlalchemy import Engine

from models.train import require_train_extra
from server.api import create_app
from server.books_settings import BooksSettings, WebhookSource
from server.config import HubSettings
from server.database import migrate, open_engine
from simulator.rig.free_port import free_port

# Whether a property holds does not depend on how busy the machine is.
settings.register_profile("facings", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("facings")

EXPECTED_SKIPS = (
    "no PostgreSQL server programs on this machine",
    "no chromium on this machine",
    "mosquitto is not installed",
    "shared data set is absent",
    "the train extra is absent",
    "systemd-analyze is not installed",
    "openssl is not installed",
    "RTSP needs ",
    "not a git checkout",
    "no small file system can be mounted",
    "libfaketime is not installed",
)
"""A test that is left out says one of these; anything else is a test that rotted."""

SKIPS_EXPECTED_IN_CI = (
    "shared data set is absent",
    "no small file system can be mounted",
)
"""CI installs broker, databases, browser and torch; it may lack photographs and the right to mount."""

HAS_TRAIN_EXTRA = all(importlib.util.find_spec(module) for module in ("torch", "ultralytics"))

_POSTGRES_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _postgres_program(name: str) -> str | None:
    found = shutil.which(name)
    return found or next((str(folder / name) for folder in _POSTGRES_FOLDERS if (folder / name).exists()), None)


class PostgresCluster:
    """A private PostgreSQL server on loopback, which tests may stop and start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        # The server refuses to run as root, so root lends it an unprivileged account.
        self._as_account = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    @property
    def url(self) -> str:
        """Address of the maintenance database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make the empty cluster. It has no password: it listens on loopback and lives as long as the tests."""
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", str(self.folder / "data"))

    def start(self) -> None:
        """Start and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        log_file = str(self.folder / "log")
        self._run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-l", log_file, "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is what a power cut looks like."""
        self._run("pg_ctl", "-w", "-m", mode, "-D", str(self.folder / "data"), "stop")

    def new_database(self) -> str:
        """Address of a fresh, empty database."""
        name = f"hub_{uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        path = _postgres_program(program)
        assert path is not None
        subprocess.run([*self._as_account, path, *arguments], check=True, cwd="/", capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    if _postgres_program("initdb") is None:
        pytest.skip("no PostgreSQL server programs on this machine")
    folder = Path(tempfile.mkdtemp(prefix="facings-pg-"))
    cluster = PostgresCluster(folder)
    cluster.create()
    cluster.start()
    yield cluster
    cluster.stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: PostgresCluster) -> str:
    return postgres_cluster.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.sqlite'}"
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    return cluster.new_database()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A hub's database with its schema, once on SQLite and once on PostgreSQL."""
    engine = open_engine(database_url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let torch and ultralytics warn about themselves; our own warnings fail the tests that need neither."""
    for item in items:
        if item.get_closest_marker("train"):
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.hookimpl(tryfirst=True)  # before any fixture, which may load torch
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what is marked `train` where that extra is absent; else load it, quiet, offline and settings apart."""
    if not item.get_closest_marker("train"):
        return
    if not HAS_TRAIN_EXTRA:
        pytest.skip("the train extra is absent: `make workshop` installs it apart and runs what needs it")
    assert item.config.cache is not None
    require_train_extra(item.config.cache.mkdir("ultralytics"))


def pytest_make_parametrize_id(val: Any) -> str | None:
    """Keep long payloads out of the names of tests."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None


class RunningApi:
    """The hub's API on a real socket of loopback, in a thread of its own."""

    def __init__(self, settings: HubSettings, engine: Engine) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(create_app(settings, engine), log_level="warning", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline_s = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline_s, "the API did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._listener.close()


@pytest.fixture
def api(engine: Engine) -> Iterator[RunningApi]:
    """The API without a token, on SQLite and on PostgreSQL."""
    with RunningApi(HubSettings(), engine) as running:
        yield running


@pytest.fixture
def locked_api(tmp_path: Path) -> Iterator[RunningApi]:
    """The API behind the token `0123456789abcdef`, on SQLite."""
    engine = open_engine(f"sqlite:///{tmp_path / 'locked.sqlite'}")
    migrate(engine)
    with RunningApi(HubSettings(api_token=SecretStr("0123456789abcdef")), engine) as running:
        yield running
    engine.dispose()


@pytest.fixture
def till_api(engine: Engine, tmp_path: Path) -> Iterator[RunningApi]:
    """The API behind the token `0123456789abcdef`, with a till `till-1` whose secret file is `tmp_path/till-1`."""
    secret_file = tmp_path / "till-1"
    secret_file.write_text("new-secret-of-the-till-0123456789\nold-secret-of-the-till-0123456789\n")
    books = BooksSettings(webhooks=(WebhookSource(source="till-1", secret_file=secret_file),))
    with RunningApi(HubSettings(api_token=SecretStr("0123456789abcdef"), books=books), engine) as running:
        yield running


_unexpected_skips: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note every test that was left out for a reason that is not on the list of this place."""
    _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """The same for a whole file that left itself out."""
    _note_skip(report)


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    allowed = SKIPS_EXPECTED_IN_CI if os.environ.get("CI") == "true" else EXPECTED_SKIPS
    if not reason.removeprefix("Skipped: ").startswith(allowed):
        _unexpected_skips.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skip that nobody expected fails the run."""
    if _unexpected_skips:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which skips failed the run."""
    for line in _unexpected_skips:
        terminalreporter.write_line(f"UNEXPECTED SKIP {line}", red=True)
