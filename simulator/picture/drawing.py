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

from simulator.picture.damage import as_it_lies, defect_label
from simulator.picture.doors import door_glass, door_panels
from simulator.picture.fittings import divider_texture, plate_texture_of
from simulator.picture.fixtures import fence_texture, texture_of_back, texture_of_prop, textures_of_row
from simulator.picture.materials import with_alpha
from simulator.picture.packs import PackArt, pack_look
from simulator.picture.painter import Painter
from simulator.picture.projection import project
from simulator.picture.scene import SOLID_SHAPES, Divider, Door, PlacedPack, Plate, Prop, Scene
from simulator.picture.shadows import board_shadow, row_glow, row_shade
from simulator.picture.standing import Standing
from simulator.picture.surroundings import draw_surround
from simulator.picture.tags import tag_texture

Array: TypeAlias = NDArray[Any]
BoxLabel: TypeAlias = Literal["product", "gap", "price_tag", "damaged", "toppled", "wrong_face"]
_ROOM = ("wall", "floor")
"""What the bay stands in: painted before it, in the light of the room."""
_LID_FRACTION = {"bottle": 0.36, "can": 0.84, "cup": 0.94, "jar": 0.84, "jug": 0.36}


@dataclass(frozen=True, slots=True)
class Claim:
    """A painted thing whose box is wanted: outline in undistorted pixels, pixels it covered when painted.

    `defect` is what a detector should call it besides its label.
    """

    label: BoxLabel
    outline_px: Array
    covered_px: int
    depth_index: int
    ref_id: str
    defect: BoxLabel | None = None


def _slot_z_mm(thing: PlacedPack | Plate, neighbours: list[PlacedPack | Plate]) -> float:
    """Where a thing sorts in depth: packs of one stack count as equally deep, however carelessly they stand."""
    if isinstance(thing, Plate):
        return thing.z_mm
    return max(n.z_mm for n in neighbours if isinstance(n, PlacedPack) and n.depth_index == thing.depth_index)


