# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packs that show what they hold: open trays of small packs, and blister cards."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from simulator.picture.bodies import Body, Job
from simulator.picture.brands import brand_of
from simulator.picture.cards import KRAFT, card_face
from simulator.picture.faces import draw_face
from simulator.picture.hung import draw_hung_product
from simulator.picture.logos import draw_logo
from simulator.picture.materials import lit_card, outline_mask, shade, with_alpha
from simulator.picture.printing import Picture, dimmed


def make_tray(job: Job) -> Body:
    """A shelf-ready case, its front cut low, with two to four small packs of one kind in it."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 63))
    across = int(maker.integers(2, 5))
    body = np.empty((height, width, 3), np.uint8)
    body[:] = dimmed(KRAFT, 0.35)
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
    card = KRAFT if maker.random() < 0.5 else inks.ground
    front = np.empty((wall, width, 3), np.uint8)
    front[:] = card
    if job.damage != "label_missing":
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


def make_blister(job: Job) -> Body:
    """A printed card with a clear bubble, the product in it, and a hole to hang it by."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 64))
    face = card_face(job)
    lit = lit_card(face, job.luck)
    x0, x1 = int(width * maker.uniform(0.1, 0.18)), int(width * maker.uniform(0.82, 0.9))
    y0, y1 = int(height * maker.uniform(0.34, 0.48)), int(height * maker.uniform(0.88, 0.95))
    if job.damage != "back_to_front":
        well = lit[y0:y1, x0:x1]
        ground = np.array((job.inks.light, job.inks.second, job.inks.ground, KRAFT)[maker.integers(4)])
        well[:] = (well * 0.12 + ground * 0.84).astype(np.uint8)
        shadow = well.copy()
        draw_hung_product(well, np.random.default_rng((job.style.face_seed, 65)))
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
    mask: Picture = np.full((height, width), 255, np.uint8)
    cx, cy = width // 2, max(4, height // 18)
    cv2.ellipse(mask, (cx, cy), (max(3, width // 9), max(1, height // 70)), 0, 0, 360, 0, -1, cv2.LINE_AA)
    cv2.circle(mask, (cx, cy - height // 90), max(2, height // 45), 0, -1, cv2.LINE_AA)
    bend = 0.025
    outline = np.array(
        [(bend, 0), (1 - bend, 0), (1, bend), (1, 1 - bend), (1 - bend, 1), (bend, 1), (0, 1 - bend), (0, bend)]
    )
    mask = cv2.multiply(mask, outline_mask(outline, width, height), scale=1 / 255)
    return Body(with_alpha(lit, mask), outline, face, (120, 150, 170))
