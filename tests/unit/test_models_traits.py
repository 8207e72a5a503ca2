# SPDX-License-Identifier: AGPL-3.0-or-later
"""Defects are learnt as traits: they share their product's anchors and take none of them away."""

from typing import Any

import pytest

pytestmark = pytest.mark.train

PRODUCT_CLASS, GAP_CLASS, DAMAGED_CLASS = range(3)
SIDE_PX = 64


def _anchors() -> Any:
    """Centres of the cells of an 8 x 8 grid, (64, 2) pixels."""
    import torch  # noqa: PLC0415 - the train extra may be absent

    y, x = torch.meshgrid(*[torch.arange(4, SIDE_PX, 8.0)] * 2, indexing="ij")
    return torch.stack((x, y), dim=-1).view(-1, 2)


def _batch_of(counts: list[int]) -> dict[str, Any]:
    """What the assigner is given for pictures of so many boxes, boxes first and padding behind."""
    import torch  # noqa: PLC0415

    torch.manual_seed(sum(counts))
    anchors, images_count, most = _anchors(), len(counts), max(counts)
    corners = torch.zeros(images_count, most, 4)
    for image, count in enumerate(counts):
        low = torch.randint(0, 40, (count, 2)).float()
        corners[image, :count] = torch.cat((low, low + torch.randint(9, 24, (count, 2))), dim=1)
    spread = torch.rand(images_count, len(anchors), 4) * 14 + 2
    predicted = torch.cat((anchors - spread[..., :2], anchors + spread[..., 2:]), dim=-1)
    return {
        "pd_scores": torch.rand(images_count, len(anchors), 3),
        "pd_bboxes": predicted,
        "anc_points": anchors,
        "gt_labels": torch.randint(0, 2, (images_count, most, 1)).float(),
        "gt_bboxes": corners,
        "mask_gt": (corners.sum(dim=2, keepdim=True) > 0).float(),
    }


@pytest.mark.parametrize("counts", [[3], [5, 1, 9], [4, 0, 2], [1, 12]])
def test_picture_by_picture_assigns_as_all_together(counts: list[int]) -> None:
    import torch  # noqa: PLC0415
    from ultralytics.utils.tal import TaskAlignedAssigner  # noqa: PLC0415

    from models.federated import TraitAssigner  # noqa: PLC0415

    settings = {"topk": 4, "num_classes": 3, "alpha": 0.5, "beta": 6.0, "stride": [8], "topk2": 3}
    labels, boxes, scores, foreground, index = TraitAssigner(**settings)(**_batch_of(counts))
    theirs = TaskAlignedAssigner(**settings)(**_batch_of(counts))
    assert foreground.any()
    assert torch.equal(foreground, theirs[3])
    assert torch.allclose(scores, theirs[2])
    assert torch.equal(labels[foreground], theirs[0][foreground])
    assert torch.equal(boxes[foreground], theirs[1][foreground])
    assert torch.equal(index[foreground], theirs[4][foreground])


def test_a_batch_of_empty_pictures_is_all_background() -> None:
    from models.federated import TraitAssigner  # noqa: PLC0415

    batch = _batch_of([1, 1])
    for name in ("gt_labels", "gt_bboxes", "mask_gt"):
        batch[name] = batch[name][:, :0]
    _, _, scores, foreground, _ = TraitAssigner(topk=4, num_classes=3, stride=[8])(**batch)
    assert not foreground.any()
    assert scores.sum() == 0


