# SPDX-License-Identifier: AGPL-3.0-or-later
"""A training's folder goes on only with what it was begun with, and a stage gets the photographs that it asks for."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import WorkshopError
from models.recipe import Recipe
from models.train import photographs_of
from models.training_inputs import keep_inputs


def _recipe(repeats: int | dict[str, int] = 0, **changes: Any) -> Recipe:
    plain: dict[str, Any] = {
        "model_id": "tiny-1",
        "renders": {"train_count": 3, "validation_count": 1},
        "stages": [{"name": "photographs", "epochs": 1, "photographs_repeat_count": repeats}],
    }
    return Recipe.model_validate(plain | changes)


def _annotations(folder: Path, **image: Any) -> Path:
    path = folder / "annotations.json"
    images = [
        {"id": 1, "file_name": "a.jpg", "width": 8, "height": 8, "source": "corner-shop", "may_train": True} | image
    ]
    path.write_text(json.dumps({"categories": [], "images": images, "annotations": []}))
    return path


def test_the_same_files_go_on_and_others_are_refused(tmp_path: Path) -> None:
    annotations, start = _annotations(tmp_path), tmp_path / "start.onnx"
    start.write_bytes(b"weights")
    keep_inputs(tmp_path / "run", _recipe(), annotations, start)
    keep_inputs(tmp_path / "run", _recipe(), annotations, start)
    with pytest.raises(WorkshopError, match="other content of --recipe; take a fresh folder"):
        keep_inputs(tmp_path / "run", _recipe(seed=7), annotations, start)
    start.write_bytes(b"other weights")
    with pytest.raises(WorkshopError, match="other content of --start"):
        keep_inputs(tmp_path / "run", _recipe(), annotations, start)
    with pytest.raises(WorkshopError, match="other content of --annotations, --start"):
        keep_inputs(tmp_path / "run", _recipe(), None, None)


@pytest.mark.parametrize(
    ("repeats", "image", "complaint"),
    [
        ({"supermarket": 4}, {}, "photographs of supermarket; .* these may train: corner-shop"),
        (4, {"may_train": False}, "photographs of any source; .* these may train: none"),
    ],
)
def test_a_stage_that_would_show_none_of_its_photographs_is_refused(
    tmp_path: Path, repeats: int | dict[str, int], image: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(WorkshopError, match=complaint):
        photographs_of(_recipe(repeats), _annotations(tmp_path, **image))


def test_a_source_that_is_there_is_shown(tmp_path: Path) -> None:
    (photograph,) = photographs_of(_recipe({"corner-shop": 4, "elsewhere": 0}), _annotations(tmp_path))
    assert photograph.source == "corner-shop"
