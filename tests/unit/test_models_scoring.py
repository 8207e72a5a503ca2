# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scores worked out by hand: federated labels, ignored regions, matching, counting."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from contract.model_card import DetectorLabel
from models.annotations import read_annotations, read_detections
from models.cards import choose_thresholds
from models.detecting import shipped_card_path
from models.errors import AnnotationsError
from models.evaluate import draw_worst, score_sources
from models.evaluation import evaluate_dataset
from models.scoring import iou, score_label

SQUARE = [10.0, 10.0, 20.0, 20.0]
"""COCO boxes are x, y, width, height."""


def _coco(folder: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    for number, image in enumerate(images, start=1):
        image.update({"id": number, "width": 100, "height": 80})
        cv2.imwrite(str(folder / "images" / image["file_name"]), np.full((80, 100, 3), 90, np.uint8))
    names = ("product", "empty_slot", "price_tag")
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    path = folder / "annotations.json"
    path.write_text(json.dumps({"categories": categories, "images": images, "annotations": annotations}))
    return path


def _box(image_id: int, bbox: list[float], category_id: int = 1, iscrowd: int = 0) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": category_id, "bbox": bbox, "iscrowd": iscrowd}


def _found(folder: Path, boxes: dict[str, list[tuple[list[float], float, str]]]) -> Path:
    lines = [
        {
            "image": f"somewhere/else/{name}",
            "detections": [{"xyxy_px": xyxy, "confidence": sure, "label": label} for xyxy, sure, label in found],
        }
        for name, found in boxes.items()
    ]
    path = folder / "detections.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def _image(name: str, complete_for: list[str], source: str = "here") -> dict[str, Any]:
    return {"file_name": name, "complete_for": complete_for, "source": source}


def test_overlap_of_boxes_shifted_by_half_is_one_third() -> None:
    overlap = iou(np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 15, 10], [20, 20, 30, 30]]))
    assert overlap == pytest.approx(np.array([[1 / 3, 0.0]]))


def test_everything_found_exactly_scores_one(tmp_path: Path) -> None:
    annotations = _coco(tmp_path, [_image("a.png", ["product"])], [_box(1, SQUARE), _box(1, [50, 10, 20, 20])])
    detections = _found(tmp_path, {"a.png": [([10, 10, 30, 30], 0.9, "product"), ([50, 10, 70, 30], 0.8, "product")]})
    (line,) = score_sources(read_annotations(annotations), read_detections(detections))
    score = line.score
    assert (score.ap50, score.ap75, score.precision, score.recall, score.f1) == (1, 1, 1, 1, 1)
    assert (score.count_error_mean, score.count_error_fraction, score.exact_images_fraction) == (0, 0, 1)
    assert (line.source, score.images_count, score.boxes_count) == ("here", 1, 2)


def test_average_precision_of_right_wrong_right_is_worked_out_by_hand(tmp_path: Path) -> None:
    annotations = _coco(tmp_path, [_image("a.png", ["product"])], [_box(1, SQUARE), _box(1, [50, 10, 20, 20])])
    detections = _found(
        tmp_path,
        {
            "a.png": [
                ([10, 10, 30, 30], 0.9, "product"),
                ([10, 50, 30, 70], 0.8, "product"),
                ([50, 10, 70, 30], 0.7, "product"),
            ]
        },
    )
    (line,) = score_sources(read_annotations(annotations), read_detections(detections))
    # Precision is 1 up to recall 0.5 (51 of 101 recalls) and 2/3 from there on (50 of 101).
    assert line.score.ap50 == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert line.score.f1 == pytest.approx(0.8)
    assert line.score.count_error_fraction == pytest.approx(0.5)


def test_a_second_box_on_the_same_product_is_wrong(tmp_path: Path) -> None:
    annotations = _coco(tmp_path, [_image("a.png", ["product"])], [_box(1, SQUARE)])
    detections = _found(tmp_path, {"a.png": [([10, 10, 30, 30], 0.9, "product"), ([11, 10, 31, 30], 0.9, "product")]})
    (line,) = score_sources(read_annotations(annotations), read_detections(detections))
    assert line.score.precision == pytest.approx(0.5)
    assert line.score.recall == 1


