# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node finds with an exported network is what ultralytics finds with the weights that it was exported from."""

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from contract.model_card import DetectorHead, DetectorLabel
from edge.decode import Boxes, doubt_nested
from edge.detector import Detector
from edge.input_shape import choose_input_wh_px
from models.cards import make_card, write_card
from models.detecting import card_of
from models.export import export
from models.recipe import Recipe
from tests.toy_network import shelf_picture, write_toy_model

HAS_TRAIN_EXTRA = all(importlib.util.find_spec(module) for module in ("torch", "ultralytics"))
needs_train_extra = pytest.mark.skipif(
    not HAS_TRAIN_EXTRA, reason="the train extra is absent: pip install 'facings[train]' to include this test"
)

LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG)
THRESHOLD = 0.4
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
    layers = [cv2.resize(rng.random((9 * k, 12 * k, 3)), wh_px, interpolation=cv2.INTER_LINEAR) for k in (1, 3, 9)]
    return np.asarray(np.mean(layers, axis=0) * 255, dtype=np.uint8)  # no two places look alike


def _network(recipe: Recipe) -> Any:
    """A yolo26n of random weights whose scores spread over 0..1, so that there is something to compare."""
    import torch  # noqa: PLC0415 - the train extra may be absent
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: PLC0415

    torch.manual_seed(3)
    plan = yaml_model_load(f"{recipe.network.architecture}.yaml") | {"end2end": recipe.network.nms_free}
    network: Any = DetectionModel(plan, nc=len(LABELS), verbose=False)
    network.names = dict(enumerate(map(str, LABELS)))
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = (
                None  # the mean over all that it sees, else it settles too slowly and all places look alike
            )
    with torch.no_grad():
        for seed in range(8):
            blob = torch.from_numpy(_picture((416, 256), seed).transpose(2, 0, 1)[None] / np.float32(255))
            network(blob)
        network.eval()
        _spread_scores(network, blob)
    return network.float().eval()


def _spread_scores(network: Any, blob: Any) -> None:
    """Scale each last convolution of scores to logits of mean -1 and at most 3 over one picture: no two are equal."""
    import torch  # noqa: PLC0415 - the train extra may be absent

    seen: dict[Any, Any] = {}
    lasts = [
        module
        for name, module in network.model[-1].named_modules()
        if "cv3" in name and isinstance(module, torch.nn.Conv2d) and module.out_channels == len(LABELS)
    ]
    hooks = [module.register_forward_hook(lambda m, _, output: seen.__setitem__(m, output)) for module in lasts]
    network(blob)
    for hook in hooks:
        hook.remove()
    for module, logits in seen.items():
        mean, most = logits.mean(dim=(0, 2, 3)), logits.amax(dim=(0, 2, 3))
        factor = 4 / (most - mean + 1e-6)
        module.weight.mul_(factor[:, None, None, None])
        module.bias.copy_((module.bias - mean) * factor - 1)


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
    network: Any, head: DetectorHead, image_bgr: NDArray[np.uint8], input_wh_px: tuple[int, int]
) -> Boxes:
    """Boxes in the picture's pixels, as ultralytics alone frames the picture, runs the network and suppresses."""
    import torch  # noqa: PLC0415 - the train extra may be absent
    from ultralytics.data.augment import LetterBox  # noqa: PLC0415
    from ultralytics.utils.nms import non_max_suppression  # noqa: PLC0415
    from ultralytics.utils.ops import scale_boxes  # noqa: PLC0415

    end2end = head is DetectorHead.NMS_FREE
    network.model[-1].max_det = 1500
    if end2end:
        network.model[-1].end2end = True  # ultralytics answers with the other head unless told
    framed = LetterBox((input_wh_px[1], input_wh_px[0]), auto=False)(image=image_bgr)
    blob = torch.from_numpy(np.ascontiguousarray(framed[..., ::-1].transpose(2, 0, 1))[None]).float() / 255
    with torch.no_grad():
        output = network(blob)
    (rows,) = non_max_suppression(
        output, THRESHOLD, NMS_IOU, max_det=1500, nc=len(LABELS), end2end=end2end, max_time_img=60
    )
    # One rule is the node's own: of facings that hold one another the surest is believed.
    corners, confidence, class_id = doubt_nested(
        (rows[:, :4].numpy(), rows[:, 4].numpy(), rows[:, 5].numpy().astype(np.int64)),
        np.full(len(LABELS), THRESHOLD, np.float32),
    )
    in_picture = scale_boxes(blob.shape[2:], torch.from_numpy(corners.copy()), image_bgr.shape[:2]).numpy()
    seen = (in_picture[:, 2:] > in_picture[:, :2]).all(axis=1)
    return in_picture[seen], confidence[seen], class_id[seen]


@pytest.mark.slow
@pytest.mark.train
@needs_train_extra
@pytest.mark.filterwarnings("ignore")  # torch and ultralytics warn about themselves
@pytest.mark.parametrize("head", list(DetectorHead))
def test_a_node_finds_what_ultralytics_finds_in_pictures_of_odd_sizes(tmp_path: Path, head: DetectorHead) -> None:
    network, onnx_path = _exported(tmp_path, head)
    detector = Detector(onnx_path)
    compared_count = 0
    for seed, wh_px in enumerate(ODD_SIZES_WH_PX, start=50):
        image_bgr = _picture(wh_px, seed)
        input_wh_px = choose_input_wh_px(detector.card, wh_px, None)
        corners, confidence, class_id = _by_ultralytics(network, head, image_bgr, input_wh_px)
        found = detector.detect(image_bgr)
        assert len(found) == len(confidence)
        distance_px = np.abs(found.xyxy_px[:, None] - corners[None]).max(axis=2)
        apart = np.abs(found.confidence[:, None] - confidence[None])
        other_class = found.class_id[:, None] != class_id[None]
        rows = np.arange(len(found))
        nearest = (distance_px + 1000 * apart + 1e6 * other_class).argmin(axis=1)
        assert sorted(nearest) == list(range(len(confidence)))
        assert not other_class[rows, nearest].any()
        assert distance_px[rows, nearest].max() < 0.75
        assert apart[rows, nearest].max() < 1e-3
        compared_count += len(found)
    assert compared_count > 40


@pytest.mark.slow
@needs_train_extra
@pytest.mark.train
@pytest.mark.filterwarnings("ignore")
def test_the_nms_free_head_keeps_more_than_ultralytics_300_boxes(tmp_path: Path) -> None:
    _, onnx_path = _exported(tmp_path, DetectorHead.NMS_FREE)
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    blob = np.random.default_rng(5).random((1, 3, 320, 416), dtype=np.float32)
    (output,) = session.run(None, {session.get_inputs()[0].name: blob})
    assert output.shape == (1, 1500, 6)
    assert (output[0, :, 4] > 0).sum() == 1500


@pytest.mark.parametrize("head", list(DetectorHead))
def test_a_picture_of_more_than_300_facings_is_counted_whole(tmp_path: Path, head: DetectorHead) -> None:
    shown = {(column, row): DetectorLabel.PRODUCT for column in range(0, 40, 2) for row in range(0, 40, 2)}
    found = Detector(write_toy_model(tmp_path, head=head)).detect(shelf_picture(shown, wh_px=(640, 640)))
    assert len(found) == len(shown) == 400
