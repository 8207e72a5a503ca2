# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node finds with an exported network is what ultralytics finds with the weights that it was exported from."""

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from contract.model_card import DetectorHead, DetectorLabel
from edge.decode import without_nested
from edge.detector import Detector
from edge.input_shape import choose_input_wh_px
from models.cards import make_card, write_card
from models.detecting import card_of
from models.export import export
from models.recipe import Recipe

HAS_TRAIN_EXTRA = all(importlib.util.find_spec(module) for module in ("torch", "ultralytics"))
needs_train_extra = pytest.mark.skipif(
    not HAS_TRAIN_EXTRA, reason="the train extra is absent: pip install 'facings[train]' to include this test"
)
pytestmark = [pytest.mark.train, needs_train_extra, pytest.mark.filterwarnings("ignore")]

LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG)
THRESHOLD = 0.6
NMS_IOU = 0.6
ODD_SIZES_WH_PX = ((640, 480), (333, 517), (801, 450), (417, 255))


def _recipe(*, nms_free: bool) -> Recipe:
    return Recipe.model_validate(
        {
            "model_id": "random-1",
            "labels": LABELS,
            "train_input_px": 416,
            "default_input_wh_px": (416, 256),
            "network": {"nms_free": nms_free},
            "renders": {"train_count": 1, "validation_count": 1},
            "stages": [{"name": "renders", "epochs": 1}],
        }
    )


def _picture(wh_px: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, wh_px, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _network(recipe: Recipe) -> Any:
    """A yolo26n of random weights whose scores spread over 0..1, so that there is something to compare."""
    import torch  # noqa: PLC0415 - the train extra may be absent
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: PLC0415

    torch.manual_seed(3)
    plan = yaml_model_load(f"{recipe.network.architecture}.yaml") | {"end2end": recipe.network.nms_free}
    network: Any = DetectionModel(plan, nc=len(LABELS), verbose=False)
    network.names = dict(enumerate(map(str, LABELS)))
    network.train()
    with torch.no_grad():
        for seed in range(12):  # settles the batch norms
            blob = torch.from_numpy(_picture((416, 256), seed).transpose(2, 0, 1)[None] / np.float32(255))
            network(blob)
        for name, parameter in network.model[-1].named_parameters():
            if "cv3" in name and parameter.dim() == 4 and parameter.shape[0] == len(LABELS):
                parameter.mul_(25)
            elif "cv3" in name and parameter.dim() == 1 and parameter.shape[0] == len(LABELS):
                parameter.fill_(-1.5)
    return network.float().eval()


def _exported(folder: Path, head: DetectorHead) -> tuple[Any, Path]:
    import torch  # noqa: PLC0415 - the train extra may be absent

    recipe = _recipe(nms_free=head is DetectorHead.NMS_FREE)
    network = _network(recipe)
    weights = folder / "random.pt"
    torch.save({"model": network, "train_args": {}}, weights)
    onnx_path = export(weights, folder / f"{head}.onnx", recipe, head)
    manifest = folder / "manifest.json"
    told = {"recipe": {"file": "r.toml"}, "renders": {"images_count": 0}, "photographs": [], "start": None}
    manifest.write_text(json.dumps(told))
    thresholds = dict.fromkeys(LABELS, THRESHOLD)
    instant = datetime(2026, 11, 23, tzinfo=UTC)
    card = make_card(onnx_path, recipe, manifest, head=head, thresholds=thresholds, trained_at=instant)
    write_card(card.model_copy(update={"nms_iou": NMS_IOU}), card_of(onnx_path))
    return network, onnx_path


def _by_ultralytics(
    network: Any, image_bgr: NDArray[np.uint8], input_wh_px: tuple[int, int], threshold: float
) -> NDArray[np.float32]:
    """Rows x1, y1, x2, y2, score, class in the picture's pixels, as ultralytics alone computes them."""
    import torch  # noqa: PLC0415 - the train extra may be absent
    from ultralytics.data.augment import LetterBox  # noqa: PLC0415
    from ultralytics.utils.nms import non_max_suppression  # noqa: PLC0415
    from ultralytics.utils.ops import scale_boxes  # noqa: PLC0415

    network.model[-1].max_det = 1500
    framed = LetterBox((input_wh_px[1], input_wh_px[0]), auto=False)(image=image_bgr)
    blob = torch.from_numpy(np.ascontiguousarray(framed[..., ::-1].transpose(2, 0, 1))[None]).float() / 255
    with torch.no_grad():
        output = network(blob)
    end2end = bool(getattr(network, "end2end", False))
    (rows,) = non_max_suppression(
        output, threshold, NMS_IOU, max_det=1500, nc=len(LABELS), end2end=end2end, max_time_img=60
    )
    rows[:, :4] = scale_boxes(blob.shape[2:], rows[:, :4], image_bgr.shape[:2])
    found: NDArray[np.float32] = rows.numpy()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("head", list(DetectorHead))
def test_a_node_finds_what_ultralytics_finds_in_pictures_of_odd_sizes(tmp_path: Path, head: DetectorHead) -> None:
    network, onnx_path = _exported(tmp_path, head)
    detector = Detector(onnx_path)
    compared_count = 0
    for seed, wh_px in enumerate(ODD_SIZES_WH_PX, start=50):
        image_bgr = _picture(wh_px, seed)
        input_wh_px = choose_input_wh_px(detector.card, wh_px, None)
        rows = _by_ultralytics(network, image_bgr, input_wh_px, THRESHOLD)
        # One rule is the node's own: of facings that hold one another the surest stays.
        corners, confidence, class_id = without_nested((rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64)))
        found = detector.detect(image_bgr)
        assert len(found) == len(confidence)
        ours = np.lexsort((*found.xyxy_px.T.round(), found.class_id))
        theirs = np.lexsort((*corners.T.round(), class_id))
        distance_px = np.abs(found.xyxy_px[:, None] - corners[None]).max(axis=2)
        nearest = distance_px.argmin(axis=1)
        assert sorted(nearest) == list(range(len(confidence))), (ours, theirs)
        assert distance_px.min(axis=1).max() < 0.75
        assert np.array_equal(found.class_id, class_id[nearest])
        assert np.abs(found.confidence - confidence[nearest]).max() < 1e-3
        compared_count += len(found)
    assert compared_count > 40


@pytest.mark.slow
@pytest.mark.parametrize("head", list(DetectorHead))
def test_a_dense_picture_loses_no_boxes_to_a_cap(tmp_path: Path, head: DetectorHead) -> None:
    network, onnx_path = _exported(tmp_path, head)
    image_bgr = _picture((1280, 960), 7)
    rows = _by_ultralytics(network, image_bgr, (416, 320), 0.001)
    assert len(rows) > 400
    corners, _, _ = without_nested((rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64)))
    found = Detector(onnx_path).detect(image_bgr, thresholds=dict.fromkeys(LABELS, 0.001))
    assert len(found) > 300
    assert len(found) == pytest.approx(len(corners), rel=0.05)
