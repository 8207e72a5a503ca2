# SPDX-License-Identifier: AGPL-3.0-or-later
"""Per-store adaptation: from golden frames to thresholds, or to another network, that count this store better.

The frames that choose never check. Of few groups of frames each checks in turn what the others chose (and the
thresholds chosen on all of them must do as well on all); of many, a third only checks. Whatever the gate
(`models.acceptance`) does not accept leaves the store's folder as it was, byte for byte.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.model_card import DetectorLabel, ModelCard
from models.acceptance import Verdict, judge
from models.errors import GoldenError
from models.float_twin import keep_twin
from models.golden import GoldenSet, golden_json
from models.recounting import Look, Thresholds, count_as_node, look, open_detector
from models.store_model import ONNX_NAME, StoreModel, discard, keep, put_in_place, stage
from models.threshold_choice import Fold, choose, folds_of, labels_with_evidence

MOST_ID_CHARACTERS = 80


@dataclass(frozen=True)
class Adapted:
    """What came of it."""

    old: StoreModel
    model_id: str
    """Of the model now in force: the new one where it was accepted, else the old one."""
    old_thresholds: dict[DetectorLabel, float]
    new_thresholds: dict[DetectorLabel, float]
    judged_labels: tuple[DetectorLabel, ...]
    """Those whose threshold the golden counts could judge."""
    folds_count: int
    """1 where a third of the frames only checked."""
    verdict: Verdict
    unchanged: bool
    """True where the same network is best served by the thresholds that it has."""

    def as_row(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model_id": self.model_id,
            "old_model_id": self.old.card.model_id,
            "unchanged": self.unchanged,
            "checked_by": "a third of the frames" if self.folds_count == 1 else "each group in turn",
            "old_thresholds": {label.value: value for label, value in self.old_thresholds.items()},
            "new_thresholds": {label.value: value for label, value in self.new_thresholds.items()},
            "judged_labels": [label.value for label in self.judged_labels],
            **self.verdict.as_row(),
        }


def folds(golden: GoldenSet, *, split: bool = False) -> list[Fold]:
    """Which frames choose and which check. Raises GoldenError when they all belong to one group."""
    try:
        return folds_of([frame.group for frame in golden.frames], split=split)
    except ValueError as error:
        raise GoldenError(str(error)) from error


def adapt(
    golden: GoldenSet,
    store_folder: Path,
    old: StoreModel,
    *,
    candidate: StoreModel | None = None,
    split: bool = False,
    now: datetime | None = None,
    say: Callable[[str], None] = print,
) -> Adapted:
    """Choose thresholds for the candidate (the old network where there is none) and let it in if the gate accepts.

    `split` keeps a third of the frames for checking however few there are, as a candidate that learnt from the
    others needs. Raises WorkshopError: GoldenError or StoreModelError; then nothing was changed.
    """
    plan = folds(golden, split=split)
    if not golden.is_grouped:
        say(
            "warning: no frame tells captured_at or group, so each stands alone: pictures of one minute check each "
            "other, and the verdict may be too kind"
        )
    say(f"looking at {len(golden.frames)} golden frames with {old.card.model_id}")
    old_looks = _looks(golden, old)
    contender = candidate or old
    if candidate is not None:
        say(f"looking at them with {candidate.card.model_id}")
    looks = old_looks if candidate is None else _looks(golden, candidate)
    labels = labels_with_evidence(golden.frames, contender.card.labels)
    prior, start = contender.prior_thresholds, dict(contender.card.confidence_thresholds)

    def chosen(indexes: Sequence[int]) -> dict[DetectorLabel, float]:
        return choose(prior, start, labels, lambda bars: sum(looks[index].tally(bars).loss for index in indexes))

    by_fold = [chosen(fold.choosing) for fold in plan]
    thresholds = by_fold[0] if len(plan) == 1 else chosen(range(len(looks)))
    old_bars = dict(old.card.confidence_thresholds)
    checked = [(index, bars) for fold, bars in zip(plan, by_fold, strict=True) for index in fold.checking]
    groups = [frame.group for frame in golden.frames]
    old_tallies = [seen.tally(old_bars) for seen in old_looks]
    outcome = Adapted(
        old=old,
        model_id=old.card.model_id,
        old_thresholds=old_bars,
        new_thresholds=thresholds,
        judged_labels=labels,
        folds_count=len(plan),
        verdict=judge(
            [old_tallies[index] for index, _ in checked],
            [looks[index].tally(bars) for index, bars in checked],
            [groups[index] for index, _ in checked],
        ),
        unchanged=candidate is None and thresholds == old_bars,
    )
    if outcome.unchanged or not outcome.verdict.accepted:
        return outcome
    model_id = _model_id(contender, golden, thresholds)
    record = _record(golden, contender, outcome, model_id, now or datetime.now(UTC))
    staged = stage(store_folder, contender.onnx, _card(contender.card, model_id, golden, outcome), record)
    try:
        say(f"counting them as a node would with {model_id}")
        detector = open_detector(staged / ONNX_NAME)
        final = plan[0].checking if len(plan) == 1 else tuple(range(len(looks)))
        as_node = [count_as_node(golden.frames[index], detector) for index in final]
        verdict = judge([old_tallies[index] for index in final], as_node, [groups[index] for index in final])
        if not verdict.accepted:
            return replace(outcome, verdict=verdict)
        _keep_origin(store_folder, old)
        for model in (old, contender):
            keep_twin(store_folder, model)
        keep(store_folder, staged, model_id)
    finally:
        discard(staged)
    put_in_place(store_folder, model_id)
    return replace(outcome, model_id=model_id)


def _looks(golden: GoldenSet, model: StoreModel) -> list[Look]:
    detector = open_detector(model.onnx)
    return [look(frame, detector) for frame in golden.frames]


def _model_id(contender: StoreModel, golden: GoldenSet, thresholds: Thresholds) -> str:
    """Base, store, and a hash of network, thresholds and golden frames; the base is cut where all is too long."""
    identity = json.dumps([contender.card.onnx_sha256, dict(thresholds), golden.sha256], sort_keys=True)
    suffix = f".{golden.store_id}.{hashlib.sha256(identity.encode()).hexdigest()[:8]}"
    return contender.base_model_id[: MOST_ID_CHARACTERS - len(suffix)] + suffix


def _record(golden: GoldenSet, contender: StoreModel, outcome: Adapted, model_id: str, now: datetime) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "model_id": model_id,
        "store_id": golden.store_id,
        "base_model_id": contender.base_model_id,
        "base_thresholds": {label.value: bar for label, bar in contender.prior_thresholds.items()},
        "training": contender.record.get("training"),
        "replaces": outcome.old.card.model_id,
        "adapted_at": now.isoformat(timespec="seconds"),
        "golden_sha256": golden.sha256,
        "golden_frames": golden_json(golden),
        "figures": outcome.as_row() | {"model_id": model_id},
    }


def _keep_origin(folder: Path, old: StoreModel) -> None:
    """Copy what the store began with into its folder, so that one can go back to it."""
    if old.onnx.resolve().parent.parent == folder.resolve():
        return
    origin = {"schema_version": 1, "model_id": old.card.model_id, "replaces": None}
    staged = stage(folder, old.onnx, old.card, origin)
    try:
        keep(folder, staged, old.card.model_id)
    finally:
        discard(staged)


def _card(card: ModelCard, model_id: str, golden: GoldenSet, outcome: Adapted) -> ModelCard:
    note = (
        f"thresholds chosen on {len(golden.frames)} golden frames of {golden.store_id}; F1 and count errors of its "
        f"scores, if any, were measured at the thresholds of {outcome.old.base_model_id}"
    )
    kept = [weakness for weakness in card.weaknesses if not weakness.startswith("thresholds chosen on ")]
    return card.model_copy(
        update={
            "model_id": model_id,
            "confidence_thresholds": outcome.new_thresholds,
            "weaknesses": (*kept, note),
        }
    )
