# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings model evaluate` as its user sees it: sizes, rows, false defects, the page; and what its curves mean."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from contract.model_card import DetectorLabel
from models.annotations import FoundBoxes, Photograph, as_boxes
from models.cli import app
from models.curves import precision_recall, reliability
from models.detecting import detect
from models.false_defects import false_defects, raised_for_defects
from models.scoring import Judged, average_precision
from tests.toy_network import CELL_PX, gaps, products, shelf_picture, write_toy_model

WH_PX = (320, 256)


def _bay(folder: Path) -> tuple[Path, Path]:
    """A folder with one picture of two rows, annotated, and the card of a detector that sees its cells."""
    (folder / "images").mkdir(parents=True)
    cells = products(range(2, 12), 2) | products(range(2, 10), 8) | gaps(range(12, 14), 8)
    cv2.imwrite(str(folder / "images" / "bay.png"), shelf_picture(cells, wh_px=WH_PX))
    annotations = [
        {
            "image_id": 1,
            "category_id": 1 if label == DetectorLabel.PRODUCT else 2,
            "bbox": [column * CELL_PX, row * CELL_PX, CELL_PX, CELL_PX],
        }
        for (column, row), label in cells.items()
    ]
    image = {"id": 1, "file_name": "bay.png", "width": WH_PX[0], "height": WH_PX[1], "source": "shop", "rows": [5, 4]}
    categories = [{"id": 1, "name": "product"}, {"id": 2, "name": "empty_slot"}]
    (folder / "annotations.json").write_text(
        json.dumps({"categories": categories, "images": [image], "annotations": annotations})
    )
    onnx = write_toy_model(folder, input_wh_px=None, default_input_wh_px=(320, 256))
    return folder, onnx.with_name("toy.card.json")


def _evaluate(*words: object) -> Any:
    outcome = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def test_a_folder_is_scored_by_row_and_at_every_size(tmp_path: Path) -> None:
    folder, card = _bay(tmp_path)
    printed = json.loads(_evaluate(folder, "--card", card, "--at-card", "--scales", "0.5,1,2", "--json"))
    (product,) = [row for row in printed["scores"] if row["label"] == "product"]
    assert (product["ap50"], product["rows_count"], product["row_error_fraction"]) == (1, 2, 0)
    sizes = {row["scale"]: row for row in printed["scales"] if row["label"] == "product"}
    assert sorted(sizes) == [0.5, 1, 2]
    assert {row["count_error_fraction"] for row in sizes.values()} == {0}  # the default input undoes the size
    assert printed["false_defects"] is None  # this model names none


def test_boxes_found_at_another_size_are_those_of_the_photograph(tmp_path: Path) -> None:
    _, card = _bay(tmp_path)
    photograph = _photograph(tmp_path / "images" / "bay.png", as_boxes([]))
    unscaled, doubled = (detect([photograph], card, scale=scale)["bay.png"] for scale in (1.0, 2.0))
    ours, theirs = (boxes.of(DetectorLabel.PRODUCT)[0] for boxes in (unscaled, doubled))
    for box in ours[:9]:
        assert np.abs(theirs - box).max(axis=1).min() < 2


def test_a_calibration_tells_how_tall_facings_are(tmp_path: Path) -> None:
    folder, _ = _bay(tmp_path)
    write_toy_model(
        folder, input_wh_px=None, default_input_wh_px=(32, 32), facing_height_range_px=(16.0, 16.0), name="near"
    )
    blind, told = (
        json.loads(_evaluate(folder, "--card", folder / "near.card.json", "--json", *words))["scores"][0]["ap50"]
        for words in ((), ("--calibrated",))
    )
    assert blind < 0.5 < told


