# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes into a store's folder of models so that a power cut or a full disk leaves the old or the new, and is told."""

import os
from pathlib import Path

from models.errors import StoreModelError


class Writing:
    """Around what writes: an error of the disk becomes a StoreModelError that names the file, else `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            place = error.filename2 or error.filename or self._path
            raise StoreModelError(f"{place}: cannot be written: {error.strerror or error}") from error


def write_synced(path: Path, text: str) -> None:
    """Put a file in place of an earlier one in one step. Raises StoreModelError; then the earlier one stays."""
    fresh = path.with_name(f".{path.name}.new")
    with Writing(path):
        try:
            fresh.write_text(text, encoding="utf-8")
            sync(fresh)
            fresh.replace(path)
            sync(path.parent)
        finally:
            fresh.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
