# SPDX-License-Identifier: AGPL-3.0-or-later
"""Node, broker and hub killed at random moments: every report arrives exactly once.

A short version of `facings bench durability`, which kills a hundred times over five thousand reports.
"""

from pathlib import Path

import pytest

from simulator.rig.durability import run_durability
from simulator.rig.system import find_mosquitto


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("broker", ["mosquitto", "amqtt"])
def test_every_report_arrives_exactly_once(tmp_path: Path, broker: str, database_url: str) -> None:
    if broker == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    outcome = run_durability(
        tmp_path / "run",
        reports_count=300,
        kills_count=8,
        seed=11,
        broker=broker,
        database_url=database_url,
        progress=lambda _what, _done, _total: None,
    )
    assert sum(outcome.kills_count.values()) == 8
    assert outcome.reports_count >= 300
    assert outcome.exactly_once, outcome
