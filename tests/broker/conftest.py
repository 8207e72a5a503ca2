# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real mosquitto on a free loopback port, which a test may stop, kill and start again."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HOST = "127.0.0.1"
START_TIMEOUT_S = 10.0


class Mosquitto:
    """One broker with a folder of its own; its port stays the same over restarts.

    Anonymous on loopback only. With `persistence` it writes its memory to disk on a clean stop, as
    Debian's default does. `extra_lines` are added to its configuration file, for passwords and topic rules.
    """

    host = HOST

    def __init__(self, folder: Path, *, persistence: bool = True, extra_lines: tuple[str, ...] = ()) -> None:
        executable = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not Path(executable).exists():
            pytest.skip("mosquitto is not installed")
        self.executable = executable
        self.folder = folder
        self.port = _free_port()
        self.config_file = folder / "mosquitto.conf"
        self.log_file = folder / "mosquitto.log"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"listener {self.port} {HOST}",
            "user root",  # when started as root it would drop to a user who cannot write in the test's folder
            "max_queued_messages 100000",
            f"persistence {str(persistence).lower()}",
            f"persistence_location {folder}/",
            "log_type all",
            *(extra_lines or ("allow_anonymous true",)),
        ]
        self.config_file.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until the port answers."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [self.executable, "-c", str(self.config_file)], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if not self.is_running:
                break
            try:
                socket.create_connection((HOST, self.port), timeout=0.5).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"mosquitto did not start: {self.log_file.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop cleanly (SIGTERM)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End at once (SIGKILL), as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop cleanly and start again on the same port."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        self._process.wait(timeout=10)
        self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A fresh running broker."""
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def configured_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Make a broker with configuration lines of the test's own (passwords, topic rules); not started yet."""
    made: list[Mosquitto] = []

    def make(*extra_lines: str, persistence: bool = True) -> Mosquitto:
        made.append(Mosquitto(tmp_path / f"mosquitto-{len(made)}", persistence=persistence, extra_lines=extra_lines))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()
