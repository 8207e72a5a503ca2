# SPDX-License-Identifier: AGPL-3.0-or-later
"""How well the weights of a stage do on renders that trained nothing, told by the node's own detector."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contract.model_card import DetectorHead, DetectorLabel
from models.annotations import FoundBoxes, Photograph
from models.cards import FALLBACK_THRESHOLD, make_card, write_card
from models.dataset import VALIDATION_SPLIT
from models.detecting import card_of, detect
from models.evaluate import SourceScored, score_sources
from models.manifest import RENDERS_LICENCE
from models.network import network_plan, stride_px
from models.recipe import Recipe
from models.samples import as_photographs
from models.scoring import LabelScore

SCORES_FILE = "held-out.json"


@dataclass(frozen=True)
class StageScored:
    """A stage's weights as a node runs them, and what they score on the held-out renders."""

    card: Path
    lines: list[SourceScored]


def score_stage(weights: Path, stage: str, recipe: Recipe, manifest: Path, pictures: Path) -> StageScored:
    """Export the weights of a stage into its folder and score them; what was scored before is read again.

    `pictures` is the training's folder of renders. Raises WorkshopError.
    """
    folder = weights.parents[1]
    onnx = folder / f"{recipe.model_id}-{stage}.onnx"
    scores = folder / SCORES_FILE
    if scores.is_file() and onnx.is_file():
        return StageScored(card_of(onnx), _read(scores))
    from models.export import export  # noqa: PLC0415 - it needs what training needs, and training needs this

    export(weights, onnx, recipe)
    card = make_card(
        onnx,
        recipe,
        manifest,
        head=DetectorHead.RAW,
        thresholds=dict.fromkeys(recipe.labels, FALLBACK_THRESHOLD),
        trained_at=datetime.fromtimestamp(weights.stat().st_mtime, UTC),
        stride_px=stride_px(network_plan(recipe.network)),
    )
    write_card(card, card_of(onnx))
    photographs = held_out_renders(pictures, recipe.labels)
    lines = score_sources(photographs, detect(photographs, card_of(onnx)))
    scores.write_text(json.dumps([line.as_row() for line in lines], indent=1) + "\n", encoding="utf-8")
    return StageScored(card_of(onnx), lines)


def held_out_renders(pictures: Path, labels: tuple[DetectorLabel, ...]) -> list[Photograph]:
    """The renders that train nothing, as annotated pictures."""
    return as_photographs(pictures, VALIDATION_SPLIT, labels, RENDERS_LICENCE)


def found_on_renders(scored: StageScored, photographs: list[Photograph]) -> Mapping[str, FoundBoxes]:
    """What a stage's weights find on the renders."""
    return detect(photographs, scored.card)


def _read(path: Path) -> list[SourceScored]:
    lines = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        fields = {name: value for name, value in row.items() if name != "source"}
        lines.append(SourceScored(row["source"], LabelScore(**fields | {"label": DetectorLabel(row["label"])})))
    return lines
