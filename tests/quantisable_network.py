# SPDX-License-Identifier: AGPL-3.0-or-later
"""The toy detector with a body before it that can be quantised: convolutions, SiLU, a pool, an enlarging and a join.

The body hands each colour on, only bent by SiLU, so the toy still finds what it found.
"""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from tests.toy_network import write_toy_model

BODY_CONVOLUTIONS = ("second", "third")
"""What is expected to compute in 8 bits; `first` reads the picture and `linear` makes the scores."""


def write_quantisable_model(folder: Path, *, name: str = "toy", spoiled: bool = False) -> Path:
    """Write NAME.onnx of open input and its card.

    When `spoiled`, a channel that nothing later needs is three thousand times larger than its neighbours: 256 steps
    over all of them leave nothing of the colours, as a float network would never notice.
    """
    onnx_file = write_toy_model(folder, input_wh_px=None, default_input_wh_px=(320, 192), name=name)
    network = onnx.load(str(onnx_file))
    second = np.zeros((4, 3, 3, 3), np.float32)
    for channel in range(3):
        second[channel, channel, 1, 1] = 2
    second[3, 1, 1, 1] = 3000 if spoiled else 2
    kernels = {
        "first.w": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1),
        "first.b": np.zeros(3, np.float32),
        "second.w": second,
        "second.b": np.zeros(4, np.float32),
        "third.w": np.eye(3, 8, dtype=np.float32).reshape(3, 8, 1, 1),
        "third.b": np.zeros(3, np.float32),
        "twice": np.array([1, 1, 2, 2], np.float32),
    }
    body = [
        *_conv_silu("first", "images", "light"),
        *_conv_silu("second", "light", "fine", pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["fine"], ["coarse"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Resize", ["coarse", "", "twice"], ["enlarged"], mode="nearest"),
        helper.make_node("Concat", ["fine", "enlarged"], ["joined"], axis=1),
        *_conv_silu("third", "joined", "body"),
    ]
    toy = list(network.graph.node)
    toy[0].input[0] = "body"
    del network.graph.node[:]
    network.graph.node.extend([*body, *toy])
    network.graph.initializer.extend(_constants(kernels))
    onnx.checker.check_model(network)
    onnx.save(network, str(onnx_file))
    card = onnx_file.with_suffix(".card.json")
    old_sha256 = card.read_text().split('"onnx_sha256":"')[1][:64]
    card.write_text(card.read_text().replace(old_sha256, hashlib.sha256(onnx_file.read_bytes()).hexdigest()))
    return onnx_file


def _conv_silu(name: str, source: str, target: str, pads: list[int] | None = None) -> list[NodeProto]:
    return [
        helper.make_node("Conv", [source, f"{name}.w", f"{name}.b"], [f"{name}.x"], name=name, pads=pads or [0] * 4),
        helper.make_node("Sigmoid", [f"{name}.x"], [f"{name}.s"]),
        helper.make_node("Mul", [f"{name}.x", f"{name}.s"], [target]),
    ]


def _constants(values: dict[str, NDArray[np.float32]]) -> list[onnx.TensorProto]:
    return [numpy_helper.from_array(value, name) for name, value in values.items()]
