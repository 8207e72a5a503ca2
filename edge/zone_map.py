# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draws a camera's zones once, so that asking which zone a spot belongs to is one look into an array."""

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.view import CameraView
from edge.counting import NO_ZONE


def draw_zone_map(view: CameraView) -> NDArray[np.signedinteger]:
    """Index of the zone at every pixel, int8 or int16 (height, width); NO_ZONE where there is none.

    Zones that touch share no pixel: the later one in the calibration has the border.
    """
    width_px, height_px = view.frame_wh_px
    narrowest = np.int8 if len(view.zone_polygons_px) <= np.iinfo(np.int8).max else np.int16
    zone_map: NDArray[np.signedinteger] = np.full((height_px, width_px), NO_ZONE, dtype=narrowest)
    for index, (_, outline_px) in enumerate(view.zone_polygons_px):
        if not np.isfinite(outline_px).all():
            continue  # behind the camera; such a zone is out of view
        cv2.fillPoly(zone_map, [np.rint(outline_px).astype(np.int32)], index)
    return zone_map