def test_the_anchors_of_a_damaged_product_learn_both() -> None:
    import torch  # noqa: PLC0415

    from models.federated import TraitAssigner  # noqa: PLC0415

    batch = _batch_of([2, 1])
    batch["gt_labels"][...] = PRODUCT_CLASS
    batch["gt_bboxes"][0] = torch.tensor([[2.0, 2, 26, 26], [36.0, 36, 60, 60]])
    assigner = TraitAssigner(topk=4, num_classes=3, alpha=0.5, beta=6.0, stride=[8])
    _, _, sound_scores, sound_foreground, index = assigner(**batch)
    assigner.traits = torch.zeros(2, 2, 3)
    assigner.traits[0, 1, DAMAGED_CLASS] = 1  # the second product of the first picture
    _, _, scores, foreground, _ = assigner(**batch)
    assert torch.equal(foreground, sound_foreground)
    assert torch.equal(scores[..., PRODUCT_CLASS], sound_scores[..., PRODUCT_CLASS])
    damaged = foreground[0] & (index[0] == 1)
    assert damaged.any()
    assert torch.equal(scores[0, damaged, DAMAGED_CLASS], scores[0, damaged, PRODUCT_CLASS])
    assert scores[0, ~damaged, DAMAGED_CLASS].sum() == 0
    assert scores[1, :, DAMAGED_CLASS].sum() == 0


def test_a_trait_is_worn_by_the_box_in_its_place_of_its_picture() -> None:
    import torch  # noqa: PLC0415

    from models.federated import worn_traits  # noqa: PLC0415

    left, right = [0.2, 0.5, 0.1, 0.3], [0.6, 0.5, 0.1, 0.3]
    boxes = torch.tensor([left, right, left])
    worn = worn_traits(
        (boxes, torch.tensor([0, 0, 2])),  # the second picture has no box
        (torch.tensor([right, left, right, left]), torch.tensor([0, 2, 2, 1]), torch.tensor([1, 2, 1, 1])),
        (3, 3),
    )
    assert worn.shape == (3, 2, 3)
    assert worn.nonzero().tolist() == [[0, 1, 1], [2, 0, 2]]


def test_no_boxes_wear_nothing() -> None:
    import torch  # noqa: PLC0415

    from models.federated import worn_traits  # noqa: PLC0415

    nothing, nobody = torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
    assert worn_traits((nothing, nobody), (nothing, nobody, nobody), (2, 3)).sum() == 0


def test_a_defect_moves_its_own_score_alone() -> None:
    """The same shelf, its one product once sound and once damaged, before an untrained network."""
    import torch  # noqa: PLC0415
    from ultralytics.cfg import get_cfg  # noqa: PLC0415
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: PLC0415

    from models.federated import FederatedLoss  # noqa: PLC0415

    torch.manual_seed(3)
    model: Any = DetectionModel(yaml_model_load("yolo26n.yaml") | {"end2end": False}, nc=3, verbose=False)
    model.args = get_cfg()
    model.train()
    picture = torch.rand(1, 3, SIDE_PX, SIDE_PX)
    place = [0.5, 0.5, 0.5, 0.5]

    def pulls(*classes: float) -> tuple[Any, Any]:
        """Gradient of the scores, (3, anchors), and the losses of box, class and distance."""
        predictions = model(picture)
        predictions["scores"].retain_grad()
        loss = FederatedLoss(model)
        loss.traits = frozenset({DAMAGED_CLASS})
        batch = {
            "batch_idx": torch.zeros(len(classes)),
            "cls": torch.tensor(classes).view(-1, 1),
            "bboxes": torch.tensor([place] * len(classes)),
        }
        total, parts = loss(predictions, batch)
        total.sum().backward()
        return predictions["scores"].grad[0], parts

    sound, sound_parts = pulls(PRODUCT_CLASS)
    harmed, harmed_parts = pulls(PRODUCT_CLASS, DAMAGED_CLASS)
    learnt = sound[PRODUCT_CLASS] < 0  # descent raises these scores
    assert learnt.any()
    assert torch.equal(harmed[PRODUCT_CLASS] < 0, learnt)
    assert torch.equal(harmed[DAMAGED_CLASS] < 0, learnt)
    assert (sound[DAMAGED_CLASS] > 0).all()
    assert harmed_parts["box_loss"] == pytest.approx(float(sound_parts["box_loss"]), rel=0.6)
