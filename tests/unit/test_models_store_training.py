# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fine-tuning on a store's golden frames: licence first, the gate last, and nothing forgotten on the way."""

import importlib.util
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from contract.model_card import DetectorHead
from models.annotations import read_annotations
from models.cards import make_card, read_card, write_card
from models.cli import app
from models.detecting import card_of
from models.errors import WorkshopError
from models.golden import read_golden
from models.manifest import data_sources, write_manifest
from models.recipe import read_recipe
from models.store_model import open_model
from models.store_training import StorePlan, owned_card, recipe_of, store_recipe, write_lessons
from models.train import train
from tests.toy_network import products, shelf_picture, toy_calibration, write_toy_model

HAS_TRAIN_EXTRA = all(importlib.util.find_spec(module) for module in ("torch", "ultralytics"))
needs_train_extra = pytest.mark.skipif(
    not HAS_TRAIN_EXTRA, reason="the train extra is absent: pip install 'facings[train]' to include this test"
)
# Enough steps that no two biases stay equal: the exporter writes equal tensors once, under one of their names.
TINY = """
model_id = "tiny-1"
train_input_px = 64
default_input_wh_px = [64, 64]
batch_count = 2
rectangular = true
[network]
width_multiple = 0.2
heads = ["p3", "p4"]
[renders]
train_count = 4
validation_count = 2
[[stages]]
name = "renders"
epochs = 4
learning_rate = 0.02
"""


def golden_of(folder: Path, *, drawn: bool) -> Path:
    """Four frames of empty shelves, which an untrained network counts right; before them one with drawn boxes."""
    folder.mkdir()
    (folder / "cam-1.json").write_text(toy_calibration().to_json())
    text = 'store_id = "shop"\ncalibration = "cam-1.json"\n' + ('annotations = "boxes.json"\n' if drawn else "")
    if drawn:
        cv2.imwrite(str(folder / "drawn.png"), shelf_picture(products(range(8), 2)))
        text += '[[frames]]\npicture = "drawn.png"\n'
        image = {"id": 1, "file_name": "drawn.png", "width": 640, "height": 480}
        boxes = [{"image_id": 1, "category_id": 1, "bbox": [column * 16, 32, 16, 16]} for column in range(0, 8, 2)]
        coco = {"categories": [{"id": 1, "name": "product"}], "images": [image], "annotations": boxes}
        (folder / "boxes.json").write_text(json.dumps(coco))
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), shelf_picture({}, seed=number))
        text += f'[[frames]]\npicture = "{number}.png"\nfacings = {{ left = 0, right = 0 }}\n'
    (folder / "golden.toml").write_text(text)
    return folder / "golden.toml"


def test_without_a_licence_nothing_is_trained(tmp_path: Path) -> None:
    golden = golden_of(tmp_path / "golden", drawn=False)
    arguments = ["adapt", str(golden), "--store-folder", str(tmp_path / "store"), "--fine-tune"]
    outcome = CliRunner().invoke(app, [*arguments, "--model", str(write_toy_model(tmp_path / "base"))])
    assert outcome.exit_code == 2
    assert "say with --licence by what right" in outcome.output
    assert not (tmp_path / "store").exists()


def test_weights_of_unknown_descent_are_not_built_on(tmp_path: Path) -> None:
    golden = golden_of(tmp_path / "golden", drawn=False)
    (tmp_path / "tiny.toml").write_text(TINY)
    arguments = ["adapt", str(golden), "--store-folder", str(tmp_path / "store"), "--fine-tune", "--licence", "own"]
    arguments += ["--recipe", str(tmp_path / "tiny.toml"), "--model", str(write_toy_model(tmp_path / "base"))]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 2
    assert "without a readable manifest" in outcome.output
    assert not (tmp_path / "store").exists()


def test_what_bound_a_network_binds_those_that_go_on_from_it(tmp_path: Path) -> None:
    card = read_card(card_of(write_toy_model(tmp_path / "base")))
    ours = read_golden(golden_of(tmp_path / "golden", drawn=False))
    plan = StorePlan(licence="own photographs")
    free = owned_card(card, card, replace(ours, may_train=True), plan)
    assert free.licence == card.licence
    bound = owned_card(card, free, ours, plan)
    assert "not for redistribution" in bound.licence
    again = owned_card(card, bound, replace(ours, may_train=True), plan)
    assert again.licence == owned_card(card, bound, ours, plan).licence == bound.licence


def test_manifest_and_credit_tell_the_model_s_own_boxes_from_those_that_people_drew(tmp_path: Path) -> None:
    onnx = write_toy_model(tmp_path / "base")
    golden = read_golden(golden_of(tmp_path / "golden", drawn=True))
    lessons = write_lessons(golden, open_model(onnx), "own photographs", tmp_path / "frames", print)
    photographs = read_annotations(lessons)
    assert {one.path.name: (one.pseudo_labelled_by or {}).get("model_id") for one in photographs} == {
        "000-drawn.png": None,
        "002-1.png": "toy",
        "003-2.png": "toy",
    }
    (tmp_path / "tiny.toml").write_text(TINY)
    manifest = write_manifest(tmp_path / "manifest.json", tmp_path / "tiny.toml", [], photographs)
    credit = "Photographs: own photographs. Cut and rescaled, some boxes found by toy."
    assert data_sources(manifest)[1].credit == credit


def test_a_credit_says_no_more_of_photographs_than_somebody_told(tmp_path: Path) -> None:
    golden = golden_of(tmp_path / "golden", drawn=True)
    (tmp_path / "tiny.toml").write_text(TINY)
    photographs = read_annotations(golden.parent / "boxes.json")
    manifest = write_manifest(tmp_path / "manifest.json", tmp_path / "tiny.toml", [], photographs)
    assert data_sources(manifest)[1].credit == "Photographs: not stated. Cut and rescaled."


