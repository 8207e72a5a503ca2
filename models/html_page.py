# SPDX-License-Identifier: AGPL-3.0-or-later
"""The frame of the workshop's pages: one file that asks no network for anything, styled as the store's report is."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import cv2

from models.pictures import read_image_bgr

PICTURE_SIDE_PX = 720
JPEG_QUALITY = 78


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page; `parts` are HTML."""
    css = files("simulator.scoring").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def html_table(names: Sequence[str], rows: Iterable[Sequence[str]], *, words_count: int = 1) -> str:
    """A table; the first `words_count` columns hold words, the others figures."""
    css = ['class="words"' if column < words_count else "" for column in range(len(names))]
    head = "".join(f"<th {style}>{escape(name)}</th>" for style, name in zip(css, names, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td {style}>{escape(cell)}</td>' for style, cell in zip(css, row, strict=True))}</tr>"
        for row in rows
    )
    return f'<div class="card scroll"><table><tr>{head}</tr>{body}</table></div>'


def inline_picture(path: Path, words: str) -> str:
    """A picture file inside the page, reduced so that a page of a dozen stays small, with a line below."""
    image_bgr = read_image_bgr(path)
    scale = min(1.0, PICTURE_SIDE_PX / max(image_bgr.shape[:2]))
    small = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    coded = base64.b64encode(jpeg.tobytes()).decode("ascii")
    return (
        f'<div class="card"><img style="max-width:100%" alt="{escape(words)}" src="data:image/jpeg;base64,{coded}">'
        f'<p class="soft">{escape(words)}</p></div>'
    )
