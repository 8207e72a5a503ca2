# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packs as textures: what the painter lays on the faces of each pack, made once per look and kept.

Textures are BGRA with premultiplied alpha, kept in a cache as a small pyramid, so that a pack drawn at 16 px
is as clean as one at 250 px.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from simulator.picture.bodies import Body, Job
from simulator.picture.bottles import make_bottle, make_jar, make_jug
from simulator.picture.cards import make_box, make_brick, make_carton, side_of, top_of
from simulator.picture.damage import DAMAGE_SEEDS
from simulator.picture.displays import make_blister, make_tray
from simulator.picture.materials import pyramid, shade, with_alpha
from simulator.picture.printing import Picture
from simulator.picture.produce import make_produce
from simulator.picture.rounds import make_can, make_cup, make_tube
from simulator.picture.scene import ROUND_SHAPES, SOLID_SHAPES, DamageKind, PackShape, PackStyle, PlacedPack
from simulator.picture.softs import make_bag, make_pouch
from simulator.picture.walls import lid_of
from simulator.picture.wrecks import HARMS, puddle

LONG_SIDE_PX: Final = 208
_CRUMPLES: Final = 2
"""Soft packs of one style come crumpled in so many ways."""
_MAKERS: Final[dict[PackShape, Callable[[Job], Body]]] = {
    "box": make_box,
    "bottle": make_bottle,
    "can": make_can,
    "bag": make_bag,
    "cup": make_cup,
    "jar": make_jar,
    "tube": make_tube,
    "blister": make_blister,
    "carton": make_carton,
    "brick": make_brick,
    "jug": make_jug,
    "pouch": make_pouch,
    "tray": make_tray,
    "produce": make_produce,
}
_NOTHING: Final = (np.zeros((2, 2, 4), np.uint8),)


@dataclass(frozen=True, slots=True, eq=False)
class PackArt:
    """Textures of one look, each a pyramid, finest first; those that the shape lacks are clear.

    `outline_uv` (n, 2) traces the front in 0..1, v downwards. `spill` lies on the board under a leaking pack, else it
    is empty. `is_round` asks for the top to be drawn as a lid over the front.
    """

    front: tuple[Picture, ...]
    side: tuple[Picture, ...]
    top: tuple[Picture, ...]
    bottom: tuple[Picture, ...]
    spill: tuple[Picture, ...]
    outline_uv: Picture
    is_round: bool


def pack_look(pack: PlacedPack) -> tuple[PackArt, Picture | None]:
    """Textures of a pack as it stands there, harmed or not, and the 3x3 turn of its colours (None: as printed)."""
    turn = tint_matrix(pack.style.tint_seed) if pack.style.tint_seed else None
    if pack.damage == "none":
        return pack_art(pack.style, pack.variant), turn
    style, crumple = _proportions(pack.style, pack.variant)
    return _harmed_art(style, crumple, pack.damage, pack.damage_seed % DAMAGE_SEEDS), turn


def pack_art(style: PackStyle, variant: int = 0) -> PackArt:
    """Textures of a sound pack, before its tint. Soft packs of one style differ by `variant` in how they are crumpled.

    Art depends on proportions only, so a style and its scaled twin share it.
    """
    return _sound_art(*_proportions(style, variant))


def _proportions(style: PackStyle, variant: int) -> tuple[PackStyle, int]:
    width_mm, depth_mm = round(style.width_mm / style.height_mm, 3), round(style.depth_mm / style.height_mm, 3)
    crumple = variant % _CRUMPLES if style.shape in ("bag", "pouch") else 0
    return replace(style, width_mm=width_mm, height_mm=1.0, depth_mm=depth_mm, tint_seed=0), crumple


@lru_cache(maxsize=4400)
def _sound_art(style: PackStyle, crumple: int) -> PackArt:
    return _art(style, crumple, "none", 0)


@lru_cache(maxsize=600)
def _harmed_art(style: PackStyle, crumple: int, damage: DamageKind, damage_seed: int) -> PackArt:
    return _art(style, crumple, damage, damage_seed)


def _front_px(style: PackStyle) -> tuple[int, int]:
    scale = LONG_SIDE_PX / max(style.width_mm, style.height_mm)
    return max(24, round(style.width_mm * scale)), max(24, round(style.height_mm * scale))


def _art(style: PackStyle, crumple: int, damage: DamageKind, damage_seed: int) -> PackArt:
    job = Job(
        style,
        damage,
        _front_px(style),
        np.random.default_rng((style.face_seed, 5)),
        np.random.default_rng((style.face_seed, 77, crumple, damage_seed)),
    )
    body = _MAKERS[style.shape](job)
    side: tuple[Picture, ...] = _NOTHING
    top, bottom, is_round = side, side, style.shape in ROUND_SHAPES
    if style.shape in SOLID_SHAPES:
        height, width = body.front.shape[:2]
        side_px = max(12, min(72, round(style.depth_mm / style.height_mm * height * 0.6)))
        deep_px = max(8, min(96, round(style.depth_mm / style.width_mm * width)))
        flat_side, flat_top = side_of(job, body.face, side_px), top_of(job, body.face, deep_px)
        side, top = pyramid(with_alpha(flat_side)), pyramid(with_alpha(flat_top))
        bottom = (with_alpha(cv2.resize(flat_top, (8, 8), interpolation=cv2.INTER_AREA)),)
    elif is_round and style.shape != "jug":
        top = pyramid(lid_of(body, style.shape, job.luck))
    if damage in HARMS:
        body = HARMS[damage](body, job.luck, style.shape)
    if damage == "crushed":
        side, top, is_round = _sunk(side, body), _NOTHING, False
    spill = pyramid(puddle(body.inside_bgr, damage_seed)) if damage == "leaking" else ()
    upright_lid = is_round and damage != "toppled" and style.shape != "jug"
    return PackArt(pyramid(body.front), side, top, bottom, spill, body.outline_uv, upright_lid)


def _sunk(side: tuple[Picture, ...], body: Body) -> tuple[Picture, ...]:
    """The side of a crushed box: darker, and clear where its upper edge has sunk."""
    texture = shade(side[0], np.full((1, 1, 1), 0.8, np.float32))
    texture[..., 3] = side[0][..., 3]
    texture[: int(texture.shape[0] * float(body.outline_uv[:, 1].min()))] = 0
    return pyramid(texture)


@lru_cache(maxsize=4096)
def tint_matrix(tint_seed: int) -> Picture:
    """The 3x3 matrix by which a tint turns hue, saturation and value of finished art (BGR)."""
    rng = np.random.default_rng(tint_seed)
    turn = rng.normal(0, 0.22) if rng.random() < 0.8 else rng.uniform(-np.pi, np.pi)
    third, cos, sin = 1 / 3, np.cos(turn), np.sin(turn) / np.sqrt(3)
    spin = np.full((3, 3), third * (1 - cos)) + np.eye(3) * cos
    spin += np.array([[0, sin, -sin], [-sin, 0, sin], [sin, -sin, 0]])
    saturation = rng.uniform(0.7, 1.25)
    grey = np.tile([0.114, 0.587, 0.299], (3, 1))
    return np.asarray(rng.uniform(0.75, 1.05) * ((saturation * np.eye(3) + (1 - saturation) * grey) @ spin))
