# SPDX-License-Identifier: AGPL-3.0-or-later
"""The detector on real ONNX files of both heads, fixed and open, against boxes known by hand."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.model_card import DEFECT_LABELS, DetectorHead, DetectorLabel
from edge.decode import decode, doubt_nested, suppress
from edge.detector import Detector
from edge.errors import CardMismatch, ModelError
from edge.input_shape import choose_input_wh_px
from edge.letterbox import BlobWriter, Letterbox
from edge.model_file import read_card, shipped_model
from tests.toy_network import shelf_picture, write_toy_model

PRODUCT, GAP, TAG = DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG
SHOWN = {(2, 3): PRODUCT, (10, 3): GAP, (30, 20): TAG}


@pytest.mark.parametrize(
    ("head", "input_wh_px"),
    [(DetectorHead.RAW, (640, 640)), (DetectorHead.RAW, None), (DetectorHead.NMS_FREE, (640, 640))],
)
def test_boxes_land_where_the_things_are(
    tmp_path: Path, head: DetectorHead, input_wh_px: tuple[int, int] | None
) -> None:
    detector = Detector(write_toy_model(tmp_path, head=head, input_wh_px=input_wh_px))
    found = detector.detect(shelf_picture(SHOWN))
    boxes = {str(found.label_of(i)): found.xyxy_px[i].tolist() for i in range(len(found))}
    assert boxes == {
        "product": [32, 48, 48, 64],
        "gap": [160, 48, 176, 64],
        "price_tag": [480, 320, 496, 336],
    }
    assert (found.confidence > 0.9).all()


def test_a_picture_twice_as_large_gives_boxes_in_its_own_pixels(tmp_path: Path) -> None:
    detector = Detector(write_toy_model(tmp_path))
    large = np.repeat(np.repeat(shelf_picture({(2, 3): PRODUCT}, seed=None), 2, axis=0), 2, axis=1)
    assert detector.detect(large).xyxy_px.tolist() == [[64, 96, 96, 128]]


def test_pictures_of_other_shapes_one_after_the_other_leave_nothing_behind(tmp_path: Path) -> None:
    detector = Detector(write_toy_model(tmp_path))
    everywhere = {(column, row): PRODUCT for column in range(40) for row in range(40)}
    assert len(detector.detect(shelf_picture(everywhere, wh_px=(640, 640)))) == 1500
    assert len(detector.detect(shelf_picture({}, wh_px=(640, 320)))) == 0


def test_more_than_a_thousand_boxes_are_kept(tmp_path: Path) -> None:
    detector = Detector(write_toy_model(tmp_path))
    everywhere = {(column, row): PRODUCT for column in range(40) for row in range(35)}
    assert len(detector.detect(shelf_picture(everywhere, wh_px=(640, 640), seed=None))) == 1400


def test_the_confidence_can_be_chosen(tmp_path: Path) -> None:
    detector = Detector(write_toy_model(tmp_path))
    faint = shelf_picture({}, seed=None)
    faint[48:64, 32:48] = (80, 131, 80)  # scores (131 - 80) / 255 = 0.2 as a product
    assert len(detector.detect(faint)) == 0
    found = detector.detect(faint, thresholds=dict.fromkeys(detector.card.labels, 0.1))
    assert found.confidence.tolist() == pytest.approx([0.2], abs=0.001)


def test_raw_output_is_decoded_and_suppressed_by_class() -> None:
    output = np.zeros((1, 6, 4), np.float32)  # two classes, four candidates
    output[0, :, 0] = (50, 50, 20, 40, 0.9, 0.1)
    output[0, :, 1] = (52, 50, 20, 40, 0.8, 0.1)  # the same thing again
    output[0, :, 2] = (51, 50, 20, 40, 0.1, 0.7)  # another class in the same place
    output[0, :, 3] = (90, 50, 20, 40, 0.2, 0.1)  # below the threshold
    boxes = decode(output, (PRODUCT, GAP), DetectorHead.RAW, np.array([0.3, 0.3], np.float32))
    xyxy, confidence, class_id = suppress(boxes, iou=0.5, max_boxes_count=1500)
    assert xyxy.tolist() == [[40, 30, 60, 70], [41, 30, 61, 70]]
    assert confidence.tolist() == pytest.approx([0.9, 0.7])
    assert class_id.tolist() == [0, 1]


DAMAGED = DetectorLabel.DAMAGED
LABELS_WITH_A_DEFECT = (PRODUCT, GAP, DAMAGED)


def test_a_damaged_product_is_counted_and_shown_damaged() -> None:
    output = np.zeros((1, 7, 4), np.float32)
    output[0, :, 0] = (50, 50, 20, 40, 0.8, 0.1, 0.6)  # a damaged product
    output[0, :, 1] = (90, 50, 20, 40, 0.8, 0.1, 0.2)  # a sound one
    output[0, :, 2] = (130, 50, 20, 40, 0.1, 0.9, 0.7)  # a gap, though something there looks torn
    output[0, :, 3] = (170, 50, 20, 40, 0.2, 0.1, 0.9)  # too faint to be a product, so nothing is damaged
    boxes = decode(output, LABELS_WITH_A_DEFECT, DetectorHead.RAW, np.array([0.3, 0.3, 0.5], np.float32))
    xyxy, confidence, class_id = suppress(boxes, iou=0.5, max_boxes_count=1500)
    found = {(LABELS_WITH_A_DEFECT[k], *box): c for k, box, c in zip(class_id, xyxy.tolist(), confidence, strict=True)}
    assert found == pytest.approx(
        {
            (PRODUCT, 40, 30, 60, 70): 0.8,
            (DAMAGED, 40, 30, 60, 70): 0.6,
            (PRODUCT, 80, 30, 100, 70): 0.8,
            (GAP, 120, 30, 140, 70): 0.9,
        }
    )


def test_a_defect_that_outscores_its_product_takes_no_facing_away() -> None:
    output = np.zeros((1, 7, 1), np.float32)
    output[0, :, 0] = (50, 50, 20, 40, 0.4, 0.0, 0.95)
    _, confidence, class_id = decode(output, LABELS_WITH_A_DEFECT, DetectorHead.RAW, np.full(3, 0.3, np.float32))
    assert class_id.tolist() == [2, 0]
    assert confidence.tolist() == pytest.approx([0.95, 0.4])


@given(
    st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 5), min_size=1, max_size=20), st.floats(0.0625, 0.9375, width=32)
)
def test_every_defect_lies_over_a_product_that_is_found(scores: list[tuple[float, ...]], threshold: float) -> None:
    labels = (DAMAGED, PRODUCT, GAP, DetectorLabel.TOPPLED, TAG)  # in whatever order the card has them
    output = np.zeros((1, 9, len(scores)), np.float32)
    output[0, 0] = 100 * np.arange(len(scores))
    output[0, 1:4] = [[50], [20], [40]]
    output[0, 4:] = np.array(scores, np.float32).T
    xyxy, _, class_id = decode(output, labels, DetectorHead.RAW, np.full(5, threshold, np.float32))
    found = [(labels[k], tuple(box)) for k, box in zip(class_id, xyxy.tolist(), strict=True)]
    assert len(set(found)) == len(found)
    objects = [box for label, box in found if label not in DEFECT_LABELS]
    assert len(set(objects)) == len(objects)  # a candidate is one object
    products = {box for label, box in found if label is PRODUCT}
    assert {box for label, box in found if label in DEFECT_LABELS} <= products


def test_a_card_of_defects_alone_wears_them_on_nothing() -> None:
    output = np.zeros((1, 6, 1), np.float32)
    output[0, :, 0] = (50, 50, 20, 40, 0.9, 0.9)
    _, _, class_id = decode(output, (GAP, DAMAGED), DetectorHead.RAW, np.full(2, 0.3, np.float32))
    assert class_id.tolist() == [0]


def test_of_nested_boxes_of_a_class_the_surest_is_believed() -> None:
    xyxy = np.array(
        [
            [100, 100, 140, 180],  # a pack
            [105, 110, 135, 140],  # the picture printed on it
            [100, 100, 220, 180],  # three packs taken for one
            [140, 100, 180, 180],  # its neighbour
            [110, 120, 130, 130],  # a price tag before it
        ],
        np.float32,
    )
    confidence = np.array([0.9, 0.5, 0.4, 0.6, 0.8], np.float32)
    boxes = (xyxy, confidence, np.array([0, 0, 0, 0, 2]))
    kept, kept_confidence, class_id = doubt_nested(boxes, np.full(3, 0.3, np.float32))
    assert kept.tolist() == [[100, 100, 140, 180], [110, 120, 130, 130], [140, 100, 180, 180]]
    assert kept_confidence.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert class_id.tolist() == [0, 2, 0]
    everything, doubted, _ = doubt_nested(boxes, np.full(3, 0.01, np.float32))
    assert everything[:3].tolist() == kept.tolist()
    assert everything[3:].tolist() == [[105, 110, 135, 140], [100, 100, 220, 180]]
    assert (doubted[3:] < 0.1).all()


def test_nothing_is_nested_in_nothing() -> None:
    nothing = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    assert len(doubt_nested(nothing, np.full(3, 0.3, np.float32))[1]) == 0


def test_nms_free_output_is_taken_as_it_is() -> None:
    output = np.array([[[40, 30, 60, 70, 0.9, 1], [42, 30, 62, 70, 0.8, 1], [0, 0, 9, 9, 0.1, 0]]], np.float32)
    xyxy, confidence, class_id = decode(output, (PRODUCT, GAP), DetectorHead.NMS_FREE, np.array([0.3, 0.3], np.float32))
    assert xyxy.tolist() == [[40, 30, 60, 70], [42, 30, 62, 70]]
    assert class_id.tolist() == [1, 1]
    assert confidence.tolist() == pytest.approx([0.9, 0.8])


@given(
    st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.01, 0.1)),
)
def test_a_box_goes_into_the_input_and_comes_back(
    frame_wh_px: tuple[int, int], strides: tuple[int, int], box: tuple[float, float, float]
) -> None:
    letterbox = Letterbox.fit(frame_wh_px, (strides[0] * 32, strides[1] * 32))
    left, top = box[0] * frame_wh_px[0], box[1] * frame_wh_px[1]
    right, bottom = left + box[2] * frame_wh_px[0], top + box[2] * frame_wh_px[1]
    xyxy_px = np.array([[left, top, right, bottom]], np.float32)
    in_input = letterbox.to_input(xyxy_px)
    assert (in_input >= -0.01).all()
    assert (in_input <= np.array(letterbox.input_wh_px * 2) + 0.01).all()
    assert np.allclose(letterbox.to_frame(in_input), xyxy_px, atol=0.02)


def test_the_blob_is_rgb_between_zero_and_one_with_grey_borders() -> None:
    letterbox = Letterbox.fit((64, 32), (64, 64))
    image_bgr = np.zeros((32, 64, 3), np.uint8)
    image_bgr[:, :, 0] = 255  # blue
    blob = BlobWriter((64, 64)).write(image_bgr, letterbox)
    assert blob.shape == (1, 3, 64, 64)
    assert blob[0, :, 32, 32].tolist() == [0, 0, 1]
    assert blob[0, :, 0, 0].tolist() == pytest.approx([114 / 255] * 3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"onnx_sha256": "0" * 64}, "sha256"),
        ({"onnx_file": "other.onnx"}, "describes other.onnx"),
        ({"labels": (PRODUCT, GAP)}, "output shape"),
        ({"labels": (GAP, PRODUCT, TAG)}, "classes inside it"),
        ({"head": DetectorHead.NMS_FREE}, "output shape"),
        ({"input_wh_px": (320, 320), "default_input_wh_px": (320, 320)}, r"input is \(640, 640\)"),
        ({"input_wh_px": None}, "its card says None"),
    ],
)
def test_a_card_that_describes_another_file_is_refused(tmp_path: Path, wrong: dict[str, object], told: str) -> None:
    onnx_file = write_toy_model(tmp_path)
    card_file = tmp_path / "toy.card.json"
    card_file.write_bytes(read_card(card_file).model_copy(update=wrong).to_json())
    with pytest.raises(CardMismatch, match=told):
        Detector(onnx_file)


def test_an_open_network_with_a_card_of_a_fixed_one_is_refused(tmp_path: Path) -> None:
    onnx_file = write_toy_model(tmp_path, input_wh_px=None)
    card_file = tmp_path / "toy.card.json"
    card = read_card(card_file).model_copy(update={"input_wh_px": (640, 640)})
    card_file.write_bytes(card.to_json())
    with pytest.raises(CardMismatch, match="of any size"):
        Detector(onnx_file)


def test_a_model_without_a_card_and_a_file_that_is_no_network_are_refused(tmp_path: Path) -> None:
    onnx_file = write_toy_model(tmp_path)
    (tmp_path / "toy.card.json").unlink()
    with pytest.raises(ModelError, match="every model needs its card"):
        Detector(onnx_file)
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(tmp_path / "absent.card.json")


def test_garbage_with_a_right_card_is_refused(tmp_path: Path) -> None:
    write_toy_model(tmp_path)
    (tmp_path / "toy.onnx").write_bytes(b"no network")
    card_file = tmp_path / "toy.card.json"
    sha256 = hashlib.sha256(b"no network").hexdigest()
    card_file.write_bytes(read_card(card_file).model_copy(update={"onnx_sha256": sha256}).to_json())
    with pytest.raises(ModelError, match="onnxruntime cannot load it"):
        Detector(tmp_path / "toy.onnx")


def test_the_newest_shipped_model_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.model_file.SHIPPED_FOLDER", tmp_path)
    with pytest.raises(ModelError, match="no model came with the program"):
        shipped_model()
    write_toy_model(tmp_path, name="old", trained_at="2026-01-01T00:00:00Z")
    write_toy_model(tmp_path, name="new", trained_at="2026-02-01T00:00:00Z")
    assert shipped_model() == tmp_path / "new.onnx"


class TestInputShape:
    """The card of the toy holds for facings 8 to 64 px tall at the input, its default is 640 x 640."""

    @pytest.fixture
    def open_card(self, tmp_path: Path) -> Path:
        write_toy_model(tmp_path, input_wh_px=None)
        return tmp_path / "toy.card.json"

    def test_a_fixed_network_leaves_no_choice(self, tmp_path: Path) -> None:
        write_toy_model(tmp_path)
        assert choose_input_wh_px(read_card(tmp_path / "toy.card.json"), (4000, 3000), 900) == (640, 640)

    def test_without_a_facing_height_the_longer_side_is_the_default(self, open_card: Path) -> None:
        assert choose_input_wh_px(read_card(open_card), (1920, 1080), None) == (640, 384)
        assert choose_input_wh_px(read_card(open_card), (1080, 1920), None) == (384, 640)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        frame_wh_px=st.tuples(st.integers(320, 4000), st.integers(320, 4000)),
        facing_height_px=st.floats(4, 1500),
    )
    def test_a_facing_lands_in_the_trained_range_in_whole_strides(
        self, open_card: Path, frame_wh_px: tuple[int, int], facing_height_px: float
    ) -> None:
        card = read_card(open_card)
        input_wh_px = choose_input_wh_px(card, frame_wh_px, facing_height_px)
        assert all(side % 32 == 0 for side in input_wh_px)
        assert max(input_wh_px) <= 2560
        letterbox = Letterbox.fit(frame_wh_px, input_wh_px)
        height_px = facing_height_px * letterbox.inner_wh_px[1] / frame_wh_px[1]
        lowest_px, highest_px = card.facing_height_range_px
        at_the_cap = max(input_wh_px) > 2560 - 64
        at_the_floor = min(input_wh_px) <= 96  # whole strides leave little choice for tiny inputs
        assert at_the_cap or at_the_floor or lowest_px * 0.95 <= height_px <= highest_px * 1.25

    def test_tiny_facings_are_enlarged_and_huge_ones_reduced(self, open_card: Path) -> None:
        card = read_card(open_card)
        assert max(choose_input_wh_px(card, (1920, 1080), 12)) > 640
        assert max(choose_input_wh_px(card, (1920, 1080), 800)) < 640
