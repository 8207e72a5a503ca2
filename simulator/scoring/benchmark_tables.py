# SPDX-License-Identifier: AGPL-3.0-or-later
"""The tables of docs/benchmark.md. Each takes the runs of one scenario, or all of them, and gives Markdown."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import add

from simulator.scoring.benchmark import Finished
from simulator.scoring.counting import CountError
from simulator.scoring.scores import KindScore, Mistaken, Scores
from simulator.scoring.shares import Share, median
from simulator.scoring.true_events import SIGHT_KINDS, EventKind
from simulator.scoring.words import NONE, count_words, delay_words, kind_words, percent, share_words

_Runs = Sequence[Finished]
_Figure = Callable[[Scores], float | None]
_Words = Callable[[float | None], str]
_REFILL = EventKind.RESTOCK_FROM_BACK
_MOST_ZONES_COUNT = 5


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, words_columns: int) -> str:
    """The first `words_columns` are set left, the others right."""
    rule = ["---" if place < words_columns else "---:" for place in range(len(heads))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


def spread_words(runs: _Runs, figure: _Figure, words: _Words) -> str:
    """`93 % (88 % to 97 %)`: median, lowest, highest over the runs that have the figure, and how many where not all."""
    values = [value for one in runs if (value := figure(one.scores)) is not None]
    if not values:
        return NONE
    low, middle, high = words(min(values)), words(median(values)), words(max(values))
    spread = middle if low == high else f"{middle} ({low} to {high})"
    return spread if len(values) == len(runs) else f"{spread}, of {len(values)} of {len(runs)} runs"


def goods(scores: Scores) -> KindScore:
    """All kinds about goods that the hub alerts on, as one."""
    return reduce(add, (line for line in scores.kinds if line.alerted and line.kind not in SIGHT_KINDS))


def short_table(by_scenario: Mapping[str, _Runs]) -> str:
    """A line per figure, a column per scenario."""
    figures: tuple[tuple[str, _Figure, _Words], ...] = (
        ("True events about goods a run (10 min or longer)", lambda run: goods(run).recall.of, _whole),
        ("True events about goods told", lambda run: goods(run).recall.fraction, percent),
        (
            "Events, short ones too, told only by an alert that stood before",
            lambda run: goods(run).standing_count,
            _whole,
        ),
        ("Of the time that they held, an alert said so", lambda run: goods(run).said_time.fraction, percent),
        ("Alerts about goods a run", lambda run: goods(run).precision.of, _whole),
        ("Alerts about goods right", lambda run: goods(run).precision.fraction, percent),
        ("Delay of a refill due, median of a run", lambda run: run.of(_REFILL).delay_median_s, delay_words),
        ("Delay of a refill due, 95th percentile", lambda run: run.of(_REFILL).delay_p95_s, delay_words),
        ("Alerts per told event", lambda run: goods(run).alerts_per_event.fraction, count_words),
        ("Walks in vain per 12 open hours", lambda run: run.wasted_walks_per_open_day, _one_digit),
        ("Facings off, mean", lambda run: run.counts.overall.mean_error_packs, count_words),
        ("Time without a number", lambda run: run.counts.overall.unknown_fraction, percent),
        ("On-shelf availability, true, of all SKU-time", lambda run: run.availability.true_fraction, _percent1),
        ("The same, reported, of the SKU-time told", lambda run: run.availability.reported_fraction, _percent1),
        ("The same, true, of the SKU-time told", lambda run: run.availability.true_when_known_fraction, _percent1),
        ("SKU-time told, of all", lambda run: run.availability.known_fraction, _percent1),
    )
    sums: tuple[tuple[str, Callable[[_Runs], str]], ...] = (
        ("Wrong alerts about goods while a camera or node was down, sum (must be 0)", _blind_words),
        ("Reports lost, doubled, of all, sums", _transport_words),
        ("Runs in which each `expect` line of the scenario holds", _held_words),
    )
    rows = [[title, *(words(runs) for runs in by_scenario.values())] for title, words in sums]
    rows += [
        [title, *(spread_words(runs, figure, words) for runs in by_scenario.values())]
        for title, figure, words in figures
    ]
    return markdown_table(("", *(f"`{name}`" for name in by_scenario)), rows, words_columns=1)


def kind_table(runs: _Runs) -> str:
    """A line per kind of event that ever was, or was said to be."""
    pooled = [reduce(add, (one.scores.of(kind) for one in runs)) for kind in EventKind]
    rows = [_kind_row(runs, line) for line in pooled if line.events_count or line.precision.of]
    heads = ("alert", "events a run", "told, pooled", "told, spread", "right, pooled", "right, spread")
    return markdown_table((*heads, "delay median", "p95", "alerts per event"), rows, words_columns=1)


def _kind_row(runs: _Runs, line: KindScore) -> list[str]:
    def of(scores: Scores) -> KindScore:
        return scores.of(line.kind)

    unseen = f"; {line.unseen_count} of all unseen" if line.unseen_count else ""
    events = spread_words(runs, lambda run: float(of(run).events_count), _whole) + unseen
    if not line.alerted:
        return [kind_words(line.kind), events, "not alerted on yet", "", "", "", "", "", ""]
    return [
        kind_words(line.kind),
        events,
        share_words(line.recall)
        + (f"; {line.standing_count} by an alert that stood before" if line.standing_count else ""),
        spread_words(runs, lambda run: of(run).recall.fraction, percent),
        share_words(line.precision),
        spread_words(runs, lambda run: of(run).precision.fraction, percent),
        delay_words(line.delay_median_s),
        delay_words(line.delay_p95_s),
        count_words(line.alerts_per_event.fraction),
    ]


def mistake_table(runs: _Runs) -> str:
    """What stood where something else was true, over all runs."""
    wrong = _tally(line for one in runs for line in one.scores.false_alerts)
    missed = _tally(line for one in runs for line in one.scores.missed_events)
    if not wrong and not missed:
        return "No alert was wrong and no event of 10 open minutes was missed."
    rows = [
        [kind_words(said), kind_words(was), str(wrong.get((said, was), 0)), str(missed.get((said, was), 0))]
        for said, was in sorted({*wrong, *missed})
    ]
    heads = ("it said", "while it was", "alerts, sum", "missed events, sum")
    return "Mistakes, what was said against what was true:\n\n" + markdown_table(heads, rows, words_columns=2)


def _tally(lines: Iterable[Mistaken]) -> Counter[tuple[str, str]]:
    tally: Counter[tuple[str, str]] = Counter()
    for line in lines:
        tally[line.said, line.was] += line.count
    return tally


def trouble_table(runs: _Runs) -> str:
    """What each kind of trouble did; empty where nothing was broken."""
    kinds = sorted({line.kind for one in runs for line in one.scores.troubles})
    rows = []
    for kind in kinds:
        lines = [line for one in runs for line in one.scores.troubles if line.kind == kind]
        rows.append(
            [
                kind_words(kind),
                str(sum(line.troubles_count for line in lines)),
                delay_words(sum(line.lasted_s for line in lines)),
                str(sum(line.wrong_alerts_count for line in lines)),
                str(sum(line.wrong_with_nothing_wrong_count for line in lines)),
            ]
        )
    if not rows:
        return ""
    heads = ("trouble", "times", "lasted, sum", "wrong alerts about goods during it", "of these, nothing wrong at all")
    return markdown_table(heads, rows, words_columns=1)


def count_table(runs: _Runs) -> str:
    """Errors of the counts over all runs: altogether, by who stands there, and the zones that err most."""
    counts = [one.scores.counts for one in runs]
    zones = {name: _summed(part.zones.get(name, CountError()) for part in counts) for name in counts[0].zones}
    worst = sorted(zones, key=lambda name: (-(zones[name].mean_error_packs or 0.0), name))[:_MOST_ZONES_COUNT]
    lines = [
        ("all zones", _summed(part.overall for part in counts)),
        ("while somebody stands before the bay", _summed(part.passed for part in counts)),
        ("while nobody does", _summed(part.free for part in counts)),
        ("while the camera is blind or unheard", _summed(part.blind for part in counts)),
        *((f"zone `{name}`, among those that err most", zones[name]) for name in worst),
    ]
    rows = [
        [
            words,
            percent(error.unknown_fraction),
            count_words(error.mean_error_packs),
            count_words(error.bias_packs),
            percent(error.exact_packs_fraction),
            count_words(error.mean_error_facings),
            percent(error.exact_facings_fraction),
        ]
        for words, error in lines
        if error.samples_count
    ]
    heads = ("count, in facings", "no number", "off", "bias", "exact", "off, own SKU only", "exact, own SKU only")
    return markdown_table(heads, rows, words_columns=1)


def others_table(runs: _Runs) -> str:
    """A line per run."""
    rows = []
    for one in runs:
        scores, transport = one.scores, one.scores.transport
        sight = reduce(add, (line for line in scores.kinds if line.kind in SIGHT_KINDS))
        rows.append(
            [
                f"`{one.scenario}`",
                str(scores.wrong_while_blind_count),
                f"{transport.lost_count}, {transport.doubled_count}",
                _of(sight.recall),
                _of(sight.precision),
                _of(goods(scores).recall),
                _of(goods(scores).precision),
                "yes" if not one.faults else f"{len(one.faults)} not",
            ]
        )
    heads = ("scenario", "wrong while blind", "lost, doubled", "views and nodes told", "right", "goods told", "right")
    return markdown_table((*heads, "expectations hold"), rows, words_columns=1)


def _of(share: Share) -> str:
    return f"{share.hits:g} of {share.of:g}"


def fault_list(runs: _Runs, *, named: bool = False) -> str:
    """What the scenario expects and did not hold, run by run; empty where all held."""
    lines = [
        f"- {f'`{one.scenario}`' if named else f'seed {one.seed}'}: {fault}" for one in runs for fault in one.faults
    ]
    return "Not met:\n\n" + "\n".join(lines) if lines else ""


def _summed(errors: Iterable[CountError]) -> CountError:
    return sum(errors, CountError())


def _blind_words(runs: _Runs) -> str:
    return f"**{sum(one.scores.wrong_while_blind_count for one in runs)}**"


def _transport_words(runs: _Runs) -> str:
    parts = [one.scores.transport for one in runs]
    lost_count, doubled_count = sum(part.lost_count for part in parts), sum(part.doubled_count for part in parts)
    return f"{lost_count}, {doubled_count} of {sum(part.numbered_count for part in parts)}"


def _held_words(runs: _Runs) -> str:
    return f"{sum(not one.faults for one in runs)} of {len(runs)}"


def _one_digit(count: float | None) -> str:
    return count_words(count, 1)


def _percent1(fraction: float | None) -> str:
    return percent(fraction, 1)


def _whole(count: float | None) -> str:
    return NONE if count is None else f"{count:g}"
