# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs the node's own detector over photographs, so that what is scored is what a node does."""

from pathlib import Path

from models.annotations import FoundBoxes, Photograph

LEAST_CONFIDENCE = 0.01
"""Average precision needs the unsure boxes too; a node drops them at its card's thresholds."""


def shipped_card_path() -> Path:
    """The card of the detector that comes with this distribution."""
    return Path(__file__).parent / "shelf-nano.card.json"


def detect(photographs: list[Photograph], card: Path | None) -> dict[str, FoundBoxes]:
    """What the model of `card` (the shipped one when `None`) finds on each photograph, keyed by file name."""
    raise NotImplementedError
