# SPDX-License-Identifier: AGPL-3.0-or-later
"""Splits annotated photographs into files that train and files that examine, by group, with duplicates together."""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.model_card import DetectorLabel
from models.annotations import EVALUATION_PART, LABEL_BY_CATEGORY, TRAINING_PART, Photograph, read_annotations
from models.dataset_folder import CATEGORY_IDS, IMAGES_FOLDER, categories
from models.duplicates import belongings
from models.errors import AnnotationsError, WorkshopError
from models.likeness import likeness_of
from models.pictures import read_image_bgr
from models.splitting import Group, always_examining, choose_folds, choose_holdout

SPLIT_FILE = "split.json"
_PART_NAME = rf"(fold-[0-9]+-)?({TRAINING_PART}|{EVALUATION_PART})"


@dataclass(frozen=True)
class Member:
    """A photograph as we read it, with its image and annotations as the file has them, and what it belongs to."""

    photograph: Photograph
    image: Mapping[str, Any]
    annotations: tuple[Mapping[str, Any], ...]
    group: str
    duplicate_set: str | None


@dataclass(frozen=True)
class Part:
    """One file of a split: `name` is its stem, `role` what its photographs are for."""

    name: str
    role: str
    members: tuple[Member, ...]

    def as_row(self) -> dict[str, Any]:
        """Flat counts, ready for JSON and for a table."""
        return {
            "part": self.name,
            "photographs": len(self.members),
            "groups": len({member.group for member in self.members}),
        } | {label.value: sum(_amount(member, label) for member in self.members) for label in DetectorLabel}


@dataclass(frozen=True)
class Split:
    """All parts, and the photographs that can be in none, with the reason."""

    parts: tuple[Part, ...]
    left_out: Mapping[str, tuple[str, ...]]
    duplicate_sets: Mapping[str, tuple[str, ...]]


def read_members(paths: Sequence[Path]) -> list[Member]:
    """Photographs of one or several files, with groups joined wherever pictures of them show the same.

    Raises AnnotationsError, also when two photographs share a file name, by which scores are told apart.
    """
    loaded: list[tuple[Photograph, Mapping[str, Any], tuple[Mapping[str, Any], ...]]] = []
    for path in paths:
        loaded += _read_file(path)
    names = Counter(photograph.path.name for photograph, _, _ in loaded)
    repeated = [name for name, times in names.items() if times > 1]
    if repeated:
        raise AnnotationsError(
            f"{repeated[0]}: {names[repeated[0]]} photographs have this name ({len(repeated)} such names in all)"
        )
    likenesses = [likeness_of(read_image_bgr(photograph.path)) for photograph, _, _ in loaded]
    pairs: list[tuple[int, int]] = []
    by_set: dict[str, int] = {}
    for index, (photograph, _, _) in enumerate(loaded):
        if photograph.duplicate_set is not None:  # found alike earlier, perhaps with a picture that is not here
            pairs.append((by_set.setdefault(photograph.duplicate_set, index), index))
    groups = [photograph.group for photograph, _, _ in loaded]
    belong = belongings([photograph.path.name for photograph, _, _ in loaded], groups, likenesses, pairs)
    return [Member(*one, *where) for one, where in zip(loaded, belong, strict=True)]


def _read_file(path: Path) -> list[tuple[Photograph, Mapping[str, Any], tuple[Mapping[str, Any], ...]]]:
    photographs = read_annotations(path)
    table = json.loads(path.read_bytes())
    labels = {category["id"]: LABEL_BY_CATEGORY[category["name"]] for category in table["categories"]}
    kept: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in table["annotations"]:
        category_id = CATEGORY_IDS[labels[annotation["category_id"]]]
        kept[annotation["image_id"]].append({**annotation, "category_id": category_id})
    images = table["images"]
    return [
        (photograph, image, tuple(kept[image["id"]])) for photograph, image in zip(photographs, images, strict=True)
    ]


def hold_out(members: Sequence[Member], *, fraction: float | None, groups: Sequence[str] = (), seed: int = 0) -> Split:
    """One part that trains and one that examines: the named groups, or about a fraction of the boxes."""
    every = groups_of(members)
    if groups:
        united = {member.photograph.group: member.group for member in members}
        unknown = sorted(set(groups) - set(united) - {group.name for group in every})
        if unknown:
            raise WorkshopError(f"--holdout-group {unknown[0]!r}: no such group; there are {_listed(every)}")
        examining = frozenset(united.get(name, name) for name in groups) | always_examining(every)
    else:
        examining = choose_holdout(every, 0.2 if fraction is None else fraction, seed)
    return _as_split(members, (("", examining),))


def fold(members: Sequence[Member], folds_count: int, *, seed: int = 0) -> Split:
    """For every fold a part that trains and one that examines; each group that may train examines once."""
    every = groups_of(members)
    always = always_examining(every)
    fold_of = choose_folds(every, folds_count, seed)
    return _as_split(
        members,
        tuple(
            (f"fold-{number + 1}-", frozenset(name for name, one in fold_of.items() if one == number) | always)
            for number in range(folds_count)
        ),
    )


def groups_of(members: Sequence[Member]) -> list[Group]:
    """Groups with their boxes of each label and their photographs."""
    gathered: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        gathered[member.group].append(member)
    return [
        Group(
            name,
            (*(sum(_amount(one, label) for one in those) for label in DetectorLabel), len(those)),
            all(one.photograph.may_train for one in those),
        )
        for name, those in sorted(gathered.items())
    ]


