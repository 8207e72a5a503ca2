# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be seen in a drawn scene: boxes in pixels of the finished picture, and how much of each thing shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import cv2
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

    `depth_index` above 0 marks a pack seen behind an empty front: true, but no facing. `occluded_fraction` is the
    share of the thing that people and trolleys hide and that would show without them. A defect is a second box over
    that of its product, with the same `ref_id`.
    """

    label: BoxLabel
    xyxy_px: tuple[float, float, float, float]
    visible_fraction: float
    depth_index: int
    ref_id: str
    occluded_fraction: float = 0.0

    @property
    def is_clear(self) -> bool:
        """Whether a detector should be asked to find it: a facing, and shown well enough."""
        return self.depth_index == 0 and self.visible_fraction >= IGNORE_BELOW_FRACTION


def _reduced(points: Array, starts: Array) -> tuple[Array, Array]:
    return np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)


def bounds_of(view: View, outlines_px: list[Array]) -> Array:
    """Boxes (n, 4) of outlines after distortion, not cut to the picture. Straight edges bend: midpoints count too."""
    points = np.concatenate(outlines_px)
    lengths = np.array([len(outline) for outline in outlines_px])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    low, high = _reduced(distort(view, points), starts)
    if view.k1 or view.k2:
        following = np.arange(1, len(points) + 1)
        following[starts + lengths - 1] = starts
        low_between, high_between = _reduced(distort(view, (points + points[following]) / 2), starts)
        low, high = np.minimum(low, low_between), np.maximum(high, high_between)
    return np.concatenate([low, high], axis=1)


def _cut(view: View, bounds: Array) -> Array:
    width, height = view.image_wh_px
    return np.clip(bounds, 0.0, (width, height, width, height))


def _framed_fractions(view: View, outlines_px: list[Array]) -> Array:
    """The share of each outline's box that lies inside the picture."""
    flat = replace(view, k1=0.0, k2=0.0)
    whole = bounds_of(flat, outlines_px)
    inside = _cut(flat, whole)
    area = (whole[:, 2] - whole[:, 0]) * (whole[:, 3] - whole[:, 1])
    return np.asarray((inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1]) / np.maximum(area, 1e-6))


def _visible_part(owner: Array, index: int, outline_px: Array) -> Array:
    """The outline cut to where the thing really shows.

    Sides that are hidden by less than _SLACK_FRACTION keep their true place, so that clear boxes stay exact.
    """
    height, width = owner.shape
    (left, top), (right, bottom) = outline_px.min(axis=0).tolist(), outline_px.max(axis=0).tolist()
    x0, y0 = max(0, int(left) - 1), max(0, int(top) - 1)
    x1, y1 = min(width, int(right) + 2), min(height, int(bottom) + 2)
    if x1 <= x0 or y1 <= y0:
        return outline_px
    mine = np.equal(owner[y0:y1, x0:x1], index).view(np.uint8)
    seen_x, seen_y, seen_w, seen_h = cv2.boundingRect(mine)
    if seen_w == 0:
        return outline_px
    seen = (x0 + seen_x, y0 + seen_y, x0 + seen_x + seen_w, y0 + seen_y + seen_h)
    slack_x = max(_SLACK_FRACTION * (right - left), 2.0)
    slack_y = max(_SLACK_FRACTION * (bottom - top), 2.0)
    low = (seen[0] if seen[0] - left > slack_x else -np.inf, seen[1] if seen[1] - top > slack_y else -np.inf)
    high = (seen[2] if right - seen[2] > slack_x else np.inf, seen[3] if bottom - seen[3] > slack_y else np.inf)
    return np.clip(outline_px, low, high)


def claimed_boxes(drawing: Drawing) -> list[TrueBox]:
    """Boxes of packs, their defects and tags: exact where wholly shown, cut to what shows where a part is hidden."""
    if not drawing.claims:
        return []
    view, owner, claims = drawing.scene.view, drawing.painter.owner, drawing.claims
    counts = np.bincount(owner.ravel(), minlength=len(claims) + 1)[1:]
    before = counts
    if drawing.occluded is not None:
        before = np.bincount(drawing.owner_behind.ravel(), minlength=len(claims) + 1)[1:]
    covered = np.array([claim.covered_px for claim in claims.values()])
    outlines = [claim.outline_px for claim in claims.values()]
    partly = (counts > 0) & (counts < _WHOLE_FRACTION * covered)
    seen = [
        _visible_part(owner, index + 1, outline) if partly[index] else outline for index, outline in enumerate(outlines)
    ]
    bounds = _cut(view, bounds_of(view, seen))
    framed = _framed_fractions(view, outlines)
    shown = np.minimum(1.0, counts / np.maximum(covered, 1)) * framed
    occluded = np.clip((before - counts) / np.maximum(covered, 1), 0, 1) * framed
    inside = (bounds[:, 2] - bounds[:, 0] > 1) & (bounds[:, 3] - bounds[:, 1] > 1)
    boxes = []
    for claim, is_inside, box, share, hidden in zip(
        claims.values(), inside.tolist(), bounds.tolist(), shown.tolist(), occluded.tolist(), strict=True
    ):
        if is_inside:
            x0, y0, x1, y1 = box
            boxes.append(TrueBox(claim.label, (x0, y0, x1, y1), share, claim.depth_index, claim.ref_id, hidden))
            if claim.defect is not None:
                boxes.append(replace(boxes[-1], label=claim.defect))
    return boxes


def gap_boxes(drawing: Drawing, picture: Array) -> list[TrueBox]:
    """Gaps have no paint of their own: their share is what no front pack or tag covers, none where it is too dark."""
    scene, owner = drawing.scene, drawing.owner_behind
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
        part = np.s_[max(0, low[1]) : max(0, high[1]), max(0, low[0]) : max(0, high[0])]
        window = owner[part]
        x0, y0, x1, y1 = _cut(scene.view, bounds_of(scene.view, [outline]))[0].tolist()
        if x1 - x0 <= 1 or y1 - y0 <= 1 or window.size == 0:
            continue
        inside = min(1.0, window.size / max(1, int((high[0] - low[0]) * (high[1] - low[1]))))
        free = ~in_front[window]
        hidden = 0.0
        if drawing.occluded is not None:
            hidden = float(np.count_nonzero(free & drawing.occluded[part])) / window.size * inside
        open_fraction = float(np.count_nonzero(free)) / window.size * inside - hidden
        if float(picture[int(y0) : int(y1) + 1 : 3, int(x0) : int(x1) + 1 : 3].mean()) < _TOO_DARK:
            open_fraction = 0.0
        boxes.append(TrueBox("gap", (x0, y0, x1, y1), max(0.0, open_fraction), 0, gap.ref_id, hidden))
    return boxes
