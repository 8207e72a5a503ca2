# SPDX-License-Identifier: AGPL-3.0-or-later
"""A folder that others write into, touched only through its open descriptor: no link and no `..` leads out of it.

What lies in it is moved by renaming, which follows no link, and opened without following or waiting.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from server.errors import HubError

_MAX_ENTRIES_COUNT = 1000
"""Looked at in one step; the rest comes when these are gone."""

_MAX_STEM_BYTES = 120
_HALF_WRITTEN = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".swp", "~")
_FOLDER_MODE = 0o750
_REPORT_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder and what it looked like."""

    name: str
    mode: int
    links_count: int
    stamp: tuple[int, ...]
    """Changes whenever the file is written or replaced."""

    @property
    def trouble(self) -> str | None:
        """Why this cannot be a file of books, before anything of it is opened."""
        if stat.S_ISLNK(self.mode):
            return "is a symbolic link; put the file itself here"
        if not stat.S_ISREG(self.mode):
            return "is no plain file (a pipe, socket or device)"
        if self.links_count > 1:
            return "has a second name elsewhere (a hard link); put a copy here"
        return None


def entry_of(status: os.stat_result, name: str) -> Entry:
    """What is told apart. Renaming touches the inode's change time, so that is left out."""
    return Entry(name, status.st_mode, status.st_nlink, (status.st_ino, status.st_size, status.st_mtime_ns))


@contextmanager
def opened_folder(path: Path | str, *, inside: int | None = None, make: bool = False) -> Iterator[int]:
    """A descriptor of a folder, perhaps of one inside another.

    Raises HubError when it is missing, no folder, or a link.
    """
    if make:
        with suppress(FileExistsError):
            os.mkdir(path, _FOLDER_MODE, dir_fd=inside)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, dir_fd=inside)
    except OSError as error:
        raise HubError(f"books.watched: folder {path} cannot be used: {error.strerror}; it must be no link") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def alone_in(descriptor: int) -> bool:
    """Whether no other process watches this folder; holds it until the descriptor is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def entries(descriptor: int) -> list[Entry]:
    """What lies in the folder, the oldest first; folders, hidden names and names of half-written files are left out."""
    found: list[tuple[int, Entry]] = []
    with os.scandir(descriptor) as listed:
        for item in listed:
            if len(found) >= _MAX_ENTRIES_COUNT:
                break
            if item.name.startswith(".") or item.name.lower().endswith(_HALF_WRITTEN):
                continue
            with suppress(FileNotFoundError):
                status = os.stat(item.name, dir_fd=descriptor, follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    found.append((status.st_mtime_ns, entry_of(status, item.name)))
    return [entry for _, entry in sorted(found, key=lambda aged: (aged[0], aged[1].name))]


@contextmanager
def opened_file(entry: Entry, folder: int) -> Iterator[int | None]:
    """A descriptor of the very file that `entry` describes, or None when it is another one by now."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(entry.name, flags, dir_fd=folder)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor if entry_of(os.fstat(descriptor), entry.name) == entry else None
    finally:
        os.close(descriptor)


def exists_in(folder: int, name: str) -> bool:
    """Whether the name is taken, by whatever."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def move(name: str, folder: int, new_name: str, new_folder: int) -> None:
    """Move within one file system; takes the place of what has the new name already."""
    os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)


def write_report(folder: int, name: str, text: str) -> None:
    """Write a file of which a reader sees all or nothing."""
    half = f".{name}.part"
    with suppress(FileNotFoundError):
        os.unlink(half, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(half, flags, _REPORT_MODE, dir_fd=folder), "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    move(half, folder, name, folder)


def label_of(name: str) -> str:
    """A file's name that may be shown and stored, whatever bytes it is made of."""
    return name if name.isprintable() else repr(name)[1:-1]


def kept_name(name: str, digest: str) -> str:
    """The name under which a file is kept: its own, cut, with its content's digest before the endings."""
    plain = re.sub(r"[^\w.() -]", "_", name, flags=re.ASCII).lstrip(".") or "_"
    stem, *endings = plain.split(".")
    ending = "".join(
        f".{part}" for part in endings[-2:] if part.lower() in {"csv", "json", "jsonl", "ndjson", "gz", "txt"}
    )
    return f"{plain.removesuffix(ending)[:_MAX_STEM_BYTES]}.{digest}{ending}" if stem or ending else f"_.{digest}"
