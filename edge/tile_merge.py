# SPDX-License-Identifier: AGPL-3.0-or-later
"""From what each tile of a frame shows to one box per object, none lost and none twice at a seam. Pure.

1. The tile that sees a box deepest inside decides about it, along each axis. So whoever sees only a piece of an object
   that a neighbour sees wholly has no say, and a doubtful box near a seam is not given two chances.
2. Two boxes of a class from two tiles are the same when they coincide in the part that both tiles see. Where one tile
   can see all of it, one of them stands. Where none can, as along an empty row, they are pieces and are joined.
3. Boxes of two tiles may still lie inside each other, as three packs taken for one do in one picture: the less sure
   falls. Of gaps the one that goes on across a seam stands, since its width counts.

Defects are traits of products: they stay with the product over which their own tile saw them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.model_card import DEFECT_LABELS, DetectorLabel
from edge.detections import Detections, FloatArray, IndexArray
from edge.tiling import TilingPlan

SAME_IOU = 0.5
NESTED_FRACTION = 0.7
"""Share of the smaller box, as within one picture."""

NO_BOX = -1


@dataclass(frozen=True, slots=True)
class _Boxes:
    """Boxes of all tiles in pixels of the frame; `tile` int64 (n,) says from which."""

    xyxy: FloatArray
    confidence: FloatArray
    class_id: IndexArray
    tile: IndexArray

    def take(self, chosen: IndexArray) -> "_Boxes":
        return _Boxes(self.xyxy[chosen], self.confidence[chosen], self.class_id[chosen], self.tile[chosen])


def merge_tiles(found: list[Detections], plan: TilingPlan) -> Detections:
    """One set of boxes in the frame from the boxes of each window of `plan`, already in pixels of the frame."""
    if len(found) == 1:
        return found[0]
    labels = found[0].labels
    boxes = _in_order(found)
    worn_by = _worn_by(boxes, labels)
    objects = np.flatnonzero(worn_by == NO_BOX)
    merged, home = _merge_objects(boxes.take(objects), plan, labels)
    # Where each of all boxes went: the place of its object in `merged`, or NO_BOX.
    homes = np.full(len(boxes.tile), NO_BOX, dtype=np.int64)
    homes[objects] = home
    traits = np.flatnonzero(worn_by != NO_BOX)
    traits = traits[homes[worn_by[traits]] != NO_BOX]
    wearer = homes[worn_by[traits]]
    # Boxes are in order of confidence, so the first of several pieces of one product is the surest.
    _, first = np.unique(np.stack([wearer, boxes.class_id[traits]]), axis=1, return_index=True)
    traits, wearer = traits[first], wearer[first]
    xyxy = np.concatenate([merged.xyxy, merged.xyxy[wearer]])
    confidence = np.concatenate([merged.confidence, boxes.confidence[traits]])
    class_id = np.concatenate([merged.class_id, boxes.class_id[traits]])
    order = _surest_first(xyxy, confidence)
    return Detections(xyxy[order], confidence[order], class_id[order], labels)


def _in_order(found: list[Detections]) -> _Boxes:
    """All boxes, surest first, in an order that does not depend on that of the tiles."""
    xyxy = np.concatenate([one.xyxy_px for one in found])
    confidence = np.concatenate([one.confidence for one in found])
    class_id = np.concatenate([one.class_id for one in found])
    tile = np.repeat(np.arange(len(found)), [len(one) for one in found])
    return _Boxes(xyxy, confidence, class_id, tile).take(_surest_first(xyxy, confidence))


def _surest_first(xyxy: FloatArray, confidence: FloatArray) -> IndexArray:
    return np.lexsort((*xyxy.T[::-1], -confidence))


def _worn_by(boxes: _Boxes, labels: tuple[DetectorLabel, ...]) -> IndexArray:
    """For each defect (n,) the product of its own tile that it lies over, NO_BOX for all else."""
    worn_by = np.full(len(boxes.tile), NO_BOX, dtype=np.int64)
    if DetectorLabel.PRODUCT not in labels:
        return worn_by
    products = np.flatnonzero(boxes.class_id == labels.index(DetectorLabel.PRODUCT))
    trait_classes = [index for index, label in enumerate(labels) if label in DEFECT_LABELS]
    for trait in np.flatnonzero(np.isin(boxes.class_id, trait_classes)):
        beside = products[boxes.tile[products] == boxes.tile[trait]]
        if len(beside):
            iou = _shared_area(boxes.xyxy[trait], boxes.xyxy[beside]) / _joint_area(
                boxes.xyxy[trait], boxes.xyxy[beside]
            )
            if iou.max() >= SAME_IOU:
                worn_by[trait] = beside[iou.argmax()]
    return worn_by


def _merge_objects(boxes: _Boxes, plan: TilingPlan, labels: tuple[DetectorLabel, ...]) -> tuple[_Boxes, IndexArray]:
    """The merged objects, and for each of `boxes` (n,) its place among them or NO_BOX."""
    depth_xy = _depths(boxes.xyxy, plan.sight_px)  # (tiles, n, 2)
    own_xy = depth_xy[boxes.tile, np.arange(len(boxes.tile))]
    stands = np.all(own_xy + plan.slack_px >= depth_xy.max(axis=0), axis=1)
    windows = np.array(plan.windows_px, dtype=np.float32)
    # Only what reaches into two windows can have come twice: few boxes, so each may be compared with each.
    reaches = (boxes.xyxy[:, None, :2] < windows[None, :, 2:]) & (windows[None, :, :2] < boxes.xyxy[:, None, 2:])
    is_shared = reaches.all(axis=2).sum(axis=1) > 1
    shared = np.flatnonzero(stands & is_shared)
    is_cut = own_xy.min(axis=1) <= plan.seam_px
    groups = [shared[group] for group in _groups(boxes.take(shared), is_cut[shared], plan)]
    alone = np.flatnonzero(stands & ~is_shared)
    merged = _joined(boxes, groups)
    goes_on = np.array([len(group) > 1 or is_cut[group[0]] for group in groups], dtype=bool)
    kept = _without_nested(merged, goes_on, labels)
    home = np.full(len(boxes.tile), NO_BOX, dtype=np.int64)
    home[alone] = np.arange(len(alone))
    for place, index in enumerate(kept):
        home[groups[index]] = len(alone) + place
    first, second = boxes.take(alone), merged.take(kept)
    together = _Boxes(
        np.concatenate([first.xyxy, second.xyxy]),
        np.concatenate([first.confidence, second.confidence]),
        np.concatenate([first.class_id, second.class_id]),
        np.concatenate([first.tile, second.tile]),
    )
    return together, home


def _depths(xyxy: FloatArray, sight_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far inside each tile's sight (t, 4) each box (n, 4) lies along x and y, (t, n, 2); negative outside."""
    low = xyxy[None, :, :2] - sight_px[:, None, :2]
    high = sight_px[:, None, 2:] - xyxy[None, :, 2:]
    depths: NDArray[np.float64] = np.minimum(low, high)
    return depths


