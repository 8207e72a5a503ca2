# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bytes of a file of books, bounded, and unpacked where it is packed with gzip."""

import gzip
import io
import os
import stat
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from server.book_layout import Layout, layout_of
from server.book_lines import BooksError, Fault
from server.books import MAX_FILE_BYTES
from server.errors import SettingsError

_GZIP_MAGIC = b"\x1f\x8b"
_MAX_LAYOUT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class BookFile:
    """A file that was read whole."""

    content: bytes
    modified_at: datetime


def read_book_file(path: Path) -> BookFile:
    """Read a file that a person named.

    Raises BooksError with one fault when it cannot be read or is too large.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for whoever writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            return read_opened(opened.fileno(), path.name)
    except OSError as error:
        raise BooksError([Fault(path.name, 0, "", f"cannot be read: {error.strerror}")]) from error


def read_opened(descriptor: int, name: str) -> BookFile:
    """Read an opened file from its beginning.

    Raises BooksError with one fault when it is no plain file, too large, or packed and broken; OSError.
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise BooksError([Fault(name, 0, "", "is no plain file")])
    if status.st_size > MAX_FILE_BYTES:
        raise BooksError([_too_large(name)])
    with os.fdopen(os.dup(descriptor), "rb") as opened:
        packed = opened.read(MAX_FILE_BYTES + 1)
    modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
    return BookFile(unpacked(packed, name), modified_at)


def unpacked(packed: bytes, name: str) -> bytes:
    """Unpack gzip, which is known by its first bytes; anything else stays as it is.

    Raises BooksError with one fault when it is broken or unpacks to more than the bound.
    """
    content = packed
    if packed.startswith(_GZIP_MAGIC):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(packed)) as opened:
                content = opened.read(MAX_FILE_BYTES + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise BooksError([Fault(name, 0, "", f"cannot be unpacked: {error}; is the file whole?")]) from error
    if len(content) > MAX_FILE_BYTES:
        raise BooksError([_too_large(name)])
    return content


def read_layout(path: Path) -> Layout:
    """Read a layout file.

    Raises SettingsError when it cannot be read or used.
    """
    try:
        with path.open("rb") as opened:
            content = opened.read(_MAX_LAYOUT_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > _MAX_LAYOUT_BYTES:
        raise SettingsError(f"{path}: larger than {_MAX_LAYOUT_BYTES} bytes; this is no layout")
    return layout_of(content, path.name)


def _too_large(name: str) -> Fault:
    return Fault(name, 0, "", f"larger than {MAX_FILE_BYTES} bytes; split it")
