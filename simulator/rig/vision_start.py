# SPDX-License-Identifier: AGPL-3.0-or-later
"""Starts the node's counting path in fresh processes, and keeps what each says of its start and its memory."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import ProcessError

REPETITIONS = 3
FRAMES_COUNT = 50
_TIMEOUT_S = 600.0
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class NodeStart:
    """Medians and bests over `repetitions` processes. Memory is the peak, in MB of 10^6 bytes, the frame included.

    `start_ms` reaches from before the first import to the first count, `start_cpu_ms` is its processor time;
    `imports_ms`, `load_ms` and `first_count_ms` are its parts.
    """

    repetitions: int
    frames_count: int
    start_ms: float
    start_best_ms: float
    start_cpu_ms: float
    start_cpu_best_ms: float
    imports_ms: float
    load_ms: float
    first_count_ms: float
    first_peak_mb: float
    peak_mb: float
    """After `frames_count` more frames; the largest of all processes."""


def measure_start(
    onnx_file: Path,
    calibration_file: Path,
    frame_file: Path,
    *,
    repetitions: int = REPETITIONS,
    frames_count: int = FRAMES_COUNT,
    progress: Callable[[], None] = lambda: None,
) -> NodeStart:
    """Start the counting path `repetitions` times, one after the other, each from compiled modules.

    Raises ProcessError with the end of what a process said when it fails.
    """
    said = []
    with tempfile.TemporaryDirectory(prefix="facings-bytecode-") as bytecode_folder:
        # An installed program is compiled already, so the first process, which compiles it here, does not count.
        _one(onnx_file, calibration_file, frame_file, 0, bytecode_folder)
        for _ in range(repetitions):
            said.append(_one(onnx_file, calibration_file, frame_file, frames_count, bytecode_folder))
            progress()

    def median(name: str) -> float:
        return round(statistics.median(float(one[name]) for one in said), 1)

    return NodeStart(
        repetitions=repetitions,
        frames_count=frames_count,
        start_ms=median("start_ms"),
        start_best_ms=round(min(one["start_ms"] for one in said), 1),
        start_cpu_ms=median("start_cpu_ms"),
        start_cpu_best_ms=round(min(one["start_cpu_ms"] for one in said), 1),
        imports_ms=median("imports_ms"),
        load_ms=median("load_ms"),
        first_count_ms=median("first_count_ms"),
        first_peak_mb=round(max(one["first_peak_mb"] for one in said), 1),
        peak_mb=round(max(one["peak_mb"] for one in said), 1),
    )


def _one(
    onnx_file: Path, calibration_file: Path, frame_file: Path, frames_count: int, bytecode_folder: str
) -> dict[str, Any]:
    command = [sys.executable, "-m", "simulator.rig.vision_node", str(onnx_file.resolve()), str(calibration_file)]
    command += [str(frame_file), str(frames_count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment |= {"PYTHONPYCACHEPREFIX": bytecode_folder, "PYTHONDONTWRITEBYTECODE": ""}
    try:
        done = subprocess.run(  # noqa: S603 - our own module in our own interpreter
            command, cwd=_REPOSITORY, env=environment, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        raise ProcessError(f"{onnx_file}: the node process died: {error.stderr[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"{onnx_file}: the node process was not done after {_TIMEOUT_S:.0f} s") from error
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
