# SPDX-License-Identifier: AGPL-3.0-or-later
"""Watches a stage of training: plain lines with the time left, a file of steps, and the end when its minutes are up."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.stage_clock import STEPS_FILE, StepRow, append_step, left_words, planned_epochs, read_steps, write_steps

ROWS_PER_EPOCH = 40
SECONDS_BETWEEN_LINES = 30.0


class StageProgress:
    """Callbacks of ultralytics' trainer. Works the same on a terminal and in a log: one line now and then."""

    def __init__(
        self,
        folder: Path,
        stage: str,
        *,
        minutes_limit: float | None,
        say: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = folder / STEPS_FILE
        self._stage, self._say, self._clock_s = stage, say, clock_s
        self._limit_s = None if minutes_limit is None else minutes_limit * 60
        self._began_s = self._said_s = clock_s()
        self._spent_before_s = 0.0
        self._first_step = self._step = 0
        self._window: list[dict[str, float]] = []

    @property
    def spent_s(self) -> float:
        """Seconds of training over all sittings."""
        return self._spent_before_s + self._clock_s() - self._began_s

    @property
    def is_over(self) -> bool:
        """Whether earlier sittings used up the minutes."""
        rows = read_steps(self._path)
        return bool(rows) and self._limit_s is not None and rows[-1].spent_s >= self._limit_s

    def attach(self, trainer: Any) -> None:
        """Be told by a trainer."""
        trainer.add_callback("on_train_start", self.start)
        trainer.add_callback("on_train_batch_end", self.step)
        trainer.add_callback("on_fit_epoch_end", self.epoch)

    def start(self, trainer: Any) -> None:
        """Go on counting from the last whole epoch; what was done of the next one is done again."""
        self._began_s = self._said_s = self._clock_s()
        self._first_step = self._step = trainer.start_epoch * len(trainer.train_loader)
        kept = [row for row in read_steps(self._path) if row.step <= self._first_step]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_steps(self._path, kept)
        self._spent_before_s = kept[-1].spent_s if kept else 0.0
        if kept:
            self._say(f"{self._stage}: goes on after epoch {trainer.start_epoch}, {self.spent_s / 60:.1f} min spent")
            self._plan(trainer, trainer.start_epoch)

    def step(self, trainer: Any) -> None:
        """Note one step; end the stage when its minutes are up."""
        self._step += 1
        self._window.append({name: float(value) for name, value in trainer.loss_items.items()})
        batches_count = len(trainer.train_loader)
        if self._step % max(1, batches_count // ROWS_PER_EPOCH) == 0 or self._step % batches_count == 0:
            self._write(trainer)
        if self._limit_s is not None and self.spent_s >= self._limit_s:
            trainer.stop = True
        if self._clock_s() - self._said_s >= SECONDS_BETWEEN_LINES:
            self._speak(trainer)

    def epoch(self, trainer: Any) -> None:
        """Say how an epoch went, and fit the number of epochs to the minutes."""
        if self._window:
            self._write(trainer)
        if self._limit_s is not None and not trainer.stop:
            self._plan(trainer, trainer.epoch + 1)
        self._speak(trainer)

    def _plan(self, trainer: Any, epochs_done: int) -> None:
        """The learning rate falls by the epoch towards the last one, so the trainer has to know which that will be."""
        if self._limit_s is None:
            return
        trainer.epochs = trainer.args.epochs = max(
            epochs_done + 1, planned_epochs(self._limit_s, self.spent_s, epochs_done)
        )
        trainer._setup_scheduler()  # noqa: SLF001 - as ultralytics does when it is given hours
        trainer.scheduler.last_epoch = epochs_done - 1

    def _write(self, trainer: Any) -> None:
        losses = {name: sum(part[name] for part in self._window) / len(self._window) for name in self._window[0]}
        self._window = []
        rate = max(group["lr"] for group in trainer.optimizer.param_groups)
        passes = self._step / len(trainer.train_loader)
        append_step(self._path, StepRow(self._step, passes, self.spent_s, float(rate), losses))

    def _speak(self, trainer: Any) -> None:
        self._said_s = self._clock_s()
        batches_count = len(trainer.train_loader)
        losses = ", ".join(f"{name.removesuffix('_loss')} {value:.3g}" for name, value in trainer.tloss.items())
        rate = max(group["lr"] for group in trainer.optimizer.param_groups)
        pace_s = (self._clock_s() - self._began_s) / max(1, self._step - self._first_step)
        left_s = pace_s * (trainer.epochs * batches_count - self._step)
        if self._limit_s is not None:
            left_s = self._limit_s - self.spent_s
        left = "done" if trainer.stop else left_words(left_s)
        self._say(
            f"{self._stage}: epoch {self._step / batches_count:.2f} of {trainer.epochs}, step {self._step},"
            f" loss {losses}, rate {rate:.2g}, {1 / max(pace_s, 1e-9):.2g} steps/s, {left}"
        )
