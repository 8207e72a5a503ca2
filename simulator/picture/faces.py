# SPDX-License-Identifier: AGPL-3.0-or-later
"""Printed faces: the flat artwork of a pack, drawn from a seed.

A face is a ground, a picture, a logo and small print, arranged the way a family of goods does it. Everything is
made up; what matters for a detector is that faces are as busy, as varied and as repetitive as real ones.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.printing import (
    SCRIPTS,
    Colour,
    Palette,
    Picture,
    barcode,
    contrast_on,
    fine_print,
    fit,
    hsv,
    made_up_word,
    make_palette,
    outlined,
    rotate,
    script_mask,
    shear,
    stamp,
    text_mask,
)


def draw_face(seed: int, width_px: int, height_px: int, layout: str = "") -> tuple[Picture, Palette]:
    """Artwork uint8 (height, width, 3) and the inks it was printed with. `layout` is a key of LAYOUTS or ''."""
    rng = np.random.default_rng(seed)
    palette = make_palette(rng)
    canvas = np.empty((height_px, width_px, 3), np.uint8)
    name = layout or _USUAL[int(rng.integers(len(_USUAL)))]
    LAYOUTS[name](canvas, rng, palette)
    return canvas, palette


def gradient(canvas: Picture, first: Colour, second: Colour, *, vertical: bool = True) -> None:
    """Fill with a linear blend of two colours."""
    axis = np.linspace(0, 1, canvas.shape[0 if vertical else 1], dtype=np.float32)
    ramp = np.outer(1 - axis, first) + np.outer(axis, second)
    canvas[:] = ramp[:, None] if vertical else ramp[None]


def _swoosh(canvas: Picture, rng: Generator, colour: Colour) -> None:
    height, width = canvas.shape[:2]
    xs = np.linspace(-2, width + 2, 14)
    base, swing = rng.uniform(0.2, 0.8) * height, rng.uniform(-0.3, 0.3) * height
    ys = base + swing * np.sin(xs / width * rng.uniform(1.5, 4.5) + rng.uniform(0, 6))
    foot = height + 2 if rng.random() < 0.6 else -2
    edge = np.stack([xs, ys], 1)
    shape = np.concatenate([edge, [[width + 2, foot], [-2, foot]]]).astype(np.int32)
    cv2.fillPoly(canvas, [shape], colour, cv2.LINE_AA)


def _rays(canvas: Picture, rng: Generator, colour: Colour) -> None:
    height, width = canvas.shape[:2]
    centre = np.array([rng.uniform(0.2, 0.8) * width, rng.uniform(0.3, 0.9) * height])
    count, reach = int(rng.integers(8, 20)), 2 * max(width, height)
    for i in range(count):
        turn = np.array([i, i + 0.5]) * 2 * np.pi / count
        rim = centre + reach * np.stack([np.cos(turn), np.sin(turn)], 1)
        cv2.fillPoly(canvas, [np.stack([centre, *rim]).astype(np.int32)], colour, cv2.LINE_AA)


def _pattern(canvas: Picture, rng: Generator, palette: Palette) -> None:
    """Stripes or dots."""
    height, width = canvas.shape[:2]
    pitch = int(rng.integers(max(3, width // 12), max(6, width // 4)))
    if rng.random() < 0.5:
        for x in range(0, width, pitch):
            cv2.rectangle(canvas, (x, 0), (x + pitch // 2, height), palette.second, -1)
    else:
        for i, y in enumerate(range(0, height, pitch)):
            for x in range((i % 2) * pitch // 2, width, pitch):
                cv2.circle(canvas, (x, y), max(1, pitch // 4), palette.second, -1, cv2.LINE_AA)


def _ground(canvas: Picture, rng: Generator, palette: Palette) -> None:
    height, width = canvas.shape[:2]
    kind = rng.random()
    if kind < 0.35:
        canvas[:] = palette.ground
    elif kind < 0.6:
        gradient(canvas, palette.ground, palette.second, vertical=bool(rng.random() < 0.8))
    elif kind < 0.72:
        canvas[:] = palette.ground
        _rays(canvas, rng, palette.second)
    elif kind < 0.8:
        canvas[:] = palette.ground
        _pattern(canvas, rng, palette)
    else:
        canvas[:] = palette.ground
    if rng.random() < 0.55:
        _swoosh(canvas, rng, palette.second if rng.random() < 0.6 else palette.accent)
    if rng.random() < 0.3:
        _swoosh(canvas, rng, palette.light if rng.random() < 0.4 else palette.accent)
    if rng.random() < 0.4:
        band = int(height * rng.uniform(0.06, 0.28))
        y = 0 if rng.random() < 0.5 else height - band
        cv2.rectangle(
            canvas, (0, y), (width, y + band), [palette.accent, palette.second, palette.light][rng.integers(3)], -1
        )


def _shaded_ball(area: Picture, centre: tuple[int, int], axes: tuple[int, int], turn: float, colour: Colour) -> None:
    dark = tuple(int(c * 0.55) for c in colour)
    glow = tuple(min(255, int(c * 1.15) + 35) for c in colour)
    cv2.ellipse(area, centre, axes, turn, 0, 360, dark, -1, cv2.LINE_AA)
    inner = (max(1, int(axes[0] * 0.84)), max(1, int(axes[1] * 0.84)))
    cv2.ellipse(
        area, (centre[0] - axes[0] // 10, centre[1] - axes[1] // 8), inner, turn, 0, 360, colour, -1, cv2.LINE_AA
    )
    dot = (max(1, axes[0] // 4), max(1, axes[1] // 5))
    cv2.ellipse(area, (centre[0] - axes[0] // 3, centre[1] - axes[1] // 3), dot, turn, 0, 360, glow, -1, cv2.LINE_AA)


def _photo_noise(area: Picture, rng: Generator, palette: Palette) -> None:
    cells = int(rng.integers(3, 9))
    mix = rng.random((cells, cells, 1))
    rough = np.array(palette.second) * mix + np.array(palette.accent) * (1 - mix) + rng.normal(0, 18, (cells, cells, 3))
    area[:] = cv2.resize(np.clip(rough, 0, 255).astype(np.uint8), area.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _photo_heap(area: Picture, rng: Generator, _palette: Palette) -> None:
    height, width = area.shape[:2]
    count, span = int(rng.integers(5, 26)), max(3, int(min(width, height) * rng.uniform(0.09, 0.26)))
    hue, aspect = rng.choice([0.07, 0.09, 0.0, 0.12, 0.3, 0.95, 0.6]) + rng.normal(0, 0.02), rng.uniform(0.5, 1)
    for x, y, turn, tone in rng.random((count, 4)):
        colour = hsv(hue + (tone - 0.5) * 0.05, 0.75, 0.45 + 0.5 * tone)
        where = (int(x * width), int((0.15 + 0.85 * y) * height))
        _shaded_ball(area, where, (span, max(2, int(span * aspect))), turn * 180, colour)


def _photo_bowl(area: Picture, rng: Generator, palette: Palette) -> None:
    height, width = area.shape[:2]
    centre, rx = (width // 2, int(height * 0.55)), int(width * rng.uniform(0.36, 0.5))
    ry = int(min(height * 0.42, rx * rng.uniform(0.4, 0.95)))
    cv2.ellipse(area, centre, (rx, ry), 0, 0, 360, palette.light, -1, cv2.LINE_AA)
    soup = hsv(rng.choice([0.04, 0.08, 0.11, 0.28]), 0.8, rng.uniform(0.4, 0.85))
    cv2.ellipse(area, centre, (int(rx * 0.86), int(ry * 0.82)), 0, 0, 360, soup, -1, cv2.LINE_AA)
    for x, y, turn, tone in rng.normal(0, 0.3, (int(rng.integers(6, 16)), 4)):
        where = (int(centre[0] + x * rx * 1.2), int(centre[1] + y * ry * 1.2))
        colour = hsv(abs(tone), rng.uniform(0.4, 0.9), rng.uniform(0.5, 1))
        if rng.random() < 0.5:
            _shaded_ball(area, where, (max(2, rx // 6), max(2, ry // 6)), turn * 300, colour)
        else:
            cv2.ellipse(
                area,
                where,
                (max(2, rx // 3), max(2, ry // 4)),
                turn * 300,
                0,
                190,
                colour,
                max(1, rx // 18),
                cv2.LINE_AA,
            )


def _photo_character(area: Picture, rng: Generator, palette: Palette) -> None:
    height, width = area.shape[:2]
    r = int(min(width, height) * rng.uniform(0.26, 0.42))
    cx, cy = width // 2 + int(rng.normal(0, width * 0.06)), height // 2
    skin = hsv(rng.choice([0.07, 0.08, 0.13, 0.58, 0.0, 0.95]), rng.uniform(0.2, 0.7), rng.uniform(0.8, 1))
    fur = (palette.accent, palette.second, (30, 30, 30))[rng.integers(3)]
    for side in (-1, 1):
        cv2.circle(area, (cx + side * int(r * 0.75), cy - int(r * 0.75)), max(2, r // 3), fur, -1, cv2.LINE_AA)
    cv2.circle(area, (cx, cy), r, fur, -1, cv2.LINE_AA)
    cv2.ellipse(area, (cx, cy + r // 8), (int(r * 0.82), int(r * 0.75)), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.ellipse(
            area,
            (cx + side * r // 3, cy - r // 8),
            (max(1, r // 7), max(1, r // 5)),
            0,
            0,
            360,
            (20, 20, 20),
            -1,
            cv2.LINE_AA,
        )
    cv2.ellipse(
        area,
        (cx, cy + r // 4),
        (max(2, r // 3), max(2, r // 4)),
        0,
        10,
        170,
        (40, 30, 160),
        max(1, r // 10),
        cv2.LINE_AA,
    )


def _photo_person(area: Picture, rng: Generator, palette: Palette) -> None:
    height, width = area.shape[:2]
    tone = rng.uniform(0.3, 0.95)
    gradient(area, hsv(rng.random(), 0.3, tone), hsv(rng.random(), 0.5, tone * 0.5))
    skin = hsv(0.06 + rng.normal(0, 0.01), rng.uniform(0.3, 0.6), rng.uniform(0.45, 0.95))
    cx, cy = int(width * rng.uniform(0.35, 0.65)), int(height * rng.uniform(0.3, 0.5))
    r = int(min(width, height) * rng.uniform(0.16, 0.34))
    cv2.ellipse(
        area, (cx, height + r // 3), (int(r * 2.1), int(height - cy)), 0, 180, 360, palette.second, -1, cv2.LINE_AA
    )
    cv2.ellipse(area, (cx, cy - r // 5), (int(r * 0.95), int(r * 1.1)), 0, 0, 360, (25, 30, 40), -1, cv2.LINE_AA)
    cv2.ellipse(area, (cx, cy), (int(r * 0.75), r), rng.uniform(-15, 15), 0, 360, skin, -1, cv2.LINE_AA)


def _photo_coil(area: Picture, rng: Generator, palette: Palette) -> None:
    height, width = area.shape[:2]
    turns = np.linspace(0, rng.uniform(3, 6) * 2 * np.pi, 90)
    reach = turns / turns[-1] * min(width, height) * 0.45
    xs, ys = width / 2 + reach * np.cos(turns), height * 0.55 + reach * rng.uniform(0.5, 1) * np.sin(turns)
    pen = max(1, min(width, height) // 22)
    curve = [np.stack([xs, ys], 1).astype(np.int32)]
    cv2.polylines(area, curve, isClosed=False, color=palette.light, thickness=pen + 2, lineType=cv2.LINE_AA)
    cv2.polylines(area, curve, isClosed=False, color=palette.ink, thickness=pen, lineType=cv2.LINE_AA)


def _photo_scenery(area: Picture, rng: Generator, _palette: Palette) -> None:
    height, width = area.shape[:2]
    gradient(area, hsv(0.57, rng.uniform(0.2, 0.8), 0.95), hsv(0.1, 0.2, 1.0))
    for depth in range(3):
        xs = np.linspace(0, width, 8)
        ys = height * (0.35 + 0.2 * depth) + rng.normal(0, height * 0.1, 8)
        hill = np.concatenate([np.stack([xs, ys], 1), [[width, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(area, [hill], hsv(rng.choice([0.3, 0.36, 0.6, 0.08]), 0.6, 0.75 - 0.18 * depth), cv2.LINE_AA)


_PHOTOS: tuple[Callable[[Picture, Generator, Palette], None], ...] = (
    _photo_noise,
    _photo_heap,
    _photo_heap,
    _photo_bowl,
    _photo_character,
    _photo_person,
    _photo_coil,
    _photo_scenery,
)


def draw_photo(area: Picture, rng: Generator, palette: Palette) -> None:
    """Something that reads as a picture at a distance, drawn over `area` in place."""
    if min(area.shape[:2]) < 8:
        return
    if rng.random() < 0.3:
        _photo_noise(area, rng, palette)
    _PHOTOS[rng.integers(len(_PHOTOS))](area, rng, palette)


def _logo(
    canvas: Picture, rng: Generator, palette: Palette, centre: tuple[float, float], box_wh: tuple[float, float]
) -> None:
    script = SCRIPTS[rng.integers(len(SCRIPTS))]
    mask = script_mask(rng, script, 34, int(rng.integers(2, 6)))
    mask = fit(mask, box_wh[0] * 0.92, box_wh[1] * 0.8)
    width, height = mask.shape[1], mask.shape[0]
    ground: Colour = tuple(int(c) for c in canvas[int(centre[1]) % canvas.shape[0], int(centre[0]) % canvas.shape[1]])  # type: ignore[assignment]
    badge = rng.random()
    cx, cy = int(centre[0]), int(centre[1])
    if badge < 0.45:
        plate = (palette.accent, palette.second, palette.light, palette.ink)[rng.integers(4)]
        if badge < 0.2:
            cv2.ellipse(canvas, (cx, cy), (int(width * 0.62), int(height * 0.95)), 0, 0, 360, plate, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(
                canvas,
                (cx - int(width * 0.56), cy - int(height * 0.75)),
                (cx + int(width * 0.56), cy + int(height * 0.75)),
                plate,
                -1,
            )
        ground = plate
    if rng.random() < 0.25:
        mask = shear(mask, rng.uniform(0.1, 0.3))
    if rng.random() < 0.2:
        mask = rotate(mask, rng.uniform(-14, 14))
    edge = contrast_on(contrast_on(ground, palette, rng), palette, rng) if rng.random() < 0.35 else None
    outlined(canvas, mask, centre, contrast_on(ground, palette, rng), edge)


def _burst(canvas: Picture, rng: Generator, palette: Palette) -> None:
    height, width = canvas.shape[:2]
    r = int(min(height, width) * rng.uniform(0.1, 0.2))
    if r < 5:
        return
    cx, cy = int(rng.uniform(0.15, 0.85) * width), int(rng.uniform(0.12, 0.88) * height)
    colour = ((40, 40, 220), (20, 220, 250), palette.accent)[rng.integers(3)]
    cv2.circle(canvas, (cx, cy), r, colour, -1, cv2.LINE_AA)
    caption = ("NEW", "+20%", "2x", "10", "BIO", "FREE", "0%", "5+1")[rng.integers(8)]
    stamp(canvas, fit(text_mask(caption, 24, 1), r * 1.5, r), (cx, cy), contrast_on(colour, palette, rng))


def _details(canvas: Picture, rng: Generator, palette: Palette) -> None:
    """Offers, seals, claims and small print scattered over a face."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.5:
        _burst(canvas, rng, palette)
    for x, y, w, h in rng.random((int(rng.integers(0, 4)), 4)):
        x0, y0 = int(x * width * 0.8), int(y * height * 0.9)
        x1, y1 = (
            min(width - 1, x0 + int((0.15 + 0.4 * w) * width)),
            min(height - 1, y0 + int((0.04 + 0.12 * h) * height)),
        )
        if y1 - y0 < 6 or x1 - x0 < 8:
            continue
        plate = (palette.light, palette.accent, palette.second, palette.ink)[rng.integers(4)]
        if rng.random() < 0.5:
            cv2.rectangle(canvas, (x0, y0), (x1, y1), plate, -1)
            fine_print(canvas, (x0 + 2, y0 + 1, x1 - 1, y1), rng, contrast_on(plate, palette, rng), 5)
        else:
            fine_print(canvas, (x0, y0, x1, y1), rng, plate, 5)


