# SPDX-License-Identifier: AGPL-3.0-or-later
"""Puts another tool's boxes onto our picture: turned upright, inside it, and under our labels. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contract.model_card import DEFECT_LABELS, DetectorLabel
from models.annotations import as_boxes
from models.class_map import Meaning
from models.foreign import Corners, ForeignBox, Notes
from models.scoring import iou
from models.turning import UPRIGHT_ALREADY, turned_boxes

SMALLEST_SIDE_PX = 1.0
SAME_BOX_PX = 0.5
"""Two boxes of one label whose edges differ by no more are one box drawn twice."""
DEFECT_IOU = 0.5
"""A defect drawn by itself belongs to the product that it overlaps so much."""


@dataclass(frozen=True)
class PlacedBox:
    """One box under our label: corners in pixels of the upright picture."""

    label: DetectorLabel
    xyxy_px: Corners
    is_crowd: bool = False


def place_boxes(
    boxes: tuple[ForeignBox, ...],
    meanings: Mapping[str, Meaning],
    wh_px: tuple[int, int],
    orientation: int,
    notes: Notes,
) -> list[PlacedBox]:
    """All boxes of one picture; `orientation` is that of the picture on which they were drawn.

    What was cut off, left out or joined is counted in `notes`; a box wholly outside the picture is a passable fault.
    """
    placed: list[PlacedBox] = []
    for box in boxes:
        corners = _inside(box, wh_px, orientation, notes)
        if corners is None:
            continue
        for name in box.names:
            meaning = meanings[name]
            if not meaning.labels:
                notes.left_out["boxes of classes to ignore"] += 1
            for label in meaning.labels:
                new = PlacedBox(label, corners, box.is_crowd or meaning.is_crowd)
                if any(_is_same(new, old) for old in placed):
                    notes.left_out["boxes drawn twice"] += 1
                else:
                    placed.append(new)
    return _over_products(placed, notes)


def _inside(box: ForeignBox, wh_px: tuple[int, int], orientation: int, notes: Notes) -> Corners | None:
    fractions = as_boxes([box.fractions])
    if orientation != UPRIGHT_ALREADY:
        fractions = turned_boxes(fractions, orientation)
    drawn_px = (fractions * (wh_px * 2))[0]
    clipped_px = np.clip(drawn_px, 0, wh_px * 2)
    low, high = drawn_px[:2], drawn_px[2:]
    if (high <= 0).any() or (low >= wh_px).any():
        where = ", ".join(f"{edge:.0f}" for edge in drawn_px)
        notes.passable.append(f"{box.place}: the box {where} lies outside the picture of {wh_px[0]} x {wh_px[1]}")
        return None
    if (clipped_px[2:] - clipped_px[:2] < SMALLEST_SIDE_PX).any():
        notes.left_out["boxes without extent"] += 1
        return None
    if np.abs(clipped_px - drawn_px).max() > SAME_BOX_PX:
        notes.changed["boxes over the edge, cut off"] += 1
    x1, y1, x2, y2 = (round(float(edge), 2) for edge in clipped_px)
    return x1, y1, x2, y2


def _is_same(one: PlacedBox, other: PlacedBox) -> bool:
    if (one.label, one.is_crowd) != (other.label, other.is_crowd):
        return False
    return all(abs(a - b) <= SAME_BOX_PX for a, b in zip(one.xyxy_px, other.xyxy_px, strict=True))


def _over_products(placed: list[PlacedBox], notes: Notes) -> list[PlacedBox]:
    """Give every defect the corners of its product, and a product where only the defect was drawn."""
    products = [box.xyxy_px for box in placed if box.label is DetectorLabel.PRODUCT and not box.is_crowd]
    settled: list[PlacedBox] = [box for box in placed if box.label not in DEFECT_LABELS or box.is_crowd]
    for box in placed:
        if box.label not in DEFECT_LABELS or box.is_crowd:
            continue
        overlaps = iou(as_boxes([box.xyxy_px]), as_boxes(products))[0]
        best = int(overlaps.argmax()) if len(overlaps) else -1
        if best < 0 or overlaps[best] < DEFECT_IOU:
            notes.changed["defects without a product under them, product added"] += 1
            settled.append(PlacedBox(DetectorLabel.PRODUCT, box.xyxy_px))
            products.append(box.xyxy_px)
            best = len(products) - 1
        elif products[best] != box.xyxy_px:
            notes.changed["defects moved onto their product's box"] += 1
        moved = PlacedBox(box.label, products[best])
        if moved not in settled:
            settled.append(moved)
    return settled
