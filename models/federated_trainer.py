# SPDX-License-Identifier: AGPL-3.0-or-later
"""ultralytics' trainer, taught to read regions of ignorance and to use every core. Needs the `train` extra."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import LOGGER
from ultralytics.utils.torch_utils import strip_optimizer, unwrap_model

from contract.model_card import DEFECT_LABELS, DetectorLabel
from models.federated import federated_criterion
from models.network import network_plan
from models.recipe import Network
from models.rectangular import ShapedBatches
from models.stage_progress import StageProgress

PART_SUFFIX = ".part"


class _Settled(logging.Filter):
    """Drops ultralytics' warnings about what is so on purpose: pictures in memory, rectangles in our own order."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is to be shown."""
        return not any(words in record.getMessage() for words in ("cache='ram'", "'rect=True' is incompatible"))


_SETTLED = _Settled()


class FederatedTrainer(DetectionTrainer):  # type: ignore[misc]  # untyped where the train extra is absent
    """A detection trainer whose label files also hold ignored regions, as classes beyond the network's own."""

    data: Any
    last: Path
    best: Path
    plan: Any = None
    """The network, as `models.network` tells it."""

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Let the data sets read twice the classes; the network knows only the real ones."""
        plain: Any = self.data
        names = dict(plain["names"])
        names |= {index + len(names): f"ignored {name}" for index, name in plain["names"].items()}
        self.data = {**plain, "names": names, "nc": len(names)}
        try:
            return super().build_dataset(img_path, mode, batch)
        finally:
            self.data = plain

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Shuffle among pictures of one shape, where pictures keep theirs."""
        loader = super().get_dataloader(dataset_path, batch_size, rank, mode)
        dataset = loader.dataset
        if mode == "train" and dataset.rect:
            shapes = np.asarray(dataset.batch_shapes)[np.asarray(dataset.batch)]
            loader.batch_sampler.sampler = ShapedBatches(shapes, batch_size, self.args.seed)
            loader.reset()
        return loader

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:  # noqa: FBT001, FBT002 - ultralytics' signature
        """Build the recipe's network, whatever the weights to begin with were; those that fit are taken over."""
        return super().get_model(self.plan or cfg, weights, verbose)

    def save_model(self) -> bool:
        """Replace the last checkpoint only by a whole one, so that a power cut while writing leaves the one before."""
        last, best = self.last, self.best
        self.last, self.best = (path.with_suffix(PART_SUFFIX) for path in (last, best))
        try:
            saved = bool(super().save_model())
            for part, whole in ((self.last, last), (self.best, best)):
                if part.exists():
                    part.replace(whole)
        finally:
            self.last, self.best = last, best
        return saved

    def validate(self) -> tuple[dict[str, float], float]:
        """Judge nothing: after the last epoch ultralytics does so whatever it is told, and knows no regions."""
        return {}, 0.0

    def final_eval(self) -> None:
        """Leave the weights without the optimizer's memory; what they score is told by the node's own detector."""
        strip(self.last)
        self.best.unlink(missing_ok=True)  # nothing was judged on the way, so it is a copy

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Lay pixels out channels last, which a processor's convolutions read about a quarter faster."""
        batch = super().preprocess_batch(batch)
        return {**batch, "img": batch["img"].to(memory_format=torch.channels_last)}


def multiplies_in_bf16() -> bool:
    """Whether this processor multiplies in bfloat16 by itself, which halves the time of a step."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001 - torch has no public question


def strip(checkpoint: Path) -> None:
    """Take out of a checkpoint what only going on with its training needs."""
    part = checkpoint.with_suffix(PART_SUFFIX)
    strip_optimizer(checkpoint, str(part))
    part.replace(checkpoint)


def is_finished(checkpoint: Path) -> bool:
    """Whether a training that was cut off after its last epoch left this; there is nothing to go on with."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=False)
    return bool(saved["epoch"] < 0 or saved["epoch"] + 1 >= saved["train_args"]["epochs"])


def run_trainer(
    arguments: dict[str, Any],
    *,
    network: Network,
    labels: tuple[DetectorLabel, ...],
    threads: int,
    progress: StageProgress,
) -> None:
    """Train one stage to its end with ultralytics' `arguments`; `progress` speaks in place of ultralytics.

    On a processor that can, convolutions are computed in bfloat16; ultralytics itself does so on GPUs alone.
    """
    LOGGER.setLevel(logging.WARNING)
    LOGGER.addFilter(_SETTLED)
    trainer = FederatedTrainer(overrides=arguments)
    trainer.plan = network_plan(network)
    if len(trainer.data["names"]) != len(labels):
        raise AssertionError(f"{arguments['data']} names {trainer.data['names']}, not {len(labels)} labels")
    traits = frozenset(index for index, label in enumerate(labels) if label in DEFECT_LABELS)

    def on_train_start(started: Any) -> None:
        torch.set_num_threads(threads)  # ultralytics leaves one thread on two cores
        model = unwrap_model(started.model)
        model.to(memory_format=torch.channels_last)
        if started.device.type == "cpu" and multiplies_in_bf16():
            predict = model.predict

            def predict_in_bf16(*inputs: Any, **options: Any) -> Any:
                with torch.autocast("cpu", torch.bfloat16):
                    return predict(*inputs, **options)

            model.predict = predict_in_bf16
        criterion = federated_criterion(model, traits)
        if hasattr(criterion, "updates"):
            criterion.updates = started.start_epoch - 1
            criterion.update()
        model.criterion = criterion

    trainer.add_callback("on_train_start", on_train_start)
    progress.attach(trainer)
    trainer.train()
