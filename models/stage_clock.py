# SPDX-License-Identifier: AGPL-3.0-or-later
"""Time and steps of one stage of training, kept in a file so that an interrupted stage goes on counting."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

STEPS_FILE = "steps.csv"
FIXED_FIELDS = ("step", "epoch", "spent_s", "learning_rate")


@dataclass(frozen=True)
class StepRow:
    """The mean losses of the steps since the row before."""

    step: int
    epoch: float
    """Passes over the pictures so far."""
    spent_s: float
    """Seconds of training so far, without the time between interruption and going on."""
    learning_rate: float
    losses: dict[str, float]


def read_steps(path: Path) -> list[StepRow]:
    """The rows of a stage so far; none without the file. A last line that was cut off is left out."""
    if not path.is_file():
        return []
    rows = []
    with path.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            if None in line or None in line.values():
                continue
            losses = {name: float(value) for name, value in line.items() if name not in FIXED_FIELDS}
            rows.append(
                StepRow(
                    int(line["step"]),
                    float(line["epoch"]),
                    float(line["spent_s"]),
                    float(line["learning_rate"]),
                    losses,
                )
            )
    return rows


def write_steps(path: Path, rows: list[StepRow]) -> None:
    """Write the rows anew."""
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        for number, row in enumerate(rows):
            if not number:
                writer.writerow([*FIXED_FIELDS, *row.losses])
            writer.writerow(_cells(row))


def append_step(path: Path, row: StepRow) -> None:
    """Add one row at once, so that a power cut costs nothing but the row being written."""
    if not path.is_file() or not path.stat().st_size:
        write_steps(path, [row])
        return
    with path.open("a", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerow(_cells(row))


def planned_epochs(limit_s: float, spent_s: float, epochs_done: int) -> int:
    """How many epochs the whole stage gets when the next ones take as long as those done."""
    return max(epochs_done, math.ceil(limit_s * epochs_done / max(spent_s, 1e-9)))


def left_words(seconds: float) -> str:
    """A remaining time as a person says it."""
    if seconds < 90:  # noqa: PLR2004 - up to a minute and a half seconds tell more
        return f"{max(0.0, seconds):.0f} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min left"  # noqa: PLR2004


def _cells(row: StepRow) -> list[str]:
    figures = (row.epoch, row.spent_s, row.learning_rate, *row.losses.values())
    return [str(row.step), *(f"{figure:.6g}" for figure in figures)]
