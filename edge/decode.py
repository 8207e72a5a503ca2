# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the network's output to boxes in input pixels, for both kinds of head; then one box per object."""

import cv2
import numpy as np
from numpy.typing import NDArray

from contract.model_card import DEFECT_LABELS, DetectorHead, DetectorLabel

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
    xyxy, confidence, class_id = boxes
    if len(confidence) == 0:
        return boxes
    # Each class is moved to a place of its own, so that one call treats all classes.
    extent = float(xyxy.max() - xyxy.min()) + 1.0
    apart = xyxy + (class_id * extent)[:, None].astype(np.float32)
    xywh = np.concatenate([apart[:, :2], apart[:, 2:] - apart[:, :2]], axis=1)
    kept = np.asarray(cv2.dnn.NMSBoxes(xywh.tolist(), confidence.tolist(), 0.0, iou), dtype=np.int64).reshape(-1)
    return _surest((xyxy[kept], confidence[kept], class_id[kept]), max_boxes_count)


def _surest(boxes: Boxes, max_boxes_count: int) -> Boxes:
    xyxy, confidence, class_id = boxes
    order = np.argsort(-confidence, kind="stable")[:max_boxes_count]
    return xyxy[order], confidence[order], class_id[order]


def _decode_raw(output: FloatArray, traits: NDArray[np.bool_], product: int, thresholds: FloatArray) -> Boxes:
    scores = output[4:]
    objects = np.flatnonzero(~traits)
    object_scores = scores[objects] if traits.any() else scores
    best = object_scores.argmax(axis=0)
    confidence = object_scores.max(axis=0)
    object_class = objects[best]
    chosen = np.flatnonzero(confidence >= thresholds[object_class])
    classes, candidates = [object_class[chosen]], [chosen]
    on_products = chosen[object_class[chosen] == product]
    for trait in np.flatnonzero(traits):
        worn_by = on_products[scores[trait, on_products] >= thresholds[trait]]
        classes.append(np.full(len(worn_by), trait))
        candidates.append(worn_by)
    class_id, index = np.concatenate(classes), np.concatenate(candidates)
    centre, half = output[0:2, index].T, output[2:4, index].T / 2
    xyxy = np.concatenate([centre - half, centre + half], axis=1)
    return _surest((xyxy, np.minimum(scores[class_id, index], 1.0), class_id), len(index))


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
    low = np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    high = np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:])
    sides = np.maximum(high - low, 0)
    areas = np.maximum((xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1), 1e-6)
    rivals = sides[..., 0] * sides[..., 1] > covered_fraction * np.minimum(areas[:, None], areas[None, :])
    rivals &= class_id[:, None] == class_id[None, :]
    stands = np.ones(len(confidence), dtype=bool)
    # Few boxes have rivals, so only those are walked, surest first.
    for index in np.flatnonzero(np.triu(rivals, 1).any(axis=1)):
        if stands[index]:
            stands[index + 1 :] &= ~rivals[index, index + 1 :]
    return xyxy[stands], confidence[stands], class_id[stands]
