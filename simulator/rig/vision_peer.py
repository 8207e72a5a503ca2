# SPDX-License-Identifier: AGPL-3.0-or-later
"""What others run: ultralytics `predict` and supervision's PolygonZone, on the same network, frame and zones.

    python vision_peer.py SETTINGS.json

A program of its own for an interpreter that has both; it imports nothing of ours. It says one JSON line when it is
ready, then one for every line that it reads, until its input ends.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"
os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_VERBOSE", "false")


def _on_one_thread() -> None:
    """Ultralytics lets onnxruntime take every core; here both programs have one thread."""
    ort: Any = import_module("onnxruntime")
    whole: Any = ort.InferenceSession

    def single(path: Any, _options: Any = None, **rest: Any) -> Any:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return whole(path, options, **{key: value for key, value in rest.items() if key != "sess_options"})

    ort.InferenceSession = single
    import_module("torch").set_num_threads(1)
    import_module("cv2").setNumThreads(1)


def main() -> None:
    """Answer one line for each line of standard input."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # both libraries print what they please
    np: Any = import_module("numpy")
    _on_one_thread()
    ultralytics: Any = import_module("ultralytics")
    supervision: Any = import_module("supervision")
    network = ultralytics.YOLO(settings["onnx_file"], task="detect")
    image_bgr = np.load(settings["frame_file"])
    zones = [supervision.PolygonZone(polygon=np.array(outline)) for outline in settings["outlines_px"]]

    def count() -> tuple[list[int], int]:
        found = network.predict(
            image_bgr,
            imgsz=settings["input_hw_px"],
            conf=settings["confidence"],
            iou=settings["iou"],
            max_det=1500,
            device="cpu",
            verbose=False,
        )[0]
        boxes = supervision.Detections.from_ultralytics(found)
        products = boxes[boxes.class_id == settings["product_class"]]
        return [int(zone.trigger(detections=products).sum()) for zone in zones], len(boxes)

    count()
    versions = {"ultralytics": ultralytics.__version__, "supervision": supervision.__version__}
    answers.write(json.dumps(versions) + "\n")
    answers.flush()
    for _ in sys.stdin:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        counts, boxes_count = count()
        wall_ms, cpu_ms = 1000 * (time.perf_counter() - wall_s), 1000 * (time.process_time() - cpu_s)
        answers.write(
            json.dumps({"wall_ms": wall_ms, "cpu_ms": cpu_ms, "counts": counts, "boxes_count": boxes_count}) + "\n"
        )
        answers.flush()


if __name__ == "__main__":
    main()
