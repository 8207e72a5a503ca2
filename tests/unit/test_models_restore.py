# SPDX-License-Identifier: AGPL-3.0-or-later
"""A shipped network becomes weights to train on, and answers as it did before."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from contract.model_card import DetectorLabel, ModelCard
from edge.model_file import read_card
from models.errors import ExportError
from models.export import export
from models.letterboxed import letterboxed_blob
from models.recipe import Recipe
from models.restore import output_difference, restore
from tests.toy_network import shelf_picture, write_toy_model

pytestmark = pytest.mark.train

PRODUCT, GAP, TAG, DAMAGED = (
    DetectorLabel.PRODUCT,
    DetectorLabel.GAP,
    DetectorLabel.PRICE_TAG,
    DetectorLabel.DAMAGED,
)
INPUT_PX = 64


def _recipe(labels: tuple[DetectorLabel, ...], architecture: str = "yolo26n") -> Recipe:
    return Recipe.model_validate(
        {
            "model_id": "tiny-1",
            "labels": labels,
            "train_input_px": INPUT_PX,
            "default_input_wh_px": (INPUT_PX, INPUT_PX),
            "network": {"architecture": architecture},
            "renders": {"train_count": 1, "validation_count": 1},
            "stages": [{"name": "renders", "epochs": 1}],
        }
    )


def _card(folder: Path, labels: tuple[DetectorLabel, ...]) -> ModelCard:
    write_toy_model(folder)
    return read_card(folder / "toy.card.json").model_copy(update={"labels": labels})


def _network(checkpoint: Path) -> Any:
    import torch  # noqa: PLC0415 - the train extra may be absent

    return torch.load(checkpoint, weights_only=False)["model"].float().eval()


def _answer(network: Any, blob: NDArray[np.float32]) -> NDArray[np.float32]:
    import torch  # noqa: PLC0415

    with torch.no_grad():
        answer: NDArray[np.float32] = network(torch.from_numpy(blob))[0].numpy()
    return answer


def _shipped_answer(onnx_path: Path, blob: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime  # noqa: PLC0415 - beside torch, to load neither where both are left out

    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    answer: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: blob})[0]
    return answer


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of a network of products and gaps whose normalisations are far from doing nothing."""
    import torch  # noqa: PLC0415
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("shipped")
    torch.manual_seed(7)
    network = DetectionModel(yaml_model_load("yolo26n.yaml") | {"end2end": False}, nc=2, verbose=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.1, 0.4)
    network.names = {0: "product", 1: "gap"}
    torch.save({"model": network, "train_args": {"task": "detect"}, "epoch": -1}, folder / "last.pt")
    return export(folder / "last.pt", folder / "shipped.onnx", _recipe((PRODUCT, GAP)))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Six noisy shelves in three shapes, products and gaps on them."""
    paths = []
    for number, wh_px in enumerate([(64, 64), (128, 64), (64, 128)] * 2):
        cells = {(number % 4, row): (PRODUCT, GAP)[row % 2] for row in range(4)}
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), shelf_picture(cells, wh_px=wh_px, seed=number))
    return paths


@pytest.mark.slow
def test_a_restored_network_answers_as_the_shipped_one(shipped: Path, pictures: list[Path], tmp_path: Path) -> None:
    labels = (PRODUCT, GAP)
    restored = restore(shipped, _card(tmp_path, labels), _recipe(labels), pictures, tmp_path / "start.pt")
    network = _network(restored)
    for picture in pictures:
        assert output_difference(network, shipped, letterboxed_blob(picture, INPUT_PX)) < 0.01


@pytest.mark.slow
def test_its_normalisations_hold_what_the_pictures_show(shipped: Path, pictures: list[Path], tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    labels = (PRODUCT, GAP)
    network = _network(restore(shipped, _card(tmp_path, labels), _recipe(labels), pictures, tmp_path / "start.pt"))
    seen: list[Any] = []
    first = next(module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d))
    first.register_forward_hook(lambda _norm, _inputs, output: seen.append(output.detach()))
    for picture in pictures:
        _answer(network, letterboxed_blob(picture, INPUT_PX))
    values = torch.cat([output.transpose(0, 1).flatten(1) for output in seen], dim=1)
    # Normalised, scaled by the weight and shifted by the bias: over the pictures these two are its spread and mean.
    assert torch.allclose(values.mean(dim=1), first.bias, atol=1e-3)
    assert torch.allclose(values.std(dim=1), first.weight, rtol=0.05, atol=1e-2)


@pytest.mark.slow
def test_labels_added_and_moved_keep_what_the_known_ones_say(
    shipped: Path, pictures: list[Path], tmp_path: Path
) -> None:
    labels = (TAG, GAP, DAMAGED, PRODUCT)
    restored = restore(shipped, _card(tmp_path, (PRODUCT, GAP)), _recipe(labels), pictures, tmp_path / "start.pt")
    network = _network(restored)
    assert list(network.names.values()) == list(labels)
    blob = letterboxed_blob(pictures[0], INPUT_PX)
    now, before = _answer(network, blob), _shipped_answer(shipped, blob)
    assert now.shape[1] == 4 + len(labels)
    assert np.allclose(now[:, :4], before[:, :4], atol=0.01)
    assert np.allclose(now[:, 4 + labels.index(PRODUCT)], before[:, 4], atol=1e-3)
    assert np.allclose(now[:, 4 + labels.index(GAP)], before[:, 5], atol=1e-3)
    assert now[:, 4 + labels.index(DAMAGED)].max() < 0.1  # an untrained output says nothing yet


@pytest.mark.slow
def test_a_network_of_another_architecture_is_refused(shipped: Path, pictures: list[Path], tmp_path: Path) -> None:
    labels = (PRODUCT, GAP)
    for architecture in ("yolo26s", "yolo11n"):
        with pytest.raises(ExportError, match=r"of another architecture|expected"):
            restore(
                shipped, _card(tmp_path, labels), _recipe(labels, architecture), pictures, tmp_path / "new" / "start.pt"
            )
    assert not (tmp_path / "new" / "start.pt").exists()


def test_a_network_that_never_was_ultralytics_is_refused(pictures: list[Path], tmp_path: Path) -> None:
    toy = write_toy_model(tmp_path)
    with pytest.raises(ExportError, match="has no convolution"):
        restore(
            toy, read_card(tmp_path / "toy.card.json"), _recipe((PRODUCT, GAP, TAG)), pictures, tmp_path / "start.pt"
        )
