# SPDX-License-Identifier: AGPL-3.0-or-later
"""A hub that is killed while it takes books out of a watched folder: nothing lost, nothing twice, nothing half."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from server import tables
from server.database import migrate, open_engine, reading

REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo
from server.books_settings import WatchedFolder
from server.database import open_engine
from server.watched_folder import FolderWatch

watch = FolderWatch(open_engine(sys.argv[1]), WatchedFolder(folder=Path(sys.argv[2]), settle_s=0.5), ZoneInfo("UTC"))
print("watching", flush=True)
while True:
    watch.step(datetime.now(UTC), time.monotonic())
    time.sleep(0.05)
"""
LINES_COUNT = 12_000


@pytest.mark.slow
def test_killed_at_any_moment_every_line_counts_once(database_url: str, tmp_path: Path) -> None:
    engine = open_engine(database_url)
    migrate(engine)
    folder = tmp_path / "books"
    folder.mkdir()
    header = "sku,kind,units,occurred_at,reference\n"
    for name in ("a", "b"):
        lines = [f"S{i % 40},sale,1,2026-01-02T00:00:00Z,{name}{i}" for i in range(LINES_COUNT)]
        (folder / f"{name}.csv").write_text(header + "\n".join(lines) + "\n")
    (folder / "wrong.csv").write_text(header + "S1,sale,x,2026-01-02T00:00:00Z,\n")
    alive_s = 0.5
    while list(folder.glob("*.csv")) + list((folder / "taking").glob("*")):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, database_url, str(folder)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        time.sleep(alive_s)
        process.kill()
        process.communicate()
        with reading(engine) as connection:
            count = connection.execute(select(func.count()).select_from(tables.movement)).scalar_one()
            on_hand = connection.execute(select(func.sum(tables.book_latest.c.units))).scalar_one() or 0
        assert count in {0, LINES_COUNT, 2 * LINES_COUNT}
        assert on_hand == -count
        alive_s += 0.35
        assert alive_s < 30
    assert count == 2 * LINES_COUNT
    assert len(list((folder / "taken").iterdir())) == 2
    assert len(list((folder / "refused").glob("wrong.*.csv"))) == 1
    assert len(list((folder / "refused").glob("wrong.*.csv.faults.txt"))) == 1
    engine.dispose()
