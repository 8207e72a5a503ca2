# SPDX-License-Identifier: AGPL-3.0-or-later
"""Between which values every tensor of a network lies: measured on pictures, then shaped for 256 steps.

The measuring is ours because calibration of onnxruntime either holds the tensors of all pictures in memory or takes the
extremes of a single odd picture; here each picture leaves two figures per tensor.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from models.network_graph import NetworkGraph

Ranges = dict[str, tuple[float, float]]
"""Least and greatest value of a tensor, zero always among them, by the tensor's name."""

SILU_FLOOR = -6.0
"""x * sigmoid(x) of anything below lies within 0.015 of zero, so a long tail there would only coarsen the steps."""


def measure_ranges(network: ModelProto, blobs: Iterable[NDArray[np.float32]]) -> Ranges:
    """Run the network over float32 blobs (1, 3, height, width) of any sizes and note each tensor's extremes."""
    graph = NetworkGraph(network)
    names = [image.name for image in network.graph.input if graph.is_float(image.name)]
    names += [output for node in network.graph.node for output in node.output if graph.is_float(output)]
    watched = ModelProto()
    watched.CopyFrom(network)
    outputs = []
    for number, name in enumerate(names):
        for operator in ("ReduceMin", "ReduceMax"):
            outputs.append(f"{operator}#{number}")
            watched.graph.node.append(helper.make_node(operator, [name], [outputs[-1]], keepdims=0))
            watched.graph.output.append(helper.make_tensor_value_info(outputs[-1], TensorProto.FLOAT, []))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    lowest, highest = np.zeros(len(names)), np.zeros(len(names))
    for blob in blobs:
        extremes = np.array(session.run(outputs, {names[0]: blob}), dtype=np.float64).reshape(-1, 2)
        lowest, highest = np.minimum(lowest, extremes[:, 0]), np.maximum(highest, extremes[:, 1])
    return {name: (float(low), float(high)) for name, low, high in zip(names, lowest, highest, strict=True)}


def with_silu_floor(ranges: Mapping[str, tuple[float, float]], silu_inputs: AbstractSet[str]) -> Ranges:
    """Ranges whose lower end is cut where SiLU forgets what it reads."""
    return {
        name: (max(low, SILU_FLOOR), high) if name in silu_inputs else (low, high)
        for name, (low, high) in ranges.items()
    }


def with_ties(ranges: Mapping[str, tuple[float, float]], groups: Iterable[AbstractSet[str]]) -> Ranges:
    """Ranges in which all tensors of a group have the one that holds them all."""
    tied = dict(ranges)
    for group in groups:
        members = [ranges[name] for name in group if name in ranges]
        if members:
            whole = (min(low for low, _ in members), max(high for _, high in members))
            tied.update(dict.fromkeys(group & ranges.keys(), whole))
    return tied
