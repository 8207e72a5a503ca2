# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draws what was found on a copy of the picture: boxes by label, zone outlines with their counts."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from contract.model_card import DetectorLabel
from edge.detections import Detections
from edge.frames import BgrImage

EVIDENCE_LONGER_SIDE_PX = 960
EVIDENCE_JPEG_QUALITY = 72

_COLOURS_BGR = {
    DetectorLabel.PRODUCT: (120, 200, 60),
    DetectorLabel.GAP: (40, 70, 240),
    DetectorLabel.PRICE_TAG: (230, 170, 40),
}
_OTHER_BGR = (200, 80, 200)
_ZONE_BGR = (255, 255, 255)
_SHADE_BGR = (30, 30, 30)

LEGEND = "drawn: products green, gaps red, price tags blue, defects violet, zones white"

Outline = tuple[NDArray[np.float32], str]
"""A polygon (n, 2) in pixels of the picture, and what to write at it."""


def annotated(image_bgr: BgrImage, detections: Detections, outlines: Sequence[Outline] = ()) -> BgrImage:
    """Copy of the picture with boxes and, where given, zone outlines with their texts."""
    canvas: BgrImage = image_bgr.copy()
    longer_side_px = max(canvas.shape[:2])
    line_px = max(1, round(longer_side_px / 640))
    for index in range(len(detections)):
        left, top, right, bottom = (round(float(side)) for side in detections.xyxy_px[index])
        colour = _COLOURS_BGR.get(detections.label_of(index), _OTHER_BGR)
        cv2.rectangle(canvas, (left, top), (right, bottom), colour, line_px, cv2.LINE_AA)
    for polygon_px, text in outlines:
        if np.isfinite(polygon_px).all():
            _draw_outline(canvas, polygon_px, text, line_px)
    return canvas


def evidence_jpeg(image_bgr: BgrImage, detections: Detections, outlines: Sequence[Outline]) -> bytes:
    """Reduced annotated JPEG of a bay."""
    drawn = annotated(image_bgr, detections, outlines)
    share = EVIDENCE_LONGER_SIDE_PX / max(drawn.shape[:2])
    if share < 1:
        wh_px = (max(1, round(drawn.shape[1] * share)), max(1, round(drawn.shape[0] * share)))
        drawn = cv2.resize(drawn, wh_px, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, EVIDENCE_JPEG_QUALITY])[1].tobytes()


def _draw_outline(canvas: BgrImage, polygon_px: NDArray[np.float32], text: str, line_px: int) -> None:
    corners = np.rint(polygon_px).astype(np.int32)
    cv2.polylines(canvas, [corners], isClosed=True, color=_ZONE_BGR, thickness=line_px, lineType=cv2.LINE_AA)
    scale = 0.2 + 0.35 * line_px
    (width_px, height_px), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, line_px)
    left = int(np.clip(corners[:, 0].min() + 3 * line_px, 0, max(0, canvas.shape[1] - width_px)))
    base = int(np.clip(corners[:, 1].min() + height_px + 4 * line_px, height_px, canvas.shape[0]))
    pad = 2 * line_px
    cv2.rectangle(
        canvas, (left - pad, base - height_px - pad), (left + width_px + pad, base + pad), _SHADE_BGR, cv2.FILLED
    )
    cv2.putText(canvas, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, scale, _ZONE_BGR, line_px, cv2.LINE_AA)
