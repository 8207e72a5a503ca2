# SPDX-License-Identifier: AGPL-3.0-or-later
"""Narrow networks, P2 outputs and rectangles, from the recipe to the node; and trainings that are killed."""

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.model_card import ModelCard
from edge.detector import Detector
from models.errors import RecipeError
from models.network import network_plan, stride_px
from models.recipe import Network
from models.stage_clock import read_steps
from models.train import train

HAS_TRAIN_EXTRA = all(importlib.util.find_spec(module) for module in ("torch", "ultralytics"))
needs_train_extra = pytest.mark.skipif(
    not HAS_TRAIN_EXTRA, reason="the train extra is absent: pip install 'facings[train]' to include this test"
)
pytestmark = [pytest.mark.train, needs_train_extra, pytest.mark.filterwarnings("ignore")]
REPOSITORY = Path(__file__).parents[2]
RECIPE = """
model_id = "tiny-1"
train_input_px = 64
default_input_wh_px = [64, 64]
batch_count = 2
{top}
[network]
{network}
[renders]
train_count = {renders_count}
validation_count = 1
[[stages]]
name = "renders"
epochs = {epochs}
{stage}
"""


def _recipe(folder: Path, **words: Any) -> Path:
    path = folder / "tiny.toml"
    path.write_text(RECIPE.format_map({"top": "", "network": "", "renders_count": 2, "epochs": 1, "stage": ""} | words))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "top", "outputs_px"),
    [
        ('architecture = "yolo26n-p2"\nwidth_multiple = 0.125\nheads = ["p2", "p3"]', "rectangular = true", (4, 8)),
        ('width_multiple = 0.125\ndepth_multiple = 0.25\nheads = ["p3", "p4"]', "", (8, 16)),
    ],
    ids=["p2-rectangular", "p3-p4-shallow"],
)
def test_a_variant_is_trained_exported_and_run_by_the_node(
    tmp_path: Path, network: str, top: str, outputs_px: tuple[int, ...]
) -> None:
    trained = train(_recipe(tmp_path, network=network, top=top), tmp_path / "run")
    onnx = tmp_path / "run" / "renders" / "tiny-1-renders.onnx"
    detector = Detector(onnx)
    assert detector.card.stride_px == 32  # also where no output is that coarse
    picture = np.full((50, 90, 3), 120, np.uint8)
    found = detector.detect(picture, thresholds=dict.fromkeys(detector.card.labels, 0.0))
    assert 0 < len(found) <= sum((96 // px) * (64 // px) for px in outputs_px)
    assert json.loads((tmp_path / "run" / "renders" / "held-out.json").read_text())
    page = trained.report.read_text()
    assert "learning rate" in page
    assert "data:image/jpeg;base64," in page


def test_a_narrow_network_has_whole_vectors_of_channels() -> None:
    plan = network_plan(Network(width_multiple=0.11))
    channels = [layer[3][0] for layer in (*plan["backbone"], *plan["head"]) if layer[2] in {"Conv", "C3k2", "SPPF"}]
    assert {count % 16 for count in channels} == {0}
    assert max(channels) == 128  # 0.11 of 1024, rounded up


def test_the_coarsest_layer_tells_the_stride() -> None:
    assert stride_px(network_plan(Network())) == 32
    assert stride_px(network_plan(Network(heads=("p3", "p4")))) == 32
    assert stride_px(network_plan(Network(architecture="yolo26n-p6"))) == 64


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (Network(heads=("p2", "p3")), "no output p2; there are p3, p4, p5"),
        (Network(architecture="yolo99n"), "ultralytics has no network yolo99n"),
        (Network(architecture="yolo26"), "is no detection network of a size"),
    ],
)
def test_a_network_that_cannot_be_is_named(network: Network, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        network_plan(network)


@pytest.mark.slow
@pytest.mark.parametrize("minutes_limit", [None, 0.4])
def test_a_training_that_is_killed_goes_on(tmp_path: Path, minutes_limit: float | None) -> None:
    stage = "" if minutes_limit is None else f"minutes_limit = {minutes_limit}"
    recipe = _recipe(tmp_path, network="width_multiple = 0.125", renders_count=8, epochs=4, stage=stage)
    output = tmp_path / "run"
    folder = output / "renders"
    command = [sys.executable, "-m", "facings", "model", "train", "--recipe", str(recipe), "--output", str(output)]
    with subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True, stdout=subprocess.DEVNULL) as running:
        while not (folder / "weights" / "last.pt").exists() and running.poll() is None:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
    before = read_steps(folder / "steps.csv")

    said: list[str] = []
    trained = train(recipe, output, say=said.append)
    assert trained.weights["renders"].exists()
    rows = read_steps(folder / "steps.csv")
    steps = [row.step for row in rows]
    assert steps == sorted(set(steps))
    assert rows[0] == before[0]  # what the first sitting learned stands
    with (folder / "results.csv").open() as lines:
        epochs = [int(line["epoch"]) for line in csv.DictReader(lines)]
    assert epochs == list(range(1, len(epochs) + 1))
    if minutes_limit is None:
        assert epochs[-1] == 4
        assert any("goes on after epoch" in line for line in said)
    else:
        assert rows[-1].spent_s >= minutes_limit * 60 * 0.99
    card = ModelCard.read((folder / "tiny-1-renders.card.json").read_bytes())
    assert card.model_id == "tiny-1"
    again: list[str] = []
    train(recipe, output, say=again.append)
    assert not any("goes on" in line or "left" in line for line in again)
