# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node's disk that can be filled to the last byte: a small file system in memory, gone with whom it was made for.

The mount lives in a mount namespace of its own, so that nothing is left on the machine however the run ends. Root may
make one, and so may others where the kernel lends them a user namespace.
"""

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import Self

from simulator.errors import ProcessError
from simulator.rig.processes import Process

SMALL_DISK_BYTES = 24 * 1024 * 1024
_FILLER = "filler"
_BLOCK_BYTES = 64 * 1024


def _unshare() -> list[str]:
    own_user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *own_user, "--mount", "--propagation", "private"]


def can_mount() -> bool:
    """Whether this process may mount a file system that only its children see."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            [*_unshare(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
            check=False,
            capture_output=True,
        )
    except OSError:
        return False
    return done.returncode == 0


class SmallDisk:
    """A file system of a few MiB mounted on `folder`, seen by processes that are started with `prefix` only.

    A context manager. Raises ProcessError when it cannot be mounted.
    """

    def __init__(self, folder: Path, *, capacity_bytes: int = SMALL_DISK_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        mount = f'mount -t tmpfs -o size={capacity_bytes} tmpfs "$0" && exec sleep infinity'
        self._folder = folder
        self._keeper = Process(f"{folder.name}-disk", [*_unshare(), "sh", "-c", mount, str(folder)], folder.parent)

    def __enter__(self) -> Self:
        self._keeper.start()
        while not self.seen_folder.is_mount():
            self._keeper.check()
            time.sleep(0.01)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._keeper.kill()

    @property
    def prefix(self) -> list[str]:
        """What to write before a command so that it sees this disk."""
        space = f"/proc/{self._keeper.pid}/ns"
        own_user = [] if os.geteuid() == 0 else ["--preserve-credentials", f"--user={space}/user"]
        return ["nsenter", *own_user, f"--mount={space}/mnt"]

    @property
    def seen_folder(self) -> Path:
        """The same folder as we see it from outside."""
        return Path(f"/proc/{self._keeper.pid}/root{self._folder}")

    @property
    def free_bytes(self) -> int:
        """What is left."""
        disk = os.statvfs(self.seen_folder)
        return disk.f_bavail * disk.f_frsize

    def fill(self) -> None:
        """Take every byte that is left."""
        with (self.seen_folder / _FILLER).open("ab", buffering=0) as filler:
            for block_bytes in (_BLOCK_BYTES, 1):
                with contextlib.suppress(OSError):  # it is full: what we wanted
                    while filler.write(bytes(block_bytes)) == block_bytes:
                        pass
        if self.free_bytes:
            raise ProcessError(f"{self._folder} could not be filled")

    def free(self) -> None:
        """Give it back."""
        (self.seen_folder / _FILLER).unlink(missing_ok=True)
