# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a camera stands where it was calibrated, and what hides its bay: the memory between looks.

A reference view is kept per calibration. It is taken when the calibration comes into use, and only after a second look,
a minute later, shows the same furniture; it survives a restart; and it is taken anew, carefully, when rails and tags
look different from it while everything stands in its place.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.document import Calibration
from calibration.view import CameraView
from edge import registration, stance
from edge.detections import Detections
from edge.frames import GreyImage
from edge.landmarks import Landmarks, choose_landmarks, correlations_at
from edge.occlusion import HIDDEN_CORRELATION, Sighting
from edge.reference import Reference, draw_ground, rail_height_px, smoothed
from edge.stance import Shift, Standing

Matrix = NDArray[np.float64]

PROBATION_S = 60.0
"""A reference is believed when a look so much later shows the same furniture; hardly anybody stands as still."""

RENEW_AFTER_S = 3600.0
RENEW_BELOW_FRACTION = 0.85
"""Share of the furniture that still looks as in the reference; below it a new reference is taken."""

LEAST_FURNITURE_COUNT = 16
"""With fewer landmarks on furniture nothing is said about what hides it, or that it is not recognised."""

SAME_FURNITURE_FRACTION = 0.9
SMALL_SHIFT = 0.5
"""Share of the tolerance beyond which no reference is taken."""

DIM_FRACTION = 0.4
"""Contrast against the reference below which a view that is not recognised is too dark to judge."""


class ReferenceKeeper(Protocol):
    """Where a reference outlives the process."""

    def load(self, calibration_id: str) -> Reference | None:
        """The reference kept for a calibration, if there is one."""
        ...

    def keep(self, reference: Reference) -> None:
        """Replace whatever was kept before."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What the furniture says about one look."""

    standing: Standing
    is_dim: bool = False
    """Of a view that is not recognised: it has far less contrast than the reference."""
    shift: Shift | None = None
    now_from_anchor: Matrix | None = None
    """Takes pixels of the calibrated view, 640 px wide, to the present one: what would set the zones right again."""
    sighting: Sighting | None = None
    furniture_fraction: float = 1.0
    """Share of the furniture's landmarks that look as in the reference."""


