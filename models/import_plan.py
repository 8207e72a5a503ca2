# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an integrator says about an import."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.class_map import Meaning
from models.dataset_folder import Provenance
from models.foreign import ForeignFormat
from models.grouping import GroupRule
from models.turning import BoxFrame

CHOICES = "choices"


@dataclass(frozen=True)
class ImportPlan:
    """Everything that an integrator says about an import."""

    source: Path
    output: Path
    provenance: Provenance
    group_by: GroupRule
    complete_for: str
    """Labels, comma-separated, or `choices` where annotators said it for each picture in Label Studio."""
    images: Path | None = None
    file_format: ForeignFormat | None = None
    class_map: Mapping[str, Meaning] | None = None
    boxes_in: BoxFrame | None = None
    keep_empty: bool | None = None
    rescale: bool = False
    skip_faulty: bool = False
    link: bool = False
