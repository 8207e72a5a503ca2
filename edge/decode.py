# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the network's output to boxes in input pixels, for both kinds of head; then one box per object."""

import numpy as np
from numpy.typing import NDArray

from contract.model_card import DEFECT_LABELS, DetectorHead, DetectorLabel
from edge.rivals import cover_over, overlap_over, standing

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int64]
Boxes = tuple[FloatArray, FloatArray, IndexArray]
"""xyxy float32 (n, 4), confidence float32 (n,), class index int64 (n,)."""

NESTED_FRACTION = 0.7
"""Share of the smaller box beyond which two boxes of a class cannot both be facings."""


def decode(
    output: FloatArray, card_labels: tuple[DetectorLabel, ...], head: DetectorHead, thresholds: FloatArray
) -> Boxes:
    """Candidates that reach the threshold of their class; `thresholds` float32 (classes,), as `card_labels`.

    `output` is (1, 4 + classes, N) of a RAW head or (1, N, 6) of an NMS_FREE head. From a RAW head a candidate is one
    object, the likeliest, and a product may wear defects, which are boxes of their own over it.
    """
    if head is DetectorHead.NMS_FREE:
        return _decode_nms_free(output[0], thresholds)
    traits = np.array([label in DEFECT_LABELS for label in card_labels], dtype=bool)
    product = card_labels.index(DetectorLabel.PRODUCT) if DetectorLabel.PRODUCT in card_labels else -1
    return _decode_raw(output[0], traits, product, thresholds)


def suppress(boxes: Boxes, *, iou: float, max_boxes_count: int) -> Boxes:
    """Keep the surest of boxes of one class that overlap by more than `iou`; never compare across classes."""
    xyxy, confidence, class_id = _surest(boxes, len(boxes[1]))
    # An intersection of more than `iou` of the left box leaves the rest of its width to the right one's left edge.
    kept = standing(xyxy, class_id, overlap_over(iou), reach_fraction=1.0 - iou)[:max_boxes_count]
    return xyxy[kept], confidence[kept], class_id[kept]


def _surest(boxes: Boxes, max_boxes_count: int) -> Boxes:
    xyxy, confidence, class_id = boxes
    if len(confidence) <= max_boxes_count and np.all(confidence[:-1] >= confidence[1:]):
        return boxes
    order = np.argsort(-confidence, kind="stable")[:max_boxes_count]
    return xyxy[order], confidence[order], class_id[order]


def _decode_raw(output: FloatArray, traits: NDArray[np.bool_], product: int, thresholds: FloatArray) -> Boxes:
    scores = output[4:]
    objects = np.flatnonzero(~traits)
    object_scores = scores[objects] if traits.any() else scores
    # Most candidates see nothing at all: only the few above the lowest threshold are worth a closer look.
    likely = np.flatnonzero(object_scores.max(axis=0) >= thresholds[objects].min())
    likely_scores = object_scores[:, likely]
    object_class = objects[likely_scores.argmax(axis=0)]
    reaches = likely_scores.max(axis=0) >= thresholds[object_class]
    chosen, object_class = likely[reaches], object_class[reaches]
    classes, candidates = [object_class], [chosen]
    on_products = chosen[object_class == product]
    for trait in np.flatnonzero(traits):
        worn_by = on_products[scores[trait, on_products] >= thresholds[trait]]
        classes.append(np.full(len(worn_by), trait))
        candidates.append(worn_by)
    class_id, index = np.concatenate(classes), np.concatenate(candidates)
    confidence = np.minimum(scores[class_id, index], 1.0)
    order = np.argsort(-confidence, kind="stable")
    class_id, index = class_id[order], index[order]
    centre, half = output[0:2, index], output[2:4, index] / 2
    xyxy = np.ascontiguousarray(np.concatenate([centre - half, centre + half]).T)
    return xyxy, confidence[order], class_id


def _decode_nms_free(output: FloatArray, thresholds: FloatArray) -> Boxes:
    class_id = output[:, 5].astype(np.int64)
    known = (class_id >= 0) & (class_id < len(thresholds))
    output, class_id = output[known], class_id[known]
    chosen = output[:, 4] >= thresholds[class_id]
    return _surest((output[chosen, :4], np.minimum(output[chosen, 4], 1.0), class_id[chosen]), len(output))


def without_nested(boxes: Boxes, *, covered_fraction: float = NESTED_FRACTION) -> Boxes:
    """Drop a box that lies mostly inside a surer box of its class, or that holds most of one.

    Facings stand side by side: one picture of a pack, printed on the front of another, is no facing, nor are three
    packs one. Overlap over union misses both, since one box is much larger than the other.
    """
    xyxy, confidence, class_id = _surest(boxes, len(boxes[1]))
    stands = standing(xyxy, class_id, cover_over(covered_fraction), reach_fraction=1.0)
    return xyxy[stands], confidence[stands], class_id[stands]
