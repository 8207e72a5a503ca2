# SPDX-License-Identifier: AGPL-3.0-or-later
"""Charts as inline SVG in the manner of the virtual store's report: shapes only, colours that fit light and dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle

COLOURS = ("#3b82f6", "#e4572e", "#17a267", "#a855f7", "#c98a00", "#0ea5b7", "#7a7f87")
LEFT, RIGHT, TOP, BOTTOM = 44.0, 332.0, 14.0, 190.0
WIDTH, HEIGHT = 350, 228
TICKS_COUNT = 5

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """Points that belong together: joined by a line, or each a dot."""

    name: str
    points: Sequence[Point]
    dots: bool = False
    words: Sequence[str] = ()
    """What a dot says when it is pointed at."""


@dataclass(frozen=True)
class Axis:
    """Name and range of one axis."""

    name: str
    lowest: float = 0.0
    highest: float = 1.0


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line], *, diagonal: bool = False) -> str:
    """One chart with its legend; `diagonal` draws where both axes are equal. Points outside the axes are left out."""
    parts = [_grid(x, y)]
    if diagonal:
        low, high = max(x.lowest, y.lowest), min(x.highest, y.highest)
        ends = f'x1="{_x(low, x)}" y1="{_y(low, y)}" x2="{_x(high, x)}" y2="{_y(high, y)}"'
        parts.append(f'<line class="s-line" stroke-dasharray="4 4" {ends}/>')
    parts += [_shape(line, x, y, colour) for line, colour in zip(lines, cycle(COLOURS), strict=False)]
    legend = "".join(
        f'<span><span class="swatch" style="background:{colour}"></span>{escape(line.name)}</span>'
        for line, colour in zip(lines, cycle(COLOURS), strict=False)
    )
    return (
        f'<div class="card"><h3>{escape(title)}</h3><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(title)}">{"".join(parts)}</svg><div class="legend">{legend}</div></div>'
    )


def round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten, where an axis may end; 1 for nothing."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _shape(line: Line, x: Axis, y: Axis, colour: str) -> str:
    kept = [
        (point, line.words[index] if index < len(line.words) else "")
        for index, point in enumerate(line.points)
        if x.lowest <= point[0] <= x.highest and y.lowest <= point[1] <= y.highest
    ]
    if line.dots:
        return "".join(
            f'<circle cx="{_x(point[0], x)}" cy="{_y(point[1], y)}" r="3" fill="{colour}" fill-opacity="0.6">'
            f"<title>{escape(words)}</title></circle>"
            for point, words in kept
        )
    path = "L".join(f"{_x(point[0], x)},{_y(point[1], y)}" for point, _ in kept)
    return f'<path fill="none" stroke="{colour}" stroke-width="2" d="M{path}"/>' if path else ""


def _grid(x: Axis, y: Axis) -> str:
    parts = []
    for step in range(TICKS_COUNT + 1):
        at_y = y.lowest + (y.highest - y.lowest) * step / TICKS_COUNT
        at_x = x.lowest + (x.highest - x.lowest) * step / TICKS_COUNT
        line_y, line_x = _y(at_y, y), _x(at_x, x)
        parts.append(f'<line class="s-line" x1="{LEFT}" x2="{RIGHT}" y1="{line_y}" y2="{line_y}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{line_y + 4}" text-anchor="end">{at_y:.3g}</text>')
        parts.append(f'<text x="{line_x}" y="{BOTTOM + 15}" text-anchor="middle">{at_x:.3g}</text>')
    middle = (LEFT + RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{BOTTOM + 32}" text-anchor="middle">{escape(x.name)}</text>')
    parts.append(f'<text x="2" y="{TOP - 4}">{escape(y.name)}</text>')
    return "".join(parts)


def _x(value: float, axis: Axis) -> float:
    return round(LEFT + (value - axis.lowest) / (axis.highest - axis.lowest) * (RIGHT - LEFT), 1)


def _y(value: float, axis: Axis) -> float:
    return round(BOTTOM - (value - axis.lowest) / (axis.highest - axis.lowest) * (BOTTOM - TOP), 1)