def test_loose_boxes_count_at_one_half_and_not_at_three_quarters(tmp_path: Path) -> None:
    annotations = _coco(tmp_path, [_image("a.png", ["product"])], [_box(1, [0, 0, 20, 20])])
    detections = _found(tmp_path, {"a.png": [([0, 0, 20, 12], 0.9, "product")]})
    (line,) = score_sources(read_annotations(annotations), read_detections(detections))
    assert (line.score.ap50, line.score.ap75) == (1, 0)


def test_a_label_that_nobody_drew_costs_nothing(tmp_path: Path) -> None:
    annotations = _coco(
        tmp_path, [_image("a.png", ["product"]), _image("b.png", ["price_tag"])], [_box(1, SQUARE), _box(2, SQUARE, 3)]
    )
    detections = _found(
        tmp_path,
        {
            "a.png": [([10, 10, 30, 30], 0.9, "product"), ([60, 60, 70, 70], 0.9, "price_tag")],
            "b.png": [([10, 10, 30, 30], 0.9, "price_tag"), ([60, 60, 70, 70], 0.9, "product")],
        },
    )
    lines = score_sources(read_annotations(annotations), read_detections(detections))
    assert {line.score.label: (line.score.images_count, line.score.precision) for line in lines} == {
        DetectorLabel.PRODUCT: (1, 1),
        DetectorLabel.PRICE_TAG: (1, 1),
    }


def test_detections_in_an_ignored_region_are_forgotten_unless_they_match(tmp_path: Path) -> None:
    annotations = _coco(
        tmp_path,
        [_image("a.png", ["product"])],
        [_box(1, SQUARE), _box(1, [0, 0, 50, 80], iscrowd=1)],
    )
    detections = _found(
        tmp_path,
        {
            "a.png": [
                ([10, 10, 30, 30], 0.9, "product"),
                ([10, 50, 30, 70], 0.9, "product"),
                ([45, 50, 65, 70], 0.9, "product"),
            ]
        },
    )
    (line,) = score_sources(read_annotations(annotations), read_detections(detections))
    assert (line.score.recall, line.score.precision) == (1, 0.5)  # the last one lies mostly outside
    assert line.score.count_error_mean == 1


def test_a_picture_without_a_line_counts_as_nothing_found(tmp_path: Path) -> None:
    annotations = _coco(
        tmp_path, [_image("a.png", ["product"]), _image("b.png", ["product"])], [_box(1, SQUARE), _box(2, SQUARE)]
    )
    detections = _found(tmp_path, {"a.png": [([10, 10, 30, 30], 0.9, "product")]})
    (line,) = score_sources(read_annotations(annotations), read_detections(detections))
    assert line.score.recall == pytest.approx(0.5)
    assert line.score.exact_images_fraction == pytest.approx(0.5)


def test_a_fixed_threshold_decides_the_count(tmp_path: Path) -> None:
    annotations = _coco(tmp_path, [_image("a.png", ["product"])], [_box(1, SQUARE)])
    detections = _found(tmp_path, {"a.png": [([10, 10, 30, 30], 0.4, "product")]})
    found = read_detections(detections)
    photographs = read_annotations(annotations)
    strict = score_label(DetectorLabel.PRODUCT, photographs, found, threshold=0.5)
    loose = score_label(DetectorLabel.PRODUCT, photographs, found, threshold=0.3)
    assert strict is not None
    assert loose is not None
    assert (strict.count_error_mean, loose.count_error_mean) == (1, 0)
    assert strict.ap50 == loose.ap50 == 1


def test_sources_are_scored_apart_and_together(tmp_path: Path) -> None:
    annotations = _coco(
        tmp_path,
        [_image("a.png", ["product"], "left"), _image("b.png", ["product"], "right")],
        [_box(1, SQUARE), _box(2, SQUARE)],
    )
    detections = _found(tmp_path, {"a.png": [([10, 10, 30, 30], 0.9, "product")], "b.png": []})
    lines = score_sources(read_annotations(annotations), read_detections(detections))
    assert {line.source: line.score.recall for line in lines} == {"left": 1, "right": 0, "all": 0.5}


