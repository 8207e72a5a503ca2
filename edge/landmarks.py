# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small patches of a reference view that can be found again: where they were, and where they are now.

A patch is compared by normalised correlation, so that light and exposure may change over it as they like.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames import GreyImage

FloatArray = NDArray[np.float32]

HALF_WIDTH_PX = 12
HALF_HEIGHT_RANGE_PX = (3, 8)
"""A patch is 25 px wide, and 7 to 17 px high so that it fits on a price rail with nothing of the goods above it."""

REACH_PX = 10
"""So far is a patch looked for around its place. What went further is found by `registration.far`."""

ALIKE_CORRELATION = 0.6
"""Two looks at one patch correlate by 0.8 and more, in noise of 8 grey levels at a fifth of the light still by 0.6;
patches of different things by 0.3 and less."""

SLACK_PX = 1

MOST_CONTRAST_RATIO = 2.5
CONTRAST_SLACK_GREY = 2.0

STRUCTURE, STOCK, RAIL = 1, 2, 3
"""What a pixel of the ground map belongs to: furniture, which never sells, goods, or the rail under a zone, which is
furniture too. Nought is beyond the bay."""

_SPACING_PX = 12
_MOST_STRUCTURE_COUNT = 300
_MOST_OTHER_COUNT = 60
_STRUCTURE_SHARE = 0.7
_RAIL_SHARE = 0.97
_EDGE_GREY = 5.0
_CORNER_GREY = 3.0
_CORNER_SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Patches of one reference: `spots_px` int32 (n, 2) middles as x, y, and what they are, each bool (n,).

    A patch that is no corner shows an edge alone: whether it is there can be seen, but not whether it slid along.
    """

    spots_px: NDArray[np.int32]
    is_structure: NDArray[np.bool_]
    """Rails included."""
    is_rail: NDArray[np.bool_]
    is_corner: NDArray[np.bool_]
    half_wh_px: tuple[int, int]
    """Half the width and height of a patch, its middle left out."""

    def __len__(self) -> int:
        return len(self.spots_px)


def choose_landmarks(grey: GreyImage, ground: NDArray[np.uint8], rail_height_px: float) -> Landmarks:
    """The best patch of each square of the picture; `ground` uint8 (height, width) says what is furniture."""
    half_wh_px = (HALF_WIDTH_PX, int(np.clip(rail_height_px / 3, *HALF_HEIGHT_RANGE_PX)))
    weaker, stronger = _gradients(grey, half_wh_px)
    rail = _mean(ground == RAIL, half_wh_px) >= _RAIL_SHARE
    structure = rail | (_mean((ground == STRUCTURE) | (ground == RAIL), half_wh_px) >= _STRUCTURE_SHARE)
    structure &= rail | (_mean(ground == STOCK, half_wh_px) == 0)
    is_corner = np.asarray((weaker >= _CORNER_GREY) & (weaker >= _CORNER_SHARE * stronger))
    margin_x_px, margin_y_px = (half_px + SLACK_PX for half_px in half_wh_px)
    usable = np.zeros(grey.shape, dtype=bool)
    usable[margin_y_px:-margin_y_px, margin_x_px:-margin_x_px] = True
    value = weaker + 0.2 * stronger
    chosen = [
        _best_spots(np.where(usable & place & (stronger >= _EDGE_GREY), value, 0), most_count)
        for place, most_count in ((structure, _MOST_STRUCTURE_COUNT), (~structure, _MOST_OTHER_COUNT))
    ]
    spots_px = np.concatenate(chosen)
    return Landmarks(
        spots_px,
        np.arange(len(spots_px)) < len(chosen[0]),
        rail[spots_px[:, 1], spots_px[:, 0]],
        is_corner[spots_px[:, 1], spots_px[:, 0]],
        half_wh_px,
    )


def find(
    reference: GreyImage, grey: GreyImage, spots_px: NDArray[np.int32], half_wh_px: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Where patches are now: offsets float32 (n, 2) in pixels, to a fraction, and correlations float32 (n,)."""
    offsets = np.zeros((len(spots_px), 2), np.float32)
    correlations = np.zeros(len(spots_px), np.float32)
    reach_x_px, reach_y_px = (half_px + REACH_PX for half_px in half_wh_px)
    padded = cv2.copyMakeBorder(grey, reach_y_px, reach_y_px, reach_x_px, reach_x_px, cv2.BORDER_REFLECT_101)
    for index, (x_px, y_px) in enumerate(spots_px.tolist()):
        found = cv2.matchTemplate(
            padded[y_px : y_px + 2 * reach_y_px + 1, x_px : x_px + 2 * reach_x_px + 1],
            _patch(reference, x_px, y_px, half_wh_px),
            cv2.TM_CCOEFF_NORMED,
        )
        row, column = divmod(int(found.argmax()), 2 * REACH_PX + 1)
        on_border = row in {0, 2 * REACH_PX} or column in {0, 2 * REACH_PX}
        correlations[index] = 0.0 if on_border else found[row, column]  # the top may lie beyond
        offsets[index] = column - REACH_PX + _peak(found[row], column), row - REACH_PX + _peak(found[:, column], row)
    return offsets, correlations


