# SPDX-License-Identifier: AGPL-3.0-or-later
"""A tiny training from the recipe to an ONNX file, and the loss that lets unlabelled things cost nothing."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from contract.model_card import DetectorHead
from models.cards import make_card
from models.cli import app
from models.errors import TrainExtraMissing
from models.recipe import read_recipe
from models.train import require_train_extra, train

TINY = """
model_id = "tiny-1"
train_input_px = 64
default_input_wh_px = [64, 64]
batch_count = 2
[renders]
train_count = 4
validation_count = 2
[[stages]]
name = "renders"
epochs = 1
[[stages]]
name = "photographs"
epochs = 1
learning_rate = 1e-9
renders_count = 2
photographs_repeat_count = 2
"""


def _write_inputs(folder: Path) -> tuple[Path, Path]:
    recipe = folder / "tiny.toml"
    recipe.write_text(TINY)
    (folder / "images").mkdir()
    cv2.imwrite(str(folder / "images" / "bay.png"), np.full((80, 100, 3), 90, np.uint8))
    annotations = folder / "annotations.json"
    annotations.write_text(
        json.dumps(
            {
                "categories": [{"id": 1, "name": "product"}],
                "images": [
                    {
                        "id": 1,
                        "file_name": "bay.png",
                        "width": 100,
                        "height": 80,
                        "source": "shop",
                        "may_train": True,
                        "complete_for": ["product"],
                        "licence": "CC BY 4.0",
                    }
                ],
                "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 30, 30]}],
            }
        )
    )
    return recipe, annotations


def _first_filter(weights: Path) -> Any:
    import torch  # noqa: PLC0415 - the train extra may be absent

    checkpoint = torch.load(weights, weights_only=False)
    return next(iter(checkpoint["model"].float().parameters())).detach().numpy()


@pytest.mark.train
@pytest.mark.slow
def test_a_tiny_training_yields_an_onnx_file_that_its_card_describes(tmp_path: Path) -> None:
    from models.export import export  # noqa: PLC0415 - the train extra may be absent

    recipe_path, annotations = _write_inputs(tmp_path)
    output = tmp_path / "run"
    trained = train(recipe_path, output, annotations=annotations)
    assert list(trained.weights) == ["renders", "photographs"]
    manifest = json.loads(trained.manifest.read_text())
    assert manifest["renders"]["images_count"] == 6
    assert [entry["file"] for entry in manifest["photographs"]] == ["bay.png"]

    before, after = (_first_filter(weights) for weights in trained.weights.values())
    assert np.allclose(before, after, atol=2e-3)  # the second stage, at no learning rate, kept what the first learned

    again = train(recipe_path, output, annotations=annotations)
    assert again.manifest.read_bytes() == trained.manifest.read_bytes()

    recipe = read_recipe(recipe_path)
    onnx = export(trained.weights["photographs"], tmp_path / "tiny.onnx", recipe)
    thresholds = dict.fromkeys(recipe.labels, 0.3)
    card = make_card(
        onnx,
        recipe,
        trained.manifest,
        head=DetectorHead.RAW,
        thresholds=thresholds,
        trained_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    assert card.onnx_file == "tiny.onnx"
    assert {source.name for source in card.sources} == {"renders", "shop"}


@pytest.mark.train
def test_the_loss_forgets_exactly_what_lies_in_a_region() -> None:
    import torch  # noqa: PLC0415 - the train extra may be absent

    from models.federated import anchor_centres, cost_mask  # noqa: PLC0415

    centres = anchor_centres([torch.zeros(1, 8, 2, 2), torch.zeros(1, 8, 1, 1)])
    assert centres.tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75], [0.5, 0.5]]
    left_half_of_second_image = torch.tensor([[0.2, 0.5, 0.4, 1.0]])
    costs = cost_mask(centres, left_half_of_second_image, torch.tensor([2]), torch.tensor([1]), (2, 3))
    assert costs[0].min() == 1
    assert costs[1, :, :2].min() == 1
    assert costs[1, :, 2].tolist() == [0, 1, 0, 1, 1]


@pytest.mark.train
def test_an_image_ignored_for_a_class_gives_that_class_no_gradient() -> None:
    import torch  # noqa: PLC0415 - the train extra may be absent
    from ultralytics.cfg import get_cfg  # noqa: PLC0415
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: PLC0415

    from models.federated import FederatedLoss  # noqa: PLC0415

    model: Any = DetectionModel(yaml_model_load("yolo26n.yaml") | {"end2end": False}, nc=3, verbose=False)
    model.args = get_cfg()
    model.train()
    predictions = model(torch.rand(1, 3, 64, 64))
    predictions["scores"].retain_grad()
    batch = {
        "batch_idx": torch.zeros(2),
        "cls": torch.tensor([[0.0], [4.0]]),  # a product, and class 1 (gap) ignored all over
        "bboxes": torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]]),
    }
    total, _ = FederatedLoss(model)(predictions, batch)
    total.sum().backward()
    moved = predictions["scores"].grad.abs().sum(dim=(0, 2))
    assert moved[1] == 0
    assert moved[0] > 0
    assert moved[2] > 0


def test_without_the_train_extra_the_message_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails, whether or not it is installed
    with pytest.raises(TrainExtraMissing, match=r"pip install 'facings\[train\]'"):
        require_train_extra(tmp_path)


def test_a_missing_recipe_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(
        app, ["train", "--recipe", str(tmp_path / "none.toml"), "--output", str(tmp_path / "out")]
    )
    assert outcome.exit_code == 2
    assert "none.toml: cannot be read: No such file" in outcome.output
    assert not (tmp_path / "out").exists()
