# SPDX-License-Identifier: AGPL-3.0-or-later
"""The main job on real photographs: from a shelf that empties and fills to the alert that opens and closes.

The same as, at the prompt:
  facings replay ../shared/data/shelves/images --order tests/replay/thai_shop/order.txt \
    --calibration tests/replay/thai_shop/calibration.toml --books tests/replay/thai_shop/books.csv
"""

from pathlib import Path

import pytest

from calibration.files import load_calibration
from simulator.replay import ReplayRecord, run_replay
from simulator.rig.system import find_mosquitto

REPOSITORY = Path(__file__).resolve().parents[2]
PHOTOGRAPHS = REPOSITORY.parent / "shared" / "data" / "shelves" / "images"
SHOP = Path(__file__).parent / "thai_shop"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="shared data set is absent"),
]


@pytest.fixture
def record(tmp_path: Path, database_url: str) -> ReplayRecord:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    return run_replay(
        tmp_path / "run",
        PHOTOGRAPHS,
        calibration=load_calibration(SHOP / "calibration.toml"),
        books_csv=(SHOP / "books.csv").read_text(),
        order=SHOP / "order.txt",
        hold_looks=14,
        look_interval_s=0.3,
        broker="mosquitto",
        database_url=database_url,
    )


def test_packs_taken_away_open_a_restock_alert_which_closes_when_they_are_back(record: ReplayRecord) -> None:
    """The lower coils stand five abreast, thin out to two or three for four photographs, and are five again for three.

    56 are on the books and at most 25 fit on the shelf, so the rest must be in the back room.
    """
    lower = [r["facings"] for r in record.readings if r["zone_id"] == "coils-lower" and r["state"] == "seen"]
    assert min(lower) <= 3
    assert lower[-1] >= 4
    stock_alerts = [alert for alert in record.alerts if alert["kind"] != "view_lost"]
    assert [(alert["kind"], alert["place_id"]) for alert in stock_alerts] == [("restock_from_back", "coils-lower")]
    assert "closed_after_s" in stock_alerts[0]
    assert record.missing_count == 0
