# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs the node's own detector over photographs, so that what is scored is what a node does."""

from pathlib import Path

import numpy as np

from edge.detector import Detector
from edge.errors import ModelError
from edge.model_file import CARD_SUFFIX, shipped_model
from models.annotations import FoundBoxes, Photograph
from models.errors import WorkshopError
from models.pictures import read_image_bgr

LEAST_CONFIDENCE = 0.01
"""Average precision needs the unsure boxes too; a node drops them at its card's thresholds."""


def shipped_card_path() -> Path:
    """The card of the detector that a node takes when it is told none. Raises WorkshopError when none came along."""
    try:
        return card_of(shipped_model())
    except ModelError as error:
        raise WorkshopError(str(error)) from error


def card_of(onnx_path: Path) -> Path:
    """Where the card of an ONNX file lies."""
    return onnx_path.with_name(onnx_path.name.removesuffix(".onnx") + CARD_SUFFIX)


def detect(photographs: list[Photograph], card: Path | None) -> dict[str, FoundBoxes]:
    """What the model of `card` (the shipped one when `None`) finds on each photograph, keyed by file name.

    Raises WorkshopError when the model cannot be used or a photograph cannot be read.
    """
    used_card = card or shipped_card_path()
    try:
        detector = Detector(used_card.with_name(used_card.name.removesuffix(CARD_SUFFIX) + ".onnx"), threads_count=2)
    except ModelError as error:
        raise WorkshopError(str(error)) from error
    unsure = dict.fromkeys(detector.card.labels, LEAST_CONFIDENCE)
    found = {}
    for photograph in photographs:
        boxes = detector.detect(read_image_bgr(photograph.path), thresholds=unsure)
        found[photograph.path.name] = FoundBoxes(
            xyxy_px=boxes.xyxy_px.astype(np.float64),
            confidence=boxes.confidence.astype(np.float64),
            labels=tuple(boxes.label_of(index) for index in range(len(boxes))),
        )
    return found
