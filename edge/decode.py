# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the network's output to boxes in input pixels, for both kinds of head; then one box per object."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from contract.model_card import DEFECT_LABELS, DetectorHead, DetectorLabel
from edge.rivals import cover_over, overlap_over, standing

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int64]
Boxes = tuple[FloatArray, FloatArray, IndexArray]
"""xyxy float32 (n, 4), confidence float32 (n,), class index int64 (n,)."""

NESTED_FRACTION = 0.7
"""Share of the smaller box beyond which two boxes of a class can hardly both be facings."""
NESTED_TRUST = 0.1
"""What a doubted box keeps of its confidence: too little for a node to count it, yet a score over all confidences does
not lose the true ones among them (AP50 on photographs that trained nothing: 0.68 to 0.70 and 0.88 to 0.94)."""


def decode(
    output: FloatArray, card_labels: tuple[DetectorLabel, ...], head: DetectorHead, thresholds: FloatArray
) -> Boxes:
    """Candidates that reach the threshold of their class; `thresholds` float32 (classes,), as `card_labels`.

    `output` is (1, 4 + classes, N) of a RAW head or (1, N, 6) of an NMS_FREE head. From a RAW head a candidate is one
    object, the likeliest, and a product may wear defects, which are boxes of their own over it.
    """
    if head is DetectorHead.NMS_FREE:
        return _decode_nms_free(output[0], thresholds)
    return _decode_raw(output[0], _roles(card_labels), thresholds)


def suppress(boxes: Boxes, *, iou: float, max_boxes_count: int) -> Boxes:
    """Keep the surest of boxes of one class that overlap by more than `iou`; never compare across classes."""
    xyxy, confidence, class_id = _surest(boxes, len(boxes[1]))
    # An intersection of more than `iou` of the left box leaves the rest of its width to the right one's left edge.
    kept = standing(xyxy, class_id, overlap_over(iou), reach_fraction=1.0 - iou)[:max_boxes_count]
    return xyxy[kept], confidence[kept], class_id[kept]


@dataclass(frozen=True, slots=True, eq=False)
class _Roles:
    """Class indices of a card: of `objects`, which stand for themselves, of `traits` of products, and of `product`."""

    objects: IndexArray
    traits: IndexArray
    product: int
    """-1 where there is none."""


@cache
def _roles(card_labels: tuple[DetectorLabel, ...]) -> _Roles:
    is_trait = np.array([label in DEFECT_LABELS for label in card_labels], dtype=bool)
    product = card_labels.index(DetectorLabel.PRODUCT) if DetectorLabel.PRODUCT in card_labels else -1
    return _Roles(np.flatnonzero(~is_trait), np.flatnonzero(is_trait), product)


def _surest(boxes: Boxes, max_boxes_count: int) -> Boxes:
    xyxy, confidence, class_id = boxes
    if len(confidence) <= max_boxes_count and (confidence[:-1] >= confidence[1:]).all():
        return boxes
    order = _surest_first(confidence)[:max_boxes_count]
    return xyxy[order], confidence[order], class_id[order]


def _surest_first(confidence: FloatArray) -> IndexArray:
    """Indices (n,) by falling confidence, which is never below zero; equals stay in order.

    The bits of such a float32 rise with it, so confidence and index fit one whole number, and numbers sort faster.
    """
    bits = np.ascontiguousarray(confidence).view(np.int32).astype(np.int64)
    keys = np.arange(len(bits)) - (bits << 32)
    keys.sort()
    keys &= 0xFFFFFFFF
    return keys


def _decode_raw(output: FloatArray, roles: _Roles, thresholds: FloatArray) -> Boxes:
    scores = output[4:]
    object_scores = scores.take(roles.objects, axis=0)
    # Most candidates see nothing at all: only the few above the lowest threshold are worth a closer look.
    best = object_scores.max(axis=0)
    index = (best >= thresholds.take(roles.objects).min()).nonzero()[0]
    class_id = roles.objects.take(object_scores.take(index, axis=1).argmax(axis=0))
    reaches = (best.take(index) >= thresholds.take(class_id)).nonzero()[0]
    index, class_id = index.take(reaches), class_id.take(reaches)
    confidence = best.take(index)
    on_products = index[class_id == roles.product]
    for trait in roles.traits:
        worn_by = on_products[scores[trait].take(on_products) >= thresholds[trait]]
        if len(worn_by):
            index = np.concatenate([index, worn_by])
            class_id = np.concatenate([class_id, np.full(len(worn_by), trait)])
            confidence = np.concatenate([confidence, scores[trait].take(worn_by)])
    confidence = np.minimum(confidence, 1.0)
    order = _surest_first(confidence)
    boxes = output[:4].take(index.take(order), axis=1)
    centre, half = boxes[:2], boxes[2:] / 2
    xyxy = np.empty((len(order), 4), dtype=output.dtype)
    np.subtract(centre, half, out=xyxy.T[:2])
    np.add(centre, half, out=xyxy.T[2:])
    return xyxy, confidence.take(order), class_id.take(order)


def _decode_nms_free(output: FloatArray, thresholds: FloatArray) -> Boxes:
    class_id = output[:, 5].astype(np.int64)
    known = (class_id >= 0) & (class_id < len(thresholds))
    output, class_id = output[known], class_id[known]
    chosen = output[:, 4] >= thresholds[class_id]
    return _surest((output[chosen, :4], np.minimum(output[chosen, 4], 1.0), class_id[chosen]), len(output))


def doubt_nested(boxes: Boxes, thresholds: FloatArray, *, covered_fraction: float = NESTED_FRACTION) -> Boxes:
    """Doubt a box that lies mostly inside a surer box of its class, or that holds most of one.

    Facings stand side by side: one picture of a pack, printed on the front of another, is no facing, nor are three
    packs one. Overlap over union misses both, since one box is much larger than the other. Now and then the doubted
    box is right, so it keeps NESTED_TRUST of its confidence (after Soft-NMS, Bodla and others 2017) and falls only
    where that is below the threshold of its class; `thresholds` float32 (classes,).
    """
    boxes = xyxy, confidence, class_id = _surest(boxes, len(boxes[1]))
    stands = standing(xyxy, class_id, cover_over(covered_fraction), reach_fraction=1.0)
    if len(stands) == len(confidence):
        return boxes
    trusted = np.full(len(confidence), NESTED_TRUST, dtype=confidence.dtype)
    trusted[stands] = 1.0
    confidence = confidence * trusted
    left = (confidence >= thresholds.take(class_id)).nonzero()[0]
    return _surest((xyxy[left], confidence[left], class_id[left]), len(left))
