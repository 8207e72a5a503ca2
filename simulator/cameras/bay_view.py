# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a bay of the store looks to its camera, and the calibration an integrator would have made for it."""

import hashlib
from dataclasses import replace

import numpy as np

from calibration.document import BaySize, Calibration, PointPair, Zone
from calibration.lens import Lens
from simulator.picture.projection import distort, project
from simulator.picture.scene import (
    Bay,
    CameraLook,
    FacingSlot,
    Gap,
    Light,
    PackStyle,
    PlacedPack,
    PriceTag,
    Prop,
    Scene,
    ShelfRow,
    View,
    stock_row,
)
from simulator.store.plan import BOARD_MM, FACING_SPACING_MM, FLOOR_MM, BayPlan, RowPlan, ZonePlan
from simulator.store.world import World


def _seed(*words: str) -> int:
    return int.from_bytes(hashlib.sha256("/".join(words).encode()).digest()[:4], "big")


def _style(zone: ZonePlan) -> PackStyle:
    width_mm, height_mm = zone.wh_mm
    return PackStyle(
        shape=zone.shape,  # type: ignore[arg-type]  # StorePlan admits only the shapes of PackShape
        width_mm=width_mm,
        height_mm=height_mm,
        depth_mm=zone.depth_mm,
        face_seed=_seed("face", zone.sku),
    )


def _zone_lefts_mm(bay: BayPlan, row: RowPlan) -> list[float]:
    """Left edge of each zone: the row's free width is shared out between and beside the zones."""
    widths = [zone.facings * (zone.wh_mm[0] + FACING_SPACING_MM) for zone in row.zones]
    free_mm = (bay.width_mm - sum(widths)) / (len(widths) + 1)
    lefts, x_mm = [], free_mm
    for width_mm in widths:
        lefts.append(x_mm)
        x_mm += width_mm + free_mm
    return lefts


def _row_bases_mm(bay: BayPlan) -> list[float]:
    bases, y_mm = [], FLOOR_MM
    for row in bay.rows:
        bases.append(y_mm)
        y_mm += row.clearance_mm
    return bases


def view_of(bay: BayPlan) -> View:
    """A camera across the aisle, a little above and beside the middle, with the slight barrel of a cheap lens."""
    width_px, height_px = bay.image_wh_px
    distance_mm = 2000.0
    span_mm = max(bay.width_mm * height_px / width_px, bay.height_mm) * 1.14
    focal_px = height_px * distance_mm / span_mm
    sideways = (_seed("side", bay.camera_id) % 1000 / 1000 - 0.5) * 500
    middle = (bay.width_mm / 2, bay.height_mm / 2)
    return View(
        position_mm=(middle[0] + sideways, middle[1] + 280.0, distance_mm),
        aim_mm=(middle[0], middle[1], 0.0),
        focal_px=focal_px,
        image_wh_px=bay.image_wh_px,
        k1=-0.04,
    )


def furniture_of(bay: BayPlan) -> Scene:
    """The empty bay: boards, tags, light, camera."""
    rows = tuple(
        ShelfRow(
            y_mm=base_mm,
            clearance_mm=row.clearance_mm - BOARD_MM,
            depth_mm=bay.depth_mm,
            rail_seed=_seed("rail", bay.bay_id),
        )
        for base_mm, row in zip(_row_bases_mm(bay), bay.rows, strict=True)
    )
    tags = []
    for base_mm, row in zip(_row_bases_mm(bay), bay.rows, strict=True):
        for left_mm, zone in zip(_zone_lefts_mm(bay, row), row.zones, strict=True):
            tags.append(
                PriceTag(
                    ref_id=f"tag/{zone.zone_id}",
                    x_mm=left_mm + 45,
                    y_mm=base_mm - 20,
                    width_mm=62,
                    height_mm=32,
                    seed=_seed("tag", zone.sku),
                )
            )
    return Scene(
        bay=Bay(width_mm=bay.width_mm, height_mm=bay.height_mm, depth_mm=bay.depth_mm, rows=rows),
        view=view_of(bay),
        tags=tuple(tags),
        props=_room(bay),
        light=Light(row_shadow=0.3, falloff_mm=320.0, slope_x=0.08),
        look=CameraLook(blur_px=0.4),
        surround_seed=_seed("surround", bay.bay_id),
    )


def _room(bay: BayPlan) -> tuple[Prop, ...]:
    """The plain wall behind the bay and the floor before it."""
    behind_mm, floor_mm = -bay.depth_mm - 5.0, -40.0
    wall = Prop(
        kind="wall",
        origin_mm=(-2500.0, floor_mm, behind_mm),
        across_mm=(6000.0, 0.0, 0.0),
        up_mm=(0.0, 3500.0, 0.0),
        seed=_seed("wall", bay.bay_id),
        bgr=(196, 203, 206),
        in_front=False,
    )
    floor = Prop(
        kind="floor",
        origin_mm=(-2500.0, floor_mm, 700.0),
        across_mm=(6000.0, 0.0, 0.0),
        up_mm=(0.0, 0.0, behind_mm - 700.0),
        seed=_seed("floor", bay.bay_id),
        bgr=(150, 156, 160),
        in_front=False,
    )
    return (wall, floor)


def scene_of(bay: BayPlan, world: World) -> Scene:
    """The bay with the units that stand on it now."""
    scene = furniture_of(bay)
    packs: list[PlacedPack] = []
    gaps: list[Gap] = []
    for row_index, row in enumerate(bay.rows):
        slots = []
        for left_mm, zone in zip(_zone_lefts_mm(bay, row), row.zones, strict=True):
            pitch_mm = zone.wh_mm[0] + FACING_SPACING_MM
            for facing, units in enumerate(world.columns[zone.zone_id]):
                x_mm = left_mm + (facing + 0.5) * pitch_mm
                slots.append(FacingSlot(f"{zone.zone_id}/{facing}", x_mm, _style(zone), units))
        row_packs, row_gaps = stock_row(scene.bay, row_index, tuple(slots))
        packs.extend(row_packs)
        gaps.extend(row_gaps)
    return replace(scene, packs=tuple(packs), gaps=tuple(gaps))


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


def _zones(bay: BayPlan) -> list[Zone]:
    zones = []
    for base_mm, row in zip(_row_bases_mm(bay), bay.rows, strict=True):
        for left_mm, zone in zip(_zone_lefts_mm(bay, row), row.zones, strict=True):
            right_mm = left_mm + zone.facings * (zone.wh_mm[0] + FACING_SPACING_MM)
            top_mm = base_mm + row.clearance_mm - BOARD_MM
            zones.append(
                Zone(
                    zone_id=zone.zone_id,
                    sku=zone.sku,
                    product_name=zone.name,
                    polygon_mm=((left_mm, base_mm), (right_mm, base_mm), (right_mm, top_mm), (left_mm, top_mm)),
                    expected_facings_count=zone.facings,
                    minimum_facings_count=zone.minimum,
                    depth_units_count=bay.depth_units_count(zone),
                    facing_width_mm=zone.wh_mm[0] + FACING_SPACING_MM,
                    facing_height_mm=zone.wh_mm[1],
                )
            )
    return zones
