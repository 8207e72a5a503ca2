# SPDX-License-Identifier: AGPL-3.0-or-later
"""Furniture as textures: boards, rails, back panels and the clutter that is not for sale."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from simulator.picture.grounds import gradient
from simulator.picture.materials import pyramid, with_alpha
from simulator.picture.printing import (
    SCRIPTS,
    Colour,
    Picture,
    dimmed,
    fit,
    hsv,
    make_palette,
    script_mask,
    stamp,
    text_mask,
)
from simulator.picture.prints import print_picture, printed_face
from simulator.picture.scene import BackKind, Bay, BoardKind, Prop, ShelfRow


def speckle(picture: Picture, rng: Generator, sigma: float) -> None:
    """Uneven paint and grain, in place."""
    height, width = picture.shape[:2]
    grain: Picture = rng.normal(0, sigma, (max(2, height // 3), max(2, width // 3), 1)).astype(np.float32)
    grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    picture[:] = np.clip(picture + grain, 0, 255).astype(np.uint8)


def wood_grain(width: int, height: int, colour: Colour, rng: Generator) -> Picture:
    """A plank: streaks along its width."""
    rough = rng.normal(0, 1, (max(3, height // 2), max(3, width // 40))).astype(np.float32)
    grain = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(np.array(colour, np.float32) * (1 + 0.13 * grain), 0, 255).astype(np.uint8)


@lru_cache(maxsize=160)
def board_top(kind: BoardKind, colour: Colour, seed: int) -> tuple[Picture, ...]:
    """The upper side of a board, 256 x 64: row 0 is the back."""
    rng = np.random.default_rng((seed, 1))
    if kind == "wire":
        board = np.zeros((64, 256, 4), np.uint8)
        for x in range(0, 256, 7):
            board[:, x : x + 2] = (*colour, 255)
        for y in (2, 30, 58):
            board[y : y + 3] = (*colour, 255)
        return pyramid(board)
    board = wood_grain(256, 64, colour, rng) if kind == "wood" else np.full((64, 256, 3), colour, np.uint8)
    if kind == "metal":
        speckle(board, rng, 3)
        if rng.random() < 0.3:
            for y in range(6, 64, 12):
                for x in range(4, 256, 12):
                    cv2.ellipse(board, (x, y), (3, 2), 0, 0, 360, tuple(int(c * 0.55) for c in colour), -1)
    if kind == "glass":
        alpha = np.full((64, 256), 120, np.uint8)
        return pyramid(with_alpha(board, alpha))
    depth = np.linspace(rng.uniform(0.35, 0.75), 1.0, 64, dtype=np.float32)[:, None, None]
    return pyramid(with_alpha((board * depth).astype(np.uint8)))


@lru_cache(maxsize=160)
def board_under(colour: Colour, seed: int) -> tuple[Picture, ...]:
    """The lower side of a board, 256 x 64: row 0 is the back. Folded edges run along it."""
    rng = np.random.default_rng((seed, 2))
    board = np.empty((64, 256, 3), np.uint8)
    gradient(board, dimmed(colour, 0.35), dimmed(colour, rng.uniform(0.5, 0.85)))
    for y in (8, 30, 56):
        board[y : y + 2] = (board[y : y + 2] * 0.7).astype(np.uint8)
    for x in rng.integers(10, 246, 2):
        board[:, x : x + 3] = (board[:, x : x + 3] * 0.75).astype(np.uint8)
    return pyramid(with_alpha(board))


@lru_cache(maxsize=400)
def rail_front(colour: Colour, seed: int) -> tuple[Picture, ...]:
    """The front edge of a board, 640 x 32: plain, profiled, banded, or filled with a printed strip."""
    rng = np.random.default_rng((seed, 3))
    rail = np.empty((32, 640, 3), np.uint8)
    gradient(rail, dimmed(colour, 1.1), dimmed(colour, rng.uniform(0.6, 0.95)))
    kind = rng.random()
    if kind < 0.3:
        rail[3:5] = (rail[3:5] * 0.65).astype(np.uint8)
        rail[25:27] = (rail[25:27] * 0.7).astype(np.uint8)
        rail[1] = np.clip(rail[1] * 1.3, 0, 255).astype(np.uint8)
    elif kind < 0.42:
        rail[6:26] = hsv(rng.random(), rng.uniform(0, 0.9), rng.uniform(0.4, 1))
    elif kind < 0.53:
        rail[4:28] = wood_grain(640, 24, hsv(0.05, 0.5, rng.uniform(0.15, 0.5)), rng)
    elif kind < 0.71:
        _picture_strip(rail, rng)
    elif kind < 0.85:
        x = 0
        while x < 640:
            span = int(rng.integers(30, 130))
            patch = rail[3:29, x : x + span]
            if patch.shape[1] > 20:
                inks = make_palette(rng)
                patch[:] = inks.ground if rng.random() < 0.7 else inks.light
                if rng.random() < 0.6:
                    print_picture(patch[:, : patch.shape[1] // 2], rng, inks)
                script = SCRIPTS[rng.integers(len(SCRIPTS))]
                mask = fit(script_mask(rng, script, 14, 4), patch.shape[1] * 0.6, 12)
                stamp(patch, mask, (patch.shape[1] * 0.6, 13), inks.ink)
            x += span + int(rng.integers(0, 20))
    else:
        speckle(rail, rng, 4)
    return pyramid(with_alpha(rail))


def _picture_strip(rail: Picture, rng: Generator) -> None:
    """Small prints of packs and their making side by side, in place: advertisements between the prices."""
    x = 0
    while x < rail.shape[1]:
        span = int(rng.integers(14, 52))
        patch = rail[2:30, x : x + span]
        if rng.random() < 0.75 and patch.shape[1] > 8:
            face = printed_face(int(rng.integers(4000)), 48, 56, "" if rng.random() < 0.7 else "photo")
            patch[:] = cv2.resize(face, (patch.shape[1], patch.shape[0]), interpolation=cv2.INTER_AREA)
        x += span + int(rng.choice([0, 1, 2, 12], p=[0.4, 0.25, 0.2, 0.15]))


def _mesh(panel: Picture, colour: Colour, rng: Generator) -> Picture:
    """A wire grid with the dim backs of the next aisle's goods behind it."""
    panel[:] = tuple(int(c * rng.uniform(0.15, 0.35)) for c in colour)
    light, tall = rng.uniform(0.3, 1.0), int(rng.choice([64, 96, 128, 192]))
    for y in range(0, 512, tall):
        x = 0
        while x < 512:
            span = int(rng.integers(tall // 4, tall))
            if rng.random() < 0.9:
                face = printed_face(int(rng.integers(4000)), 64, 96)
                face = cv2.resize(face, (span, int(tall * rng.uniform(0.6, 0.9))), interpolation=cv2.INTER_AREA)
                patch = panel[y + tall - face.shape[0] : y + tall, x : x + span]
                face = face[: patch.shape[0], : patch.shape[1]]
                patch[:] = (face * light * rng.uniform(0.6, 1.0)).astype(np.uint8)
            x += span + int(rng.choice([0, 3, 12]))
    panel = cv2.GaussianBlur(panel, (0, 0), float(rng.uniform(0.8, 3.0)))
    pitch = int(rng.integers(16, 30))
    for at in range(0, 512, pitch):
        panel[:, at : at + 2] = colour
        panel[at : at + 2] = colour
    return panel


@lru_cache(maxsize=200)
def back_panel(kind: BackKind, colour: Colour, seed: int) -> tuple[Picture, ...]:
    """The panel behind the goods, 256 x 256 and coarser, covering about 1 m a side: it is never in focus."""
    rng = np.random.default_rng((seed, 4))
    panel: Picture = np.full((512, 512, 3), colour, np.uint8)
    if kind == "wood":
        panel = wood_grain(512, 512, colour, rng)
    elif kind == "pegboard":
        pitch = int(rng.integers(11, 20))
        for y in range(pitch // 2, 512, pitch):
            for x in range(pitch // 2, 512, pitch):
                cv2.circle(panel, (x, y), 2, tuple(int(c * 0.3) for c in colour), -1)
    elif kind == "slatwall":
        for y in range(0, 512, int(rng.integers(30, 60))):
            panel[y : y + 5] = (panel[y : y + 5] * 0.35).astype(np.uint8)
    elif kind == "mesh":
        panel = _mesh(panel, colour, rng)
    speckle(panel, rng, 4)
    return pyramid(with_alpha(panel))[1:]


@lru_cache(maxsize=16)
def fence_texture(kind: str, seed: int) -> tuple[Picture, ...]:
    """What keeps packs from falling: a clear strip or wires, 512 x 32."""
    rng = np.random.default_rng((seed, 7))
    face = np.full((32, 512, 3), 240, np.uint8)
    mask = np.zeros((32, 512), np.uint8)
    if kind == "wire":
        face[:] = (225, 225, 225)
        mask[0:3] = 255
        mask[15:17] = 235
        pitch = int(rng.integers(36, 130))
        for x in range(0, 512, pitch):
            mask[:, x : x + 2] = 245
    else:
        mask[:] = int(rng.integers(18, 60))
        mask[:2] = int(rng.integers(120, 220))
        for x in rng.integers(0, 500, 5):
            cv2.line(mask, (int(x), 31), (int(x) + 20, 0), 110, int(rng.integers(2, 9)))
    return pyramid(with_alpha(face, mask))


def _wobbler(rng: Generator) -> Picture:
    """A round or starred card, 96 x 96, with a word on it."""
    face = printed_face(int(rng.integers(4000)), 96, 96, "plain")
    ink = make_palette(rng)
    if rng.random() < 0.7:
        face[:] = ink.accent
        word = ("SALE", "-30%", "NEW", "2+1", "BIO", "WOW")[rng.integers(6)]
        stamp(face, fit(text_mask(word, 40, 3), 70, 34), (48, 46), ink.light)
    mask = np.zeros((96, 96), np.uint8)
    if rng.random() < 0.6:
        cv2.circle(mask, (48, 48), 46, 255, -1, cv2.LINE_AA)
    else:
        turns = np.linspace(0, 2 * np.pi, 33)[:-1]
        reach = np.where(np.arange(32) % 2 == 0, 46.0, 38.0)
        points = np.stack([48 + reach * np.cos(turns), 48 + reach * np.sin(turns)], axis=1)
        cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
    return with_alpha(face, mask)


@lru_cache(maxsize=256)
def prop_texture(kind: str, seed: int, colour: Colour, opacity: float) -> tuple[Picture, ...]:
    """Posters, promotional strips, talkers, cartons, walls: printed or plain, never for sale."""
    rng = np.random.default_rng((seed, 8))
    if kind in ("poster", "talker", "card"):
        layout = ("food", "photo", "centre", "plain")[rng.integers(4)]
        face = printed_face(int(rng.integers(4000)), 200, 240, layout)
        if rng.random() < 0.5:
            stamp(
                face,
                fit(text_mask(("SALE", "-50%", "NEW!", "2 FOR 1", "HELLO", "BIO")[rng.integers(6)], 48, 3), 170, 60),
                (100, 60),
                make_palette(rng).accent,
            )
    elif kind == "wobbler":
        return pyramid(_wobbler(rng))
    elif kind == "strip":
        face = printed_face(int(rng.integers(4000)), 300, 40, "wide")
    elif kind == "carton":
        face = np.full((120, 160, 3), hsv(0.09, 0.4, rng.uniform(0.5, 0.8)), np.uint8)
        face[56:64] = (face[56:64] * 0.85).astype(np.uint8)
        stamp(face, fit(script_mask(rng, SCRIPTS[rng.integers(len(SCRIPTS))], 24, 4), 90, 30), (80, 30), (50, 70, 90))
        speckle(face, rng, 4)
    elif kind == "clutter":
        face = printed_face(int(rng.integers(4000)), 160, 160, "wide")
        face[: int(rng.integers(20, 90))] = hsv(0.08, 0.35, rng.uniform(0.3, 0.8))
        face = cv2.GaussianBlur(face, (0, 0), float(rng.uniform(1, 4)))
    elif kind == "floor":
        face = np.full((128, 128, 3), colour, np.uint8)
        speckle(face, rng, 8)
        step = int(rng.integers(24, 64))
        face[::step] = (face[::step] * 0.75).astype(np.uint8)
        face[:, ::step] = (face[:, ::step] * 0.75).astype(np.uint8)
    else:
        face = np.full((64, 64, 3), colour, np.uint8)
        speckle(face, rng, 4)
        if kind == "upright":
            for y in range(3, 64, 8):
                face[y : y + 3, 24:30] = (25, 25, 25)
                face[y : y + 3, 36:42] = (25, 25, 25)
    mask = None if opacity >= 1 else np.full(face.shape[:2], int(255 * opacity), np.uint8)
    return pyramid(with_alpha(face, mask))


def texture_of_prop(prop: Prop) -> tuple[Picture, ...]:
    """The texture of a placed prop."""
    return prop_texture(prop.kind, prop.seed % 60, prop.bgr, prop.opacity)


def textures_of_row(row: ShelfRow) -> tuple[tuple[Picture, ...], tuple[Picture, ...], tuple[Picture, ...]]:
    """Top, underside and front of a row's board."""
    seed = row.rail_seed % 60
    sides = board_top(row.board, row.board_bgr, seed % 6), board_under(row.board_bgr, seed % 6)
    return (*sides, rail_front(row.rail_bgr, seed))


def texture_of_back(bay: Bay) -> tuple[Picture, ...]:
    """The bay's back panel."""
    return back_panel(bay.back, bay.back_bgr, bay.back_seed % 3)
