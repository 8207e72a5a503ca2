# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a camera still looks from where it was calibrated. Pure: maps and shares in, a verdict out.

Nothing is counted in a view that is not recognised in its place: shifted zones count wrong without a sign of it.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from calibration.view import CameraView

Matrix = NDArray[np.float64]

DEFAULT_TOLERANCE_FRACTION = 0.25
"""Share of a facing's width by which zones may be off. A box belongs to the zone that holds most of it, so half a
facing would begin to count packs next door."""

WIDEST_FACING_MM = 100.0
"""A wider facing allows no more: with the default tolerance 25 mm, which a turn by 0.7 degrees makes at two metres."""

TURN_DEG_PER_FRACTION = 3.0
"""Roll that is allowed per unit of tolerance, so 0.75 degrees by default. It shifts corners alone."""

BACK_FRACTION = 0.8
"""A moved camera is back when it is within this share of the tolerance, so that it does not flap on the border."""

SURE_NEAR_FRACTION = 0.5
LEAST_NEAR_FRACTION = 0.2
LEAST_NEAR_COUNT = 8
LEAST_FAR_FRACTION = 0.2
LEAST_FAR_COUNT = 15
"""Wrong matches agree by chance on a map in groups of 4 to 9; a camera turned by 10 degrees still has 49 and more."""

LEAST_GOODS_COUNT = 40

_LARGEST_STRETCH = 3.0
_STEEPEST_PERSPECTIVE = 0.002


class Standing(Enum):
    """How the present picture relates to the reference."""

    IN_PLACE = "in place"
    MOVED = "moved"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the zones are off: the worst zone, relative to its own tolerance, and the camera's roll."""

    most_mm: float
    share_of_tolerance: float
    """1 is the border between in place and moved; infinite for a map that folds the bay."""
    roll_deg: float


def near_is_sure(inliers_count: int, candidates_count: int) -> bool:
    """Whether following patches over a few pixels settled the matter."""
    return inliers_count >= max(LEAST_NEAR_COUNT, SURE_NEAR_FRACTION * candidates_count)


def near_is_likely(inliers_count: int, candidates_count: int) -> bool:
    """Whether enough patches are in place for a view of which the rest is covered."""
    return inliers_count >= max(LEAST_NEAR_COUNT, LEAST_NEAR_FRACTION * candidates_count)


def far_is_sure(matrix: Matrix, inliers_count: int, candidates_count: int) -> bool:
    """Whether a homography over the whole picture can be believed: enough support, and no wild shape.

    The limits on shape are those of Retail-Shelf-Monitoring's aligner, somewhat tighter.
    """
    if inliers_count < max(LEAST_FAR_COUNT, LEAST_FAR_FRACTION * candidates_count):
        return False
    stretch = float(np.linalg.det(matrix[:2, :2]))
    perspective = float(np.abs(matrix[2, :2]).max())
    return 1 / _LARGEST_STRETCH < stretch < _LARGEST_STRETCH and perspective < _STEEPEST_PERSPECTIVE


def goods_are_sure(matrix: Matrix, inliers_count: int, candidates_count: int) -> bool:
    """The same where goods vouch: goods that were put elsewhere agree on a map too, but fewer of them, and nearby."""
    return inliers_count >= LEAST_GOODS_COUNT and far_is_sure(matrix, inliers_count, candidates_count)


def shift_of(view: CameraView, now_from_anchor: Matrix, tolerance_fraction: float) -> Shift:
    """What a map from calibrated pixels to present pixels does to the zones; `view` is of the same picture size."""
    outlines = [
        (zone, outline_px[np.isfinite(outline_px).all(axis=1)].astype(np.float64))
        for zone, outline_px in view.zone_polygons_px
        if zone.zone_id not in view.out_of_view_zone_ids
    ]
    outlines = [(zone, outline) for zone, outline in outlines if len(outline)]
    points_px = np.concatenate([outline for _, outline in outlines] or [np.zeros((0, 2))])
    # All points in one call: undoing the lens takes many small steps, whatever the number of points.
    here, there = np.split(view.to_bay_mm(np.concatenate([points_px, _mapped(now_from_anchor, points_px)])), 2)
    off_mm = np.nan_to_num(np.linalg.norm(there - here, axis=1), nan=np.inf)
    most_mm, worst, start = 0.0, 0.0, 0
    for zone, outline in outlines:
        zone_mm = float(off_mm[start : start + len(outline)].max())
        start += len(outline)
        tolerance_mm = tolerance_fraction * min(zone.facing_width_mm, WIDEST_FACING_MM)
        most_mm, worst = max(most_mm, zone_mm), max(worst, zone_mm / tolerance_mm)
    roll_deg = _roll_deg(view, now_from_anchor)
    worst = max(worst, abs(roll_deg) / (TURN_DEG_PER_FRACTION * tolerance_fraction))
    return Shift(most_mm, worst, roll_deg)


def standing_of(shift: Shift, *, was_moved: bool) -> Standing:
    """In place or moved, with some reluctance to come back."""
    return Standing.IN_PLACE if shift.share_of_tolerance <= (BACK_FRACTION if was_moved else 1.0) else Standing.MOVED


def _mapped(matrix: Matrix, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
    lifted = np.column_stack([points_px, np.ones(len(points_px))]) @ matrix.T
    with np.errstate(divide="ignore", invalid="ignore"):
        mapped: NDArray[np.float64] = np.where(lifted[:, 2:] > 0, lifted[:, :2] / lifted[:, 2:], np.nan)
    return mapped


def _roll_deg(view: CameraView, matrix: Matrix) -> float:
    """Turn of the picture in its own plane at the middle of the frame, in degrees."""
    width_px, height_px = view.frame_wh_px
    middle = np.array([width_px / 2, height_px / 2])
    arm_px = 0.2 * min(view.frame_wh_px)
    arms = np.array([[arm_px, 0], [-arm_px, 0], [0, arm_px], [0, -arm_px]])
    ends = _mapped(matrix, middle + arms)
    across, down = ends[0] - ends[1], ends[2] - ends[3]
    turns = np.degrees([np.arctan2(across[1], across[0]), np.arctan2(-down[0], down[1])])
    return float(np.nan_to_num(turns, nan=180.0).mean())
