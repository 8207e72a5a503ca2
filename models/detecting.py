# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs the node's own detector over photographs, so that what is scored is what a node does."""

from pathlib import Path

import cv2
import numpy as np

from contract.model_card import DetectorLabel
from edge.detector import Detector
from edge.errors import ModelError
from edge.frames import BgrImage
from edge.model_file import CARD_SUFFIX, shipped_model
from models.annotations import FoundBoxes, Photograph
from models.errors import WorkshopError
from models.pictures import read_photograph_bgr

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


def detect(
    photographs: list[Photograph], card: Path | None, *, scale: float = 1.0, calibrated: bool = False
) -> dict[str, FoundBoxes]:
    """What the model of `card` (the shipped one when `None`) finds on each photograph, keyed by file name.

    Each photograph is fed at `scale` times its size; boxes are in pixels of the photograph all the same. `calibrated`
    tells the detector the median height of the photograph's true products, which a node reads from its calibration.
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
        image_bgr = read_photograph_bgr(photograph)
        fed_bgr = _resized(image_bgr, scale)
        # Sides are rounded to whole pixels, so both axes go back by what they really became.
        back = np.array([image_bgr.shape[1] / fed_bgr.shape[1], image_bgr.shape[0] / fed_bgr.shape[0]] * 2)
        facing_px = _facing_height_px(photograph) if calibrated else None
        boxes = detector.detect(
            fed_bgr, thresholds=unsure, facing_height_px=None if facing_px is None else facing_px * scale
        )
        found[photograph.path.name] = FoundBoxes(
            xyxy_px=boxes.xyxy_px.astype(np.float64) * back,
            confidence=boxes.confidence.astype(np.float64),
            labels=tuple(boxes.label_of(index) for index in range(len(boxes))),
        )
    return found


def _resized(image_bgr: BgrImage, scale: float) -> BgrImage:
    """The picture as a camera of `scale` times the resolution might give it."""
    if scale == 1.0:
        return image_bgr
    wh_px = tuple(max(1, round(side_px * scale)) for side_px in image_bgr.shape[1::-1])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image_bgr, wh_px, interpolation=interpolation), dtype=np.uint8)


def _facing_height_px(photograph: Photograph) -> float | None:
    products = photograph.boxes_px[DetectorLabel.PRODUCT]
    return float(np.median(products[:, 3] - products[:, 1])) if len(products) else None
