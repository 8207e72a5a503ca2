# SPDX-License-Identifier: AGPL-3.0-or-later
"""Training: renders, then photographs, stage after stage, from scratch and resumable."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.model_card import DetectorLabel
from models.annotations import EVALUATION_PART, Photograph, read_annotations
from models.dataset import VALIDATION_SPLIT, write_photographs, write_renders
from models.errors import TrainExtraMissing, WorkshopError
from models.held_out import StageScored, score_stage
from models.manifest import start_manifest, write_manifest
from models.recipe import Recipe, Stage, read_recipe
from models.samples import Sample
from models.score_words import score_words
from models.stage_progress import StageProgress
from models.training_inputs import keep_inputs
from models.training_page import PAGE_NAME, write_report

DONE_FILE = "done"
KEPT_ON_RESUMING = ("model", "data", "device", "workers", "cache", "val", "plots")
"""What may differ from what a checkpoint remembers; the rest of its settings stays."""


@dataclass(frozen=True)
class Trained:
    """What a training left behind: the weights after each stage, in order, the manifest of its pictures, a page."""

    weights: dict[str, Path]
    manifest: Path
    report: Path


def train(
    recipe_path: Path,
    output: Path,
    *,
    annotations: Path | None = None,
    start: Path | None = None,
    processes: int = 1,
    threads: int = 2,
    device: str = "cpu",
    say: Callable[[str], None] = print,
) -> Trained:
    """Train by a recipe into `output`; called again, it goes on where it stopped.

    `annotations` names a COCO file whose photographs take part in stages that ask for photographs, if their licence
    allows. `start` names earlier weights of ours to go on from: a checkpoint with its manifest three
    folders up, or a shipped ONNX file with card and manifest beside it.
    Raises WorkshopError: RecipeError, AnnotationsError, LicenceError or TrainExtraMissing.
    """
    recipe = read_recipe(recipe_path)
    require_train_extra(output)
    if start is not None:
        start_manifest(start)  # weights of unknown descent are refused before anything is drawn
    photographs = photographs_of(recipe, annotations)
    keep_inputs(output, recipe, annotations, start)
    pictures = output / "pictures"
    say(f"drawing {recipe.renders.train_count} + {recipe.renders.validation_count} renders into {pictures}")
    checks = write_renders(pictures, recipe, VALIDATION_SPLIT, recipe.renders.validation_count, processes=processes)
    renders = write_renders(
        pictures,
        recipe,
        "train",
        recipe.renders.train_count,
        processes=processes,
        progress=lambda done_count: say(f"{done_count} of {recipe.renders.train_count} renders drawn"),
    )
    begin = start
    if start is not None and start.suffix == ".onnx":
        begin = _restored(start, recipe, [sample.image_path for sample in renders], output / "start.pt")
    shown = [photo for photo in photographs if any(stage.repeat_count(photo.source) for stage in recipe.stages)]
    manifest = write_manifest(output / "manifest.json", recipe_path, renders + checks, shown, start)
    weights: dict[str, Path] = {}
    scored: dict[str, StageScored] = {}
    report = output / PAGE_NAME
    for stage in recipe.stages:
        taking_part = [photograph for photograph in photographs if stage.repeat_count(photograph.source)]
        stage_cuts = write_photographs(pictures, recipe, taking_part, stage)
        samples = renders[: stage.renders_count] + stage_cuts
        say(f"stage {stage.name}: {len(samples)} pictures, {len(stage_cuts)} of them cut from photographs")
        previous = list(weights.values())[-1] if weights else begin
        data_file = _write_data_file(output / f"{stage.name}.yaml", recipe.labels, samples, checks)
        weights[stage.name] = _run_stage(recipe, stage, data_file, previous, threads=threads, device=device, say=say)
        scored[stage.name] = score_stage(weights[stage.name], stage.name, recipe, manifest, pictures)
        for line in scored[stage.name].lines:
            say(f"stage {stage.name}, held-out renders: {score_words(line)}")
        is_last = len(weights) == len(recipe.stages)
        report = write_report(output, recipe, pictures, scored, with_worst=is_last)
    return Trained(weights, manifest, report)


def _restored(onnx_path: Path, recipe: Recipe, pictures: list[Path], checkpoint: Path) -> Path:
    from models.cards import read_card  # noqa: PLC0415 - beside the parts that load torch
    from models.detecting import card_of  # noqa: PLC0415
    from models.restore import restore  # noqa: PLC0415

    return (
        checkpoint
        if checkpoint.exists()
        else restore(onnx_path, read_card(card_of(onnx_path)), recipe, pictures, checkpoint)
    )


def require_train_extra(settings_folder: Path) -> None:
    """Make sure that torch and ultralytics can be loaded, quiet and offline. Raises TrainExtraMissing."""
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(settings_folder.resolve()))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads collapse on a busy machine
    settings_folder.mkdir(parents=True, exist_ok=True)
    for module in ("torch", "ultralytics"):
        try:
            __import__(module)
        except ImportError as error:
            raise TrainExtraMissing(module) from error


def photographs_of(recipe: Recipe, annotations: Path | None) -> list[Photograph]:
    """The photographs for the stages that ask for some. Raises WorkshopError when such a stage would show none."""
    if not any(stage.photographs_repeat_count for stage in recipe.stages):
        return []
    if annotations is None:
        wanting = next(stage.name for stage in recipe.stages if stage.photographs_repeat_count)
        raise WorkshopError(f"stage {wanting} shows photographs: name their COCO file with --annotations")
    photographs = photographs_for(annotations)
    for stage in recipe.stages:
        _refuse_absent(stage, annotations, {photograph.source for photograph in photographs})
    return photographs


def _refuse_absent(stage: Stage, annotations: Path, sources: set[str]) -> None:
    """A stage that would show none of the photographs that it asks for is a mistake that only its scores would tell."""
    asked = stage.photographs_repeat_count
    wanted = {source for source, count in asked.items() if count} if isinstance(asked, dict) else set[str]()
    absent = sorted(wanted - sources)
    if absent or (asked and not sources):
        known = ", ".join(sorted(sources)) or "none"
        raise WorkshopError(
            f"stage {stage.name} shows photographs of {', '.join(absent) or 'any source'}; of the sources of "
            f"{annotations} these may train: {known}. Name them in photographs_repeat_count"
        )


def photographs_for(annotations: Path) -> list[Photograph]:
    """The photographs of a file that may train. Raises WorkshopError when the file is there to examine."""
    photographs = read_annotations(annotations)
    if any(photograph.split == EVALUATION_PART for photograph in photographs):
        raise WorkshopError(f"{annotations}: is the evaluation part of a split; what it trains it cannot judge")
    return [photograph for photograph in photographs if photograph.may_train]


def _write_data_file(
    path: Path, labels: tuple[DetectorLabel, ...], samples: list[Sample], checks: list[Sample]
) -> Path:
    for split, members in (("train", samples), ("val", checks)):
        lines = "".join(f"{sample.image_path.resolve()}\n" for sample in members)
        path.with_suffix(f".{split}.txt").write_text(lines, encoding="utf-8")
    names = "".join(f"  {index}: {label.value}\n" for index, label in enumerate(labels))
    path.write_text(
        f"path: {path.parent.resolve()}\ntrain: {path.stem}.train.txt\nval: {path.stem}.val.txt\nnames:\n{names}",
        encoding="utf-8",
    )
    return path


def _run_stage(
    recipe: Recipe,
    stage: Stage,
    data_file: Path,
    previous: Path | None,
    *,
    threads: int,
    device: str,
    say: Callable[[str], None],
) -> Path:
    from models.federated_trainer import is_finished, run_trainer, strip  # noqa: PLC0415 - torch loads only when training

    folder = data_file.parent / stage.name
    last = folder / "weights" / "last.pt"
    if (folder / DONE_FILE).exists():
        return last
    arguments = stage_arguments(recipe, stage)
    arguments |= {
        "model": str(previous or f"{recipe.network.architecture}.yaml"),
        "pretrained": previous is not None,  # without it ultralytics reads the file and keeps only its plan
        "data": str(data_file),
        "project": str(data_file.parent.resolve()),
        "name": stage.name,
        "device": device,
    }
    progress = StageProgress(folder, stage.name, minutes_limit=stage.minutes_limit, say=say)
    if last.exists() and (is_finished(last) or progress.is_over):
        strip(last)
    else:
        if last.exists():
            arguments = {name: arguments[name] for name in KEPT_ON_RESUMING} | {"resume": str(last)}
        run_trainer(arguments, network=recipe.network, labels=recipe.labels, threads=threads, progress=progress)
    (folder / DONE_FILE).touch()
    return last


def stage_arguments(recipe: Recipe, stage: Stage) -> dict[str, Any]:
    """What a recipe means in ultralytics' own words."""
    augmentation = recipe.augmentation
    return {
        "epochs": stage.epochs,
        "batch": recipe.batch_count,
        "nbs": recipe.batch_count,  # an optimizer step per batch: with few passes, steps are what is scarce
        "imgsz": stage.input_px or recipe.train_input_px,
        "optimizer": "AdamW",
        "lr0": stage.learning_rate,
        "cos_lr": True,
        "warmup_epochs": stage.warmup_epochs,
        "warmup_bias_lr": stage.learning_rate,
        "weight_decay": 0.0005,
        "scale": augmentation.zoom_fraction,
        "translate": augmentation.translate_fraction,
        "degrees": augmentation.rotate_degrees,
        "perspective": augmentation.perspective,
        "hsv_h": augmentation.hue_fraction,
        "hsv_s": augmentation.saturation_fraction,
        "hsv_v": augmentation.value_fraction,
        "mosaic": augmentation.mosaic_probability,
        "close_mosaic": 0,
        "amp": False,  # models.federated_trainer does it where the processor can
        "cache": "ram",
        "workers": 1,
        "plots": False,
        "val": False,
        "rect": recipe.rectangular,
        "max_det": 1500,
        "exist_ok": True,
        "seed": recipe.seed,
    }
