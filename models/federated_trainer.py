# SPDX-License-Identifier: AGPL-3.0-or-later
"""ultralytics' trainer, taught to read regions of ignorance and to use every core. Needs the `train` extra."""

from typing import Any

import torch
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import yaml_model_load
from ultralytics.utils.torch_utils import unwrap_model

from contract.model_card import DEFECT_LABELS, DetectorLabel
from models.federated import federated_criterion


class FederatedTrainer(DetectionTrainer):  # type: ignore[misc]  # untyped where the train extra is absent
    """A detection trainer whose label files also hold ignored regions, as classes beyond the network's own."""

    data: Any
    nms_free = False

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Let the training set read twice the classes; the network and the validation set know only the real ones."""
        if mode != "train":
            return super().build_dataset(img_path, mode, batch)
        plain: Any = self.data
        names = dict(plain["names"])
        names |= {index + len(names): f"ignored {name}" for index, name in plain["names"].items()}
        self.data = {**plain, "names": names, "nc": len(names)}
        try:
            return super().build_dataset(img_path, mode, batch)
        finally:
            self.data = plain

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:  # noqa: FBT001, FBT002 - ultralytics' signature
        """Build the network with or without the one-to-one head."""
        plan = dict(cfg) if isinstance(cfg, dict) else yaml_model_load(cfg)
        plan["end2end"] = self.nms_free
        return super().get_model(plan, weights, verbose)

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Lay pixels out channels last, which a processor's convolutions read about a quarter faster."""
        batch = super().preprocess_batch(batch)
        return {**batch, "img": batch["img"].to(memory_format=torch.channels_last)}


def multiplies_in_bf16() -> bool:
    """Whether this processor multiplies in bfloat16 by itself, which halves the time of a step."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001 - torch has no public question


def run_trainer(arguments: dict[str, Any], *, nms_free: bool, labels: tuple[DetectorLabel, ...], threads: int) -> None:
    """Train one stage to its end with ultralytics' `arguments`.

    On a processor that can, convolutions are computed in bfloat16; ultralytics itself does so on GPUs alone.
    """
    trainer = FederatedTrainer(overrides=arguments)
    trainer.nms_free = nms_free
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
    trainer.train()
