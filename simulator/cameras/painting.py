# SPDX-License-Identifier: AGPL-3.0-or-later
"""Paints a scene for a camera in two steps, so that people who move before a still shelf cost little.

The shelf is dear to draw and changes seldom; it is kept. People are laid over a copy, then light and lens do theirs.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.picture.drawing import Drawing
from simulator.picture.look import apply_look, light_map
from simulator.picture.people import draw_occluder
from simulator.picture.projection import undistort_maps
from simulator.picture.scene import Light, Scene, View

BgrPicture = NDArray[np.uint8]


class Painting:
    """The last scene of one camera. Equal scenes give equal pixels, whatever was painted before."""

    def __init__(self) -> None:
        self._still: Scene | None = None
        self._canvas: NDArray[Any] = np.zeros((0, 0, 4), np.uint8)
        self._scene: Scene | None = None
        self._picture: BgrPicture = np.zeros((0, 0, 3), np.uint8)

    def picture(self, scene: Scene) -> BgrPicture:
        """The scene as the lens shows it, uint8 (height, width, 3), before exposure and noise. Do not write into it."""
        if scene != self._scene:
            still = replace(scene, occluders=())
            if still != self._still:
                drawing = Drawing(still)
                drawing.draw()
                self._still, self._canvas = still, drawing.painter.canvas
            self._scene, self._picture = scene, self._finished(scene)
        return self._picture

    def _finished(self, scene: Scene) -> BgrPicture:
        canvas = self._canvas
        if scene.occluders:
            canvas = canvas.copy()
            hidden = np.zeros(canvas.shape[:2], np.bool_)
            for occluder in sorted(scene.occluders, key=lambda one: one.z_mm):
                draw_occluder(canvas, hidden, scene.view, occluder)
        picture = cv2.cvtColor(canvas, cv2.COLOR_BGRA2BGR)
        picture = cv2.multiply(picture, _light_field(scene.light, scene.view.image_wh_px), dtype=cv2.CV_8U)
        if scene.view.k1 or scene.view.k2:
            picture = cv2.remap(picture, *_lens_maps(scene.view), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # The scene's look holds the lens alone; noise is the sensor's, so the generator decides nothing.
        look = replace(scene.look, noise_sigma=0.0, jpeg_quality=0)
        return np.asarray(apply_look(picture, look, np.random.default_rng(0)), dtype=np.uint8)


@lru_cache(maxsize=8)
def _light_field(light: Light, image_wh_px: tuple[int, int]) -> NDArray[np.float32]:
    small = light_map(light, *image_wh_px)
    field = cv2.resize(small, image_wh_px, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.merge([field * part for part in light.colour_bgr]), dtype=np.float32)


@lru_cache(maxsize=8)
def _lens_maps(view: View) -> tuple[NDArray[Any], NDArray[Any]]:
    """The lens as fixed-point maps, which are read three times as fast (steps of 1/32 px)."""
    whole, fraction = cv2.convertMaps(*undistort_maps(view), cv2.CV_16SC2)
    return whole, fraction