def test_the_threshold_is_where_f1_is_best(tmp_path: Path) -> None:
    annotations = _coco(tmp_path, [_image("a.png", ["product"])], [_box(1, SQUARE)])
    detections = _found(tmp_path, {"a.png": [([10, 10, 30, 30], 0.7, "product"), ([60, 60, 70, 70], 0.4, "product")]})
    chosen = choose_thresholds(
        [(read_annotations(annotations), read_detections(detections))], (DetectorLabel.PRODUCT, DetectorLabel.GAP)
    )
    assert 0.4 < chosen[DetectorLabel.PRODUCT] <= 0.7
    assert chosen[DetectorLabel.GAP] == 0.25  # nothing to choose by


def test_of_thresholds_as_good_in_f1_the_one_that_counts_right_is_taken(tmp_path: Path) -> None:
    """Of 101 packs 100 are found surely; the last one and a wrong box are doubtful: F1 cannot tell, the count can."""
    names = [f"{number}.png" for number in range(101)]
    annotations = _coco(
        tmp_path, [_image(name, ["product"]) for name in names], [_box(number, SQUARE) for number in range(1, 102)]
    )
    found = {name: [([10.0, 10.0, 30.0, 30.0], 0.7, "product")] for name in names[:100]}
    found[names[100]] = [([10.0, 10.0, 30.0, 30.0], 0.4, "product")]
    found[names[0]].append(([60.0, 60.0, 70.0, 70.0], 0.2, "product"))
    judged = [(read_annotations(annotations), read_detections(_found(tmp_path, found)))]
    threshold = choose_thresholds(judged, (DetectorLabel.PRODUCT,))[DetectorLabel.PRODUCT]
    assert 0.2 < threshold <= 0.4


def test_worst_pictures_come_first_and_show_every_mistake(tmp_path: Path) -> None:
    annotations = _coco(
        tmp_path, [_image("good.png", ["product"]), _image("bad.png", ["product"])], [_box(1, SQUARE), _box(2, SQUARE)]
    )
    found = read_detections(_found(tmp_path, {"good.png": [([10, 10, 30, 30], 0.9, "product")], "bad.png": []}))
    written = draw_worst(read_annotations(annotations), found, tmp_path / "worst", None, worst_count=2)
    assert [path.name for path in written] == ["00-bad.jpg", "01-good.jpg"]
    pixel = cv2.imread(str(written[0]))[20, 10]  # type: ignore[index]
    assert int(pixel[2]) > 150 > int(pixel[0])  # yellow: missed


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"categories": [{"id": 1, "name": "banana"}]}, "'banana' is unknown"),
        ({"annotations": [_box(7, SQUARE)]}, "annotations.0"),
        ({"images": [{"id": 1, "file_name": "a.png", "width": 0, "height": 5}]}, "images.0.width"),
        ({"annotations": [_box(1, [5, 5, -3, 4])]}, "annotations.0.bbox.2"),
        (
            {"images": [{"id": number, "file_name": f"{number}/a.png", "width": 9, "height": 9} for number in (1, 2)]},
            "such as 'a'",
        ),
    ],
)
def test_broken_annotations_are_named(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    path = _coco(tmp_path, [_image("a.png", ["product"])], [_box(1, SQUARE)])
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(AnnotationsError, match=complaint):
        read_annotations(path)


def test_a_broken_line_of_detections_is_named(tmp_path: Path) -> None:
    path = tmp_path / "detections.jsonl"
    path.write_text('{"image": "a.png", "detections": []}\n{"image": "b.png"}\n')
    with pytest.raises(AnnotationsError, match=r"detections.jsonl:2: expected"):
        read_detections(path)


def test_detections_of_other_pictures_are_refused(tmp_path: Path) -> None:
    annotations = _coco(tmp_path, [_image("a.png", ["product"])], [_box(1, SQUARE)])
    with pytest.raises(AnnotationsError, match="names none of the pictures"):
        evaluate_dataset(annotations, shipped_card_path(), detections=_found(tmp_path, {"other.png": []}))
