# SPDX-License-Identifier: AGPL-3.0-or-later
"""Photographs with federated labels: a COCO file in which every image says what it is complete for.

Beside plain COCO an image carries `source`, `group` (photographs of one fixture), `licence`, `may_train` and
`complete_for`, a list of category names. A category outside that list is unlabelled there, not absent. A box with
`iscrowd` 1 is a region to ignore for its category. `rows` may tell the facings on each shelf row, top down. An image
may also carry `duplicate_set`, `split` and
`pseudo_labelled_by`; see `Photograph`.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from contract.model_card import DetectorLabel
from models.errors import AnnotationsError

LABEL_BY_CATEGORY = {
    "product": DetectorLabel.PRODUCT,
    "facing": DetectorLabel.PRODUCT,
    "gap": DetectorLabel.GAP,
    "empty_slot": DetectorLabel.GAP,
    "empty": DetectorLabel.GAP,
    "price_tag": DetectorLabel.PRICE_TAG,
    "tag": DetectorLabel.PRICE_TAG,
    "damaged": DetectorLabel.DAMAGED,
    "toppled": DetectorLabel.TOPPLED,
    "wrong_face": DetectorLabel.WRONG_FACE,
}
"""Category names that other tools use, and ours."""

ANNOTATIONS_NAME = "annotations.json"
"""What the COCO file of a data set is called where only its folder is named."""

TRAINING_PART, EVALUATION_PART = "train", "evaluation"
"""Parts of a split."""

Boxes = NDArray[np.float64]
"""(n, 4) corners x1, y1, x2, y2 in pixels of the photograph."""


@dataclass(frozen=True)
class Photograph:
    """One annotated picture; `boxes_px` and `ignored_px` hold an array for every label, possibly empty."""

    path: Path
    wh_px: tuple[int, int]
    source: str
    group: str
    licence: str
    may_train: bool
    complete_for: frozenset[DetectorLabel]
    boxes_px: dict[DetectorLabel, Boxes]
    ignored_px: dict[DetectorLabel, Boxes]
    facings_per_row: tuple[int, ...] | None = None
    """Products on each shelf row, top down, where the annotator stated them."""
    duplicate_set: str | None = None
    """File name of the first picture that shows the same, where several do."""
    split: str | None = None
    """Part of a split that the file is, as `facings model split` wrote it."""
    pseudo_labelled_by: dict[str, str] | None = None
    """The model that drew the boxes, where no person did: model_id, onnx_sha256, data_manifest_sha256, licence."""


class _Category(BaseModel):
    id: int
    name: str


class _Image(BaseModel):
    id: int
    file_name: str
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    source: str = "unnamed"
    group: str | None = None
    licence: str = "not stated"
    may_train: bool = False
    complete_for: list[str] | None = None
    rows: list[Annotated[int, Field(ge=0)]] | None = None
    duplicate_set: str | None = None
    split: str | None = None
    pseudo_labelled_by: dict[str, str] | None = None


_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Side = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Annotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[_Finite, _Finite, _Side, _Side]
    """Left, top, width and height in pixels."""
    iscrowd: int = 0


class _CocoFile(BaseModel):
    categories: list[_Category]
    images: list[_Image]
    annotations: list[_Annotation]


def annotations_file(dataset: Path) -> Path:
    """The COCO file of a data set that is named by that file or by its folder.

    Raises AnnotationsError when a folder holds none.
    """
    if not dataset.is_dir():
        return dataset
    if not (dataset / ANNOTATIONS_NAME).is_file():
        raise AnnotationsError(f"{dataset}: holds no {ANNOTATIONS_NAME}")
    return dataset / ANNOTATIONS_NAME


def read_annotations(path: Path) -> list[Photograph]:
    """Read a COCO file whose pictures lie beside it or in `images/` beside it.

    An image without `complete_for` is taken to be complete for every category of the file, as plain COCO means it.
    Raises AnnotationsError with the file, the field and what was expected.
    """
    try:
        coco = _CocoFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise AnnotationsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise AnnotationsError(f"{path}: {place}: {fault['msg']} ({error.error_count()} faults in all)") from error
    label_by_id = {category.id: _label(path, category.name) for category in coco.categories}
    known_ids = {image.id for image in coco.images}
    _refuse_equal_names(path, coco.images)
    kept: dict[tuple[int, DetectorLabel, bool], list[tuple[float, float, float, float]]] = defaultdict(list)
    for index, annotation in enumerate(coco.annotations):
        if annotation.image_id not in known_ids or annotation.category_id not in label_by_id:
            raise AnnotationsError(f"{path}: annotations.{index}: names an image or category that the file lacks")
        x_px, y_px, w_px, h_px = annotation.bbox
        key = (annotation.image_id, label_by_id[annotation.category_id], bool(annotation.iscrowd))
        kept[key].append((x_px, y_px, x_px + w_px, y_px + h_px))
    folder = path.parent / "images" if (path.parent / "images").is_dir() else path.parent
    labels = sorted(set(label_by_id.values()))
    return [
        Photograph(
            path=folder / image.file_name,
            wh_px=(image.width, image.height),
            source=image.source,
            group=image.group or image.file_name,
            licence=image.licence,
            may_train=image.may_train,
            complete_for=frozenset(
                labels if image.complete_for is None else (_label(path, name) for name in image.complete_for)
            ),
            boxes_px={label: as_boxes(kept[image.id, label, False]) for label in DetectorLabel},
            ignored_px={label: as_boxes(kept[image.id, label, True]) for label in DetectorLabel},
            facings_per_row=None if image.rows is None else tuple(image.rows),
            duplicate_set=image.duplicate_set,
            split=image.split,
            pseudo_labelled_by=image.pseudo_labelled_by,
        )
        for image in coco.images
    ]


def _refuse_equal_names(path: Path, images: list[_Image]) -> None:
    """Pictures are told apart by their file names, whatever their folders and formats."""
    stems = Counter(Path(image.file_name).stem for image in images)
    twice = sorted(stem for stem, count in stems.items() if count > 1)
    if twice:
        raise AnnotationsError(
            f"{path}: {len(twice)} names stand for several pictures, such as {twice[0]!r}; their boxes would mix. "
            "`facings model import` gives each its own name"
        )


def drawn_by_people(photographs: list[Photograph], path: Path) -> list[Photograph]:
    """Those that can judge a model: one that is scored by a model's own boxes is flattered.

    Raises AnnotationsError when none is left.
    """
    kept = [photograph for photograph in photographs if photograph.pseudo_labelled_by is None]
    if photographs and not kept:
        raise AnnotationsError(f"{path}: a model drew all its boxes; they can train and judge nothing")
    return kept


def as_boxes(corners: object) -> Boxes:
    """Any list of four-number rows as an (n, 4) array, also when it is empty."""
    return np.asarray(corners, dtype=np.float64).reshape(-1, 4)


def _label(path: Path, category: str) -> DetectorLabel:
    if category not in LABEL_BY_CATEGORY:
        known = ", ".join(sorted(LABEL_BY_CATEGORY))
        raise AnnotationsError(f"{path}: category {category!r} is unknown; expected one of {known}")
    return LABEL_BY_CATEGORY[category]


@dataclass(frozen=True)
class FoundBoxes:
    """What a detector found in one picture: corners (n, 4), confidence (n,) and n labels."""

    xyxy_px: Boxes
    confidence: NDArray[np.float64]
    labels: tuple[DetectorLabel, ...]

    def of(self, label: DetectorLabel) -> tuple[Boxes, NDArray[np.float64]]:
        """The boxes of one label and their confidences, surest first."""
        mask = np.array([found == label for found in self.labels], dtype=bool)
        confidence = self.confidence[mask]
        order = np.argsort(-confidence, kind="stable")
        return self.xyxy_px[mask][order], confidence[order]


def read_detections(path: Path) -> dict[str, FoundBoxes]:
    """Read the lines that `facings detect --json` prints, keyed by the picture's file name.

    Raises AnnotationsError with file and line.
    """
    found: dict[str, FoundBoxes] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise AnnotationsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AnnotationsError(f"{path}: is no text; expected lines of `facings detect --json`") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            boxes = record["detections"]
            found[Path(record["image"]).name] = FoundBoxes(
                xyxy_px=as_boxes([box["xyxy_px"] for box in boxes]),
                confidence=np.array([box["confidence"] for box in boxes], dtype=np.float64),
                labels=tuple(_label(path, box["label"]) for box in boxes),
            )
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise AnnotationsError(
                f"{path}:{number}: expected an object with `image` and `detections` "
                f"(each with xyxy_px, confidence, label): {error!r}"
            ) from error
    return found
