# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can go wrong in the workshop.

WorkshopError
├── RecipeError        a recipe file is missing, unreadable or says something impossible
├── AnnotationsError   an annotation or detections file breaks its format
│   └── ImportFaults   somebody's labelled photographs cannot be taken over as they are; every fault is listed
├── GoldenError        a file of golden frames, or a picture that it names, cannot be used
├── StoreModelError    a store's folder of models is not what it should be
├── LicenceError       a photograph may not train weights that ship
├── TrainExtraMissing  torch or ultralytics is not installed
└── ExportError        a network could not be exported, or the export disagrees with its card
"""

from collections.abc import Sequence

SHOWN_FAULTS_COUNT = 12


class WorkshopError(Exception):
    """Root of everything the workshop raises on purpose."""


class RecipeError(WorkshopError):
    """A recipe cannot be used as it stands."""


class AnnotationsError(WorkshopError):
    """A file of annotations or detections cannot be used as it stands."""


class ImportFaults(AnnotationsError):  # noqa: N818 - reads as the list that it is
    """Photographs cannot be taken over; `faults` lists all of them, the message the first ones."""

    def __init__(self, heading: str, faults: Sequence[str], advice: str = "") -> None:
        self.faults = tuple(faults)
        shown = [f"\n  {fault}" for fault in faults[:SHOWN_FAULTS_COUNT]]
        if len(faults) > SHOWN_FAULTS_COUNT:
            shown.append(f"\n  and {len(faults) - SHOWN_FAULTS_COUNT} more")
        super().__init__(heading + "".join(shown) + (f"\n{advice}" if advice else ""))


class GoldenError(WorkshopError):
    """Golden frames cannot be used as they stand; one line for every fault."""


class StoreModelError(WorkshopError):
    """A store's folder of models cannot be used as it stands."""


class LicenceError(WorkshopError):
    """A photograph's licence forbids what was asked."""


class TrainExtraMissing(WorkshopError):  # noqa: N818 - reads as the state that it names
    """The `train` extra is not installed."""

    def __init__(self, module: str) -> None:
        super().__init__(
            f"this step needs {module}, which is not installed: pip install 'facings[train]'; evaluation does without"
        )


class ExportError(WorkshopError):
    """An exported file is not what its card would promise."""
