# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packs as textures: the printed face wrapped on a box, bottle, can, bag, cup, jar, tube or blister card.

Textures are BGRA with premultiplied alpha, kept in a cache as a small pyramid, so that a pack drawn at 16 px
is as clean as one at 250 px.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.faces import draw_face
from simulator.picture.printing import Colour, Picture, fine_print, hsv, luminance
from simulator.picture.scene import PackShape, PackStyle

LONG_SIDE_PX = 192
_ROUND: tuple[PackShape, ...] = ("bottle", "can", "cup", "jar")


@dataclass(frozen=True, slots=True, eq=False)
class PackArt:
    """Textures of one style, each a pyramid, finest first.

    `outline_uv` (n, 2) traces the front in 0..1, v downwards.
    """

    front: tuple[Picture, ...]
    side: tuple[Picture, ...]
    top: tuple[Picture, ...]
    outline_uv: Picture
    is_round: bool


def pyramid(texture: Picture) -> tuple[Picture, ...]:
    """Halve a texture until its short side is under 12 px, finest first."""
    levels = [texture]
    while min(levels[-1].shape[:2]) >= 12 and len(levels) < 6:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return tuple(levels)


def with_alpha(face: Picture, alpha: Picture | None = None) -> Picture:
    """BGRA with premultiplied alpha from a BGR picture and a coverage mask (None: opaque)."""
    out = cv2.cvtColor(face, cv2.COLOR_BGR2BGRA)
    if alpha is not None:
        out = cv2.multiply(out, cv2.merge([alpha] * 4), scale=1 / 255)
    return out


def shade(face: Picture, factor: Picture) -> Picture:
    """Multiply a picture by a float map (h, w) or a row/column that broadcasts to it."""
    wide = np.ascontiguousarray(np.broadcast_to(factor, face.shape), dtype=np.float32)
    return cv2.multiply(face, wide, dtype=cv2.CV_8U)


def _cylinder(width: int, rng: Generator, gloss: float) -> Picture:
    across = np.linspace(-1, 1, width, dtype=np.float32)
    light = rng.uniform(-0.5, 0.5)
    body = 0.42 + 0.62 * np.sqrt(np.clip(1 - (0.93 * across) ** 2, 0, 1)) * (1 - 0.18 * across * np.sign(light))
    glint = gloss * np.exp(-(((across - light) / 0.1) ** 2)) + 0.6 * gloss * np.exp(-(((across + 0.75) / 0.06) ** 2))
    return np.asarray((body + glint)[None, :, None])


