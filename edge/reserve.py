# SPDX-License-Identifier: AGPL-3.0-or-later
"""Disk space that is kept back, so that a full disk can still be emptied.

SQLite needs room even to delete: on a disk without a byte left, what the hub has settled could not leave the outbox,
and a node that starts could not open it. Then this file goes first.
"""

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 4 * 1024 * 1024
"""More than the write-ahead log of the outbox ever holds, so that a checkpoint always finds room."""


class Reserve:
    """A file of `RESERVE_BYTES` beside the outbox, or none where the disk has no room for it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def fill(self) -> None:
        """Take the space, if it is there and not taken yet."""
        if self._file.exists():
            return
        try:
            with self._file.open("wb") as reserved:
                os.posix_fallocate(reserved.fileno(), 0, RESERVE_BYTES)
        except OSError:
            self.release()

    def release(self) -> bool:
        """Give the space back; whether there was any to give."""
        held = self._file.exists()
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
        return held
