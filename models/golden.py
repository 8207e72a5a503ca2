# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden frames: pictures of a store's cameras with the facings that a person counted there, zone by zone.

One TOML file names them; every path in it may be relative to the file's folder.

    store_id = "corner-shop"
    calibration = "aisle-3-left.toml"           # for every frame that names none

    [[frames]]
    picture = "aisle-3-left-0900.jpg"
    captured_at = 2026-11-20T09:00:00Z
    facings = { cola-330 = 6, chips-paprika = 4 }
    gaps = { chips-paprika = 1 }                # optional, in facings
    defects = { cola-330 = { damaged = 1 } }    # optional

A zone that a frame does not name was not counted there and is not judged. Boxes do as well as counts: `annotations`
names a COCO file in the dialect of `models.annotations`, and the zones of a frame that stands in it are counted from
its boxes by the node's own rule. Boxes that a model drew (`pseudo_labelled_by`) are left out.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from calibration.document import Calibration
from calibration.errors import CalibrationError
from calibration.files import load_calibration
from contract.counts import MAX_FACINGS
from contract.ids import ID_PATTERN, ZoneId
from contract.model_card import DEFECT_LABELS, DetectorLabel
from models.annotations import Photograph, drawn_by_people, read_annotations
from models.errors import GoldenError, WorkshopError
from models.golden_truth import ZoneTruth, merged, truth_of_boxes
from models.manifest import file_sha256

Facings = Annotated[StrictInt, Field(ge=0, le=MAX_FACINGS)]
GapFacings = Annotated[float, Field(ge=0, le=MAX_FACINGS, strict=True, allow_inf_nan=False)]
"""Strict: a whole number will do, a number in quotes will not."""


@dataclass(frozen=True)
class GoldenFrame:
    """One picture with its truth."""

    picture: Path
    calibration: Calibration
    group: str
    """Frames of one group look alike, so they choose together or check together, never one against the other."""
    truth: dict[str, ZoneTruth]
    """By zone id; at least one zone."""
    boxes: Photograph | None
    """What a person drew on it, where somebody did."""


@dataclass(frozen=True)
class GoldenSet:
    """All golden frames of a store, in order of time where every frame tells it, else in the file's order."""

    store_id: str
    frames: tuple[GoldenFrame, ...]
    may_train: bool
    """Whether a network that learnt from these pictures may be passed on."""
    is_grouped: bool
    """False where no frame tells a time or a group, so that each stands alone, whatever they show."""
    sha256: str
    """Of the file's text, the pictures, the calibrations and the boxes together."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Frame(_Table):
    picture: Annotated[str, Field(min_length=1)]
    calibration: str | None = None
    captured_at: AwareDatetime | None = None
    group: Annotated[str, Field(min_length=1)] | None = None
    checked: StrictBool = True
    facings: dict[ZoneId, Facings] = {}
    gaps: dict[ZoneId, GapFacings] = {}
    defects: dict[ZoneId, dict[DetectorLabel, Facings]] = {}


class _File(_Table):
    store_id: Annotated[str, Field(pattern=ID_PATTERN)]
    calibration: str | None = None
    annotations: str | None = None
    may_train: StrictBool = False
    frames: Annotated[tuple[_Frame, ...], Field(min_length=1)]


def read_golden(path: Path) -> GoldenSet:
    """Read a file of golden frames.

    Raises GoldenError with one line for every fault: file, line, field, and what was expected.
    """
    text, document = _parsed(path)
    places = _FramePlaces(path, text)
    drawn = _drawn(path, document.annotations)
    calibrations: dict[str, Calibration] = {}
    frames: list[GoldenFrame] = []
    faults: list[str] = []
    for index, frame in enumerate(document.frames):
        where = places.of(index)
        try:
            frames.append(_golden_frame(path.parent, document, frame, drawn, calibrations))
        except WorkshopError as error:
            faults += [f"{where}: frames.{index}.{line}" for line in str(error).splitlines()]
    names = [frame.picture for frame in document.frames]
    faults += [
        f"{places.of(index)}: frames.{index}.picture: {name} is named twice"
        for index, name in enumerate(names)
        if name in names[:index]
    ]
    if faults:
        raise GoldenError("\n".join(faults))
    digest = hashlib.sha256(text.encode())
    for golden in frames:
        digest.update(f"{file_sha256(golden.picture)} {golden.calibration.calibration_id}\n".encode())
    if document.annotations is not None:
        digest.update(file_sha256(path.parent / document.annotations).encode())
    times = [frame.captured_at for frame in document.frames if frame.captured_at is not None]
    if len(times) == len(frames):
        frames = [frames[index] for index in sorted(range(len(frames)), key=lambda index: (times[index], index))]
    is_grouped = bool(times) or any(frame.group is not None for frame in document.frames)
    return GoldenSet(document.store_id, tuple(frames), document.may_train, is_grouped, digest.hexdigest())


def _parsed(path: Path) -> tuple[str, _File]:
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise GoldenError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # TOML and UTF-8 errors, and a number too long to convert
        raise GoldenError(f"{path}: is no TOML: {error}") from error
    try:
        return text, _File.model_validate(document)
    except ValidationError as error:
        raise GoldenError("\n".join(_faults(path, text, error))) from error


def _faults(path: Path, text: str, error: ValidationError) -> list[str]:
    """One line a fault."""
    places = _FramePlaces(path, text)
    details = error.errors(include_url=False, include_context=False)
    lines = []
    for detail in details:
        if detail["type"] == "too_short" and len(details) > 1:
            continue  # a list whose only item is wrong is reported as too short as well; that would only mislead
        field = [part for part in detail["loc"] if part != "[key]"]
        in_frame = len(field) > 1 and isinstance(field[1], int)
        where = places.of(int(field[1])) if in_frame else str(path)
        lines.append(f"{where}: {'.'.join(map(str, field)) or 'file'}: {detail['msg']}")
    return lines


class _FramePlaces:
    """Tells `FILE:LINE` of the heading of each frame; TOML's own reader forgets the lines."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        heading = re.compile(r"\s*\[\[\s*frames\s*\]\]")
        self._lines = [number for number, line in enumerate(text.splitlines(), start=1) if heading.match(line)]

    def of(self, index: int) -> str:
        return f"{self._path}:{self._lines[index]}" if index < len(self._lines) else str(self._path)


