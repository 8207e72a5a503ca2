# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bottles clear and opaque, canisters with a handle, and glass jars, seen from the front."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.bodies import Body, Job
from simulator.picture.materials import metal_light, mixed, shade
from simulator.picture.printing import Colour, Picture, dimmed, hsv
from simulator.picture.walls import Profile, lay_label, lit_round, round_outline

_LIQUIDS: Final = ("water", "water", "water", "cola", "juice", "beer", "wine", "oil", "opaque", "opaque", "milk")
_TINTS: Final[dict[str, tuple[tuple[float, float, float], float]]] = {
    "water": ((0.54, 0.14, 0.93), 0.42),
    "cola": ((0.03, 0.85, 0.13), 0.97),
    "juice": ((0.09, 0.92, 0.95), 0.96),
    "beer": ((0.07, 0.85, 0.3), 0.92),
    "wine": ((0.3, 0.7, 0.16), 0.97),
    "oil": ((0.13, 0.8, 0.86), 0.8),
}
"""Hue, saturation and value of what a clear bottle holds, and how much of the light it keeps."""


def _bottle_profile(rng: Generator, *, glass: bool) -> Profile:
    """Half width (0..0.5) along the height (v, downwards from 0)."""
    neck = rng.uniform(0.13, 0.2)
    neck_v = rng.uniform(0.2, 0.32) if glass else rng.uniform(0.07, 0.15)
    shoulder = neck_v + (rng.uniform(0.06, 0.12) if glass else rng.uniform(0.1, 0.24))
    turns = np.linspace(0, np.pi, 9)
    curve = [
        (float(neck_v + (shoulder - neck_v) * i / 8), float(neck + (0.495 - neck) * (1 - np.cos(t)) / 2))
        for i, t in enumerate(turns)
    ]
    waist = 0.5 - (rng.uniform(0.02, 0.07) if not glass and rng.random() < 0.5 else 0)
    return [(0, neck), *curve, (0.56, waist), (0.8, 0.5), (0.97, 0.49), (1, 0.44)]


def _cap(body: Picture, foot_px: int, rng: Generator) -> None:
    colour = hsv(rng.random(), rng.choice([0.0, 0.85]), rng.choice([0.12, 0.9, 0.95, 0.75]))
    body[:foot_px] = colour
    for x in range(0, body.shape[1], 3):
        body[: foot_px - 1, x : x + 1] = dimmed(colour, 0.82)
    body[max(0, foot_px - 2) : foot_px] = dimmed(colour, 0.5)
    body[:1] = dimmed(colour, 1.3)


