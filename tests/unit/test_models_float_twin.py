# SPDX-License-Identifier: AGPL-3.0-or-later
"""A store that runs 8 bits is fine-tuned from the float network behind them, or is told where to look for it."""

from pathlib import Path

import pytest

from contract.model_card import Precision
from models.cards import read_card, write_card
from models.detecting import card_of
from models.errors import WorkshopError
from models.float_twin import float_twin
from models.store_model import StoreModel
from tests.toy_network import write_toy_model


def _model(folder: Path) -> StoreModel:
    onnx = write_toy_model(folder)
    return StoreModel(onnx, read_card(card_of(onnx)), {"base_model_id": "kept"})


def _in_8_bits(folder: Path, made_of: str) -> StoreModel:
    model = _model(folder)
    card = model.card.model_copy(update={"precision": Precision.INT8, "quantised_from_sha256": made_of})
    write_card(card, card_of(model.onnx))
    return StoreModel(model.onnx, card, {"base_thresholds": {}})


def test_a_float_model_is_its_own(tmp_path: Path) -> None:
    model = _model(tmp_path)
    assert float_twin(model, elsewhere=tmp_path / "absent") is model


def test_the_float_network_is_found_beside_it_or_among_the_shipped(tmp_path: Path) -> None:
    plain = _model(tmp_path / "shipped")
    store = _in_8_bits(tmp_path / "store", plain.card.onnx_sha256)
    twin = float_twin(store, elsewhere=tmp_path / "shipped")
    assert twin.onnx == plain.onnx
    assert twin.card == plain.card
    assert twin.record == {}


def test_without_the_float_network_it_says_what_to_name(tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    store = _in_8_bits(tmp_path / "store", "0" * 64)
    with pytest.raises(WorkshopError, match="name that one with --model"):
        float_twin(store, elsewhere=tmp_path / "shipped")