def _groups(boxes: _Boxes, is_cut: NDArray[np.bool_], plan: TilingPlan) -> list[IndexArray]:
    """Indices of each object's boxes: one, or several pieces. `boxes` are surest first, and so are their groups."""
    duplicate, piece = _same(boxes, plan)
    stands = np.ones(len(boxes.tile), dtype=bool)
    for index in np.argsort(is_cut, kind="stable"):  # whoever may not see all of an object yields
        if stands[index]:
            stands[duplicate[index]] = False
    groups: list[IndexArray] = []
    goes_on = np.asarray(piece.any(axis=1))
    is_taken = ~stands
    for index in np.flatnonzero(stands):
        if is_taken[index]:
            continue
        if not goes_on[index]:
            groups.append(np.array([index]))
            continue
        group = np.zeros(len(stands), dtype=bool)
        group[index] = True
        while True:
            wider = group | (piece[group].any(axis=0) & stands)
            if (wider == group).all():
                break
            group = wider
        is_taken |= group
        groups.append(np.flatnonzero(group))
    return groups


def _same(boxes: _Boxes, plan: TilingPlan) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which two boxes show the same object: one that a tile can see all of, and one of pieces; both bool (n, n)."""
    one, two = np.nonzero(_touching(boxes) & (boxes.tile[:, None] != boxes.tile[None]))
    first, second = boxes.xyxy[one], boxes.xyxy[two]
    windows = np.array(plan.windows_px, dtype=np.float32)
    both_see = np.concatenate(
        [
            np.maximum(windows[boxes.tile[one], :2], windows[boxes.tile[two], :2]),
            np.minimum(windows[boxes.tile[one], 2:], windows[boxes.tile[two], 2:]),
        ],
        axis=1,
    )
    first_there, second_there = _clipped(first, both_see), _clipped(second, both_see)
    is_same = _shared_area(first_there, second_there) >= SAME_IOU * _joint_area(first_there, second_there)
    low, high = np.minimum(first[:, :2], second[:, :2]), np.maximum(first[:, 2:], second[:, 2:])
    seen_whole = np.zeros(len(one), dtype=bool)
    for sight in (plan.sight_px[boxes.tile[one]], plan.sight_px[boxes.tile[two]]):
        seen_whole |= np.minimum(low - sight[:, :2], sight[:, 2:] - high).min(axis=1) > plan.seam_px
    duplicate = np.zeros((len(boxes.tile), len(boxes.tile)), dtype=bool)
    piece = np.zeros_like(duplicate)
    duplicate[one, two], piece[one, two] = is_same & seen_whole, is_same & ~seen_whole
    return duplicate, piece


def _touching(boxes: _Boxes) -> NDArray[np.bool_]:
    """Which two boxes of a class overlap at all, bool (n, n): few, so only those are measured."""
    left, top, right, bottom = boxes.xyxy.T
    touching: NDArray[np.bool_] = boxes.class_id[:, None] == boxes.class_id[None]
    for low, high in ((left, right), (top, bottom)):
        touching &= (low[:, None] < high[None]) & (low[None] < high[:, None])
    np.fill_diagonal(touching, val=False)
    return touching


def _joined(boxes: _Boxes, groups: list[IndexArray]) -> _Boxes:
    """One box around each group; its confidence is that of its pieces, each for its area, so a sum over area stays."""
    merged = boxes.take(np.array([group[0] for group in groups], dtype=np.int64))
    for place, group in enumerate(groups):
        if len(group) > 1:
            part = boxes.xyxy[group]
            merged.xyxy[place] = (*part[:, :2].min(axis=0), *part[:, 2:].max(axis=0))
            merged.confidence[place] = np.average(boxes.confidence[group], weights=_area(part))
    return merged


def _without_nested(boxes: _Boxes, goes_on: NDArray[np.bool_], labels: tuple[DetectorLabel, ...]) -> IndexArray:
    """Indices of those that do not lie mostly inside another of their class that stands, nor hold most of one.

    `goes_on` bool (n,) marks those that a seam cut.
    """
    area = _area(boxes.xyxy)
    nested = _touching(boxes)
    one, two = np.nonzero(nested)
    least = np.maximum(np.minimum(area[one], area[two]), 1e-6)
    nested[one, two] = _shared_area(boxes.xyxy[one], boxes.xyxy[two]) > NESTED_FRACTION * least
    long_gap = goes_on & (
        boxes.class_id == (labels.index(DetectorLabel.GAP) if DetectorLabel.GAP in labels else NO_BOX)
    )
    stands = np.ones(len(area), dtype=bool)
    for index in np.lexsort((*boxes.xyxy.T[::-1], -boxes.confidence, ~long_gap)):
        if stands[index]:
            falls = nested[index] & (area < area[index]) if long_gap[index] else nested[index]
            stands[falls] = False
    return np.flatnonzero(stands)


def _clipped(xyxy: FloatArray, window: FloatArray) -> FloatArray:
    low = np.clip(xyxy[..., :2], window[..., :2], window[..., 2:])
    high = np.clip(xyxy[..., 2:], window[..., :2], window[..., 2:])
    clipped: FloatArray = np.concatenate([low, high], axis=-1)
    return clipped


def _area(xyxy: FloatArray) -> FloatArray:
    area: FloatArray = np.maximum(xyxy[..., 2:] - xyxy[..., :2], 0).prod(axis=-1)
    return area


def _shared_area(first: FloatArray, second: FloatArray) -> FloatArray:
    low, high = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    return _area(np.concatenate([low, high], axis=-1))


def _joint_area(first: FloatArray, second: FloatArray) -> FloatArray:
    joint: FloatArray = np.maximum(_area(first) + _area(second) - _shared_area(first, second), 1e-6)
    return joint
