# SPDX-License-Identifier: AGPL-3.0-or-later
"""The training loss that lets unlabelled things cost nothing. Needs the `train` extra.

A target whose class index is `k + labels_count` is no object: inside it, class `k` adds no classification loss.
An anchor that matched a real box always counts, so boxes are matched before regions are applied.

Defects are traits of a box and no objects of their own: a damaged pack is a product still. A defect's target, which
lies over that of its product, is not matched to anchors; those of the product learn both.
"""

from typing import Any

import torch
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss
from ultralytics.utils.tal import TaskAlignedAssigner

TRAIT_WEIGHT = 4.0
"""How much more an anchor of a harmed pack counts for its defect. About one pack in fifteen is harmed in the renders,
so without it, saying that none ever is costs the loss almost nothing (class-balanced weights: Cui and others 2019)."""

SAME_PLACE = 1e-5
"""Corners of a defect and of its product, as fractions of the picture, differ by less."""


class TraitAssigner(TaskAlignedAssigner):  # type: ignore[misc]  # untyped where the train extra is absent
    """ultralytics' assigner, picture by picture, with traits for the boxes.

    Together, every picture of a batch costs as much as the one with most boxes; shelves differ by a hundredfold.
    """

    traits: Any = None
    """(images, most boxes, classes) 1 where a box has a class as its trait."""

    @torch.no_grad()  # type: ignore[untyped-decorator]  # the same
    def forward(  # noqa: PLR0917 - ultralytics' signature
        self,
        pd_scores: Any,
        pd_bboxes: Any,
        anc_points: Any,
        gt_labels: Any,
        gt_bboxes: Any,
        mask_gt: Any,
        **extra: Any,
    ) -> tuple[Any, ...]:
        """As ultralytics documents it."""
        rows = []
        for image in range(pd_scores.shape[0]):
            boxes_count = int(mask_gt[image].sum())
            one, those = slice(image, image + 1), slice(0, boxes_count)
            rows.append(
                super().forward(
                    pd_scores[one],
                    pd_bboxes[one],
                    anc_points,
                    gt_labels[one, those],
                    gt_bboxes[one, those],
                    mask_gt[one, those],
                    **extra,
                )
            )
            rows[-1] = (*rows[-1][:2], rows[-1][2].to(pd_scores.dtype), rows[-1][3].bool(), rows[-1][4].long())
        labels, boxes, scores, foreground, index = (torch.cat(parts) for parts in zip(*rows, strict=True))
        if self.traits is not None and self.traits.shape[1]:
            images = torch.arange(len(index), device=index.device)[:, None]
            worn = self.traits[images, index] * foreground[..., None]
            scores = torch.maximum(scores, scores.amax(dim=-1, keepdim=True) * worn)
        return labels, boxes, scores, foreground, index


