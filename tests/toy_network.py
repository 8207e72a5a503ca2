# SPDX-License-Identifier: AGPL-3.0-or-later
"""A tiny real ONNX detector for tests: a green cell is a product, a red one a gap, a blue one a price tag.

It divides its input into square cells of `CELL_PX`, scores each by its mean colour and answers one box per cell, so
that the whole node can be run, and every box computed by hand.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from calibration.document import BaySize, Calibration, PointPair, Zone
from contract.model_card import DetectorHead, DetectorLabel, ModelCard

CELL_PX = 16
LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG)
COLOURS_BGR = {
    DetectorLabel.PRODUCT: (0, 255, 0),
    DetectorLabel.GAP: (0, 0, 255),
    DetectorLabel.PRICE_TAG: (255, 0, 0),
}
NMS_FREE_BOXES_COUNT = 1500

Picture = NDArray[np.uint8]


def write_toy_model(
    folder: Path,
    *,
    head: DetectorHead = DetectorHead.RAW,
    input_wh_px: tuple[int, int] | None = (640, 640),
    default_input_wh_px: tuple[int, int] = (640, 640),
    name: str = "toy",
    **card_fields: object,
) -> Path:
    """Write NAME.onnx and NAME.card.json; `card_fields` replace fields of the card, rightly or wrongly."""
    folder.mkdir(parents=True, exist_ok=True)
    network = _network(head, input_wh_px)
    onnx_file = folder / f"{name}.onnx"
    onnx.save(network, str(onnx_file))
    fields: dict[str, object] = {
        "model_id": name,
        "onnx_file": onnx_file.name,
        "onnx_sha256": hashlib.sha256(onnx_file.read_bytes()).hexdigest(),
        "labels": LABELS,
        "head": head,
        "input_wh_px": input_wh_px,
        "default_input_wh_px": input_wh_px or default_input_wh_px,
        "facing_height_range_px": (8.0, 64.0),
        "max_boxes_count": NMS_FREE_BOXES_COUNT,
        "confidence_thresholds": dict.fromkeys(LABELS, 0.3),
        "nms_iou": 0.5,
        "licence": "AGPL-3.0-or-later",
        "trained_at": datetime(2026, 11, 1, tzinfo=UTC),
        "recipe": "written by hand",
        "data_manifest_sha256": "0" * 64,
        "sources": (),
        **card_fields,
    }
    card = ModelCard.model_validate(fields)
    (folder / f"{name}.card.json").write_bytes(card.to_json())
    return onnx_file


def _network(head: DetectorHead, input_wh_px: tuple[int, int] | None) -> onnx.ModelProto:
    side_h, side_w = (input_wh_px[1], input_wh_px[0]) if input_wh_px else ("height", "width")
    # Rows: product, gap, tag; columns: red, green, blue. Grey of any brightness scores nothing.
    weights = np.array([[-0.5, 1, -0.5], [1, -0.5, -0.5], [-0.5, -0.5, 1]], np.float32).reshape(3, 3, 1, 1)
    constants = {
        "weights": weights,
        "zero": np.float32(0),
        "one": np.float32(1),
        "cell": np.float32(CELL_PX),
        "half": np.float32(CELL_PX / 2),
        "axis_x": np.int64(3),
        "axis_y": np.int64(2),
        "flat": np.array([1, 7, -1], np.int64),
    }
    nodes = [
        helper.make_node(
            "AveragePool", ["images"], ["cells"], kernel_shape=[CELL_PX, CELL_PX], strides=[CELL_PX, CELL_PX]
        ),
        helper.make_node("Conv", ["cells", "weights"], ["linear"]),
        helper.make_node("Clip", ["linear", "zero", "one"], ["scores"]),
        helper.make_node("ReduceMax", ["scores"], ["any_score"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["any_score", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "cell"], ["side"]),
        helper.make_node("CumSum", ["side", "axis_x"], ["right"]),
        helper.make_node("CumSum", ["side", "axis_y"], ["bottom"]),
        helper.make_node("Sub", ["right", "half"], ["centre_x"]),
        helper.make_node("Sub", ["bottom", "half"], ["centre_y"]),
    ]
    if head is DetectorHead.RAW:
        nodes += [
            helper.make_node("Concat", ["centre_x", "centre_y", "side", "side", "scores"], ["grid"], axis=1),
            helper.make_node("Reshape", ["grid", "flat"], ["output"]),
        ]
        output_shape: list[int | str] = [1, 7, "candidates"]
    else:
        constants |= {
            "flat": np.array([1, 6, -1], np.int64),
            "score_row": np.int64(4),
            "boxes_count": np.array([NMS_FREE_BOXES_COUNT], np.int64),
        }
        nodes += [
            helper.make_node("Sub", ["right", "cell"], ["left"]),
            helper.make_node("Sub", ["bottom", "cell"], ["top"]),
            helper.make_node("ArgMax", ["scores"], ["class_index"], axis=1, keepdims=1),
            helper.make_node("Cast", ["class_index"], ["class"], to=TensorProto.FLOAT),
            helper.make_node("Concat", ["left", "top", "right", "bottom", "any_score", "class"], ["grid"], axis=1),
            helper.make_node("Reshape", ["grid", "flat"], ["columns"]),
            helper.make_node("Transpose", ["columns"], ["rows"], perm=[0, 2, 1]),
            helper.make_node("Gather", ["columns", "score_row"], ["row_scores"], axis=1),
            helper.make_node("TopK", ["row_scores", "boxes_count"], ["best", "best_index"], axis=1),
            helper.make_node("Squeeze", ["best_index"], ["index"]),
            helper.make_node("Gather", ["rows", "index"], ["output"], axis=1),
        ]
        output_shape = [1, NMS_FREE_BOXES_COUNT, 6]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side_h, side_w])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, output_shape)],
        [numpy_helper.from_array(np.asarray(value), constant) for constant, value in constants.items()],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    network.ir_version = 9
    names = {index: str(label) for index, label in enumerate(LABELS)}
    helper.set_model_props(network, {"names": repr(names), "stride": "32"})
    onnx.checker.check_model(network)
    return network


def shelf_picture(
    cells: dict[tuple[int, int], DetectorLabel], *, wh_px: tuple[int, int] = (640, 480), seed: int | None = 0
) -> Picture:
    """A grey shelf with rails; `cells` maps (column, row) of the cell grid to what stands there. `seed` draws noise."""
    picture = np.full((wh_px[1], wh_px[0], 3), 110, np.uint8)
    for y_px in range(0, wh_px[1], 96):
        cv2.rectangle(picture, (0, y_px + 84), (wh_px[0], y_px + 90), (235, 235, 235), cv2.FILLED)
        cv2.rectangle(picture, (0, y_px + 90), (wh_px[0], y_px + 95), (35, 35, 35), cv2.FILLED)
    for (column, row), label in cells.items():
        x_px, y_px = column * CELL_PX, row * CELL_PX
        picture[y_px : y_px + CELL_PX, x_px : x_px + CELL_PX] = COLOURS_BGR[label]
    if seed is not None:
        noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
        picture = np.clip(picture + noise, 0, 255).round().astype(np.uint8)
    return picture


def products(columns: range, row: int) -> dict[tuple[int, int], DetectorLabel]:
    """Cells of one row filled with products, every second column, so that they stand apart."""
    return {(column, row): DetectorLabel.PRODUCT for column in columns if column % 2 == 0}


def gaps(columns: range, row: int) -> dict[tuple[int, int], DetectorLabel]:
    """Cells of one row that look empty, every second column."""
    return {(column, row): DetectorLabel.GAP for column in columns if column % 2 == 0}


def toy_calibration(camera_id: str = "cam-1", *, wh_px: tuple[int, int] = (640, 480)) -> Calibration:
    """One millimetre a pixel; zone `left` under columns 0-19 and `right` under columns 20-39, both over all rows."""
    width, height = wh_px
    corners = [(0, 0, 0, height), (width, 0, width, height), (width, height, width, 0), (0, height, 0, 0)]
    half = width / 2

    def zone(zone_id: str, left: float, right: float) -> Zone:
        return Zone(
            zone_id=zone_id,
            sku=f"SKU-{zone_id}",
            polygon_mm=((left, 0), (right, 0), (right, height), (left, height)),
            expected_facings_count=10,
            minimum_facings_count=2,
            depth_units_count=3,
            facing_width_mm=CELL_PX,
            facing_height_mm=CELL_PX,
        )

    return Calibration(
        camera_id=camera_id,
        image_wh_px=wh_px,
        bay=BaySize(bay_id="bay-1", name="Bay 1", width_mm=width, height_mm=height),
        points=tuple(PointPair(x_px=x, y_px=y, x_mm=x_mm, y_mm=y_mm) for x, y, x_mm, y_mm in corners),
        zones=(zone("left", 0, half), zone("right", half, width)),
    )
