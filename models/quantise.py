# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a float network to one whose body computes in 8 bits: smaller, and faster on small computers.

Static QDQ: weights int8, a scale per output channel; activations uint8, a scale per tensor, from pictures that may
train. What stays in float, and why:

- the decode tail: pixels and scores need finer steps than 256 (with it in 8 bits a detector finds nothing);
- the last convolutions: their outputs are the boxes and scores themselves, and they cost a hundredth of the time;
- the attention's products and Softmax: small, and their ranges swing with the picture;
- the block that reads the picture: three channels make a poor 8-bit convolution, four times slower than in float.

Joining and splitting share one scale, which makes them copies. The input stays open where it was open.
"""

from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto

from models.activation_ranges import Ranges, measure_ranges, with_silu_floor, with_ties
from models.errors import ExportError
from models.network_graph import NetworkGraph, sort_by_need
from models.upsampled_conv import convolve_before_enlarging

QUANTISED_OPS = ("Add", "Concat", "Conv", "LeakyRelu", "MaxPool", "Mul", "Relu", "Resize", "Sigmoid", "Split")
LEAST_OPSET = 13
"""The first in which a weight may have a scale per channel."""


def quantise(network: ModelProto, blobs: Iterable[NDArray[np.float32]], *, seven_bits: bool = False) -> ModelProto:
    """The network with its body in 8 bits, calibrated on float32 blobs (1, 3, height, width) of any sizes.

    The same network and blobs give the same bytes. `seven_bits` halves the steps of the weights, for processors whose
    8-bit sums overflow (x86 without VNNI). Raises ExportError when the network is not of a kind that can be quantised.
    """
    if any(not opset.domain and opset.version < LEAST_OPSET for opset in network.opset_import):
        raise ExportError(f"the network's opset is older than {LEAST_OPSET}; export it anew")
    if any(node.op_type in {"QuantizeLinear", "DequantizeLinear", "QLinearConv"} for node in network.graph.node):
        raise ExportError("the network is quantised already; start from the float one")
    lighter = convolve_before_enlarging(network)
    graph = NetworkGraph(lighter)
    left_out = graph.decode_tail() | graph.last_convolutions() | graph.attention() | graph.first_block()
    ranges = with_silu_floor(measure_ranges(lighter, blobs), graph.silu_inputs())
    ranges = with_ties(ranges, graph.tied_tensors(left_out))
    return _quantised(lighter, ranges, left_out, seven_bits=seven_bits)


def _quantised(network: ModelProto, ranges: Ranges, left_out: set[str], *, seven_bits: bool) -> ModelProto:
    from onnxruntime.quantization import CalibrationMethod, QuantType  # noqa: PLC0415 - slow to load
    from onnxruntime.quantization.calibrate import TensorsData  # noqa: PLC0415
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer  # noqa: PLC0415

    measured = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    quantizer = QDQQuantizer(
        network,
        per_channel=True,
        reduce_range=seven_bits,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, measured),
        nodes_to_quantize=[],
        nodes_to_exclude=sorted(left_out),
        op_types_to_quantize=list(QUANTISED_OPS),
        extra_options={},
    )
    quantizer.quantize_model()
    quantised: ModelProto = quantizer.model.model
    del quantised.graph.value_info[:]  # stale: the loader infers them anew
    del quantised.metadata_props[:]  # the quantizer notes there what it did; a node reads the class names there
    quantised.metadata_props.extend(network.metadata_props)
    sort_by_need(quantised)
    onnx.checker.check_model(quantised)
    return quantised
