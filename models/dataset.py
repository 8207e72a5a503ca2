# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds what a detector learns from: renders with fresh luck, and cuts of the photographs that may train."""

import multiprocessing
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from contract.model_card import DEFECT_LABELS, DetectorLabel
from models.annotations import Photograph, as_boxes
from models.errors import LicenceError
from models.pictures import (
    Picture,
    cut,
    from_photograph,
    random_window,
    read_photograph_bgr,
    typical_facing_height_px,
)
from models.recipe import Recipe, Stage
from models.samples import Sample, keep_labels, sample_at, write_sample
from simulator.picture.goods_mix import GoodsMix
from simulator.picture.random_scene import random_scene
from simulator.picture.render import RenderedView, render_scene

CANVASES_WH_PX = ((832, 468), (768, 576), (672, 672), (576, 768))
"""Scenes are drawn in the shapes of shop cameras and phones, about twice as large as the network sees them."""
HIDDEN_FRACTION = 0.35
"""A rendered box of which less can be seen is ignored, as the photographs' annotators ignored it."""
SMALLEST_JUDGED_SIDE_PX = 24.0
"""On a pack whose shorter side is less in the written picture, a dent is a few pixels, and nobody can tell."""
HARMED_FRACTIONS = {"damaged_fraction": 0.16, "toppled_fraction": 0.04}
"""How many packs are harmed in a picture that teaches defects."""
VALIDATION_SPLIT = "val"
PHOTOGRAPH_STREAM = 1
VALIDATION_STREAM = 2

Corners: TypeAlias = tuple[float, float, float, float]


def render_picture(seed: tuple[int, int, int], recipe: Recipe, *, held_out: bool = False) -> Picture:
    """One render with fresh luck, cut to the recipe's scale; the same seed gives the same picture.

    `held_out` draws packs of brands that train nothing.
    """
    rng = np.random.default_rng(seed)
    canvas_wh_px = CANVASES_WH_PX[int(rng.integers(len(CANVASES_WH_PX)))]
    harmed = rng.random() < recipe.renders.harmed_fraction
    mix = GoodsMix(held_out=held_out, **HARMED_FRACTIONS) if harmed else GoodsMix(held_out=held_out)
    view = render_scene(random_scene(rng, canvas_wh_px, mix=mix), rng)
    boxes, hidden = boxes_by_label(view, recipe.labels)
    whole = Picture(
        np.asarray(view.image_bgr, dtype=np.uint8),
        {label: as_boxes(rows) for label, rows in boxes.items()},
        {label: as_boxes(rows) for label, rows in hidden.items()},
    )
    return without_tiny_defects(vary_scale(rng, whole, recipe))


def without_tiny_defects(picture: Picture) -> Picture:
    """The picture with the defects of packs that are too small to judge left open, neither taught nor asked for."""
    boxes, ignored = dict(picture.boxes_px), dict(picture.ignored_px)
    for label in DEFECT_LABELS & boxes.keys():
        sides_px = (boxes[label][:, 2:] - boxes[label][:, :2]).min(axis=1, initial=np.inf)
        judged = sides_px >= SMALLEST_JUDGED_SIDE_PX
        ignored[label] = np.concatenate([ignored[label], boxes[label][~judged]])
        boxes[label] = boxes[label][judged]
    return replace(picture, boxes_px=boxes, ignored_px=ignored)


def boxes_by_label(
    view: RenderedView, labels: tuple[DetectorLabel, ...]
) -> tuple[dict[DetectorLabel, list[Corners]], dict[DetectorLabel, list[Corners]]]:
    """What a render teaches, and what it leaves open: corners in pixels for each of `labels`.

    A pack behind an empty front is no facing, yet it looks like one that was pushed back: neither is taught.
    """
    taught: dict[DetectorLabel, list[Corners]] = {label: [] for label in labels}
    ignored: dict[DetectorLabel, list[Corners]] = {label: [] for label in labels}
    for box in view.boxes:
        label = DetectorLabel(box.label)
        if label in taught:
            unclear = box.depth_index > 0 or box.visible_fraction < HIDDEN_FRACTION
            (ignored if unclear else taught)[label].append(box.xyxy_px)
    return taught, ignored


def vary_scale(rng: np.random.Generator, picture: Picture, recipe: Recipe) -> Picture:
    """The whole view or a cut of it, so that facing heights at the network's input spread over the recipe's range."""
    long_side_px = recipe.train_input_px
    facing_px = typical_facing_height_px(picture)
    smallest_px = facing_px * long_side_px / max(picture.wh_px)
    lowest_px, highest_px = recipe.renders.facing_height_range_px
    window = (0, 0, *picture.wh_px)
    if rng.random() >= recipe.renders.whole_view_fraction and smallest_px < highest_px:
        target_px = float(np.exp(rng.uniform(np.log(max(lowest_px, smallest_px)), np.log(highest_px))))
        window = random_window(rng, picture, facing_px, target_px, long_side_px)
    return cut(picture, window, long_side_px)


def write_renders(
    folder: Path, recipe: Recipe, split: str, count: int, *, processes: int = 1, progress: Callable[[int], None] = print
) -> list[Sample]:
    """Draw `count` renders into `folder`; what is already there stays, so an interrupted run goes on."""
    keep_labels(folder, recipe.labels)
    stream = VALIDATION_STREAM if split == VALIDATION_SPLIT else 0
    write = partial(_write_render, folder=folder, recipe=recipe, split=split, stream=stream)
    samples: list[Sample] = []
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for sample in pool.imap(write, range(count), chunksize=8):
            samples.append(sample)
            if len(samples) % 100 == 0:
                progress(len(samples))
    return samples


def _write_render(index: int, *, folder: Path, recipe: Recipe, split: str, stream: int) -> Sample:
    cv2.setNumThreads(1)
    sample = sample_at(folder, split, f"render-{index:06d}")
    if not sample.label_path.exists():
        seed = (recipe.renders.seed, stream, index)
        rng = np.random.default_rng((*seed, 7))
        picture = render_picture(seed, recipe, held_out=split == VALIDATION_SPLIT)
        write_sample(sample, picture, recipe.labels, jpeg_quality=int(rng.integers(55, 96)))
    return sample


def write_photographs(folder: Path, recipe: Recipe, photographs: Iterable[Photograph], stage: Stage) -> list[Sample]:
    """Cut pictures at random scales out of every photograph, as many as the stage shows of its source.

    Raises LicenceError when one of them may not train, AnnotationsError when its file is no picture.
    """
    samples = []
    mark = "s" if stage.photographs_are_sound else ""
    for number, photograph in enumerate(photographs):
        if not photograph.may_train:
            raise LicenceError(f"{photograph.path.name}: may_train is false ({photograph.licence}); leave it out")
        image_bgr = read_photograph_bgr(photograph)
        whole = from_photograph(photograph, image_bgr, recipe.labels, sound=stage.photographs_are_sound)
        for variant in range(stage.repeat_count(photograph.source)):
            rng = np.random.default_rng((recipe.seed, PHOTOGRAPH_STREAM, number, variant))
            sample = sample_at(folder, "photographs", f"{photograph.path.stem}-{variant:03d}{mark}")
            if not sample.label_path.exists():
                picture = vary_scale(rng, whole, recipe)
                write_sample(sample, picture, recipe.labels, jpeg_quality=int(rng.integers(60, 96)))
            samples.append(sample)
    return samples
