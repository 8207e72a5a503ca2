# SPDX-License-Identifier: AGPL-3.0-or-later
"""The till and the office, who bring the books to the hub: a stream of sales, and files of everything else.

A line that the hub does not take because it does not answer is brought again until it does, in the order of writing.
"""

import csv
import io
import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from simulator.errors import ProcessError
from simulator.rig.compression import WorldClock
from simulator.store.books import BookLine

_LINES_AT_ONCE = 2000
_FIELDS = ("sku", "kind", "units", "occurred_at", "reference", "name")


class BooksDesk:
    """Remembers how far the hub has the books. `late` and `twice` may be set at any time by another thread."""

    def __init__(self, client: httpx.Client, name_of: dict[str, str]) -> None:
        self.late = False
        """Nothing leaves for the hub."""
        self.twice = False
        """Everything is sent a second time."""
        self._client = client
        self._name_of = name_of
        self._taken_count = 0
        self._files_count = 0

    @property
    def taken_count(self) -> int:
        """Lines that the hub has."""
        return self._taken_count

    def bring_opening(self, lines: Sequence[BookLine], real_at: datetime) -> None:
        """Bring what the books say before the first minute, stamped `real_at`. Raises ProcessError, httpx.HTTPError."""
        rows = [self._row(line, real_at, name=self._name_of.get(line.sku)) for line in lines]
        self._send_file(rows, "opening.csv")
        self._taken_count = len(lines)

    def bring(self, lines: Sequence[BookLine], clock: WorldClock) -> None:
        """Bring `lines`, all that were written after the first `taken_count`. Raises ProcessError when refused."""
        left = list(lines)
        while left and not self.late:
            fresh = _same_way(left)
            rows = [self._row(line, clock.real_at(line.occurred_at)) for line in fresh]
            try:
                for _ in range(2 if self.twice else 1):
                    self._send(rows)
            except httpx.TransportError:
                return  # no hub there: the next call tries again
            self._taken_count += len(fresh)
            del left[: len(fresh)]

    def _send(self, rows: list[dict[str, Any]]) -> None:
        if rows[0]["kind"] == "sale":
            _check(self._client.post("/api/v1/movements", json=rows))
        else:
            self._files_count += 1
            self._send_file(rows, f"office-{self._files_count:04d}.csv")

    def _send_file(self, rows: list[dict[str, Any]], source: str) -> None:
        written = io.StringIO()
        writer = csv.DictWriter(written, _FIELDS, restval="")
        writer.writeheader()
        writer.writerows(rows)
        headers = {"Content-Type": "text/csv"}
        _check(
            self._client.post("/api/v1/books", params={"source": source}, content=written.getvalue(), headers=headers)
        )

    def _row(self, line: BookLine, real_at: datetime, *, name: str | None = None) -> dict[str, Any]:
        row = {
            "sku": line.sku,
            "kind": line.kind,
            "units": abs(line.units) if line.kind == "sale" else line.units,
            "occurred_at": real_at.isoformat(),
            "reference": line.reference,
        }
        return {**row, "name": name} if name else row


def _same_way(lines: Sequence[BookLine]) -> list[BookLine]:
    """The first lines, as long as they leave by the same way: sales over the till's stream, the rest in a file."""
    is_sale = lines[0].kind == "sale"
    taken = itertools.takewhile(lambda line: (line.kind == "sale") == is_sale, lines[:_LINES_AT_ONCE])
    return list(taken)


def _check(answer: httpx.Response) -> None:
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise httpx.TransportError(f"the hub answered {answer.status_code}")  # it is going down or coming up
    if answer.is_error:
        raise ProcessError(f"the hub refused the books: {answer.text[:500]}")
