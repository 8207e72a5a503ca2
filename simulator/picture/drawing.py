# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draw a bay back to front, and claim pixels for everything whose box is wanted.

Rows far from the camera's height are painted before near ones, within a row columns far from the camera's side before
near ones, within a column deep packs before front ones. For upright columns that do not overlap, this order is exact.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simulator.picture.fixtures import (
    fence_texture,
    plate_texture,
    tag_texture,
    texture_of_back,
    texture_of_plate,
    texture_of_prop,
    textures_of_row,
)
from simulator.picture.packs import brand_matrix, pack_art, with_alpha
from simulator.picture.painter import Painter
from simulator.picture.projection import depth_of, project
from simulator.picture.scene import Divider, PlacedPack, Plate, Prop, Scene
from simulator.picture.surroundings import draw_surround

Array: TypeAlias = NDArray[Any]
BoxLabel: TypeAlias = Literal["product", "gap", "price_tag"]
_ROUND = ("bottle", "can", "cup", "jar")
_FLAT = ("bag", "blister", "tube")
_SOLID = ("box", "brick", "carton")
_NEAREST_MM = 100.0
_LID_FRACTION = {"bottle": 0.36, "can": 0.84, "cup": 0.94, "jar": 0.84}
_UPRIGHT_DEG = 1.5


@dataclass(frozen=True, slots=True)
class Claim:
    """A painted thing whose box is wanted: outline in undistorted pixels, pixels it covered when painted."""

    label: BoxLabel
    outline_px: Array
    covered_px: int
    depth_index: int
    ref_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Where packs stand (n, 3), in millimetres: unit vectors, the front's top left corner and its two edges."""

    right: Array
    up: Array
    out: Array
    corner: Array
    across: Array
    down: Array


def frames_of(packs: tuple[PlacedPack, ...]) -> Frames:
    """Stand packs up: yaw about the vertical, tilt back, roll sideways. Round packs show their middle plane."""
    angles = np.radians(np.array([(p.yaw_deg, p.tilt_deg, p.roll_deg) for p in packs], np.float64).reshape(-1, 3))
    (sin_y, sin_t, sin_r), (cos_y, cos_t, cos_r) = np.sin(angles).T[..., None], np.cos(angles).T[..., None]
    nought = np.zeros_like(sin_y)
    right = np.concatenate([cos_y, nought, -sin_y], axis=1)
    out = np.concatenate([sin_y, nought, cos_y], axis=1)
    up = np.concatenate([nought, nought + 1, nought], axis=1)
    up, out = cos_t * up - sin_t * out, cos_t * out + sin_t * up
    right, up = cos_r * right - sin_r * up, cos_r * up + sin_r * right
    base = np.array(
        [(p.x_mm, p.y_mm, p.z_mm - (p.style.depth_mm / 2 if p.style.shape in _ROUND else 0)) for p in packs], np.float64
    ).reshape(-1, 3)
    across = right * np.array([p.style.width_mm for p in packs])[:, None]
    rise = up * np.array([p.style.height_mm for p in packs])[:, None]
    return Frames(right, up, out, base - across / 2 + rise, across, -rise)


def _slot_z_mm(thing: PlacedPack | Plate, neighbours: list[PlacedPack | Plate]) -> float:
    """Where a thing sorts in depth: packs of one stack count as equally deep, however carelessly they stand."""
    if isinstance(thing, Plate):
        return thing.z_mm
    return max(n.z_mm for n in neighbours if isinstance(n, PlacedPack) and n.depth_index == thing.depth_index)


