# SPDX-License-Identifier: AGPL-3.0-or-later
"""Takes over photographs that somebody labelled with another tool."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contract.model_card import DetectorLabel
from models.class_map import Meaning, meanings_of, parse_labels
from models.dataset_folder import (
    NewPhotograph,
    as_coco,
    boxes_count,
    check_new_folder,
    joined,
    new_file_names,
    write_dataset,
)
from models.errors import AnnotationsError
from models.foreign import ForeignFormat, ForeignPicture, Notes
from models.foreign_coco import read_coco
from models.foreign_label_studio import COMPLETE_CONTROL, read_label_studio
from models.foreign_yolo import data_file_in, read_yolo
from models.import_plan import CHOICES, ImportPlan
from models.labelled_files import SeenPicture, find_files, look
from models.likeness import Likeness
from models.manifest import file_sha256
from models.placing import place_boxes


@dataclass(frozen=True)
class ImportSummary:
    """What came of an import; counts by label, and by reason in words."""

    annotations: str
    file_format: str
    photographs_count: int
    groups_count: int
    duplicate_sets: dict[str, list[str]]
    boxes_count: dict[str, int]
    regions_count: dict[str, int]
    changed: dict[str, int]
    left_out: dict[str, int]
    faults_passed_over: list[str]

    def as_row(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def import_photographs(plan: ImportPlan) -> ImportSummary:
    """Write the data set, or raise AnnotationsError (ImportFaults with all faults) and write nothing."""
    plan.provenance.check()
    check_new_folder(plan.output)
    file_format = plan.file_format or detect_format(plan.source)
    if plan.images is not None and not plan.images.is_dir():
        raise AnnotationsError(f"--images {plan.images}: is no folder")
    stated = None if plan.complete_for == CHOICES else parse_labels(plan.complete_for, "--complete-for")
    if stated is not None and not stated:
        raise AnnotationsError("--complete-for: expected at least one label that every picture was searched for")
    notes = Notes()
    read = _read(plan, file_format, notes)
    _refuse_contradiction(read, plan, notes)
    pictures = _labelled(read, plan, notes)
    names = Counter(name for picture in pictures for box in picture.boxes for name in box.names)
    meanings = meanings_of(names, notes.class_names, plan.class_map or {}, plan.source.name)
    found = find_files(pictures, plan, notes)
    notes.raise_if_any(str(plan.source), skip_faulty=plan.skip_faulty)  # before the pictures take their time
    seen = [one for one in (look(picture, path, plan, notes) for picture, path in found) if one]
    photographs = _photographs(seen, meanings, stated, plan, notes)
    notes.raise_if_any(str(plan.source), skip_faulty=plan.skip_faulty)
    if not photographs:
        raise AnnotationsError(f"{plan.source}: no labelled picture is left to take over")
    made_by = {
        "command": "facings model import",
        "format": file_format.value,
        "file": plan.source.name,
        "sha256": file_sha256(plan.source) if plan.source.is_file() else None,
        "classes": {
            name: [label.value for label in meaning.labels] + (["crowd"] if meaning.is_crowd else [])
            for name, meaning in sorted(meanings.items())
        },
    }
    written = write_dataset(plan.output, photographs, as_coco(photographs, plan.provenance, made_by), link=plan.link)
    sets: dict[str, list[str]] = defaultdict(list)
    for photograph in photographs:
        if photograph.duplicate_set is not None:
            sets[photograph.duplicate_set].append(photograph.file_name)
    return ImportSummary(
        annotations=str(written),
        file_format=file_format.value,
        photographs_count=len(photographs),
        groups_count=len({photograph.group for photograph in photographs}),
        duplicate_sets=dict(sets),
        boxes_count=dict(boxes_count(photographs, is_crowd=False)),
        regions_count=dict(boxes_count(photographs, is_crowd=True)),
        changed=dict(notes.changed),
        left_out=dict(notes.left_out),
        faults_passed_over=notes.passable,
    )


def detect_format(source: Path) -> ForeignFormat:
    """Tell the format by the file's shape. Raises AnnotationsError."""
    if data_file_in(source) is not None:
        return ForeignFormat.YOLO
    if source.is_dir():
        raise AnnotationsError(f"{source}: a folder without data.yaml; name the file of annotations itself")
    try:
        table = json.loads(source.read_bytes())
    except OSError as error:
        raise AnnotationsError(f"{source}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise AnnotationsError(f"{source}: is neither JSON nor a data.yaml: {error}") from error
    if isinstance(table, dict) and "images" in table:
        return ForeignFormat.COCO
    if isinstance(table, list) and all(isinstance(task, dict) and "data" in task for task in table):
        return ForeignFormat.LABEL_STUDIO
    raise AnnotationsError(
        f"{source}: expected COCO (an object with `images`, `annotations`, `categories`) or Label Studio's export JSON "
        "(a list of tasks with `data` and `annotations`; not JSON-MIN)"
    )


def _read(plan: ImportPlan, file_format: ForeignFormat, notes: Notes) -> list[ForeignPicture]:
    if file_format is ForeignFormat.YOLO:
        return read_yolo(plan.source, plan.images, notes)
    if plan.images is None:
        raise AnnotationsError(f"{plan.source}: name the folder of its pictures with --images")
    return (read_coco if file_format is ForeignFormat.COCO else read_label_studio)(plan.source, notes)


def _refuse_contradiction(pictures: list[ForeignPicture], plan: ImportPlan, notes: Notes) -> None:
    """What a file says of its pictures' right to train is not to be talked over by a word for all of them."""
    closed = [picture for picture in pictures if picture.fields.get("may_train", "").lower() == "false"]
    if closed and plan.provenance.may_train:
        notes.fatal.append(
            f"{len(closed)} pictures say themselves that they may not train (`may_train` false), e.g. {closed[0].name};"
            " --may-train says that all may: import those that may from a file of their own"
        )


def _labelled(pictures: list[ForeignPicture], plan: ImportPlan, notes: Notes) -> list[ForeignPicture]:
    unclear = [picture for picture in pictures if picture.is_labelled is None]
    if unclear and plan.keep_empty is None:
        notes.fatal.append(
            f"{len(unclear)} pictures have no box, e.g. {unclear[0].name}: were they searched and found empty "
            "(--keep-empty), or not labelled yet (--leave-out-empty)?"
        )
    if plan.keep_empty is False:
        notes.left_out["pictures without any box"] += len(unclear)
        return [picture for picture in pictures if picture.is_labelled is not None]
    return pictures


def _photographs(
    seen: list[SeenPicture],
    meanings: Mapping[str, Meaning],
    stated: frozenset[DetectorLabel] | None,
    plan: ImportPlan,
    notes: Notes,
) -> list[NewPhotograph]:
    new: list[NewPhotograph] = []
    likenesses: list[Likeness] = []
    for one, file_name in zip(seen, new_file_names([one.path for one in seen], plan.provenance.source), strict=True):
        group = plan.group_by.group_of(one.relative, one.picture.fields, plan.provenance.source)
        complete = stated if stated is not None else _chosen_labels(one.picture, notes)
        if group is None:
            notes.fatal.append(f"{one.picture.place}: {one.relative}: --group-by finds no group in it")
        if group is None or complete is None:
            continue
        boxes = place_boxes(one.picture.boxes, meanings, one.wh_px, one.orientation, notes)
        loose_count = sum(box.label not in complete for box in boxes)
        if loose_count:
            notes.changed["boxes of labels that their picture is not complete for: kept, never judged"] += loose_count
        likenesses.append(one.likeness)
        new.append(
            NewPhotograph(
                path=one.path,
                file_name=file_name,
                original_name=str(one.relative),
                wh_px=one.wh_px,
                group=group,
                complete_for=complete,
                boxes=tuple(boxes),
                rows=one.picture.rows,
            )
        )
    return joined(new, likenesses)


def _chosen_labels(picture: ForeignPicture, notes: Notes) -> frozenset[DetectorLabel] | None:
    if picture.complete_names is None:
        notes.passable.append(
            f"{picture.place}: no choices named `{COMPLETE_CONTROL}` say what {picture.name} was searched for"
        )
        return None
    try:
        return parse_labels(",".join(picture.complete_names), f"{picture.place}: {COMPLETE_CONTROL}")
    except AnnotationsError as error:
        notes.fatal.append(str(error))
        return None