def _crinkle(height: int, width: int, rng: Generator, strength: float) -> Picture:
    """Foil: slopes of a smooth random surface, steeper towards the seams."""
    cell = max(5, width // int(rng.integers(4, 9)))
    rough = rng.normal(0, 1, (max(3, height // cell + 2), max(3, width // cell + 2))).astype(np.float32)
    surface: Picture = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    fine = rng.normal(0, 0.35, (height // 4 + 2, max(3, width // 5 + 2))).astype(np.float32)
    surface += cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR)
    slope = cv2.Sobel(surface, cv2.CV_32F, 1, 1, ksize=3) * 3 + cv2.Sobel(surface, cv2.CV_32F, 0, 1, ksize=3)
    across = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None]
    pillow = 1.06 - 0.35 * across**3 - 0.2 * np.abs(np.linspace(-1, 1, height, dtype=np.float32))[:, None] ** 4
    return np.clip(pillow + strength * slope * (0.5 + across), 0.25, 1.9)[..., None]


def _profile(shape: PackShape, rng: Generator) -> list[tuple[float, float]]:
    """Half width (0..0.5) along the height (v, downwards from 0) of a round or tapered pack."""
    if shape == "bottle":
        neck, neck_v = rng.uniform(0.13, 0.24), rng.uniform(0.08, 0.22)
        shoulder = neck_v + rng.uniform(0.05, 0.2)
        waist = 0.5 - (rng.uniform(0.02, 0.09) if rng.random() < 0.4 else 0)
        return [
            (0, neck),
            (neck_v, neck),
            (shoulder - 0.03, 0.45),
            (shoulder, 0.495),
            (0.55, waist),
            (0.8, 0.5),
            (0.97, 0.49),
            (1, 0.45),
        ]
    if shape == "can":
        return [(0, 0.42), (0.05, 0.5), (0.95, 0.5), (1, 0.44)]
    if shape == "cup":
        foot = rng.uniform(0.32, 0.44)
        return [(0, 0.5), (0.06, 0.5), (0.065, 0.47), (1, foot)]
    if shape == "jar":
        return [(0, 0.42), (0.2, 0.42), (0.22, 0.46), (0.3, 0.5), (0.95, 0.5), (1, 0.45)]
    return [
        (0, 0.5),
        (0.04, 0.5),
        (0.3, 0.48),
        (0.78, 0.42),
        (0.8, rng.uniform(0.25, 0.36)),
        (1, rng.uniform(0.25, 0.36)),
    ]


def _silhouette(profile: list[tuple[float, float]], width: int, height: int) -> tuple[Picture, Picture]:
    left = [(0.5 - half, v) for v, half in profile]
    right = [(0.5 + half, v) for v, half in reversed(profile)]
    outline = np.array(left + right, np.float64)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * (width * 16, height * 16) - 8).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask, outline


def _rectangle() -> Picture:
    return np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)


@lru_cache(maxsize=4096)
def brand_matrix(brand_seed: int) -> Picture:
    """The 3x3 matrix by which a brand turns hue, saturation and value of its artwork (BGR); 0 leaves it as printed."""
    if brand_seed == 0:
        return np.eye(3)
    rng = np.random.default_rng(brand_seed)
    turn = rng.normal(0, 0.22) if rng.random() < 0.8 else rng.uniform(-np.pi, np.pi)
    third, cos, sin = 1 / 3, np.cos(turn), np.sin(turn) / np.sqrt(3)
    spin = np.full((3, 3), third * (1 - cos)) + np.eye(3) * cos
    spin += np.array([[0, sin, -sin], [-sin, 0, sin], [sin, -sin, 0]])
    saturation = rng.uniform(0.7, 1.25)
    grey = np.tile([0.114, 0.587, 0.299], (3, 1))
    return np.asarray(rng.uniform(0.75, 1.05) * ((saturation * np.eye(3) + (1 - saturation) * grey) @ spin))


def _bottle(face: Picture, mask: Picture, profile: list[tuple[float, float]], rng: Generator) -> Picture:
    height, width = mask.shape
    liquid = hsv(rng.choice([0.08, 0.04, 0.13, 0.33, 0.55, 0.0, 0.1]), rng.uniform(0.1, 0.95), rng.uniform(0.15, 0.95))
    if rng.random() < 0.25:
        liquid = hsv(0.5, 0.05, rng.uniform(0.6, 0.95))
    body = np.empty((height, width, 3), np.uint8)
    body[:] = liquid
    shoulder = profile[3][0]
    if rng.random() < 0.5:
        body[: int(height * shoulder * 0.9)] = tuple(min(255, int(c * 0.7 + 70)) for c in liquid)
    y0, y1 = int(height * rng.uniform(shoulder, shoulder + 0.15)), int(height * rng.uniform(0.82, 0.99))
    if rng.random() < 0.25:
        y0 = int(height * shoulder * 0.8)
    body[y0:y1] = cv2.resize(face, (width, y1 - y0), interpolation=cv2.INTER_AREA)
    cap = hsv(rng.random(), rng.choice([0.0, 0.8]), rng.uniform(0.1, 0.95))
    cap_px = int(height * profile[1][0] * rng.uniform(0.45, 0.9))
    body[:cap_px] = cap
    body[cap_px : cap_px + 1] = tuple(int(c * 0.5) for c in cap)
    return body


def _capped(face: Picture, shape: PackShape, rng: Generator) -> Picture:
    height, width = face.shape[:2]
    metal = hsv(rng.random(), rng.choice([0.02, 0.02, 0.7]), rng.uniform(0.6, 0.95))
    if shape == "can":
        rim = max(2, int(height * 0.05))
        face[:rim] = (200, 200, 200)
        face[rim - 1 : rim] = (110, 110, 110)
        face[-rim // 2 :] = (170, 170, 170)
    elif shape == "cup":
        rim = max(2, int(height * 0.06))
        face[:rim] = metal
        face[rim : rim + 1] = tuple(int(c * 0.5) for c in metal)
    elif shape == "jar":
        lid = int(height * 0.2)
        face[:lid] = metal
        face[lid : lid + 2] = tuple(int(c * 0.5) for c in metal)
        if rng.random() < 0.5:
            content = hsv(rng.choice([0.08, 0.03, 0.14, 0.3]), 0.8, rng.uniform(0.3, 0.9))
            face[lid + 2 : int(height * 0.34)] = content
            face[int(height * 0.86) :] = content
    else:
        cap_v = int(height * 0.8)
        face[cap_v:] = metal
        for x in range(0, width, 4):
            face[cap_v + 2 :, x : x + 1] = tuple(int(c * 0.8) for c in metal)
        face[: max(2, height // 25)] = tuple(min(255, int(c * 1.1 + 15)) for c in face[height // 8, width // 2])
    return face


def _bag(face: Picture, rng: Generator) -> tuple[Picture, Picture, Picture]:
    height, width = face.shape[:2]
    count = 9
    v = np.linspace(0, 1, count)
    bulge = rng.uniform(0.0, 0.05)
    wobble = rng.normal(0, 0.007, (2, count))
    pinch = bulge * (np.abs(2 * v - 1) ** 3) - bulge
    left = np.stack([0.05 + pinch + wobble[0], v], 1)
    right = np.stack([0.95 - pinch + wobble[1], v], 1)[::-1]
    outline = np.clip(np.concatenate([left, right]), 0.0, 1.0)
    outline[:, 0] = (outline[:, 0] - outline[:, 0].min()) / np.ptp(outline[:, 0])
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * (width * 16, height * 16) - 8).astype(np.int32)], 255, cv2.LINE_AA, 4)
    seam = max(2, int(height * rng.uniform(0.03, 0.07)))
    lit = shade(face, _crinkle(height, width, rng, rng.uniform(0.08, 0.28)))
    for y in (*range(0, seam, 2), *range(height - seam, height, 2)):
        lit[y] = (lit[y] * 0.82).astype(np.uint8)
    return lit, mask, outline


def _blister(face: Picture, rng: Generator) -> Picture:
    height, width = face.shape[:2]
    top = int(height * rng.uniform(0.35, 0.5))
    x0, x1, y1 = int(width * 0.15), int(width * 0.85), int(height * rng.uniform(0.85, 0.95))
    inside = hsv(rng.random(), rng.uniform(0, 0.9), rng.uniform(0.2, 0.95))
    field = face[top:y1, x0:x1]
    field[:] = (field * 0.5 + 110).astype(np.uint8)
    middle = ((x0 + x1) // 2, (top + y1) // 2)
    axes = (max(2, int((x1 - x0) * rng.uniform(0.15, 0.45))), max(2, int((y1 - top) * rng.uniform(0.25, 0.45))))
    cv2.ellipse(face, middle, axes, rng.uniform(0, 40), 0, 360, inside, -1, cv2.LINE_AA)
    cv2.ellipse(
        face,
        (middle[0] - axes[0] // 3, middle[1] - axes[1] // 3),
        (max(1, axes[0] // 4), max(1, axes[1] // 4)),
        0,
        0,
        360,
        (245, 245, 245),
        -1,
        cv2.LINE_AA,
    )
    cv2.rectangle(face, (x0, top), (x1, y1), (225, 225, 225), 1)
    cv2.line(face, (x0 + 2, top + 2), (x0 + 2, y1 - 2), (255, 255, 255), 1)
    cv2.ellipse(
        face,
        (width // 2, max(3, height // 22)),
        (max(2, width // 9), max(1, height // 50)),
        0,
        0,
        360,
        (40, 40, 40),
        -1,
    )
    return face


def _side_of(face: Picture, ground: Colour, width: int, rng: Generator) -> Picture:
    height = face.shape[0]
    if width < 12:
        return np.zeros((2, 2, 3), np.uint8)
    side = np.empty((height, width, 3), np.uint8)
    edge = face[:, :2].mean(axis=(0, 1))
    side[:] = edge if rng.random() < 0.7 else ground
    small = cv2.resize(face, (max(2, int(width * 0.8)), max(2, height // 3)), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.7:
        y, x = height // 10, width // 10
        side[y : y + small.shape[0], x : x + small.shape[1]] = small
    ink = (20, 20, 20) if luminance(ground) > 120 else (230, 230, 230)
    fine_print(side, (width // 8, height // 2, width * 7 // 8, int(height * 0.9)), rng, ink, 5)
    return side


def _lid(face: Picture, shape: PackShape, rng: Generator) -> Picture:
    disc = np.zeros((48, 48, 3), np.uint8)
    colour = tuple(int(c) for c in face[2, face.shape[1] // 2])
    disc[:] = (205, 205, 205) if shape == "can" else colour
    cv2.circle(disc, (24, 24), 20, tuple(int(c * 0.8) for c in disc[0, 0]), 2, cv2.LINE_AA)
    if shape == "can":
        cv2.ellipse(disc, (24, 27), (6, 9), 0, 0, 360, (150, 150, 150), 2, cv2.LINE_AA)
    elif shape == "cup" and rng.random() < 0.7:
        disc[8:40, 8:40] = cv2.resize(face, (32, 32), interpolation=cv2.INTER_AREA)
    mask = np.zeros((48, 48), np.uint8)
    cv2.circle(mask, (24, 24), 23, 255, -1, cv2.LINE_AA)
    return with_alpha(disc, mask)


def _front_px(style: PackStyle) -> tuple[int, int]:
    scale = LONG_SIDE_PX / max(style.width_mm, style.height_mm)
    return max(24, round(style.width_mm * scale)), max(24, round(style.height_mm * scale))


def pack_art(style: PackStyle, variant: int = 0) -> PackArt:
    """Textures of a style, before the brand's colours. Bags of one style differ by `variant` in how they are crumpled.

    Art depends on proportions only, so a style and its scaled twin share it.
    """
    width_mm = round(style.width_mm / style.height_mm, 3)
    depth_mm = round(style.depth_mm / style.height_mm, 3)
    crumple = variant % 2 if style.shape == "bag" else 0
    return _art(PackStyle(style.shape, width_mm, 1.0, depth_mm, style.face_seed, 0, style.layout), crumple)


@lru_cache(maxsize=2500)
def _art(style: PackStyle, variant: int) -> PackArt:
    rng = np.random.default_rng((style.face_seed, 77, variant))
    face, palette = draw_face(style.face_seed, *_front_px(style), style.layout)
    ground = palette.ground
    height, width = face.shape[:2]
    outline, mask = _rectangle(), None
    if style.shape in ("bottle", "can", "cup", "jar", "tube"):
        shape_rng = np.random.default_rng((style.face_seed, 5))
        profile = _profile(style.shape, shape_rng)
        mask, outline = _silhouette(profile, width, height)
        face = (
            _bottle(face, mask, profile, shape_rng)
            if style.shape == "bottle"
            else _capped(face, style.shape, shape_rng)
        )
        lit = shade(face, _cylinder(width, shape_rng, shape_rng.uniform(0.05, 0.55)))
    elif style.shape == "bag":
        lit, mask, outline = _bag(face, rng)
    elif style.shape == "blister":
        lit = _blister(face, rng)
    else:
        sheen = rng.uniform(-0.12, 0.12)
        lit = shade(face, np.linspace(1 + sheen, 1 - sheen, height, dtype=np.float32)[:, None, None])
        rim = 1 if rng.random() < 0.7 else 2
        for edge, gain in ((np.s_[:, :rim], 0.75), (np.s_[:, -rim:], 0.7), (np.s_[:rim], 1.2), (np.s_[-rim:], 0.65)):
            lit[edge] = np.clip(lit[edge] * gain, 0, 255).astype(np.uint8)
        if style.shape == "carton":
            roof = int(height * 0.16)
            lit[:roof] = (lit[:roof] * 0.78).astype(np.uint8)
            lit[: roof // 3] = np.clip(lit[: roof // 3] * 1.35, 0, 255).astype(np.uint8)
    is_round = style.shape in _ROUND
    thin = is_round or style.shape in ("bag", "blister", "tube")
    side_px = 2 if thin else max(12, min(72, round(style.depth_mm / style.height_mm * height * 0.6)))
    side = _side_of(face, ground, side_px, rng)
    if is_round:
        top = _lid(face, style.shape, rng)
    else:
        span = max(8, min(96, round(style.depth_mm / style.width_mm * width)))
        flap = cv2.resize(face[: max(4, height // 4)], (width, span), interpolation=cv2.INTER_AREA)
        top = with_alpha(cv2.GaussianBlur(flap, (0, 0), 2) if rng.random() < 0.4 else flap)
    return PackArt(pyramid(with_alpha(lit, mask)), pyramid(with_alpha(side)), pyramid(top), outline, is_round)


_SIZES: dict[PackShape, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
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
}
_LAYOUTS_OF: dict[PackShape, tuple[str, ...]] = {
    "bottle": ("drink", "centre", "plain", "food"),
    "can": ("drink", "drink", "centre", "food"),
    "cup": ("food", "centre", "drink"),
    "jar": ("food", "plain", "centre"),
    "tube": ("plain", "centre", "drink"),
}
FACE_POOL = 4000
SKUS_PER_SHAPE: dict[PackShape, int] = {"box": 1000, "bag": 300, "bottle": 250}
"""Random scenes draw from this many made-up SKUs of a shape (else 130), in any size and colour: art stays cached."""


def random_style(rng: Generator, shape: PackShape, height_mm: float | None = None) -> PackStyle:
    """A made-up SKU of a shape; `height_mm` keeps its proportions near those of the trade."""
    (w0, w1), (h0, h1), (d0, d1) = _SIZES[shape]
    brand_seed = int(rng.integers(1, 4000)) if rng.random() < 0.65 else 0
    sku = int(rng.integers(SKUS_PER_SHAPE.get(shape, 130)))
    rng = np.random.default_rng((sku, list(_SIZES).index(shape)))
    width, height, depth = rng.uniform(w0, w1), rng.uniform(h0, h1), rng.uniform(d0, d1)
    if height_mm is not None:
        width, height, depth = width * height_mm / height, height_mm, depth * height_mm / height
    if shape in _ROUND:
        depth = width
    layouts = _LAYOUTS_OF.get(shape, ("",))
    return PackStyle(
        shape=shape,
        width_mm=float(width),
        height_mm=float(height),
        depth_mm=float(depth),
        face_seed=int(rng.integers(FACE_POOL)),
        brand_seed=brand_seed,
        layout=str(layouts[int(rng.integers(len(layouts)))]),
    )


def pack_style_for(sku: str) -> PackStyle:
    """The look of a SKU: shape, size and artwork follow from its name and never change."""
    digest = hashlib.sha256(sku.encode("utf-8")).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    shapes: tuple[PackShape, ...] = ("box", "box", "bottle", "can", "bag", "cup", "jar", "tube", "carton", "brick")
    return random_style(rng, shapes[int(rng.integers(len(shapes)))])
