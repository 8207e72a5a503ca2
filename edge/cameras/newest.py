# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads a stream in a thread of its own and keeps only the newest picture.

A stream that nobody reads piles up old pictures in the socket, so it is read all the time. And a read that hangs inside
a library cannot be interrupted, so it hangs in a thread that can be left behind, not in the node.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from edge.errors import CameraError, CameraLost

MAX_LEFT_BEHIND_COUNT = 4
"""Hanging threads that may be left behind before the camera is declared lost for good; each holds a socket."""

MAX_AGE_S = 2.0
"""An item that waited longer is not handed out: the shelf of a minute ago must not be stamped with now."""

Item = TypeVar("Item")


class NewestReader(Generic[Item]):
    """Runs `open_stream` in a thread and hands out its newest item.

    `open_stream` yields items and raises CameraError; it is called again after it ended or hung. It must look at the
    event it is given, which is set when nobody wants its items any more.
    """

    def __init__(
        self, camera_id: str, open_stream: Callable[[threading.Event], Iterator[Item]], *, stall_timeout_s: float
    ) -> None:
        self._camera_id = camera_id
        self._open_stream = open_stream
        self._stall_timeout_s = stall_timeout_s
        self._current: _Reading[Item] | None = None
        self._left_behind: list[threading.Thread] = []

    def newest(self) -> Item:
        """Return an item that was not returned before, waiting for it up to the stall timeout.

        Raises CameraError. The next call opens the stream again.
        """
        if self._current is None:
            self._current = self._start()
        try:
            return self._current.wait(self._camera_id, self._stall_timeout_s)
        except CameraError:
            self.close()
            raise

    def close(self) -> None:
        """Stop reading; a thread that hangs is left behind."""
        if self._current is not None:
            self._current.unwanted.set()
            self._left_behind.append(self._current.thread)
            self._current = None

    def _start(self) -> "_Reading[Item]":
        self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
        if len(self._left_behind) > MAX_LEFT_BEHIND_COUNT:
            raise CameraLost(f"camera {self._camera_id}: {len(self._left_behind)} reads hang; restart the node")
        return _Reading(self._camera_id, self._open_stream)


class _Reading(Generic[Item]):
    """One run of the stream, with the newest item it gave."""

    def __init__(self, camera_id: str, open_stream: Callable[[threading.Event], Iterator[Item]]) -> None:
        self.unwanted = threading.Event()
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._arrived_s = 0.0
        self._fault: CameraError | None = None
        self.thread = threading.Thread(
            target=self._run, args=(camera_id, open_stream), name=f"read-{camera_id}", daemon=True
        )
        self.thread.start()

    def wait(self, camera_id: str, stall_timeout_s: float) -> Item:
        deadline_s = time.monotonic() + stall_timeout_s
        with self._changed:
            if time.monotonic() - self._arrived_s > MAX_AGE_S:
                self._item = None
            while self._item is None and self._fault is None:
                remaining_s = deadline_s - time.monotonic()
                if remaining_s <= 0:
                    raise CameraLost(f"camera {camera_id}: no picture for {stall_timeout_s:g} s")
                self._changed.wait(remaining_s)
            item, self._item = self._item, None
            if item is not None:
                return item
            raise self._fault or CameraLost(f"camera {camera_id}: the stream ended")

    def _run(self, camera_id: str, open_stream: Callable[[threading.Event], Iterator[Item]]) -> None:
        fault: CameraError = CameraLost(f"camera {camera_id}: the stream ended")
        try:
            for item in open_stream(self.unwanted):
                if self.unwanted.is_set():
                    break
                with self._changed:
                    self._item = item
                    self._arrived_s = time.monotonic()
                    self._changed.notify_all()
        except CameraError as error:
            fault = error
        except Exception as error:  # noqa: BLE001 - whatever a decoder throws, the camera is lost and says why
            fault = CameraLost(f"camera {camera_id}: {type(error).__name__} while reading")
        with self._changed:
            self._fault = fault
            self._changed.notify_all()
