# SPDX-License-Identifier: AGPL-3.0-or-later
"""Self-training: a model labels photographs that nobody labelled, and says so on every one of them.

What it is sure of becomes a box, what it half sees a region in which the label costs nothing, the rest is background.
Such photographs can train and never judge, and manifest and card name the model (Xie et al. 2020, "Self-training with
Noisy Student improves ImageNet classification", for the idea).
"""

from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from contract.model_card import DEFECT_LABELS, DetectorLabel
from edge.errors import PictureError
from edge.picture_file import picture_paths, read_picture
from models.annotations import FoundBoxes, Photograph, as_boxes
from models.cards import read_card
from models.dataset_folder import (
    NewPhotograph,
    Provenance,
    as_coco,
    boxes_count,
    check_new_folder,
    joined,
    new_file_names,
    write_dataset,
)
from models.detecting import detect
from models.errors import AnnotationsError, ImportFaults, LicenceError, WorkshopError
from models.grouping import GroupRule
from models.likeness import likeness_of
from models.placing import PlacedBox


@dataclass(frozen=True)
class PseudoLabelPlan:
    """Everything that an integrator says. Confidences from `low` to `high` are in doubt, `high` itself is sure."""

    pictures: Path
    output: Path
    card: Path
    provenance: Provenance
    group_by: GroupRule
    low: float = 0.1
    high: float = 0.6
    labels: frozenset[DetectorLabel] | None = None
    """Those that the model's boxes are taken for; every label of the card that is no defect when absent."""
    link: bool = False


@dataclass(frozen=True)
class PseudoLabelSummary:
    """What came of it; counts by label."""

    annotations: str
    labelled_by: dict[str, str]
    photographs_count: int
    groups_count: int
    boxes_count: dict[str, int]
    regions_count: dict[str, int]

    def as_row(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def pseudo_label(plan: PseudoLabelPlan) -> PseudoLabelSummary:
    """Label every picture below a folder with a model, into a new data set.

    Raises LicenceError when the pictures may not train, since they would be for nothing else, and WorkshopError.
    """
    plan.provenance.check()
    if not plan.provenance.may_train:
        raise LicenceError("--may-not-train: boxes that a model drew are for training alone; leave these pictures out")
    if not 0 < plan.low < plan.high <= 1:
        raise WorkshopError(f"--low {plan.low:g} --high {plan.high:g}: expected 0 < low < high, and high at most 1")
    check_new_folder(plan.output)
    card = read_card(plan.card)
    labels = plan.labels or frozenset(card.labels) - DEFECT_LABELS
    foreign = sorted(labels - set(card.labels))
    if foreign:
        raise WorkshopError(f"--labels {foreign[0]}: {plan.card.name} knows {', '.join(card.labels)}")
    if not plan.pictures.is_dir():
        raise AnnotationsError(f"{plan.pictures}: expected a folder of pictures")
    photographs = _labelled(plan, labels)
    labelled_by = {
        "model_id": card.model_id,
        "onnx_sha256": card.onnx_sha256,
        "data_manifest_sha256": card.data_manifest_sha256,
        "licence": card.licence,
    }
    made_by = {"command": "facings model pseudo-label", "low": plan.low, "high": plan.high, **labelled_by}
    coco = as_coco(photographs, plan.provenance, made_by, {"pseudo_labelled_by": labelled_by})
    return PseudoLabelSummary(
        annotations=str(write_dataset(plan.output, photographs, coco, link=plan.link)),
        labelled_by=labelled_by,
        photographs_count=len(photographs),
        groups_count=len({photograph.group for photograph in photographs}),
        boxes_count=dict(boxes_count(photographs, is_crowd=False)),
        regions_count=dict(boxes_count(photographs, is_crowd=True)),
    )


def _labelled(plan: PseudoLabelPlan, labels: frozenset[DetectorLabel]) -> list[NewPhotograph]:
    bare: list[Photograph] = []
    likenesses, faults = [], []
    folders = sorted({plan.pictures, *(one for one in plan.pictures.rglob("*") if one.is_dir())})
    for path in picture_paths(folders):
        group = plan.group_by.group_of(_relative(path, plan), {}, plan.provenance.source)
        if group is None:
            faults.append(f"{path}: --group-by finds no group in it")
            continue
        try:
            image_bgr = read_picture(path)
        except PictureError as error:
            faults.append(str(error))
            continue
        bare.append(_bare(path, (int(image_bgr.shape[1]), int(image_bgr.shape[0])), group))
        likenesses.append(likeness_of(image_bgr))
    if faults:
        raise ImportFaults(f"{plan.pictures}: {len(faults)} faults", faults)
    if not bare:
        raise AnnotationsError(f"{plan.pictures}: no pictures there")
    found = _detect_all(bare, plan.card)
    names = new_file_names([photograph.path for photograph in bare], plan.provenance.source)
    photographs = [
        NewPhotograph(
            path=photograph.path,
            file_name=file_name,
            original_name=str(_relative(photograph.path, plan)),
            wh_px=photograph.wh_px,
            group=photograph.group,
            complete_for=labels,
            boxes=tuple(sure_and_doubtful(found[photograph.path], labels, plan.low, plan.high, photograph.wh_px)),
        )
        for photograph, file_name in zip(bare, names, strict=True)
    ]
    return joined(photographs, likenesses)


def _relative(path: Path, plan: PseudoLabelPlan) -> PurePosixPath:
    return PurePosixPath(path.relative_to(plan.pictures))


def _detect_all(photographs: list[Photograph], card: Path) -> dict[Path, FoundBoxes]:
    """What the model finds, by path; pictures of one file name in several folders go into rounds of their own."""
    rounds: list[dict[str, Photograph]] = []
    for photograph in photographs:
        free = next((one for one in rounds if photograph.path.name not in one), None)
        if free is None:
            free = {}
            rounds.append(free)
        free[photograph.path.name] = photograph
    found: dict[Path, FoundBoxes] = {}
    for one in rounds:
        by_name = detect(list(one.values()), card)
        found |= {photograph.path: by_name[name] for name, photograph in one.items()}
    return found


def sure_and_doubtful(
    found: FoundBoxes, labels: frozenset[DetectorLabel], low: float, high: float, wh_px: tuple[int, int]
) -> list[PlacedBox]:
    """Boxes at `high` or surer, and regions for those between `low` and `high`.

    A defect is a trait of its product: over one that is in doubt it is in doubt itself.
    """
    placed = []
    sure_products: set[tuple[float, ...]] = set()
    for label in sorted(labels, key=lambda one: one in DEFECT_LABELS):
        for corners, confidence in zip(*found.of(label), strict=True):
            if confidence < low:
                continue
            width_px, height_px = wh_px
            x1, x2 = (round(min(max(float(edge), 0.0), width_px), 2) for edge in corners[[0, 2]])
            y1, y2 = (round(min(max(float(edge), 0.0), height_px), 2) for edge in corners[[1, 3]])
            if min(x2 - x1, y2 - y1) < 1:
                continue
            box = (x1, y1, x2, y2)
            is_sure = bool(confidence >= high) and (label not in DEFECT_LABELS or box in sure_products)
            if is_sure and label is DetectorLabel.PRODUCT:
                sure_products.add(box)
            placed.append(PlacedBox(label, box, is_crowd=not is_sure))
    return placed


def _bare(path: Path, wh_px: tuple[int, int], group: str) -> Photograph:
    nothing = {label: as_boxes([]) for label in DetectorLabel}
    return Photograph(path, wh_px, "", group, "", True, frozenset(), nothing, nothing)  # noqa: FBT003 - may_train
