# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the virtual store does to the machine under a node: a disk without a byte left, a clock that is wrong."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.rig.mischief_clock import WrongClock
from simulator.rig.mischief_disk import SmallDisk, can_mount

TELLS_TIME = """
import datetime, sys, time
for line in sys.stdin:
    print(datetime.datetime.now(datetime.UTC).isoformat(), time.monotonic(), flush=True)
"""


@pytest.fixture
def disk_folder(tmp_path: Path) -> Path:
    if not can_mount():
        pytest.skip("no small file system can be mounted")
    return tmp_path / "state"


def test_a_full_disk_takes_no_byte_more_and_takes_some_again_when_freed(disk_folder: Path) -> None:
    with SmallDisk(disk_folder, capacity_bytes=1 << 20) as disk:
        append = [*disk.prefix, "sh", "-c", f"printf more >> {disk_folder}/reports"]
        disk.fill()
        assert subprocess.run(append, capture_output=True, check=False).returncode != 0
        disk.free()
        subprocess.run(append, check=True)
        assert (disk.seen_folder / "reports").read_text() == "more"


def test_nothing_of_a_small_disk_is_left(disk_folder: Path) -> None:
    with SmallDisk(disk_folder, capacity_bytes=1 << 20) as disk:
        subprocess.run([*disk.prefix, "touch", str(disk_folder / "mark")], check=True)
        assert not (disk_folder / "mark").exists(), "nobody else sees the disk"
    assert list(disk_folder.iterdir()) == []
    assert str(disk_folder) not in Path("/proc/mounts").read_text(encoding="utf-8")


def test_what_is_on_a_small_disk_outlives_the_process_that_wrote_it(disk_folder: Path) -> None:
    with SmallDisk(disk_folder, capacity_bytes=1 << 20) as disk:
        subprocess.run([*disk.prefix, "sh", "-c", f"echo kept > {disk_folder}/mark"], check=True)
        read = subprocess.run([*disk.prefix, "cat", f"{disk_folder}/mark"], check=True, capture_output=True, text=True)
    assert read.stdout == "kept\n"


def test_a_wrong_clock_goes_wrong_and_right_again_while_the_process_runs(tmp_path: Path) -> None:
    clock = WrongClock(tmp_path / "clock")
    with subprocess.Popen(
        [sys.executable, "-c", TELLS_TIME],
        env={**os.environ, **clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def told() -> tuple[timedelta, float]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            wall, monotonic = process.stdout.readline().split()
            return datetime.fromisoformat(wall) - datetime.now(UTC), float(monotonic) - time.monotonic()

        def wait_for_shift(shift: timedelta) -> None:
            deadline_s = time.monotonic() + 20
            while abs(told()[0] - shift) > timedelta(minutes=1):
                assert time.monotonic() < deadline_s, f"the clock is {told()[0]} off, not {shift}"
                time.sleep(0.1)

        wait_for_shift(timedelta())
        clock.set_shift(-7200)
        wait_for_shift(timedelta(hours=-2))
        assert abs(told()[1]) < 60, "the monotonic clock stays true"
        clock.set_shift(0)
        wait_for_shift(timedelta())
        process.kill()
