# SPDX-License-Identifier: AGPL-3.0-or-later
"""A store's folder of models: one folder for each, and `current`, which a node runs.

    store-model/
        current -> shelf-nano-1.corner-shop.3f2a9c01    a link, put in place in one step
        order.json                                       what `current` named, oldest first, for going back
        shelf-nano-1/                                    what it began with
        shelf-nano-1.corner-shop.3f2a9c01/
            detector.onnx, detector.card.json            `onnx_file = "store-model/current/detector.onnx"` in node.toml
            detector.manifest.json                       what the weights learnt from, where that is known
            adaptation.json                              why it is here: golden frames, figures before and after

A model's folder is written whole, under another name, and never touched again; only the link and the order move. So a
node finds either the old pair of network and card or the new one, and going back is moving the link.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.model_card import DetectorLabel, ModelCard
from models.cards import read_card, write_card
from models.detecting import card_of
from models.errors import StoreModelError
from models.manifest import file_sha256
from models.store_disk import Writing, sync, write_synced

CURRENT = "current"
ONNX_NAME = "detector.onnx"
MANIFEST_NAME = "detector.manifest.json"
RECORD_NAME = "adaptation.json"
ORDER_NAME = "order.json"


@dataclass(frozen=True)
class StoreModel:
    """One model of a store's folder, or the one outside that the folder is to begin with."""

    onnx: Path
    card: ModelCard
    record: dict[str, Any]
    """The adaptation record; empty for a model that no adaptation made."""

    @property
    def base_model_id(self) -> str:
        """The model that came from elsewhere and was adapted, perhaps several times."""
        return str(self.record.get("base_model_id", self.card.model_id))

    @property
    def prior_thresholds(self) -> dict[DetectorLabel, float]:
        """The thresholds that the base's own card states: the same evidence must not pull twice."""
        base = self.record.get("base_thresholds")
        if base is None:
            return dict(self.card.confidence_thresholds)
        return {label: float(base[label]) for label in self.card.labels}


def current_model(folder: Path) -> StoreModel | None:
    """What the link names; None where the folder has none yet. Raises WorkshopError when it names no whole model."""
    link = folder / CURRENT
    if not link.is_symlink():
        if link.exists():
            raise StoreModelError(f"{link}: is no link; move it away, this folder keeps a link of that name")
        return None
    return open_model(folder / link.readlink() / ONNX_NAME)


def open_model(onnx: Path) -> StoreModel:
    """A model with its card and, in a store's folder, its record. Raises WorkshopError when one cannot be read."""
    card = read_card(card_of(onnx))
    if not onnx.is_file():
        raise StoreModelError(f"{onnx}: is no file")
    path = onnx.parent / RECORD_NAME
    if onnx.name != ONNX_NAME or not path.exists():
        return StoreModel(onnx, card, {})
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return StoreModel(onnx, card, dict(record))
    except (OSError, ValueError, TypeError) as error:
        raise StoreModelError(f"{path}: cannot be read as an adaptation record: {error}") from error


def model_folders(folder: Path) -> list[Path]:
    """The folders of all models that a store's folder keeps; none where it is not there yet."""
    if not folder.is_dir():
        return []
    return [
        path for path in sorted(folder.iterdir()) if path.is_dir() and not path.is_symlink() and path.name[0] != "."
    ]


def stage(folder: Path, onnx: Path, card: ModelCard, record: Mapping[str, Any]) -> Path:
    """Write a model whole beside the others, under a name that nothing reads yet. Returns its folder.

    Raises StoreModelError where that fails, on a full disk for instance; then nothing is left of it.
    """
    with Writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".staged-", dir=folder))
        try:
            shutil.copyfile(onnx, staged / ONNX_NAME)
            manifest = onnx.with_suffix(".manifest.json")
            if manifest.is_file():
                shutil.copyfile(manifest, staged / MANIFEST_NAME)
            named = card.model_copy(update={"onnx_file": ONNX_NAME, "onnx_sha256": file_sha256(staged / ONNX_NAME)})
            write_card(named, card_of(staged / ONNX_NAME))
            (staged / RECORD_NAME).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            staged.chmod(0o755)  # a node under another account reads it
        except BaseException:
            discard(staged)
            raise
    return staged


def keep(folder: Path, staged: Path, model_id: str) -> Path:
    """Give a staged model its name. One of the same id that is there already stays.

    Raises StoreModelError when that one is another model, or the disk takes no more.
    """
    home = folder / model_id
    if home.exists():
        if read_card(card_of(home / ONNX_NAME)) != read_card(card_of(staged / ONNX_NAME)):
            raise StoreModelError(f"{home}: holds another model of that id; move it away")
        return home
    with Writing(home):
        for path in staged.iterdir():
            sync(path)
        sync(staged)
        staged.rename(home)
        sync(folder)
    return home


def discard(staged: Path) -> None:
    """Remove a staged model that was not accepted."""
    shutil.rmtree(staged, ignore_errors=True)


def put_in_place(folder: Path, model_id: str) -> None:
    """Let `current` name a kept model: one step, so that a reader finds the old one or the new one.

    Raises StoreModelError where that fails; then the old one stays.
    """
    current = current_model(folder)
    before = [] if current is None else _order(folder, current)
    if before[-1:] != [model_id]:
        _write_order(folder, [*before, model_id])  # before the link: what the link does not name yet, nobody asks for
    _link(folder, model_id)


def undo(folder: Path) -> tuple[str, str]:
    """Go back to the model that was current before. Returns both ids, the left one first.

    Raises StoreModelError where there was none before or it is gone.
    """
    current = current_model(folder)
    if current is None:
        raise StoreModelError(f"{folder}: holds no adapted model; nothing to go back from")
    *before, left = _order(folder, current)
    if not before:
        raise StoreModelError(f"{folder}: {left} replaced nothing; nothing to go back to")
    open_model(folder / before[-1] / ONNX_NAME)
    _link(folder, before[-1])  # before the order is cut: an order that goes on past the link is read up to it
    _write_order(folder, before)
    return left, before[-1]


def _order(folder: Path, current: StoreModel) -> list[str]:
    """Ids of the models that were current, oldest first, up to the one that is.

    A model may come back, so its own record cannot tell what was current before it: that is written once, when the
    model comes for the first time. It is asked where the file says nothing, as in folders from before there was one.
    """
    path, model_id = folder / ORDER_NAME, current.card.model_id
    try:
        ids = [str(one) for one in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []
    except (OSError, ValueError, TypeError) as error:
        raise StoreModelError(f"{path}: cannot be read as a list of model ids: {error}") from error
    while ids and ids[-1] != model_id:
        ids.pop()
    if len(ids) > 1:
        return ids
    replaced = current.record.get("replaces")
    return [model_id] if replaced is None else [str(replaced), model_id]


def _write_order(folder: Path, ids: Sequence[str]) -> None:
    write_synced(folder / ORDER_NAME, json.dumps(ids, indent=1) + "\n")


def _link(folder: Path, model_id: str) -> None:
    fresh = folder / f".{CURRENT}.new"
    with Writing(folder / CURRENT):
        try:
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(model_id, target_is_directory=True)
            fresh.replace(folder / CURRENT)
            sync(folder)
        finally:
            fresh.unlink(missing_ok=True)
