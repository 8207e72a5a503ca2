# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stage of training without torch: its steps on file, its minutes, its batches, its page."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluate import SourceScored
from models.held_out import StageScored
from models.recipe import Recipe
from models.rectangular import ShapedBatches
from models.stage_clock import StepRow, append_step, planned_epochs, read_steps, write_steps
from models.stage_progress import StageProgress
from models.training_page import StageReport, training_page

ROWS = [StepRow(step, step / 4, step * 2.5, 0.002, {"box_loss": 3.0 / step, "cls_loss": 1.0}) for step in range(1, 9)]
BATCHES_COUNT = 4


def test_steps_are_read_as_they_were_written_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    for row in ROWS:
        append_step(path, row)
    assert [(row.step, row.spent_s) for row in read_steps(path)] == [(row.step, row.spent_s) for row in ROWS]
    whole = path.read_text()
    path.write_text(whole + "9,2.25,2")
    assert len(read_steps(path)) == len(ROWS)
    assert read_steps(tmp_path / "none.csv") == []


@given(limit_s=st.floats(1, 1e5), pace_s=st.floats(0.1, 1e4), done=st.integers(1, 500))
def test_as_many_epochs_are_planned_as_the_minutes_hold(limit_s: float, pace_s: float, done: int) -> None:
    planned = planned_epochs(limit_s, pace_s * done, done)
    assert planned >= done
    assert planned == done or (planned - 1) * pace_s <= limit_s * 1.0001
    assert planned * pace_s >= limit_s * 0.9999


class _Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _trainer(start_epoch: int) -> Any:
    """What StageProgress reads of ultralytics' trainer."""
    trainer = SimpleNamespace(
        start_epoch=start_epoch,
        epoch=start_epoch,
        epochs=3,
        args=SimpleNamespace(epochs=3),
        train_loader=range(BATCHES_COUNT),
        loss_items={"box_loss": 2.0},
        tloss={"box_loss": 2.0},
        optimizer=SimpleNamespace(param_groups=[{"lr": 0.001}]),
        scheduler=SimpleNamespace(last_epoch=-1),
        stop=False,
    )
    trainer._setup_scheduler = lambda: None
    return trainer


def _epoch(progress: StageProgress, trainer: Any, clock: _Clock, step_s: float) -> None:
    for _ in range(BATCHES_COUNT):
        clock.now_s += step_s
        progress.step(trainer)
        if trainer.stop:
            return
    progress.epoch(trainer)
    trainer.epoch += 1


def test_an_interrupted_stage_counts_its_minutes_on_and_repeats_only_the_broken_epoch(tmp_path: Path) -> None:
    said: list[str] = []
    clock, trainer = _Clock(), _trainer(0)
    first = StageProgress(tmp_path, "coarse", minutes_limit=2, say=said.append, clock_s=clock)
    first.start(trainer)
    _epoch(first, trainer, clock, step_s=5)
    assert trainer.epochs == 6  # 20 s each fit six times into two minutes
    for _ in range(2):  # then the power fails
        clock.now_s += 5
        first.step(trainer)

    clock.now_s += 9999
    again = _trainer(1)
    second = StageProgress(tmp_path, "coarse", minutes_limit=2, say=said.append, clock_s=clock)
    second.start(again)
    assert second.spent_s == 20
    assert again.epochs == 6
    assert "goes on after epoch 1" in said[-1]
    while not again.stop:
        _epoch(second, again, clock, step_s=5)
    assert second.spent_s == 120
    steps = [row.step for row in read_steps(tmp_path / "steps.csv")]
    assert steps == sorted(set(steps))
    assert StageProgress(tmp_path, "coarse", minutes_limit=2, say=said.append).is_over
    assert not StageProgress(tmp_path, "coarse", minutes_limit=None, say=said.append).is_over


def test_lines_tell_the_time_left(tmp_path: Path) -> None:
    said: list[str] = []
    clock, trainer = _Clock(), _trainer(0)
    progress = StageProgress(tmp_path, "fine", minutes_limit=None, say=said.append, clock_s=clock)
    progress.start(trainer)
    _epoch(progress, trainer, clock, step_s=60)
    assert said[-1] == "fine: epoch 1.00 of 3, step 4, loss box 2, rate 0.001, 0.017 steps/s, 8 min left"


@given(groups=st.lists(st.integers(1, 20), min_size=1, max_size=4), batch=st.integers(1, 7), seed=st.integers(0, 1000))
def test_every_picture_is_shown_once_an_epoch_among_those_of_its_shape(
    groups: list[int], batch: int, seed: int
) -> None:
    shapes = np.repeat(np.array([[32 * (number + 1), 64] for number in range(len(groups))]), groups, axis=0)
    batches = ShapedBatches(shapes, batch, seed)
    for _ in range(2):
        shown = list(batches)
        assert len(shown) == len(batches)
        assert sorted(index for members in shown for index in members) == list(range(sum(groups)))
        assert all(len(np.unique(shapes[members], axis=0)) == 1 and len(members) <= batch for members in shown)


def test_shapes_come_in_another_order_every_epoch() -> None:
    batches = ShapedBatches(np.repeat([[64, 64], [32, 64]], 40, axis=0), 4, seed=1)
    assert list(batches) != list(batches)


def test_the_page_of_a_training_shows_every_part_of_the_loss(tmp_path: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "model_id": "tiny",
            "renders": {"train_count": 1, "validation_count": 1},
            "stages": [{"name": "first", "epochs": 1}, {"name": "second", "epochs": 1}],
        }
    )
    path = tmp_path / "steps.csv"
    write_steps(path, ROWS)
    lines: list[SourceScored] = []
    page = training_page(recipe, [StageReport("first", read_steps(path), StageScored(tmp_path, lines))], [])
    assert "1 of 2 stages are done" in page
    for name in ("box loss", "cls loss", "learning rate"):
        assert f"<h3>{name}</h3>" in page
    assert "first: 2.00 epochs in 0.3 min" in page


@pytest.mark.parametrize("rows", [[], ROWS[:1]])
def test_a_page_can_be_drawn_from_little(tmp_path: Path, rows: list[StepRow]) -> None:
    recipe = Recipe.model_validate(
        {
            "model_id": "tiny",
            "renders": {"train_count": 1, "validation_count": 1},
            "stages": [{"name": "first", "epochs": 1}],
        }
    )
    assert "first" in training_page(recipe, [StageReport("first", rows, StageScored(tmp_path, []))], [])
