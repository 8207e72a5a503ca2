# SPDX-License-Identifier: AGPL-3.0-or-later
"""Quantised detectors: what stays in float, what the count gate lets through, and which one a node takes."""

import itertools
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from contract.model_card import CountGate, DetectorLabel, ModelCard, Precision
from edge.detector import Detector
from edge.model_file import preferred_card, read_card, shipped_model
from models.activation_ranges import with_ties
from models.annotations import FoundBoxes, Photograph, as_boxes
from models.calibration_pictures import choose_pictures
from models.cli import app
from models.count_gate import Compared, count_gate, thresholds_that_keep_counts
from models.errors import ExportError, LicenceError, WorkshopError
from models.network_graph import NetworkGraph
from models.quantise import quantise
from models.samples import keep_labels, sample_at
from models.upsampled_conv import convolve_before_enlarging
from tests.quantisable_network import BODY_CONVOLUTIONS, write_quantisable_model
from tests.toy_network import CELL_PX, LABELS, products, shelf_picture, write_toy_model

PRODUCT, GAP = DetectorLabel.PRODUCT, DetectorLabel.GAP
SHELF_WH_PX = (320, 192)


def _blobs() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    return [rng.random((1, 3, 96, 128), dtype=np.float32), rng.random((1, 3, 192, 320), dtype=np.float32)]


