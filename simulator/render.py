# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draw a scene and say exactly what can be seen in it.

`render_scene` paints back to front: rows far from the camera's height before near ones, within a row columns far from the camera's
side before near ones, within a column deep packs before front ones. For upright columns that do not overlap, this order is exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simulator.fixtures import (
    fence_texture,
    plate_texture,
    tag_texture,
    texture_of_back,
    texture_of_plate,
    texture_of_prop,
    textures_of_row,
)
from simulator.look import apply_look, light_map
from simulator.packs import brand_matrix, pack_art, with_alpha
from simulator.painter import Painter
from simulator.printing import hsv
from simulator.projection import distort, project, undistort_maps
from simulator.scene import Divider, PlacedPack, Plate, Prop, Scene, View

Array: TypeAlias = NDArray[Any]
BoxLabel: TypeAlias = Literal["product", "gap", "price_tag"]
IGNORE_BELOW_FRACTION = 0.25
"""Boxes less visible than this help nobody: training leaves them out."""
_TOO_DARK = 11.0


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
        """Whether a detector should be asked to find it."""
        return self.depth_index == 0 and self.visible_fraction >= IGNORE_BELOW_FRACTION


@dataclass(frozen=True, slots=True)
class RenderedView:
    """`image_bgr` uint8 (height, width, 3) and every true box in it."""

    image_bgr: Array
    boxes: tuple[TrueBox, ...]


@dataclass(frozen=True, slots=True)
class _Claim:
    """A painted thing whose box is wanted: outline in undistorted pixels, pixels it covered when painted."""

    label: BoxLabel
    outline_px: Array
    covered_px: int
    depth_index: int
    ref_id: str


def _axes(pack: PlacedPack) -> tuple[Array, Array, Array]:
    """Unit vectors of a pack: to its right, up along it, and out of its front."""
    yaw, tilt, roll = np.radians([pack.yaw_deg, pack.tilt_deg, pack.roll_deg])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    out = np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    up = np.array([0.0, 1.0, 0.0])
    up, out = np.cos(tilt) * up - np.sin(tilt) * out, np.cos(tilt) * out + np.sin(tilt) * up
    right, up = np.cos(roll) * right - np.sin(roll) * up, np.cos(roll) * up + np.sin(roll) * right
    return right, up, out


def front_rectangle(pack: PlacedPack) -> tuple[Array, Array, Array]:
    """Top left corner, edge across and edge down (mm) of a pack's front."""
    right, up, _ = _axes(pack)
    base = np.array([pack.x_mm, pack.y_mm, pack.z_mm])
    if pack.style.shape in ("bottle", "can", "cup", "jar"):
        base = base - [0.0, 0.0, pack.style.depth_mm / 2]
    across, rise = right * pack.style.width_mm, up * pack.style.height_mm
    return base - across / 2 + rise, across, -rise


