# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files that are there whole or not at all, whatever happens to the process, the disk or the power."""

import contextlib
from pathlib import Path

from models.errors import WorkshopError


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the place, then put it there at once; its folder is made. Raises WorkshopError, leaving no trace."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise WorkshopError(f"{path}: cannot be written: {error.strerror}") from error