def _run(network: onnx.ModelProto, blob: NDArray[np.float32]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
    output: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: blob})[0]
    return output


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The toy in float and in 8 bits."""
    network = onnx.load(str(write_quantisable_model(tmp_path_factory.mktemp("pair"))))
    return network, quantise(network, _blobs())


class TestTheNetwork:
    def test_it_finds_the_same_at_every_input_size(self, pair: tuple[onnx.ModelProto, onnx.ModelProto]) -> None:
        for blob in _blobs():
            in_float, in_8_bits = (_run(network, blob) for network in pair)
            assert np.array_equal(in_8_bits[:, :4], in_float[:, :4])  # boxes come from the tail
            assert np.abs(in_8_bits[:, 4:] - in_float[:, 4:]).max() < 0.05

    def test_the_input_stays_open_and_the_class_names_stay_inside(
        self, pair: tuple[onnx.ModelProto, onnx.ModelProto]
    ) -> None:
        for network in pair:
            sides = [side.dim_param or side.dim_value for side in network.graph.input[0].type.tensor_type.shape.dim]
            assert sides == [1, 3, "height", "width"]
        assert pair[0].metadata_props == pair[1].metadata_props

    def test_the_body_is_in_8_bits_and_the_tail_the_last_and_the_first_convolution_are_not(
        self, pair: tuple[onnx.ModelProto, onnx.ModelProto]
    ) -> None:
        network = pair[1]
        constants = {item.name: item.data_type for item in network.graph.initializer}
        made_by = {output: node for node in network.graph.node for output in node.output}
        kernels = {node.output[0]: node.input[1] for node in network.graph.node if node.op_type == "Conv"}
        in_8_bits = {
            output
            for output, kernel in kernels.items()
            if kernel in made_by and constants[made_by[kernel].input[0]] == TensorProto.INT8
        }
        assert {output.split(".")[0] for output in in_8_bits} == set(BODY_CONVOLUTIONS)
        assert {output for output in kernels if output not in in_8_bits} == {"first.x", "linear"}
        tail = NetworkGraph(network).decode_tail()
        assert not [node.op_type for node in network.graph.node if node.name in tail and "Linear" in node.op_type]

    def test_the_same_pictures_give_the_same_bytes(self, pair: tuple[onnx.ModelProto, onnx.ModelProto]) -> None:
        assert quantise(pair[0], _blobs()).SerializeToString() == pair[1].SerializeToString()

    def test_it_is_not_quantised_twice(self, pair: tuple[onnx.ModelProto, onnx.ModelProto]) -> None:
        with pytest.raises(ExportError, match="already"):
            quantise(pair[1], _blobs())

    def test_a_network_without_a_convolution_is_refused(self) -> None:
        image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])
        graph = helper.make_graph([helper.make_node("Relu", ["images"], ["y"])], "g", [image], [image])
        graph.output[0].name = "y"
        network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        with pytest.raises(ExportError, match="no convolution"):
            quantise(network, [])


@given(
    coarse_count=st.integers(1, 5),
    fine_count=st.integers(1, 5),
    coarse_first=st.booleans(),
    biased=st.booleans(),
    seed=st.integers(0, 99),
)
def test_convolving_before_enlarging_changes_nothing_but_the_work(
    *, coarse_count: int, fine_count: int, coarse_first: bool, biased: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kernels = {
        "coarse.w": rng.normal(size=(coarse_count, 2, 2, 2)),
        "fine.w": rng.normal(size=(fine_count, 2, 1, 1)),
        "join.w": rng.normal(size=(3, coarse_count + fine_count, 1, 1)),
        "join.b": rng.normal(size=3),
        "scales": np.array([1, 1, 2, 2]),
    }
    joined = ["up", "fine"] if coarse_first else ["fine", "up"]
    nodes = [
        helper.make_node("Conv", ["x", "coarse.w"], ["coarse"], strides=[2, 2]),
        helper.make_node("Conv", ["x", "fine.w"], ["fine"]),
        helper.make_node("Resize", ["coarse", "", "scales"], ["up"], mode="nearest", nearest_mode="floor"),
        helper.make_node("Concat", joined, ["joined"], axis=1),
        helper.make_node("Conv", ["joined", "join.w", *(["join.b"] if biased else [])], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, "h", "w"]) for name in "xy"]
    ends[0].type.tensor_type.shape.dim[1].dim_value = 2
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in kernels.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    network.ir_version = 9
    lighter = convolve_before_enlarging(network)
    onnx.checker.check_model(lighter)
    assert not [node for node in lighter.graph.node if node.op_type == "Concat"]
    blob = rng.normal(size=(1, 2, 6, 8)).astype(np.float32)
    assert np.allclose(_run(lighter, blob), _run(network, blob), atol=1e-4)


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(st.floats(-9, 0), st.floats(0, 9)), min_size=1))
def test_tied_tensors_get_one_range_that_holds_them_all(ranges: dict[str, tuple[float, float]]) -> None:
    tied = with_ties(ranges, [{"a", "b", "z"}])
    assert tied.keys() == ranges.keys()
    assert all(tied[name][0] <= low and high <= tied[name][1] for name, (low, high) in ranges.items())
    assert len({tied[name] for name in "ab" if name in tied}) <= 1
    assert all(tied[name] == ranges[name] for name in "cd" if name in ranges)


def _photograph(name: str, boxes_count: int, *, may_train: bool = True, folder: Path = Path()) -> Photograph:
    nothing = {label: as_boxes([]) for label in DetectorLabel}
    return Photograph(
        path=folder / name,
        wh_px=SHELF_WH_PX,
        source="shop",
        group=name,
        licence="research only",
        may_train=may_train,
        complete_for=frozenset({PRODUCT}),
        boxes_px=nothing | {PRODUCT: as_boxes([[10 * k, 0, 10 * k + 8, 8] for k in range(boxes_count)])},
        ignored_px=nothing,
    )


def _found(confidences: list[float]) -> FoundBoxes:
    boxes = as_boxes([[10 * k, 0, 10 * k + 8, 8] for k in range(len(confidences))])
    return FoundBoxes(boxes, np.array(confidences), (PRODUCT,) * len(confidences))


class TestTheCountGate:
    def test_it_compares_counts_picture_by_picture(self) -> None:
        pictures = [_photograph("a", 10), _photograph("b", 10)]
        by_float = {"a": _found([0.9] * 9), "b": _found([0.9] * 11)}  # errs by 1 and 1
        by_quantised = {"a": _found([0.7] * 10), "b": _found([0.7] * 10)}  # errs by nothing, differs by 1 and 1
        gate = count_gate([Compared(pictures, by_float, by_quantised)], {PRODUCT: 0.8}, {PRODUCT: 0.6})
        assert (gate.images_count, gate.boxes_count) == (2, 20)
        assert gate.float_count_error_fraction == pytest.approx(2 / 20)
        assert gate.count_error_fraction == 0
        assert gate.count_difference_fraction == pytest.approx(2 / 20)
        assert not gate.passed

    def test_errors_that_cancel_out_between_pictures_are_still_errors(self) -> None:
        pictures = [_photograph("a", 10), _photograph("b", 10)]
        by_float = {"a": _found([0.9] * 9), "b": _found([0.9] * 10)}
        by_quantised = {"a": _found([0.9] * 10), "b": _found([0.9] * 9)}
        thresholds = {PRODUCT: 0.5}
        gate = count_gate([Compared(pictures, by_float, by_quantised)], thresholds, thresholds)
        assert gate.count_error_fraction == gate.float_count_error_fraction
        assert not gate.passed

    def test_a_network_that_finds_nothing_does_not_pass_and_no_boxes_show_nothing(self) -> None:
        thresholds = {PRODUCT: 0.5}
        seen = Compared([_photograph("a", 3)], {"a": _found([0.9] * 3)}, {})
        assert not count_gate([seen], thresholds, thresholds).passed
        with pytest.raises(WorkshopError, match="no picture of the count gate"):
            count_gate([Compared([_photograph("a", 0)], {}, {})], thresholds, thresholds)

    @given(
        confidences=st.lists(st.floats(0.06, 0.88), min_size=1, max_size=30),
        float_threshold=st.floats(0.1, 0.8),
        lowered=st.sampled_from([0.0, 0.02, 0.05]),
    )
    def test_thresholds_undo_an_even_loss_of_confidence(
        self, *, confidences: list[float], float_threshold: float, lowered: float
    ) -> None:
        """Confidences at least 0.02 away from the threshold, so that a threshold of two digits can part them."""
        apart = [value for value in confidences if abs(value - float_threshold) > 0.02]
        pictures = [_photograph("a", 5)]
        by_float = {"a": _found(apart)}
        by_quantised = {"a": _found([max(0.0, value - lowered) for value in apart])}
        part = Compared(pictures, by_float, by_quantised)
        chosen = thresholds_that_keep_counts([part], [PRODUCT], {PRODUCT: float_threshold})
        gate = count_gate([part], {PRODUCT: float_threshold}, chosen)
        assert gate.count_difference_fraction == 0


class TestWhichModelANodeTakes:
    GATE = CountGate(
        images_count=9,
        boxes_count=99,
        float_count_error_fraction=0.05,
        count_error_fraction=0.05,
        count_difference_fraction=0.01,
        limit_fraction=0.02,
    )

    def _cards(self, folder: Path) -> dict[str, ModelCard]:
        for month, name in enumerate(("old", "new"), start=1):
            write_toy_model(folder, name=name, trained_at=f"2026-0{month}-01T00:00:00Z")
        cards = {name: read_card(folder / f"{name}.card.json") for name in ("old", "new")}
        for name, card in list(cards.items()):
            fields = {
                "model_id": f"{name}-int8",
                "onnx_file": f"{name}-int8.onnx",
                "precision": Precision.INT8,
                "quantised_from_sha256": {"old": "a", "new": "b"}[name] * 64,
                "count_gate": self.GATE,
            }
            cards[f"{name}-int8"] = card.model_copy(update=fields)
            cards[name] = card.model_copy(update={"onnx_sha256": str(fields["quantised_from_sha256"])})
        return cards

    def test_the_8_bit_twin_of_the_newest_float_model(self, tmp_path: Path) -> None:
        cards = self._cards(tmp_path)
        for order in itertools.permutations(cards.values()):
            chosen = preferred_card(order)
            assert chosen is not None
            assert chosen.model_id == "new-int8"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"quantised_from_sha256": "c" * 64},
            {"count_gate": None},
            {"count_gate": GATE.model_copy(update={"count_difference_fraction": 0.3})},
        ],
    )
    def test_the_float_model_where_the_twin_is_none_or_did_not_pass(
        self, tmp_path: Path, wrong: dict[str, object]
    ) -> None:
        cards = self._cards(tmp_path)
        cards["new-int8"] = cards["new-int8"].model_copy(update=wrong)
        chosen = preferred_card(cards.values())
        assert chosen is not None
        assert chosen.model_id == "new"

    def test_an_8_bit_model_that_came_alone(self, tmp_path: Path) -> None:
        cards = self._cards(tmp_path)
        chosen = preferred_card([cards["old-int8"], cards["new-int8"]])
        assert chosen is not None
        assert chosen.model_id == "new-int8"
        assert preferred_card([cards["new-int8"].model_copy(update={"count_gate": None})]) is None


def test_calibration_refuses_a_photograph_that_may_not_train_even_among_the_renders(tmp_path: Path) -> None:
    closed = _photograph("theirs.jpg", 1, may_train=False, folder=tmp_path)
    closed.path.write_bytes(b"the same bytes")
    disguised = tmp_path / "render-000001.jpg"
    disguised.write_bytes(b"the same bytes")
    with pytest.raises(LicenceError, match=r"theirs\.jpg: may_train is false"):
        choose_pictures([], [closed], count=4)
    with pytest.raises(LicenceError, match=r"render-000001\.jpg: is theirs\.jpg"):
        choose_pictures([disguised], [], [closed], count=4)
    with pytest.raises(WorkshopError, match="no pictures"):
        choose_pictures([], [], count=4)


@given(
    renders_count=st.integers(1, 60),
    photographs_count=st.integers(0, 60),
    count=st.integers(1, 64),
    turned=st.booleans(),
)
def test_calibration_takes_as_many_as_asked_each_once_in_whatever_order_they_come(
    *, renders_count: int, photographs_count: int, count: int, turned: bool
) -> None:
    renders = [Path(f"absent/render-{number:06d}.jpg") for number in range(renders_count)]
    photographs = [_photograph(f"{number:03d}.jpg", 0) for number in range(photographs_count)]
    chosen = choose_pictures(renders, photographs, count=count)
    assert len(set(chosen)) == len(chosen) <= count
    if turned:
        assert choose_pictures(renders[::-1], photographs[::-1], count=count) == chosen


class TestTheCommand:
    @pytest.fixture
    def pictures(self, tmp_path: Path) -> Path:
        """A training's pictures: shelves of cells, eight to calibrate on and four to count."""
        folder = tmp_path / "pictures"
        for split, count in (("train", 8), ("val", 4)):
            for number in range(count):
                sample = sample_at(folder, split, f"render-{number:06d}")
                cells = products(range(4 + 2 * number), row=3) | products(range(8), row=9)
                for path in sample:
                    path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(sample.image_path), shelf_picture(cells, wh_px=SHELF_WH_PX, seed=number))
                width_px, height_px = SHELF_WH_PX
                sample.label_path.write_text(
                    "".join(
                        f"0 {(column + 0.5) * CELL_PX / width_px} {(row + 0.5) * CELL_PX / height_px} "
                        f"{CELL_PX / width_px} {CELL_PX / height_px}\n"
                        for column, row in cells
                    )
                )
        keep_labels(folder, tuple(LABELS))
        return folder

    def _call(self, model: Path, pictures: Path, target: Path, *more: str) -> Any:
        arguments = ["quantise", str(model), "--calibration-pictures", str(pictures), "--onnx", str(target), *more]
        return CliRunner().invoke(app, arguments)

    def test_a_model_that_keeps_its_counts_is_written_with_a_card_and_taken_by_a_node(
        self, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shipped = tmp_path / "shipped"
        model = write_quantisable_model(shipped)
        outcome = self._call(model, pictures, shipped / "toy-int8.onnx")
        assert outcome.exit_code == 0, outcome.output
        assert "passed the count gate" in outcome.output
        monkeypatch.setattr("edge.model_file.SHIPPED_FOLDER", shipped)
        assert shipped_model() == shipped / "toy-int8.onnx"
        detector = Detector(shipped_model())
        assert detector.card.precision is Precision.INT8
        assert detector.card.model_id == "toy-int8"
        assert detector.card.quantised_from_sha256 == read_card(shipped / "toy.card.json").onnx_sha256
        assert {score.source for score in detector.card.scores} == {"renders"}
        shown = products(range(12), row=3)
        found = detector.detect(shelf_picture(shown, wh_px=SHELF_WH_PX))
        assert len(found) == len(shown)

    def test_a_model_that_loses_its_counts_leaves_everything_as_it_was(self, tmp_path: Path, pictures: Path) -> None:
        model = write_quantisable_model(tmp_path / "shipped", spoiled=True)
        target = tmp_path / "shipped" / "toy-int8.onnx"
        target.write_bytes(b"an earlier one")
        before = {path.name: path.read_bytes() for path in target.parent.iterdir()}
        outcome = self._call(model, pictures, target)
        assert outcome.exit_code == 1, outcome.output
        assert "count gate refused it: at most 2% may differ" in outcome.output
        assert {path.name: path.read_bytes() for path in target.parent.iterdir()} == before

    def test_a_render_that_is_a_photograph_which_may_not_train_is_refused(self, tmp_path: Path, pictures: Path) -> None:
        model = write_quantisable_model(tmp_path / "shipped")
        render = pictures / "images" / "train" / "render-000000.jpg"
        (tmp_path / "theirs.jpg").write_bytes(render.read_bytes())
        image = {"id": 1, "file_name": "theirs.jpg", "width": 320, "height": 192, "licence": "research only"}
        coco = {"categories": [{"id": 1, "name": "product"}], "images": [image], "annotations": []}
        (tmp_path / "gate.json").write_text(json.dumps(coco))
        target = tmp_path / "out" / "toy-int8.onnx"
        outcome = self._call(model, pictures, target, "--gate-annotations", str(tmp_path / "gate.json"))
        assert outcome.exit_code == 2
        assert "whose may_train is false (research only)" in outcome.output
        assert not target.parent.exists()

    def test_the_float_file_is_never_overwritten_and_an_8_bit_one_never_quantised(
        self, tmp_path: Path, pictures: Path
    ) -> None:
        model = write_quantisable_model(tmp_path / "shipped")
        assert self._call(model, pictures, model).exit_code == 2
        card_file = model.with_suffix(".card.json")
        card_file.write_bytes(read_card(card_file).model_copy(update={"precision": Precision.INT8}).to_json())
        outcome = self._call(model, pictures, tmp_path / "toy-int8.onnx")
        assert outcome.exit_code == 2
        assert "start from the float one" in outcome.output