WIDE = """
model_id = "wide-1"
train_input_px = 640
rectangular = true
[network]
architecture = "yolo26n-p6"
width_multiple = 0.2
depth_multiple = 0.4
heads = ["p3", "p4"]
nms_free = true
[renders]
train_count = 400
validation_count = 20
facing_height_range_px = [18.0, 260.0]
[augmentation]
mosaic_probability = 0.5
[[stages]]
name = "first"
epochs = 4
[[stages]]
name = "last"
epochs = 2
input_px = 512
"""


def test_a_store_s_recipe_builds_the_same_network_and_shows_pictures_as_it_knows_them(tmp_path: Path) -> None:
    golden = read_golden(golden_of(tmp_path / "golden", drawn=False))
    (tmp_path / "wide.toml").write_text(WIDE)
    basis, model = read_recipe(tmp_path / "wide.toml"), open_model(write_toy_model(tmp_path / "base"))
    ours = store_recipe(basis, model, golden, StorePlan(licence="own", renders_count=30, epochs=3))
    assert ours.network == basis.network.model_copy(update={"nms_free": False})
    assert (ours.rectangular, ours.augmentation, ours.train_input_px) == (True, basis.augmentation, 640)
    assert ours.renders.facing_height_range_px == (18.0, 260.0)
    assert (ours.model_id, ours.labels, ours.default_input_wh_px) == ("toy", model.card.labels, (640, 640))
    (stage,) = ours.stages
    assert (stage.epochs, stage.input_px, ours.renders.train_count) == (3, 512, 30)


def test_the_recipe_is_found_though_a_later_release_renamed_it(tmp_path: Path) -> None:
    (tmp_path / "wide.toml").write_text(WIDE)
    onnx = write_toy_model(tmp_path / "base", recipe="wide.toml")
    manifest = write_manifest(onnx.with_suffix(".manifest.json"), tmp_path / "wide.toml", [], [])
    with_text, wide = json.loads(manifest.read_text()), read_recipe(tmp_path / "wide.toml")
    assert recipe_of(open_model(onnx), with_text, folder=tmp_path / "absent") == wide
    from_before = {"recipe": {"file": "wide.toml"}}
    assert recipe_of(open_model(onnx), from_before, folder=tmp_path) == wide
    with pytest.raises(WorkshopError, match=r"trained by the recipe wide\.toml, .* name it with --recipe"):
        recipe_of(open_model(onnx), from_before, folder=tmp_path / "absent")


@pytest.mark.train
@pytest.mark.slow
@needs_train_extra
@pytest.mark.filterwarnings("ignore")  # torch and ultralytics warn about themselves
def test_a_network_goes_on_from_its_onnx_file_with_the_frames_that_choose(tmp_path: Path) -> None:
    from models.export import export  # noqa: PLC0415 - the train extra may be absent

    recipe_path = tmp_path / "tiny.toml"
    recipe_path.write_text(TINY)
    trained = train(recipe_path, tmp_path / "run")
    recipe = read_recipe(recipe_path)
    onnx = export(trained.weights["renders"], tmp_path / "base" / "tiny.onnx", recipe)
    onnx.with_suffix(".manifest.json").write_bytes(trained.manifest.read_bytes())
    thresholds = dict.fromkeys(recipe.labels, 0.5)
    trained_at = datetime(2026, 11, 23, tzinfo=UTC)
    card = make_card(
        onnx, recipe, trained.manifest, head=DetectorHead.RAW, thresholds=thresholds, trained_at=trained_at
    )
    write_card(card, card_of(onnx))

    golden = golden_of(tmp_path / "golden", drawn=True)
    store, work = tmp_path / "store", tmp_path / "work"
    arguments = ["adapt", str(golden), "--store-folder", str(store), "--model", str(onnx), "--fine-tune"]
    arguments += ["--licence", "own photographs", "--work", str(work)]  # the manifest knows the recipe
    outcome = CliRunner().invoke(app, [*arguments, "--renders", "2", "--epochs", "1", "--json"])
    assert outcome.exit_code == 0, outcome.output
    assert "learning from 1 frames with drawn boxes and from 4 of 4 zones without" in outcome.stderr

    adapted = read_card(store / "current" / "detector.card.json")
    assert adapted.model_id.startswith("tiny-1.shop.")
    assert adapted.onnx_sha256 != card.onnx_sha256
    assert "not for redistribution" in adapted.licence
    assert "own photographs" in adapted.licence
    assert {source.name for source in adapted.sources} == {"renders", "shop"}
    record = json.loads((store / "current" / "adaptation.json").read_text())
    assert record["training"]["licence"] == "own photographs"
    (home,) = work.iterdir()
    again = read_recipe(home / "recipe.toml")
    assert (again.network, again.rectangular) == (recipe.network, True)
    shown = {path.name for path in (home / "frames" / "images").iterdir()}
    assert shown == {"000-drawn.png", "002-1.png", "003-2.png"}  # the second and the fifth only check
    assert not list(store.rglob("*.png"))
    manifest = json.loads((store / "current" / "detector.manifest.json").read_text())
    assert {(one["pseudo_labelled_by"] or {}).get("model_id") for one in manifest["photographs"]} == {None, "tiny-1"}
    assert manifest["start"]["weights_sha256"] == card.onnx_sha256
    assert np.isfinite(list(adapted.confidence_thresholds.values())).all()
