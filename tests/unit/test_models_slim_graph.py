# SPDX-License-Identifier: AGPL-3.0-or-later
"""A slimmed network computes the same, holds every constant once, and keeps what a reader of the file relies on."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from models.quantise import quantise
from models.slim_graph import slimmed, without_shapes
from tests.quantisable_network import write_quantisable_model


def outputs(network: ModelProto, blob: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: list[NDArray[np.float32]] = session.run(None, {session.get_inputs()[0].name: blob})
    return found


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> ModelProto:
    network = onnx.load(str(write_quantisable_model(tmp_path_factory.mktemp("toy"))))
    return quantise(network, [np.random.default_rng(1).random((1, 3, 96, 128), dtype=np.float32)])


@pytest.mark.parametrize("height_px", [96, 192])
def test_a_slimmed_network_computes_the_same_to_the_last_bit(quantised: ModelProto, height_px: int) -> None:
    blob = np.random.default_rng(2).random((1, 3, height_px, 320), dtype=np.float32)
    for before, after in zip(outputs(quantised, blob), outputs(slimmed(quantised), blob), strict=True):
        assert np.array_equal(before, after)


def test_it_is_smaller_and_what_a_node_reads_of_it_stays(quantised: ModelProto) -> None:
    slim = slimmed(quantised)
    assert slim.ByteSize() < quantised.ByteSize()
    held = [
        (item.data_type, tuple(item.dims), numpy_helper.to_array(item).tobytes()) for item in slim.graph.initializer
    ]
    assert len(set(held)) == len(held)
    assert list(slim.graph.input) == list(quantised.graph.input)
    assert list(slim.graph.output) == list(quantised.graph.output)
    assert list(slim.metadata_props) == list(quantised.metadata_props)
    assert len({node.name for node in slim.graph.node}) == len(slim.graph.node)


def test_names_that_look_like_short_ones_are_not_taken_twice() -> None:
    """An input is called t3 and an output t2, and a constant that is given out stays beside its like."""
    constants = [numpy_helper.from_array(np.full((1,), 2, np.float32), name) for name in ("two", "also two", "t2")]
    nodes = [
        helper.make_node("Mul", ["t3", "two"], ["twice"]),
        helper.make_node("Mul", ["twice", "also two"], ["four times"]),
    ]
    ends = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("t3", "four times", "t2")}
    graph = helper.make_graph(nodes, "g", [ends["t3"]], [ends["four times"], ends["t2"]], constants)
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    slim = slimmed(network)
    onnx.checker.check_model(slim)
    four, two = outputs(slim, np.full((1,), 3, np.float32))
    assert (four[0], two[0]) == (12, 2)


def test_a_network_with_graphs_inside_its_nodes_is_left_as_it_is() -> None:
    def branch(value: float) -> onnx.GraphProto:
        out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])
        shift = numpy_helper.from_array(np.full((1,), value, np.float32), f"shift {value}")
        return helper.make_graph([helper.make_node("Add", ["x", shift.name], ["out"])], "b", [], [out], [shift])

    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    chosen = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    condition = numpy_helper.from_array(np.array(1, np.bool_), "condition")
    node = helper.make_node("If", ["condition"], ["y"], then_branch=branch(1.0), else_branch=branch(2.0))
    network = helper.make_model(helper.make_graph([node], "g", [picture], [chosen], [condition]))
    assert slimmed(network) == network


def test_a_file_without_shapes_keeps_its_names_and_its_answers(tmp_path: Path) -> None:
    onnx_file = write_quantisable_model(tmp_path)
    noted = onnx.shape_inference.infer_shapes(onnx.load(str(onnx_file)))
    assert noted.graph.value_info
    onnx.save(noted, str(onnx_file))
    without_shapes(onnx_file)
    bare = onnx.load(str(onnx_file))
    assert not bare.graph.value_info
    assert [item.name for item in bare.graph.initializer] == [item.name for item in noted.graph.initializer]
    blob = np.random.default_rng(3).random((1, 3, 96, 128), dtype=np.float32)
    assert np.array_equal(outputs(bare, blob)[0], outputs(noted, blob)[0])