class FederatedLoss(v8DetectionLoss):  # type: ignore[misc]  # untyped where the train extra is absent
    """Detection loss over one head, with regions of ignorance and traits; reckoned in single precision."""

    traits: frozenset[int] = frozenset()
    """Class indices that are traits of boxes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plain_bce = torch.nn.BCEWithLogitsLoss(reduction="none")
        self._costs: Any = None
        self._weights: Any = None
        self.bce: Any = self._bce_where_known
        plain = self.assigner
        self.assigner: Any = TraitAssigner(
            topk=plain.topk,
            num_classes=self.nc,
            alpha=plain.alpha,
            beta=plain.beta,
            stride=self.stride.tolist(),
            topk2=plain.topk2,
        )

    def get_assigned_targets_and_loss(self, preds: dict[str, Any], batch: dict[str, Any], **kwargs: Any) -> Any:
        """Split the targets into boxes, traits and regions, then let ultralytics assign the boxes alone."""
        exact = {**preds, "boxes": preds["boxes"].float(), "scores": preds["scores"].float()}
        index = batch["cls"].view(-1)
        image = batch["batch_idx"].long()
        is_region = index >= self.nc
        is_trait = torch.isin(index, torch.tensor(sorted(self.traits), dtype=index.dtype, device=index.device))
        is_box = ~is_region & ~is_trait
        images_count = preds["scores"].shape[0]
        self._costs = cost_mask(
            anchor_centres(preds["feats"]),
            batch["bboxes"][is_region],
            index[is_region].long() - self.nc,
            image[is_region],
            (images_count, self.nc),
        )
        self.assigner.traits = worn_traits(
            (batch["bboxes"][is_box], image[is_box]),
            (batch["bboxes"][is_trait], image[is_trait], index[is_trait].long()),
            (images_count, self.nc),
        )
        boxes_alone = {
            **batch,
            "cls": batch["cls"][is_box],
            "bboxes": batch["bboxes"][is_box],
            "batch_idx": batch["batch_idx"][is_box],
        }
        with torch.autocast(preds["scores"].device.type, enabled=False):
            return super().get_assigned_targets_and_loss(exact, boxes_alone, **kwargs)

    def _bce_where_known(self, scores: Any, targets: Any) -> Any:
        matched = (targets > 0).to(scores.dtype)
        if self._weights is None:
            self._weights = torch.ones(self.nc, device=scores.device)
            self._weights[sorted(self.traits)] = TRAIT_WEIGHT
        return self._plain_bce(scores, targets) * torch.maximum(self._costs, matched * self._weights)


def worn_traits(boxes: tuple[Any, Any], traits: tuple[Any, Any, Any], images_and_classes: tuple[int, int]) -> Any:
    """1 where a box wears a trait: (images, most boxes, classes), boxes of a picture in their order.

    `boxes` are (n, 4) corners as fractions and their n pictures; `traits` the same with their n classes.
    """
    corners, image = boxes
    trait_corners, trait_image, trait_class = traits
    images_count, classes_count = images_and_classes
    counts = torch.bincount(image, minlength=images_count)
    worn = torch.zeros(images_count, int(counts.max()) if len(image) else 0, classes_count, device=corners.device)
    starts = torch.cumsum(counts, dim=0) - counts
    for row in range(len(trait_class)):
        place = int(trait_image[row])
        own = corners[starts[place] : starts[place] + counts[place]]
        same = ((own - trait_corners[row]).abs() < SAME_PLACE).all(dim=1)
        worn[place, : len(own), trait_class[row]] = torch.maximum(
            worn[place, : len(own), trait_class[row]], same.to(worn.dtype)
        )
    return worn


def anchor_centres(feature_maps: list[Any]) -> Any:
    """Centres of all anchors, (A, 2) x and y as fractions of the picture, in the order of the network's output."""
    centres = []
    for feature_map in feature_maps:
        rows, columns = feature_map.shape[2:]
        y, x = torch.meshgrid(
            (torch.arange(rows, device=feature_map.device) + 0.5) / rows,
            (torch.arange(columns, device=feature_map.device) + 0.5) / columns,
            indexing="ij",
        )
        centres.append(torch.stack((x, y), dim=-1).view(-1, 2))
    return torch.cat(centres)


def cost_mask(
    centres: Any, regions: Any, region_class: Any, region_image: Any, images_and_classes: tuple[int, int]
) -> Any:
    """1 where a class is known at an anchor and 0 where it is not: (images, A, classes).

    `regions` are (n, 4) centre and sides as fractions; `region_class` and `region_image` are their n indices.
    """
    images_count, classes_count = images_and_classes
    costs = torch.ones(images_count, len(centres), classes_count, device=centres.device)
    half = regions[:, 2:] / 2
    low, high = regions[:, :2] - half, regions[:, :2] + half
    for region in range(len(regions)):
        inside = ((centres >= low[region]) & (centres <= high[region])).all(dim=1)
        costs[region_image[region], inside, region_class[region]] = 0
    return costs


def federated_criterion(model: Any, traits: frozenset[int] = frozenset()) -> Any:
    """The loss for a network: both heads where it has the one-to-one head, else one.

    `traits` are the class indices that boxes wear rather than are.
    """
    has_both_heads = getattr(model.model[-1], "one2one_cv2", None) is not None
    criterion = E2ELoss(model, FederatedLoss) if has_both_heads else FederatedLoss(model)
    for part in (criterion.one2many, criterion.one2one) if has_both_heads else (criterion,):
        part.traits = traits
    return criterion
