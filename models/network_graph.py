# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the parts of a detector's ONNX graph are for, told by structure alone, never by the names that an exporter gave.

A detector here is a body of convolutions, with or without attention, and behind its last convolutions a decode tail
that makes boxes and scores out of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from models.errors import ExportError

ACTIVATION_OPS = frozenset({"Sigmoid", "Mul", "Relu", "LeakyRelu", "Clip", "HardSigmoid", "HardSwish"})
"""What may stand between a convolution and the next layer: SiLU is a Sigmoid and a Mul."""
SAME_VALUES_OPS = frozenset({"Concat", "Split", "MaxPool", "Resize"})
"""These hand values on: with one scale for what goes in and what comes out they copy bytes, else they compute."""


class NetworkGraph:
    """Who makes and who reads each tensor of a network, and what follows from that. Every node has a name of its own.

    Raises ExportError when there is no convolution: such a network has no body to quantise.
    """

    def __init__(self, network: ModelProto) -> None:
        self.network = network
        self.nodes: list[NodeProto] = list(network.graph.node)
        self._constants = {initializer.name: initializer for initializer in network.graph.initializer}
        shaped = [*network.graph.value_info, *network.graph.input, *network.graph.output]
        self._types = {tensor.name: tensor.type.tensor_type for tensor in shaped}
        self.made_by: dict[str, NodeProto] = {output: node for node in self.nodes for output in node.output}
        self.read_by: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self.read_by[name].append(node)
        if not any(node.op_type == "Conv" for node in self.nodes):
            raise ExportError("the network holds no convolution, so there is nothing to quantise")
        self._feeds_conv = self._nodes_before_a_conv()

    def decode_tail(self) -> set[str]:
        """Names of the nodes behind the last convolutions: boxes in pixels and scores, too fine for 256 steps."""
        return {node.name for node in self.nodes if node.op_type != "Conv" and node.name not in self._feeds_conv}

    def last_convolutions(self) -> set[str]:
        """Names of the convolutions with none behind them: one per scale for boxes, and one for scores."""
        return {node.name for node in self.nodes if node.op_type == "Conv" and node.name not in self._feeds_conv}

    def first_block(self) -> set[str]:
        """Names of the convolutions that read the picture, and of their activations."""
        pictures = {image.name for image in self.network.graph.input}
        first = [node for node in self.nodes if node.op_type == "Conv" and node.input[0] in pictures]
        names = {node.name for node in first}
        for node in first:
            names |= self._reached(node, self._readers, lambda other: other.op_type in ACTIVATION_OPS)
        return names

    def attention(self) -> set[str]:
        """Names of the nodes between the convolutions around each Softmax, which itself is one of them."""
        names: set[str] = set()
        for node in self.nodes:
            if node.op_type == "Softmax" and node.name in self._feeds_conv:
                names |= {node.name}
                names |= self._reached(node, self._makers, _is_between_convolutions)
                names |= self._reached(node, self._readers, _is_between_convolutions)
        return names

    def tied_tensors(self, left_out: set[str]) -> list[set[str]]:
        """Groups of tensors that need one scale between them, so that joining and splitting copies bytes.

        `left_out` names nodes that stay in float and tie nothing.
        """
        groups: list[set[str]] = []
        for node in self.nodes:
            if node.op_type not in SAME_VALUES_OPS or node.name in left_out:
                continue
            read = node.input if node.op_type == "Concat" else node.input[:1]
            tied = {*read, *node.output}
            tied = {name for name in tied if self.is_float(name)}
            if not tied:
                continue
            apart = [group for group in groups if not group & tied]
            for group in groups:
                if group & tied:
                    tied |= group
            groups = [*apart, tied]
        return groups

    def silu_inputs(self) -> set[str]:
        """Tensors x that are read by nothing but x * sigmoid(x)."""
        return {node.input[0] for node in self.nodes if node.op_type == "Sigmoid" and self._only_silu(node)}

    def is_float(self, name: str) -> bool:
        """Whether a tensor is known to hold float32 that the network computes or reads, not a constant."""
        known = self._types.get(name)
        return name not in self._constants and known is not None and known.elem_type == TensorProto.FLOAT

    def channels_count(self, name: str) -> int | None:
        """Second side of a tensor where it is known."""
        known = self._types.get(name)
        sides = [] if known is None else list(known.shape.dim)
        return sides[1].dim_value or None if len(sides) > 1 else None

    def constant(self, name: str) -> NDArray[np.float32] | None:
        """Value of a constant of the network."""
        return numpy_helper.to_array(self._constants[name]) if name in self._constants else None

    def _only_silu(self, sigmoid: NodeProto) -> bool:
        readers = self.read_by[sigmoid.input[0]]
        product = {sigmoid.input[0], sigmoid.output[0]}
        others = [node for node in readers if node.name != sigmoid.name]
        return len(others) == 1 and others[0].op_type == "Mul" and set(others[0].input) == product

    def _nodes_before_a_conv(self) -> set[str]:
        before: set[str] = set()
        for node in reversed(self.nodes):
            if any(reader.op_type == "Conv" or reader.name in before for reader in self._readers(node)):
                before.add(node.name)
        return before

    def _readers(self, node: NodeProto) -> Iterator[NodeProto]:
        return (reader for output in node.output for reader in self.read_by.get(output, []))

    def _makers(self, node: NodeProto) -> Iterator[NodeProto]:
        return (self.made_by[name] for name in node.input if name in self.made_by)

    @staticmethod
    def _reached(
        start: NodeProto,
        neighbours: Callable[[NodeProto], Iterator[NodeProto]],
        passes: Callable[[NodeProto], bool],
    ) -> set[str]:
        reached: set[str] = set()
        waiting = [start]
        while waiting:
            for other in neighbours(waiting.pop()):
                if passes(other) and other.name not in reached:
                    reached.add(other.name)
                    waiting.append(other)
        return reached


def _is_between_convolutions(node: NodeProto) -> bool:
    return node.op_type not in {"Conv", "Shape"}  # a Shape hands on how large a tensor is, not what it holds


def with_names_and_types(network: ModelProto) -> ModelProto:
    """The same network with a name on every node and the type and, where known, shape of every tensor."""
    named = ModelProto()
    named.CopyFrom(network)
    taken: set[str] = set()
    for number, node in enumerate(named.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}#{number}"
        taken.add(node.name)
    return onnx.shape_inference.infer_shapes(named)


def sort_by_need(network: ModelProto) -> None:
    """Put every node behind those whose outputs it reads, as ONNX asks, and otherwise leave the order."""
    waiting = list(network.graph.node)
    made = {item.name for item in (*network.graph.initializer, *network.graph.input)} | {""}
    ordered: list[NodeProto] = []
    while waiting:
        later = []
        for node in waiting:
            if made.issuperset(node.input):
                ordered.append(node)
                made.update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ExportError(f"{later[0].op_type} {later[0].name} reads what no node makes")
        waiting = later
    del network.graph.node[:]
    network.graph.node.extend(ordered)
