# SPDX-License-Identifier: AGPL-3.0-or-later
"""A wall clock that is wrong, for one Python process, and can be set while the process runs.

Only the wall clock goes wrong. The monotonic one stays true, as it does on a machine whose time somebody sets.
"""

import os
from pathlib import Path

_SITE_FOLDER = Path(__file__).with_name("wrong_clock")


class WrongClock:
    """The clock of one process, which is started with `environment`; right until `set_shift` says otherwise."""

    def __init__(self, file: Path) -> None:
        self._file = file
        paths = [str(_SITE_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {"PYTHONPATH": os.pathsep.join(paths), "FACINGS_WRONG_CLOCK_FILE": str(file)}
        self.set_shift(0.0)

    def set_shift(self, shift_s: float) -> None:
        """Let the clock be `shift_s` ahead of the true one, or behind where negative."""
        self._file.write_text(f"{shift_s:+.3f}\n", encoding="ascii")
