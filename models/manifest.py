# SPDX-License-Identifier: AGPL-3.0-or-later
"""The manifest of a training: every picture that shaped the weights, with hashes, licences and credits."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from contract.model_card import DataSource
from models.annotations import Photograph
from models.errors import WorkshopError
from models.samples import Sample

RENDERS_SOURCE = "renders"
RENDERS_LICENCE = "AGPL-3.0-or-later (drawn by the facings simulator)"


def write_manifest(
    path: Path, recipe_path: Path, renders: list[Sample], photographs: list[Photograph], start: Path | None = None
) -> Path:
    """Write the manifest as JSON, in a stable order, so that equal trainings give equal bytes.

    `start` names the weights that the training went on from; their own manifest becomes part of this one.
    """
    manifest = {
        "schema_version": 1,
        "recipe": {
            "file": recipe_path.name,
            "sha256": file_sha256(recipe_path),
            "text": recipe_path.read_text(encoding="utf-8"),  # a later release may name or word its recipes otherwise
        },
        "renders": {
            "source": RENDERS_SOURCE,
            "licence": RENDERS_LICENCE,
            "images_count": len(renders),
            "sha256": pictures_sha256(sample.image_path for sample in renders),
            "labels_sha256": pictures_sha256(sample.label_path for sample in renders),
        },
        "photographs": [
            {
                "file": photograph.path.name,
                "sha256": file_sha256(photograph.path),
                "source": photograph.source,
                "group": photograph.group,
                "licence": photograph.licence,
                "duplicate_set": photograph.duplicate_set,
                "split": photograph.split,
                "pseudo_labelled_by": photograph.pseudo_labelled_by,
                "complete_for": sorted(photograph.complete_for),
                "boxes_count": {
                    label.value: len(photograph.boxes_px[label]) for label in sorted(photograph.complete_for)
                },
            }
            for photograph in sorted(photographs, key=lambda photograph: photograph.path.name)
        ],
        "start": None if start is None else {"weights_sha256": file_sha256(start), "manifest": start_manifest(start)},
    }
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def start_manifest(weights: Path) -> Any:
    """The manifest of earlier weights: in their training's folder, or beside an ONNX file.

    Raises WorkshopError without one.
    """
    if not weights.is_file():
        raise WorkshopError(f"{weights}: no such file of weights")
    path = weights.resolve().parent.parent.parent / "manifest.json"
    if weights.suffix == ".onnx":
        path = weights.with_suffix(".manifest.json")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise WorkshopError(
            f"{weights}: weights without a readable manifest ({path.name}) may not be built on"
        ) from error


def data_sources(manifest_path: Path) -> tuple[DataSource, ...]:
    """The manifest in a card's words: one entry per source, with its licence and the credit that it asks for.

    Raises WorkshopError when the file is no manifest.
    """
    try:
        chain = _with_starts(json.loads(manifest_path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkshopError(f"{manifest_path}: is no readable manifest of a training: {error!r}") from error
    renders = [manifest["renders"] for manifest in chain]
    photographs = {entry["sha256"]: entry for manifest in chain for entry in manifest["photographs"]}.values()
    renders_count = sum(entry["images_count"] for entry in renders)
    sources = [DataSource(name=RENDERS_SOURCE, images_count=renders_count, licence=RENDERS_LICENCE)]
    for name in sorted({entry["source"] for entry in photographs}):
        members = [entry for entry in photographs if entry["source"] == name]
        licences = "; ".join(sorted({entry["licence"] for entry in members}))
        credit = f"Photographs: {licences}. Cut and rescaled{_who_drew(members)}."
        sources.append(DataSource(name=name, images_count=len(members), licence=licences, credit=credit))
    return tuple(sources)


def _who_drew(entries: list[Any]) -> str:
    """Which models drew the boxes; nothing where none did, since nobody told who drew them then."""
    models = sorted({labels["model_id"] for entry in entries if (labels := entry.get("pseudo_labelled_by"))})
    if not models:
        return ""
    some = "" if all(entry.get("pseudo_labelled_by") for entry in entries) else "some "
    return f", {some}boxes found by {', '.join(models)}"


def _with_starts(manifest: Any) -> list[Any]:
    """A manifest and those of the trainings that it went on from."""
    start = manifest["start"]
    return [manifest] if start is None else [manifest, *_with_starts(start["manifest"])]


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pictures_sha256(paths: Iterable[Path]) -> str:
    """One digest over names and contents, independent of folder and order."""
    digest = hashlib.sha256()
    for name, content in sorted((path.name, file_sha256(path)) for path in paths):
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()
