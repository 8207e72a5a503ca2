# SPDX-License-Identifier: AGPL-3.0-or-later
"""A picture to learn from: pixels, boxes, and the regions in which a label costs nothing.

Federated labels and ignored regions are one thing here: a label that nobody drew on a photograph is ignored all
over it. The regions travel through every cut and resize with the boxes, so no step can forget them.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from contract.model_card import DEFECT_LABELS, DetectorLabel
from models.annotations import Boxes, Photograph, as_boxes
from models.errors import AnnotationsError

KEPT_SHARE = 0.6
"""A box keeps its label when at least this share of its area stays inside the cut; else its rest is ignored."""
LOST_SHARE = 0.08
"""Below this share the rest is too little to mistake for anything."""
SMALLEST_SIDE_PX = 3.0
SMALLEST_WINDOW_PX = 32


@dataclass(frozen=True)
class Picture:
    """`image_bgr` uint8 (height, width, 3); boxes and ignored regions per label in its pixels."""

    image_bgr: NDArray[np.uint8]
    boxes_px: dict[DetectorLabel, Boxes]
    ignored_px: dict[DetectorLabel, Boxes]

    @property
    def wh_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.image_bgr.shape[1], self.image_bgr.shape[0]


def read_image_bgr(path: Path) -> NDArray[np.uint8]:
    """A picture file as uint8 (height, width, 3). Raises AnnotationsError when it cannot be decoded."""
    image_bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image_bgr is None:
        raise AnnotationsError(f"{path}: cannot be read as a picture")
    return np.asarray(image_bgr, dtype=np.uint8)


def read_photograph_bgr(photograph: Photograph) -> NDArray[np.uint8]:
    """The pixels of an annotated picture, uint8 (height, width, 3).

    Raises AnnotationsError when it cannot be decoded, or is not as large as its annotations say.
    """
    image_bgr = read_image_bgr(photograph.path)
    wh_px = (image_bgr.shape[1], image_bgr.shape[0])
    if wh_px != photograph.wh_px:
        raise AnnotationsError(
            f"{photograph.path}: is {wh_px[0]}x{wh_px[1]}, its annotations are for "
            f"{photograph.wh_px[0]}x{photograph.wh_px[1]}; `facings model import` scales them"
        )
    return image_bgr


def from_photograph(
    photograph: Photograph, image_bgr: NDArray[np.uint8], labels: tuple[DetectorLabel, ...], *, sound: bool = False
) -> Picture:
    """A photograph with every label that it is not complete for ignored all over.

    With `sound` its drawn products are taken to be without defects, so that printing is not learnt as damage. A
    defect stands for its product where nobody drew products: it is a trait of one, and without it taught nothing.
    """
    width_px, height_px = image_bgr.shape[1], image_bgr.shape[0]
    whole = as_boxes([[0, 0, width_px, height_px]])
    boxes: dict[DetectorLabel, Boxes] = {}
    ignored: dict[DetectorLabel, Boxes] = {}
    for label in labels:
        complete = label in photograph.complete_for
        boxes[label] = photograph.boxes_px[label] if complete else as_boxes([])
        ignored[label] = photograph.ignored_px[label] if complete else whole
        if sound and label in DEFECT_LABELS and not complete and DetectorLabel.PRODUCT in photograph.complete_for:
            ignored[label] = photograph.ignored_px[DetectorLabel.PRODUCT]
    if DetectorLabel.PRODUCT in labels and DetectorLabel.PRODUCT not in photograph.complete_for:
        harmed = [boxes[label] for label in labels if label in DEFECT_LABELS]
        boxes[DetectorLabel.PRODUCT] = np.unique(as_boxes(np.concatenate([as_boxes([]), *harmed])), axis=0)
    return Picture(image_bgr, boxes, ignored)


def cut(picture: Picture, window_px: tuple[int, int, int, int], long_side_px: int) -> Picture:
    """The part of `picture` inside `window_px` (x1, y1, x2, y2), resized so that its longer side is `long_side_px`."""
    left_px, top_px, right_px, bottom_px = window_px
    part = picture.image_bgr[top_px:bottom_px, left_px:right_px]
    scale = long_side_px / max(part.shape[:2])
    wh_px = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    resized = cv2.resize(part, wh_px, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes: dict[DetectorLabel, Boxes] = {}
    ignored: dict[DetectorLabel, Boxes] = {}
    for label, corners in picture.boxes_px.items():
        inside, share = _clip(corners, window_px)
        boxes[label] = _scaled(inside[share >= KEPT_SHARE], window_px, scale)
        rest = inside[(share < KEPT_SHARE) & (share > LOST_SHARE)]
        regions, region_share = _clip(picture.ignored_px[label], window_px)
        ignored[label] = _scaled(np.concatenate([rest, regions[region_share > 0]]), window_px, scale)
    return Picture(np.asarray(resized, dtype=np.uint8), boxes, ignored)


def random_window(
    rng: np.random.Generator, picture: Picture, facing_height_px: float, target_height_px: float, long_side_px: int
) -> tuple[int, int, int, int]:
    """A window in which a facing of `facing_height_px` becomes about `target_height_px` high after `cut`.

    Its sides stand to each other as 16:9, 4:3, 1:1 or upright; it never leaves the picture, and it shows one of the
    picture's boxes, drawn by lot, if there is any.
    """
    picture_wh_px = np.array(picture.wh_px)
    aspect = float(rng.choice([16 / 9, 4 / 3, 1.0, 3 / 4]))
    long_px = long_side_px * facing_height_px / target_height_px
    wh_px = np.array([min(long_px, long_px * aspect), min(long_px, long_px / aspect)])
    wh_px = np.minimum(np.maximum(wh_px, SMALLEST_WINDOW_PX), picture_wh_px).astype(int)
    corners = np.concatenate(list(picture.boxes_px.values()))
    middle = picture_wh_px / 2
    if len(corners):
        chosen = corners[int(rng.integers(len(corners)))]
        middle = (chosen[:2] + chosen[2:]) / 2
    low = np.clip(middle - wh_px * rng.uniform(0.2, 0.8, 2), 0, picture_wh_px - wh_px).astype(int)
    return int(low[0]), int(low[1]), int(low[0] + wh_px[0]), int(low[1] + wh_px[1])


def typical_facing_height_px(picture: Picture) -> float:
    """Median height of the products; of the gaps or tags times two where there is none; else a tenth of the picture."""
    for label, factor in ((DetectorLabel.PRODUCT, 1.0), (DetectorLabel.GAP, 1.0), (DetectorLabel.PRICE_TAG, 2.0)):
        corners = picture.boxes_px.get(label)
        if corners is not None and len(corners):
            return float(np.median(corners[:, 3] - corners[:, 1])) * factor
    return picture.wh_px[1] / 10


def _clip(corners: Boxes, window_px: tuple[int, int, int, int]) -> tuple[Boxes, NDArray[np.float64]]:
    low, high = np.array(window_px[:2] * 2), np.array(window_px[2:] * 2)
    inside = np.clip(corners, low, high)
    area = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
    left = np.prod(inside[:, 2:] - inside[:, :2], axis=1)
    return inside, left / np.maximum(area, 1e-9)


def _scaled(corners: Boxes, window_px: tuple[int, int, int, int], scale: float) -> Boxes:
    moved = (corners - np.array(window_px[:2] * 2)) * scale
    sides = moved[:, 2:] - moved[:, :2]
    return as_boxes(moved[(sides >= SMALLEST_SIDE_PX).all(axis=1)])
