# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shelves by chance: scenes of many kinds of shop, stock, light and camera, to train and to test on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from simulator.picture.goods_mix import SHOP_MIX, GoodsMix
from simulator.picture.random_extras import flag_tags, random_doors, random_occluders, wobblers
from simulator.picture.row_filling import RowFill, RowPlan, fill_row
from simulator.picture.scene import (
    BackKind,
    Bay,
    BoardKind,
    CameraLook,
    Colour,
    FenceKind,
    Light,
    PriceTag,
    Prop,
    Scene,
    ShelfRow,
    TagKind,
    View,
)
from simulator.picture.store_styles import STORE_STYLES, StoreStyle

_MOST_FACINGS = 300
_OCCLUDED_SHARE = 0.08
_PAINTS: tuple[Colour, ...] = (
    (238, 238, 236),
    (226, 228, 228),
    (212, 214, 212),
    (232, 222, 214),
    (196, 198, 198),
    (170, 172, 174),
    (216, 224, 228),
    (120, 122, 124),
    (62, 62, 64),
    (30, 30, 32),
)
"""Powder coats of shop fittings: whites and greys, then near black. Few, so that textures stay cached."""
_LOUD_PAINTS: tuple[Colour, ...] = ((40, 40, 190), (150, 80, 30), (70, 150, 60), (60, 190, 235), (130, 60, 140))
_WOODS: tuple[Colour, ...] = ((120, 165, 200), (150, 190, 215), (70, 105, 150), (50, 72, 105), (34, 42, 60))


def random_scene(
    rng: Generator, image_wh_px: tuple[int, int], style: StoreStyle | None = None, *, mix: GoodsMix = SHOP_MIX
) -> Scene:
    """A shelf that might exist, seen by a camera that might hang there. All chance comes from `rng`.

    `style` None draws the kind of shop too; `mix` says how sound and how familiar the goods are.
    """
    style = style or _random_style(rng)
    facing_mm = float(rng.uniform(*style.facing_mm))
    short_px = min(image_wh_px)
    facing_px = float(np.exp(rng.uniform(np.log(0.055), np.log(0.36)))) * short_px
    width_mm, height_mm = image_wh_px[0] * facing_mm / facing_px, image_wh_px[1] * facing_mm / facing_px
    bay, plans = _furniture(rng, style, mix, facing_mm, (width_mm, height_mm))
    fills = _fill(rng, bay, plans)
    view = _view(rng, bay, image_wh_px, width_mm, height_mm)
    tags = _tags(rng, bay, style, plans, fills)
    return Scene(
        bay=bay,
        view=view,
        packs=tuple(p for f in fills for p in f.packs),
        gaps=tuple(g for f in fills for g in f.gaps),
        plates=tuple(p for f in fills for p in f.plates),
        dividers=tuple(d for f in fills for d in f.dividers),
        tags=tags,
        props=_props(rng, bay, view),
        light=_light(rng, style),
        look=_look(rng, facing_px),
        surround_seed=int(rng.integers(1 << 30)),
        doors=random_doors(rng, bay) if rng.random() < style.doors else (),
        occluders=random_occluders(rng, bay, view) if rng.random() < _OCCLUDED_SHARE else (),
    )


def _random_style(rng: Generator) -> StoreStyle:
    styles = list(STORE_STYLES.values())
    weights = np.array([style.weight for style in styles])
    return styles[int(rng.choice(len(styles), p=weights / weights.sum()))]


