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
_LEAST_SLIVER_PX = 3
"""Of what shows less, the whole outline is told: a sliver says nothing of where a thing is."""


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


class Outlook:
    """What a drawn bay shows of everything in it, before anybody stands in front.

    Outlines are in pixels of the canvas, which reaches `margin_px` past the picture on every side.
    """

    def __init__(self, drawing: Drawing, view: View, margin_px: int) -> None:
        self.drawing, self.view, self.margin_px = drawing, view, margin_px
        self.wide = drawing.scene.view
        self.owner = drawing.painter.owner
        self.claims = tuple(drawing.claims.values())
        self.outlines = [claim.outline_px for claim in self.claims]
        self.covered = np.array([claim.covered_px for claim in self.claims], np.int64)
        self.counts = self.counts_of(self.owner)
        whole = self.whole_bounds(self.outlines) if self.claims else np.zeros((0, 4))
        inside = self.cut(whole)
        area = (whole[:, 2] - whole[:, 0]) * (whole[:, 3] - whole[:, 1])
        self.framed = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1]) / np.maximum(area, 1e-6)

    def counts_of(self, owner: Array) -> Array:
        """Pixels (n,) that each claim owns."""
        return np.bincount(owner.ravel(), minlength=len(self.claims) + 1)[1:]

    def whole_bounds(self, outlines_px: list[Array]) -> Array:
        """Boxes (n, 4) of canvas outlines in pixels of the picture, not cut to it."""
        return bounds_of(self.wide, outlines_px) - self.margin_px

    def cut(self, bounds: Array) -> Array:
        """Boxes cut to the picture."""
        width, height = self.view.image_wh_px
        return np.clip(bounds, 0.0, (width, height, width, height))


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
    if seen_w < _LEAST_SLIVER_PX or seen_h < _LEAST_SLIVER_PX:
        return outline_px
    seen = (x0 + seen_x, y0 + seen_y, x0 + seen_x + seen_w, y0 + seen_y + seen_h)
    slack_x = max(_SLACK_FRACTION * (right - left), 2.0)
    slack_y = max(_SLACK_FRACTION * (bottom - top), 2.0)
    low = (seen[0] if seen[0] - left > slack_x else -np.inf, seen[1] if seen[1] - top > slack_y else -np.inf)
    high = (seen[2] if right - seen[2] > slack_x else np.inf, seen[3] if bottom - seen[3] > slack_y else np.inf)
    return np.clip(outline_px, low, high)


def claimed_boxes(outlook: Outlook, occluded: Array | None) -> list[TrueBox]:
    """Boxes of packs, their defects and tags: exact where wholly shown, cut to what shows where a part is hidden."""
    if not outlook.claims:
        return []
    owner, counts, covered = outlook.owner, outlook.counts, np.maximum(outlook.covered, 1)
    if occluded is not None:
        owner = np.where(occluded, 0, owner)
        counts = outlook.counts_of(owner)
    partly = ((counts > 0) & (counts < _WHOLE_FRACTION * outlook.covered)).tolist()
    seen = [
        _visible_part(owner, index + 1, outline) if partly[index] else outline
        for index, outline in enumerate(outlook.outlines)
    ]
    bounds = outlook.cut(outlook.whole_bounds(seen))
    shown = np.minimum(1.0, counts / covered) * outlook.framed
    hidden = np.clip((outlook.counts - counts) / covered, 0, 1) * outlook.framed
    inside = (bounds[:, 2] - bounds[:, 0] > 1) & (bounds[:, 3] - bounds[:, 1] > 1)
    boxes = []
    for claim, is_inside, (x0, y0, x1, y1), share, away in zip(
        outlook.claims, inside.tolist(), bounds.tolist(), shown.tolist(), hidden.tolist(), strict=True
    ):
        if is_inside:
            boxes.append(TrueBox(claim.label, (x0, y0, x1, y1), share, claim.depth_index, claim.ref_id, away))
            if claim.defect is not None:
                boxes.append(replace(boxes[-1], label=claim.defect))
    return boxes


def gap_boxes(outlook: Outlook, occluded: Array | None, picture: Array) -> list[TrueBox]:
    """Gaps have no paint of their own: their share is what no front pack or tag covers, none where it is too dark."""
    in_front = np.array([False, *(claim.depth_index == 0 for claim in outlook.claims)])
    marked = []
    for gap in outlook.drawing.scene.gaps:
        corner = np.array([gap.x0_mm, gap.y1_mm, gap.z_mm])
        across, down = np.array([gap.x1_mm - gap.x0_mm, 0.0, 0.0]), np.array([0.0, gap.y0_mm - gap.y1_mm, 0.0])
        outline = outlook.drawing.painter.corners_px(corner, across, down)
        if outline is not None:
            marked.append((gap, outline))
    if not marked:
        return []
    boxes = []
    whole_bounds = outlook.whole_bounds([outline for _, outline in marked])
    for (gap, outline), whole, cut in zip(marked, whole_bounds, outlook.cut(whole_bounds), strict=True):
        x0, y0, x1, y1 = cut.tolist()
        low, high = np.floor(outline.min(axis=0)).astype(int), np.ceil(outline.max(axis=0)).astype(int)
        part = np.s_[max(0, low[1]) : max(0, high[1]), max(0, low[0]) : max(0, high[0])]
        window = outlook.owner[part]
        if x1 - x0 <= 1 or y1 - y0 <= 1 or window.size == 0:
            continue
        framed = (x1 - x0) * (y1 - y0) / max(float(np.prod(whole[2:] - whole[:2])), 1e-6)
        free = ~in_front[window]
        away = 0.0
        if occluded is not None:
            away = float(np.count_nonzero(free & occluded[part])) / window.size * framed
        open_fraction = float(np.count_nonzero(free)) / window.size * framed - away
        if float(picture[int(y0) : int(y1) + 1 : 3, int(x0) : int(x1) + 1 : 3].mean()) < _TOO_DARK:
            open_fraction = 0.0
        boxes.append(TrueBox("gap", (x0, y0, x1, y1), max(0.0, open_fraction), 0, gap.ref_id, away))
    return boxes
