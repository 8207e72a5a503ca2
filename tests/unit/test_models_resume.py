# SPDX-License-Identifier: AGPL-3.0-or-later
"""A training that was killed goes on where it stopped."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.train import train

pytestmark = [pytest.mark.train, pytest.mark.slow, pytest.mark.timeout(900)]  # long waits only where others compute

REPOSITORY = Path(__file__).parents[2]
EPOCHS_COUNT = 8
RECIPE = f"""
model_id = "tiny-1"
train_input_px = 64
default_input_wh_px = [64, 64]
batch_count = 2
[renders]
train_count = 4
validation_count = 1
[[stages]]
name = "renders"
epochs = {EPOCHS_COUNT}
"""


def _epochs(stage: Path) -> list[int]:
    with (stage / "results.csv").open(encoding="utf-8", newline="") as opened:
        return [int(row["epoch"]) for row in csv.DictReader(opened, skipinitialspace=True)]


def _is_whole(checkpoint: Path) -> bool:
    import torch  # noqa: PLC0415 - the train extra may be absent

    try:
        torch.load(checkpoint, weights_only=False)
    except (OSError, EOFError, RuntimeError):
        return False
    return True


def _kill_in_the_midst(training: subprocess.Popen[bytes], stage: Path) -> None:
    """Kill it between two checkpoints, once it has written one."""
    deadline_s = time.monotonic() + 600
    while True:
        assert training.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline_s, "it wrote no checkpoint"
        time.sleep(0.02)
        if not (stage / "weights" / "last.pt").exists():
            continue
        training.send_signal(signal.SIGSTOP)
        if _is_whole(stage / "weights" / "last.pt"):
            break
        training.send_signal(signal.SIGCONT)
    training.kill()
    training.wait(timeout=20)


def test_a_killed_training_goes_on_from_its_last_epoch(tmp_path: Path) -> None:
    recipe, output = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    stage = output / "renders"
    program = "from models.cli import app; app()"
    command = [sys.executable, "-c", program, "train", "--recipe", str(recipe), "--output", str(output)]
    with (tmp_path / "log").open("wb") as log:
        training = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=REPOSITORY)
        try:
            _kill_in_the_midst(training, stage)
        finally:
            training.kill()
            training.wait(timeout=20)
    done_before = _epochs(stage)
    drawn = sorted((output / "pictures").rglob("*.jpg"))
    drawn_before_ns = [path.stat().st_mtime_ns for path in drawn]
    assert 1 <= len(done_before) < EPOCHS_COUNT

    trained = train(recipe, output)

    assert trained.manifest.is_file()
    epochs = _epochs(stage)
    assert sorted(set(epochs)) == list(range(1, EPOCHS_COUNT + 1))
    assert len(epochs) <= EPOCHS_COUNT + 1  # at most the one that it died in was taken anew
    assert [path.stat().st_mtime_ns for path in drawn] == drawn_before_ns  # no picture was drawn twice
