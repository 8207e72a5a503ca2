# SPDX-License-Identifier: AGPL-3.0-or-later
"""Non-maximum suppression as torchvision defines it, without its compiled operators."""

from typing import Any

import torch


def nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices of the boxes that no surer box overlaps by more than `iou_threshold`, surest first; xyxy (n, 4), (n,)."""
    waiting = torch.argsort(scores, descending=True, stable=True)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    kept = []
    while len(waiting):
        surest, waiting = waiting[0], waiting[1:]
        kept.append(surest)
        low = torch.maximum(boxes[surest, :2], boxes[waiting, :2])
        high = torch.minimum(boxes[surest, 2:], boxes[waiting, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        waiting = waiting[shared <= iou_threshold * (areas[surest] + areas[waiting] - shared)]
    return torch.stack(kept) if kept else waiting