def _pick(rng: Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _board_colour(rng: Generator, board: BoardKind) -> Colour:
    choices = _WOODS if board == "wood" else _PAINTS if rng.random() < 0.94 else _LOUD_PAINTS
    return choices[int(rng.integers(len(choices)))]


def _furniture(
    rng: Generator, style: StoreStyle, mix: GoodsMix, facing_mm: float, view_wh_mm: tuple[float, float]
) -> tuple[Bay, tuple[RowPlan, ...]]:
    width_mm, height_mm = view_wh_mm
    board: BoardKind = _pick(rng, style.boards)  # type: ignore[assignment]
    colour = _board_colour(rng, board)
    rail_bgr = colour if rng.random() < 0.5 else _board_colour(rng, "metal")
    depth_mm = float(rng.uniform(*style.depth_mm))
    fence: FenceKind = _pick(rng, style.fences)  # type: ignore[assignment]
    rail_mm = float(rng.uniform(0.12, 0.55)) * min(facing_mm, 170)
    rail_seed = int(rng.integers(60))
    rows: list[ShelfRow] = []
    plans: list[RowPlan] = []
    y_mm = float(rng.uniform(0.0, 0.4)) * facing_mm
    same_height = rng.random() < style.uniform_rows
    bay_h = height_mm * float(rng.uniform(0.75, 1.5))
    while y_mm < bay_h and len(rows) < 9:
        tiers = int(rng.choice(style.tiers))
        row_facing = facing_mm * (1.0 if same_height else float(rng.uniform(0.7, 1.35)))
        clearance = row_facing * tiers * float(rng.uniform(*style.clearance))
        rows.append(
            ShelfRow(
                y_mm=y_mm,
                clearance_mm=clearance,
                depth_mm=depth_mm,
                board=board,
                board_bgr=colour,
                thickness_mm=min(rail_mm, 28.0),
                rail_mm=rail_mm,
                rail_bgr=rail_bgr,
                rail_seed=rail_seed if rng.random() < 0.8 else int(rng.integers(60)),
                fence=fence,
                fence_mm=row_facing * float(rng.uniform(0.15, 0.4)),
            )
        )
        plans.append(RowPlan(style=style, facing_mm=row_facing, tiers=tiers, mix=mix))
        y_mm += clearance + rail_mm * float(rng.uniform(0.8, 1.1))
    back: BackKind = _pick(rng, style.backs)  # type: ignore[assignment]
    bay_w = width_mm * float(rng.choice([0.6, 0.85, 1.0, 1.3, 1.7], p=[0.04, 0.1, 0.16, 0.32, 0.38]))
    bay_w = min(bay_w, _MOST_FACINGS / len(rows) * facing_mm * 0.7)
    bay = Bay(
        width_mm=bay_w,
        height_mm=rows[-1].y_mm + rows[-1].clearance_mm * float(rng.uniform(1.0, 1.25)),
        depth_mm=depth_mm + 2,
        rows=tuple(rows),
        back=back,
        back_bgr=_back_colour(rng, back),
        back_seed=int(rng.integers(24)),
        side_bgr=colour,
        sides=bool(rng.random() < 0.8),
    )
    return bay, tuple(plans)


def _back_colour(rng: Generator, back: BackKind) -> Colour:
    if back == "dark":
        shade = int(rng.integers(1, 7)) * 7
        return (shade, shade, shade)
    return _board_colour(rng, "wood" if back == "wood" else "metal")


def _fill(rng: Generator, bay: Bay, plans: tuple[RowPlan, ...]) -> list[RowFill]:
    scarcity = float(rng.choice([0.0, 0.06, 0.15, 0.35, 0.7], p=[0.17, 0.24, 0.27, 0.22, 0.1]))
    fills = []
    for index, plan in enumerate(plans):
        row_scarcity = scarcity if rng.random() < 0.8 else float(rng.uniform(0, 0.9)) * float(scarcity > 0)
        fills.append(fill_row(rng, bay, index, plan, row_scarcity))
    return fills


def _view(rng: Generator, bay: Bay, image_wh_px: tuple[int, int], width_mm: float, height_mm: float) -> View:
    lens = float(rng.choice([0.75, 0.95, 1.2, 1.7], p=[0.25, 0.35, 0.25, 0.15]))
    distance = lens * max(width_mm, height_mm)
    aim_x = bay.width_mm * 0.5 + float(rng.normal(0, 0.12)) * width_mm
    aim_y = min(bay.height_mm * 0.5, height_mm * 0.6) + float(rng.normal(0, 0.1)) * height_mm
    kind = rng.random()
    yaw, pitch = rng.normal(0, 5), rng.normal(0, 5)
    if kind > 0.55:
        yaw = rng.uniform(8, 42) * rng.choice([-1, 1])
    if kind > 0.45 and rng.random() < 0.6:
        pitch = rng.uniform(5, 38) * rng.choice([1, 1, -0.6])
    yaw, pitch = np.radians([yaw, pitch])
    away = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]) * distance
    away[2] = max(away[2], 0.3 * distance)
    aim = np.array([aim_x, aim_y, -0.1 * bay.depth_mm])
    scale = image_wh_px[0] / width_mm
    return View(
        position_mm=tuple(float(v) for v in aim + away),  # type: ignore[arg-type]
        aim_mm=tuple(float(v) for v in aim),  # type: ignore[arg-type]
        focal_px=scale * distance * float(rng.uniform(0.9, 1.1)),
        image_wh_px=image_wh_px,
        roll_deg=float(rng.normal(0, 1.5)) if rng.random() < 0.8 else float(rng.normal(0, 6)),
        k1=float(rng.uniform(-0.16, 0.04)) if rng.random() < 0.4 else 0.0,
    )


