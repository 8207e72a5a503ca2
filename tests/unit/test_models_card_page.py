# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings model card`: what it shows, and what it writes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contract.model_card import (
    DataSource,
    DetectorLabel,
    FalseDefects,
    ModelCard,
    ScaleScore,
    SourceScore,
    Speed,
)
from models.card_markdown import card_markdown
from models.cli import app
from models.detecting import shipped_card_path
from tests.toy_network import write_toy_model

SPEED = Speed(
    machine="2 x86 cores", input_wh_px=(640, 384), bare_run_ms=36.0, look_ms=37.8, ratio=1.05, int8_ratio=0.55
)


def _score(source: str, *, seen: bool, ap50: float) -> SourceScore:
    return SourceScore(
        source=source,
        label=DetectorLabel.PRODUCT,
        images_count=3,
        boxes_count=40,
        ap50=ap50,
        ap75=0.5,
        f1=0.8,
        count_error_fraction=0.031,
        seen_in_training=seen,
        rows_count=7,
        row_count_error_fraction=0.042,
    )


def _card(folder: Path) -> Path:
    return write_toy_model(
        folder,
        sources=(DataSource(name="thai_shop", images_count=3, licence="CC BY 4.0", credit="Photographs: A | B"),),
        scores=(
            _score("cabinets", seen=False, ap50=0.91),
            _score("thai_shop", seen=True, ap50=0.97),
            _score("thai_shop/held-out", seen=False, ap50=0.72),
            _score("renders", seen=False, ap50=0.88),
        ),
        scale_scores=(
            ScaleScore(
                scale=0.5,
                source="all",
                label=DetectorLabel.PRODUCT,
                boxes_count=40,
                ap50=0.89,
                ap75=0.4,
                count_error_fraction=0.06,
            ),
        ),
        false_defects=FalseDefects(
            images_count=3,
            products_count=400,
            defects_count={DetectorLabel.DAMAGED: 1},
            per_200_products=0.5,
        ),
        speed=SPEED,
        weaknesses=("Bags are missed.",),
    ).with_name("toy.card.json")


def _section(page: str, title: str) -> str:
    return page.split(f"## {title}", 1)[1].split("\n## ", 1)[0]


def test_the_markdown_tells_skill_from_memory(tmp_path: Path) -> None:
    page = card_markdown(ModelCard.read(_card(tmp_path).read_bytes()), {"cabinets": "Turkish cabinets"})
    unseen = _section(page, "Photographs that trained nothing")
    assert "| Turkish cabinets | product | 3 | 40 | 0.910 | 0.500 | 0.800 | 3.1% | 4.2% |" in unseen
    assert "thai_shop" not in unseen
    before = _section(page, "Photographs that took part, scored by a training that left their source out")
    assert "| thai_shop | product | 3 | 40 | 0.720 | 0.500 | 0.800 | 3.1% | 4.2% | 0.970 / 3.1% |" in before
    assert "0.880" in _section(page, "Renders that trained nothing")
    assert "0.5 x" in _section(page, "Photographs fed at other sizes")
    assert "0.50 per 200 products" in _section(page, "False defects")
    assert "| 2 x86 cores | 640x384 | 36.0 | 37.8 | 1.05 | 0.55 |" in _section(page, "Speed, one thread")
    assert "Photographs: A \\| B" in _section(page, "Licences and credits")


def test_every_line_of_a_table_has_its_columns(tmp_path: Path) -> None:
    page = card_markdown(ModelCard.read(_card(tmp_path).read_bytes()))
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert len(tables) == 6
    for lines in tables:
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1, lines


def test_the_shipped_card_is_shown_as_it_is() -> None:
    before = shipped_card_path().read_bytes()
    outcome = CliRunner().invoke(app, ["card", str(shipped_card_path()), "--markdown"])
    assert outcome.exit_code == 0, outcome.output
    card = ModelCard.read(before)
    for words in (card.model_id, *card.weaknesses, *(source.licence for source in card.sources)):
        assert words in outcome.stdout
    assert shipped_card_path().read_bytes() == before


def _bench(**changes: Any) -> str:
    """What `facings bench vision --json` prints, as far as a card asks."""
    spent = {"wall_ms": SPEED.bare_run_ms}, {"wall_ms": SPEED.look_ms}
    model = {
        "model_id": "toy",
        "onnx_file": "toy.onnx",
        "input_wh_px": SPEED.input_wh_px,
        "bare": spent[0],
        "full": spent[1],
        "ratio_wall": SPEED.ratio,
    }
    shares = {} if SPEED.int8_ratio is None else {"toy": SPEED.int8_ratio}
    return json.dumps({"machine": SPEED.machine, "models": [model | changes], "int8_share": shares})


def test_a_measured_speed_is_written_and_the_rest_stays(tmp_path: Path) -> None:
    card_path = write_toy_model(tmp_path, weaknesses=("Bags are missed.",)).with_name("toy.card.json")
    measured = tmp_path / "speed.json"
    measured.write_text(_bench())
    outcome = CliRunner().invoke(app, ["card", str(card_path), "--speed", str(measured)])
    assert outcome.exit_code == 0, outcome.output
    card = ModelCard.read(card_path.read_bytes())
    assert card.speed == SPEED
    assert card.weaknesses == ("Bags are missed.",)


def test_the_speed_of_another_model_is_refused(tmp_path: Path) -> None:
    card_path = write_toy_model(tmp_path).with_name("toy.card.json")
    measured = tmp_path / "speed.json"
    measured.write_text(_bench(model_id="other"))
    outcome = CliRunner().invoke(app, ["card", str(card_path), "--speed", str(measured)])
    assert outcome.exit_code == 2
    assert "measures other, not toy" in outcome.stderr


def test_weaknesses_are_replaced_together(tmp_path: Path) -> None:
    card_path = _card(tmp_path)
    CliRunner().invoke(app, ["card", str(card_path), "--weakness", "Trays.", "--weakness", "Cups."])
    assert ModelCard.read(card_path.read_bytes()).weaknesses == ("Trays.", "Cups.")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--speed", "{folder}/none.json"], "none.json: cannot be read"),
        (["--speed", "{folder}/toy.card.json"], "is nothing that `facings bench vision --json` prints"),
        (["--annotations", "{folder}/a.json"], "--annotations and --pictures go together"),
        (["--scales", "0.5"], "--held-out and --scales score photographs"),
        (["--markdown", "--name", "cabinets"], "expected SOURCE=WORDS"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_written(tmp_path: Path, words: list[str], complaint: str) -> None:
    card_path = write_toy_model(tmp_path).with_name("toy.card.json")
    before = card_path.read_bytes()
    outcome = CliRunner().invoke(app, ["card", str(card_path), *(word.format(folder=tmp_path) for word in words)])
    assert outcome.exit_code == 2, outcome.output
    assert complaint in outcome.output
    assert card_path.read_bytes() == before
