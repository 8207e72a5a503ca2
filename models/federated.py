# SPDX-License-Identifier: AGPL-3.0-or-later
"""The training loss that lets unlabelled things cost nothing. Needs the `train` extra.

A target whose class index is `k + labels_count` is no object: inside it, class `k` adds no classification loss.
An anchor that matched a real box always counts, so boxes are matched before regions are applied.
"""

from typing import Any

import torch
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss


class FederatedLoss(v8DetectionLoss):  # type: ignore[misc]  # untyped where the train extra is absent
    """Detection loss over one head, with regions of ignorance."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plain_bce = torch.nn.BCEWithLogitsLoss(reduction="none")
        self._costs: Any = None
        self.bce: Any = self._bce_where_known

    def get_assigned_targets_and_loss(self, preds: dict[str, Any], batch: dict[str, Any], **kwargs: Any) -> Any:
        """Split the targets into boxes and regions, then let ultralytics assign the boxes alone."""
        index = batch["cls"].view(-1)
        is_box = index < self.nc
        self._costs = cost_mask(
            anchor_centres(preds["feats"]),
            batch["bboxes"][~is_box],
            index[~is_box].long() - self.nc,
            batch["batch_idx"][~is_box].long(),
            (preds["scores"].shape[0], self.nc),
        )
        boxes_alone = {
            **batch,
            "cls": batch["cls"][is_box],
            "bboxes": batch["bboxes"][is_box],
            "batch_idx": batch["batch_idx"][is_box],
        }
        return super().get_assigned_targets_and_loss(preds, boxes_alone, **kwargs)

    def _bce_where_known(self, scores: Any, targets: Any) -> Any:
        return self._plain_bce(scores, targets) * torch.maximum(self._costs, (targets > 0).to(scores.dtype))


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


def federated_criterion(model: Any) -> Any:
    """The loss for a network: both heads where it has the one-to-one head, else one."""
    has_both_heads = getattr(model.model[-1], "one2one_cv2", None) is not None
    return E2ELoss(model, FederatedLoss) if has_both_heads else FederatedLoss(model)
