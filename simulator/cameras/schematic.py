# SPDX-License-Identifier: AGPL-3.0-or-later
"""A flat, cheap drawing of a bay on which a node's own eyes behave as on real frames, with the true boxes.

Made for runs of simulated weeks: 240 pixels wide, no artwork, redrawn only when
the shelf changed. Sensor noise, exposure, people and faults are those of the rendered cameras, so darkness, blur,
frozen pictures and people in the view look to `edge.sight` and `edge.gate` as they do there.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.cameras.faults import CameraFault, Faults, darkened, defocused, is_cut_off
from simulator.cameras.layout import seed_of, zone_places
from simulator.cameras.moment import Moment
from simulator.cameras.mounts import bumped, view_of
from simulator.cameras.people import pose_of
from simulator.cameras.schematic_drawing import SchematicBox, ShelfDrawing, draw_pose, hidden_behind
from simulator.cameras.sensor import Sensor
from simulator.cameras.standing import fronts_of, zone_of_sku
from simulator.picture.scene import View
from simulator.store.plan import BayPlan, ZonePlan
from simulator.store.world import World

BgrPicture = NDArray[np.uint8]

WIDTH_PX = 240


@dataclass(frozen=True, slots=True)
class SchematicFrame:
    """`image_bgr` uint8 (height, 240, 3) in the aspect ratio of the true camera."""

    image_bgr: BgrPicture
    boxes: tuple[SchematicBox, ...]


class SchematicCamera:
    """One bay's camera. Faults as `ShelfCamera` has them; equal seeds, worlds and moments give equal pixels."""

    def __init__(self, bay: BayPlan, seed: int = 0) -> None:
        self.bay = bay
        self.faults = Faults()
        self._seed = seed_of("camera", bay.camera_id) ^ seed
        width_px, height_px = bay.image_wh_px
        self.frame_wh_px = (WIDTH_PX, max(2, round(WIDTH_PX * height_px / width_px)))
        self._sensor = Sensor(self.frame_wh_px, self._seed)
        self._zone_of_sku: dict[str, ZonePlan] = {}
        self._drawn: tuple[object, BgrPicture, tuple[SchematicBox, ...]] | None = None
        self._blurred: tuple[BgrPicture, BgrPicture] | None = None
        self._frozen: SchematicFrame | None = None
        self._last: SchematicFrame | None = None

    def set_fault(
        self, fault: CameraFault | None, *, degrees: float | None = None, shift_s: float | None = None
    ) -> None:
        """Add a fault, or mend all with None."""
        if fault is None:
            self.mend()
            return
        self.faults = self.faults.beset(fault, degrees=degrees, shift_s=shift_s)
        if fault is CameraFault.FROZEN:
            self._frozen = self._last

    def mend(self, fault: CameraFault | None = None) -> None:
        """End one fault, or all."""
        self.faults = self.faults.mended(fault)
        if CameraFault.FROZEN not in self.faults:
            self._frozen = None

    def frame(self, world: World, moment: Moment) -> SchematicFrame | None:
        """What a node gets at this moment; None where no whole picture gets through."""
        turn = _turn(moment.at)
        faults = self.faults
        if faults.is_line_dead or (CameraFault.HALF_FRAMES in faults and is_cut_off(turn)):
            return None
        if self._frozen is None:
            self._last = self._live(world, moment, turn)
            if CameraFault.FROZEN in faults:
                self._frozen = self._last
        seen = self._frozen or self._last
        if seen is not None and CameraFault.HALF_FRAMES in faults:
            seen = _half(seen, turn)
        return seen

    def _live(self, world: World, moment: Moment, turn: int) -> SchematicFrame:
        base, boxes = self._still(world)
        picture = base
        poses = [pose_of(presence, moment.at, self.bay) for presence in moment.presences]
        if poses:
            picture, mask = base.copy(), np.zeros(base.shape[:2], np.uint8)
            for pose in sorted(poses, key=lambda one: one.z_mm):
                draw_pose(picture, mask, self._view(), pose)
            boxes = hidden_behind(boxes, mask)
        picture = self._spoil(picture)
        if self.faults.active & {CameraFault.COVERED, CameraFault.BLACK}:
            boxes = tuple(replace(box, visible_fraction=0.0) for box in boxes)
        return SchematicFrame(self._sensor.frame(picture, moment, turn), boxes)

    def _spoil(self, picture: BgrPicture) -> BgrPicture:
        spoilt = darkened(picture, self.faults, self._seed)
        if CameraFault.DEFOCUSED not in self.faults:
            return spoilt
        if self._blurred is None or self._blurred[0] is not spoilt:
            self._blurred = (spoilt, defocused(spoilt))
        return self._blurred[1]

    def _view(self) -> View:
        degrees = self.faults.degrees if CameraFault.BUMPED in self.faults else 0.0
        return _small_view(self.bay, self.frame_wh_px, degrees, self._seed)

    def _still(self, world: World) -> tuple[BgrPicture, tuple[SchematicBox, ...]]:
        """Shelf without people, drawn anew when something on it or the camera's aim changed."""
        places = zone_places(self.bay)
        fronts = tuple(fronts_of(world, place.zone.zone_id) for place in places)
        view = self._view()
        if self._drawn is None or self._drawn[0] != (view, fronts):
            self._zone_of_sku = self._zone_of_sku or zone_of_sku(world.plan)
            drawing = ShelfDrawing(self.bay, view, self._zone_of_sku)
            for place, zone_fronts in zip(places, fronts, strict=True):
                drawing.zone(place, zone_fronts)
            drawing.finish()
            self._drawn = ((view, fronts), drawing.picture, tuple(drawing.boxes))
        return self._drawn[1], self._drawn[2]


def _turn(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@lru_cache(maxsize=512)
def _small_view(bay: BayPlan, frame_wh_px: tuple[int, int], degrees: float, seed: int) -> View:
    view = view_of(bay)
    view = replace(view, image_wh_px=frame_wh_px, focal_px=view.focal_px * frame_wh_px[0] / view.image_wh_px[0])
    return bumped(view, degrees, seed) if degrees else view


def _half(frame: SchematicFrame, turn: int) -> SchematicFrame:
    """A decoder's answer to a damaged picture: whole down to some row, grey and smeared below."""
    rng = np.random.default_rng((turn, 52))
    height_px = frame.image_bgr.shape[0]
    row = int(height_px * rng.uniform(0.25, 0.85)) // 4 * 4
    picture = frame.image_bgr.copy()
    blocks = rng.integers(90, 160, ((height_px - row) // 4 + 1, picture.shape[1] // 8 + 1, 3), dtype=np.uint8)
    smear = np.repeat(np.repeat(blocks, 4, axis=0), 8, axis=1)
    picture[row:] = smear[: height_px - row, : picture.shape[1]]
    boxes = []
    for box in frame.boxes:
        _, y0, _, y1 = box.xyxy_px
        left = min(1.0, max(0.0, (row - y0) / max(y1 - y0, 1e-6)))
        boxes.append(replace(box, visible_fraction=box.visible_fraction * left))
    return SchematicFrame(picture, tuple(boxes))
