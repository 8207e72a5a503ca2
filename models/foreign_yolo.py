# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads data sets in the layout of Ultralytics YOLO: `data.yaml`, pictures, and a text file of boxes for each picture.

A line is a class index, then centre and sides of a box, or the points of a polygon, all as fractions of the picture
(docs.ultralytics.com/datasets/detect and /segment). Label files are found as Ultralytics finds them: the last folder
`images` of a picture's path becomes `labels`, and the suffix `.txt`.
"""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from edge.picture_file import PICTURE_SUFFIXES
from models.errors import AnnotationsError
from models.foreign import Corners, ForeignBox, ForeignPicture, Notes, bounds, is_finite_box

BOX_NUMBERS_COUNT = 4
LEAST_POLYGON_NUMBERS_COUNT = 6
SLACK = 0.1
"""Fractions may lie so far beyond 0 and 1, where somebody drew over the edge; further out they are no fractions."""


def data_file_in(source: Path) -> Path | None:
    """The `data.yaml` that a folder holds, or the file itself; `None` where there is none."""
    if source.is_file() and source.suffix.lower() in {".yaml", ".yml"}:
        return source
    if source.is_dir():
        candidates = sorted([*source.glob("data.y*ml"), *source.glob("dataset.y*ml")])
        return candidates[0] if candidates else None
    return None


def read_yolo(source: Path, images: Path | None, notes: Notes) -> list[ForeignPicture]:
    """Every picture of the data set, those of all its splits, in the order of their paths.

    `images` replaces the folders that the data file names. A picture without a label file may be empty or unlabelled;
    an empty file says that it is empty. Raises AnnotationsError; faults of single lines go into `notes`.
    """
    data_file = data_file_in(source)
    if data_file is None:
        raise AnnotationsError(f"{source}: expected a data.yaml, or a folder with one in it")
    table = _read_yaml(data_file)
    names = _class_names(data_file, table)
    if "kpt_shape" in table:
        raise AnnotationsError(f"{data_file}: kpt_shape: key points are no boxes; export the data set for detection")
    notes.class_names.update(names.values())
    pictures = _pictures_in(images) if images is not None else _pictures_of(data_file, table)
    if not pictures:
        raise AnnotationsError(f"{images or data_file}: no pictures there; name their folder with --images")
    found = []
    for path, relative in sorted(pictures.items()):
        label_path = _label_path(path, relative, data_file.parent)
        boxes = () if label_path is None else tuple(_read_labels(label_path, names, notes))
        found.append(
            ForeignPicture(
                name=str(relative),
                place=str(label_path or path),
                boxes=boxes,
                is_labelled=None if label_path is None else True,
                path=path,
            )
        )
    if all(picture.is_labelled is None for picture in found):
        raise AnnotationsError(
            f"{data_file}: no label file for any of {len(found)} pictures (looked in `labels` folders)"
        )
    return found


def _read_yaml(data_file: Path) -> dict[str, Any]:
    try:
        table = yaml.safe_load(data_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnnotationsError(f"{data_file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AnnotationsError(f"{data_file}: is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(table, dict):
        raise AnnotationsError(f"{data_file}: expected a table with `names`")
    return table


def _class_names(data_file: Path, table: dict[str, Any]) -> dict[int, str]:
    names = table.get("names")
    if isinstance(names, list):
        return {index: str(name) for index, name in enumerate(names)}
    if isinstance(names, dict) and all(str(index).isdecimal() for index in names):
        return {int(index): str(name) for index, name in names.items()}
    raise AnnotationsError(f"{data_file}: names: expected a list of class names, or a table from index to name")


def _pictures_in(folder: Path) -> dict[Path, Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    return {path: path.relative_to(folder) for path in found}


def _pictures_of(data_file: Path, table: dict[str, Any]) -> dict[Path, Path]:
    root = data_file.parent
    told = (root / str(table.get("path") or ".")).resolve()
    root = told if told.is_dir() else root.resolve()
    entries = [entry for split in ("train", "val", "test") for entry in _as_list(table.get(split))]
    pictures: dict[Path, Path] = {}
    for entry in entries:
        # Some exports write `../train/images` for a folder beside the data file; Ultralytics forgives it too.
        tries = [root / entry, root / entry.removeprefix("../")]
        place = next((path.resolve() for path in tries if path.exists()), None)
        if place is None:
            raise AnnotationsError(f"{data_file}: {entry}: no such folder or list; name the pictures with --images")
        if place.is_dir():
            pictures |= {path: _under(root, path) for path in _pictures_in(place)}
        else:
            lines = [line.strip() for line in place.read_text(encoding="utf-8").splitlines() if line.strip()]
            pictures |= {path: _under(root, path) for path in ((place.parent / line).resolve() for line in lines)}
    return pictures


def _as_list(entry: Any) -> list[str]:
    if entry is None:
        return []
    return [str(part) for part in entry] if isinstance(entry, list) else [str(entry)]


def _under(root: Path, path: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else Path(path.name)


def _label_path(path: Path, relative: Path, data_folder: Path) -> Path | None:
    parts = list(path.parts)
    tries = []
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[:-1][::-1].index("images")
        tries.append(Path(*parts[:last], "labels", *parts[last + 1 :]))
    tries += [path, data_folder / "labels" / relative, path.parent.parent / "labels" / path.name]
    return next((one.with_suffix(".txt") for one in tries if one.with_suffix(".txt").is_file()), None)


def _read_labels(label_path: Path, names: dict[int, str], notes: Notes) -> list[ForeignBox]:
    try:
        lines = label_path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationsError(f"{label_path}: cannot be read as text: {error}") from error
    boxes = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{label_path}:{number}"
        try:
            class_index, *numbers = [float(word) for word in line.split()]
        except ValueError:
            notes.fatal.append(f"{place}: {line!r}; expected a class index and fractions")
            continue
        if class_index not in names:
            notes.fatal.append(f"{place}: class {class_index:g} is not among the {len(names)} `names` of the data file")
            continue
        corners = _corners(numbers, place, notes)
        if corners is not None:
            boxes.append(ForeignBox(names=(names[int(class_index)],), fractions=corners, place=place))
    return boxes


def _corners(numbers: list[float], place: str, notes: Notes) -> Corners | None:
    if len(numbers) == BOX_NUMBERS_COUNT:
        x, y, width, height = numbers
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        if not is_finite_box(corners) or min(width, height) < 0:
            notes.passable.append(f"{place}: expected centre x, centre y, width, height as fractions, none below 0")
            return None
    elif len(numbers) >= LEAST_POLYGON_NUMBERS_COUNT and len(numbers) % 2 == 0:
        corners = bounds(list(zip(numbers[::2], numbers[1::2], strict=True)))
        if not all(abs(number) < float("inf") for number in numbers):
            notes.passable.append(f"{place}: a point of the polygon is no number")
            return None
        notes.changed["polygons, boxed"] += 1
    else:
        hint = "; six words are a prediction with its confidence, no truth" if len(numbers) == 5 else ""  # noqa: PLR2004
        notes.fatal.append(f"{place}: {len(numbers) + 1} words; expected a class and 4 fractions, or a polygon{hint}")
        return None
    if max(numbers) > 1 + SLACK or min(numbers) < -SLACK:
        notes.fatal.append(f"{place}: {max(numbers, key=abs):g} is no fraction of the picture; expected 0 to 1")
        return None
    return corners
