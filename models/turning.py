# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures that are stored lying on their side, and boxes that were drawn on them.

A phone stores the sensor's picture and an EXIF orientation 1 to 8 that says how to turn it upright (CIPA DC-008,
Exif 3.0, section 4.6.5, Orientation). Some labelling tools show the stored picture and some the upright one, so boxes
may mean either. Facings reads every photograph upright.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.annotations import Boxes
from models.errors import AnnotationsError

UPRIGHT_ALREADY = 1
SIDEWAYS_FROM = 5
"""Orientations 5 to 8 exchange width and height."""


class BoxFrame(StrEnum):
    """Which of the two pictures somebody drew boxes on."""

    UPRIGHT = "upright"
    STORED = "stored"


def turned_upright(stored: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A stored picture (height, width, ...) turned upright, as a view."""
    sideways = np.swapaxes(stored, 0, 1) if orientation >= SIDEWAYS_FROM else stored
    if orientation in {2, 3, 6, 7}:
        sideways = sideways[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        sideways = sideways[::-1]
    return sideways


def orientation_of(stored: NDArray[np.uint8], upright: NDArray[np.uint8]) -> int:
    """The orientation that leads from one decoded picture to the other.

    Both come from one decoder, which makes its word final: nothing has to be known of how a format keeps orientation.
    Raises AnnotationsError when no turn leads from one to the other.
    """
    for orientation in range(UPRIGHT_ALREADY, 9):
        turned = turned_upright(stored, orientation)
        if turned.shape == upright.shape and np.array_equal(turned, upright):
            return orientation
    raise AnnotationsError("the picture cannot be turned upright")


def turned_boxes(fractions: Boxes, orientation: int) -> Boxes:
    """Corners (n, 4) as fractions of the stored picture, in fractions of the upright one."""
    turned = fractions[:, [1, 0, 3, 2]] if orientation >= SIDEWAYS_FROM else fractions.copy()
    if orientation in {2, 3, 6, 7}:
        turned[:, [0, 2]] = 1 - turned[:, [2, 0]]
    if orientation in {3, 4, 7, 8}:
        turned[:, [1, 3]] = 1 - turned[:, [3, 1]]
    return turned


def frame_of_boxes(
    claimed_wh_px: tuple[int, int] | None, upright_wh_px: tuple[int, int], orientation: int, told: BoxFrame | None
) -> BoxFrame | None:
    """Which picture the boxes mean: what the integrator told, else what the claimed size shows, else `None`.

    A claimed size tells nothing where the picture is mirrored or stands on its head, or is square.
    """
    if orientation == UPRIGHT_ALREADY:
        return BoxFrame.UPRIGHT
    if told is not None:
        return told
    stored_wh_px = upright_wh_px[::-1] if orientation >= SIDEWAYS_FROM else upright_wh_px
    if claimed_wh_px is None or stored_wh_px == upright_wh_px:
        return None
    width_px, height_px = claimed_wh_px
    claims_width = width_px > height_px
    return BoxFrame.UPRIGHT if claims_width == (upright_wh_px[0] > upright_wh_px[1]) else BoxFrame.STORED
