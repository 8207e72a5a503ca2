# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs before a program and makes its wall clock wrong by what a file says, read anew each time the clock is asked.

Programs are as they are: `datetime.now`, `datetime.utcnow` and `time.time` answer wrongly, the monotonic clock is left
alone. (libfaketime 0.9.10 would do the same for every program, but `time.sleep` of Python 3.11 fails under it.)
"""

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any, Self

_FILE = os.environ.get("FACINGS_WRONG_CLOCK_FILE")
_true_datetime = dt.datetime
_true_time = time.time


def _shift_s() -> float:
    try:
        return float(Path(_FILE or "").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0  # just being written


class _LikeDatetime(type):
    """Every instant is an instance, whether it was made before or after."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _true_datetime)


class _WrongDatetime(_true_datetime, metaclass=_LikeDatetime):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        """The wrong instant."""
        return _true_datetime.fromtimestamp(_wrong_time(), tz)

    @classmethod
    def utcnow(cls) -> Self:
        """The wrong instant, naive."""
        return cls.now(dt.UTC).replace(tzinfo=None)  # type: ignore[no-any-return]


def _wrong_time() -> float:
    return _true_time() + _shift_s()


if _FILE:
    time.time = _wrong_time
    dt.datetime = _WrongDatetime  # type: ignore[misc]