def _tags(
    rng: Generator, bay: Bay, style: StoreStyle, plans: tuple[RowPlan, ...], fills: list[RowFill]
) -> tuple[PriceTag, ...]:
    if rng.random() > style.tags:
        return ()
    kind: TagKind = _pick(rng, ("paper", "paper", "paper", "two_tone", "two_tone", "electronic", "electronic", "promo"))  # type: ignore[assignment]
    scale = float(rng.uniform(0.85, 1.3))
    aspect = float(rng.uniform(1.1, 2.4))
    density = float(rng.choice([1.0, 0.9, 0.6]))
    tags = []
    for index, (row, fill) in enumerate(zip(bay.rows, fills, strict=True)):
        height = min(row.rail_mm * scale, plans[index].facing_mm * 0.5)
        last = -1e9
        for number, x_mm in enumerate(fill.tag_x_mm):
            x = x_mm + float(rng.normal(0, 6))
            if x - last < height * aspect * 1.06 or rng.random() > density:
                continue
            last = x
            promo = rng.random() < 0.07
            tags.append(
                PriceTag(
                    ref_id=f"tag-{index}-{number}",
                    x_mm=x,
                    y_mm=row.y_mm - row.rail_mm * 0.5 + float(rng.normal(0, 0.06)) * row.rail_mm,
                    width_mm=height * aspect * (1.15 if promo else 1.0),
                    height_mm=height * (1.2 if promo else 1.0),
                    kind="promo" if promo else kind,
                    seed=int(rng.integers(900)),
                    roll_deg=float(rng.normal(0, 1.2)) if rng.random() < 0.9 else float(rng.normal(0, 8)),
                    tilt_deg=float(rng.uniform(0, 25)),
                )
            )
    for index, fill in enumerate(fills):
        if rng.random() < 0.6:
            tags += flag_tags(rng, fill.flags_mm, kind, index)
    return tuple(tags)


def _props(  # noqa: C901 - one short paragraph per kind of prop
    rng: Generator, bay: Bay, view: View
) -> tuple[Prop, ...]:
    props: list[Prop] = []
    wide, tall = bay.width_mm, bay.height_mm

    def seed() -> int:
        return int(rng.integers(600))

    if rng.random() < 0.5:
        floor = _PAINTS[int(rng.integers(len(_PAINTS) - 2))]
        props.append(
            Prop(
                "floor",
                (-wide, -30.0, 0.0),
                (3 * wide, 0, 0),
                (0, -0.6 * tall, 0.4 * tall),
                seed(),
                floor,
                in_front=False,
            )
        )
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        x, w, h = rng.uniform(-0.3, 1.1) * wide, rng.uniform(0.1, 0.5) * wide, rng.uniform(0.05, 0.2) * tall
        y = tall * rng.uniform(0.97, 1.1) if rng.random() < 0.6 else rng.uniform(0, 0.8) * tall
        front = bool(y > tall * 0.95)
        if not front:
            x = -w * 1.02 if rng.random() < 0.5 else wide * 1.01
        props.append(Prop("poster", (x, y, 3.0 if front else -5.0), (w, 0, 0), (0, h if front else h * 4, 0), seed()))
    if rng.random() < 0.45:
        colour = _board_colour(rng, "metal")
        pitch = float(rng.uniform(0.3, 1.0)) * wide
        x = float(rng.uniform(0, 1)) * pitch
        post = float(rng.uniform(0.012, 0.03)) * wide
        in_front = bool(rng.random() < 0.5)
        while x < wide:
            z = 4.0 if in_front else -bay.depth_mm + 4
            props.append(Prop("upright", (x, 0.0, z), (post, 0, 0), (0, tall, 0), seed(), colour, in_front=in_front))
            x += pitch
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            row = bay.rows[int(rng.integers(len(bay.rows)))]
            side = row.clearance_mm * float(rng.uniform(0.2, 0.5))
            x, drop = float(rng.uniform(0, wide)), float(rng.uniform(-0.3, 0.6)) * side
            lean = float(rng.normal(0, 0.15))
            props.append(
                Prop(
                    "talker",
                    (x, row.y_mm - drop, 25.0),
                    (side, lean * side, 0),
                    (-lean * side, side * rng.uniform(0.6, 1.3), 0),
                    seed(),
                )
            )
    if rng.random() < 0.2:
        props += wobblers(rng, bay)
    if rng.random() < 0.3:
        row = bay.rows[int(rng.integers(len(bay.rows)))]
        props.append(Prop("strip", (0.0, row.y_mm - row.rail_mm, 2.6), (wide * 0.6, 0, 0), (0, row.rail_mm, 0), seed()))
    if rng.random() < 0.25:
        top = bay.rows[-1].y_mm + bay.rows[-1].clearance_mm
        x = 0.0
        while x < wide * 0.9:
            w = float(rng.uniform(0.15, 0.4)) * wide
            props.append(
                Prop("carton", (x, top, -bay.depth_mm * 0.3), (w, 0, 0), (0, w * 0.5, 0), seed(), in_front=False)
            )
            x += w * float(rng.uniform(1.02, 1.6))
    if rng.random() < 0.12:
        span = float(rng.uniform(0.15, 0.4)) * wide
        x = -0.1 * wide if rng.random() < 0.5 else wide - span * 0.8
        near = float(rng.uniform(0.05, 0.3)) * view.position_mm[2]
        props.append(
            Prop("clutter", (x, -0.1 * tall, near), (span, 0, 0), (0, float(rng.uniform(0.2, 0.6)) * tall, 0), seed())
        )
    return tuple(props)


