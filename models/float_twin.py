# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finds the float network that an 8-bit one was made of, and keeps it: only the float one can be trained on."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from contract.model_card import Precision
from edge.model_file import CARD_SUFFIX, SHIPPED_FOLDER
from models.cards import read_card
from models.detecting import card_of
from models.errors import WorkshopError
from models.manifest import file_sha256
from models.store_model import StoreModel, discard, keep, model_folders, stage


def float_twin(model: StoreModel, *, named: Path | None = None, elsewhere: Path = SHIPPED_FOLDER) -> StoreModel:
    """The model itself where it is a float one, else that which it was quantised from.

    That is `named`, or is found beside the model, in its store's folder or `elsewhere`. It comes without the store's
    adaptations, which are thresholds of 8-bit scores. Raises WorkshopError where the named one is another network, or
    none came along.
    """
    card, wanted = model.card, model.card.quantised_from_sha256
    if named is not None:
        if card.precision is Precision.FP32:
            raise WorkshopError(f"{card.model_id} is a float network itself and is what is trained; leave --model out")
        if not named.is_file() or file_sha256(named) != wanted:
            raise WorkshopError(f"{named}: is not the float network that {card.model_id} was made of: SHA-256 {wanted}")
        return StoreModel(named, read_card(card_of(named)), {})
    if card.precision is Precision.FP32:
        return model
    kept = model_folders(model.onnx.parent.parent) if model.record else []
    found = _found(wanted, (model.onnx.parent, *kept, elsewhere))
    if found is None:
        raise WorkshopError(
            f"{model.onnx}: is in 8 bits, which cannot be trained on, and the float network that it was made of lies "
            f"neither in this folder nor in {elsewhere}; name that one with --model: it came with the release that the "
            f"8 bits came with, SHA-256 {wanted}"
        )
    return found


def keep_twin(folder: Path, model: StoreModel, *, elsewhere: Path = SHIPPED_FOLDER) -> None:
    """Copy the float network behind an 8-bit one into a store's folder, since the next release brings another.

    Does nothing where there is none or it is kept already. Raises StoreModelError when the disk takes no more.
    """
    wanted = model.card.quantised_from_sha256
    twin = _found(wanted, (model.onnx.parent, elsewhere))
    if twin is None or _found(wanted, model_folders(folder)) is not None:
        return
    name = f"{twin.card.model_id}.float-{twin.card.onnx_sha256[:8]}"
    staged = stage(folder, twin.onnx, twin.card, {"schema_version": 1, "model_id": twin.card.model_id})
    try:
        keep(folder, staged, name)
    finally:
        discard(staged)


def _found(wanted_sha256: str | None, folders: Iterable[Path]) -> StoreModel | None:
    """The float network of that hash in one of the folders; a card that cannot be read is nobody's."""
    for path in (path for folder in folders for path in sorted(folder.glob(f"*{CARD_SUFFIX}"))):
        with contextlib.suppress(WorkshopError):
            card = read_card(path)
            onnx = path.with_name(card.onnx_file)
            if card.precision is Precision.FP32 and card.onnx_sha256 == wanted_sha256 and onnx.is_file():
                return StoreModel(onnx, card, {})
    return None
