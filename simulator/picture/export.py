# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings store render`: random bays as JPEG files with their ground truth beside them."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from simulator.picture.coco import RenderedImage, coco_document
from simulator.picture.random_scene import random_scene
from simulator.picture.render import render_scene

_JPEG_QUALITY: Final = 95
"""The look of a scene holds its camera's own JPEG faults already; the file adds next to none."""
_CHUNK: Final = 8


def write_render(index: int, *, folder: Path, seed: int, wh_px: tuple[int, int]) -> tuple[RenderedImage, float]:
    """Draw the `index`-th bay of `seed` into `folder`; answer what is in it and the seconds of processor time."""
    cv2.setNumThreads(1)
    started_s = time.process_time()
    rng = np.random.default_rng((seed, index))
    view = render_scene(random_scene(rng, wh_px), rng)
    file_name = f"bay-{index:06d}.jpg"
    if not cv2.imwrite(str(folder / file_name), view.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]):
        raise OSError(f"{folder / file_name}: cannot be written")
    return RenderedImage(file_name, wh_px, seed, view.boxes), time.process_time() - started_s


def render_command(
    *,
    out: Annotated[Path, typer.Option(help="Folder for images/ and annotations.json; must not hold them yet.")],
    count: Annotated[int, typer.Option(min=1, help="Pictures to draw.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same pictures.")] = 0,
    width: Annotated[int, typer.Option(min=64, help="Pixels.")] = 640,
    height: Annotated[int, typer.Option(min=64, help="Pixels.")] = 480,
    processes: Annotated[int, typer.Option(min=1, help="Processes that draw side by side.")] = 1,
) -> None:
    """Draw random bays: JPEG files and a COCO file with products, gaps, tags and defects."""
    console = Console(stderr=True)
    truth_path, folder = out / "annotations.json", out / "images"
    if truth_path.exists() or folder.exists():
        console.print(f"facings store render: {out} holds pictures already; name a new folder", markup=False)
        raise typer.Exit(2)
    try:
        folder.mkdir(parents=True)
        draw = partial(write_render, folder=folder, seed=seed, wh_px=(width, height))
        images, processor_s, wall_s = _draw_all(console, draw, count, processes)
        truth_path.write_text(json.dumps(coco_document(images)), encoding="utf-8")
    except OSError as error:
        console.print(f"facings store render: {error}", markup=False)
        raise typer.Exit(2) from error
    boxes_count = sum(len(image.boxes) for image in images)
    typer.echo(
        f"{count} pictures, {boxes_count} boxes in {out}: {count / processor_s:.1f} frames per second and core "
        f"(with writing them; {wall_s:.0f} s on the clock)"
    )


def _draw_all(
    console: Console, draw: Callable[[int], tuple[RenderedImage, float]], count: int, processes: int
) -> tuple[list[RenderedImage], float, float]:
    images: list[RenderedImage] = []
    processor_s, started_s = 0.0, time.monotonic()
    with (
        Progress(console=console) as bars,
        multiprocessing.get_context("spawn").Pool(processes) as pool,
    ):
        task = bars.add_task("bays", total=count)
        for image, spent_s in pool.imap(draw, range(count), chunksize=_CHUNK):
            images.append(image)
            processor_s += spent_s
            bars.advance(task)
    return images, max(processor_s, 1e-9), time.monotonic() - started_s