def _light(rng: Generator, style: StoreStyle) -> Light:
    dark = rng.random() < style.dark * 0.6
    warmth = float(rng.normal(0, 0.035))
    return Light(
        ambient=float(rng.uniform(0.75, 1.0) if dark else rng.uniform(0.9, 1.15)),
        row_shadow=float(rng.uniform(0.3, 0.65) if dark else rng.uniform(0.05, 0.5)),
        falloff_mm=float(rng.uniform(160, 350) if dark else rng.uniform(220, 900)),
        contact=float(rng.uniform(0.3, 0.95)),
        edge_light=float(rng.uniform(0.25, 1.0)) if rng.random() < style.edge_light else 0.0,
        colour_bgr=(1 + warmth, 1.0, 1 - warmth),
        slope_x=float(rng.normal(0, 0.15)),
        slope_y=float(rng.normal(0.0, 0.18)),
        spot_seed=int(rng.integers(1 << 30)),
        spots=int(rng.integers(0, 4)),
    )


def _look(rng: Generator, facing_px: float) -> CameraLook:
    cast = rng.normal(0, 0.045, 3)
    wild = float(rng.choice([1.0, 1.7], p=[0.85, 0.15]))
    look = CameraLook(
        blur_px=float(rng.choice([0.0, 0.5, 0.8, 1.3], p=[0.6, 0.25, 0.1, 0.05])),
        noise_sigma=float(rng.choice([0.0, 2.0, 5.0, 10.0], p=[0.3, 0.4, 0.2, 0.1])),
        jpeg_quality=int(rng.integers(35, 97)) if rng.random() < 0.7 else 0,
        gain=float(np.exp(rng.normal(0.03, 0.1 * wild))),
        gamma=float(np.exp(rng.normal(-0.05, 0.1 * wild))),
        balance_bgr=(float(1 + cast[0]), float(1 + cast[1] * 0.5), float(1 + cast[2])),
        contrast=float(rng.uniform(0.92, 1.25)),
        saturation=float(rng.uniform(0.75, 1.25) if rng.random() < 0.9 else rng.uniform(0.0, 0.7)),
        vignette=float(rng.uniform(0, 0.45)) if rng.random() < 0.5 else 0.0,
        sharpen=float(rng.uniform(0.2, 0.9)) if rng.random() < 0.55 else 0.0,
        glass_seed=int(rng.integers(1, 1 << 30)) if rng.random() < 0.05 else 0,
    )
    if rng.random() < 0.08:
        look = replace(
            look, motion_px=float(rng.uniform(2, 0.06 * facing_px + 4)), motion_deg=float(rng.uniform(0, 180))
        )
    if rng.random() < 0.12 and facing_px > 40:
        look = replace(look, downscale=float(rng.uniform(0.45, 0.9)))
    return look
