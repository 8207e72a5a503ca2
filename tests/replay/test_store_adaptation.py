# SPDX-License-Identifier: AGPL-3.0-or-later
"""The shipped detector with thresholds spoilt on purpose: golden frames of the virtual store bring the counts back."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.model_card import DetectorLabel
from edge.model_file import shipped_model
from models.cards import read_card, write_card
from models.cli import app
from models.detecting import card_of
from models.golden import read_golden
from models.recounting import count_as_node, open_detector
from tests.golden_store import write_store_golden

FRAMES_COUNT = 6
FAR_TOO_HIGH = 0.85


@pytest.mark.slow
def test_spoilt_thresholds_are_mended_by_six_golden_frames(tmp_path: Path) -> None:
    golden = write_store_golden(tmp_path / "golden", frames_count=FRAMES_COUNT, bays_count=3)
    shipped = shipped_model()
    spoilt = tmp_path / "spoilt" / shipped.name
    spoilt.parent.mkdir()
    shutil.copy(shipped, spoilt)
    card = read_card(card_of(shipped))
    too_high = dict(card.confidence_thresholds) | {DetectorLabel.PRODUCT: FAR_TOO_HIGH}
    write_card(card.model_copy(update={"confidence_thresholds": too_high}), card_of(spoilt))

    arguments = ["adapt", str(golden), "--store-folder", str(tmp_path / "store"), "--model", str(spoilt), "--json"]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    figures = json.loads(outcome.stdout)
    assert figures["accepted"]

    def miscounted(onnx: Path) -> int:
        detector = open_detector(onnx)
        tallies = [count_as_node(frame, detector) for frame in read_golden(golden).frames]
        return sum(zone.facings_error for tally in tallies for zone in tally.zones)

    before, after = miscounted(spoilt), miscounted(tmp_path / "store" / "current" / "detector.onnx")
    assert figures["old_error"] == before  # each group checked in turn, so every frame checked once
    assert after < before / 3
    assert after <= miscounted(shipped) + 3
