# SPDX-License-Identifier: AGPL-3.0-or-later
"""Defects that a detector sees where nobody found any: each would send a person to a shelf in vain."""

from collections.abc import Iterable, Mapping

from contract.model_card import DEFECT_LABELS, DetectorLabel, FalseDefects
from models.annotations import FoundBoxes, Photograph
from models.scoring import NOTHING, judge

PRODUCTS_COUNT = 200
"""The figure is given for so many products, about what one bay shows."""
MOST_FALSE_PER_200 = 0.3
"""Of each of three kinds: together less than one in vain for every bay."""
RAISED_THRESHOLDS = tuple(round(0.05 + 0.01 * step, 2) for step in range(95))


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


def raised_for_defects(
    thresholds: Mapping[DetectorLabel, float], photographs: Iterable[Photograph], found: Mapping[str, FoundBoxes]
) -> dict[DetectorLabel, float]:
    """The thresholds, those of defects raised until each kind is seen wrongly at most MOST_FALSE_PER_200 times.

    Renders teach what a defect looks like and not how seldom one is: on real shelves nearly every pack is sound, so a
    threshold that is best on harmed renders would send people to sound shelves all day.
    """
    members = list(photographs)
    raised = dict(thresholds)
    for kind in DEFECT_LABELS & thresholds.keys():
        for threshold in [thresholds[kind], *RAISED_THRESHOLDS]:
            counted = false_defects(members, found, {kind: threshold})
            if threshold >= thresholds[kind] and (counted is None or counted.per_200_products <= MOST_FALSE_PER_200):
                raised[kind] = threshold
                break
        else:
            raised[kind] = RAISED_THRESHOLDS[-1]
    return raised
