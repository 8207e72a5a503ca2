# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a bay of the store looks to its camera, and the calibration an integrator would have made for it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from calibration.document import BaySize, Calibration, PointPair, Zone
from calibration.lens import Lens
from simulator.cameras.layout import ZonePlace, seed_of, slot_front_mm, zone_places
from simulator.cameras.moment import Moment
from simulator.cameras.mounts import view_of
from simulator.cameras.people import Pose, pose_of
from simulator.cameras.standing import Standing, facings_of, zone_of_sku
from simulator.picture.projection import distort, project
from simulator.picture.scene import (
    Bay,
    CameraLook,
    Gap,
    GapKind,
    Light,
    Occluder,
    PackStyle,
    PlacedPack,
    Plate,
    PriceTag,
    Prop,
    Scene,
    ShelfRow,
    merge_gaps,
)
from simulator.store.plan import BOARD_MM, FLOOR_MM, BayPlan, ZonePlan
from simulator.store.units import Condition
from simulator.store.world import World

_SLOPPY_YAW_DEG, _SLOPPY_X_MM = 2.5, 1.5
"""How carelessly a unit stands: standard deviations."""
_WALKING_BLUR_FRACTION = 0.012
"""How far somebody who walks gets while the shutter is open, as a share of the picture's width."""


def _style(zone: ZonePlan) -> PackStyle:
    width_mm, height_mm = zone.wh_mm
    return PackStyle(
        shape=zone.shape,  # type: ignore[arg-type]  # StorePlan admits only the shapes of PackShape
        width_mm=width_mm,
        height_mm=height_mm,
        depth_mm=zone.depth_mm,
        face_seed=seed_of("face", zone.sku),
    )


def furniture_of(bay: BayPlan) -> Scene:
    """The empty bay: boards, tags, light, camera."""
    places = zone_places(bay)
    bases_mm = {place.row_index: place.base_mm for place in places}
    rows = tuple(
        ShelfRow(
            y_mm=bases_mm[index],
            clearance_mm=row.clearance_mm - BOARD_MM,
            depth_mm=bay.depth_mm,
            rail_seed=seed_of("rail", bay.bay_id),
        )
        for index, row in enumerate(bay.rows)
    )
    tags = tuple(
        PriceTag(
            ref_id=f"tag/{place.zone.zone_id}",
            x_mm=place.left_mm + 45,
            y_mm=place.base_mm - 20,
            width_mm=62,
            height_mm=32,
            seed=seed_of("tag", place.zone.sku),
        )
        for place in places
    )
    return Scene(
        bay=Bay(width_mm=bay.width_mm, height_mm=bay.height_mm, depth_mm=bay.depth_mm, rows=rows),
        view=view_of(bay),
        tags=tags,
        props=_room(bay),
        light=Light(row_shadow=0.3, falloff_mm=320.0, slope_x=0.08),
        look=CameraLook(blur_px=0.4),
        surround_seed=seed_of("surround", bay.bay_id),
    )


def _room(bay: BayPlan) -> tuple[Prop, ...]:
    """The plain wall behind the bay and the floor before it."""
    behind_mm, floor_mm = -bay.depth_mm - 5.0, -40.0
    wall = Prop(
        kind="wall",
        origin_mm=(-2500.0, floor_mm, behind_mm),
        across_mm=(6000.0, 0.0, 0.0),
        up_mm=(0.0, 3500.0, 0.0),
        seed=seed_of("wall", bay.bay_id),
        bgr=(196, 203, 206),
        in_front=False,
    )
    floor = Prop(
        kind="floor",
        origin_mm=(-2500.0, floor_mm, 700.0),
        across_mm=(6000.0, 0.0, 0.0),
        up_mm=(0.0, 0.0, behind_mm - 700.0),
        seed=seed_of("floor", bay.bay_id),
        bgr=(150, 156, 160),
        in_front=False,
    )
    return (wall, floor)


def scene_of(bay: BayPlan, world: World, moment: Moment | None = None) -> Scene:
    """The bay with the units that stand on it now and, at a moment, with the people before it.

    What light, lens and sensor make of it at that moment is not the scene's but `simulator.cameras.sensor`'s.
    """
    styles = {sku: _style(zone) for sku, zone in zone_of_sku(world.plan).items()}
    packs: list[PlacedPack] = []
    gaps: list[Gap] = []
    paddles: list[Plate] = []
    column = 0
    for place in zone_places(bay):
        for facing, units in enumerate(facings_of(world, place.zone.zone_id)):
            ref_id, x_mm = f"{place.zone.zone_id}/{facing}", place.middle_mm(facing)
            packs.extend(
                _pack(place, _Spot(ref_id, column, rank, x_mm), one, styles[one.unit.sku])
                for rank, one in enumerate(units)
            )
            if not units:
                gaps.append(_gap(place, x_mm, ref_id))
            if place.has_pusher:
                paddles.append(_paddle(place, column, x_mm, len(units)))
            column += 1
    poses = () if moment is None else tuple(pose_of(one, moment.at, bay) for one in moment.presences)
    return replace(
        furniture_of(bay),
        packs=tuple(packs),
        gaps=merge_gaps(tuple(gaps)),
        plates=tuple(paddles),
        occluders=tuple(_occluder(pose, bay) for pose in poses),
    )


