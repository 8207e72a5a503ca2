# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads Label Studio's JSON export (labelstud.io/guide/task_format): tasks with annotations in percent of the picture.

A rectangle may be turned about its top left corner, clockwise in degrees. A pack is a rectangle, so the upright box
around its turned corners is the box that a detector should find.
"""

import math
import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError

from edge.picture_file import PICTURE_SUFFIXES
from models.errors import AnnotationsError
from models.foreign import Corners, ForeignBox, ForeignPicture, Notes, bounds, is_finite_box

COMPLETE_CONTROL = "complete_for"
"""Name of the choices in which annotators said what a picture is complete for."""
READ_SHAPES = {"rectanglelabels", "rectangle", "polygonlabels", "polygon"}
"""A project with one tool for shape and label gives the first of each pair; with separate tools the label of a
`rectangle` stands in another result, of type `labels` and of the same id."""
UNBOXABLE = {
    *("brushlabels", "keypointlabels", "ellipselabels", "vectorlabels", "bitmasklabels", "videorectangle"),
    *("brush", "keypoint", "ellipse", "vector", "bitmask"),
}
ANSWERS = {"choices", "textarea", "rating", "number", "taxonomy", "datetime"}
"""What annotators said about a picture or a region beside its label; no region of its own."""
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")


class _Region(BaseModel):
    id: int | str | None = None
    type: str
    from_name: str = ""
    value: dict[str, Any]
    original_width: int | None = None
    original_height: int | None = None
    image_rotation: float = 0


class _Annotation(BaseModel):
    id: int | str | None = None
    was_cancelled: bool = False
    ground_truth: bool = False
    result: list[dict[str, Any]]


class _Task(BaseModel):
    id: int | str | None = None
    data: dict[str, Any]
    annotations: list[_Annotation] = []


_TASKS = TypeAdapter(list[_Task])
_SIDES = TypeAdapter(tuple[float, float, float, float])
_POINTS = TypeAdapter(list[tuple[float, float]])


def read_label_studio(path: Path, notes: Notes) -> list[ForeignPicture]:
    """Every task that somebody annotated; skipped ones and those without annotation are left out and counted.

    Predictions are no truth and are not read. Raises AnnotationsError where the file breaks its format; faults of
    single regions go into `notes`.
    """
    try:
        tasks = _TASKS.validate_json(path.read_bytes())
    except OSError as error:
        raise AnnotationsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        raise AnnotationsError(
            f"{path}: {place}: {fault['msg']} ({error.error_count()} faults in all); expected Label Studio's export "
            "format JSON, not JSON-MIN"
        ) from error
    pictures = []
    for index, task in enumerate(tasks):
        place = f"{path}: {index}" if task.id is None else f"{path}: {index} (task {task.id})"
        annotation = _chosen(task, place, notes)
        if annotation is not None:
            pictures.append(_picture(task, annotation, place, notes))
    return pictures


def _chosen(task: _Task, place: str, notes: Notes) -> _Annotation | None:
    given = [annotation for annotation in task.annotations if not annotation.was_cancelled]
    if not given:
        notes.left_out["pictures that nobody annotated"] += 1
        return None
    preferred = [annotation for annotation in given if annotation.ground_truth] or given
    if len(preferred) > 1:
        notes.fatal.append(f"{place}: {len(preferred)} annotations; mark the one that holds as ground truth")
    return preferred[0]


def _picture(task: _Task, annotation: _Annotation, place: str, notes: Notes) -> ForeignPicture:
    boxes: list[ForeignBox] = []
    complete: list[str] | None = None
    claimed_wh_px: tuple[int, int] | None = None
    regions = _regions(annotation, place, notes)
    shape_ids = {region.id for _, region in regions if region.type in READ_SHAPES}
    for region_place, region in regions:
        if region.type == "choices" and region.from_name == COMPLETE_CONTROL:
            complete = [str(choice) for choice in region.value.get("choices", [])]
        elif region.type in READ_SHAPES:
            if region.original_width and region.original_height:
                claimed_wh_px = (region.original_width, region.original_height)
            apart = [other for _, other in regions if other.type == "labels" and other.id == region.id is not None]
            box = _box(region, apart, region_place, notes)
            boxes += [] if box is None else [box]
        elif region.type in UNBOXABLE:
            notes.fatal.append(f"{region_place}: {region.type} have no box; draw rectangles or polygons")
        elif region.type in ANSWERS:
            notes.left_out["answers beside the labels"] += 1
        elif region.original_width and not (region.type == "labels" and region.id in shape_ids):
            named = "" if region.id is None else f" (region {region.id})"
            notes.fatal.append(
                f"{region_place}{named}: type {region.type!r} is not read; expected rectanglelabels, polygonlabels, or "
                "a rectangle or polygon with labels of the same id"
            )
    return ForeignPicture(
        name=_file_name(task, place, notes),
        place=place,
        boxes=tuple(boxes),
        claimed_wh_px=claimed_wh_px,
        complete_names=None if complete is None else tuple(complete),
        fields={key: str(value) for key, value in task.data.items()},
    )


def _regions(annotation: _Annotation, place: str, notes: Notes) -> list[tuple[str, _Region]]:
    """What an annotator left, each with its place."""
    regions = []
    for index, raw in enumerate(annotation.result):
        region_place = f"{place}.result.{index}"
        if "value" not in raw:  # a relation between regions, or the like
            continue
        try:
            regions.append((region_place, _Region.model_validate(raw)))
        except ValidationError as error:
            fault = error.errors()[0]
            notes.fatal.append(f"{region_place}.{'.'.join(map(str, fault['loc']))}: {fault['msg']}")
    return regions


def _box(region: _Region, labels_apart: list[_Region], place: str, notes: Notes) -> ForeignBox | None:
    names = tuple(str(name) for one in (region, *labels_apart) for name in one.value.get(one.type) or ())
    if not names:
        notes.passable.append(f"{place}: a region without a label")
        return None
    if region.image_rotation % 360:
        notes.fatal.append(f"{place}: the picture was turned by {region.image_rotation:g} degrees while labelling")
        return None
    is_polygon = region.type.startswith("polygon")
    try:
        corners = _polygon(region) if is_polygon else _rectangle(region, notes)
    except ValidationError as error:
        fault = error.errors()[0]
        notes.fatal.append(f"{place}.value: {fault['msg']}; expected x, y, width, height or points in percent")
        return None
    if is_polygon:
        notes.changed["polygons, boxed"] += 1
    if not is_finite_box(corners) or corners[2] < corners[0] or corners[3] < corners[1]:
        notes.passable.append(f"{place}.value: expected x, y, width, height in percent, none below 0")
        return None
    return ForeignBox(names=names, fractions=corners, place=place)


def _polygon(region: _Region) -> Corners:
    points = _POINTS.validate_python(region.value.get("points"))
    return bounds([(x / 100, y / 100) for x, y in points]) if points else (float("nan"),) * 4


def _rectangle(region: _Region, notes: Notes) -> Corners:
    value = region.value
    x, y, width, height = (side / 100 for side in _SIDES.validate_python([value.get(k) for k in _RECTANGLE_KEYS]))
    degrees = float(value.get("rotation") or 0) % 360
    if not degrees:
        return x, y, x + width, y + height
    notes.changed["turned rectangles, boxed upright"] += 1
    # Percent of width and of height are different lengths, and a turn needs one.
    aspect = (region.original_width or 1) / (region.original_height or 1)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    points = [
        (x + (right * aspect * cosine - down * sine) / aspect, y + right * aspect * sine + down * cosine)
        for right, down in ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    ]
    return bounds(points)


_RECTANGLE_KEYS = ("x", "y", "width", "height")


def _file_name(task: _Task, place: str, notes: Notes) -> str:
    candidates = {key: name for key, value in task.data.items() if (name := _picture_name(value)) is not None}
    name = candidates.get("image") or (next(iter(candidates.values())) if len(candidates) == 1 else None)
    if name is None:
        notes.fatal.append(f"{place}.data: expected one field with a picture's address, best named `image`")
        return ""
    return name


def _picture_name(value: Any) -> str | None:
    """The path of a picture within an address: of an upload, of a local file served by Label Studio, or elsewhere."""
    if not isinstance(value, str):
        return None
    address = urlsplit(value)
    local = parse_qs(address.query).get("d", [None])[0]
    path = PurePosixPath(local or unquote(address.path))
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        return None
    if "upload" in path.parts:
        return _UPLOAD_PREFIX.sub("", path.name)
    return str(path).lstrip("/")