def _amount(member: Member, label: DetectorLabel) -> int:
    photograph = member.photograph
    return len(photograph.boxes_px[label]) if label in photograph.complete_for else 0


def _as_split(members: Sequence[Member], plans: Sequence[tuple[str, frozenset[str]]]) -> Split:
    parts: list[Part] = []
    for prefix, examining in plans:
        trains = [member for member in members if member.group not in examining]
        examines = [one for one in members if one.group in examining and one.photograph.pseudo_labelled_by is None]
        for role, those in ((TRAINING_PART, trains), (EVALUATION_PART, examines)):
            if not those:
                raise WorkshopError(f"{prefix}{role}: no photographs would be left in it")
            parts.append(Part(prefix + role, role, tuple(those)))
    used = {member.photograph.path for part in parts for member in part.members}
    pseudo = tuple(one.photograph.path.name for one in members if one.photograph.path not in used)
    in_training = {one.photograph.path for part in parts if part.role == TRAINING_PART for one in part.members}
    bound = tuple(
        one.photograph.path.name
        for one in members
        if one.photograph.may_train and one.photograph.path in used - in_training and _is_bound(one, members)
    )
    sets: dict[str, list[str]] = defaultdict(list)
    for member in members:
        if member.duplicate_set is not None:
            sets[member.duplicate_set].append(member.photograph.path.name)
    left_out = {
        "labelled by a model, in a group that examines": pseudo,
        "not trained, since another photograph of the group may not train": bound,
    }
    return Split(
        tuple(parts),
        {reason: names for reason, names in left_out.items() if names},
        {name: tuple(those) for name, those in sets.items()},
    )


def _is_bound(member: Member, members: Sequence[Member]) -> bool:
    return any(one.group == member.group and not one.photograph.may_train for one in members)


def write_split(split: Split, folder: Path, *, seed: int, replace: bool, keep: Sequence[Path] = ()) -> list[Path]:
    """Write a COCO file for every part and `split.json` with all names; files in `keep` are never overwritten.

    Pictures stay where they are: each file names them relative to where it will be read. `replace` also removes the
    other parts of the split that was there, since what they train the new ones may examine. Raises WorkshopError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {folder / f"{part.name}.json": _as_coco(part, folder) for part in split.parts}
    tables[folder / SPLIT_FILE] = {
        "schema_version": 1,
        "seed": seed,
        "parts": {part.name: sorted(one.photograph.path.name for one in part.members) for part in split.parts},
        "groups": {part.name: sorted({one.group for one in part.members}) for part in split.parts},
        "duplicate_sets": {name: list(those) for name, those in split.duplicate_sets.items()},
        "left_out": {reason: list(names) for reason, names in split.left_out.items()},
    }
    stale = [path for path in _parts_of(folder / SPLIT_FILE) if path not in tables] if replace else []
    for path in (*tables, *stale):
        if path.exists() and (not replace or path.resolve() in {one.resolve() for one in keep}):
            raise WorkshopError(f"{path}: exists already; name another folder with --output, or say --replace")
    partial = {path: path.with_name(f".{path.name}.partial-{os.getpid()}") for path in tables}
    try:
        for path, table in tables.items():
            partial[path].write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for path in stale:  # before the new ones come, so that no old part ever stands beside them
            path.unlink(missing_ok=True)
        for path in tables:
            partial[path].replace(path)
    except OSError as error:
        raise WorkshopError(f"{folder}: cannot be written: {error.strerror}") from error
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
    return list(tables)


def _parts_of(record: Path) -> list[Path]:
    """The files that an earlier split wrote, as its record lists them; none where there is no record.

    Raises WorkshopError when it cannot be read, or names anything but files beside it.
    """
    try:
        names = list(json.loads(record.read_text(encoding="utf-8"))["parts"])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WorkshopError(f"{record}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WorkshopError(f"{record}: is no record of a split, so its parts are unknown; move it away") from error
    if not all(isinstance(name, str) and re.fullmatch(_PART_NAME, name) for name in names):
        raise WorkshopError(f"{record}: parts: expected names as fold-1-train; move it away")
    return [record.with_name(f"{name}.json") for name in names]


def _as_coco(part: Part, folder: Path) -> dict[str, Any]:
    base = (folder / IMAGES_FOLDER if (folder / IMAGES_FOLDER).is_dir() else folder).resolve()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, member in enumerate(part.members, start=1):
        photograph = member.photograph
        image = {
            **member.image,
            "id": image_id,
            "file_name": os.path.relpath(photograph.path.resolve(), base),
            "source": photograph.source,
            "group": member.group,
            "complete_for": [label.value for label in DetectorLabel if label in photograph.complete_for],
            "split": part.role,
        }
        images.append(image | ({"duplicate_set": member.duplicate_set} if member.duplicate_set else {}))
        annotations += [
            {**annotation, "id": len(annotations) + number, "image_id": image_id}
            for number, annotation in enumerate(member.annotations, start=1)
        ]
    return {
        "info": {"description": part.name, "made_by": {"command": "facings model split"}},
        "categories": categories(),
        "images": images,
        "annotations": annotations,
    }


def _listed(groups: Sequence[Group]) -> str:
    return ", ".join(group.name for group in groups)
