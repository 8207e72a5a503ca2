# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs ultralytics and supervision beside us, in an interpreter that has them, one look whenever it is their turn."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from simulator.errors import ProcessError

PEER_PROGRAM = Path(__file__).with_name("vision_peer.py")
LEFT_OUT = "left out: pip install ultralytics supervision, or name an interpreter that has them with --peer-python"
_LIBRARIES = ("ultralytics", "supervision", "onnxruntime")
_CLOSE_S = 10.0


@dataclass(frozen=True, slots=True)
class PeerSpeed:
    """ultralytics `predict` and one `PolygonZone` per zone: medians over rounds, and what they counted."""

    versions: dict[str, str]
    rounds: int
    wall_ms: float
    cpu_ms: float
    boxes_count: int
    zones_right_count: int


class Peer:
    """A running peer program. Use as a context manager.

    Raises ProcessError when it does not start or dies, with the end of its log.
    """

    def __init__(self, python: str, settings_file: Path, expected_counts: Sequence[int]) -> None:
        self._expected = list(expected_counts)
        self._rounds: list[dict[str, Any]] = []
        self._log_file = settings_file.with_suffix(".log")
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter is the caller's choice
                [python, str(PEER_PROGRAM), str(settings_file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._versions: dict[str, str] = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._pipe(self._process.stdin).close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()

    def round(self) -> None:
        """One look."""
        with suppress(BrokenPipeError):  # why it died is in its log, which the answer below reads
            pipe = self._pipe(self._process.stdin)
            pipe.write("look\n")
            pipe.flush()
        self._rounds.append(self._answer())

    def speed(self) -> PeerSpeed:
        """All rounds so far."""
        last = self._rounds[-1]
        return PeerSpeed(
            versions=self._versions,
            rounds=len(self._rounds),
            wall_ms=round(statistics.median(one["wall_ms"] for one in self._rounds), 3),
            cpu_ms=round(statistics.median(one["cpu_ms"] for one in self._rounds), 3),
            boxes_count=last["boxes_count"],
            zones_right_count=sum(count == true for count, true in zip(last["counts"], self._expected, strict=True)),
        )

    def _answer(self) -> Any:
        line = self._pipe(self._process.stdout).readline()
        if not line:
            said = self._log_file.read_text(encoding="utf-8", errors="replace")[-800:]
            raise ProcessError(f"the peer (ultralytics, supervision) died: {said}")
        return json.loads(line)

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None  # noqa: S101 - all were asked for
        return pipe


def peer_python(wanted: str | None) -> str | None:
    """An interpreter with both libraries: the one that is wanted, else this one; None when this one lacks them.

    Raises ProcessError when the wanted one lacks them.
    """
    python = wanted or sys.executable
    asked = f"import importlib.util as u, sys; sys.exit(not all(u.find_spec(name) for name in {_LIBRARIES}))"
    try:
        asking = subprocess.run([python, "-c", asked], check=False, capture_output=True)  # noqa: S603 - as above
    except OSError as error:
        raise ProcessError(f"{python}: cannot be run ({error.strerror})") from error
    has_them = asking.returncode == 0
    if not has_them and wanted is not None:
        raise ProcessError(f"{python}: lacks one of {', '.join(_LIBRARIES)}")
    return python if has_them else None
