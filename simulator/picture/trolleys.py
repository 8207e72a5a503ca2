# SPDX-License-Identifier: AGPL-3.0-or-later
"""Trolleys of wire and baskets of plastic, with some goods in them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simulator.picture.overlay import Balls, Overlay
from simulator.picture.printing import Colour, Picture, dimmed, hsv
from simulator.picture.projection import depth_of, project
from simulator.picture.scene import Occluder, View

Array: TypeAlias = NDArray[Any]
_NEAREST_MM = 150.0
_UP = np.array([0.0, 1.0, 0.0])
_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _ring(occluder: Occluder, y_mm: float, length_mm: float, width_mm: float, shift_mm: float = 0.0) -> Array:
    """Four corners (4, 3) of a level rectangle: length along the way the trolley points, width across."""
    turn = np.radians(occluder.turn_deg)
    ahead, right = np.array([np.sin(turn), 0, -np.cos(turn)]), np.array([np.cos(turn), 0, np.sin(turn)])
    middle = np.array([occluder.x_mm, occluder.floor_mm + y_mm, occluder.z_mm]) + ahead * shift_mm
    return np.array([middle + ahead * a * length_mm / 2 + right * b * width_mm / 2 for a, b in _CORNERS])


def _wires(low: Array, high: Array, columns: int, rows: int) -> Array:
    """Wire ends (n, 2, 3) of one side: between the edges low (2, 3) and high (2, 3)."""
    across, up = np.linspace(0, 1, columns + 1)[:, None], np.linspace(0, 1, rows + 1)[:, None]
    uprights = np.stack([low[0] + (low[1] - low[0]) * across, high[0] + (high[1] - high[0]) * across], axis=1)
    levels = np.stack([low[0] + (high[0] - low[0]) * up, low[1] + (high[1] - low[1]) * up], axis=1)
    return np.concatenate([uprights, levels])


def _overlay(view: View, points_mm: Array) -> Overlay | None:
    if float(depth_of(view, points_mm).min()) < _NEAREST_MM:
        return None
    flat = project(view, points_mm)
    overlay = Overlay((*flat.min(axis=0), *flat.max(axis=0)), view.image_wh_px)
    return None if overlay.is_empty else overlay


def _goods(overlay: Overlay, view: View, ring: Array, rng: Generator, count: int) -> None:
    """Packs lying in a trolley: rounded lumps of many colours, far ones first."""
    spots = []
    for _ in range(count):
        u, v = rng.random(2)
        floor = ring[0] + (ring[1] - ring[0]) * u + (ring[3] - ring[0]) * v
        spots.append(floor + np.array([0.0, rng.uniform(40, 190), 0.0]))
    for spot in sorted(spots, key=lambda s: -float(depth_of(view, s))):
        lean, wide, tall = rng.normal(0, 0.5), rng.uniform(45, 110), rng.uniform(50, 130)
        across = np.array([np.cos(lean), np.sin(lean), 0.0]) * wide
        up = np.array([-np.sin(lean), np.cos(lean), 0.0]) * tall
        corners = np.array([spot - across - up, spot + across - up, spot + across + up, spot - across + up])
        balls = Balls(view, corners, np.full(4, float(rng.uniform(3, 30))))
        colour = hsv(rng.random(), rng.uniform(0.1, 0.85), rng.uniform(0.3, 0.95))
        overlay.solid([overlay.hull(balls, [0, 1, 2, 3])], colour, roundness=0.3)


def _cage(overlay: Overlay, view: View, rings: tuple[Array, Array], colour: Colour, wire_mm: float) -> None:
    """The four sides and the floor of a wire basket, far sides darker and first."""
    low, high = rings
    sides = sorted(((i, (i + 1) % 4) for i in range(4)), key=lambda s: -float(depth_of(view, high[list(s)]).mean()))
    for order, (i, j) in enumerate(sides):
        long_side = i % 2 == 0
        wires = _wires(low[[i, j]], high[[i, j]], 11 if not long_side else 6, 6)
        thick = wire_mm * view.focal_px / float(depth_of(view, high[[i, j]]).mean())
        overlay.lines(project(view, wires), dimmed(colour, 0.62 + 0.12 * order), thick)
        rim = np.stack([high[i], high[j]])[None]
        overlay.lines(project(view, rim), dimmed(colour, 0.8 + 0.08 * order), thick * 2.4)


def draw_trolley(canvas: Picture, occluded: Array, view: View, occluder: Occluder) -> None:
    """A shopping trolley of steel wire: cage, frame, castors, handle."""
    rng = np.random.default_rng((occluder.seed, 32))
    low, high = _ring(occluder, 480, 620, 380, 40), _ring(occluder, 930, 880, 540)
    feet = _ring(occluder, 60, 760, 460)
    overlay = _overlay(view, np.concatenate([low, high, feet, feet - (0, 60, 0), high + _UP * 120]))
    if overlay is None:
        return
    steel: Colour = (196, 194, 190)
    scale = view.focal_px / float(depth_of(view, high).mean())
    _goods(overlay, view, low, rng, int(rng.integers(0, 9)))
    for i in range(4):
        leg = np.stack([np.stack([low[i], feet[i]]), np.stack([feet[i], feet[(i + 1) % 4]])])
        overlay.lines(project(view, leg), dimmed(steel, 0.75), 22 * scale)
        balls = Balls(view, feet[[i]] - (0, 10, 0), np.array([48.0]))
        overlay.solid([overlay.hull(balls, [0])], (38, 38, 40))
    _cage(overlay, view, (low, high), steel, 5.0)
    grip = Balls(view, high[[0, 3]] + (0, 95, 0) if rng.random() < 0.5 else high[[1, 2]] + (0, 95, 0), np.full(2, 17.0))
    handle = ((40, 40, 200), (190, 90, 30), (60, 160, 60), (30, 140, 235))[rng.integers(4)]
    overlay.solid([overlay.hull(grip, [0, 1])], handle)
    overlay.lay_over(canvas, occluded, blur_px=0.5, motion_px=occluder.motion_px, motion_deg=occluder.motion_deg)


def draw_basket(canvas: Picture, occluded: Array, view: View, occluder: Occluder) -> None:
    """A plastic hand basket that stands on the floor or hangs at `floor_mm`."""
    rng = np.random.default_rng((occluder.seed, 33))
    low, high = _ring(occluder, 0, 360, 240), _ring(occluder, 230, 450, 320)
    overlay = _overlay(view, np.concatenate([low, high, high + _UP * 190]))
    if overlay is None:
        return
    colour = ((36, 36, 190), (150, 70, 30), (40, 120, 40), (50, 50, 55))[rng.integers(4)]
    scale = view.focal_px / float(depth_of(view, high).mean())
    _goods(overlay, view, low, rng, int(rng.integers(0, 6)))
    near = sorted(((i, (i + 1) % 4) for i in range(4)), key=lambda s: -float(depth_of(view, high[list(s)]).mean()))
    for i, j in near[2:]:
        side = project(view, np.stack([low[i], low[j], high[j], high[i]]))
        overlay.solid([overlay.fixed(side).reshape(-1, 1, 2)], colour, roundness=0.15)
        slots = _wires(low[[i, j]] + (0, 40, 0), high[[i, j]] - (0, 60, 0), 9, 1)[:-2]
        overlay.lines(project(view, slots), dimmed(colour, 0.35), 9 * scale)
    _cage(overlay, view, (low, high), colour, 7.0)
    arc = [high[[0, 3]].mean(axis=0) * (1 - t) + high[[1, 2]].mean(axis=0) * t for t in np.linspace(0, 1, 9)]
    lift = np.sin(np.linspace(0, np.pi, 9)) * 170
    bow = np.array([p + _UP * h for p, h in zip(arc, lift, strict=True)])
    overlay.lines(project(view, np.stack([bow[:-1], bow[1:]], axis=1)), (60, 60, 62), 16 * scale)
    overlay.lay_over(canvas, occluded, blur_px=0.5, motion_px=occluder.motion_px, motion_deg=occluder.motion_deg)
