# SPDX-License-Identifier: AGPL-3.0-or-later
"""How fast bays are drawn, in seconds of processor time on one core, beside the work that cannot be saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.picture import painter
from simulator.picture.assortment import pack_style_for
from simulator.picture.random_scene import random_scene
from simulator.picture.render import finish, render_scene, render_still
from simulator.picture.scene import (
    Bay,
    CameraLook,
    FacingSlot,
    Gap,
    Occluder,
    PlacedPack,
    Scene,
    ShelfRow,
    View,
    stock_row,
    without_pack,
)

_JPEG_QUALITY = 85
_PASSES = 12


@dataclass(frozen=True, slots=True)
class RenderSpeed:
    """Milliseconds of processor time per picture, and pictures per second and core.

    Random bays are drawn with all artwork to be made (`cold`), and once more with all of it cached (`warm`); a long
    training run ends near the second. `warp_floor_ms` is what the bare warps of the warm bays take.
    """

    wh_px: tuple[int, int]
    count: int
    cold_fps: float
    warm_fps: float
    warm_ms: float
    boxes_per_bay: float
    warp_floor_ms: float
    warps_per_bay: float
    sale_ms: float
    passer_by_ms: float
    jpeg_floor_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def measure_render_speed(
    *, count: int, seed: int, wh_px: tuple[int, int], progress: Callable[[int], None] = lambda _done: None
) -> RenderSpeed:
    """Draw three times `count` random bays and some of one stocked bay. `progress` hears of every bay."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        cold_s, _ = _random_bays(range(count), seed, wh_px, progress)
        warm_s, boxes_count = _random_bays(range(count), seed, wh_px, progress)
        with _timed_warps() as warps_s:
            _random_bays(range(count), seed, wh_px, progress)
        sale_ms, passer_by_ms, jpeg_ms = _one_bay(wh_px)
    finally:
        cv2.setNumThreads(threads)
    return RenderSpeed(
        wh_px=wh_px,
        count=count,
        cold_fps=round(count / cold_s, 2),
        warm_fps=round(count / warm_s, 2),
        warm_ms=round(1000 * warm_s / count, 1),
        boxes_per_bay=round(boxes_count / count, 1),
        warp_floor_ms=round(1000 * sum(warps_s) / count, 1),
        warps_per_bay=round(len(warps_s) / count, 1),
        sale_ms=round(sale_ms, 1),
        passer_by_ms=round(passer_by_ms, 1),
        jpeg_floor_ms=round(jpeg_ms, 2),
    )


def _random_bays(
    indices: range, seed: int, wh_px: tuple[int, int], progress: Callable[[int], None]
) -> tuple[float, int]:
    boxes_count, started_s = 0, time.process_time()
    for index in indices:
        rng = np.random.default_rng((seed, index))
        boxes_count += len(render_scene(random_scene(rng, wh_px), rng).boxes)
        progress(1)
    return time.process_time() - started_s, boxes_count


@contextmanager
def _timed_warps() -> Iterator[list[float]]:
    """Seconds of every warp that painters make meanwhile."""
    spent: list[float] = []
    bare = painter.warp

    def timed(*args: Any) -> NDArray[Any]:
        started_s = time.perf_counter()
        patch = bare(*args)
        spent.append(time.perf_counter() - started_s)
        return patch

    painter.warp = timed
    try:
        yield spent
    finally:
        painter.warp = bare


def stocked_bay(wh_px: tuple[int, int]) -> Scene:
    """One metre of shelf as a shop's camera sees it: four rows, ten facings each, three deep."""
    rows = tuple(ShelfRow(y_mm=60.0 + 290 * i, clearance_mm=260.0, depth_mm=340.0, rail_seed=i) for i in range(4))
    bay = Bay(width_mm=1000.0, height_mm=1230.0, depth_mm=340.0, rows=rows)
    packs: list[PlacedPack] = []
    gaps: list[Gap] = []
    for index in range(len(rows)):
        style = pack_style_for(f"bench-{index}")
        count = int(960 // (style.width_mm + 4))
        slots = tuple(FacingSlot(f"{index}/{i}", 30 + (i + 0.5) * (style.width_mm + 4), style, 3) for i in range(count))
        row_packs, row_gaps = stock_row(bay, index, slots)
        packs += row_packs
        gaps += row_gaps
    focal_px = wh_px[1] * 2000 / 1400
    view = View((560.0, 900.0, 2000.0), (500.0, 615.0, 0.0), focal_px, wh_px, k1=-0.04)
    look = CameraLook(blur_px=0.4, noise_sigma=2.0)
    return Scene(bay=bay, view=view, packs=tuple(packs), gaps=tuple(gaps), look=look)


def _one_bay(wh_px: tuple[int, int]) -> tuple[float, float, float]:
    """Milliseconds to draw a bay again after a sale, to put a passer-by before it, and to encode the picture."""
    full = stocked_bay(wh_px)
    fronts = [pack.ref_id for pack in full.packs if pack.depth_index == 0]
    image = render_scene(full, np.random.default_rng(0)).image_bgr
    sold = [without_pack(full, fronts[i % len(fronts)]) for i in range(_PASSES)]
    sale_ms = _mean_ms(lambda i: render_scene(sold[i], np.random.default_rng(i)))
    still = render_still(full)
    passing = [
        Scene(full.bay, full.view, look=full.look, occluders=(Occluder("shopper", 100.0 + 60 * i, 600.0, seed=i),))
        for i in range(_PASSES)
    ]
    passer_by_ms = _mean_ms(lambda i: finish(still, passing[i], np.random.default_rng(i)))
    jpeg_ms = _mean_ms(lambda _: cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]))
    return sale_ms, passer_by_ms, jpeg_ms


def _mean_ms(act: Callable[[int], object]) -> float:
    started_s = time.process_time()
    for index in range(_PASSES):
        act(index)
    return 1000 * (time.process_time() - started_s) / _PASSES
