# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page's colours can be read by people with weak eyes, in the light and in the dark."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "server" / "page" / "app.css").read_text()

PAIRS = [
    ("ink", "ground"),
    ("ink", "card"),
    ("soft", "ground"),
    ("soft", "card"),
    ("brand", "card"),
    ("brand-ink", "brand"),
    ("good", "good-ground"),
    ("low", "low-ground"),
    ("bad", "bad-ground"),
    ("bad", "card"),
    ("low", "card"),
    ("good", "card"),
    ("unknown", "unknown-ground"),
    ("ink", "stripe"),
    ("soft", "stripe"),
]


def colours(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)[:2]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(scheme: str, text: str, ground: str) -> None:
    palette = colours(scheme)
    brighter, darker = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5