def correlations_at(
    reference: GreyImage,
    grey: GreyImage,
    spots_px: NDArray[np.int32],
    expected_px: FloatArray,
    half_wh_px: tuple[int, int],
) -> FloatArray:
    """Best correlation float32 (n,) of each patch within `SLACK_PX` of where it is expected; NaN outside the picture.

    `expected_px` float32 (n, 2) are the middles at which the patches should be now. A patch that correlates but has far
    more or less contrast than the others gained is another thing, for instance a striped shirt: it gets 0.
    """
    height_px, width_px = grey.shape
    reach_x_px, reach_y_px = (half_px + SLACK_PX for half_px in half_wh_px)
    correlations = np.full(len(spots_px), np.nan, np.float32)
    there_px = np.rint(expected_px).astype(int)
    low, high = (reach_x_px, reach_y_px), (width_px - reach_x_px, height_px - reach_y_px)
    inside = ((there_px >= low) & (there_px < high)).all(axis=1)
    contrast = np.ones((2, len(spots_px)), np.float32)
    for index in np.flatnonzero(inside).tolist():
        left_px, top_px = (there_px[index] - low).tolist()
        x_px, y_px = spots_px[index].tolist()
        window = grey[top_px : top_px + 2 * reach_y_px + 1, left_px : left_px + 2 * reach_x_px + 1]
        patch = _patch(reference, x_px, y_px, half_wh_px)
        correlations[index] = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED).max()
        contrast[:, index] = patch.std(), window.std()
    before, after = contrast
    alike = correlations >= ALIKE_CORRELATION
    gain = float(np.median(after[alike] / np.maximum(before[alike], 1.0))) if alike.any() else 1.0
    ratio = (after + CONTRAST_SLACK_GREY) / (gain * before + CONTRAST_SLACK_GREY)
    correlations[inside & ((ratio > MOST_CONTRAST_RATIO) | (ratio < 1 / MOST_CONTRAST_RATIO))] = 0.0
    return correlations


def _gradients(grey: GreyImage, half_wh_px: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Gradient of each patch across its weaker and its stronger direction, in grey levels per pixel (root mean square).

    They are the roots of the eigenvalues of the structure tensor (Shi and Tomasi 1994, "Good features to track").
    """
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    xx, yy, xy = (_mean(product, half_wh_px) for product in (across**2, down**2, across * down))
    mean, spread = (xx + yy) / 2, np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return np.sqrt(np.maximum(mean - spread, 0)), np.sqrt(mean + spread)


def _mean(values: NDArray[Any], half_wh_px: tuple[int, int]) -> FloatArray:
    """Mean over a patch around each pixel."""
    side_wh_px = (2 * half_wh_px[0] + 1, 2 * half_wh_px[1] + 1)
    return cv2.boxFilter(values.astype(np.float32), -1, side_wh_px)  # type: ignore[return-value]


def _patch(reference: GreyImage, x_px: int, y_px: int, half_wh_px: tuple[int, int]) -> GreyImage:
    half_x_px, half_y_px = half_wh_px
    return reference[y_px - half_y_px : y_px + half_y_px + 1, x_px - half_x_px : x_px + half_x_px + 1]


def _best_spots(value: FloatArray, most_count: int) -> NDArray[np.int32]:
    rows, columns = (side_px // _SPACING_PX for side_px in value.shape)
    whole = value[: rows * _SPACING_PX, : columns * _SPACING_PX].reshape(rows, _SPACING_PX, columns, _SPACING_PX)
    squares = whole.transpose(0, 2, 1, 3).reshape(rows * columns, -1)
    within, best = squares.argmax(axis=1), squares.max(axis=1)
    order = np.argsort(-best, kind="stable")[:most_count]
    order = order[best[order] > 0]
    x_px = order % columns * _SPACING_PX + within[order] % _SPACING_PX
    y_px = order // columns * _SPACING_PX + within[order] // _SPACING_PX
    return np.stack([x_px, y_px], axis=1).astype(np.int32)


def _peak(line: NDArray[Any], index: int) -> float:
    """How far beside `index` the top of the parabola through three values lies, in -0.5..0.5."""
    if not 0 < index < len(line) - 1:
        return 0.0
    before, top, after = (float(value) for value in line[index - 1 : index + 2])
    bend = before + after - 2 * top
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
