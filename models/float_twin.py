# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finds the float network that an 8-bit one was made of: only the float one can be trained on."""

from pathlib import Path

from contract.model_card import Precision
from edge.model_file import CARD_SUFFIX, SHIPPED_FOLDER
from models.cards import read_card
from models.errors import WorkshopError
from models.store_model import StoreModel


def float_twin(model: StoreModel, *, elsewhere: Path = SHIPPED_FOLDER) -> StoreModel:
    """The model itself where it is a float one, else that which it was quantised from, beside it or `elsewhere`.

    The twin comes without the store's adaptations, which are thresholds of 8-bit scores. Raises WorkshopError where
    it did not come along.
    """
    if model.card.precision is Precision.FP32:
        return model
    for folder in (model.onnx.parent, elsewhere):
        for path in sorted(folder.glob(f"*{CARD_SUFFIX}")):
            card = read_card(path)
            is_it = card.precision is Precision.FP32 and card.onnx_sha256 == model.card.quantised_from_sha256
            if is_it and (folder / card.onnx_file).is_file():
                return StoreModel(folder / card.onnx_file, card, {})
    raise WorkshopError(
        f"{model.onnx}: is in 8 bits, which cannot be trained on, and the float network that it was made of lies "
        f"neither beside it nor in {elsewhere}; name that one with --model"
    )