class Drawing:
    """A scene while it is painted; `claims` maps the painter's owner ids to what they belong to.

    People and trolleys are not in it: they come over the finished bay.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.painter = Painter(scene.view, draw_surround(scene))
        self.claims: dict[int, Claim] = {}
        self.eye = self.painter.eye
        self.packs = tuple(as_it_lies(pack) for pack in scene.packs)
        self.standing = Standing(scene.view, self.packs, scene.light)
        self._looks: dict[tuple[int, int, str, int], tuple[PackArt, Array | None]] = {}
        self._place = {id(pack): index for index, pack in enumerate(self.packs)}

    def gain_at(self, z_mm: float) -> float:
        """How much light reaches a depth of the shelf."""
        return float(max(0.2, np.exp(min(0.0, z_mm) / self.scene.light.falloff_mm)))

    def claim(self, claim: Claim) -> None:
        """Note that what was painted last under `next_id` is this thing."""
        self.claims[len(self.claims) + 1] = claim

    def next_id(self) -> int:
        """The owner id that the next claim will get."""
        return len(self.claims) + 1

    def pack(self, pack: PlacedPack) -> None:
        """A pack: the sides and the top that face the camera, then its front."""
        standing, index = self.standing, self._place[id(pack)]
        if not standing.inside[index]:
            return
        label = defect_label(pack.damage)
        defect: BoxLabel | None = label.value if label else None
        if standing.covered[index]:
            corners = standing.fronts.corners_px[index]
            self.claim(Claim("product", corners, 0, pack.depth_index, pack.ref_id, defect))
            return
        art, colours = self._look(pack)
        gain, paint = standing.gains[index], self.painter.paint_quad
        if pack.style.shape in SOLID_SHAPES:
            if standing.sideways[index] and standing.sides.whole[index]:
                paint(art.side, standing.sides, index, gain * 0.68, colours=colours)
            if standing.upward[index] > 0 and standing.lids.whole[index]:
                paint(art.top, standing.lids, index, gain * 0.92, colours=colours)
            elif standing.upward[index] < 0 and art.bottom and standing.lids.whole[index]:
                paint(art.bottom, standing.lids, index, gain * 0.7, colours=colours)
        if art.spill:
            self._spill(art, pack)
        frames = standing.frames
        corner, across, down = frames.corner[index], frames.across[index], frames.down[index]
        outline = project(self.scene.view, corner + art.outline_uv[:, :1] * across + art.outline_uv[:, 1:] * down)
        covered = paint(art.front, standing.fronts, index, gain, owner=self.next_id(), colours=colours)
        self.claim(Claim("product", outline, covered, pack.depth_index, pack.ref_id, defect))
        if art.is_round and self.eye[1] > pack.y_mm + pack.style.height_mm:
            part = _LID_FRACTION[pack.style.shape]
            deep = np.array([0.0, 0.0, part * pack.style.depth_mm])
            corner = corner + across * (1 - part) / 2 - deep / 2
            self.painter.paint(art.top, corner, across * part, deep, gain, owner=None, colours=colours)

    def _look(self, pack: PlacedPack) -> tuple[PackArt, Array | None]:
        key = (id(pack.style), pack.variant, pack.damage, pack.damage_seed)
        if key not in self._looks:
            self._looks[key] = pack_look(pack)
        return self._looks[key]

    def _spill(self, art: PackArt, pack: PlacedPack) -> None:
        """What has leaked from a pack lies on the board around its foot."""
        wide, deep = pack.style.width_mm, pack.style.depth_mm
        front_mm = min(-1.0, pack.z_mm + 0.5 * deep)
        corner = np.array([pack.x_mm - wide, pack.y_mm + 0.5, front_mm - 1.3 * deep])
        across, down = np.array([2 * wide, 0.0, 0.0]), np.array([0.0, 0.0, 1.3 * deep])
        self.painter.paint(art.spill, corner, across, down, self.gain_at(pack.z_mm), owner=None)

    def plate(self, plate: Plate) -> None:
        """A plate in a row."""
        corner = np.array([plate.x_mm - plate.width_mm / 2, plate.y_mm + plate.height_mm, plate.z_mm])
        across, down = np.array([plate.width_mm, 0.0, 0.0]), np.array([0.0, -plate.height_mm, 0.0])
        see_through = plate.look in ("clear", "wire", "hook") or plate.opacity < 1
        owner = None if see_through else 0
        self.painter.paint(plate_texture_of(plate), corner, across, down, self.gain_at(plate.z_mm), owner=owner)

    def divider(self, divider: Divider) -> None:
        """A divider, and its front edge where it is thick."""
        base_mm = self.scene.bay.rows[divider.row].y_mm + divider.base_mm
        corner = np.array([divider.x_mm, base_mm + divider.height_mm, divider.z0_mm])
        across, down = np.array([0.0, 0.0, divider.z1_mm - divider.z0_mm]), np.array([0.0, -divider.height_mm, 0.0])
        texture = divider_texture(divider)
        owner = None if divider.opacity < 1 else 0
        if divider.look == "hook":
            corner, down = corner - np.array([divider.height_mm / 2, 0, 0]), np.array([divider.height_mm, 0.0, 0.0])
            self.painter.paint(texture, corner, across, down, 1.0, owner=owner)
            return
        self.painter.paint(texture, corner, across, down, 0.85 * self.gain_at(divider.z0_mm / 2), owner=owner)
        if divider.opacity >= 1 and divider.look == "plain":
            edge = np.array([divider.x_mm - 3, base_mm + divider.height_mm, divider.z1_mm])
            self.painter.paint(texture, edge, np.array([6.0, 0, 0]), down, 1.0)

    def prop(self, prop: Prop) -> None:
        """A printed thing that is not for sale."""
        up = np.array(prop.up_mm)
        corner = np.array(prop.origin_mm) + up
        owner = None if prop.opacity < 1 else 0
        gain = 1.0 if prop.kind in _ROOM else self.gain_at(prop.origin_mm[2])
        self.painter.paint(texture_of_prop(prop), corner, np.array(prop.across_mm), -up, gain, owner=owner)

    def board(self, index: int) -> None:
        """Top and underside of a row's board; its front edge comes later, with the rail."""
        bay, row = self.scene.bay, self.scene.bay.rows[index]
        if row.board == "none":
            return
        top, under, _ = textures_of_row(row)
        across, out = np.array([bay.width_mm, 0.0, 0.0]), np.array([0.0, 0.0, row.depth_mm])
        see_through = None if row.board in ("glass", "wire") else 0
        if self.eye[1] > row.y_mm:
            corner = np.array([0.0, row.y_mm, -row.depth_mm])
            self.painter.paint(top, corner, across, out, 1.0, owner=see_through, soft=see_through == 0)
            if see_through == 0:
                on_it = [pack for pack in self.packs if pack.row == index]
                shadow = board_shadow(bay, row, on_it, self.scene.light.contact)
                if shadow is not None:
                    self.painter.shade(shadow, corner, across, out)
        elif self.eye[1] < row.y_mm - row.thickness_mm:
            corner = np.array([0.0, row.y_mm - row.thickness_mm, -row.depth_mm])
            levels = under if see_through == 0 else top
            self.painter.paint(levels, corner, across, out, 0.9, owner=see_through, soft=see_through == 0)

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
            down = np.array([0.0, -bay.height_mm, 0.0])
            self.painter.paint(levels, start, np.array([width + 1, 0.0, 0.0]), down, gain, soft=True)
        if bay.sides:
            texture = (with_alpha(np.full((32, 32, 3), bay.side_bgr, np.uint8)),)
            down, out = np.array([0.0, -bay.height_mm, 0.0]), np.array([0.0, 0.0, bay.depth_mm])
            for x_mm in (0.0, bay.width_mm):
                if (x_mm == 0.0) == (self.eye[0] > x_mm) or 0 < self.eye[0] < bay.width_mm:
                    self.painter.paint(texture, corner + np.array([x_mm, 0.0, 0.0]), out, down, 0.55, soft=True)

    def contents(self, index: int) -> None:
        """Everything that stands in a row, far columns first, deep things first."""
        eye_x, eye_y = float(self.eye[0]), float(self.eye[1])
        columns: dict[int, list[PlacedPack | Plate]] = defaultdict(list)
        standing: tuple[PlacedPack | Plate, ...] = (*self.packs, *self.scene.plates)
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

    def row_light(self, index: int) -> None:
        """The board above keeps light from the upper part of a row, or gives it."""
        light, row = self.scene.light, self.scene.bay.rows[index]
        corner, across = (
            np.array([0.0, row.y_mm + row.clearance_mm, 0.0]),
            np.array([self.scene.bay.width_mm, 0.0, 0.0]),
        )
        down = np.array([0.0, -row.clearance_mm, 0.0])
        if light.row_shadow > 0:
            self.painter.shade(row_shade(light), corner, across, down)
        if light.edge_light > 0:
            self.painter.paint(row_glow(light), corner, across, down, 1.0, owner=None, soft=True)

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
            self.claim(Claim("price_tag", outline, covered, 0, tag.ref_id))

    def door(self, door: Door) -> None:
        """The glass with what it mirrors, then the frame and the handle."""
        corner = np.array([door.x0_mm, door.y1_mm, door.z_mm])
        across = np.array([door.x1_mm - door.x0_mm, 0.0, 0.0])
        down = np.array([0.0, door.y0_mm - door.y1_mm, 0.0])
        self.painter.paint(door_glass(door), corner, across, down, 1.0, owner=0 if door.condensation > 0.6 else None)
        for panel in door_panels(door):
            self.painter.paint(panel.levels, panel.corner, panel.across, panel.down, 1.0)

    def draw(self) -> None:
        """Paint the whole bay, back to front."""
        rows = self.scene.bay.rows
        order = sorted(range(len(rows)), key=lambda i: rows[i].y_mm)
        behind = [prop for prop in self.scene.props if not prop.in_front]
        for prop in behind:
            if prop.kind in _ROOM:
                self.prop(prop)
        self.back()
        for prop in behind:
            if prop.kind not in _ROOM:
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
        for door in self.scene.doors:
            self.door(door)

    def _one_row(self, index: int, *, from_below: bool) -> None:
        if not from_below:
            self.board(index)
        self.contents(index)
        self.row_light(index)
        if from_below:
            self.board(index)
        self.rail(index)