def _clear_body(kind: str, job: Job, profile: Profile) -> tuple[Picture, Picture, Colour]:
    """A see-through body BGR, its opacity uint8 (h, w) and the liquid's colour. Above the liquid one sees the shelf."""
    width, height = job.wh_px
    rng = job.form
    (hue, saturation, value), keeps = _TINTS[kind]
    liquid = hsv(hue + rng.normal(0, 0.015), saturation * rng.uniform(0.8, 1.1), value * rng.uniform(0.85, 1.05))
    glass = mixed(liquid, (215, 215, 205), 0.6) if kind != "wine" else hsv(0.3, 0.6, rng.uniform(0.1, 0.3))
    across = np.abs(np.linspace(-1, 1, width, dtype=np.float32))
    level = int(height * (profile[1][0] + rng.uniform(0.02, 0.5) * (profile[9][0] - profile[1][0])))
    body = np.empty((height, width, 3), np.uint8)
    body[:level], body[level:] = glass, liquid
    # Through a full bottle the far edges are seen in the middle and the other way round: a bright heart, dark flanks.
    heart = 1.22 - 0.75 * across**2 if kind in ("water", "oil") else 1.1 - 0.35 * across**2
    body[level:] = shade(body[level:], heart[None, :, None])
    body[level : level + max(1, height // 90)] = mixed(liquid, (255, 255, 255), 0.5)
    opacity = np.empty((height, width), np.float32)
    opacity[:level] = (0.75 if kind == "wine" else 0.2) + 0.55 * across[None] ** 4
    opacity[level:] = np.clip(keeps + (1 - keeps) * across[None] ** 3, 0, 1)
    if kind == "water" and rng.random() < 0.7:
        for y in range(int(height * 0.3), int(height * 0.96), max(5, height // int(rng.integers(14, 30)))):
            body[y] = np.clip(body[y] * 0.72, 0, 255).astype(np.uint8)
            body[y + 1] = np.clip(body[y + 1] * 1.25 + 12, 0, 255).astype(np.uint8)
            opacity[y] = np.clip(opacity[y] + 0.25, 0, 1)
    return body, (opacity * 255).astype(np.uint8), liquid


def make_bottle(job: Job) -> Body:
    """A bottle: clear with a level of liquid, or opaque, with a cap and a label."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 41))
    kind = _LIQUIDS[maker.integers(len(_LIQUIDS))]
    profile = _bottle_profile(maker, glass=kind in ("beer", "wine"))
    if kind in ("opaque", "milk"):
        liquid = job.inks.ground if kind == "opaque" and maker.random() < 0.6 else (238, 242, 244)
        body = np.empty((height, width, 3), np.uint8)
        body[:] = liquid
        opacity = np.full((height, width), 255, np.uint8)
    else:
        body, opacity, liquid = _clear_body(kind, job, profile)
    shoulder = profile[9][0]
    y0 = int(height * min(0.7, shoulder + maker.uniform(0.0, 0.16)))
    y1 = int(height * maker.uniform(max(y0 / height + 0.2, 0.68), 0.96))
    lay_label(job, body, opacity, y0, y1)
    cap_px = max(3, int(height * profile[1][0] * (maker.uniform(0.25, 0.4) if kind in ("beer", "wine") else 0.75)))
    _cap(body, cap_px, job.form)
    opacity[:cap_px] = 255
    inside = hsv(job.form.random(), 0.45, 0.9) if kind == "opaque" else liquid
    return lit_round(job, body, opacity, round_outline(profile, width, height), maker.uniform(0.35, 0.9), inside)


def make_jug(job: Job) -> Body:
    """A canister with a handle that one can look through: milk, detergent, oil."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 42))
    liquid = job.inks.ground if maker.random() < 0.6 else (240, 243, 244)
    body = np.empty((height, width, 3), np.uint8)
    body[:] = liquid
    soap = hsv(job.form.random(), 0.45, 0.9)
    neck, top = maker.uniform(0.14, 0.2), maker.uniform(0.08, 0.13)
    shift = float(maker.uniform(-0.16, -0.04))
    outline = [
        (0.5 + shift - neck, 0.0),
        (0.5 + shift - neck, top),
        (0.12, top + 0.1),
        (0.02, top + 0.22),
        (0.01, 0.96),
    ]
    outline += [
        (0.05, 1.0),
        (0.95, 1.0),
        (0.99, 0.96),
        (0.98, top + 0.24),
        (0.9, top + 0.08),
        (0.5 + shift + neck, top),
    ]
    outline += [(0.5 + shift + neck, 0.0)]
    solid = np.full((height, width), 255, np.uint8)
    y0 = int(height * maker.uniform(0.46, 0.55))
    lay_label(job, body, solid, y0, int(height * maker.uniform(0.86, 0.96)))
    _cap(body, max(3, int(height * top * 0.8)), job.form)
    made = lit_round(job, body, solid, np.array(outline), maker.uniform(0.2, 0.5), soap)
    hole = (int(width * 0.76), int(height * (top + 0.24)))
    axes = (max(2, int(width * 0.085)), max(3, int(height * 0.1)))
    cv2.ellipse(
        made.front, hole, (axes[0] + 2, axes[1] + 2), -14, 0, 360, (*dimmed(liquid, 0.55), 255), -1, cv2.LINE_AA
    )
    cv2.ellipse(made.front, hole, axes, -14, 0, 360, (0, 0, 0, 0), -1, cv2.LINE_AA)
    return made


def _contents(area: Picture, rng: Generator) -> Colour:
    """What a jar shows: jam, honey, pickles, coffee, sauce."""
    hue, saturation, value = (
        (0.98, 0.85, 0.45),
        (0.11, 0.9, 0.85),
        (0.22, 0.6, 0.5),
        (0.06, 0.7, 0.22),
        (0.02, 0.85, 0.65),
        (0.75, 0.6, 0.3),
        (0.1, 0.3, 0.85),
    )[rng.integers(7)]
    colour = hsv(hue + rng.normal(0, 0.01), saturation, value)
    area[:] = colour
    height, width = area.shape[:2]
    spots = rng.random((int(rng.integers(0, 60)), 3))
    for x, y, tone in spots:
        at = (int(x * width), int(y * height))
        cv2.circle(
            area, at, max(1, width // int(rng.integers(9, 26))), dimmed(colour, 0.6 + 0.8 * tone), -1, cv2.LINE_AA
        )
    return colour


def make_jar(job: Job) -> Body:
    """A glass jar of which one sees the contents, under a metal lid."""
    width, height = job.wh_px
    maker = np.random.default_rng((job.maker_seed, 43))
    lid_v = maker.uniform(0.13, 0.22)
    profile = [(0, 0.43), (lid_v, 0.43), (lid_v + 0.01, 0.41), (lid_v + 0.1, 0.5), (0.93, 0.5), (1, 0.45)]
    body = np.empty((height, width, 3), np.uint8)
    inside = _contents(body, job.form)
    lid = int(height * lid_v)
    gap = int(height * (lid_v + 0.05))
    body[lid:gap] = mixed(inside, (225, 228, 225), 0.55)
    opacity = np.full((height, width), 250, np.uint8)
    opacity[lid:gap] = 150
    y0, y1 = int(height * maker.uniform(lid_v + 0.12, lid_v + 0.22)), int(height * maker.uniform(0.78, 0.92))
    lay_label(job, body, opacity, y0, y1)
    metal = hsv(job.form.random(), job.form.choice([0.02, 0.75, 0.75]), job.form.uniform(0.55, 0.95))
    body[:lid] = shade(np.full((lid, width, 3), metal, np.uint8), metal_light(width, maker)[None, :, None])
    body[lid - 2 : lid] = dimmed(metal, 0.45)
    body[max(1, lid // 4)] = dimmed(metal, 1.3)
    opacity[:lid] = 255
    return lit_round(job, body, opacity, round_outline(profile, width, height), maker.uniform(0.5, 1.0), inside)
