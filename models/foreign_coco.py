# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads COCO files as labelling tools export them (cocodataset.org, "Data format", object detection)."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from models.errors import AnnotationsError
from models.foreign import Corners, ForeignBox, ForeignPicture, Notes, bounds, is_finite_box

Side = Annotated[int, Field(gt=0)]
Id = int | str


class _Category(BaseModel):
    id: Id
    name: str


class _Image(BaseModel):
    model_config = {"extra": "allow"}
    id: Id
    file_name: Annotated[str, Field(min_length=1)]
    width: Side
    height: Side
    rows: tuple[Annotated[int, Field(ge=0)], ...] | None = None


class _Annotation(BaseModel):
    id: Id | None = None
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float] | None = None
    segmentation: list[list[float]] | dict[str, Any] | None = None
    iscrowd: Annotated[int, Field(ge=0, le=1)] = 0


class _File(BaseModel):
    categories: list[_Category]
    images: list[_Image]
    annotations: list[_Annotation]


def read_coco(path: Path, notes: Notes) -> list[ForeignPicture]:
    """Every picture of a COCO file with its boxes; a polygon without a box gets the box around it.

    A picture without any box may be empty or unlabelled; COCO cannot tell. Raises AnnotationsError where the file
    breaks its format; faults of single boxes go into `notes`.
    """
    coco = _read_file(path)
    names = {category.id: category.name for category in coco.categories}
    notes.class_names.update(names.values())
    images = {image.id: image for image in coco.images}
    _note_repeated(path, "categories", [category.id for category in coco.categories], notes)
    _note_repeated(path, "images", [image.id for image in coco.images], notes)
    ids = [annotation.id for annotation in coco.annotations if annotation.id is not None]
    if len(set(ids)) < len(ids):
        notes.changed["annotation ids given twice, numbered anew"] += len(ids) - len(set(ids))
    boxes: dict[Id, list[ForeignBox]] = defaultdict(list)
    for index, annotation in enumerate(coco.annotations):
        place = f"{path}: annotations.{index}"
        if annotation.image_id not in images or annotation.category_id not in names:
            notes.passable.append(f"{place}: names an image or category that the file lacks")
            continue
        corners_px = _corners_px(annotation, place, notes)
        if corners_px is not None:
            image = images[annotation.image_id]
            sides_px = (image.width, image.height) * 2
            fractions = tuple(edge / side for edge, side in zip(corners_px, sides_px, strict=True))
            boxes[image.id].append(
                ForeignBox(
                    names=(names[annotation.category_id],),
                    fractions=fractions,  # type: ignore[arg-type] # four corners over four sides
                    place=place,
                    is_crowd=bool(annotation.iscrowd),
                )
            )
    return [
        ForeignPicture(
            name=image.file_name,
            place=f"{path}: images.{index}",
            boxes=tuple(boxes[image.id]),
            is_labelled=True if boxes[image.id] else None,
            claimed_wh_px=(image.width, image.height),
            fields={key: str(value) for key, value in (image.model_extra or {}).items()},
            rows=image.rows,
        )
        for index, image in enumerate(coco.images)
    ]


def _read_file(path: Path) -> _File:
    try:
        return _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise AnnotationsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        raise AnnotationsError(f"{path}: {place}: {fault['msg']} ({error.error_count()} faults in all)") from error


def _note_repeated(path: Path, list_name: str, ids: list[Id], notes: Notes) -> None:
    first: dict[Id, int] = {}
    for index, one in enumerate(ids):
        if one in first:
            notes.fatal.append(f"{path}: {list_name}.{index}: id {one} is that of {list_name}.{first[one]} already")
        first.setdefault(one, index)


def _corners_px(annotation: _Annotation, place: str, notes: Notes) -> Corners | None:
    if annotation.bbox is not None:
        x_px, y_px, w_px, h_px = annotation.bbox
        corners = (x_px, y_px, x_px + w_px, y_px + h_px)
        if not is_finite_box(corners) or w_px < 0 or h_px < 0:
            notes.passable.append(f"{place}.bbox: {list(annotation.bbox)}; expected x, y, width, height, none below 0")
            return None
        return corners
    if isinstance(annotation.segmentation, list) and annotation.segmentation:
        edges = [edge for ring in annotation.segmentation for edge in ring]
        if all(len(ring) % 2 == 0 for ring in annotation.segmentation) and is_finite_box(bounds_of_flat(edges)):
            notes.changed["polygons, boxed"] += 1
            return bounds_of_flat(edges)
    notes.passable.append(f"{place}: has neither a `bbox` nor a polygon")
    return None


def bounds_of_flat(edges: list[float]) -> Corners:
    """The box around points given as x, y, x, y, ...; no number at all when there is none."""
    points = list(zip(edges[::2], edges[1::2], strict=False))
    return bounds(points) if points else (float("nan"),) * 4