def test_the_page_stands_alone_and_the_boxes_can_be_judged_again(tmp_path: Path) -> None:
    folder, card = _bay(tmp_path / "bay")
    output = tmp_path / "out"
    printed = _evaluate(folder, "--card", card, "--scales", "1,2", "--output", output)
    assert str(output / "report.html") in printed
    page = (output / "report.html").read_text()
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert page.count("<svg") == 6
    assert "data:image/jpeg;base64," in page
    assert len(list((output / "worst").glob("*.jpg"))) == 1
    again = json.loads(_evaluate(folder, "--card", card, "--detections", output / "detections.jsonl", "--json"))
    assert again["scores"] == json.loads((output / "scores.json").read_text())["scores"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--scales", "half"], "expected numbers with commas between"),
        (["--scales", "0"], "expected numbers from"),
        (["--scales", "2", "--detections", "none.jsonl"], "cannot be fed anew"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(tmp_path: Path, words: list[str], complaint: str) -> None:
    folder, card = _bay(tmp_path)
    outcome = CliRunner().invoke(app, ["evaluate", str(folder), "--card", str(card), *words])
    assert outcome.exit_code == 2
    assert complaint in outcome.output


def test_a_folder_without_annotations_is_named(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["evaluate", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "holds no annotations.json" in outcome.output


def _photograph(path: Path, boxes: np.ndarray, ignored: np.ndarray | None = None, **fields: Any) -> Photograph:
    nothing = {label: as_boxes([]) for label in DetectorLabel}
    return Photograph(
        path=path,
        wh_px=WH_PX,
        source="shop",
        group="bay",
        licence="",
        may_train=False,
        complete_for=fields.get("complete_for", frozenset({DetectorLabel.PRODUCT})),
        boxes_px=nothing | {DetectorLabel.PRODUCT: boxes} | fields.get("boxes_px", {}),
        ignored_px=nothing | {DetectorLabel.PRODUCT: as_boxes([]) if ignored is None else ignored},
    )


def test_a_defect_is_false_unless_it_was_drawn_and_counts_not_where_products_do_not() -> None:
    sound, harmed, far = [10, 10, 30, 30], [40, 10, 60, 30], [100, 10, 120, 30]
    thresholds = {DetectorLabel.PRODUCT: 0.3, DetectorLabel.DAMAGED: 0.5}
    found = FoundBoxes(
        as_boxes([sound, harmed, far, sound]), np.array([0.9, 0.9, 0.9, 0.4]), (DetectorLabel.DAMAGED,) * 4
    )
    boxes = as_boxes([sound, harmed])
    plain = _photograph(Path("a.png"), boxes, as_boxes([[90, 0, 130, 40]]))
    counted = false_defects([plain], {"a.png": found}, thresholds)
    assert counted is not None
    assert counted.defects_count == {DetectorLabel.DAMAGED: 2}
    assert (counted.products_count, counted.per_200_products) == (2, 200)
    drawn = _photograph(
        Path("a.png"),
        boxes,
        as_boxes([[90, 0, 130, 40]]),
        complete_for=frozenset({DetectorLabel.PRODUCT, DetectorLabel.DAMAGED}),
        boxes_px={DetectorLabel.DAMAGED: as_boxes([harmed])},
    )
    counted = false_defects([drawn], {"a.png": found}, thresholds)
    assert counted is not None
    assert counted.per_200_products == 100
    assert false_defects([plain], {"a.png": found}, {DetectorLabel.PRODUCT: 0.3}) is None


def test_a_defects_threshold_is_raised_until_sound_shelves_are_left_in_peace() -> None:
    boxes = as_boxes([[10, 10, 30, 30], [40, 10, 60, 30]])
    sure = np.array([0.6, 0.35])
    found = {"a.png": FoundBoxes(boxes, sure, (DetectorLabel.DAMAGED,) * 2)}
    chosen = {DetectorLabel.PRODUCT: 0.3, DetectorLabel.DAMAGED: 0.2, DetectorLabel.TOPPLED: 0.4}
    raised = raised_for_defects(chosen, [_photograph(Path("a.png"), boxes)], found)
    assert raised[DetectorLabel.DAMAGED] > 0.6
    assert raised == chosen | {DetectorLabel.DAMAGED: raised[DetectorLabel.DAMAGED]}
    assert raised_for_defects(chosen, [], {}) == chosen


SURE = st.lists(st.tuples(st.floats(0.01, 1), st.booleans()), min_size=1, max_size=40)


def _judged(finds: list[tuple[float, bool]], missed: int) -> Judged:
    finds = sorted(finds, reverse=True)
    right = np.array([correct for _, correct in finds])
    found = np.array([True] * int(right.sum()) + [False] * missed)
    return Judged(as_boxes([[0, 0, 1, 1]] * len(finds)), np.array([sure for sure, _ in finds]), right, found)


@given(finds=SURE, missed=st.integers(0, 5))
def test_the_area_below_the_drawn_curve_is_the_average_precision(finds: list[tuple[float, bool]], missed: int) -> None:
    judged = [_judged(finds, missed)]
    curve = precision_recall(judged)
    area, before = 0.0, 0.0
    for recall, precision in curve:
        area += (recall - before) * precision
        before = recall
    assert area == pytest.approx(average_precision(judged), abs=0.012)  # 101 recalls against all of them


@given(finds=SURE)
def test_every_detection_stands_in_one_tenth_of_confidence(finds: list[tuple[float, bool]]) -> None:
    trust = reliability([_judged(finds, 0)])
    assert sum(trust.detections_count) == len(finds)
    assert 0 <= trust.error <= 1


def test_a_detector_that_is_right_as_often_as_it_says_is_calibrated() -> None:
    assert reliability([_judged([(0.75, True)] * 3 + [(0.75, False)], 0)]).error == pytest.approx(0)
    assert reliability([_judged([(0.95, False)] * 4, 0)]).error == pytest.approx(0.95)
