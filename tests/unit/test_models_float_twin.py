# SPDX-License-Identifier: AGPL-3.0-or-later
"""A store that runs 8 bits is fine-tuned from the float network behind them, or is told where to look for it."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.model_card import Precision
from models.cards import read_card, write_card
from models.cli import app
from models.detecting import card_of
from models.errors import WorkshopError
from models.float_twin import float_twin
from models.store_model import StoreModel, current_model
from tests.toy_network import write_toy_model
from tests.toy_store import write_toy_store


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


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Golden frames and the folder of a store that runs adapted 8 bits; the float network behind them."""
    plain = write_toy_model(tmp_path / "release", name="plain", input_wh_px=None)
    plain.with_suffix(".manifest.json").write_text('{"recipe": {"file": "gone.toml"}}')
    sha256 = read_card(card_of(plain)).onnx_sha256
    eight = write_toy_model(tmp_path / "release", name="eight", precision=Precision.INT8, quantised_from_sha256=sha256)
    golden = write_toy_store(tmp_path / "golden")
    words = ["adapt", str(golden), "--store-folder", str(tmp_path / "store-model"), "--model", str(eight)]
    outcome = CliRunner().invoke(app, words)
    assert "Accepted" in outcome.output, outcome.output
    return golden, tmp_path / "store-model", plain


def _fine_tuned(golden: Path, home: Path, *words: str | Path) -> str:
    arguments = ["adapt", golden, "--store-folder", home, "--fine-tune", "--licence", "own", *words]
    outcome = CliRunner().invoke(app, list(map(str, arguments)))
    assert outcome.exit_code == 2, outcome.output
    return outcome.output


def test_a_store_keeps_the_float_network_that_the_next_release_replaces(shop: tuple[Path, Path, Path]) -> None:
    golden, home, plain = shop
    network, card = plain.read_bytes(), read_card(card_of(plain))
    shutil.rmtree(plain.parent)
    current = current_model(home)
    assert current is not None
    twin = float_twin(current, elsewhere=plain.parent)
    assert twin.onnx.read_bytes() == network
    assert (twin.card.model_id, twin.card.onnx_sha256) == (card.model_id, card.onnx_sha256)
    assert "by the recipe" in _fine_tuned(golden, home)  # it and its manifest are at hand, so the recipe is asked for


def test_the_float_network_can_be_named_where_the_store_lost_it(shop: tuple[Path, Path, Path]) -> None:
    golden, home, plain = shop
    (kept,) = home.glob("*.float-*")
    shutil.rmtree(kept)
    other = write_toy_model(plain.parent / "newer", name="newer", default_input_wh_px=(320, 320), input_wh_px=None)
    other.write_bytes(other.read_bytes() + b"\x72\x00")
    assert "name that one with --model" in _fine_tuned(golden, home)
    assert "newer.onnx: is not the float network that eight.shop." in _fine_tuned(golden, home, "--model", other)
    assert "by the recipe" in _fine_tuned(golden, home, "--model", plain)
    outcome = CliRunner().invoke(app, ["adapt", str(golden), "--store-folder", str(home), "--model", str(plain)])
    assert "name it with --candidate" in outcome.output


def test_a_store_that_runs_a_float_network_needs_no_other_to_train(tmp_path: Path) -> None:
    model = _model(tmp_path)
    with pytest.raises(WorkshopError, match="is a float network itself"):
        float_twin(model, named=model.onnx)