def _drawn(path: Path, annotations: str | None) -> dict[Path, Photograph]:
    """Photographs of the COCO file by where they lie; a model's own boxes are no truth for it to be judged by."""
    if annotations is None:
        return {}
    boxes_file = path.parent / annotations
    try:
        photographs = drawn_by_people(read_annotations(boxes_file), boxes_file)
    except WorkshopError as error:
        raise GoldenError(f"{path}: annotations: {error}") from error
    return {photograph.path.resolve(): photograph for photograph in photographs}


def _golden_frame(
    folder: Path, document: _File, frame: _Frame, drawn: dict[Path, Photograph], calibrations: dict[str, Calibration]
) -> GoldenFrame:
    """One frame made whole. Raises WorkshopError whose lines begin with a field."""
    if not frame.checked:
        raise GoldenError("checked: false: count its zones, correct the figures and say checked = true")
    picture = folder / frame.picture
    if not picture.is_file():
        raise GoldenError(f"picture: {picture} is no file")
    name = frame.calibration or document.calibration
    if name is None:
        raise GoldenError("calibration: absent; name the camera's calibration file here or at the top of the file")
    if name not in calibrations:
        try:
            calibrations[name] = load_calibration(folder / name)
        except CalibrationError as error:
            raise GoldenError("\n".join(f"calibration: {line}" for line in str(error).splitlines())) from error
    calibration = calibrations[name]
    stated = {
        zone_id: ZoneTruth(frame.facings.get(zone_id), frame.gaps.get(zone_id), frame.defects.get(zone_id, {}))
        for zone_id in dict.fromkeys([*frame.facings, *frame.gaps, *frame.defects])
    }
    faults = _zone_faults(frame, calibration)
    boxes = drawn.get(picture.resolve())
    if not faults and boxes is not None:
        try:
            stated, faults = merged(stated, truth_of_boxes(boxes, calibration))
        except CalibrationError as error:
            raise GoldenError(f"calibration: {error}") from error
    if not faults and not any(truth.facings_count is not None for truth in stated.values()):
        told = (
            "state how many facings stand in each zone, or draw the picture's boxes; a model's own boxes are no truth"
        )
        faults = [f"facings: absent; {told}"]
    if faults:
        raise GoldenError("\n".join(faults))
    return GoldenFrame(picture, calibration, _group(frame, calibration), stated, boxes)


def _zone_faults(frame: _Frame, calibration: Calibration) -> list[str]:
    known = [zone.zone_id for zone in calibration.zones]
    parts: dict[str, dict[str, Any]] = {"facings": {**frame.facings}, "gaps": {**frame.gaps}, "defects": frame.defects}
    faults = [
        f"{field}.{zone_id}: no such zone; the calibration of {calibration.camera_id} has {', '.join(known)}"
        for field, by_zone in parts.items()
        for zone_id in by_zone
        if zone_id not in known
    ]
    expected = ", ".join(sorted(DEFECT_LABELS))
    faults += [
        f"defects.{zone_id}.{label}: is no defect; expected one of {expected}"
        for zone_id, by_label in frame.defects.items()
        for label in by_label
        if label not in DEFECT_LABELS
    ]
    return faults


def _group(frame: _Frame, calibration: Calibration) -> str:
    """As stated; else one camera's frames of one clock hour, in which a shelf hardly changes; else the frame alone."""
    if frame.group is not None:
        return frame.group
    if frame.captured_at is None:
        return frame.picture
    hour: datetime = frame.captured_at.replace(minute=0, second=0, microsecond=0)
    return f"{calibration.camera_id} {hour.isoformat()}"


def golden_json(golden: GoldenSet) -> list[dict[str, Any]]:
    """What the frames say, for a record that outlives the file: no pictures, only their names and hashes."""
    return [
        {
            "picture": frame.picture.name,
            "picture_sha256": file_sha256(frame.picture),
            "calibration_id": frame.calibration.calibration_id,
            "group": frame.group,
            "truth": {zone_id: truth.as_row() for zone_id, truth in frame.truth.items()},
        }
        for frame in golden.frames
    ]
