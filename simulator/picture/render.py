# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draw a scene and say exactly what can be seen in it: one picture, and a box for every product, gap and price tag.

A bay stands still while people pass: `render_still` draws it once, `finish` puts people before it and lets lens, light
and sensor have their way. `render_scene` does both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simulator.picture.drawing import BoxLabel, Drawing
from simulator.picture.look import apply_look, light_map
from simulator.picture.people import draw_occluder
from simulator.picture.projection import undistort_maps, widened
from simulator.picture.scene import Light, Occluder, Scene, View
from simulator.picture.truth import IGNORE_BELOW_FRACTION, Outlook, TrueBox, claimed_boxes, gap_boxes

__all__ = [
    "IGNORE_BELOW_FRACTION",
    "BoxLabel",
    "RenderedView",
    "Still",
    "TrueBox",
    "finish",
    "render_scene",
    "render_still",
]

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class RenderedView:
    """`image_bgr` uint8 (height, width, 3) and every true box in it."""

    image_bgr: Array
    boxes: tuple[TrueBox, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A drawn bay without people, before lens and light; `outlook` knows what shows of what."""

    view: View
    margin_px: int
    canvas_bgra: Array
    outlook: Outlook


def render_still(scene: Scene) -> Still:
    """Draw all of a scene but its occluders, its light across the bay and what the camera does to the picture."""
    wide, margin_px = widened(scene.view)
    drawing = Drawing(replace(scene, view=wide))
    drawing.draw()
    return Still(scene.view, margin_px, drawing.painter.canvas, Outlook(drawing, scene.view, margin_px))


def finish(still: Still, scene: Scene, rng: Generator) -> RenderedView:
    """A picture of a drawn bay with the occluders, light and look of `scene`; the rest of it must be what was drawn.

    `rng` feeds the sensor's noise only.
    """
    canvas, occluded = _with_occluders(still, scene.occluders)
    picture = cv2.cvtColor(canvas, cv2.COLOR_BGRA2BGR)
    picture = _lit(picture, scene.light)
    if still.margin_px or still.view.k1 or still.view.k2:
        map_x, map_y = undistort_maps(still.view, still.margin_px)
        picture = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    picture = apply_look(picture, scene.look, rng)
    boxes = claimed_boxes(still.outlook, occluded) + gap_boxes(still.outlook, occluded, picture)
    return RenderedView(picture, tuple(boxes))


def render_scene(scene: Scene, rng: Generator) -> RenderedView:
    """Draw a scene. `rng` feeds the sensor's noise only: equal scenes and equal generators give equal pixels."""
    return finish(render_still(scene), scene, rng)


def _with_occluders(still: Still, occluders: tuple[Occluder, ...]) -> tuple[Array, Array | None]:
    """The canvas with people and trolleys, far ones first, and where they are (h, w) bool; None where nobody is."""
    if not occluders:
        return still.canvas_bgra, None
    canvas = still.canvas_bgra.copy()
    occluded = np.zeros(canvas.shape[:2], np.bool_)
    wide, _ = widened(still.view)
    for occluder in sorted(occluders, key=lambda one: one.z_mm):
        draw_occluder(canvas, occluded, wide, occluder)
    return canvas, occluded


def _lit(picture: Array, light: Light) -> Array:
    """The picture under the light's slopes, spots and tint."""
    height, width = picture.shape[:2]
    field = light_map(light, width, height)
    tinted = cv2.merge([field * part for part in light.colour_bgr])
    wide = cv2.resize(tinted, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(picture, wide, dtype=cv2.CV_8U)