class _Spot(NamedTuple):
    """One unit's place in its facing; rank 0 is the front-most, wherever it stands."""

    ref_id: str
    column: int
    rank: int
    x_mm: float


def _pack(place: ZonePlace, spot: _Spot, standing: Standing, style: PackStyle) -> PlacedPack:
    """One unit in its slot. Its `depth_index` is its rank from the front, not its slot: set back it is a facing too."""
    slot, unit = standing
    yaw_deg, aside_mm = _carelessness(unit.unit_id)
    return PlacedPack(
        ref_id=f"{spot.ref_id}/{slot}",
        row=place.row_index,
        column=spot.column,
        x_mm=spot.x_mm + aside_mm,
        y_mm=place.base_mm,
        z_mm=slot_front_mm(slot, place.zone.depth_mm),
        depth_index=spot.rank,
        style=style,
        yaw_deg=yaw_deg,
        variant=unit.unit_id % 8,
        damage="none" if unit.condition is Condition.OK else unit.condition.value,  # type: ignore[arg-type]  # same names
        damage_seed=unit.unit_id,
    )


@lru_cache(maxsize=65_536)
def _carelessness(unit_id: int) -> tuple[float, float]:
    """How far a unit is turned, in degrees, and how far aside it stands, in millimetres."""
    yaw_deg, aside_mm = np.random.default_rng(unit_id).normal(0, (_SLOPPY_YAW_DEG, _SLOPPY_X_MM)).tolist()
    return yaw_deg, aside_mm


def _gap(place: ZonePlace, x_mm: float, ref_id: str) -> Gap:
    width_mm, height_mm = place.zone.wh_mm
    low_mm, half_mm = place.base_mm, width_mm / 2
    kind: GapKind = "pusher" if place.has_pusher else "bare"
    return Gap(ref_id, place.row_index, x_mm - half_mm, x_mm + half_mm, low_mm, low_mm + height_mm, kind, -4.0)


def _paddle(place: ZonePlace, column: int, x_mm: float, units_count: int) -> Plate:
    """The spring's paddle behind the last unit of a lane."""
    width_mm, height_mm = place.zone.wh_mm
    return Plate(
        row=place.row_index,
        column=column,
        x_mm=x_mm,
        y_mm=place.base_mm,
        width_mm=0.85 * width_mm,
        height_mm=0.6 * height_mm,
        z_mm=slot_front_mm(units_count, place.zone.depth_mm) - 2.0,
        bgr=(70, 70, 72),
        look="pusher",
        seed=seed_of("paddle", place.zone.zone_id),
    )


def _occluder(pose: Pose, bay: BayPlan) -> Occluder:
    return Occluder(
        kind="trolley" if pose.kind == "trolley" else "shopper",
        x_mm=pose.x_mm,
        z_mm=pose.z_mm,
        seed=pose.look_seed,
        height_mm=pose.height_mm,
        turn_deg=pose.turn_deg,
        reach_mm=pose.reach_mm,
        motion_px=_WALKING_BLUR_FRACTION * bay.image_wh_px[0] if pose.is_walking else 0.0,
    )


def calibration_of(bay: BayPlan) -> Calibration:
    """Zones and planogram of the bay, with six points marked in the picture as an integrator would mark them."""
    view = view_of(bay)
    width_px, height_px = view.image_wh_px
    low, high = FLOOR_MM, bay.height_mm - BOARD_MM
    marks_mm = [(x_mm, y_mm) for y_mm in (low, (low + high) / 2, high) for x_mm in (40.0, bay.width_mm - 40.0)]
    points_mm = np.array([(x_mm, y_mm, 0.0) for x_mm, y_mm in marks_mm])
    points_px = distort(view, project(view, points_mm))
    return Calibration(
        camera_id=bay.camera_id,
        image_wh_px=bay.image_wh_px,
        bay=BaySize(bay_id=bay.bay_id, name=bay.name, width_mm=bay.width_mm, height_mm=bay.height_mm),
        lens=Lens(
            fx_px=view.focal_px, fy_px=view.focal_px, cx_px=width_px / 2, cy_px=height_px / 2, k1=view.k1, k2=view.k2
        ),
        points=tuple(
            PointPair(x_px=round(float(x_px), 2), y_px=round(float(y_px), 2), x_mm=x_mm, y_mm=y_mm)
            for (x_px, y_px), (x_mm, y_mm) in zip(points_px, marks_mm, strict=True)
        ),
        zones=tuple(_zones(bay)),
    )


def _zones(bay: BayPlan) -> Iterator[Zone]:
    for place in zone_places(bay):
        zone, low_mm, high_mm = place.zone, place.base_mm, place.top_mm
        left_mm, right_mm = place.left_mm, place.right_mm
        yield Zone(
            zone_id=zone.zone_id,
            sku=zone.sku,
            product_name=zone.name,
            polygon_mm=((left_mm, low_mm), (right_mm, low_mm), (right_mm, high_mm), (left_mm, high_mm)),
            expected_facings_count=zone.facings,
            minimum_facings_count=zone.minimum,
            depth_units_count=bay.depth_units_count(zone),
            facing_width_mm=place.pitch_mm,
            facing_height_mm=zone.wh_mm[1],
        )
