# SPDX-License-Identifier: AGPL-3.0-or-later
"""Flat drawings of a bay and of people before it, with the true boxes, for `simulator.cameras.schematic`."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.cameras.layout import ZonePlace, seed_of, slot_front_mm
from simulator.cameras.people import Pose
from simulator.cameras.standing import Standing
from simulator.picture.projection import depth_of, distort, project
from simulator.picture.scene import ROUND_SHAPES, View
from simulator.store.plan import BOARD_MM, FLOOR_MM, BayPlan, ZonePlan
from simulator.store.units import Condition

BgrPicture = NDArray[np.uint8]
Floats = NDArray[np.float64]
Colour = tuple[int, int, int]
Fronts = tuple[Standing | None, ...]

_FALLOFF_MM = 320.0
_MERGED_GAP_MM = 15.0
_NEAR_MM = 80.0
_SUBPIXEL_BITS = 4
_BACK, _BOARD, _TAG, _WALL, _FLOOR = (96, 100, 102), (206, 208, 210), (242, 244, 244), (196, 203, 206), (146, 152, 156)
_SKIN, _INK, _STEEL = (142, 170, 212), (40, 40, 40), (150, 150, 154)
_NOWHERE = (0.0, 0.0, 0.0, 0.0)


class _Rect(NamedTuple):
    """A rectangle facing the camera, millimetres on the bay."""

    x0: float
    x1: float
    y0: float
    y1: float
    z: float


@dataclass(frozen=True, slots=True)
class SchematicBox:
    """A true thing in the drawing, `xyxy_px` in pixels of the drawing, cut to it."""

    label: Literal["product", "gap", "price_tag"]
    xyxy_px: tuple[float, float, float, float]
    visible_fraction: float
    """Share of the whole thing that shows: not hidden by shelf, neighbour, person, dirt or the picture's edge."""
    ref_id: str
    """`ZONE/FACING` of a product and of the first facing of a gap; `tag/ZONE` of a price tag."""
    sku: str | None = None
    """Of a product: the SKU of the unit that really stands there, whatever belongs there."""
    condition: Condition = Condition.OK
    depth_index: int = 0
    """Slot of the front-most unit: 0 stands at the front, more is set back."""


