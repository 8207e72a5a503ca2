# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cans, cups and tubes: print that goes right round, seen from the front."""

from __future__ import annotations

import numpy as np

from simulator.picture.bodies import Body, Job
from simulator.picture.materials import metal_light, shade, wrapped
from simulator.picture.printing import dimmed, hsv
from simulator.picture.walls import glued_rest, lit_round, round_outline


def make_can(job: Job) -> Body:
    """A can: print straight on metal under a rolled rim, or a paper sleeve on a food tin with rings."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 44))
    tin = maker.random() < 0.35 or width > 0.8 * height
    neck = 0.47 if tin else 0.4
    profile = [(0, neck), (0.015, neck), (0.03 if tin else 0.075, 0.5), (0.93, 0.5), (0.97, 0.47), (1, 0.44)]
    body = wrapped(job.print_of(width, height), max(0, height // 60))
    if job.damage == "label_missing":
        body[:] = (172, 176, 178)
        glued_rest(body, int(height * 0.2), int(height * 0.8), job.luck)
    streaks = metal_light(width, maker)
    metal = shade(np.full((height, width, 3), (205, 208, 210), np.uint8), streaks[None, :, None])
    rim, foot = max(2, int(height * (0.035 if tin else 0.07))), max(2, int(height * 0.035))
    body[:rim], body[-foot:] = metal[:rim], metal[-foot:]
    body[rim - 1], body[-foot] = (body[rim - 1] * 0.5).astype(np.uint8), (body[-foot] * 0.55).astype(np.uint8)
    if not tin and maker.random() < 0.6:
        body = shade(body, (0.45 + 0.55 * streaks)[None, :, None])
    opaque = np.full((height, width), 255, np.uint8)
    return lit_round(
        job, body, opaque, round_outline(profile, width, height, 0.07), maker.uniform(0.25, 1.0), (30, 40, 70)
    )


def make_cup(job: Job) -> Body:
    """A tapered cup under a foil or plastic lid: yoghurt, ice cream, noodles."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 45))
    foot = maker.uniform(0.34, 0.45)
    rim_v = maker.uniform(0.035, 0.08)
    profile = [(0, 0.5), (rim_v, 0.5), (rim_v + 0.01, 0.475), (0.97, foot), (1, foot - 0.02)]
    body = wrapped(job.print_of(width, height), max(0, height // 30))
    if job.damage == "label_missing":
        body[:] = (236, 238, 240)
        glued_rest(body, int(height * 0.2), int(height * 0.8), job.luck)
    rim = max(2, int(height * rim_v))
    lid = hsv(job.form.random(), job.form.choice([0.02, 0.02, 0.7]), job.form.uniform(0.7, 0.97))
    body[:rim] = shade(np.full((rim, width, 3), lid, np.uint8), metal_light(width, maker)[None, :, None])
    body[rim : rim + 2] = (body[rim : rim + 2] * 0.45).astype(np.uint8)
    opaque = np.full((height, width), 255, np.uint8)
    return lit_round(
        job, body, opaque, round_outline(profile, width, height, 0.07), maker.uniform(0.05, 0.45), (235, 240, 245)
    )


def make_tube(job: Job) -> Body:
    """A tube that stands on its cap: toothpaste, cream, mustard."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 46))
    cap = float(maker.uniform(0.25, 0.42))
    profile = [(0, 0.5), (0.05, 0.5), (0.3, 0.48), (0.77, 0.43), (0.8, cap), (1, cap)]
    face = job.print_of(width, height)
    if job.damage == "label_missing":
        face[:] = (232, 234, 236)
    body = wrapped(face)
    seam = max(2, height // 22)
    body[:seam] = np.clip(body[:seam] * 0.85 + 25, 0, 255).astype(np.uint8)
    body[: seam - 1, ::3] = (body[: seam - 1, ::3] * 0.75).astype(np.uint8)
    colour = hsv(job.form.random(), job.form.choice([0.02, 0.02, 0.8]), job.form.uniform(0.3, 0.97))
    y = int(height * 0.8)
    body[y:] = colour
    body[y + 2 :, ::4] = dimmed(colour, 0.8)
    opaque = np.full((height, width), 255, np.uint8)
    return lit_round(
        job, body, opaque, round_outline(profile, width, height, 0.03), maker.uniform(0.1, 0.4), (230, 240, 235)
    )
