# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which facings are damaged, toppled or turned, by the detector and the second look together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.counts import DefectKind
from contract.model_card import DetectorLabel
from edge.detections import Detections
from edge.second_look import Finding, Verdict

KINDS = (DefectKind.DAMAGED, DefectKind.TOPPLED, DefectKind.WRONG_FACE)

SAME_PACK_IOU = 0.4
"""A defect's box is that of its product, up to what the detector makes of the two."""

_LABELS = {kind: DetectorLabel(kind.value) for kind in KINDS}
_FOUND = {Finding.DAMAGED: DefectKind.DAMAGED, Finding.WRONG_FACE: DefectKind.WRONG_FACE}


@dataclass(frozen=True, slots=True, eq=False)
class Flags:
    """What is wrong with product boxes (n,).

    `defects` bool (n, 3) in the order of `KINDS`; `misplaced` (n,) names the product that a box shows in place of its
    zone's, None for all others. The whole of `misplaced` is None where nobody asked.
    """

    defects: NDArray[np.bool_]
    misplaced: tuple[str | None, ...] | None = None

    @property
    def is_misplaced(self) -> NDArray[np.bool_]:
        """Which boxes (n,) show another product."""
        if self.misplaced is None:
            return np.zeros(len(self.defects), dtype=bool)
        return np.array([sku is not None for sku in self.misplaced], dtype=bool)

    def defects_of(self, chosen: NDArray[np.bool_]) -> dict[DefectKind, int]:
        """How many of the boxes that `chosen` (n,) marks have each defect; those that none has are left out."""
        counts = self.defects[chosen].sum(axis=0).tolist()
        return {kind: count for kind, count in zip(KINDS, counts, strict=True) if count}

    def misplaced_of(self, chosen: NDArray[np.bool_]) -> dict[str, int] | None:
        """How many of the boxes that `chosen` (n,) marks show each other product; None where nobody asked."""
        if self.misplaced is None:
            return None
        counts: dict[str, int] = {}
        for index in np.flatnonzero(chosen).tolist():
            if (sku := self.misplaced[index]) is not None:
                counts[sku] = counts.get(sku, 0) + 1
        return dict(sorted(counts.items()))


def detected_defects(
    products: Detections, found: Detections, thresholds: dict[DetectorLabel, float]
) -> NDArray[np.bool_]:
    """Defects bool (n, 3) of product boxes (n,) by the detector's own defect boxes in `found`.

    Each of those belongs to the product that it covers most; boxes below their label's threshold say nothing, nor do
    defects of nothing. However many boxes say so, a pack is damaged once.
    """
    defects = np.zeros((len(products), len(KINDS)), dtype=bool)
    sure = products.confidence >= thresholds.get(DetectorLabel.PRODUCT, 1.0)
    for column, kind in enumerate(KINDS):
        label = _LABELS[kind]
        if label not in found.labels:
            continue
        told = (found.class_id == found.labels.index(label)) & (found.confidence >= thresholds.get(label, 1.0))
        if not told.any() or not sure.any():
            continue
        iou = np.where(sure[None, :], overlaps(found.xyxy_px[told], products.xyxy_px), 0.0)
        best = iou.argmax(axis=1)
        defects[best[iou.max(axis=1) >= SAME_PACK_IOU], column] = True
    return defects


def flagged(defects: NDArray[np.bool_], verdicts: Sequence[Verdict] | None) -> Flags:
    """The detector's defects and the second look's verdicts (n,), box by box.

    A pack that lies looks like another face and like damage, so the second look adds nothing to `toppled`. A pack of
    another product is `misplaced` whatever else it is: a defect is one of a pack in its place.
    """
    if verdicts is None:
        return Flags(defects)
    united = defects.copy()
    toppled = KINDS.index(DefectKind.TOPPLED)
    for index, verdict in enumerate(verdicts):
        kind = _FOUND.get(verdict.finding)
        if kind is not None and not defects[index, toppled]:
            united[index, KINDS.index(kind)] = True
        if verdict.finding is Finding.MISPLACED:
            united[index] = False
    return Flags(united, tuple(verdict.sku for verdict in verdicts))


def overlaps(first_px: NDArray[np.float32], second_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4)."""
    low = np.maximum(first_px[:, None, :2], second_px[None, :, :2])
    high = np.minimum(first_px[:, None, 2:], second_px[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first_px, second_px)]
    iou: NDArray[np.float32] = shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-6)
    return iou
