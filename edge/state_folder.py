# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node's state folder belongs to one process at a time: two would throw each other off the broker for ever."""

import fcntl
from io import TextIOWrapper
from pathlib import Path

from edge.errors import ConfigError


def take_state_folder(folder: Path) -> TextIOWrapper:
    """Make the folder and hold it until the file returned is closed or the process ends, however it ends.

    Raises ConfigError when it cannot be made or another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / "lock").open("a", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"state_dir: {folder} cannot be used ({error.strerror})") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise ConfigError(
            f"state_dir: another node runs on {folder}; stop it first, or give this one a folder of its own"
        ) from error
    return held
