# SPDX-License-Identifier: AGPL-3.0-or-later
"""Splits an endless `multipart/x-mixed-replace` answer into parts, in bounded memory (RFC 2046 section 5.1)."""

from email.message import Message

MAX_PART_HEADER_BYTES = 16 * 1024


class PartTooLarge(Exception):  # noqa: N818 - caught and reworded by the camera
    """A part, or the rubbish before one, exceeds the bound."""


def boundary_of(content_type: str) -> str | None:
    """Boundary named by a Content-Type, or None when it is no multipart answer.

    Cameras that write the boundary with its leading dashes, or in quotes, are understood.
    """
    header = Message()
    header["Content-Type"] = content_type
    if header.get_content_maintype() != "multipart":
        return None
    boundary = header.get_boundary()
    return boundary.removeprefix("--") if boundary else None


class MultipartSplitter:
    """Feed it what arrives; it gives back the bodies that are complete.

    A body ends at the next boundary, or at its Content-Length when a JPEG ends exactly there. A wrong Content-Length,
    or a camera that dies in mid-picture and starts anew, then costs one picture and not the stream.
    """

    def __init__(self, boundary: str, *, max_part_bytes: int) -> None:
        self._delimiter = b"--" + boundary.encode("latin-1", "replace")
        self._max_part_bytes = max_part_bytes
        self._buffer = bytearray()
        self._searched_to = 0
        self._within_part = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take bytes, return the bodies they complete.

        Raises PartTooLarge.
        """
        self._buffer += chunk
        bodies: list[bytes] = []
        while True:
            at = self._find_delimiter()
            if at < 0:
                early = self._announced_jpeg() if self._within_part else b""
                if early:
                    bodies.append(early)
                    self._within_part = False
                if len(self._buffer) > self._max_part_bytes + MAX_PART_HEADER_BYTES:
                    raise PartTooLarge(f"a picture beyond {self._max_part_bytes} bytes")
                return bodies
            if self._within_part:
                body = _body_of(bytes(self._buffer[:at]))
                if body:
                    bodies.append(body)
            del self._buffer[: at + len(self._delimiter)]
            self._searched_to = 0
            self._within_part = True

    def _announced_jpeg(self) -> bytes:
        head, separator, _ = bytes(self._buffer[:MAX_PART_HEADER_BYTES]).partition(b"\r\n\r\n")
        announced_bytes = _announced_bytes(head) if separator else None
        if announced_bytes is None:
            return b""
        end = len(head) + len(separator) + announced_bytes
        if len(self._buffer) < end or not self._buffer.endswith(b"\xff\xd9", 0, end):
            return b""
        return bytes(self._buffer[end - announced_bytes : end])

    def _find_delimiter(self) -> int:
        at = self._buffer.find(self._delimiter, self._searched_to)
        # The next search need not look again at what was searched, save for a delimiter cut in two.
        self._searched_to = max(0, len(self._buffer) - len(self._delimiter))
        return at


def _body_of(part: bytes) -> bytes:
    head, separator, body = part.partition(b"\r\n\r\n")
    if not separator:
        head, separator, body = part.partition(b"\n\n")
    if not separator:
        return b""
    announced_bytes = _announced_bytes(head)
    if announced_bytes is not None and announced_bytes <= len(body):
        return body[:announced_bytes]
    return body.removesuffix(b"\n").removesuffix(b"\r")


def _announced_bytes(head: bytes) -> int | None:
    for line in head.splitlines():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
