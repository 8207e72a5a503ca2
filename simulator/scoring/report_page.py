# SPDX-License-Identifier: AGPL-3.0-or-later
"""One page about one run: headline figures, timelines, delays, availability, and why each mistake is counted as one.

The page is one file that asks no network for anything.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from simulator.scoring.plots import delay_curve
from simulator.scoring.record import Mode, RunRecord, Sight
from simulator.scoring.report_timelines import Timelines, kind_mark
from simulator.scoring.scores import Judgement, KindScore, Scores, score
from simulator.scoring.shares import Share
from simulator.scoring.true_events import NOT_ALERTED_YET, SIGHT_KINDS
from simulator.scoring.words import count_words, delay_words, percent, share_words

MOST_ROWS_COUNT = 300
_CSS = Path(__file__).with_name("report.css")


def report_page(record: RunRecord, *, faults: Sequence[str] | None = None) -> str:
    """The page. `faults` are the sentences of `expectations.check`; None where no scenario was at hand."""
    judged = Judgement(record)
    scores = score(record, judged)
    timelines = Timelines(judged, scores)
    parts = (
        _head(record, scores),
        _tiles(scores),
        _expectations(faults),
        _kinds(scores),
        _mistakes(judged),
        _delays(scores),
        timelines.availability(),
        timelines.cameras_and_nodes(),
        timelines.shelves(),
        _troubles(scores),
        _counts(scores),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(record.scenario)}, seed {record.seed}: Facings against the virtual store</title>"
        f"<style>{_CSS.read_text(encoding='utf-8')}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _head(record: RunRecord, scores: Scores) -> str:
    eyes = {
        Sight.DETECTOR: "rendered pictures and the shipped detector",
        Sight.MODELLED: "boxes with modelled errors",
    }[record.sight]
    how = {Mode.PROCESSES: "in processes of its own", Mode.IN_PROCESS: "in one process"}[record.mode]
    notes = "".join(f"<p>{escape(note)}</p>" for note in record.notes)
    return (
        f'<p class="soft">Facings against the virtual store</p><h1>{escape(record.scenario)}, seed {record.seed}</h1>'
        f'<p class="soft">{record.opened_at:%a %d %b %Y %H:%M} to {record.ended_at:%a %d %b %H:%M} UTC in the store,'
        f" {scores.open_h:.1f} open hours · {len(record.zones)} zones · {eyes} · the system ran {how}, in"
        f" {record.elapsed_s:.0f} s. Every word here is defined in docs/benchmark-method.md.</p>{notes}"
    )


def _tiles(scores: Scores) -> str:
    goods = [line for line in scores.kinds if line.alerted and line.kind not in SIGHT_KINDS]
    recall, precision = _sum(line.recall for line in goods), _sum(line.precision for line in goods)
    counts, shelf, transport = scores.counts.overall, scores.availability, scores.transport
    blind_count, broken_count = scores.wrong_while_blind_count, transport.lost_count + transport.doubled_count
    tiles = (
        (_mark(blind_count), str(blind_count), "wrong alerts about goods while a camera or node was down"),
        ("", percent(recall.fraction), f"of {recall.of:g} true events about goods told (10 open minutes or longer)"),
        ("", percent(precision.fraction), f"of {precision.of:g} alerts about goods right when they opened"),
        ("", count_words(scores.wasted_walks_per_open_day, 1), "walks to the back room in vain, per 12 open hours"),
        (
            "",
            count_words(counts.mean_error_packs),
            f"facings off on average; no number in {percent(counts.unknown_fraction)} of the time",
        ),
        (
            "",
            percent(shelf.true_fraction, 1),
            (
                f"of SKU-time truly on the shelf; reported {percent(shelf.reported_fraction, 1)} of the"
                f" {percent(shelf.known_fraction, 1)} it could tell"
            ),
        ),
        (
            _mark(broken_count),
            f"{transport.lost_count} / {transport.doubled_count}",
            f"reports lost / doubled, of {transport.numbered_count}",
        ),
    )
    cells = "".join(
        f'<div class="tile {css}"><b>{escape(figure)}</b><span>{escape(words)}</span></div>'
        for css, figure, words in tiles
    )
    return f'<div class="tiles">{cells}</div>'


def _expectations(faults: Sequence[str] | None) -> str:
    if faults is None:
        return ""
    if not faults:
        return '<p class="ok">✓ Everything that the scenario expects holds.</p>'
    lines = "".join(f"<li>{escape(fault)}</li>" for fault in faults)
    return (
        f'<div class="card"><h3 class="no">What the scenario expects and what did not hold</h3><ul>{lines}</ul></div>'
    )


def _kinds(scores: Scores) -> str:
    heads = ("kind", "true events", "told (10 min or longer)", "told (all)", "alerts", "right", "right sometime")
    rows = [_kind_cells(line) for line in scores.kinds]
    return (
        '<h2>Alerts by kind</h2><p class="soft">Told: an alert of this kind stood at the place while the event held.'
        " Right: its event held when the alert opened, give or take 90 s; sometime: at any instant while it was open."
        " In brackets: counts, and Wilson&#8217;s interval at 95 %.</p>"
        + _table((*heads, "delay, median", "delay, p95", "alerts per event"), rows, words_columns=1)
    )


def _kind_cells(line: KindScore) -> list[str]:
    unseen = f" ({line.unseen_count} nobody could see)" if line.unseen_count else ""
    head = [kind_mark(line.kind), f"{line.events_count}{unseen}"]
    if not line.alerted:
        return [*head, "not alerted on yet", "", "", "", "", "", "", ""]
    per_event = line.alerts_per_event.fraction
    return [
        *head,
        share_words(line.recall),
        f"{line.recall_all.hits:g} of {line.recall_all.of:g}",
        f"{line.precision.of:g}",
        share_words(line.precision),
        f"{line.precision_sometime.hits:g}",
        delay_words(line.delay_median_s),
        delay_words(line.delay_p95_s),
        count_words(per_event),
    ]


def _mistakes(judged: Judgement) -> str:
    wrong = [line for line in judged.alerts if not line.right]
    missed = [line for line in judged.events if not line.told and line.event.kind not in NOT_ALERTED_YET]
    counted = [line for line in missed if line.long and not line.unseen]
    others = [line for line in missed if not line.long or line.unseen]
    wrong_rows = [
        [
            kind_mark(line.alert.kind),
            escape(line.alert.place_id),
            _when(line.alert.opened_at, line.alert.closed_at),
            escape(line.alert.headline),
            escape(line.why),
        ]
        for line in wrong
    ]
    heads = ("kind", "place", "from, for")
    parts = [
        f"<h2>Alerts that were not right: {len(wrong)} of {len(judged.alerts)}</h2>",
        _table((*heads, "it said", "why it is counted so"), wrong_rows, words_columns=5) if wrong else "",
        f"<h2>Events not told: {len(counted)}</h2>",
    ]
    for rows, summary in ((counted, ""), (others, f"{len(others)} more that were too short, or that nobody could see")):
        cells = [
            [
                kind_mark(line.event.kind),
                escape(line.event.place_id),
                _when(line.event.since_at, line.event.until_at),
                escape(line.why),
            ]
            for line in rows
        ]
        table = _table((*heads, "why it is counted so"), cells, words_columns=4) if cells else ""
        parts.append(f"<details><summary>{summary}</summary>{table}</details>" if summary and cells else table)
    return "".join(parts)


def _delays(scores: Scores) -> str:
    plots = "".join(
        f'<div class="card"><h3>{kind_mark(line.kind)}</h3>'
        f'{delay_curve(line.kind, line.delays_s, int(line.recall_all.of))}<p class="soft">{len(line.delays_s)} of'
        f" {line.recall_all.of:g}"
        + (f"; {line.standing_count} told by an alert that stood before" if line.standing_count else "")
        + "</p></div>"
        for line in scores.kinds
        if line.alerted and line.recall_all.of
    )
    if not plots:
        return ""
    return (
        '<h2>How soon</h2><p class="soft">Share of all true events that could be seen, short ones too, told within a'
        " delay from their beginning. A curve that ends below 100 % never told the rest.</p>"
        f'<div class="grid">{plots}</div>'
    )


def _troubles(scores: Scores) -> str:
    if not scores.troubles:
        return ""
    rows = [
        [
            escape(line.kind),
            str(line.troubles_count),
            delay_words(line.lasted_s),
            str(line.wrong_alerts_count),
            str(line.wrong_with_nothing_wrong_count),
        ]
        for line in scores.troubles
    ]
    heads = ("trouble", "times", "lasted", "wrong alerts about goods", "of these, nothing wrong at all")
    return (
        '<h2>While something was broken</h2><p class="soft">Alerts about goods that opened during a trouble or within'
        " five minutes after, where it bears, and were not right.</p>" + _table(heads, rows, words_columns=1)
    )


def _counts(scores: Scores) -> str:
    counts = scores.counts
    named = [
        ("all zones", counts.overall),
        ("while somebody stood before the bay", counts.passed),
        ("while nobody did", counts.free),
        ("while the camera was blind", counts.blind),
        *sorted(counts.zones.items(), key=lambda pair: -(pair[1].mean_error_packs or 0.0))[:MOST_ROWS_COUNT],
    ]
    rows = [
        [
            escape(name),
            percent(error.unknown_fraction),
            count_words(error.mean_error_packs),
            count_words(error.bias_packs),
            percent(error.exact_packs_fraction),
            count_words(error.mean_error_facings),
            percent(error.exact_facings_fraction),
        ]
        for name, error in named
        if error.samples_count
    ]
    heads = ("", "unknown", "off (packs)", "bias (packs)", "exact (packs)", "off (own SKU)", "exact (own SKU)")
    return (
        '<h2>Counts</h2><p class="soft">Reported less true facings, over the time in which a number was given in open'
        " hours: against every pack that stands in front, the most that a count can say, and against packs of the own"
        " SKU.</p>" + _table(heads, rows, words_columns=1)
    )


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], *, words_columns: int) -> str:
    """Cells are HTML. The first `words_columns` are set left; a table of many words becomes a list on a phone."""

    def cells(tag: str, row: Iterable[str]) -> str:
        return "".join(
            f"<{tag}{' class=words' if place < words_columns else ''}>{cell}</{tag}>" for place, cell in enumerate(row)
        )

    css = "card scroll told" if words_columns > 1 else "card scroll"
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="{css}"><table><tr>{cells("th", heads)}</tr>{body}</table></div>'


def _sum(shares: Iterable[Share]) -> Share:
    return sum(shares, Share(hits=0, of=0))


def _mark(wrong_count: int) -> str:
    return "bad" if wrong_count else "good"


def _when(since_at: datetime, until_at: datetime | None) -> str:
    lasted = delay_words((until_at - since_at).total_seconds()) if until_at else "to the end"
    return f"{since_at:%a&nbsp;%H:%M:%S}<br>{lasted}"
