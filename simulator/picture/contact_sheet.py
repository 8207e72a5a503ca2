# SPDX-License-Identifier: AGPL-3.0-or-later
"""A sheet of random bays with their true boxes, to be judged by eye."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from simulator.picture.printing import Picture
from simulator.picture.random_scene import random_scene
from simulator.picture.render import RenderedView, render_scene

_INK = {"product": (0, 255, 0), "gap": (0, 0, 255), "price_tag": (255, 128, 0)}
_DEFECT_INK = (255, 0, 255)


def with_boxes(view: RenderedView) -> Picture:
    """A copy of the picture with boxes: products green, gaps red, tags blue, those too hidden to count grey."""
    picture = view.image_bgr.copy()
    for box in view.boxes:
        x0, y0, x1, y1 = (round(v) for v in box.xyxy_px)
        cv2.rectangle(
            picture, (x0, y0), (x1, y1), _INK.get(box.label, _DEFECT_INK) if box.is_clear else (150, 150, 150), 1
        )
    return picture


def contact_sheet(seed: int, columns: int, rows: int, tile_wh_px: tuple[int, int], *, boxes: bool = True) -> Picture:
    """`columns` x `rows` random bays; each tile has its own seed, counted from `seed`."""
    tiles = []
    for index in range(columns * rows):
        rng = np.random.default_rng(seed + index)
        view = render_scene(random_scene(rng, tile_wh_px), rng)
        tiles.append(with_boxes(view) if boxes else view.image_bgr)
    return np.vstack([np.hstack(tiles[r * columns : (r + 1) * columns]) for r in range(rows)])


def main() -> None:
    """Write a contact sheet: `python -m simulator.picture.render --sheet OUT.png`."""
    parser = argparse.ArgumentParser(description="Write a sheet of random shelf bays with their true boxes.")
    parser.add_argument("--sheet", type=Path, required=True, help="picture to write (.png or .jpg)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--width", type=int, default=640, help="pixels of one bay")
    parser.add_argument("--height", type=int, default=480, help="pixels of one bay")
    parser.add_argument("--plain", action="store_true", help="leave the boxes out")
    wanted = parser.parse_args()
    sheet = contact_sheet(
        wanted.seed, wanted.columns, wanted.rows, (wanted.width, wanted.height), boxes=not wanted.plain
    )
    if not cv2.imwrite(str(wanted.sheet), sheet):
        parser.error(f"cannot write {wanted.sheet}: give a path that ends in .png or .jpg in an existing folder")
