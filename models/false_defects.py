# SPDX-License-Identifier: AGPL-3.0-or-later
"""Defects that a detector sees where nobody found any: each would send a person to a shelf in vain."""

from collections.abc import Iterable, Mapping

from contract.model_card import DEFECT_LABELS, DetectorLabel, FalseDefects
from models.annotations import FoundBoxes, Photograph
from models.scoring import NOTHING, judge

PRODUCTS_COUNT = 200
"""The figure is given for so many products, about what one bay shows."""


def false_defects(
    photographs: Iterable[Photograph], found: Mapping[str, FoundBoxes], thresholds: Mapping[DetectorLabel, float]
) -> FalseDefects | None:
    """Count defect boxes at `thresholds` on pictures that are complete for products.

    Where a picture is complete for a defect, only boxes that match none of its kind are false; elsewhere goods are
    taken for sound. Boxes in regions that are ignored for products count no more than the products there do. `None`
    when `thresholds` knows no defect or no picture is complete for products.
    """
    members = [photograph for photograph in photographs if DetectorLabel.PRODUCT in photograph.complete_for]
    kinds = sorted(DEFECT_LABELS & thresholds.keys())
    products_count = sum(len(photograph.boxes_px[DetectorLabel.PRODUCT]) for photograph in members)
    if not kinds or not products_count:
        return None
    counted = {kind: sum(_false_count(picture, found, kind, thresholds[kind]) for picture in members) for kind in kinds}
    return FalseDefects(
        images_count=len(members),
        products_count=products_count,
        defects_count=counted,
        per_200_products=round(sum(counted.values()) * PRODUCTS_COUNT / products_count, 4),
    )


def _false_count(photograph: Photograph, found: Mapping[str, FoundBoxes], kind: DetectorLabel, threshold: float) -> int:
    corners, confidence = found.get(photograph.path.name, NOTHING).of(kind)
    sure = confidence >= threshold
    kept = (corners[sure], confidence[sure])
    # A kind that nobody looked for has no boxes here, so that every box of it is left over.
    judged = judge(kept, photograph.boxes_px[kind], photograph.ignored_px[kind], least_iou=0.5)
    wrong = (judged.xyxy_px[~judged.correct], judged.confidence[~judged.correct])
    nothing = photograph.boxes_px[kind][:0]
    return len(judge(wrong, nothing, photograph.ignored_px[DetectorLabel.PRODUCT], least_iou=0.5).xyxy_px)
