# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be seen in a drawn scene: boxes in pixels of the finished picture, and how much of each thing shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simulator.picture.drawing import BoxLabel, Drawing
from simulator.picture.projection import distort
from simulator.picture.scene import View

Array: TypeAlias = NDArray[Any]
IGNORE_BELOW_FRACTION = 0.25
"""Boxes less visible than this help nobody: training leaves them out."""
_TOO_DARK = 11.0
_WHOLE_FRACTION = 0.97
_SLACK_FRACTION = 0.06


@dataclass(frozen=True, slots=True)
class TrueBox:
    """One thing that is there: pixels (x0, y0, x1, y1) of the picture, how much of it shows, and which it is.

    `depth_index` above 0 marks a pack seen behind an empty front: true, but no facing.
    """

    label: BoxLabel
    xyxy_px: tuple[float, float, float, float]
    visible_fraction: float
    depth_index: int
    ref_id: str

    @property
    def is_clear(self) -> bool:
        """Whether a detector should be asked to find it: a facing, and shown well enough."""
        return self.depth_index == 0 and self.visible_fraction >= IGNORE_BELOW_FRACTION


def _bounds(view: View, outline_px: Array) -> tuple[float, float, float, float] | None:
    """The box of an outline after distortion, cut to the picture; None where nothing of it is inside."""
    seen = outline_px
    if view.k1 or view.k2:
        seen = distort(view, np.concatenate([seen, (seen + np.roll(seen, -1, axis=0)) / 2]))
    (x0, y0), (x1, y1) = seen.min(axis=0).tolist(), seen.max(axis=0).tolist()
    width, height = view.image_wh_px
    x0, y0, x1, y1 = max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
    return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None


def _framed_fraction(view: View, outline_px: Array) -> float:
    """The share of an outline's box that lies inside the picture."""
    (x0, y0), (x1, y1) = outline_px.min(axis=0).tolist(), outline_px.max(axis=0).tolist()
    width, height = view.image_wh_px
    inside = max(0.0, min(x1, width) - max(x0, 0.0)) * max(0.0, min(y1, height) - max(y0, 0.0))
    return float(inside / max((x1 - x0) * (y1 - y0), 1e-6))


def _visible_part(owner: Array, index: int, outline_px: Array) -> Array:
    """The outline cut to where the thing really shows.

    Sides that are hidden by less than _SLACK_FRACTION keep their true place, so that clear boxes stay exact.
    """
    height, width = owner.shape
    low, high = outline_px.min(axis=0), outline_px.max(axis=0)
    x0, y0 = max(0, int(low[0]) - 1), max(0, int(low[1]) - 1)
    x1, y1 = min(width, int(high[0]) + 2), min(height, int(high[1]) + 2)
    if x1 <= x0 or y1 <= y0:
        return outline_px
    mine = owner[y0:y1, x0:x1] == index
    columns, rows = np.flatnonzero(mine.any(axis=0)), np.flatnonzero(mine.any(axis=1))
    if columns.size == 0:
        return outline_px
    seen_low = np.array([x0 + columns[0], y0 + rows[0]], np.float64)
    seen_high = np.array([x0 + columns[-1] + 1, y0 + rows[-1] + 1], np.float64)
    slack = np.maximum(_SLACK_FRACTION * (high - low), 2.0)
    cut_low = np.where(seen_low - low > slack, seen_low, -np.inf)
    cut_high = np.where(high - seen_high > slack, seen_high, np.inf)
    return np.clip(outline_px, cut_low, cut_high)


def claimed_boxes(drawing: Drawing) -> list[TrueBox]:
    """Boxes of packs and tags: exact where they show wholly, cut to what shows where something hides a part."""
    view, owner = drawing.scene.view, drawing.painter.owner
    counts = np.bincount(owner.ravel(), minlength=len(drawing.claims) + 1)
    boxes = []
    for index, claim in drawing.claims.items():
        outline, count = claim.outline_px, int(counts[index])
        if 0 < count < _WHOLE_FRACTION * claim.covered_px:
            outline = _visible_part(owner, index, outline)
        bounds = _bounds(view, outline)
        if bounds is None:
            continue
        shown = min(1.0, count / claim.covered_px) * _framed_fraction(view, claim.outline_px) if count else 0.0
        boxes.append(TrueBox(claim.label, bounds, shown, claim.depth_index, claim.ref_id))
    return boxes


def gap_boxes(drawing: Drawing, picture: Array) -> list[TrueBox]:
    """Gaps have no paint of their own: their share is what no front pack or tag covers, none where it is too dark."""
    scene, owner = drawing.scene, drawing.painter.owner
    in_front = np.zeros(len(drawing.claims) + 1, np.bool_)
    for index, claim in drawing.claims.items():
        in_front[index] = claim.depth_index == 0
    boxes = []
    for gap in scene.gaps:
        corner = np.array([gap.x0_mm, gap.y1_mm, gap.z_mm])
        across, down = np.array([gap.x1_mm - gap.x0_mm, 0.0, 0.0]), np.array([0.0, gap.y0_mm - gap.y1_mm, 0.0])
        outline = drawing.painter.corners_px(corner, across, down)
        if outline is None:
            continue
        low, high = np.floor(outline.min(axis=0)).astype(int), np.ceil(outline.max(axis=0)).astype(int)
        window = owner[max(0, low[1]) : max(0, high[1]), max(0, low[0]) : max(0, high[0])]
        inside = window.size / max(1, int((high[0] - low[0]) * (high[1] - low[1])))
        bounds = _bounds(scene.view, outline)
        if bounds is None or window.size == 0:
            continue
        open_fraction = 1.0 - float(np.count_nonzero(in_front[window])) / window.size
        x0, y0, x1, y1 = (int(v) for v in bounds)
        if float(picture[y0 : y1 + 1 : 3, x0 : x1 + 1 : 3].mean()) < _TOO_DARK:
            open_fraction = 0.0
        boxes.append(TrueBox("gap", bounds, min(1.0, open_fraction * inside), 0, gap.ref_id))
    return boxes
