# SPDX-License-Identifier: AGPL-3.0-or-later
"""From an exported network to a card that tells its scores honestly, and the commands around it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from contract.model_card import DetectorHead, DetectorLabel, ModelCard
from models.cards import fill_card, make_card, set_on_card, write_card
from models.cli import app
from models.detecting import card_of, shipped_card_path
from models.manifest import file_sha256
from models.recipe import Recipe
from models.samples import keep_labels

LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG)
RECIPE = Recipe.model_validate(
    {
        "model_id": "fixed-1",
        "default_input_wh_px": (128, 96),
        "renders": {"train_count": 1, "validation_count": 1},
        "stages": [{"name": "renders", "epochs": 1}],
    }
)


def _network(path: Path, boxes: list[tuple[list[float], int, float]]) -> None:
    """A network that sees the same boxes in every picture: (centre x, centre y, width, height), class, score."""
    table = np.zeros((1, 4 + len(LABELS), len(boxes)), np.float32)
    for column, (box, label, score) in enumerate(boxes):
        table[0, :4, column] = box
        table[0, 4 + label, column] = score
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "height", "width"])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(table.shape))
    constant = helper.make_node("Constant", [], ["output0"], value=numpy_helper.from_array(table))
    graph = helper.make_graph([constant], "fixed", [images], [output])
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    network.ir_version = 9
    onnx.save(network, str(path))


def _manifest(path: Path, sources: list[str]) -> Path:
    photographs = [
        {"file": f"{source}.png", "sha256": f"{number:064d}", "source": source, "licence": "CC BY 4.0"}
        for number, source in enumerate(sources)
    ]
    renders = {"images_count": 5}
    manifest = {"recipe": {"file": "tiny.toml"}, "renders": renders, "photographs": photographs, "start": None}
    path.write_text(json.dumps(manifest))
    return path


def _photographs(folder: Path) -> Path:
    (folder / "images").mkdir()
    images: list[dict[str, Any]] = []
    for number, (source, may_train) in enumerate((("ours", True), ("theirs", False)), start=1):
        cv2.imwrite(str(folder / "images" / f"{source}.png"), np.full((96, 128, 3), 90, np.uint8))
        images.append(
            {
                "id": number,
                "file_name": f"{source}.png",
                "width": 128,
                "height": 96,
                "source": source,
                "may_train": may_train,
                "complete_for": ["product"],
            }
        )
    box = {"category_id": 1, "bbox": [20, 20, 30, 40], "iscrowd": 0}
    annotations = [box | {"image_id": 1}, box | {"image_id": 2}]
    path = folder / "annotations.json"
    path.write_text(
        json.dumps({"categories": [{"id": 1, "name": "product"}], "images": images, "annotations": annotations})
    )
    return path


def _renders(folder: Path) -> Path:
    for kind in ("images", "labels"):
        (folder / "pictures" / kind / "val").mkdir(parents=True)
    cv2.imwrite(str(folder / "pictures" / "images" / "val" / "r.jpg"), np.full((96, 128, 3), 90, np.uint8))
    line = f"0 {35 / 128} {40 / 96} {30 / 128} {40 / 96}\n"
    (folder / "pictures" / "labels" / "val" / "r.txt").write_text(line)
    keep_labels(folder / "pictures", LABELS)
    return folder / "pictures"


def _card(folder: Path, seen_sources: list[str], boxes: list[tuple[list[float], int, float]]) -> Path:
    onnx_path = folder / "fixed.onnx"
    _network(onnx_path, boxes)
    card = make_card(
        onnx_path,
        RECIPE,
        _manifest(folder / "manifest.json", seen_sources),
        head=DetectorHead.RAW,
        thresholds=dict.fromkeys(LABELS, 0.25),
        trained_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    write_card(card, card_of(onnx_path))
    return card_of(onnx_path)


RIGHT: tuple[list[float], int, float] = ([35, 40, 30, 40], 0, 0.8)
WRONG: tuple[list[float], int, float] = ([100, 70, 20, 20], 0, 0.3)


def test_a_card_is_filled_with_thresholds_and_scores_and_says_what_was_seen(tmp_path: Path) -> None:
    card_path = _card(tmp_path, ["ours"], [RIGHT, WRONG])
    filled = fill_card(card_path, _photographs(tmp_path), _renders(tmp_path), weaknesses=["sees the same everywhere"])
    assert ModelCard.read(card_path.read_bytes()) == filled
    assert 0.3 < filled.confidence_thresholds[DetectorLabel.PRODUCT] <= 0.8
    scores = {score.source: score for score in filled.scores}
    assert {name: score.seen_in_training for name, score in scores.items()} == {
        "ours": True,
        "theirs": False,
        "all": True,
        "renders": False,
    }
    assert scores["theirs"].f1 == 1
    assert scores["theirs"].count_error_fraction == 0
    assert filled.weaknesses == ("sees the same everywhere",)


def test_scores_of_a_training_without_a_source_stand_beside_those_that_only_show_memory(tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    without = _card(tmp_path / "without", [], [WRONG])
    card_path = _card(tmp_path, ["ours"], [RIGHT])
    filled = fill_card(card_path, _photographs(tmp_path), _renders(tmp_path), held_out=[without])
    scores = {(score.source, score.seen_in_training): score.ap50 for score in filled.scores}
    assert scores["ours", True] == 1
    assert scores["ours/held-out", False] == 0
    assert ("theirs/held-out", False) not in scores


def test_thresholds_are_not_chosen_on_a_source_that_the_training_left_out(tmp_path: Path) -> None:
    """On the photograph the doubtful box is the right one, on the render the sure one: a threshold serves only one."""
    annotations = _photographs(tmp_path)
    table = json.loads(annotations.read_text())
    table["annotations"] = [box | {"bbox": [90, 60, 20, 20]} for box in table["annotations"]]
    table["images"] = [image | {"may_train": True} for image in table["images"]]
    annotations.write_text(json.dumps(table))
    renders = _renders(tmp_path)
    for name in ("left-out", "trained"):
        (tmp_path / name).mkdir()
    left_out = fill_card(_card(tmp_path / "left-out", [], [RIGHT, WRONG]), annotations, renders)
    assert left_out.confidence_thresholds[DetectorLabel.PRODUCT] > 0.3
    trained = fill_card(_card(tmp_path / "trained", ["ours"], [RIGHT, WRONG]), annotations, renders)
    assert trained.confidence_thresholds[DetectorLabel.PRODUCT] <= 0.3


def test_another_default_input_takes_away_the_scores_of_the_earlier_one(tmp_path: Path) -> None:
    card_path = _card(tmp_path, ["ours"], [RIGHT])
    filled = fill_card(card_path, _photographs(tmp_path), _renders(tmp_path))
    assert filled.scores
    same = set_on_card(card_path, default_input_wh_px=filled.default_input_wh_px)
    assert same.scores == filled.scores
    width_px, height_px = filled.default_input_wh_px
    assert not set_on_card(card_path, default_input_wh_px=(width_px + 64, height_px)).scores


def test_a_mistyped_folder_of_renders_is_named_and_the_card_stays(tmp_path: Path) -> None:
    card_path = _card(tmp_path, ["ours"], [RIGHT])
    before = card_path.read_bytes()
    arguments = ["card", str(card_path), "--annotations", str(_photographs(tmp_path)), "--pictures"]
    outcome = CliRunner().invoke(app, [*arguments, str(tmp_path / "pictures-of-nobody")])
    assert outcome.exit_code == 2
    assert "pictures-of-nobody" in outcome.output
    assert card_path.read_bytes() == before


def test_evaluate_runs_the_nodes_detector_and_prints_json(tmp_path: Path) -> None:
    card_path = _card(tmp_path, [], [RIGHT, WRONG])
    outcome = CliRunner().invoke(
        app,
        ["evaluate", str(_photographs(tmp_path)), "--card", str(card_path), "--json", "--draw", str(tmp_path / "d")],
    )
    assert outcome.exit_code == 0, outcome.output
    rows = {row["source"]: row for row in json.loads(outcome.stdout)["scores"]}
    assert rows["all"]["ap50"] == 1
    assert (rows["ours"]["boxes_count"], rows["ours"]["count_error_fraction"]) == (1, 0)
    assert len(list((tmp_path / "d").glob("*.jpg"))) == 2


def test_at_the_cards_threshold_a_wrong_box_is_counted(tmp_path: Path) -> None:
    card_path = _card(tmp_path, [], [RIGHT, WRONG])
    outcome = CliRunner().invoke(
        app, ["evaluate", str(_photographs(tmp_path)), "--card", str(card_path), "--at-card", "--json"]
    )
    rows = {row["source"]: row for row in json.loads(outcome.stdout)["scores"]}
    assert rows["theirs"]["threshold"] == 0.25
    assert rows["theirs"]["count_error_fraction"] == 1


def test_the_table_for_people_names_sources_and_errors(tmp_path: Path) -> None:
    card_path = _card(tmp_path, [], [RIGHT])
    outcome = CliRunner(env={"COLUMNS": "160"}).invoke(
        app, ["evaluate", str(_photographs(tmp_path)), "--card", str(card_path)]
    )
    assert "theirs" in outcome.output
    assert "0.0%" in outcome.output


def test_a_missing_card_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(
        app, ["evaluate", str(_photographs(tmp_path)), "--card", str(tmp_path / "none.card.json")]
    )
    assert outcome.exit_code == 2
    assert "none.card.json" in outcome.output


def test_the_shipped_card_describes_the_shipped_file_and_manifest() -> None:
    card_path = shipped_card_path()
    card = ModelCard.read(card_path.read_bytes())
    assert card.onnx_sha256 == file_sha256(card_path.parent / card.onnx_file)
    assert card.data_manifest_sha256 == file_sha256(card_path.parent / "shelf-nano.manifest.json")
    assert (card_path.parent / card.onnx_file).stat().st_size < 15_000_000
    assert (card_path.parent / "recipes" / card.recipe).is_file()
    for source in card.sources:
        assert "non-commercial" not in source.licence
        assert "academic" not in source.licence


@pytest.mark.parametrize("label", LABELS)
def test_the_shipped_card_scores_every_label(label: DetectorLabel) -> None:
    card = ModelCard.read(shipped_card_path().read_bytes())
    assert any(score.label == label for score in card.scores)
