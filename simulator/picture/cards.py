# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packs of card: boxes, bricks and cartons with a gable, their sides and tops."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from simulator.picture.bodies import Body, Job
from simulator.picture.brands import brand_of
from simulator.picture.logos import draw_logo
from simulator.picture.materials import lit_card, outline_mask, rectangle_uv, shade, with_alpha
from simulator.picture.panels import back_panel
from simulator.picture.printing import Colour, Picture, dimmed, hsv, luminance

KRAFT: Final[Colour] = (112, 152, 184)
_BARE_CARD: Final[Colour] = (205, 214, 218)


def card_face(job: Job) -> Picture:
    """The print of a pack of card; bare card with spots of glue where it is missing."""
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
    face = card_face(job)
    return Body(with_alpha(lit_card(face, job.luck)), rectangle_uv(), face, (118, 150, 172))


def make_brick(job: Job) -> Body:
    """A laminated brick: a weld along its top, now and then a cap or a straw's foil hole."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 61))
    face = card_face(job)
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
    face = card_face(job)
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


def side_of(job: Job, face: Picture, width: int) -> Picture:
    """The side of a box, BGR (h, width, 3): the front's border colour, a panel or the logo again."""
    height = face.shape[0]
    rng = np.random.default_rng((job.style.face_seed, 66))
    side = np.empty((height, width, 3), np.uint8)
    side[:] = face[:, :3].mean(axis=(0, 1)) if rng.random() < 0.5 else job.inks.ground
    kind = rng.random()
    if kind < 0.35 and width >= 24:
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
    blue, green, red = (int(c) for c in top[0, 0])
    rim = dimmed((blue, green, red), 0.7)
    if luminance(rim) > 20 and rng.random() < 0.5:
        cv2.line(top, (0, deep_px // 2), (width, deep_px // 2), rim, 1)
    return top
