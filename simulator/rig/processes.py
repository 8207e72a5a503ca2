# SPDX-License-Identifier: AGPL-3.0-or-later
"""Processes of the true system, started for the virtual store and gone with it whatever happens to us."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from simulator.errors import ProcessError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
"""Opened here: between fork and exec of a process with threads nothing may be opened that another thread has locked."""
_LOG_TAIL_CHARACTERS = 1500


def utc_now() -> datetime:
    """The real clock, which the processes live on."""
    return datetime.now(UTC)


def _die_with_parent() -> None:
    """Ask the kernel to end the child when its parent dies, so that `kill -9` of the demo leaves nothing behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One `facings ...` process (or another program) with its own log file and process group."""

    def __init__(
        self, name: str, arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.log_file = folder / f"{name}.log"
        self._folder = folder
        self._environment = environment or {}
        self._popen: subprocess.Popen[bytes] | None = None

    @classmethod
    def facings(
        cls, name: str, arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> Self:
        """A process of ours, run by this interpreter."""
        return cls(name, [sys.executable, "-m", "facings", *arguments], folder, environment)

    def start(self) -> None:
        """Start it; its output is appended to `log_file`."""
        with self.log_file.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603 - our own programs with our own arguments
                self.arguments,
                cwd=self._folder,
                env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches us first, and we stop the others in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one system call
            )

    @property
    def pid(self) -> int:
        """Process id; raises ProcessError when it was never started."""
        if self._popen is None:
            raise ProcessError(f"{self.name} was not started")
        return self._popen.pid

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def check(self) -> None:
        """Raise ProcessError with the end of the log when it has ended."""
        if not self.is_running():
            code = None if self._popen is None else self._popen.returncode
            raise ProcessError(f"{self.name} ended with code {code}; the end of {self.log_file}:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """The last lines of its output."""
        try:
            return self.log_file.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:]
        except OSError:
            return "(no output)"

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone: what a power cut or the kernel's out-of-memory killer does."""
        if self._popen is not None:
            self._signal(signal.SIGKILL)
            self._popen.wait()

    def stop(self, patience_s: float = 8.0) -> bool:
        """SIGTERM, then SIGKILL after `patience_s`. Returns whether it ended by itself."""
        if self._popen is None:
            return True
        self._signal(signal.SIGTERM)
        try:
            self._popen.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self._signal(signal.SIGKILL)  # children it may have left in its group
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is None:
            return
        try:
            os.killpg(self._popen.pid, number)
        except ProcessLookupError:
            return


class ProcessGroup:
    """Several processes, stopped in the reverse order of their start, as a context manager."""

    def __init__(self) -> None:
        self.processes: list[Process] = []

    def start(self, process: Process) -> Process:
        """Start one more."""
        self.processes.append(process)
        process.start()
        return process

    def check(self) -> None:
        """Raise ProcessError when one has ended."""
        for process in self.processes:
            process.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for process in reversed(self.processes):
            process.stop()


def wait_until(condition: Callable[[], bool], what: str, patience_s: float, group: ProcessGroup) -> None:
    """Call `condition` until it answers true; ProcessError when a process ends or patience does."""
    deadline_s = time.monotonic() + patience_s
    while not condition():
        group.check()
        if time.monotonic() > deadline_s:
            logs = "\n".join(f"--- {process.name}\n{process.log_tail()}" for process in group.processes)
            raise ProcessError(f"{what} did not happen within {patience_s:g} s\n{logs}")
        time.sleep(0.1)
