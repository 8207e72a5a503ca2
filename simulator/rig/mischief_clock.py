# SPDX-License-Identifier: AGPL-3.0-or-later
"""A wall clock that is wrong, for one process: libfaketime, which reads the shift anew while the process runs.

Only the wall clock goes wrong. The monotonic one stays true, as it does on a machine whose time somebody sets.
"""

from pathlib import Path

from simulator.errors import ProcessError

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
_REREAD_EVERY_S = 1


def find_faketime() -> Path | None:
    """The library for programs with threads, as Debian installs it."""
    return next((path for pattern in _LIBRARIES for path in sorted(Path("/").glob(pattern.lstrip("/")))), None)


class WrongClock:
    """The clock of one process. Start it with `environment`; `set_shift` takes effect within a second or two."""

    def __init__(self, file: Path) -> None:
        library = find_faketime()
        if library is None:
            raise ProcessError("libfaketime is not installed; call: sudo apt-get install faketime")
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": str(_REREAD_EVERY_S),
        }
        self.set_shift(0.0)

    def set_shift(self, shift_s: float) -> None:
        """Let the clock be `shift_s` ahead of the true one, or behind where negative."""
        # Written in place: the library keeps the file open.
        self._file.write_text(f"{shift_s:+.3f}\n", encoding="ascii")
