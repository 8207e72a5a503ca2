# SPDX-License-Identifier: AGPL-3.0-or-later
"""Convolve first, enlarge afterwards: the same network with less to compute.

Where a detector joins an enlarged coarse map to a fine one and convolves both with a 1x1 kernel, it computes the coarse
part four times over. Such a convolution is linear and looks at one place, and enlarging to the nearest neighbour only
copies places, so `conv(concat(up(a), b)) = up(conv_a(a)) + conv_b(b)`, exactly but for rounding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from models.network_graph import NetworkGraph, with_names_and_types


@dataclass(frozen=True)
class _Place:
    """A 1x1 convolution that reads a join of maps, some of them enlarged."""

    conv: NodeProto
    join: NodeProto
    kernel: NDArray[np.float32]
    enlarged: dict[str, NodeProto]
    """The Resize behind each enlarged input of the join."""


def convolve_before_enlarging(network: ModelProto) -> ModelProto:
    """A network with the same inputs and outputs in which every such place is turned round."""
    named = with_names_and_types(network)
    graph = NetworkGraph(named)
    places = {place.conv.name: place for node in graph.nodes if (place := _place(node, graph)) is not None}
    dropped = {node.name for place in places.values() for node in (place.join, *place.enlarged.values())}
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        if node.name in places:
            nodes += _turned_round(places[node.name], graph)
        elif node.name not in dropped:
            nodes.append(node)
    del named.graph.node[:]
    named.graph.node.extend(nodes)
    _forget_what_nobody_reads(named)
    return with_names_and_types(named)


def _place(conv: NodeProto, graph: NetworkGraph) -> _Place | None:
    join = graph.made_by.get(conv.input[0]) if conv.op_type == "Conv" else None
    if join is None or join.op_type != "Concat" or len(graph.read_by[join.output[0]]) != 1:
        return None
    kernel = graph.constant(conv.input[1])
    attributes = {item.name: helper.get_attribute_value(item) for item in conv.attribute}
    moves = any(step != 1 for step in attributes.get("strides", [])) or any(attributes.get("pads", []))
    if kernel is None or kernel.shape[2:] != (1, 1) or attributes.get("group", 1) != 1 or moves:
        return None
    enlarged = {name: graph.made_by[name] for name in join.input if _only_enlarged(name, graph)}
    whole = all(graph.channels_count(name) is not None for name in join.input)
    return _Place(conv, join, kernel, enlarged) if enlarged and whole and _axis(join) == 1 else None


def _only_enlarged(name: str, graph: NetworkGraph) -> bool:
    """Whether a tensor is a nearest-neighbour enlargement in height and width alone, read by one node."""
    resize = graph.made_by.get(name)
    if resize is None or resize.op_type != "Resize" or len(graph.read_by[name]) != 1 or len(resize.input) < 3:  # noqa: PLR2004 - the third input holds the scales
        return False
    attributes = {item.name: helper.get_attribute_value(item) for item in resize.attribute}
    scales = graph.constant(resize.input[2])
    return attributes.get("mode", b"nearest") == b"nearest" and scales is not None and list(scales[:2]) == [1, 1]


def _axis(join: NodeProto) -> int:
    return int(next(helper.get_attribute_value(item) for item in join.attribute if item.name == "axis"))


def _turned_round(place: _Place, graph: NetworkGraph) -> list[NodeProto]:
    conv, first, parts, nodes = place.conv, 0, [], []
    biased = False
    for number, name in enumerate(place.join.input):
        last = first + (graph.channels_count(name) or 0)
        kernel_name = f"{conv.input[1]}/part{number}"
        kernel = np.ascontiguousarray(place.kernel[:, first:last])
        graph.network.graph.initializer.append(numpy_helper.from_array(kernel, kernel_name))
        first = last
        part = f"{conv.output[0]}/part{number}"
        # The bias belongs to one part only; a fine one, where there is any, since it needs no enlarging.
        takes_bias = len(conv.input) > 2 and not biased and name not in place.enlarged  # noqa: PLR2004 - the third input
        biased |= takes_bias
        resize = place.enlarged.get(name)
        source, target = (name, part) if resize is None else (resize.input[0], f"{part}/coarse")
        read = [source, kernel_name, *([conv.input[2]] if takes_bias else [])]
        nodes.append(helper.make_node("Conv", read, [target], name=target, kernel_shape=[1, 1]))
        if resize is not None:
            enlarging = NodeProto()
            enlarging.CopyFrom(resize)
            enlarging.input[0], enlarging.output[0] = target, part
            nodes.append(enlarging)
        parts.append(part)
    if len(conv.input) > 2 and not biased:  # noqa: PLR2004 - every part was enlarged, so the first convolution takes it
        nodes[0].input.append(conv.input[2])
    return [*nodes, *_sums(parts, conv.output[0])]


def _sums(parts: list[str], total: str) -> list[NodeProto]:
    nodes, so_far = [], parts[0]
    for number, part in enumerate(parts[1:], start=1):
        reached = total if number == len(parts) - 1 else f"{total}/sum{number}"
        nodes.append(helper.make_node("Add", [so_far, part], [reached], name=f"{total}/add{number}"))
        so_far = reached
    return nodes


def _forget_what_nobody_reads(network: ModelProto) -> None:
    read = {name for node in network.graph.node for name in node.input}
    made = {name for node in network.graph.node for name in node.output}
    kept = [constant for constant in network.graph.initializer if constant.name in read]
    shapes = [shape for shape in network.graph.value_info if shape.name in made]
    del network.graph.initializer[:]
    network.graph.initializer.extend(kept)
    del network.graph.value_info[:]
    network.graph.value_info.extend(shapes)
