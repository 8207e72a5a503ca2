# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model may label photographs for training, and every record after it says that it did."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from contract.model_card import DetectorLabel
from models.annotations import FoundBoxes, as_boxes, read_annotations
from models.cli import app
from models.manifest import data_sources, file_sha256, write_manifest
from models.pseudo_labels import sure_and_doubtful
from tests.toy_network import CELL_PX, shelf_picture, write_toy_model

PRODUCT, DAMAGED = DetectorLabel.PRODUCT, DetectorLabel.DAMAGED


def _pseudo_label(folder: Path, *options: str) -> tuple[int, str]:
    words = ["pseudo-label", str(folder / "photos"), "--card", str(folder / "toy.card.json"), "--group-by", "all"]
    words += ["--output", str(folder / "out"), "--source", "shop", "--licence", "own photographs", *options]
    outcome = CliRunner().invoke(app, words)
    return outcome.exit_code, outcome.output


def _photos(folder: Path) -> None:
    """A pale product in the middle cell of a shelf, and a vivid one: the toy detector is less sure of the pale one."""
    write_toy_model(folder)
    picture = shelf_picture({(4, 2): PRODUCT, (10, 2): DetectorLabel.GAP}, wh_px=(640, 640), seed=None)
    picture[2 * CELL_PX : 3 * CELL_PX, 20 * CELL_PX : 21 * CELL_PX] = (60, 190, 60)
    (folder / "photos").mkdir()
    cv2.imwrite(str(folder / "photos" / "a.png"), picture)


def test_sure_boxes_are_taken_and_doubtful_ones_become_regions(tmp_path: Path) -> None:
    _photos(tmp_path)
    code, text = _pseudo_label(tmp_path, "--may-train", "--high", "0.9", "--low", "0.3")
    assert code == 0, text
    (photograph,) = read_annotations(tmp_path / "out" / "annotations.json")
    vivid, pale = [4 * CELL_PX, 2 * CELL_PX], [20 * CELL_PX, 2 * CELL_PX]
    assert photograph.boxes_px[PRODUCT][:, :2] == pytest.approx(np.array([vivid]))
    assert photograph.ignored_px[PRODUCT][:, :2] == pytest.approx(np.array([pale]))
    assert len(photograph.boxes_px[DetectorLabel.GAP]) == 1
    assert photograph.complete_for == {PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG}
    assert photograph.may_train
    assert photograph.pseudo_labelled_by == {
        "model_id": "toy",
        "onnx_sha256": file_sha256(tmp_path / "toy.onnx"),
        "data_manifest_sha256": "0" * 64,
        "licence": "AGPL-3.0-or-later",
    }


def test_the_manifest_and_the_credits_name_the_model(tmp_path: Path) -> None:
    _photos(tmp_path)
    assert _pseudo_label(tmp_path, "--may-train")[0] == 0
    (tmp_path / "tiny.toml").write_text("")
    photographs = read_annotations(tmp_path / "out" / "annotations.json")
    path = write_manifest(tmp_path / "manifest.json", tmp_path / "tiny.toml", [], photographs)
    (entry,) = json.loads(path.read_text())["photographs"]
    assert entry["pseudo_labelled_by"]["onnx_sha256"] == file_sha256(tmp_path / "toy.onnx")
    _, shop = data_sources(path)
    assert "boxes found by toy" in (shop.credit or "")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--may-not-train",), "for training alone"),
        (("--may-train", "--high", "0.1", "--low", "0.4"), "0 < low < high"),
        (("--may-train", "--labels", "damaged"), "toy.card.json knows product, gap, price_tag"),
        ((), "--may-train"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(
    tmp_path: Path, options: tuple[str, ...], complaint: str
) -> None:
    _photos(tmp_path)
    code, text = _pseudo_label(tmp_path, *options)
    assert code == 2
    assert complaint in text
    assert not (tmp_path / "out").exists()


side = st.floats(0, 90)
confidences = st.lists(st.tuples(side, side, st.floats(0, 1), st.floats(0, 1)), max_size=8)


@given(confidences)
def test_a_defect_is_sure_only_over_a_sure_product(rows: list[tuple[float, float, float, float]]) -> None:
    corners = [[x, y, x + 10, y + 10] for x, y, _, _ in rows]
    found = FoundBoxes(
        as_boxes(corners * 2),
        np.array([row[2] for row in rows] + [row[3] for row in rows]),
        (PRODUCT,) * len(rows) + (DAMAGED,) * len(rows),
    )
    placed = sure_and_doubtful(found, frozenset({PRODUCT, DAMAGED}), 0.2, 0.7, (100, 100))
    sure = {
        label: {box.xyxy_px for box in placed if box.label is label and not box.is_crowd}
        for label in (PRODUCT, DAMAGED)
    }
    assert sure[DAMAGED] <= sure[PRODUCT]
    assert sum(box.label is PRODUCT for box in placed) == sum(row[2] >= 0.2 for row in rows)
