# SPDX-License-Identifier: AGPL-3.0-or-later
"""The walls of round packs: their outline, the label rolled round them, what is left of one, light and lids."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.bodies import Body, Job
from simulator.picture.materials import glow, outline_mask, round_light, shade, with_alpha, wrapped
from simulator.picture.printing import Colour, Picture, dimmed
from simulator.picture.scene import PackShape

Profile: TypeAlias = list[tuple[float, float]]
"""Half width (0..0.5) at each height (v, downwards from 0), as pairs (v, half)."""


def round_outline(profile: Profile, width: int, height: int, sag: float = 0.05) -> Picture:
    """The outline of a round pack; its foot curves, as one sees it from a little above."""
    lift = min(sag * width / height, 0.12)
    wall = [(v, half) for v, half in profile[:-1] if v < 1 - lift]
    foot_half = min(profile[-1][1] + 0.02, wall[-1][1])
    across = np.linspace(-1, 1, 11)
    foot = [(0.5 + foot_half * x, 1 - lift * (1 - np.sqrt(max(0.0, 1 - x * x)))) for x in across]
    left, right = [(0.5 - half, v) for v, half in wall], [(0.5 + half, v) for v, half in reversed(wall)]
    return np.array(left + foot + right, np.float64)


def glued_rest(body: Picture, y0: int, y1: int, rng: Generator) -> None:
    """What is left where a label came off: pale strips of glue and torn paper."""
    width = body.shape[1]
    for _ in range(int(rng.integers(3, 6))):
        x, y = rng.uniform(0.1, 0.9) * width, rng.uniform(y0, y1)
        reach = np.array([rng.uniform(0.06, 0.22) * width, rng.uniform(0.05, 0.16) * (y1 - y0)])
        turns = np.sort(rng.uniform(0, 2 * np.pi, 9))
        ragged = np.stack([np.cos(turns), np.sin(turns)], 1) * reach * rng.uniform(0.6, 1.1, (9, 1)) + (x, y)
        cv2.fillPoly(body, [ragged.astype(np.int32)], (214, 226, 230), cv2.LINE_AA)


def lay_label(job: Job, body: Picture, solid: Picture, y0: int, y1: int) -> None:
    """A label rolled round the body between two heights; `solid` (h, w) becomes opaque where paper is."""
    width = body.shape[1]
    inset, is_narrow = job.form.uniform(0.08, 0.16), job.form.random() < 0.25
    x0 = int(width * inset) if is_narrow else 0
    if job.damage == "label_missing":
        glued_rest(body, y0, y1, job.luck)
        return
    label = wrapped(job.print_of(width - 2 * x0, y1 - y0), max(0, (y1 - y0) // 40))
    body[y0:y1, x0 : width - x0] = label
    solid[y0:y1, x0 : width - x0] = 255
    body[y0 : y0 + 1] = (body[y0 : y0 + 1] * 0.7).astype(np.uint8)
    body[y1 - 1 : y1] = (body[y1 - 1 : y1] * 0.6).astype(np.uint8)


def lit_round(  # noqa: PLR0917 - a wall is made of these
    job: Job, body: Picture, opacity: Picture, outline_uv: Picture, gloss: float, inside: Colour
) -> Body:
    """Light on a round wall, cut to its outline. Glints are white even where one looks through."""
    height, width = opacity.shape
    factor, glints = round_light(width, np.random.default_rng((job.maker_seed, 47)), gloss)
    lit = shade(body, factor[None, :, None])
    shine = np.broadcast_to(glints[None] * 0.8, (height, width))
    lit = glow(lit, shine)
    cover = cv2.max(opacity, np.clip(shine * 1.6, 0, 255).astype(np.uint8))
    mask = cv2.multiply(outline_mask(outline_uv, width, height), cover, scale=1 / 255)
    return Body(with_alpha(lit, mask), outline_uv, body, inside)


def lid_of(body: Body, shape: PackShape, rng: Generator) -> Picture:
    """The disc that one sees from above, BGRA 48 px square."""
    disc = np.zeros((48, 48, 3), np.uint8)
    blue, green, red = (int(c) for c in body.face[2, body.face.shape[1] // 2])
    colour: Colour = (205, 205, 205) if shape == "can" else (blue, green, red)
    disc[:] = colour
    cv2.circle(disc, (24, 24), 20, dimmed(colour, 0.75), 2, cv2.LINE_AA)
    if shape == "can":
        cv2.ellipse(disc, (24, 27), (6, 9), 0, 0, 360, (150, 150, 150), 2, cv2.LINE_AA)
    elif shape == "cup" and rng.random() < 0.7:
        disc[8:40, 8:40] = cv2.resize(body.face, (32, 32), interpolation=cv2.INTER_AREA)
    cv2.ellipse(disc, (18, 15), (9, 4), -30, 0, 360, dimmed(colour, 1.3), -1, cv2.LINE_AA)
    mask = np.zeros((48, 48), np.uint8)
    cv2.circle(mask, (24, 24), 23, 255, -1, cv2.LINE_AA)
    return with_alpha(disc, mask)
