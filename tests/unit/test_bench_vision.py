# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings bench vision`: what it prints is whole, whatever the figures are."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from calibration.view import CameraView
from edge.zone_map import draw_zone_map
from simulator.bench import app
from simulator.rig.vision_bay import FACINGS_PER_ZONE_COUNT, WH_PX, ZONES_COUNT, timed_bay
from simulator.rig.vision_speed import STAGES
from tests.toy_network import write_toy_model


def test_the_timed_bay_shows_every_zone_and_about_two_hundred_facings() -> None:
    bay = timed_bay()
    assert bay.image_bgr.shape == (WH_PX[1], WH_PX[0], 3)
    assert len(bay.calibration.zones) == ZONES_COUNT == 24
    assert bay.facings_count == ZONES_COUNT * FACINGS_PER_ZONE_COUNT
    assert 150 <= bay.facings_count <= 250
    view = CameraView(bay.calibration, WH_PX)
    assert not view.out_of_view_zone_ids
    assert set(np.unique(draw_zone_map(view))) == set(range(-1, ZONES_COUNT))


def test_it_measures_a_network_and_its_int8_twin_in_one_run(tmp_path: Path) -> None:
    models = [write_toy_model(tmp_path, name=name, input_wh_px=(640, 384)) for name in ("toy", "toy-int8")]
    arguments = ["vision", "--rounds", "2", "--starts", "1", "--json"]
    done = CliRunner().invoke(app, arguments + [word for model in models for word in ("--model", str(model))])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [model["model_id"] for model in told["models"]] == ["toy", "toy-int8"]
    assert set(told["int8_share"]) == {"toy-int8"}
    for model in told["models"]:
        assert model["rounds"] == 2
        assert model["zones_count"] == 24
        assert model["input_wh_px"] == [640, 384]
        assert set(model["stages"]) == set(STAGES)
        for spent in (model["bare"], model["full"], *model["stages"].values()):
            assert set(spent) == {"wall_ms", "wall_quartiles_ms", "cpu_ms", "cpu_least_ms"}
        assert model["ratio_wall"] > 0
        assert model["ratio_cpu"] > 0
        assert 10 < model["start"]["first_peak_mb"] <= model["start"]["peak_mb"]
        assert model["start"]["start_ms"] >= model["start"]["imports_ms"] > 0
    assert (told["peer"] == "measured") == all(model["peer"] is not None for model in told["models"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "nowhere.onnx"], "nowhere.card.json: cannot be read"),
        (["--peer-python", "/no/such/python"], "/no/such/python: cannot be run"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    toy = write_toy_model(tmp_path, input_wh_px=(640, 384))
    named = arguments if "--model" in arguments else ["--model", str(toy), *arguments]
    done = CliRunner().invoke(app, ["vision", "--rounds", "1", "--starts", "0", *named])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
