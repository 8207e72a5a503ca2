# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an adaptation came to, as a person reads it: thresholds, the counts of each zone, and the verdict."""

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.adapt import Adapted
from models.store_model import CURRENT, ONNX_NAME

LEAST_TABLE_WIDTH = 100
MOST_SHOWN_ZONES = 24
MOST_SHOWN_REASONS = 10


def print_adapted(outcome: Adapted, store_folder: Path) -> None:
    """Print to standard output; whatever is cut short is said to be."""
    console = Console(width=max(Console().width, LEAST_TABLE_WIDTH), highlight=False)
    console.print(_thresholds(outcome))
    console.print(_zones(outcome))
    verdict = outcome.verdict
    hidden_count = len(verdict.zones) - MOST_SHOWN_ZONES
    if hidden_count > 0:
        console.print(f"and {hidden_count} zones that the new model counts no worse than these")
    how = "a third of the frames, which chose nothing" if outcome.folds_count == 1 else "each group of frames in turn"
    console.print(
        f"Checked on {verdict.frames_count} frames ({how}): {_share(verdict.old_error, verdict.true_facings)} of "
        f"{verdict.true_facings} facings miscounted before, {_share(verdict.new_error, verdict.true_facings)} after "
        f"(change 95 %: {verdict.change_low:+.0f} to {verdict.change_high:+.0f} facings)."
    )
    if verdict.old_gap_error or verdict.new_gap_error:
        console.print(f"Empty facings off by {verdict.old_gap_error:.1f} before, {verdict.new_gap_error:.1f} after.")
    if verdict.old_defects_error or verdict.new_defects_error:
        console.print(f"Defects miscounted: {verdict.old_defects_error} before, {verdict.new_defects_error} after.")
    if outcome.unchanged:
        console.print(f"{outcome.old.card.model_id} stays: no thresholds serve these frames better by enough to tell.")
    elif verdict.accepted:
        onnx = store_folder / CURRENT / ONNX_NAME
        console.print(f"Accepted: {outcome.model_id} is in place of {outcome.old.card.model_id}.")
        console.print(f"A node that runs {onnx} takes it at its next start.")
    else:
        console.print(f"Refused: {outcome.old.card.model_id} stays.")
        for reason in verdict.reasons[:MOST_SHOWN_REASONS]:
            console.print(f"- {reason}")
        if len(verdict.reasons) > MOST_SHOWN_REASONS:
            console.print(f"- and {len(verdict.reasons) - MOST_SHOWN_REASONS} more; --json lists all")


def _share(error: int, true_facings: int) -> str:
    return f"{error} ({error / max(1, true_facings):.1%})"


def _thresholds(outcome: Adapted) -> Table:
    table = Table("threshold", "before", "after", box=SIMPLE_HEAD, pad_edge=False)
    for label, after in outcome.new_thresholds.items():
        before = outcome.old_thresholds.get(label)
        note = "" if label in outcome.judged_labels else " (not counted in these frames)"
        table.add_row(label.value, "-" if before is None else f"{before:.3f}", f"{after:.3f}{note}")
    return table


def _zones(outcome: Adapted) -> Table:
    table = Table("zone", "frames", "facings", "miscounted before", "after", box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for line in outcome.verdict.zones[:MOST_SHOWN_ZONES]:
        figures = (line.frames_count, line.true_facings, line.old_error, line.new_error)
        table.add_row(line.zone_id, *map(str, figures))
    return table