class Drawing:
    """A scene while it is painted; `claims` maps the painter's owner ids to what they belong to."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.painter = Painter(scene.view, draw_surround(scene))
        self.claims: dict[int, Claim] = {}
        self.eye = self.painter.eye
        self.frames = frames_of(scene.packs)
        self._place = {id(pack): index for index, pack in enumerate(scene.packs)}
        self._measure()

    def _measure(self) -> None:
        """Which packs can be seen: inside the picture, and not wholly behind the upright pack in front of them."""
        view, packs, frames = self.scene.view, self.scene.packs, self.frames
        corners = frames.corner[:, None] + np.stack(
            [np.zeros_like(frames.across), frames.across, frames.across + frames.down, frames.down], axis=1
        )
        self.near_enough = depth_of(view, corners).min(axis=1) > _NEAREST_MM if packs else np.zeros(0, np.bool_)
        flat = project(view, corners)
        low, high = flat.min(axis=1), flat.max(axis=1)
        width, height = view.image_wh_px
        margin = 0.6 * (high - low).max(axis=1, initial=0.0)[:, None] + 4
        self.inside = self.near_enough & (low - margin < (width, height)).all(axis=1) & (high + margin > 0).all(axis=1)
        fronts = {(p.row, p.column, round(p.y_mm)): i for i, p in enumerate(packs) if p.depth_index == 0}
        self.covered = np.zeros(len(packs), np.bool_)
        for index, pack in enumerate(packs):
            front = fronts.get((pack.row, pack.column, round(pack.y_mm))) if pack.depth_index > 0 else None
            if front is None or packs[front].style.shape not in _SOLID or abs(packs[front].roll_deg) > _UPRIGHT_DEG:
                continue
            self.covered[index] = bool((low[index] >= low[front]).all() and (high[index] <= high[front]).all())

    def gain_at(self, z_mm: float) -> float:
        """How much light reaches a depth of the shelf."""
        return float(max(0.2, np.exp(min(0.0, z_mm) / self.scene.light.falloff_mm)))

    def claim(self, label: BoxLabel, outline_px: Array, covered_px: int, depth_index: int, ref_id: str) -> None:
        """Note that what was painted last under `next_id` is this thing."""
        self.claims[len(self.claims) + 1] = Claim(label, outline_px, covered_px, depth_index, ref_id)

    def next_id(self) -> int:
        """The owner id that the next claim will get."""
        return len(self.claims) + 1

    def pack(self, pack: PlacedPack) -> None:
        """A pack: the sides and the top that face the camera, then its front."""
        index, frames = self._place[id(pack)], self.frames
        if not self.inside[index]:
            return
        corner, across, down = frames.corner[index], frames.across[index], frames.down[index]
        if self.covered[index]:
            outline = project(
                self.scene.view, np.stack([corner, corner + across, corner + across + down, corner + down])
            )
            self.claim("product", outline, 0, pack.depth_index, pack.ref_id)
            return
        art, colours = pack_art(pack.style, pack.variant), brand_matrix(pack.style.brand_seed)
        gain = self.gain_at(pack.z_mm) * pack.brightness
        paint = self.painter.paint
        depth = frames.out[index] * pack.style.depth_mm
        if pack.style.shape not in (*_FLAT, *_ROUND):
            seen = self.eye - (corner + across / 2 + down / 2 - depth / 2)
            sideways, above = float(seen @ frames.right[index]), float(seen @ frames.up[index])
            if sideways > pack.style.width_mm / 2:
                paint(art.side, corner + across, -depth, down, gain * 0.72, colours=colours)
            elif -sideways > pack.style.width_mm / 2:
                paint(art.side, corner - depth, depth, down, gain * 0.66, colours=colours)
            if above > pack.style.height_mm / 2:
                paint(art.top, corner - depth, across, depth, gain * 0.92, colours=colours)
        outline = project(self.scene.view, corner + art.outline_uv[:, :1] * across + art.outline_uv[:, 1:] * down)
        covered = paint(art.front, corner, across, down, gain, owner=self.next_id(), colours=colours)
        self.claim("product", outline, covered, pack.depth_index, pack.ref_id)
        if art.is_round and self.eye[1] > pack.y_mm + pack.style.height_mm:
            part = _LID_FRACTION[pack.style.shape]
            deep = np.array([0.0, 0.0, part * pack.style.depth_mm])
            corner = corner + across * (1 - part) / 2 - deep / 2
            paint(art.top, corner, across * part, deep, gain, owner=None, colours=colours)

    def plate(self, plate: Plate) -> None:
        """A plate in a row."""
        corner = np.array([plate.x_mm - plate.width_mm / 2, plate.y_mm + plate.height_mm, plate.z_mm])
        across, down = np.array([plate.width_mm, 0.0, 0.0]), np.array([0.0, -plate.height_mm, 0.0])
        see_through = plate.look in ("clear", "wire", "hook") or plate.opacity < 1
        owner = None if see_through else 0
        self.painter.paint(texture_of_plate(plate), corner, across, down, self.gain_at(plate.z_mm), owner=owner)

    def divider(self, divider: Divider) -> None:
        """A divider, and its front edge where it is thick."""
        row = self.scene.bay.rows[divider.row]
        corner = np.array([divider.x_mm, row.y_mm + divider.height_mm, divider.z0_mm])
        across, down = np.array([0.0, 0.0, divider.z1_mm - divider.z0_mm]), np.array([0.0, -divider.height_mm, 0.0])
        look = "clear" if divider.opacity < 1 else "wood"
        texture = plate_texture(look, divider.bgr, divider.opacity, 0)
        owner = None if divider.opacity < 1 else 0
        self.painter.paint(texture, corner, across, down, 0.85 * self.gain_at(divider.z0_mm / 2), owner=owner)
        if divider.opacity >= 1:
            edge = np.array([divider.x_mm - 3, row.y_mm + divider.height_mm, divider.z1_mm])
            self.painter.paint(texture, edge, np.array([6.0, 0, 0]), down, 1.0)

    def prop(self, prop: Prop) -> None:
        """A printed thing that is not for sale."""
        up = np.array(prop.up_mm)
        corner = np.array(prop.origin_mm) + up
        owner = None if prop.opacity < 1 else 0
        z_mm = min(prop.origin_mm[2], 0.0)
        self.painter.paint(
            texture_of_prop(prop), corner, np.array(prop.across_mm), -up, self.gain_at(z_mm), owner=owner
        )

    def board(self, index: int) -> None:
        """Top and underside of a row's board; its front edge comes later, with the rail."""
        bay, row = self.scene.bay, self.scene.bay.rows[index]
        if row.board == "none":
            return
        top, under, _ = textures_of_row(row)
        across, out = np.array([bay.width_mm, 0.0, 0.0]), np.array([0.0, 0.0, row.depth_mm])
        see_through = None if row.board in ("glass", "wire") else 0
        if self.eye[1] > row.y_mm:
            self.painter.paint(top, np.array([0.0, row.y_mm, -row.depth_mm]), across, out, 1.0, owner=see_through)
        elif self.eye[1] < row.y_mm - row.thickness_mm:
            corner = np.array([0.0, row.y_mm - row.thickness_mm, -row.depth_mm])
            self.painter.paint(under if see_through == 0 else top, corner, across, out, 0.9, owner=see_through)

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
            self.painter.paint(texture, corner, across, np.array([0.0, -row.fence_mm, 0.0]), 1.0, owner=None)

    def back(self) -> None:
        """The panel behind the goods, and the side walls that can be seen."""
        bay = self.scene.bay
        corner = np.array([0.0, bay.height_mm, -bay.depth_mm])
        tile = max(1, round(bay.width_mm / 1000))
        levels = texture_of_back(bay)
        width = bay.width_mm / tile
        gain = max(0.42, self.gain_at(-bay.depth_mm))
        for i in range(tile):
            start = corner + np.array([i * width, 0.0, 0.0])
            self.painter.paint(
                levels, start, np.array([width + 1, 0.0, 0.0]), np.array([0.0, -bay.height_mm, 0.0]), gain
            )
        if bay.sides:
            texture = (with_alpha(np.full((32, 32, 3), bay.side_bgr, np.uint8)),)
            down, out = np.array([0.0, -bay.height_mm, 0.0]), np.array([0.0, 0.0, bay.depth_mm])
            for x_mm in (0.0, bay.width_mm):
                if (x_mm == 0.0) == (self.eye[0] > x_mm) or 0 < self.eye[0] < bay.width_mm:
                    self.painter.paint(texture, corner + np.array([x_mm, 0.0, 0.0]), out, down, 0.55)

    def contents(self, index: int) -> None:
        """Everything that stands in a row, far columns first, deep things first."""
        eye_x, eye_y = float(self.eye[0]), float(self.eye[1])
        columns: dict[int, list[PlacedPack | Plate]] = defaultdict(list)
        standing: tuple[PlacedPack | Plate, ...] = (*self.scene.packs, *self.scene.plates)
        for thing in standing:
            if thing.row == index:
                columns[thing.column].append(thing)
        jobs: list[tuple[tuple[float, float, float], PlacedPack | Plate | Divider]] = []
        for things in columns.values():
            far = -abs(sum(t.x_mm for t in things) / len(things) - eye_x)
            jobs.extend(((far, _slot_z_mm(t, things), -abs(t.y_mm - eye_y)), t) for t in things)
        for divider in self.scene.dividers:
            if divider.row == index:
                jobs.append(((-abs(divider.x_mm - eye_x), -1.0, 0.0), divider))  # noqa: PERF401 - as above
        for _, thing_or_divider in sorted(jobs, key=lambda entry: entry[0]):
            if isinstance(thing_or_divider, PlacedPack):
                self.pack(thing_or_divider)
            elif isinstance(thing_or_divider, Plate):
                self.plate(thing_or_divider)
            else:
                self.divider(thing_or_divider)

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
            (texture,),
            corner,
            np.array([bay.width_mm, 0.0, 0.0]),
            np.array([0.0, -row.clearance_mm, 0.0]),
            1.0,
            owner=None,
        )

    def tags(self) -> None:
        """Every price tag, over the rails."""
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
            covered = self.painter.paint(tag_texture(tag), corner, across, down, 1.0, owner=self.next_id())
            self.claim("price_tag", outline, covered, 0, tag.ref_id)

    def draw(self) -> None:
        """Paint the whole bay, back to front."""
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