def _notes(canvas: Picture, rng: Generator, palette: Palette, y: float) -> None:
    height, width = canvas.shape[:2]
    script = SCRIPTS[rng.integers(len(SCRIPTS))]
    mask = fit(script_mask(rng, script, 16, int(rng.integers(4, 9))), width * 0.8, max(5, height * 0.07))
    ground: Colour = tuple(int(c) for c in canvas[min(height - 1, int(y)), width // 2])  # type: ignore[assignment]
    stamp(canvas, mask, (width * rng.uniform(0.42, 0.58), y), contrast_on(ground, palette, rng))


def _layout_food(canvas: Picture, rng: Generator, palette: Palette) -> None:
    height, width = canvas.shape[:2]
    _ground(canvas, rng, palette)
    top = rng.uniform(0.3, 0.5)
    inset = int(width * rng.uniform(0, 0.12))
    draw_photo(canvas[int(height * top) : int(height * rng.uniform(0.8, 1.0)), inset : width - inset], rng, palette)
    _logo(
        canvas,
        rng,
        palette,
        (width / 2, height * rng.uniform(0.16, 0.28)),
        (width * rng.uniform(0.6, 0.98), height * rng.uniform(0.15, 0.32)),
    )
    _notes(canvas, rng, palette, height * (top - 0.03))
    _notes(canvas, rng, palette, height * 0.95)
    _details(canvas, rng, palette)


def _layout_centre(canvas: Picture, rng: Generator, palette: Palette) -> None:
    height, width = canvas.shape[:2]
    _ground(canvas, rng, palette)
    _logo(
        canvas,
        rng,
        palette,
        (width / 2, height * rng.uniform(0.35, 0.6)),
        (width * rng.uniform(0.7, 1.0), height * rng.uniform(0.2, 0.4)),
    )
    for y in rng.uniform(0.05, 0.95, int(rng.integers(1, 4))):
        _notes(canvas, rng, palette, height * y)
    _details(canvas, rng, palette)


def _layout_full_photo(canvas: Picture, rng: Generator, palette: Palette) -> None:
    height, width = canvas.shape[:2]
    _photo_noise(canvas, rng, palette)
    draw_photo(canvas, rng, palette)
    _logo(
        canvas,
        rng,
        palette,
        (width / 2, height * rng.uniform(0.12, 0.88)),
        (width * 0.9, height * rng.uniform(0.15, 0.3)),
    )
    _notes(canvas, rng, palette, height * rng.uniform(0.85, 0.96))


def _layout_plain(canvas: Picture, rng: Generator, palette: Palette) -> None:
    height, width = canvas.shape[:2]
    canvas[:] = palette.light if rng.random() < 0.5 else palette.ground
    if rng.random() < 0.6:
        y = int(height * rng.uniform(0.1, 0.7))
        cv2.rectangle(canvas, (0, y), (width, y + int(height * rng.uniform(0.05, 0.3))), palette.second, -1)
    _logo(
        canvas, rng, palette, (width / 2, height * rng.uniform(0.2, 0.4)), (width * rng.uniform(0.5, 0.9), height * 0.2)
    )
    for y in rng.uniform(0.4, 0.95, int(rng.integers(2, 5))):
        _notes(canvas, rng, palette, height * y)
    ink = contrast_on(palette.light, palette, rng)
    fine_print(
        canvas, (width // 6, int(height * 0.8), width * 5 // 6, int(height * 0.92)), rng, ink, max(3, height // 50)
    )


def _layout_warning(canvas: Picture, rng: Generator, palette: Palette) -> None:
    """Tobacco style: a brand on top, a framed picture and a text field below."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.55:
        canvas[:] = hsv(
            rng.choice([0.6, 0.0, 0.11, 0.35, 0.6]), rng.choice([0.05, 0.15, 0.8, 0.9]), rng.uniform(0.25, 0.97)
        )
    else:
        canvas[:] = palette.ground
    split = rng.uniform(0.3, 0.5)
    if rng.random() < 0.4:
        _swoosh(canvas[: int(height * split)], rng, palette.second)
    if rng.random() < 0.5:
        cv2.line(
            canvas, (0, int(height * 0.12)), (width, int(height * 0.12)), tuple(int(c * 0.7) for c in palette.ground), 1
        )
    _logo(
        canvas,
        rng,
        palette,
        (width * rng.uniform(0.45, 0.6), height * split * rng.uniform(0.4, 0.7)),
        (width * rng.uniform(0.5, 0.9), height * 0.2),
    )
    edge = int(width * rng.uniform(0, 0.08))
    y0 = int(height * split)
    y1 = int(height * rng.uniform(0.93, 1.0))
    canvas[y0:y1, edge : width - edge] = (12, 12, 12)
    rim = max(1, width // 30)
    text_top = int(y1 - (y1 - y0) * rng.uniform(0.15, 0.4))
    area = canvas[y0 + rim : text_top, edge + rim : width - edge - rim]
    photo_inks = make_palette(rng)
    _photo_noise(area, rng, photo_inks)
    draw_photo(area, rng, photo_inks)
    words = text_mask(f"{made_up_word(rng)} {made_up_word(rng)}", 16, 0)
    stamp(
        canvas,
        fit(words, (width - 2 * edge) * 0.86, (y1 - text_top) * 0.4),
        (width / 2, text_top + (y1 - text_top) * 0.3),
        (240, 240, 240),
    )
    fine_print(canvas, (edge + 3, text_top + (y1 - text_top) // 2, width - edge - 3, y1 - 2), rng, (60, 60, 220), 4)


def _layout_drink(canvas: Picture, rng: Generator, palette: Palette) -> None:
    height, width = canvas.shape[:2]
    gradient(canvas, palette.ground, palette.ground if rng.random() < 0.5 else palette.second)
    if rng.random() < 0.6:
        _swoosh(canvas, rng, palette.second)
        _swoosh(canvas, rng, palette.light)
    mask = script_mask(rng, SCRIPTS[rng.integers(len(SCRIPTS))], 34, int(rng.integers(2, 5)))
    if rng.random() < 0.45:
        mask = cv2.rotate(mask, cv2.ROTATE_90_CLOCKWISE if rng.random() < 0.3 else cv2.ROTATE_90_COUNTERCLOCKWISE)
        mask = fit(mask, width * 0.6, height * 0.7)
    else:
        mask = fit(mask, width * 0.9, height * 0.3)
    edge = palette.light if rng.random() < 0.3 else None
    outlined(
        canvas, mask, (width / 2, height * rng.uniform(0.35, 0.6)), contrast_on(palette.ground, palette, rng), edge
    )
    if rng.random() < 0.6:
        r = int(width * rng.uniform(0.2, 0.32))
        y = int(height * rng.uniform(0.65, 0.85))
        _photo_heap(canvas[max(0, y - r) : y + r, max(0, width // 2 - r) : width // 2 + r], rng, palette)
    _notes(canvas, rng, palette, height * 0.93)


def _layout_panel(canvas: Picture, rng: Generator, palette: Palette) -> None:
    """The back or side of a pack: small print, a nutrition table, a barcode."""
    height, width = canvas.shape[:2]
    _ground(canvas, rng, palette)
    x0, y0, x1, y1 = int(width * 0.08), int(height * 0.3), int(width * 0.92), int(height * 0.72)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), palette.light, -1)
    for y in range(y0 + 4, y1 - 3, max(5, height // 24)):
        cv2.line(canvas, (x0, y), (x1, y), (90, 90, 90), 1)
        cv2.line(canvas, (x0 + 3, y + 3), (x0 + (x1 - x0) // 2, y + 3), (40, 40, 40), 1)
    barcode(canvas, (int(width * 0.5), int(height * 0.78), int(width * 0.92), int(height * 0.93)), rng)
    _logo(canvas, rng, palette, (width / 2, height * 0.15), (width * 0.8, height * 0.2))


def _layout_wide(canvas: Picture, rng: Generator, palette: Palette) -> None:
    height, width = canvas.shape[:2]
    _ground(canvas, rng, palette)
    split = rng.uniform(0.45, 0.7)
    left = bool(rng.random() < 0.5)
    x0, x1 = (0, int(width * (1 - split))) if left else (int(width * split), width)
    draw_photo(canvas[:, x0:x1], rng, palette)
    middle = width * ((1 - split) + split / 2 if left else split / 2)
    _logo(canvas, rng, palette, (middle, height * rng.uniform(0.35, 0.55)), (width * split * 0.95, height * 0.5))
    _notes(canvas, rng, palette, height * 0.9)
    if rng.random() < 0.5:
        _burst(canvas, rng, palette)


LAYOUTS: dict[str, Callable[[Picture, Generator, Palette], None]] = {
    "food": _layout_food,
    "centre": _layout_centre,
    "photo": _layout_full_photo,
    "plain": _layout_plain,
    "warning": _layout_warning,
    "drink": _layout_drink,
    "panel": _layout_panel,
    "wide": _layout_wide,
}
_USUAL = ("food", "food", "food", "centre", "centre", "photo", "plain", "wide", "drink", "panel")
