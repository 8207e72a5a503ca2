# SPDX-License-Identifier: AGPL-3.0-or-later
"""The scores of one run for a terminal."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from simulator.scoring.scores import KindScore, Scores
from simulator.scoring.words import count_words, delay_words, kind_words, percent, share_words

TABLE_WIDTH = 110
"""A narrower terminal wraps the table instead of cutting its figures short."""


def kinds_table(scores: Scores) -> Table:
    """One line per kind of alert."""
    names = ("alert", "events", "told (10 min or longer)", "right", "delay median", "p95", "alerts/event")
    table = Table(*names, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for line in scores.kinds:
        if line.alerted or line.events_count:
            table.add_row(*_kind_row(line))
    return table


def _kind_row(line: KindScore) -> tuple[str, ...]:
    if not line.alerted:
        return kind_words(line.kind), str(line.events_count), "not alerted on yet", "", "", "", ""
    return (
        kind_words(line.kind),
        str(line.events_count),
        share_words(line.recall),
        share_words(line.precision),
        delay_words(line.delay_median_s),
        delay_words(line.delay_p95_s),
        count_words(line.alerts_per_event.fraction),
    )


def figure_lines(scores: Scores) -> list[str]:
    """The other figures, a sentence each."""
    counts, shelf, transport = scores.counts.overall, scores.availability, scores.transport
    off, exact = count_words(counts.mean_error_packs), percent(counts.exact_packs_fraction)
    reported, known = percent(shelf.reported_fraction, 1), percent(shelf.known_fraction, 1)
    true = percent(shelf.true_fraction, 1)
    walks = count_words(scores.wasted_walks_per_open_day)
    return [
        f"wrong alerts about goods while a camera or node was down: {scores.wrong_while_blind_count} (must be 0)",
        f"walks in vain: {scores.wasted_walks_count}, which is {walks} per 12 open hours",
        f"count: {off} facings off, exact {exact}, unknown {percent(counts.unknown_fraction)} of the time",
        f"availability of SKUs: true {true} of the time, reported {reported} of the {known} it could tell",
        f"reports: {transport.lost_count} lost, {transport.doubled_count} doubled of {transport.numbered_count}",
        f"{scores.open_h:.1f} open hours in {scores.elapsed_s:.0f} s",
    ]
