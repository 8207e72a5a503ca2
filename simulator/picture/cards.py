# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packs of card: boxes, cartons with a gable, bricks, open trays of small packs, and blister cards."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.bodies import Body, Job
from simulator.picture.faces import draw_face
from simulator.picture.logos import draw_logo
from simulator.picture.brands import brand_of
from simulator.picture.materials import lit_card, metal_light, outline_mask, rectangle_uv, shade, with_alpha
from simulator.picture.panels import back_panel
from simulator.picture.printing import Colour, Picture, dimmed, hsv, luminance

_KRAFT: Final[Colour] = (112, 152, 184)
_BARE_CARD: Final[Colour] = (205, 214, 218)


def _face(job: Job) -> Picture:
    width, height = job.wh_px
    face = job.print_of(width, height)
    if job.damage == "label_missing":
        face[:] = _BARE_CARD
        for _ in range(5):
            x, y = job.luck.random(2) * (width, height)
            cv2.ellipse(
                face, (int(x), int(y)), (max(2, width // 7), max(2, height // 30)), 0, 0, 360, (150, 176, 190), -1
            )
    return face


def make_box(job: Job) -> Body:
    """A folded box."""
    face = _face(job)
    return Body(with_alpha(lit_card(face, job.luck)), rectangle_uv(), face, (118, 150, 172))


def make_brick(job: Job) -> Body:
    """A laminated brick: a weld along its top, now and then a cap or a straw's foil hole."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 61))
    face = _face(job)
    lit = lit_card(face, job.luck)
    lit = shade(lit, (0.94 + 0.1 * np.cos(np.linspace(-1.2, 1.2, width, dtype=np.float32)))[None, :, None])
    weld = max(2, height // 40)
    lit[:weld] = np.clip(lit[:weld] * 1.15 + 18, 0, 255).astype(np.uint8)
    lit[weld] = (lit[weld] * 0.6).astype(np.uint8)
    if maker.random() < 0.4:
        at = (int(width * 0.72), int(height * 0.045) + weld)
        cv2.ellipse(lit, at, (max(3, width // 9), max(2, height // 30)), 0, 0, 360, (225, 225, 225), -1, cv2.LINE_AA)
    return Body(with_alpha(lit), rectangle_uv(), face, (70, 150, 220))


def make_carton(job: Job) -> Body:
    """A carton with a gable roof, a fin on top and often a screw cap on the slope."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 62))
    face = _face(job)
    lit = lit_card(face, job.luck)
    fin, roof = int(height * 0.055), int(height * maker.uniform(0.16, 0.2))
    slope = np.linspace(1.0, 0.74, roof - fin, dtype=np.float32)[:, None, None]
    lit[fin:roof] = shade(lit[fin:roof], slope)
    lit[:fin] = np.clip(lit[:fin] * 1.12 + 12, 0, 255).astype(np.uint8)
    lit[fin] = (lit[fin] * 0.6).astype(np.uint8)
    lit[roof] = np.clip(lit[roof] * 1.3 + 10, 0, 255).astype(np.uint8)
    if maker.random() < 0.7:
        at, cap = (width // 2, (fin + roof) // 2 + 1), hsv(job.form.random(), job.form.choice([0.0, 0.85]), 0.92)
        axes = (max(3, int(width * 0.17)), max(2, int((roof - fin) * 0.42)))
        cv2.ellipse(lit, (at[0], at[1] + 2), axes, 0, 0, 360, dimmed(cap, 0.5), -1, cv2.LINE_AA)
        cv2.ellipse(lit, at, axes, 0, 0, 360, cap, -1, cv2.LINE_AA)
        inner = (axes[0] * 2 // 3, axes[1] * 2 // 3)
        cv2.ellipse(lit, at, inner, 0, 0, 360, dimmed(cap, 0.85), 1, cv2.LINE_AA)
    outline = np.array(
        [(0.03, 0), (0.97, 0), (0.97, fin / height), (1, roof / height), (1, 1), (0, 1), (0, roof / height)]
    )
    outline = np.concatenate([outline, [[0.03, fin / height]]])
    return Body(with_alpha(lit, outline_mask(outline, width, height)), outline, face, (240, 245, 248))


def make_tray(job: Job) -> Body:
    """A shelf-ready case, its front cut low, with two to four small packs of one kind in it."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 63))
    across = int(maker.integers(2, 5))
    body = np.empty((height, width, 3), np.uint8)
    body[:] = dimmed(_KRAFT, 0.35)
    each = width // across
    small = draw_face(replace(job.style, shape="box", layout=""), each - 2, int(height * 0.9))
    if job.damage == "back_to_front":
        small = job.print_of(each - 2, int(height * 0.9))
    bulge = 0.55 + 0.5 * np.sqrt(np.clip(1 - np.linspace(-0.96, 0.96, each - 2, dtype=np.float32) ** 2, 0, 1))
    lit = shade(small, bulge[None, :, None]) if maker.random() < 0.5 else lit_card(small, job.luck)
    for i in range(across):
        drop = int(height * 0.1) + int(job.luck.integers(0, max(1, height // 40)))
        x = i * each + 1
        body[drop : drop + lit.shape[0], x : x + lit.shape[1]] = lit[: height - drop]
    wall, inks = int(height * maker.uniform(0.28, 0.42)), job.inks
    card = _KRAFT if maker.random() < 0.5 else inks.ground
    front = np.empty((wall, width, 3), np.uint8)
    front[:] = card
    draw_logo(front, brand_of(job.maker_seed), (width / 2, wall * 0.58), (width * 0.7, wall * 0.6))
    dip = np.array([(0, 0), (0.18, 0), (0.26, 0.3), (0.74, 0.3), (0.82, 0), (1, 0), (1, 1), (0, 1)])
    cover = outline_mask(dip, width, wall)
    lower = body[height - wall :]
    np.copyto(lower, lit_card(front, job.luck), where=(cover > 127)[..., None])
    post = max(2, width // 40)
    for edge in (np.s_[int(height * 0.08) :, :post], np.s_[int(height * 0.08) :, -post:]):
        body[edge] = dimmed(card, 0.8)
    outline = np.array([(0, 0.08), (0.02, 0.1), (0.98, 0.1), (1, 0.08), (1, 1), (0, 1)], np.float64)
    return Body(with_alpha(body, outline_mask(outline, width, height)), outline, body, card)


def _hung_product(area: Picture, rng: Generator) -> None:
    """What is sold on a card: batteries, a brush, a toy car, a plug, pens, a bulb."""
    height, width = area.shape[:2]
    kind = int(rng.integers(6))
    colour, other = hsv(rng.random(), rng.uniform(0.2, 0.9), rng.uniform(0.3, 0.95)), hsv(rng.random(), 0.8, 0.9)
    if kind == 0:
        count = int(rng.integers(2, 5))
        w = max(3, int(width * 0.8 / count))
        for i in range(count):
            x0 = int(width * 0.1) + i * w
            cell = np.full((int(height * 0.76), w - 1, 3), colour, np.uint8)
            cell[: cell.shape[0] // 3] = other
            area[int(height * 0.12) : int(height * 0.12) + cell.shape[0], x0 : x0 + w - 1] = shade(
                cell, metal_light(w - 1, np.random.default_rng(5))[None, :, None]
            )
    elif kind == 1:
        for i in range(int(rng.integers(1, 4))):
            x = int(width * (0.25 + 0.25 * i))
            cv2.line(area, (x, int(height * 0.1)), (x, int(height * 0.92)), hsv(i * 0.3, 0.8, 0.8), max(2, width // 12))
            cv2.rectangle(
                area, (x - width // 14, int(height * 0.08)), (x + width // 14, int(height * 0.26)), (240, 240, 240), -1
            )
    elif kind == 2:
        y = int(height * 0.58)
        cv2.ellipse(
            area,
            (width // 2, y),
            (int(width * 0.28), int(height * 0.26)),
            0,
            180,
            360,
            dimmed(colour, 0.6),
            -1,
            cv2.LINE_AA,
        )
        cv2.rectangle(area, (int(width * 0.1), y), (int(width * 0.9), int(height * 0.76)), colour, -1)
        for x in (0.28, 0.72):
            cv2.circle(
                area, (int(width * x), int(height * 0.78)), max(2, int(width * 0.11)), (25, 25, 25), -1, cv2.LINE_AA
            )
            cv2.circle(
                area, (int(width * x), int(height * 0.78)), max(1, int(width * 0.05)), (200, 200, 200), -1, cv2.LINE_AA
            )
    elif kind == 3:
        cv2.ellipse(
            area, (width // 2, height // 2), (int(width * 0.36), int(height * 0.36)), 0, 0, 360, colour, -1, cv2.LINE_AA
        )
        for side in (-1, 1):
            at = (width // 2 + side * int(width * 0.13), height // 2)
            cv2.circle(area, at, max(1, int(width * 0.05)), (30, 30, 30), -1, cv2.LINE_AA)
    elif kind == 4:
        for i in range(4):
            x = int(width * (0.2 + 0.2 * i))
            cv2.line(
                area, (x, int(height * 0.12)), (x, int(height * 0.9)), hsv(i * 0.27, 0.85, 0.8), max(2, width // 10)
            )
            cv2.line(area, (x, int(height * 0.12)), (x, int(height * 0.3)), (40, 40, 40), max(2, width // 10))
    else:
        cv2.circle(
            area, (width // 2, int(height * 0.4)), int(min(width, height) * 0.32), (225, 245, 250), -1, cv2.LINE_AA
        )
        cv2.rectangle(
            area, (int(width * 0.38), int(height * 0.66)), (int(width * 0.62), int(height * 0.92)), (170, 170, 170), -1
        )


def make_blister(job: Job) -> Body:
    """A printed card with a clear bubble, the product in it, and a hole to hang it by."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 64))
    face = _face(job)
    lit = lit_card(face, job.luck)
    x0, x1 = int(width * maker.uniform(0.1, 0.18)), int(width * maker.uniform(0.82, 0.9))
    y0, y1 = int(height * maker.uniform(0.34, 0.48)), int(height * maker.uniform(0.88, 0.95))
    if job.damage != "back_to_front":
        well = lit[y0:y1, x0:x1]
        ground = np.array((job.inks.light, job.inks.second, job.inks.ground, _KRAFT)[maker.integers(4)])
        well[:] = (well * 0.12 + ground * 0.84).astype(np.uint8)
        shadow = well.copy()
        _hung_product(well, np.random.default_rng((job.style.face_seed, 65)))
        drawn = (cv2.absdiff(shadow, well).max(axis=2) > 6).astype(np.uint8)
        cast = np.roll(drawn, (max(1, height // 60), max(1, width // 50)), (0, 1)) & (1 - drawn)
        well[:] = shade(well, (1 - 0.4 * cast.astype(np.float32))[..., None])
        cv2.rectangle(lit, (x0, y0), (x1, y1), (235, 235, 235), 1)
        cv2.rectangle(lit, (x0 + 2, y0 + 2), (x1 - 2, y1 - 2), (150, 150, 150), 1)
        veil = np.zeros((height, width), np.uint8)
        lean = int((x1 - x0) * 0.35)
        for start, span in ((0.1, 0.16), (0.34, 0.05)):
            left = x0 + int(start * (x1 - x0))
            right = left + int(span * (x1 - x0))
            streak = np.array([(left + lean, y0), (right + lean, y0), (right, y1), (left, y1)])
            cv2.fillPoly(veil, [streak], 105, cv2.LINE_AA)
        lit[:] = cv2.add(lit, cv2.merge([veil] * 3))
    mask = np.full((height, width), 255, np.uint8)
    cx, cy = width // 2, max(4, height // 18)
    cv2.ellipse(mask, (cx, cy), (max(3, width // 9), max(1, height // 70)), 0, 0, 360, 0, -1, cv2.LINE_AA)
    cv2.circle(mask, (cx, cy - height // 90), max(2, height // 45), 0, -1, cv2.LINE_AA)
    bend = 0.025
    outline = np.array(
        [(bend, 0), (1 - bend, 0), (1, bend), (1, 1 - bend), (1 - bend, 1), (bend, 1), (0, 1 - bend), (0, bend)]
    )
    mask = cv2.multiply(mask, outline_mask(outline, width, height), scale=1 / 255)
    return Body(with_alpha(lit, mask), outline, face, (120, 150, 170))


def side_of(job: Job, face: Picture, width: int) -> Picture:
    """The side of a box, BGR (h, width, 3): the front's border colour, a panel or the logo again."""
    height = face.shape[0]
    rng = np.random.default_rng((job.style.face_seed, 66))
    side = np.empty((height, width, 3), np.uint8)
    side[:] = face[:, :3].mean(axis=(0, 1)) if rng.random() < 0.5 else job.inks.ground
    kind = rng.random()
    if kind < 0.45 and width >= 24:
        back_panel(side, rng, job.inks)
    elif kind < 0.8:
        small = cv2.resize(face, (max(2, int(width * 0.86)), max(2, height // 3)), interpolation=cv2.INTER_AREA)
        y, x = height // 10, width // 14
        side[y : y + small.shape[0], x : x + small.shape[1]] = small
    draw_logo(side, brand_of(job.maker_seed), (width / 2, height * 0.14), (width * 0.85, height * 0.14))
    return side


def top_of(job: Job, face: Picture, deep_px: int) -> Picture:
    """The upper flap of a box, BGR (deep_px, w, 3), with the logo and the line where the flaps meet."""
    width = face.shape[1]
    rng = np.random.default_rng((job.style.face_seed, 67))
    top = np.empty((deep_px, width, 3), np.uint8)
    top[:] = face[:3].mean(axis=(0, 1)) if rng.random() < 0.6 else job.inks.ground
    if deep_px >= 14:
        draw_logo(top, brand_of(job.maker_seed), (width / 2, deep_px / 2), (width * 0.75, deep_px * 0.6))
    rim = dimmed(tuple(int(c) for c in top[0, 0]), 0.7)
    if luminance(rim) > 20 and rng.random() < 0.5:
        cv2.line(top, (0, deep_px // 2), (width, deep_px // 2), rim, 1)
    return top
