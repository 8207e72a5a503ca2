# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stretches of time and values that hold until the next one. All instants are aware UTC; all lengths are seconds."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

Span = tuple[datetime, datetime]
"""From the first instant up to, not including, the second."""

Value = TypeVar("Value")


class Steps(Generic[Value]):
    """A value for every instant: each holds from its instant until the next."""

    def __init__(self, rows: Iterable[tuple[datetime, Value]]) -> None:
        ordered = sorted(rows, key=lambda row: row[0])
        self.instants = [at for at, _ in ordered]
        self.values = [value for _, value in ordered]

    def at(self, instant: datetime) -> Value | None:
        """What holds at an instant; None before the first. Of several at one instant the last given holds."""
        place = bisect_right(self.instants, instant)
        return self.values[place - 1] if place else None

    def within(self, span: Span) -> list[Value]:
        """The values whose instants lie in a span, in order."""
        return self.values[bisect_left(self.instants, span[0]) : bisect_left(self.instants, span[1])]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that neither touch nor overlap, in order; empty ones fall out."""
    joined: list[Span] = []
    for since_at, until_at in sorted(spans):
        if until_at <= since_at:
            continue
        if joined and since_at <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until_at))
        else:
            joined.append((since_at, until_at))
    return joined


def length_s(span: Span) -> float:
    """0 for a span that runs backwards."""
    return max(0.0, (span[1] - span[0]).total_seconds())


def overlap_s(span: Span, others: Sequence[Span]) -> float:
    """Seconds of `span` inside `others`, which must be in order and not overlap each other."""
    total_s = 0.0
    for other in others[max(0, bisect_right(others, span[0], key=lambda other: other[0]) - 1) :]:
        if other[0] >= span[1]:
            break
        total_s += length_s((max(span[0], other[0]), min(span[1], other[1])))
    return total_s


def inside(at: datetime, spans: Sequence[Span]) -> bool:
    """Whether an instant lies in one of the spans, which must be in order and not overlap each other."""
    place = bisect_right(spans, at, key=lambda span: span[0])
    return place > 0 and at < spans[place - 1][1]


def gaps(within: Span, spans: Sequence[Span]) -> list[Span]:
    """What of `within` lies in none of the spans, which must be in order and not overlap each other."""
    edges = [within[0], *(at for span in spans for at in span), within[1]]
    return [
        (max(within[0], since_at), min(within[1], until_at))
        for since_at, until_at in zip(edges[::2], edges[1::2], strict=True)
        if max(within[0], since_at) < min(within[1], until_at)
    ]


def meets(span: Span, other: Span) -> bool:
    """Whether they share an instant, ends included: a span of no length meets what holds then."""
    return span[0] <= other[1] and other[0] <= span[1]


def holding(
    instants: Iterable[datetime],
    within: Span,
    begins: Callable[[datetime], bool],
    goes_on: Callable[[datetime], bool] | None = None,
) -> list[Span]:
    """Spans in which something holds that can change at `instants` only.

    It starts where `begins` is true and stops where `goes_on` (absent: `begins`) is false; it is cut by `within`.
    """
    stays = goes_on or begins
    changes = sorted({within[0], *(at for at in instants if within[0] <= at < within[1])})
    spans: list[Span] = []
    since_at: datetime | None = None
    for at in changes:
        if since_at is None and begins(at):
            since_at = at
        elif since_at is not None and not stays(at):
            spans.append((since_at, at))
            since_at = None
    if since_at is not None:
        spans.append((since_at, within[1]))
    return _lasting(spans)


def _lasting(spans: Iterable[Span]) -> list[Span]:
    """Spans of some length, in order; neighbours that touch stay apart."""
    return sorted(span for span in spans if span[1] > span[0])
