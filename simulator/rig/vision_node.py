# SPDX-License-Identifier: AGPL-3.0-or-later
"""A process that does what a node does, from its first import to its counts, and says what that took.

    python -m simulator.rig.vision_node MODEL.onnx CALIBRATION.json FRAME.npy FRAMES_COUNT

Prints one JSON object. It imports nothing but the node's counting path, so that its memory is the node's.
"""

import time

_STARTED_S, _STARTED_CPU_S = time.perf_counter(), time.process_time()

import json  # noqa: E402 - the clock starts before the imports, which are part of what is measured
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from calibration.document import Calibration  # noqa: E402
from edge.detector import Detector  # noqa: E402
from edge.place import Place  # noqa: E402


def peak_memory_mb() -> float:
    """The most that this process has held so far, in MB of 10^6 bytes: `VmHWM` of /proc/self/status."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("/proc/self/status has no VmHWM")


def main() -> None:
    """Count one frame, then `FRAMES_COUNT` more."""
    model, calibration_file, frame_file, frames_count = sys.argv[1:]
    imported_s = time.perf_counter()
    detector = Detector(Path(model))
    loaded_s = time.perf_counter()
    image_bgr = np.load(frame_file)
    calibration = Calibration.from_json(Path(calibration_file).read_text(encoding="utf-8"))
    place = Place.of(calibration, (image_bgr.shape[1], image_bgr.shape[0]))
    place.count(detector, image_bgr)
    first_s, first_cpu_s, first_mb = time.perf_counter(), time.process_time(), peak_memory_mb()
    for _ in range(int(frames_count)):
        place.count(detector, image_bgr)
    sys.stdout.write(
        json.dumps(
            {
                "imports_ms": 1000 * (imported_s - _STARTED_S),
                "load_ms": 1000 * (loaded_s - imported_s),
                "first_count_ms": 1000 * (first_s - loaded_s),
                "start_ms": 1000 * (first_s - _STARTED_S),
                "start_cpu_ms": 1000 * (first_cpu_s - _STARTED_CPU_S),
                "first_peak_mb": first_mb,
                "peak_mb": peak_memory_mb(),
            }
        )
    )


if __name__ == "__main__":
    main()
