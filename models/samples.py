# SPDX-License-Identifier: AGPL-3.0-or-later
"""Samples on disk as ultralytics reads them: a JPEG and a label file.

Label files hold a class index, centre and sides as fractions of the picture. Index `k + len(labels)` marks a region
in which label `k` costs no loss; `models.federated` reads it so.
"""

import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from contract.model_card import DetectorLabel
from models.annotations import Photograph, as_boxes
from models.errors import WorkshopError
from models.pictures import Picture, read_image_bgr
from models.whole_file import write_whole

LABELS_NAME = "labels.json"
"""Lies in the folder of the samples: what their class indices mean."""


class Sample(NamedTuple):
    """One written picture."""

    image_path: Path
    label_path: Path


def write_sample(sample: Sample, picture: Picture, labels: tuple[DetectorLabel, ...], *, jpeg_quality: int) -> None:
    """Write the picture first and its labels last, so that a label file proves a whole sample. Raises WorkshopError."""
    _, jpeg = cv2.imencode(".jpg", picture.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    write_whole(sample.image_path, jpeg.tobytes())
    write_whole(sample.label_path, "".join(f"{line}\n" for line in label_lines(picture, labels)).encode("ascii"))


def keep_labels(folder: Path, labels: tuple[DetectorLabel, ...]) -> None:
    """Write down what the class indices of a folder's samples mean.

    Raises WorkshopError when its samples were written with other labels.
    """
    path = folder / LABELS_NAME
    if path.exists():
        _check_labels(folder, labels)
    else:
        write_whole(path, json.dumps([label.value for label in labels]).encode())


def _check_labels(folder: Path, labels: tuple[DetectorLabel, ...]) -> None:
    path = folder / LABELS_NAME
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WorkshopError(
            f"{path}: cannot be read, so nothing says what these pictures show; name the `pictures` folder of a "
            "training, or draw them again"
        ) from error
    if written != [label.value for label in labels]:
        raise WorkshopError(
            f"{folder}: its pictures are labelled {written}, expected {[str(label) for label in labels]}"
        )


def label_lines(picture: Picture, labels: tuple[DetectorLabel, ...]) -> list[str]:
    """The lines of a label file: boxes first, then ignored regions under the shifted index."""
    width_px, height_px = picture.wh_px
    lines = []
    for offset, corners_by_label in ((0, picture.boxes_px), (len(labels), picture.ignored_px)):
        for index, label in enumerate(labels):
            for x1, y1, x2, y2 in corners_by_label[label]:
                fractions = (
                    (x1 + x2) / 2 / width_px,
                    (y1 + y2) / 2 / height_px,
                    (x2 - x1) / width_px,
                    (y2 - y1) / height_px,
                )
                lines.append(f"{index + offset} " + " ".join(f"{min(max(part, 0.0), 1.0):.6f}" for part in fractions))
    return lines


def sample_at(folder: Path, split: str, stem: str) -> Sample:
    """Where a sample of that name lies: pictures and labels in twin folders, as ultralytics looks for them."""
    return Sample(folder / "images" / split / f"{stem}.jpg", folder / "labels" / split / f"{stem}.txt")


def as_photographs(folder: Path, split: str, labels: tuple[DetectorLabel, ...], licence: str) -> list[Photograph]:
    """Written samples as annotated pictures, complete for every label, so that renders are scored like photographs.

    Raises WorkshopError when there are none, or when they were written with other labels.
    """
    _check_labels(folder, labels)
    if not any((folder / "labels" / split).glob("*.txt")):
        raise WorkshopError(f"{folder}: holds no `{split}` pictures; name the `pictures` folder of a finished training")
    return [_as_photograph(path, split, labels, licence) for path in sorted((folder / "labels" / split).glob("*.txt"))]


def _as_photograph(label_path: Path, split: str, labels: tuple[DetectorLabel, ...], licence: str) -> Photograph:
    image_path = label_path.parents[2] / "images" / split / f"{label_path.stem}.jpg"
    image_bgr = read_image_bgr(image_path)
    wh_px = (image_bgr.shape[1], image_bgr.shape[0])
    rows = [[float(word) for word in line.split()] for line in label_path.read_text(encoding="ascii").splitlines()]
    table = np.asarray(rows, dtype=np.float64).reshape(-1, 5)
    centre, half = table[:, 1:3] * wh_px, table[:, 3:5] * wh_px / 2
    corners = np.concatenate([centre - half, centre + half], axis=1)
    nothing = {label: as_boxes([]) for label in DetectorLabel}
    return Photograph(
        path=image_path,
        wh_px=wh_px,
        source="renders",
        group=label_path.stem,
        licence=licence,
        may_train=True,
        complete_for=frozenset(labels),
        boxes_px=nothing | {label: corners[table[:, 0] == index] for index, label in enumerate(labels)},
        ignored_px=nothing | {label: corners[table[:, 0] == index + len(labels)] for index, label in enumerate(labels)},
    )
