# SPDX-License-Identifier: AGPL-3.0-or-later
"""From trained weights to the ONNX file that a node runs. Needs the `train` extra."""

import shutil
import tempfile
from pathlib import Path

from contract.model_card import DetectorHead
from models.errors import ExportError
from models.recipe import Recipe
from models.train import require_train_extra

MAX_BOXES_COUNT = 1500
"""No shelf picture may lose boxes to a cap: ultralytics' default of 300 is too low for a dense bay."""


def export(weights: Path, onnx_path: Path, recipe: Recipe, head: DetectorHead = DetectorHead.RAW) -> Path:
    """Write `weights` as float32 ONNX that accepts any input whose sides are multiples of 32.

    Raises TrainExtraMissing, or ExportError when the network does not have the shape that `head` promises; what lay in
    the place before stays then.
    """
    if head is DetectorHead.NMS_FREE and not recipe.network.nms_free:
        raise ExportError(f"{weights}: the recipe trained no NMS-free head; export the raw one")
    if not weights.is_file():
        raise ExportError(f"{weights}: no such file; train first")
    require_train_extra(weights.parent)
    from models.slim_graph import without_shapes  # noqa: PLC0415 - loads onnx, a part of the train extra

    onnx_path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=onnx_path.parent) as scratch:
        copied = Path(shutil.copy2(weights, scratch))  # ultralytics writes beside the weights
        exported = _as_onnx(copied, recipe, head)
        without_shapes(exported)
        check_shape(exported, recipe, head)
        exported.replace(onnx_path)
    return onnx_path


def _as_onnx(weights: Path, recipe: Recipe, head: DetectorHead) -> Path:
    from ultralytics import YOLO  # noqa: PLC0415 - loads torch

    exported = YOLO(str(weights)).export(
        format="onnx",
        dynamic=True,
        simplify=True,
        nms=False if head is DetectorHead.NMS_FREE else None,
        max_det=MAX_BOXES_COUNT,
        imgsz=recipe.train_input_px,
        device="cpu",
    )
    return Path(exported)


def check_shape(onnx_path: Path, recipe: Recipe, head: DetectorHead) -> None:
    """Raise ExportError unless the network runs at its default input and its output fits labels and head."""
    import numpy as np  # noqa: PLC0415 - beside onnxruntime, which not every part of the workshop needs
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    width_px, height_px = recipe.default_input_wh_px
    blob = np.zeros((1, 3, height_px, width_px), dtype=np.float32)
    (output,) = session.run(None, {session.get_inputs()[0].name: blob})
    rows_count = output.shape[1] if head is DetectorHead.RAW else output.shape[2]
    wanted_count = 4 + len(recipe.labels) if head is DetectorHead.RAW else 6
    if rows_count != wanted_count:
        raise ExportError(f"{onnx_path}: output {output.shape} is no {head.value} head of {len(recipe.labels)} labels")
