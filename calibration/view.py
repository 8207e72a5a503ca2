# SPDX-License-Identifier: AGPL-3.0-or-later
"""A calibration laid over the frames of one size: zone outlines in pixels, and pixels on the bay."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.document import Calibration, Zone
from calibration.errors import CalibrationError

FloatArray = NDArray[np.float64]

_ASPECT_TOLERANCE_FRACTION = 0.02
_EDGE_STEPS_COUNT = 8


class CameraView:
    """How one camera sees its zones in frames of `frame_wh_px`.

    A camera may send another resolution than the one it was calibrated at, as long as the aspect ratio is the same.
    Raises CalibrationError otherwise: a cropped or stretched stream has other geometry and needs a new calibration.
    """

    def __init__(self, calibration: Calibration, frame_wh_px: tuple[int, int]) -> None:
        self.calibration = calibration
        self.frame_wh_px = frame_wh_px
        self._homography = calibration.homography()
        scale_x = frame_wh_px[0] / calibration.image_wh_px[0]
        scale_y = frame_wh_px[1] / calibration.image_wh_px[1]
        if abs(scale_x / scale_y - 1) > _ASPECT_TOLERANCE_FRACTION:
            raise CalibrationError(
                f"camera {calibration.camera_id} sends {frame_wh_px[0]}x{frame_wh_px[1]}, its calibration was made at "
                f"{calibration.image_wh_px[0]}x{calibration.image_wh_px[1]}: another aspect ratio; calibrate it again"
            )
        self._scale = np.array([scale_x, scale_y])

    def to_bay_mm(self, points_px: ArrayLike) -> FloatArray:
        """Frame pixels (n, 2) to bay millimetres (n, 2)."""
        points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2) / self._scale
        lens = self.calibration.lens
        return self._homography.to_bay_mm(points if lens is None else lens.undistort(points))

    def to_pixels(self, points_mm: ArrayLike) -> FloatArray:
        """Bay millimetres (n, 2) to frame pixels (n, 2)."""
        points = self._homography.to_pixels(points_mm)
        lens = self.calibration.lens
        landed: FloatArray = (points if lens is None else lens.distort(points)) * self._scale
        return landed

    @cached_property
    def zone_polygons_px(self) -> list[tuple[Zone, NDArray[np.float32]]]:
        """Each zone with its outline (n, 2) in frame pixels; edges are subdivided so that a bent lens bends them."""
        outlines = []
        for zone in self.calibration.zones:
            outline = self.to_pixels(_subdivided(np.asarray(zone.polygon_mm, dtype=np.float64)))
            outlines.append((zone, outline.astype(np.float32)))
        return outlines

    @cached_property
    def out_of_view_zone_ids(self) -> frozenset[str]:
        """Zones of which less than half lies within the frame: nothing can be said about them."""
        return frozenset(zone.zone_id for zone, _ in self.zone_polygons_px if self._visible_fraction(zone) < 0.5)  # noqa: PLR2004

    @cached_property
    def facing_height_px(self) -> float:
        """Median height of a facing in the frame, in pixels, over the zones in view."""
        heights_px = self._facing_sizes_px[:, 1]
        # nanmedian does the same, but first loads a part of numpy that nothing else in a node needs.
        return float(np.median(heights_px[~np.isnan(heights_px)]))

    @cached_property
    def largest_facing_wh_px(self) -> tuple[float, float]:
        """Width of the widest and height of the tallest zone's facing in the frame, in pixels."""
        width_px, height_px = np.nanmax(self._facing_sizes_px, axis=0)
        return float(width_px), float(height_px)

    @cached_property
    def bay_box_px(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the bay and its zones in the frame's pixels; may reach beyond the frame.

        Not finite where the bay reaches behind the camera.
        """
        bay = self.calibration.bay
        corners_mm = np.array([(0, 0), (bay.width_mm, 0), (bay.width_mm, bay.height_mm), (0, bay.height_mm)], float)
        outlines = [self.to_pixels(_subdivided(corners_mm))] + [outline for _, outline in self.zone_polygons_px]
        points = np.concatenate(outlines)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    @cached_property
    def _facing_sizes_px(self) -> FloatArray:
        """Width and height (zones, 2) of a facing in the middle of each zone."""
        sizes = []
        for zone in self.calibration.zones:
            centre = np.asarray(zone.polygon_mm, dtype=np.float64).mean(axis=0)
            across = np.array([zone.facing_width_mm / 2, 0.0])
            up = np.array([0.0, zone.facing_height_mm / 2])
            right, left, top, bottom = self.to_pixels(
                np.array([centre + across, centre - across, centre + up, centre - up])
            )
            sizes.append((np.linalg.norm(right - left), np.linalg.norm(top - bottom)))
        return np.array(sizes)

    def _visible_fraction(self, zone: Zone) -> float:
        """Share of a grid of points inside the zone's bounding box on the bay that falls within the frame."""
        corners = np.asarray(zone.polygon_mm, dtype=np.float64)
        low, high = corners.min(axis=0), corners.max(axis=0)
        grid = np.stack(np.meshgrid(*(np.linspace(low[axis], high[axis], 9) for axis in (0, 1))), axis=-1)
        pixels = self.to_pixels(grid.reshape(-1, 2))
        with np.errstate(invalid="ignore"):
            inside = (pixels >= 0).all(axis=1) & (pixels < np.asarray(self.frame_wh_px)).all(axis=1)
        return float(inside.mean())


def _subdivided(polygon_mm: FloatArray) -> FloatArray:
    following = np.roll(polygon_mm, -1, axis=0)
    steps = np.linspace(0, 1, _EDGE_STEPS_COUNT, endpoint=False)[None, :, None]
    walked: FloatArray = (polygon_mm[:, None, :] * (1 - steps) + following[:, None, :] * steps).reshape(-1, 2)
    return walked
