# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packs as textures: what the painter lays on the faces of each pack, made once per look and kept.

Textures are BGRA with premultiplied alpha, kept in a cache as a small pyramid, so that a pack drawn at 16 px
is as clean as one at 250 px.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.bodies import Body, Job
from simulator.picture.cards import make_blister, make_box, make_brick, make_carton, make_tray, side_of, top_of
from simulator.picture.damage import DAMAGE_SEEDS
from simulator.picture.materials import pyramid, shade, with_alpha
from simulator.picture.printing import Picture
from simulator.picture.produce import make_produce
from simulator.picture.rounds import lid_of, make_bottle, make_can, make_cup, make_jar, make_jug, make_tube
from simulator.picture.scene import ROUND_SHAPES, SOLID_SHAPES, DamageKind, PackShape, PackStyle, PlacedPack
from simulator.picture.softs import make_bag, make_pouch
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


@lru_cache(maxsize=2600)
def _sound_art(style: PackStyle, crumple: int) -> PackArt:
    return _art(style, crumple, "none", 0)


@lru_cache(maxsize=500)
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
    side, top, bottom, is_round = _NOTHING, _NOTHING, _NOTHING, style.shape in ROUND_SHAPES
    if style.shape in SOLID_SHAPES:
        height, width = body.front.shape[:2]
        side_px = max(12, min(72, round(style.depth_mm / style.height_mm * height * 0.6)))
        deep_px = max(8, min(96, round(style.depth_mm / style.width_mm * width)))
        flat_side, flat_top = side_of(job, body.face, side_px), top_of(job, body.face, deep_px)
        side, top = pyramid(with_alpha(flat_side)), pyramid(with_alpha(flat_top))
        bottom = pyramid(with_alpha(cv2.GaussianBlur(flat_top, (0, 0), 3)))
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


def brand_matrix(brand_seed: int) -> Picture:
    """Obsolete: colours as printed."""
    return np.eye(3)


_SIZES: Final[dict[PackShape, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]]] = {
    "box": ((50, 170), (60, 260), (25, 120)),
    "brick": ((45, 95), (95, 210), (40, 70)),
    "carton": ((65, 100), (180, 260), (65, 100)),
    "bottle": ((55, 110), (150, 330), (55, 110)),
    "can": ((52, 86), (85, 170), (52, 86)),
    "bag": ((90, 240), (120, 320), (30, 90)),
    "cup": ((65, 120), (60, 130), (65, 120)),
    "jar": ((55, 105), (70, 170), (55, 105)),
    "tube": ((35, 65), (110, 200), (28, 45)),
    "blister": ((60, 140), (90, 220), (8, 40)),
    "jug": ((110, 190), (200, 320), (80, 130)),
    "pouch": ((90, 190), (130, 280), (40, 90)),
    "tray": ((150, 320), (90, 190), (80, 200)),
    "produce": ((240, 420), (140, 240), (200, 400)),
}
"""Width, height and depth in millimetres."""
_LAYOUTS_OF: Final[dict[PackShape, tuple[str, ...]]] = {
    "bottle": ("drink", "centre", "plain", "food"),
    "can": ("drink", "drink", "centre", "food"),
    "cup": ("food", "centre", "drink"),
    "jar": ("food", "plain", "centre"),
    "tube": ("plain", "centre", "drink"),
    "jug": ("plain", "centre", "food"),
}
SISTERS_COUNT: Final = 5
"""Varieties of each made-up brand."""
_BRANDS_PER_SHAPE: Final[dict[PackShape, int]] = {"box": 200, "bag": 60, "bottle": 50, "pouch": 26, "produce": 4}
"""Random scenes draw from this many made-up brands of a shape (else 26), in any size: art stays cached."""


def random_style(rng: Generator, shape: PackShape, height_mm: float | None = None) -> PackStyle:
    """A made-up SKU of a shape; `height_mm` keeps its proportions near those of the trade."""
    (w0, w1), (h0, h1), (d0, d1) = _SIZES[shape]
    tint_seed = int(rng.integers(1, 4000)) if rng.random() < 0.4 else 0
    brand, sister = int(rng.integers(_BRANDS_PER_SHAPE.get(shape, 26))), int(rng.integers(SISTERS_COUNT))
    rng = np.random.default_rng((brand, list(_SIZES).index(shape)))
    width, height, depth = rng.uniform(w0, w1), rng.uniform(h0, h1), rng.uniform(d0, d1)
    if height_mm is not None:
        width, height, depth = width * height_mm / height, height_mm, depth * height_mm / height
    if shape in ROUND_SHAPES and shape != "jug":
        depth = width
    layouts = _LAYOUTS_OF.get(shape, ("",))
    brand_seed = int(rng.integers(1, 1_000_000))
    return PackStyle(
        shape=shape,
        width_mm=float(width),
        height_mm=float(height),
        depth_mm=float(depth),
        face_seed=brand_seed * SISTERS_COUNT + sister,
        brand_seed=brand_seed,
        layout=str(layouts[int(rng.integers(len(layouts)))]),
        tint_seed=tint_seed,
    )


def sister_style(rng: Generator, style: PackStyle) -> PackStyle:
    """Another variety of the same maker in the same shape and size; made-up brands have `SISTERS_COUNT`."""
    first = style.face_seed - style.face_seed % SISTERS_COUNT
    others = [seed for seed in range(first, first + SISTERS_COUNT) if seed != style.face_seed]
    brand_seed = style.brand_seed or 1_000_003 + style.face_seed
    return replace(style, face_seed=others[int(rng.integers(len(others)))], brand_seed=brand_seed)


def pack_style_for(sku: str) -> PackStyle:
    """The look of a SKU: shape, size and artwork follow from its name and never change."""
    digest = hashlib.sha256(sku.encode("utf-8")).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    shapes: tuple[PackShape, ...] = ("box", "box", "bottle", "can", "bag", "cup", "jar", "tube", "carton", "brick")
    return random_style(rng, shapes[int(rng.integers(len(shapes)))])
