# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a camera saw its bay when its calibration came into use, and what of it was furniture."""

from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.view import CameraView
from contract.model_card import DetectorLabel
from edge.detections import Detections
from edge.frames import GreyImage
from edge.landmarks import RAIL, STOCK, STRUCTURE

Matrix = NDArray[np.float64]

MARGIN_MM = 60.0
"""Furniture beside the bay that is taken for the bay's own."""

_SMOOTHING_PX = 0.8
_OUTLINE_STEPS_COUNT = 16

RAIL_MM = 40.0
"""A price rail hangs so far below the edge on which the goods stand."""

INSET_FRACTION = 0.1
"""Share of a box that is left out at each side when goods are drawn over furniture, as boxes are never exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One kept look. `grey` and `ground` are uint8 (height, width), 640 px wide; `ground` tells furniture from goods.

    `from_anchor` 3x3 takes a pixel of the first reference of this calibration to where the same spot is in this one, so
    that a camera that sinks slowly is not followed step by step.
    """

    calibration_id: str
    captured_at: datetime
    grey: GreyImage
    ground: NDArray[np.uint8]
    from_anchor: Matrix


def smoothed(grey: GreyImage) -> GreyImage:
    """A reduced picture without the finest noise, as references are kept."""
    return cv2.GaussianBlur(grey, (0, 0), _SMOOTHING_PX)  # type: ignore[return-value]


def draw_ground(view: CameraView, boxes: Detections, scale: float) -> NDArray[np.uint8]:
    """What each pixel belongs to: furniture, goods, or nought beyond the bay; uint8 (height, width) of `view`.

    `boxes` are in pixels of a frame, `scale` of which makes the reduced picture. Zones are goods but for the price tags
    in them; so is whatever the detector takes for goods elsewhere.
    """
    width_px, height_px = view.frame_wh_px
    ground = np.zeros((height_px, width_px), np.uint8)
    bay = view.calibration.bay
    low, right, high = -MARGIN_MM, bay.width_mm + MARGIN_MM, bay.height_mm + MARGIN_MM
    _fill(ground, view.to_pixels(_outline_mm(low, right, low, high)), STRUCTURE)
    for _, outline_px in view.zone_polygons_px:
        _fill(ground, outline_px, STOCK)
    for zone in view.calibration.zones:
        corners = np.asarray(zone.polygon_mm, dtype=np.float64)
        (left, edge), right = corners.min(axis=0), corners[:, 0].max()
        _fill(ground, view.to_pixels(_outline_mm(left, right, edge - RAIL_MM, edge)), RAIL)
    for label in (DetectorLabel.PRODUCT, DetectorLabel.GAP):
        _draw_boxes(ground, boxes.of(label).xyxy_px * scale, STOCK)
    _draw_boxes(ground, boxes.of(DetectorLabel.PRICE_TAG).xyxy_px * scale, RAIL)
    return ground


def rail_height_px(view: CameraView) -> float:
    """How high a price rail is in the middle of the bay, in pixels of `view`."""
    bay = view.calibration.bay
    ends = np.array([(bay.width_mm / 2, bay.height_mm / 2), (bay.width_mm / 2, bay.height_mm / 2 + RAIL_MM)])
    top, bottom = view.to_pixels(ends)
    return float(np.nan_to_num(np.linalg.norm(top - bottom)))


def _draw_boxes(ground: NDArray[np.uint8], xyxy_px: NDArray[np.float32], owner: int) -> None:
    inset_px = INSET_FRACTION * (xyxy_px[:, 2:] - xyxy_px[:, :2])
    corners = np.rint(np.concatenate([xyxy_px[:, :2] + inset_px, xyxy_px[:, 2:] - inset_px], axis=1)).astype(int)
    for left_px, top_px, right_px, bottom_px in corners.tolist():
        cv2.rectangle(ground, (left_px, top_px), (right_px, bottom_px), owner, cv2.FILLED)


def _outline_mm(left: float, right: float, low: float, high: float) -> NDArray[np.float64]:
    corners = np.array([(left, low), (right, low), (right, high), (left, high)])
    steps = np.linspace(0, 1, _OUTLINE_STEPS_COUNT, endpoint=False)[None, :, None]
    walked: NDArray[np.float64] = corners[:, None] * (1 - steps) + np.roll(corners, -1, axis=0)[:, None] * steps
    return walked.reshape(-1, 2)


def _fill(ground: NDArray[np.uint8], outline_px: NDArray[np.floating], owner: int) -> None:
    if np.isfinite(outline_px).all():
        cv2.fillPoly(ground, [np.rint(outline_px).astype(np.int32)], owner)