class _Drawing:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.painter = Painter(scene.view, _surround(scene))
        self.claims: dict[int, _Claim] = {}
        self.eye = self.painter.eye

    def gain_at(self, z_mm: float) -> float:
        return float(max(0.2, np.exp(min(0.0, z_mm) / self.scene.light.falloff_mm)))

    def claim(self, label: BoxLabel, outline_px: Array, covered_px: int, depth_index: int, ref_id: str) -> None:
        self.claims[len(self.claims) + 1] = _Claim(label, outline_px, covered_px, depth_index, ref_id)

    def next_id(self) -> int:
        return len(self.claims) + 1

    def pack(self, pack: PlacedPack) -> None:
        art, colours = pack_art(pack.style, pack.variant), brand_matrix(pack.style.brand_seed)
        gain = self.gain_at(pack.z_mm) * pack.brightness
        right, up, out = _axes(pack)
        corner, across, down = front_rectangle(pack)
        depth = out * pack.style.depth_mm
        paint = self.painter.paint
        if art.is_round:
            if self.eye[1] > pack.y_mm + pack.style.height_mm:
                half = across * 0.5
                rim = (corner + half) + np.array([0.0, 0.0, -1.0]) * pack.style.depth_mm / 2 * 0.8
                paint(art.front, corner, across, down, gain, self.next_id(), colours)
                paint(art.top, rim - half * 0.8, across * 0.8, np.array([0, 0, 0.8 * pack.style.depth_mm]), gain, None, colours)
        elif pack.style.shape not in ("bag", "blister", "tube"):
            middle = corner + across / 2 + down / 2 - depth / 2
            seen = self.eye - middle
            if seen @ right > pack.style.width_mm / 2:
                paint(art.side, corner + across, -depth, down, gain * 0.72, 0, colours)
            elif -seen @ right > pack.style.width_mm / 2:
                paint(art.side, corner - depth, depth, down, gain * 0.66, 0, colours)
            if seen @ up > pack.style.height_mm / 2:
                paint(art.top, corner - depth, across, depth, gain * 0.92, 0, colours)
        outline = project(self.scene.view, corner + art.outline_uv[:, :1] * across + art.outline_uv[:, 1:] * down)
        covered = paint(art.front, corner, across, down, gain, self.next_id(), colours)
        if self.painter.corners_px(corner, across, down) is not None:
            self.claim("product", outline, covered, pack.depth_index, pack.ref_id)

    def plate(self, plate: Plate) -> None:
        corner = np.array([plate.x_mm - plate.width_mm / 2, plate.y_mm + plate.height_mm, plate.z_mm])
        across, down = np.array([plate.width_mm, 0.0, 0.0]), np.array([0.0, -plate.height_mm, 0.0])
        see_through = plate.look in ("clear", "wire", "hook") or plate.opacity < 1
        owner = None if see_through else 0
        self.painter.paint(texture_of_plate(plate), corner, across, down, self.gain_at(plate.z_mm), owner)

    def divider(self, divider: Divider) -> None:
        row = self.scene.bay.rows[divider.row]
        corner = np.array([divider.x_mm, row.y_mm + divider.height_mm, divider.z0_mm])
        across, down = np.array([0.0, 0.0, divider.z1_mm - divider.z0_mm]), np.array([0.0, -divider.height_mm, 0.0])
        look = "clear" if divider.opacity < 1 else "wood"
        texture = plate_texture(look, divider.bgr, divider.opacity, 0)
        owner = None if divider.opacity < 1 else 0
        self.painter.paint(texture, corner, across, down, 0.85 * self.gain_at(divider.z0_mm / 2), owner)
        if divider.opacity >= 1:
            edge = np.array([divider.x_mm - 3, row.y_mm + divider.height_mm, divider.z1_mm])
            self.painter.paint(texture, edge, np.array([6.0, 0, 0]), down, 1.0)

    def prop(self, prop: Prop) -> None:
        up = np.array(prop.up_mm)
        corner = np.array(prop.origin_mm) + up
        owner = None if prop.opacity < 1 else 0
        z_mm = min(prop.origin_mm[2], 0.0)
        self.painter.paint(texture_of_prop(prop), corner, np.array(prop.across_mm), -up, self.gain_at(z_mm), owner)

    def board(self, index: int) -> None:
        """Top and underside of a row's board; its front edge comes later, with the rail."""
        bay, row = self.scene.bay, self.scene.bay.rows[index]
        if row.board == "none":
            return
        top, under, _ = textures_of_row(row)
        across, out = np.array([bay.width_mm, 0.0, 0.0]), np.array([0.0, 0.0, row.depth_mm])
        see_through = None if row.board in ("glass", "wire") else 0
        if self.eye[1] > row.y_mm:
            self.painter.paint(top, np.array([0.0, row.y_mm, -row.depth_mm]), across, out, 1.0, see_through)
        elif self.eye[1] < row.y_mm - row.thickness_mm:
            corner = np.array([0.0, row.y_mm - row.thickness_mm, -row.depth_mm])
            self.painter.paint(under if see_through == 0 else top, corner, across, out, 0.9, see_through)

    def rail(self, index: int) -> None:
        """What hangs at a row's front: the edge of the board with its price rail, and a fence above it."""
        bay, row = self.scene.bay, self.scene.bay.rows[index]
        across = np.array([bay.width_mm, 0.0, 0.0])
        if row.board != "none":
            corner = np.array([0.0, row.y_mm + 2.0, 2.0])
            self.painter.paint(textures_of_row(row)[2], corner, across, np.array([0.0, -row.rail_mm, 0.0]))
        if row.fence != "none":
            corner = np.array([0.0, row.y_mm + row.fence_mm, 1.0])
            texture = fence_texture(row.fence, row.rail_seed % 40)
            self.painter.paint(texture, corner, across, np.array([0.0, -row.fence_mm, 0.0]), 1.0, None)

    def back(self) -> None:
        bay = self.scene.bay
        corner = np.array([0.0, bay.height_mm, -bay.depth_mm])
        tile = max(1, round(bay.width_mm / 1000))
        levels = texture_of_back(bay)
        width = bay.width_mm / tile
        gain = max(0.42, self.gain_at(-bay.depth_mm))
        for i in range(tile):
            start = corner + [i * width, 0.0, 0.0]
            self.painter.paint(levels, start, np.array([width + 1, 0.0, 0.0]), np.array([0.0, -bay.height_mm, 0.0]), gain)
        if bay.sides:
            texture = (with_alpha(np.full((32, 32, 3), bay.side_bgr, np.uint8)),)
            down, out = np.array([0.0, -bay.height_mm, 0.0]), np.array([0.0, 0.0, bay.depth_mm])
            for x_mm in (0.0, bay.width_mm):
                if (x_mm == 0.0) == (self.eye[0] > x_mm) or 0 < self.eye[0] < bay.width_mm:
                    self.painter.paint(texture, corner + [x_mm, 0.0, 0.0], out, down, 0.55)

    def contents(self, index: int) -> None:
        """Everything that stands in a row, far columns first, deep things first."""
        jobs: list[tuple[tuple[float, float, float], Callable[[], None]]] = []
        eye_x, eye_y = float(self.eye[0]), float(self.eye[1])
        columns: dict[int, list[PlacedPack | Plate]] = defaultdict(list)
        for thing in (*self.scene.packs, *self.scene.plates):
            if thing.row == index:
                columns[thing.column].append(thing)
        for things in columns.values():
            fronts = [t.x_mm for t in things]
            far = -abs(sum(fronts) / len(fronts) - eye_x)
            for thing in things:
                key = (far, thing.z_mm, -abs(thing.y_mm - eye_y))
                if isinstance(thing, PlacedPack):
                    jobs.append((key, lambda t=thing: self.pack(t)))
                else:
                    jobs.append((key, lambda t=thing: self.plate(t)))
        for divider in self.scene.dividers:
            if divider.row == index:
                jobs.append(((-abs(divider.x_mm - eye_x), -1.0, 0.0), lambda d=divider: self.divider(d)))
        for _, job in sorted(jobs, key=lambda entry: entry[0]):
            job()

    def row_shadow(self, index: int) -> None:
        """The board above keeps light from the upper part of a row."""
        strength = self.scene.light.row_shadow
        if strength <= 0:
            return
        bay, row = self.scene.bay, self.scene.bay.rows[index]
        ramp = np.linspace(1, 0, 32, dtype=np.float32) ** 1.3 * strength * 255
        texture = np.zeros((32, 4, 4), np.uint8)
        texture[..., 3] = ramp[:, None]
        corner = np.array([0.0, row.y_mm + row.clearance_mm, 0.0])
        self.painter.paint(
            (texture,), corner, np.array([bay.width_mm, 0.0, 0.0]), np.array([0.0, -row.clearance_mm, 0.0]), 1.0, None
        )

    def tags(self) -> None:
        for tag in self.scene.tags:
            roll, tilt = np.radians([tag.roll_deg, tag.tilt_deg])
            right = np.array([np.cos(roll), -np.sin(roll), 0.0])
            up = np.array([np.sin(roll), np.cos(roll) * np.cos(tilt), -np.sin(tilt)])
            middle = np.array([tag.x_mm, tag.y_mm, tag.z_mm])
            across, down = right * tag.width_mm, -up * tag.height_mm
            corner = middle - across / 2 - down / 2
            outline = self.painter.corners_px(corner, across, down)
            if outline is None:
                continue
            covered = self.painter.paint(tag_texture(tag), corner, across, down, 1.0, self.next_id())
            self.claim("price_tag", outline, covered, 0, tag.ref_id)

    def draw(self) -> None:
        rows = self.scene.bay.rows
        order = sorted(range(len(rows)), key=lambda i: rows[i].y_mm)
        self.back()
        for prop in self.scene.props:
            if not prop.in_front:
                self.prop(prop)
        above = [i for i in order if rows[i].y_mm > self.eye[1]]
        below = [i for i in order if rows[i].y_mm <= self.eye[1]]
        for index in reversed(above):
            self._one_row(index, from_below=True)
        for index in below:
            self._one_row(index, from_below=False)
        self.tags()
        for prop in self.scene.props:
            if prop.in_front:
                self.prop(prop)

    def _one_row(self, index: int, *, from_below: bool) -> None:
        if not from_below:
            self.board(index)
        self.contents(index)
        self.row_shadow(index)
        if from_below:
            self.board(index)
        self.rail(index)