class ShelfDrawing:
    """Rectangles are gathered first and projected at once; that is most of the cost of a drawing."""

    def __init__(self, bay: BayPlan, view: View, zone_of: dict[str, ZonePlan]) -> None:
        self._view, self._zone_of = view, zone_of
        self._eye = view.position_mm
        self._rects: list[_Rect] = []
        self._colours: list[Colour] = []
        self._boxed: list[tuple[int, SchematicBox]] = []
        self._gaps: list[tuple[str, _Rect]] = []
        self.picture = np.full((view.image_wh_px[1], view.image_wh_px[0], 3), _WALL, np.uint8)
        self.boxes: list[SchematicBox] = []
        width_mm, top_mm, base_mm = bay.width_mm, bay.height_mm, FLOOR_MM
        self._rect(_Rect(-3000, width_mm + 3000, -2000, 0, 0), _FLOOR)
        self._rect(_Rect(0, width_mm, FLOOR_MM - BOARD_MM, top_mm, 0), _BACK)
        for row in bay.rows:
            self._rect(_Rect(0, width_mm, base_mm - 40, base_mm, 0), _BOARD)
            base_mm += row.clearance_mm
        self._rect(_Rect(0, width_mm, top_mm - BOARD_MM, top_mm, 0), _BOARD)

    def _rect(self, rect: _Rect, colour: Colour, box: SchematicBox | None = None) -> None:
        if box is not None:
            self._boxed.append((len(self._rects), box))
        self._rects.append(rect)
        self._colours.append(colour)

    def zone(self, place: ZonePlace, fronts: Fronts) -> None:
        """Every facing, then the tag on the rail below."""
        zone_id = place.zone.zone_id
        for index, front in enumerate(fronts):
            ref_id = f"{zone_id}/{index}"
            if front is not None:
                self._pack(place, fronts, index, ref_id)
                continue
            half_mm, middle_mm = place.zone.wh_mm[0] / 2, place.middle_mm(index)
            top_mm = place.base_mm + place.zone.wh_mm[1]
            rect = _Rect(middle_mm - half_mm, middle_mm + half_mm, place.base_mm, top_mm, -4.0)
            if place.has_pusher:  # an empty lane is a gap of its own
                self._gaps.append((ref_id, rect))
            else:
                self._gap(ref_id, rect)
        left_mm, low_mm = place.left_mm + 14, place.base_mm - 36
        tag = SchematicBox("price_tag", _NOWHERE, 1.0, f"tag/{zone_id}")
        self._rect(_Rect(left_mm, left_mm + 62, low_mm, low_mm + 32, 4.0), _TAG, tag)
        self._rect(_Rect(left_mm + 30, left_mm + 56, low_mm + 8, low_mm + 20, 4.0), _INK)

    def _pack(self, place: ZonePlace, fronts: Fronts, index: int, ref_id: str) -> None:
        standing = fronts[index]
        if standing is None:
            return
        depth_index, unit = standing
        width_mm, height_mm = self._zone_of.get(unit.sku, place.zone).wh_mm
        if unit.condition is Condition.TOPPLED:
            width_mm, height_mm = min(height_mm, 1.5 * place.pitch_mm), width_mm
        x_mm, z_mm = place.middle_mm(index), slot_front_mm(depth_index, place.zone.depth_mm)
        if place.zone.shape in ROUND_SHAPES:
            z_mm -= place.zone.depth_mm / 2  # the widest outline of a round pack is its middle's
        whole = _Rect(x_mm - width_mm / 2, x_mm + width_mm / 2, place.base_mm, place.base_mm + height_mm, z_mm)
        seen = self._between_boards(whole, place)
        if depth_index:
            seen = self._beside_neighbours(seen, place, fronts, index)
        shown = max(0.0, seen.x1 - seen.x0) * max(0.0, seen.y1 - seen.y0) / (width_mm * height_mm)
        if shown <= 0:
            return
        front_bgr, band_bgr = _pack_colours(unit.sku, unit.condition, round(z_mm))
        box = SchematicBox("product", _NOWHERE, shown, ref_id, unit.sku, unit.condition, depth_index)
        self._rect(seen, front_bgr, box)
        inset_mm, rise_mm = 0.12 * (seen.x1 - seen.x0), 0.3 * (seen.y1 - seen.y0)
        band = _Rect(seen.x0 + inset_mm, seen.x1 - inset_mm, seen.y0 + rise_mm, seen.y1 - rise_mm, z_mm)
        self._rect(band, band_bgr)

    def _between_boards(self, rect: _Rect, place: ZonePlace) -> _Rect:
        """What the edges of the boards above and below leave of what stands behind them."""
        _, eye_y, eye_z = self._eye
        slope = -rect.z / eye_z
        base_mm, top_mm = place.base_mm, place.top_mm
        low_mm, high_mm = base_mm + (base_mm - eye_y) * slope, top_mm + (top_mm - eye_y) * slope
        return rect._replace(y0=max(rect.y0, low_mm), y1=min(rect.y1, high_mm))

    def _beside_neighbours(self, rect: _Rect, place: ZonePlace, fronts: Fronts, index: int) -> _Rect:
        """What the nearer fronts of the neighbours in the zone leave of it, seen from the side."""
        eye_x, _, eye_z = self._eye
        for step in (-1, 1):
            other = fronts[index + step] if 0 <= index + step < len(fronts) else None
            near_mm = rect.z if other is None else slot_front_mm(other.depth_index, place.zone.depth_mm)
            if near_mm <= rect.z:
                continue
            edge_mm = place.middle_mm(index + step) - step * place.zone.wh_mm[0] / 2
            cast_mm = edge_mm + (edge_mm - eye_x) * (near_mm - rect.z) / (eye_z - near_mm)
            rect = rect._replace(x0=max(rect.x0, cast_mm)) if step < 0 else rect._replace(x1=min(rect.x1, cast_mm))
        return rect

    def _gap(self, ref_id: str, rect: _Rect) -> None:
        """Neighbouring gaps of one row are one gap, as people mark them."""
        if self._gaps:
            first_id, last = self._gaps[-1]
            if last.y0 == rect.y0 and 0 <= rect.x0 - last.x1 <= _MERGED_GAP_MM:
                self._gaps[-1] = (first_id, last._replace(x1=rect.x1, y1=max(last.y1, rect.y1)))
                return
        self._gaps.append((ref_id, rect))

    def finish(self) -> None:
        """Project everything, paint it, and put the boxes where it landed."""
        first_gap = len(self._rects)
        self._rects.extend(rect for _, rect in self._gaps)
        gaps = [
            (first_gap + index, SchematicBox("gap", _NOWHERE, 1.0, ref_id))
            for index, (ref_id, _) in enumerate(self._gaps)
        ]
        corners_px = self._corners_px()
        fixed = np.rint(corners_px * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for polygon, colour in zip(fixed, self._colours, strict=False):  # gaps have no paint of their own
            cv2.fillConvexPoly(self.picture, polygon, colour, cv2.LINE_AA, _SUBPIXEL_BITS)
        low, high = corners_px.min(axis=1), corners_px.max(axis=1)
        frame = np.array(self._view.image_wh_px, np.float64)
        cut_low, cut_high = np.clip(low, 0, frame), np.clip(high, 0, frame)
        framed = np.prod(cut_high - cut_low, axis=1) / np.maximum(np.prod(high - low, axis=1), 1e-6)
        for at, box in (*self._boxed, *gaps):
            if framed[at] > 0.02:  # noqa: PLR2004 - less of it is nothing
                (x0, y0), (x1, y1) = cut_low[at].tolist(), cut_high[at].tolist()
                shown = box.visible_fraction * float(framed[at])
                self.boxes.append(replace(box, xyxy_px=(x0, y0, x1, y1), visible_fraction=min(1.0, shown)))

    def _corners_px(self) -> Floats:
        x0, x1, y0, y1, z = np.array(self._rects).T
        corners = np.stack([np.stack([x, y, z], axis=-1) for x, y in ((x0, y1), (x1, y1), (x1, y0), (x0, y0))], axis=1)
        return np.clip(distort(self._view, project(self._view, corners)), -2000, 4000)


@lru_cache(maxsize=8192)
def _pack_colours(sku: str, condition: Condition, z_mm: int) -> tuple[Colour, Colour]:
    """Front and label band of a pack, dimmed by its depth in the shelf."""
    rng = np.random.default_rng(seed_of("colour", sku))
    gain = float(np.exp(z_mm / _FALLOFF_MM))
    front, band = rng.uniform(50, 235, 3), rng.uniform(30, 250, 3)
    if abs(front.mean() - band.mean()) < 60:  # noqa: PLR2004 - print can be read
        band = np.where(front.mean() > 140, front - 90, front + 90)  # noqa: PLR2004 - dark on light, light on dark
    if condition is Condition.BACK_TO_FRONT:
        front, band = front * 0.5 + 90, front * 0.5 + 75
    elif condition is Condition.LABEL_MISSING:
        band = front
    elif condition is not Condition.OK:
        front, band = front * 0.8, front * 0.55
    return _colour(front * gain), _colour(band * gain)


def _colour(bgr: Floats) -> Colour:
    blue, green, red = (int(value) for value in np.clip(bgr, 0, 255))
    return blue, green, red


def draw_pose(picture: BgrPicture, mask: BgrPicture, view: View, pose: Pose) -> None:
    """Paint a person as head, body and arm, a trolley as a block; what they cover becomes 1 in the mask."""
    cloth = _colour(np.random.default_rng((pose.look_seed, 81)).uniform(20, 220, 3))
    brush = _Brush(picture, mask, view)
    half_mm, top_mm = pose.width_mm / 2, pose.height_mm
    if pose.kind == "trolley":
        brush.fill(_upright(pose, [(-half_mm, 250), (half_mm, 250), (half_mm, top_mm), (-half_mm, top_mm)]), _STEEL)
        return
    chin_mm, neck_mm = top_mm - 250, half_mm * 0.6
    body = [(half_mm, 0), (half_mm, chin_mm - 150), (neck_mm, chin_mm)]
    brush.fill(_upright(pose, body + [(-x_mm, y_mm) for x_mm, y_mm in reversed(body)]), cloth)
    turns = np.linspace(0, 2 * np.pi, 9)[:-1]
    brush.fill(_upright(pose, [(85 * np.cos(turn), chin_mm + 125 + 125 * np.sin(turn)) for turn in turns]), _SKIN)
    if pose.reach_mm is not None:
        hand, wide = np.array(pose.reach_mm), np.array([0.0, 45.0, 0.0])
        side_mm = float(np.copysign(half_mm * 0.8, hand[0] - pose.x_mm))
        shoulder = np.array([pose.x_mm + side_mm, top_mm - 450, pose.z_mm])
        wrist = shoulder + 0.75 * (hand - shoulder)
        brush.fill(np.stack([shoulder - wide, shoulder + wide, wrist + wide, wrist - wide]), cloth)
        brush.fill(np.stack([wrist - wide, wrist + wide, hand + wide, hand - wide]), _SKIN)


def _upright(pose: Pose, outline_mm: list[tuple[float, float]]) -> Floats:
    return np.array([(pose.x_mm + x_mm, y_mm, pose.z_mm) for x_mm, y_mm in outline_mm])


class _Brush(NamedTuple):
    """Paints polygons of space into a picture and its mask."""

    picture: BgrPicture
    mask: BgrPicture
    view: View

    def fill(self, points_mm: Floats, colour: Colour) -> None:
        """Fill the polygon (n, 3) unless it reaches behind the camera."""
        if depth_of(self.view, points_mm).min() < _NEAR_MM:
            return
        polygon = np.rint(np.clip(project(self.view, points_mm), -4000, 4000)).astype(np.int32)
        cv2.fillPoly(self.picture, [polygon], colour, cv2.LINE_AA)
        cv2.fillPoly(self.mask, [polygon], 1)


def hidden_behind(boxes: tuple[SchematicBox, ...], mask: BgrPicture) -> tuple[SchematicBox, ...]:
    """Boxes with what the mask covers taken off their visible share."""
    sums = cv2.integral(mask)
    seen = []
    for box in boxes:
        x0, y0, x1, y1 = (round(value) for value in box.xyxy_px)
        area = max(1, (x1 - x0) * (y1 - y0))
        hidden = int(sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]) / area
        seen.append(box if not hidden else replace(box, visible_fraction=box.visible_fraction * (1 - min(1.0, hidden))))
    return tuple(seen)
