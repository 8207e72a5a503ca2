# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draw a scene and say exactly what can be seen in it: one picture, and a box for every product, gap and price tag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
from numpy.random import Generator
from numpy.typing import NDArray

from simulator.picture.drawing import BoxLabel, Drawing
from simulator.picture.look import apply_look, light_map
from simulator.picture.projection import undistort_maps
from simulator.picture.scene import Scene
from simulator.picture.truth import IGNORE_BELOW_FRACTION, TrueBox, claimed_boxes, gap_boxes

__all__ = ["IGNORE_BELOW_FRACTION", "BoxLabel", "RenderedView", "TrueBox", "render_scene"]

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class RenderedView:
    """`image_bgr` uint8 (height, width, 3) and every true box in it."""

    image_bgr: Array
    boxes: tuple[TrueBox, ...]


def render_scene(scene: Scene, rng: Generator) -> RenderedView:
    """Draw a scene. `rng` feeds the sensor's noise only: equal scenes and equal generators give equal pixels."""
    drawing = Drawing(scene)
    drawing.draw()
    canvas = cv2.cvtColor(drawing.painter.canvas, cv2.COLOR_BGRA2BGR)
    width, height = scene.view.image_wh_px
    field = cv2.resize(light_map(scene.light, width, height), (width, height), interpolation=cv2.INTER_LINEAR)
    canvas = cv2.multiply(canvas, cv2.merge([field * part for part in scene.light.colour_bgr]), dtype=cv2.CV_8U)
    if scene.view.k1 or scene.view.k2:
        map_x, map_y = undistort_maps(scene.view)
        canvas = cv2.remap(canvas, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    picture = apply_look(canvas, scene.look, rng)
    return RenderedView(picture, tuple(claimed_boxes(drawing) + gap_boxes(drawing, picture)))
