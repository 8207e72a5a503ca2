# SPDX-License-Identifier: AGPL-3.0-or-later
"""The report's drawings as inline SVG: shapes only, so that any browser shows them and colours follow the page's theme.

Timelines are stretched to the width of the page; their labels are HTML beside them, so that nothing is squeezed.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from simulator.scoring.spans import Span, length_s

WIDTH = 1000.0
"""Units of a timeline from the beginning of the run to its end."""
_LEAST_WIDTH = 2.5
"""A bar is never narrower than this, or a short alert could not be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One alert or event on a lane."""

    span: Span
    kind: str
    words: str
    wrong: bool = False


class TimeScale:
    """Turns instants into places from 0 to `WIDTH`."""

    def __init__(self, run: Span) -> None:
        self.run = run
        self._length_s = max(1.0, length_s(run))

    def x(self, at: datetime) -> float:
        """Clamped to the run."""
        share = (at - self.run[0]).total_seconds() / self._length_s
        return round(min(1.0, max(0.0, share)) * WIDTH, 2)

    def axis(self) -> str:
        """Labels under a timeline."""
        steps_h = (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 168, 336)
        step_h = next((step for step in steps_h if self._length_s / 3600 / step <= 8), 720)  # noqa: PLR2004
        pattern = "%a %d %H:%M" if self._length_s > 2 * 86400 and step_h < 24 else "%H:%M"  # noqa: PLR2004
        pattern = "%a %d" if step_h >= 24 else pattern  # noqa: PLR2004
        first = self.run[0].replace(minute=0, second=0, microsecond=0)
        if step_h >= 24:  # noqa: PLR2004
            first = first.replace(hour=0)
        labels = []
        at = first
        while at <= self.run[1]:
            if at >= self.run[0] and self.x(at) < WIDTH - 30:
                labels.append(f'<span style="left:{self.x(at) / WIDTH:.2%}">{at:{pattern}}</span>')
            at += timedelta(hours=step_h)
        return f'<div class="axis">{"".join(labels)}</div>'


def shelf_plot(
    scale: TimeScale,
    *,
    true_steps: Sequence[tuple[datetime, float]],
    said_steps: Sequence[tuple[datetime, float | None]],
    highest: float,
    low_below: int,
    closed: Iterable[Span],
    troubles: Iterable[tuple[Span, str]],
) -> str:
    """True facings as an area, reported ones as a line; `said_steps` are None while unknown."""
    top = max(1.0, highest) * 1.12

    def y(value: float) -> float:
        return round(100.0 - value / top * 100.0, 2)

    area = _stairs(scale, true_steps, scale.run[1], y)
    parts = [_block(scale, span, "f-closed") for span in closed]
    parts.append(f'<path class="f-truth" d="{area}L{WIDTH},100L0,100Z"/>' if area else "")
    parts += [_block(scale, span, "f-unknown", "unknown") for span in _unknown_spans(said_steps, scale.run[1])]
    parts += [_block(scale, span, "f-trouble", words) for span, words in troubles]
    limit = y(low_below)
    parts.append(f'<line class="s-low" x1="0" x2="{WIDTH:g}" y1="{limit}" y2="{limit}"/>')
    parts += [f'<path class="s-said" d="{_stairs(scale, *run, y)}"/>' for run in _known_runs(said_steps, scale.run[1])]
    return _timeline(parts, height_px=84)


def lane(scale: TimeScale, bars: Iterable[Bar], *, closed: Iterable[Span] = ()) -> str:
    """Bars on one line; those that overlap share its height."""
    rows: list[list[Bar]] = []
    for bar in sorted(bars, key=lambda bar: bar.span):
        free = next((row for row in rows if scale.x(row[-1].span[1]) <= scale.x(bar.span[0])), None)
        if free is None:
            rows.append([bar])
        else:
            free.append(bar)
    height = 100.0 / max(1, len(rows))
    parts = [_block(scale, span, "f-closed") for span in closed]
    parts.append(f'<rect class="f-ground" x="0" y="0" width="{WIDTH:g}" height="100"/>')
    for index, row in enumerate(rows):
        for bar in row:
            x = scale.x(bar.span[0])
            width = max(_LEAST_WIDTH, scale.x(bar.span[1]) - x)
            wrong = " wrong" if bar.wrong else ""
            parts.append(
                f'<rect class="bar{wrong}" style="--kind:var(--{escape(bar.kind)})" x="{min(x, WIDTH - width):.2f}"'
                f' y="{index * height + 8 / len(rows):.1f}" width="{width:.2f}" height="{height * 0.84:.1f}">'
                f"<title>{escape(bar.words)}</title></rect>"
            )
    return _timeline(parts, height_px=max(12, 9 * len(rows)))


def share_plot(
    scale: TimeScale,
    *,
    true_points: Sequence[tuple[datetime, float | None]],
    said_points: Sequence[tuple[datetime, float | None]],
    lowest: float,
    closed: Iterable[Span],
) -> str:
    """Two shares over time, from `lowest` to 1."""

    def y(value: float) -> float:
        return round(4.0 + (1.0 - value) / max(1e-9, 1.0 - lowest) * 92.0, 2)

    parts = [_block(scale, span, "f-closed") for span in closed]
    for css, points in (("s-true", true_points), ("s-said", said_points)):
        parts += [f'<path class="{css}" d="{_stairs(scale, *run, y)}"/>' for run in _known_runs(points, scale.run[1])]
    return _timeline(parts, height_px=120)


def delay_curve(kind: str, delays_s: Sequence[float], of_count: int) -> str:
    """Share of the events told within a delay; what stays below the top was never told. Logarithmic, 30 s to 24 h."""
    ticks = ((30, "30 s"), (120, "2 min"), (600, "10 min"), (3600, "1 h"), (14400, "4 h"), (86400, "24 h"))
    left, right, top, bottom = 34.0, 330.0, 12.0, 130.0

    def x(delay_s: float) -> float:
        share = math.log(max(30.0, min(86400.0, delay_s)) / 30.0) / math.log(86400.0 / 30.0)
        return round(left + share * (right - left), 1)

    def y(share: float) -> float:
        return round(bottom - share * (bottom - top), 1)

    parts = [f'<line class="s-line" x1="{left}" x2="{right}" y1="{y(v)}" y2="{y(v)}"/>' for v in (0.0, 0.5, 1.0)]
    parts += [f'<text x="{left - 5}" y="{y(v) + 4}" text-anchor="end">{v:.0%}</text>' for v in (0.0, 0.5, 1.0)]
    for seconds, label in ticks:
        parts.append(f'<line class="s-line" x1="{x(seconds)}" x2="{x(seconds)}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text x="{x(seconds)}" y="{bottom + 17}" text-anchor="middle">{label}</text>')
    path = f"M{left},{y(0.0)}"
    for index, delay_s in enumerate(sorted(delays_s), start=1):
        path += f"H{x(delay_s)}V{y(index / max(1, of_count))}"
    parts.append(f'<path class="curve" style="--kind:var(--{escape(kind)})" d="{path}H{right}"/>')
    return f'<svg viewBox="0 0 350 152" role="img" aria-label="Delays of {escape(kind)}">{"".join(parts)}</svg>'


def _timeline(parts: Iterable[str], *, height_px: int) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH:g} 100" preserveAspectRatio="none" height="{height_px}" role="img">'
        f"{''.join(parts)}</svg>"
    )


def _block(scale: TimeScale, span: Span, css_class: str, words: str = "") -> str:
    x = scale.x(span[0])
    title = f"<title>{escape(words)}</title>" if words else ""
    width = max(0.0, scale.x(span[1]) - x)
    return f'<rect class="{css_class}" x="{x}" y="0" width="{width:.2f}" height="100">{title}</rect>'


def _stairs(
    scale: TimeScale, steps: Sequence[tuple[datetime, float]], until_at: datetime, y: Callable[[float], float]
) -> str:
    """A path that holds each value until the next; empty for no steps."""
    path, last = "", None
    for at, value in steps:
        if value != last:
            path += f"H{scale.x(at)}V{y(value)}" if path else f"M{scale.x(at)},{y(value)}"
            last = value
    return f"{path}H{scale.x(until_at)}" if path else ""


def _known_runs(
    steps: Sequence[tuple[datetime, float | None]], until_at: datetime
) -> list[tuple[list[tuple[datetime, float]], datetime]]:
    """Stretches without an unknown value, each with its end."""
    runs: list[tuple[list[tuple[datetime, float]], datetime]] = []
    run: list[tuple[datetime, float]] = []
    for at, value in steps:
        if value is not None:
            run.append((at, value))
        elif run:
            runs.append((run, at))
            run = []
    return [*runs, (run, until_at)] if run else runs


def _unknown_spans(steps: Sequence[tuple[datetime, float | None]], until_at: datetime) -> list[Span]:
    spans: list[Span] = []
    since_at: datetime | None = None
    for at, value in steps:
        if value is None and since_at is None:
            since_at = at
        elif value is not None and since_at is not None:
            spans.append((since_at, at))
            since_at = None
    return [*spans, (since_at, until_at)] if since_at is not None else spans