class Standpoint:
    """One camera under one calibration. `keeper` is None where nothing outlives the process."""

    def __init__(self, calibration: Calibration, tolerance_fraction: float, keeper: ReferenceKeeper | None) -> None:
        self._calibration = calibration
        self._tolerance_fraction = tolerance_fraction
        self._keeper = keeper
        self._reference = keeper.load(calibration.calibration_id) if keeper else None
        self._is_probation = False
        self._taken_s: float | None = None
        self._landmarks: Landmarks | None = None
        self._view: CameraView | None = None
        self._was_moved = False

    def judge(self, detail: GreyImage) -> Judgement | None:
        """Compare one look's picture, grey and 640 px wide; None while there is nothing to compare it with.

        A reference on probation may show somebody in the way, so it says nothing of what is hidden. But where its
        furniture is found elsewhere, one of the two views is askew, and neither may be counted in.
        """
        if self._reference is None:
            return None
        judgement = self._compare(self._reference, self._as_reference(detail))
        self._was_moved = judgement.standing is Standing.MOVED
        return judgement if self._was_moved or not self._is_probation else None

    def wants_look(self, monotonic_s: float) -> bool:
        """Whether the first look at a reference is due, or the second one at a reference on probation."""
        if self._reference is None:
            return True
        return self._is_probation and self._taken_s is not None and monotonic_s - self._taken_s >= PROBATION_S

    def learn(
        self,
        detail: GreyImage,
        boxes: Detections,
        frame_width_px: int,
        judgement: Judgement | None,
        *,
        captured_at: datetime,
        monotonic_s: float,
    ) -> None:
        """Take a look in which the shelf is seen well and nothing hides it. `boxes` are in pixels of the frame."""
        if self._taken_s is None:
            self._taken_s = monotonic_s
        age_s = monotonic_s - self._taken_s
        picture = smoothed(detail)
        from_anchor: Matrix = np.eye(3)
        if self._reference is None:
            self._is_probation = True
        elif self._is_probation:
            if age_s < PROBATION_S:
                return
            self._is_probation = not self._shows_the_same(self._compare(self._reference, self._as_reference(detail)))
        elif self._should_renew(judgement, picture, age_s) and judgement is not None:
            assert judgement.now_from_anchor is not None  # noqa: S101 - a view in place has its map
            from_anchor = judgement.now_from_anchor
        else:
            return
        height_px, width_px = picture.shape
        view = CameraView(self._calibration, (width_px, height_px))
        ground = draw_ground(view, boxes, width_px / frame_width_px)
        reference = Reference(self._calibration.calibration_id, captured_at, picture, ground, from_anchor)
        self._use(reference, view)
        self._taken_s = monotonic_s
        if self._keeper and not self._is_probation:
            self._keeper.keep(reference)

    def _use(self, reference: Reference, view: CameraView) -> None:
        self._reference, self._view = reference, view
        self._landmarks = choose_landmarks(reference.grey, reference.ground, rail_height_px(view))

    def _as_reference(self, detail: GreyImage) -> GreyImage:
        """The present picture, smoothed and as large as the reference."""
        assert self._reference is not None  # noqa: S101 - callers hold one
        height_px, width_px = self._reference.grey.shape
        if detail.shape != (height_px, width_px):
            detail = cv2.resize(detail, (width_px, height_px), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return smoothed(detail)

    def _compare(self, reference: Reference, picture: GreyImage) -> Judgement:
        if self._landmarks is None or self._view is None:
            height_px, width_px = reference.grey.shape
            self._use(reference, CameraView(self._calibration, (width_px, height_px)))
        assert self._landmarks is not None and self._view is not None  # noqa: S101, PT018 - made by _use
        landmarks, view = self._landmarks, self._view
        matrix = _registered(reference, picture, landmarks)
        furniture_px = landmarks.spots_px[landmarks.is_structure]
        enough = len(furniture_px) >= LEAST_FURNITURE_COUNT
        if matrix is None:
            is_dim = _contrast(picture) < DIM_FRACTION * _contrast(reference.grey)
            # Where there is no furniture to go by, goods that all went are no reason to mistrust the view.
            return Judgement(Standing.UNRECOGNISED if enough else Standing.IN_PLACE, is_dim=is_dim)
        now_from_anchor = matrix @ reference.from_anchor
        shift = stance.shift_of(view, now_from_anchor, self._tolerance_fraction)
        standing = stance.standing_of(shift, was_moved=self._was_moved)
        if standing is Standing.MOVED or not enough:
            return Judgement(standing, shift=shift, now_from_anchor=now_from_anchor)
        correlations = correlations_at(
            reference.grey, picture, furniture_px, _mapped(matrix, furniture_px), landmarks.half_wh_px
        )
        rails = landmarks.is_rail[landmarks.is_structure]
        anchored_px = _mapped(np.asarray(np.linalg.inv(reference.from_anchor), np.float64), furniture_px[rails])
        return Judgement(
            standing,
            shift=shift,
            now_from_anchor=now_from_anchor,
            sighting=Sighting.of(view.to_bay_mm(anchored_px), correlations[rails]),
            furniture_fraction=float((correlations >= HIDDEN_CORRELATION).mean()),
        )

    def _shows_the_same(self, judgement: Judgement) -> bool:
        small = judgement.shift is None or judgement.shift.share_of_tolerance <= SMALL_SHIFT
        return (
            judgement.standing is Standing.IN_PLACE
            and small
            and judgement.furniture_fraction >= SAME_FURNITURE_FRACTION
        )

    def _should_renew(self, judgement: Judgement | None, picture: GreyImage, age_s: float) -> bool:
        """Rails and tags look different, everything is in its place, and the light is no worse than it was."""
        assert self._reference is not None  # noqa: S101 - callers hold one
        return (
            judgement is not None
            and age_s >= RENEW_AFTER_S
            and judgement.shift is not None
            and judgement.shift.share_of_tolerance <= SMALL_SHIFT
            and judgement.furniture_fraction < RENEW_BELOW_FRACTION
            and _contrast(picture) >= (1 - DIM_FRACTION) * _contrast(self._reference.grey)
        )


def _registered(reference: Reference, picture: GreyImage, landmarks: Landmarks) -> Matrix | None:
    """The map from the reference to the present picture; None when the furniture is not recognised."""
    close = registration.near(reference.grey, picture, landmarks)
    if close and stance.near_is_sure(close.inliers_count, close.candidates_count):
        return close.matrix
    if close and not stance.near_is_likely(close.inliers_count, close.candidates_count):
        close = None
    wide = registration.far(reference.grey, reference.ground, picture)
    if wide and not stance.far_is_sure(wide.matrix, wide.inliers_count, wide.candidates_count):
        wide = None
    if not close and not wide:
        # Plain furniture: goods that stand as before all over the picture may speak for it.
        wide = registration.far(reference.grey, reference.ground, picture, with_goods=True)
        if wide and not stance.goods_are_sure(wide.matrix, wide.inliers_count, wide.candidates_count):
            wide = None
    if close and wide:
        return close.matrix if close.inliers_count > wide.inliers_count else wide.matrix
    return close.matrix if close else wide.matrix if wide else None


def _mapped(matrix: Matrix, spots_px: NDArray[np.int32]) -> NDArray[np.float32]:
    if not len(spots_px):  # OpenCV answers None to no points
        return np.zeros((0, 2), np.float32)
    return np.asarray(cv2.perspectiveTransform(spots_px[:, None].astype(np.float32), matrix)[:, 0], np.float32)


def _contrast(picture: GreyImage) -> float:
    darkest, brightest = np.percentile(picture, (2, 98))
    return float(brightest - darkest)
