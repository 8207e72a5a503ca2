# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes a data set of photographs: `annotations.json` in our COCO dialect, and `images/` beside it."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contract.model_card import DetectorLabel
from models.duplicates import belongings
from models.errors import AnnotationsError, WorkshopError
from models.likeness import Likeness
from models.manifest import RENDERS_SOURCE, file_sha256
from models.placing import PlacedBox

ANNOTATIONS_FILE, IMAGES_FOLDER = "annotations.json", "images"
CATEGORY_IDS = {label: number for number, label in enumerate(DetectorLabel, start=1)}
_SOURCE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
_RESERVED_SOURCES = {RENDERS_SOURCE, "all"}


@dataclass(frozen=True)
class Provenance:
    """What an integrator has to say about pictures, since no file says it."""

    source: str
    licence: str
    may_train: bool

    def check(self) -> None:
        """Raise AnnotationsError when the source is no plain name or the licence is blank."""
        if not _SOURCE_NAME.match(self.source) or self.source in _RESERVED_SOURCES:
            raise AnnotationsError(
                f"--source {self.source!r}: expected letters, digits, '.', '-' or '_', and neither 'renders' nor 'all'"
            )
        if not self.licence.strip():
            raise AnnotationsError("--licence: expected who may do what with these photographs, e.g. 'own photographs'")


@dataclass(frozen=True)
class NewPhotograph:
    """A picture on its way into a data set. `duplicate_set` is the file name of the first one that shows the same."""

    path: Path
    file_name: str
    original_name: str
    wh_px: tuple[int, int]
    group: str
    complete_for: frozenset[DetectorLabel]
    boxes: tuple[PlacedBox, ...]
    duplicate_set: str | None = None
    rows: tuple[int, ...] | None = None


def new_file_names(paths: Iterable[Path], source: str) -> list[str]:
    """A name for each picture that no other one shares, suffix aside, and that tells its source.

    Cuts of a photograph are named after its stem, and scores are kept by file name.
    """
    taken: set[str] = set()
    names = []
    for path in paths:
        stem = f"{source}-" + re.sub(r"[^\w.-]", "_", path.stem)
        number, tried = 1, stem
        while tried.casefold() in taken:
            number += 1
            tried = f"{stem}-{number}"
        taken.add(tried.casefold())
        names.append(tried + path.suffix.lower())
    return names


def as_coco(
    photographs: Iterable[NewPhotograph],
    provenance: Provenance,
    made_by: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The COCO table; `extra` fields go onto every image."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, photograph in enumerate(photographs, start=1):
        image = {
            "id": image_id,
            "file_name": photograph.file_name,
            "width": photograph.wh_px[0],
            "height": photograph.wh_px[1],
            "source": provenance.source,
            "group": photograph.group,
            "licence": provenance.licence,
            "may_train": provenance.may_train,
            "complete_for": [label.value for label in DetectorLabel if label in photograph.complete_for],
            "original_file": photograph.original_name,
            "sha256": file_sha256(photograph.path),
        }
        if photograph.rows is not None:
            image["rows"] = list(photograph.rows)
        if photograph.duplicate_set is not None:
            image["duplicate_set"] = photograph.duplicate_set
        images.append(image | dict(extra or {}))
        for box in photograph.boxes:
            annotations.append({"id": len(annotations) + 1, "image_id": image_id} | _as_annotation(box))
    return {
        "info": {"description": f"photographs of {provenance.source}", "made_by": dict(made_by)},
        "licenses": [{"id": 1, "name": provenance.licence}],
        "categories": categories(),
        "images": images,
        "annotations": annotations,
    }


def categories() -> list[dict[str, Any]]:
    """All our labels as COCO categories."""
    return [{"id": number, "name": label.value} for label, number in CATEGORY_IDS.items()]


def _as_annotation(box: PlacedBox) -> dict[str, Any]:
    x1, y1, x2, y2 = box.xyxy_px
    sides = round(x2 - x1, 2), round(y2 - y1, 2)
    return {
        "category_id": CATEGORY_IDS[box.label],
        "bbox": [x1, y1, *sides],
        "area": round(sides[0] * sides[1], 2),
        "iscrowd": int(box.is_crowd),
    }


def check_new_folder(folder: Path) -> None:
    """Raise WorkshopError when something is there already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkshopError(f"{folder}: exists already; name a new folder with --output")


def write_dataset(folder: Path, photographs: list[NewPhotograph], coco: Mapping[str, Any], *, link: bool) -> Path:
    """Write everything beside `folder`, then give it its name, so that a data set is whole or not there.

    With `link` pictures become hard links where the file system can. Raises WorkshopError.
    """
    check_new_folder(folder)
    partial = folder.resolve().parent / f".{folder.name}.partial-{os.getpid()}"
    try:
        (partial / IMAGES_FOLDER).mkdir(parents=True)
        for photograph in photographs:
            _bring(photograph.path, partial / IMAGES_FOLDER / photograph.file_name, link=link)
        text = json.dumps(coco, indent=1, ensure_ascii=False) + "\n"
        (partial / ANNOTATIONS_FILE).write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        raise WorkshopError(f"{folder}: cannot be written: {error.strerror} ({error.filename})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / ANNOTATIONS_FILE


def _bring(path: Path, target: Path, *, link: bool) -> None:
    if link:
        try:
            target.hardlink_to(path.resolve())
        except OSError:  # another file system, or one without links
            pass
        else:
            return
    shutil.copyfile(path, target)


def joined(photographs: list[NewPhotograph], likenesses: list[Likeness]) -> list[NewPhotograph]:
    """The same photographs, those that show the same marked and in one group."""
    names, groups = ([getattr(one, field) for one in photographs] for field in ("file_name", "group"))
    belong = belongings(names, groups, likenesses)
    return [
        replace(photograph, group=where.group, duplicate_set=where.duplicate_set)
        for photograph, where in zip(photographs, belong, strict=True)
    ]


def boxes_count(photographs: Iterable[NewPhotograph], *, is_crowd: bool) -> Counter[str]:
    """How many boxes, or regions, each label has."""
    return Counter(box.label.value for photo in photographs for box in photo.boxes if box.is_crowd == is_crowd)
