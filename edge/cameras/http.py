# SPDX-License-Identifier: AGPL-3.0-or-later
"""Network cameras over HTTP: a snapshot address that answers with one picture, or an endless MJPEG answer."""

import threading
import time
from collections.abc import Generator, Iterator

import httpx

from edge.cameras.camera import stamp
from edge.cameras.multipart import MultipartSplitter, PartTooLarge, boundary_of
from edge.cameras.newest import NewestReader
from edge.errors import BrokenFrame, CameraLost, PictureError
from edge.frames import Frame
from edge.picture_file import decode_picture

MAX_PICTURE_BYTES = 32 * 1024 * 1024
"""A camera that sends more for one picture is not believed."""


class SnapshotCamera:
    """Asks an address for one picture at every grab, over a connection that is kept."""

    def __init__(
        self, camera_id: str, address: str, *, stall_timeout_s: float, auth: httpx.Auth | None, is_live: bool = True
    ) -> None:
        self._camera_id = camera_id
        self._address = address
        self._stall_timeout_s = stall_timeout_s
        self._client = httpx.Client(timeout=stall_timeout_s, auth=auth, trust_env=False)
        self.is_live = is_live

    def grab(self) -> Frame:
        """Fetch and decode one picture."""
        encoded = self._fetch()
        try:
            return stamp(decode_picture(encoded), self._camera_id)
        except PictureError as error:
            raise BrokenFrame(f"camera {self._camera_id}: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _fetch(self) -> bytes:
        # httpx counts its timeout per read; a camera that sends a byte now and then must not hold the node for ever.
        deadline_s = time.monotonic() + self._stall_timeout_s
        received = bytearray()
        try:
            with self._client.stream("GET", self._address, headers={"Cache-Control": "no-cache"}) as response:
                _check_answer(response, self._camera_id)
                if boundary_of(response.headers.get("content-type", "")) is not None:
                    raise CameraLost(
                        f"camera {self._camera_id}: the address sends an endless MJPEG answer; "
                        "write mjpeg+ before it in node.toml"
                    )
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > MAX_PICTURE_BYTES:
                        raise BrokenFrame(f"camera {self._camera_id}: a picture beyond {MAX_PICTURE_BYTES} bytes")
                    if time.monotonic() > deadline_s:
                        raise CameraLost(f"camera {self._camera_id}: no whole picture in {self._stall_timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _lost(self._camera_id, error) from error
        return bytes(received)


class MjpegCamera:
    """Reads an endless multipart answer in a thread and decodes the newest picture at every grab."""

    def __init__(
        self, camera_id: str, address: str, *, stall_timeout_s: float, auth: httpx.Auth | None, is_live: bool = True
    ) -> None:
        self._camera_id = camera_id
        self._address = address
        self._stall_timeout_s = stall_timeout_s
        self._auth = auth
        self._reader = NewestReader(camera_id, self._pictures, stall_timeout_s=stall_timeout_s)
        self.is_live = is_live

    def grab(self) -> Frame:
        """Decode the newest picture that arrived whole."""
        encoded = self._reader.newest()
        try:
            return stamp(decode_picture(encoded), self._camera_id)
        except PictureError as error:
            raise BrokenFrame(f"camera {self._camera_id}: {error}") from error

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _pictures(self, unwanted: threading.Event) -> Iterator[bytes]:
        try:
            with (
                httpx.Client(timeout=self._stall_timeout_s, auth=self._auth, trust_env=False) as client,
                client.stream("GET", self._address) as response,
            ):
                _check_answer(response, self._camera_id)
                boundary = boundary_of(response.headers.get("content-type", ""))
                if boundary is None:
                    raise CameraLost(
                        f"camera {self._camera_id}: the answer is no MJPEG stream; for single pictures leave mjpeg+ out"
                    )
                splitter = MultipartSplitter(boundary, max_part_bytes=MAX_PICTURE_BYTES)
                for chunk in response.iter_bytes():
                    if unwanted.is_set():
                        return
                    yield from splitter.feed(chunk)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _lost(self._camera_id, error) from error
        except PartTooLarge as error:
            raise BrokenFrame(f"camera {self._camera_id}: {error}") from error


class CameraAuth(httpx.DigestAuth):
    """Answers whichever of Digest and Basic the camera asks for, so that the installer need not know."""

    def __init__(self, username: str, password: str) -> None:
        super().__init__(username, password)
        self._basic = httpx.BasicAuth(username, password)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask without a password first, unless a Digest challenge is remembered."""
        flow = super().auth_flow(request)
        response = yield next(flow)
        asked = response.headers.get("www-authenticate", "").lower()
        if response.status_code == httpx.codes.UNAUTHORIZED and asked.startswith("basic"):
            yield from self._basic.auth_flow(request)
            return
        try:
            while True:
                response = yield flow.send(response)
        except StopIteration:
            return


def _check_answer(response: httpx.Response, camera_id: str) -> None:
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise CameraLost(f"camera {camera_id}: the user name or password is refused ({response.status_code})")
    if response.status_code != httpx.codes.OK:
        raise CameraLost(f"camera {camera_id}: answered {response.status_code}")


def _lost(camera_id: str, error: Exception) -> CameraLost:
    # The library's own text may hold the address with its password, so only the kind of failure is told.
    return CameraLost(f"camera {camera_id}: {type(error).__name__}")
