# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings bench vision`: lays out what is measured, runs it, and puts the networks side by side."""

import json
import platform
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.model_card import DetectorLabel
from edge.model_file import CARD_SUFFIX, SHIPPED_FOLDER, read_card
from simulator.rig.vision_bay import TimedBay, timed_bay
from simulator.rig.vision_peer_process import LEFT_OUT, Peer, peer_python
from simulator.rig.vision_speed import Eye, ModelSpeed, measure
from simulator.rig.vision_start import measure_start


@dataclass(frozen=True, slots=True)
class VisionSpeed:
    """All networks of one run."""

    models: tuple[ModelSpeed, ...]
    int8_share: dict[str, float]
    """For each INT8 network `NAME-int8` whose float one `NAME` was measured too: its bare run over the float one's."""
    peer: str
    """`measured`, or why there is none."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "machine": machine_name(),
            "models": [model.to_dict() for model in self.models],
            "int8_share": self.int8_share,
            "peer": self.peer,
        }


def machine_name() -> str:
    """The processor in its maker's words, where the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.lower().startswith(("model name", "model\t"))]
    named = [name for name in names if not name.isdigit()]
    return f"{named[0] if named else platform.processor() or platform.machine()}, one thread"


def chosen_models(named: list[Path]) -> list[Path]:
    """The ONNX files of what is named, card or network; all that came with the program when nothing is.

    Raises ModelError for a card that cannot be read.
    """
    named = named or sorted(SHIPPED_FOLDER.glob(f"*{CARD_SUFFIX}"))
    return [path.with_name(read_card(path).onnx_file) if path.name.endswith(CARD_SUFFIX) else path for path in named]


def measure_vision(
    onnx_files: list[Path],
    folder: Path,
    *,
    rounds: int,
    starts_count: int,
    wanted_peer: str | None = None,
    progress: Callable[[], None] = lambda: None,
) -> VisionSpeed:
    """Measure every network on the timed bay; `folder` keeps the frame and the calibration for the child processes.

    Raises EdgeError for a network that cannot be used, ProcessError for a process that fails.
    """
    python = peer_python(wanted_peer)
    bay = timed_bay()
    frame_file, calibration_file = folder / "frame.npy", folder / "calibration.json"
    np.save(frame_file, bay.image_bgr)
    calibration_file.write_text(bay.calibration.to_json(), encoding="utf-8")
    eyes = [Eye(onnx_file, bay) for onnx_file in onnx_files]
    starts = [
        measure_start(onnx_file, calibration_file, frame_file, repetitions=starts_count, progress=progress)
        if starts_count
        else None
        for onnx_file in onnx_files
    ]
    with ExitStack() as stack:
        peers = [
            None
            if python is None
            else stack.enter_context(_peer(python, eye, bay, frame_file, folder / f"peer-{i}.json"))
            for i, eye in enumerate(eyes)
        ]
        models = measure(eyes, peers, starts, rounds=rounds, progress=progress)
    return VisionSpeed(tuple(models), _int8_share(models), LEFT_OUT if python is None else "measured")


def _peer(python: str, eye: Eye, bay: TimedBay, frame_file: Path, settings_file: Path) -> Peer:
    """It gets our network, our input size, our suppression, and the zones as our node outlines them."""
    card = eye.detector.card
    settings = {
        "onnx_file": str(eye.onnx_file.resolve()),
        "frame_file": str(frame_file),
        "input_hw_px": [eye.input_wh_px[1], eye.input_wh_px[0]],
        "confidence": card.confidence_thresholds[DetectorLabel.PRODUCT],
        "iou": card.nms_iou,
        "product_class": card.labels.index(DetectorLabel.PRODUCT),
        "outlines_px": [np.rint(outline).astype(int).tolist() for _, outline in eye.place.view.zone_polygons_px],
    }
    settings_file.write_text(json.dumps(settings), encoding="utf-8")
    return Peer(python, settings_file, [zone.expected_facings_count for zone in bay.calibration.zones])


def _int8_share(models: list[ModelSpeed]) -> dict[str, float]:
    by_name = {model.onnx_file.removesuffix(".onnx"): model for model in models}
    pairs = [(name, by_name.get(name.removesuffix("-int8"))) for name in by_name if name.endswith("-int8")]
    return {name: round(by_name[name].bare.cpu_ms / whole.bare.cpu_ms, 4) for name, whole in pairs if whole is not None}
