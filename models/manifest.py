# SPDX-License-Identifier: AGPL-3.0-or-later
"""The manifest of a training: every picture that shaped the weights, with hashes, licences and credits."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from contract.model_card import DataSource
from models.annotations import Photograph
from models.samples import Sample

RENDERS_SOURCE = "renders"
RENDERS_LICENCE = "AGPL-3.0-or-later (drawn by the facings simulator)"


def write_manifest(path: Path, recipe_path: Path, renders: list[Sample], photographs: list[Photograph]) -> Path:
    """Write the manifest as JSON, in a stable order, so that equal trainings give equal bytes."""
    manifest = {
        "schema_version": 1,
        "recipe": {"file": recipe_path.name, "sha256": file_sha256(recipe_path)},
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
                "complete_for": sorted(photograph.complete_for),
                "boxes_count": {
                    label.value: len(photograph.boxes_px[label]) for label in sorted(photograph.complete_for)
                },
            }
            for photograph in sorted(photographs, key=lambda photograph: photograph.path.name)
        ],
    }
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def data_sources(manifest_path: Path) -> tuple[DataSource, ...]:
    """The manifest in a card's words: one entry per source, with its licence and the credit that it asks for."""
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    renders = manifest["renders"]
    sources = [DataSource(name=renders["source"], images_count=renders["images_count"], licence=renders["licence"])]
    for name in sorted({photograph["source"] for photograph in manifest["photographs"]}):
        members = [photograph for photograph in manifest["photographs"] if photograph["source"] == name]
        licences = sorted({photograph["licence"] for photograph in members})
        sources.append(
            DataSource(
                name=name,
                images_count=len(members),
                licence="; ".join(licences),
                credit=f"Photographs: {'; '.join(licences)}. Product boxes drawn and pictures cut for Facings.",
            )
        )
    return tuple(sources)


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pictures_sha256(paths: Iterable[Path]) -> str:
    """One digest over names and contents, independent of folder and order."""
    digest = hashlib.sha256()
    for name, content in sorted((path.name, file_sha256(path)) for path in paths):
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()
