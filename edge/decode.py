# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the network's output to boxes in input pixels, for both kinds of head; then one box per object."""

import cv2
import numpy as np
from numpy.typing import NDArray

from contract.model_card import DetectorHead

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int64]
Boxes = tuple[FloatArray, FloatArray, IndexArray]
"""xyxy float32 (n, 4), confidence float32 (n,), class index int64 (n,)."""

NESTED_FRACTION = 0.7
"""Share of the smaller box beyond which two boxes of a class cannot both be facings."""


def decode(output: FloatArray, head: DetectorHead, thresholds: FloatArray) -> Boxes:
    """Candidates that reach the threshold of their class; `thresholds` float32 (classes,).

    `output` is (1, 4 + classes, N) of a RAW head or (1, N, 6) of an NMS_FREE head.
    """
    return _decode_raw(output[0], thresholds) if head is DetectorHead.RAW else _decode_nms_free(output[0], thresholds)


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


def _decode_raw(output: FloatArray, thresholds: FloatArray) -> Boxes:
    scores = output[4:]
    class_id = scores.argmax(axis=0)
    confidence = scores.max(axis=0)
    chosen = confidence >= thresholds[class_id]
    centre, wh = output[0:2, chosen].T, output[2:4, chosen].T
    xyxy = np.concatenate([centre - wh / 2, centre + wh / 2], axis=1)
    return _surest((xyxy, np.minimum(confidence[chosen], 1.0), class_id[chosen]), len(confidence))


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
    areas = np.maximum((xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1), 1e-6)
    stands = np.ones(len(confidence), dtype=bool)
    for index in range(len(confidence)):
        if not stands[index]:
            continue
        later = slice(index + 1, None)
        low = np.maximum(xyxy[index, :2], xyxy[later, :2])
        high = np.minimum(xyxy[index, 2:], xyxy[later, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1) / np.minimum(areas[index], areas[later])
        stands[later] &= (shared <= covered_fraction) | (class_id[later] != class_id[index])
    return xyxy[stands], confidence[stands], class_id[stands]
