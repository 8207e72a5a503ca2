# SPDX-License-Identifier: AGPL-3.0-or-later
"""Soft packs: puffed foil bags with crimped ends, and pouches that stand, some with a window."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.bodies import Body, Job
from simulator.picture.materials import film_light, film_relief, glow, outline_mask, shade, with_alpha
from simulator.picture.pictures import shaded_ball
from simulator.picture.printing import Colour, Picture, dimmed, hsv

_BARE_FILM: Colour = (196, 200, 202)
_CLEAR_SHARE = 0.2
"""Of the makers of bags, how many let one see what is inside."""


def _bag_outline(maker: Generator, luck: Generator, teeth: int) -> Picture:
    """Full width at the seams, drawn in by the air between them; the upper edge is cut to teeth."""
    v = np.linspace(0, 1, 11)
    pull = maker.uniform(0.015, 0.06) * (1 - np.abs(2 * v - 1) ** 3)
    left = np.stack([pull + np.abs(luck.normal(0, 0.006, 11)), v], 1)
    right = np.stack([1 - pull - np.abs(luck.normal(0, 0.006, 11)), v], 1)[::-1]
    left[0, 0], right[-1, 0] = 0.0, 1.0
    if teeth:
        xs = np.linspace(0.985, 0.015, 2 * teeth)
        edge = np.stack([xs, np.where(np.arange(2 * teeth) % 2, 0.0, 0.008)], 1)
        return np.concatenate([left, right, edge])
    return np.concatenate([left, right])


def _crimp(lit: Picture, rows: slice, *, across: bool) -> None:
    """A welded seam: fine ribs that catch the light."""
    band = lit[rows].astype(np.float32)
    if across:
        ribs = np.where(np.arange(band.shape[0]) % 3 == 0, 1.25, 0.82)[:, None, None]
    else:
        ribs = np.where(np.arange(band.shape[1]) % 3 == 0, 1.22, 0.84)[None, :, None]
    lit[rows] = np.clip(band * ribs + 6, 0, 255).astype(np.uint8)


def _loose(area: Picture, chance: Generator, hue: float, tone: float, share: float) -> None:
    """Nuts, sweets, pasta or oats behind film: pieces of `share` of the width, heaped over the whole area."""
    height, width = area.shape[:2]
    area[:] = hsv(hue, 0.6, tone * 0.45)
    r, flat = max(2, int(width * share)), chance.uniform(0.35, 1.0)
    count = min(260, int(1.6 * width * height / (r * r * 3)))
    for x, y, turn, light in chance.random((count, 4)):
        at = (int(x * width), int(y * height))
        shaded_ball(area, at, (r, max(1, int(r * flat))), turn * 180, hsv(hue, 0.55, tone * (0.6 + 0.4 * light)))


def _clear_bag_face(job: Job, maker: Generator) -> Picture:
    """A bag that shows its contents, under a printed header or with a printed label in its middle."""
    width, height = job.wh_px
    face = np.empty((height, width, 3), np.uint8)
    chance = np.random.default_rng((job.style.face_seed, 53))
    hue, tone = chance.choice([0.06, 0.08, 0.1, 0.12, 0.02, 0.3]), chance.uniform(0.55, 0.95)
    _loose(face, chance, hue, tone, maker.uniform(0.025, 0.07))
    if maker.random() < 0.6:
        band = int(height * maker.uniform(0.3, 0.48))
        face[:band] = job.print_of(width, band)
        face[band] = (face[band] * 0.5).astype(np.uint8)
    else:
        x0, y0, y1 = int(width * 0.14), int(height * maker.uniform(0.22, 0.3)), int(height * maker.uniform(0.66, 0.78))
        face[y0:y1, x0 : width - x0] = job.print_of(width - 2 * x0, y1 - y0)
        cv2.rectangle(face, (x0, y0), (width - x0 - 1, y1 - 1), dimmed(job.inks.ground, 0.6), 1)
    return face


def make_bag(job: Job) -> Body:
    """A pillow bag of film: crisps, sweets, noodles. Crumpled anew for each variant of the pack."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 51))
    is_clear = maker.random() < _CLEAR_SHARE
    face = _clear_bag_face(job, maker) if is_clear else job.print_of(width, height)
    if job.damage == "label_missing":
        face[:] = _BARE_FILM
    if job.damage == "back_to_front":
        x = width // 2
        cv2.rectangle(face, (x - width // 28, 0), (x + width // 28, height), dimmed(job.inks.ground, 0.8), -1)
        cv2.line(face, (x + width // 28, 0), (x + width // 28, height), dimmed(job.inks.ground, 0.5), 1)
    glossy = maker.uniform(0.15, 0.8) if maker.random() < 0.8 else 0.05
    relief = film_relief(width, height, job.luck, int(job.luck.integers(7, 16)), maker.uniform(0.5, 1.3))
    seam = max(3, int(height * maker.uniform(0.03, 0.06)))
    factor, glints = film_light(relief, job.wh_px, job.luck, glossy)
    factor[:seam], factor[-seam:] = 0.92, 0.8
    glints[:seam] *= 0.15
    glints[-seam:] *= 0.1
    lit = glow(shade(face, factor), cv2.GaussianBlur(glints, (0, 0), 0.7))
    if maker.random() < 0.3:
        lit[:seam] = lit[-seam:] = _BARE_FILM
    across = bool(maker.random() < 0.5)
    _crimp(lit, slice(0, seam), across=across)
    _crimp(lit, slice(height - seam, height), across=across)
    lit[seam] = (lit[seam] * 0.7).astype(np.uint8)
    lit[-seam - 1] = (lit[-seam - 1] * 0.6).astype(np.uint8)
    outline = _bag_outline(maker, job.luck, int(width // 5) if maker.random() < 0.6 else 0)
    inside = hsv(maker.uniform(0.07, 0.13), 0.6, 0.75)
    return Body(with_alpha(lit, outline_mask(outline, width, height)), outline, face, inside)


def _window(face: Picture, job: Job, maker: Generator) -> None:
    """A clear patch through which one sees nuts, pasta, oats."""
    height, width = face.shape[:2]
    x0, x1 = int(width * maker.uniform(0.12, 0.25)), int(width * maker.uniform(0.75, 0.88))
    y0 = int(height * maker.uniform(0.5, 0.62))
    y1 = int(height * maker.uniform(0.8, 0.88))
    shape = np.zeros((height, width), np.uint8)
    if maker.random() < 0.5:
        cv2.ellipse(
            shape, ((x0 + x1) // 2, (y0 + y1) // 2), ((x1 - x0) // 2, (y1 - y0) // 2), 0, 0, 360, 255, -1, cv2.LINE_AA
        )
    else:
        cv2.rectangle(shape, (x0, y0), (x1, y1), 255, -1)
    hue, tone = maker.choice([0.07, 0.09, 0.11, 0.13, 0.03]), maker.uniform(0.5, 0.95)
    seen = face.copy()
    _loose(seen[y0 : y1 + 1, x0 : x1 + 1], job.form, hue, tone, maker.uniform(0.045, 0.08))
    np.copyto(face, seen, where=(shape > 127)[..., None])
    cv2.drawContours(
        face, cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0], -1, (235, 235, 235), 1
    )


def make_pouch(job: Job) -> Body:
    """A pouch on a curved foot, with a seal, tear notches and sometimes a zip and a window."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 52))
    face = job.print_of(width, height)
    if job.damage == "label_missing":
        face[:] = (225, 228, 228)
    elif job.damage != "back_to_front" and maker.random() < 0.4:
        _window(face, job, maker)
    relief = film_relief(width, height, job.luck, int(job.luck.integers(4, 9)), maker.uniform(0.3, 0.8))
    factor, glints = film_light(relief, job.wh_px, job.luck, maker.uniform(0.05, 0.45))
    seam = max(3, int(height * maker.uniform(0.05, 0.08)))
    factor[:seam] = 0.95
    glints[:seam] *= 0.2
    lit = glow(shade(face, factor), glints)
    lit[seam - 1 : seam + 1] = (lit[seam - 1 : seam + 1] * 0.72).astype(np.uint8)
    if maker.random() < 0.5:
        y = seam + max(2, height // 30)
        lit[y : y + 2] = np.clip(lit[y : y + 2] * 0.7, 0, 255).astype(np.uint8)
        lit[y + 2] = np.clip(lit[y + 2] * 1.3 + 10, 0, 255).astype(np.uint8)
    rim = max(2, width // 26)
    for edge in (np.s_[:, :rim], np.s_[:, -rim:]):
        lit[edge] = np.clip(lit[edge] * 0.85 + 14, 0, 255).astype(np.uint8)
    gusset = (width // 2, int(height * 0.9))
    cv2.ellipse(
        lit, gusset, (int(width * 0.56), int(height * 0.07)), 0, 0, 180, dimmed(job.inks.ground, 0.45), 1, cv2.LINE_AA
    )
    notch = 0.012
    tall = seam / height
    side = [
        (0.02, 0.0),
        (0.0, 0.015),
        (0.0, tall),
        (notch, tall + 0.006),
        (0.0, tall + 0.012),
        (0.012, 0.3),
        (0.0, 0.9),
    ]
    side += [(0.012, 0.985)]
    arc = [(0.5 + 0.46 * x, 0.985 + 0.015 * (1 - x * x)) for x in np.linspace(-1, 1, 7)]
    right = [(1 - u, v) for u, v in reversed(side)]
    outline = np.array(side + arc + right, np.float64)
    inside = hsv(maker.uniform(0.06, 0.12), 0.6, 0.6)
    return Body(with_alpha(lit, outline_mask(outline, width, height)), outline, face, inside)
