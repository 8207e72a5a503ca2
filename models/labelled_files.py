# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finds the files of labelled pictures, reads them upright, and checks that they are what was labelled."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np

from edge.errors import PictureError
from edge.picture_file import PICTURE_SUFFIXES, read_picture
from models.foreign import ForeignPicture, Notes
from models.import_plan import ImportPlan
from models.likeness import Likeness, likeness_of
from models.turning import SIDEWAYS_FROM, UPRIGHT_ALREADY, BoxFrame, frame_of_boxes, orientation_of

ASPECT_SLACK = 0.01


class SeenPicture(NamedTuple):
    """A labelled picture after its file was read; `relative` is its path below the folder of pictures."""

    picture: ForeignPicture
    path: Path
    relative: PurePosixPath
    wh_px: tuple[int, int]
    orientation: int
    """Of the picture on which the boxes were drawn: 1 where that was the upright one."""
    likeness: Likeness


def find_files(pictures: list[ForeignPicture], plan: ImportPlan, notes: Notes) -> list[tuple[ForeignPicture, Path]]:
    """Every picture with its file, by its path below the folder, else by its bare name where only one file has it."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(plan.images.rglob("*")) if plan.images is not None else ():
        if path.suffix.lower() in PICTURE_SUFFIXES:
            by_name[path.name].append(path)
    found: dict[Path, ForeignPicture] = {}
    for picture in pictures:
        file = picture.path or _file_of(picture, plan.images or Path(), by_name, notes)
        if file is not None and file in found:
            notes.fatal.append(f"{picture.place}: {picture.name}: is labelled at {found[file].place} already")
        elif file is not None:
            found[file] = picture
    return [(picture, path) for path, picture in found.items()]


def _file_of(picture: ForeignPicture, folder: Path, by_name: Mapping[str, list[Path]], notes: Notes) -> Path | None:
    relative = PurePosixPath(picture.name.replace("\\", "/"))
    if ".." not in relative.parts and not relative.is_absolute() and (folder / relative).is_file():
        return folder / relative
    candidates = by_name.get(relative.name, [])
    if len(candidates) == 1:
        return candidates[0]
    fault = f"{len(candidates)} files of that name" if candidates else "no such picture"
    if picture.name:
        notes.passable.append(f"{picture.place}: {picture.name}: {fault} in {folder}")
    return None


def look(picture: ForeignPicture, path: Path, plan: ImportPlan, notes: Notes) -> SeenPicture | None:
    """Read one file; `None`, and the reason in `notes`, when it cannot be used."""
    try:
        upright = read_picture(path)
    except PictureError as error:
        notes.passable.append(str(error))
        return None
    stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    plain = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    orientation = orientation_of(np.asarray(stored, dtype=np.uint8), np.asarray(plain, dtype=np.uint8))
    wh_px = (int(upright.shape[1]), int(upright.shape[0]))
    frame = frame_of_boxes(picture.claimed_wh_px, wh_px, orientation, plan.boxes_in)
    if frame is None:
        notes.fatal.append(
            f"{path}: is stored with EXIF orientation {orientation}, and nothing tells on which picture its boxes were "
            "drawn: --boxes-in upright (as a browser or Ultralytics shows it) or --boxes-in stored?"
        )
        return None
    drawn_on = orientation if frame is BoxFrame.STORED else UPRIGHT_ALREADY
    if orientation != UPRIGHT_ALREADY and frame is BoxFrame.STORED:
        notes.changed["pictures whose boxes were turned upright"] += 1
    shown_wh_px = wh_px[::-1] if drawn_on >= SIDEWAYS_FROM else wh_px
    if not _fits(picture, shown_wh_px, plan, notes):
        return None
    base = plan.images or (plan.source if plan.source.is_dir() else plan.source.parent)
    relative = path.relative_to(base) if path.is_relative_to(base) else Path(picture.name)
    return SeenPicture(picture, path, PurePosixPath(relative), wh_px, drawn_on, likeness_of(upright))


def _fits(picture: ForeignPicture, shown_wh_px: tuple[int, int], plan: ImportPlan, notes: Notes) -> bool:
    claimed_wh_px = picture.claimed_wh_px
    if claimed_wh_px is None or claimed_wh_px == shown_wh_px:
        return True
    stretch = claimed_wh_px[0] * shown_wh_px[1] / (claimed_wh_px[1] * shown_wh_px[0])
    is_alike = abs(stretch - 1) <= ASPECT_SLACK
    if is_alike and plan.rescale:
        notes.changed["pictures of another size, boxes rescaled"] += 1
        return True
    advice = "; --rescale takes the boxes over in proportion" if is_alike else "; is this the right picture?"
    claim, shown = (f"{wh[0]} x {wh[1]}" for wh in (claimed_wh_px, shown_wh_px))
    notes.passable.append(f"{picture.place}: {picture.name}: labelled at {claim} pixels, the file has {shown}{advice}")
    return False