def _surround(scene: Scene) -> Array:
    """What is seen past the bay: a wall, a floor, blurred things."""
    width, height = scene.view.image_wh_px
    rng = np.random.default_rng((scene.surround_seed, 11))
    wall = np.full((height, width, 3), hsv(rng.random(), rng.uniform(0, 0.2), rng.uniform(0.1, 0.95)), np.uint8)
    if rng.random() < 0.6:
        cells = int(rng.integers(3, 12))
        rough = (rng.integers(0, 255, (cells, cells, 1)) * 0.75 + rng.integers(0, 64, (cells, cells, 3))).astype(np.uint8)
        way = cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_NEAREST
        wall = cv2.addWeighted(wall, 0.5, cv2.resize(rough, (width, height), interpolation=way), 0.5, 0)
    return wall


def _hand(canvas: Array, owner: Array, seed: int) -> None:
    """An arm or a head between camera and shelf, out of focus."""
    rng = np.random.default_rng((seed, 12))
    height, width = canvas.shape[:2]
    skin = hsv(0.05 + rng.normal(0, 0.01), rng.uniform(0.3, 0.65), rng.uniform(0.3, 0.95))
    cloth = hsv(rng.random(), rng.uniform(0, 0.8), rng.uniform(0.05, 0.9))
    side = 1 if rng.random() < 0.5 else -1
    start = np.array([width / 2 + side * width * 0.6, height * rng.uniform(0.6, 1.1)])
    end = np.array([width * rng.uniform(0.25, 0.75), height * rng.uniform(0.25, 0.75)])
    wrist = start + (end - start) * 0.75
    pen = int(min(width, height) * rng.uniform(0.04, 0.12))
    layer = np.zeros((height, width), np.uint8)
    paint = canvas.copy()
    for a, b, colour, thick in ((start, wrist, cloth, pen * 2), (wrist, end, skin, pen)):
        for target, ink in ((paint, colour), (layer, 255)):
            cv2.line(target, tuple(a.astype(int).tolist()), tuple(b.astype(int).tolist()), ink, thick, cv2.LINE_AA)
    for turn in rng.uniform(-0.6, 0.6, 4):
        way = (end - wrist) / max(1.0, float(np.hypot(*(end - wrist))))
        tip = end + pen * 1.4 * np.array([way[0] * np.cos(turn) - way[1] * np.sin(turn), way[0] * np.sin(turn) + way[1] * np.cos(turn)])
        for target, ink in ((paint, skin), (layer, 255)):
            cv2.line(target, tuple(end.astype(int).tolist()), tuple(tip.astype(int).tolist()), ink, max(2, pen // 3), cv2.LINE_AA)
    soft = cv2.GaussianBlur(layer, (0, 0), 1.5)[..., None].astype(np.float32) / 255
    canvas[:] = (canvas * (1 - soft) + cv2.GaussianBlur(paint, (0, 0), 2) * soft).astype(np.uint8)
    owner[layer > 127] = 0  # noqa: PLR2004 - half covered


def _bounds(view: View, outline_px: Array) -> tuple[float, float, float, float] | None:
    """The box of an outline after distortion, cut to the picture; None where nothing of it is inside."""
    dense = np.concatenate([outline_px, (outline_px + np.roll(outline_px, -1, axis=0)) / 2])
    seen = distort(view, dense)
    (x0, y0), (x1, y1) = seen.min(axis=0), seen.max(axis=0)
    width, height = view.image_wh_px
    x0, y0, x1, y1 = max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
    return (float(x0), float(y0), float(x1), float(y1)) if x1 - x0 > 1 and y1 - y0 > 1 else None


def _area(outline_px: Array) -> float:
    x, y = outline_px[:, 0], outline_px[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _visible_part(owner: Array, index: int, outline_px: Array, *, slack_fraction: float = 0.06) -> tuple[Array, int]:
    """The outline cut to where the thing really shows, and its visible pixels.

    Sides that are hidden by less than `slack_fraction` keep their true place, so that clear boxes stay exact.
    """
    height, width = owner.shape
    low, high = outline_px.min(axis=0), outline_px.max(axis=0)
    x0, y0 = max(0, int(low[0]) - 1), max(0, int(low[1]) - 1)
    x1, y1 = min(width, int(high[0]) + 2), min(height, int(high[1]) + 2)
    if x1 <= x0 or y1 <= y0:
        return outline_px, 0
    mine = owner[y0:y1, x0:x1] == index
    count = int(np.count_nonzero(mine))
    if count == 0:
        return outline_px, 0
    columns, rows = np.flatnonzero(mine.any(axis=0)), np.flatnonzero(mine.any(axis=1))
    seen_low = np.array([x0 + columns[0], y0 + rows[0]], np.float64)
    seen_high = np.array([x0 + columns[-1] + 1, y0 + rows[-1] + 1], np.float64)
    slack = np.maximum(slack_fraction * (high - low), 2.0)
    cut_low = np.where(seen_low - low > slack, seen_low, -np.inf)
    cut_high = np.where(high - seen_high > slack, seen_high, np.inf)
    return np.clip(outline_px, cut_low, cut_high), count


def _boxes(drawing: _Drawing) -> list[TrueBox]:
    view, owner = drawing.scene.view, drawing.painter.owner
    boxes = []
    for index, claim in drawing.claims.items():
        outline, count = _visible_part(owner, index, claim.outline_px)
        bounds = _bounds(view, outline)
        if bounds is None:
            continue
        whole = max(float(claim.covered_px), _area(claim.outline_px) * 0.75, 1.0)
        boxes.append(TrueBox(claim.label, bounds, min(1.0, count / whole), claim.depth_index, claim.ref_id))
    return boxes


def _gap_boxes(drawing: _Drawing, picture: Array) -> list[TrueBox]:
    """Gaps have no paint of their own: their share is what no front pack and no tag covers; none where it is too dark."""
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


def render_scene(scene: Scene, rng: Generator) -> RenderedView:
    """Draw a scene. `rng` feeds the sensor's noise only: equal scenes and equal generators give equal pixels."""
    drawing = _Drawing(scene)
    drawing.draw()
    canvas = cv2.cvtColor(drawing.painter.canvas, cv2.COLOR_BGRA2BGR)
    if scene.hand_seed:
        _hand(canvas, drawing.painter.owner, scene.hand_seed)
    width, height = scene.view.image_wh_px
    field = cv2.resize(light_map(scene.light, width, height), (width, height), interpolation=cv2.INTER_LINEAR)
    canvas = cv2.multiply(canvas, cv2.merge([field, field, field]), dtype=cv2.CV_8U)
    if scene.view.k1 or scene.view.k2:
        map_x, map_y = undistort_maps(scene.view)
        canvas = cv2.remap(canvas, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    picture = apply_look(canvas, scene.look, rng)
    return RenderedView(picture, tuple(_boxes(drawing) + _gap_boxes(drawing, picture)))


if __name__ == "__main__":
    from simulator.contact_sheet import main

    main()
