# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every kind of camera, over real files and real local HTTP servers that misbehave as cameras do."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.camera import Camera
from edge.cameras.choose import open_camera
from edge.cameras.files import FolderCamera, ImageFileCamera, VideoFileCamera
from edge.cameras.http import MjpegCamera, SnapshotCamera
from edge.cameras.multipart import MultipartSplitter, PartTooLarge, boundary_of
from edge.cameras.opencv_stream import OpenCvCamera
from edge.config import CameraConfig
from edge.errors import BrokenFrame, CameraLost, ConfigError

Answer = Callable[[BaseHTTPRequestHandler], None]


def jpeg(level: int) -> bytes:
    picture = np.full((48, 64, 3), level, np.uint8)
    picture[::4] = 255 - level
    return cv2.imencode(".jpg", picture)[1].tobytes()


class Server:
    """A real HTTP server whose answer a test chooses and may change."""

    def __init__(self) -> None:
        self.answer: Answer = lambda handler: reply(handler, jpeg(0))
        self.requests: list[str] = []
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                try:
                    outer.answer(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class QuietServer(ThreadingHTTPServer):
            daemon_threads = True

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


def reply(handler: BaseHTTPRequestHandler, body: bytes, *, length: int | None = None, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "image/jpeg")
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def stream(handler: BaseHTTPRequestHandler, *parts: bytes, boundary: str = "frame") -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={boundary}")
    handler.end_headers()
    for part in parts:
        handler.wfile.write(part)
        handler.wfile.flush()


def part(body: bytes, *, with_length: bool = True) -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if with_length else ""
    return b"--frame\r\nContent-Type: image/jpeg\r\n" + length.encode() + b"\r\n" + body + b"\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., Camera]]:
    cameras: list[Camera] = []

    def make(source: str, **fields: object) -> Camera:
        config = CameraConfig.model_validate({"camera_id": "cam-1", "source": source, "stall_timeout_s": 0.6, **fields})
        cameras.append(open_camera(config, look_interval_s=1.0))
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.close()


def level(camera: Camera) -> int:
    """Grey of the picture's plain rows."""
    return int(camera.grab().image_bgr[1, 1, 0])


class TestSnapshot:
    def test_a_picture_comes_with_its_clocks(self, server: Server, opened: Callable[..., Camera]) -> None:
        server.answer = lambda handler: reply(handler, jpeg(120))
        before_s = time.monotonic()
        frame = opened(f"http://{server.address}/snapshot.jpg").grab()
        assert frame.frame_wh_px == (64, 48)
        assert before_s <= frame.monotonic_s <= time.monotonic()
        assert frame.captured_at.utcoffset() is not None

    def test_half_a_picture_is_broken(self, server: Server, opened: Callable[..., Camera]) -> None:
        server.answer = lambda handler: reply(handler, jpeg(120)[: len(jpeg(120)) // 2])
        with pytest.raises(BrokenFrame, match="cut short"):
            opened(f"http://{server.address}/").grab()

    def test_a_connection_that_closes_too_early_is_lost_and_comes_back(
        self, server: Server, opened: Callable[..., Camera]
    ) -> None:
        server.answer = lambda handler: reply(handler, jpeg(120)[:200], length=5000)
        camera = opened(f"http://{server.address}/")
        with pytest.raises(CameraLost):
            camera.grab()
        server.answer = lambda handler: reply(handler, jpeg(200))
        assert abs(level(camera) - 200) < 12

    def test_a_login_page_is_no_picture(self, server: Server, opened: Callable[..., Camera]) -> None:
        server.answer = lambda handler: reply(handler, b"<html>please log in</html>")
        with pytest.raises(BrokenFrame, match="not a picture"):
            opened(f"http://{server.address}/").grab()

    def test_a_camera_that_never_answers_is_lost_after_its_timeout(
        self, server: Server, opened: Callable[..., Camera]
    ) -> None:
        def keep_silent(_handler: BaseHTTPRequestHandler) -> None:
            server.over.wait(20)

        server.answer = keep_silent
        with pytest.raises(CameraLost):
            opened(f"http://{server.address}/").grab()

    def test_a_camera_that_drips_is_lost_after_its_timeout(self, server: Server, opened: Callable[..., Camera]) -> None:
        def drip(handler: BaseHTTPRequestHandler) -> None:
            reply(handler, b"\xff\xd8\xff", length=100_000)
            while not server.over.wait(0.1):
                handler.wfile.write(b"\0")

        server.answer = drip
        with pytest.raises(CameraLost):
            opened(f"http://{server.address}/").grab()

    def test_nobody_there_is_lost(self, opened: Callable[..., Camera]) -> None:
        with pytest.raises(CameraLost, match="ConnectError"):
            opened("http://127.0.0.1:9/").grab()

    def test_an_error_answer_is_lost_and_says_which(self, server: Server, opened: Callable[..., Camera]) -> None:
        server.answer = lambda handler: reply(handler, b"", status=503)
        with pytest.raises(CameraLost, match="answered 503"):
            opened(f"http://{server.address}/").grab()

    def test_an_endless_answer_says_what_to_write_instead(self, server: Server, opened: Callable[..., Camera]) -> None:
        server.answer = lambda handler: stream(handler, part(jpeg(9)))
        with pytest.raises(CameraLost, match=r"mjpeg\+"):
            opened(f"http://{server.address}/").grab()

    @pytest.mark.parametrize("scheme", ["Basic", "Digest"])
    def test_either_way_of_asking_for_a_password_is_answered(
        self, server: Server, opened: Callable[..., Camera], tmp_path: Path, scheme: str
    ) -> None:
        def guarded(handler: BaseHTTPRequestHandler) -> None:
            sent = handler.headers.get("Authorization", "")
            if sent.startswith(scheme) and ("c2hvcDpzM2NyZXQ=" in sent or 'username="shop"' in sent):
                reply(handler, jpeg(77))
                return
            handler.send_response(401)
            challenge = 'Basic realm="cam"' if scheme == "Basic" else 'Digest realm="cam", nonce="abc", qop="auth"'
            handler.send_header("WWW-Authenticate", challenge)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        server.answer = guarded
        (tmp_path / "password").write_text("s3cret\n")
        camera = opened(f"http://{server.address}/", username="shop", password_file=tmp_path / "password")
        assert abs(level(camera) - 77) < 12

    def test_a_wrong_password_is_told_without_the_password(
        self, server: Server, opened: Callable[..., Camera], tmp_path: Path
    ) -> None:
        def refuse(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Basic realm="cam"')
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        server.answer = refuse
        (tmp_path / "password").write_text("s3cret")
        camera = opened(f"http://{server.address}/", username="shop", password_file=tmp_path / "password")
        with pytest.raises(CameraLost, match="refused") as caught:
            camera.grab()
        assert "s3cret" not in str(caught.value)


class TestMjpeg:
    @pytest.mark.parametrize("with_length", [True, False])
    def test_the_newest_picture_is_handed_out(
        self, server: Server, opened: Callable[..., Camera], *, with_length: bool
    ) -> None:
        def run(handler: BaseHTTPRequestHandler) -> None:
            stream(handler, *(part(jpeg(shade), with_length=with_length) for shade in (20, 60, 100)))
            server.over.wait(20)

        server.answer = run
        camera = opened(f"mjpeg+http://{server.address}/")
        shades = {level(camera)}
        assert min(abs(shade - known) for shade in shades for known in (20, 60, 100)) < 12

    def test_the_same_picture_is_not_handed_out_twice_and_a_stall_is_lost(
        self, server: Server, opened: Callable[..., Camera]
    ) -> None:
        def run(handler: BaseHTTPRequestHandler) -> None:
            stream(handler, part(jpeg(50)))
            server.over.wait(20)

        server.answer = run
        camera = opened(f"mjpeg+http://{server.address}/")
        assert abs(level(camera) - 50) < 12
        with pytest.raises(CameraLost):
            camera.grab()

    def test_a_lost_stream_is_opened_again(self, server: Server, opened: Callable[..., Camera]) -> None:
        server.answer = lambda handler: stream(handler, part(jpeg(50)), part(jpeg(50)))
        camera = opened(f"mjpeg+http://{server.address}/")
        camera.grab()
        with pytest.raises(CameraLost, match="stream ended"):
            [camera.grab() for _ in range(3)]
        camera.grab()
        assert len(server.requests) == 2

    def test_half_a_picture_inside_the_stream_is_broken_and_the_next_is_fine(
        self, server: Server, opened: Callable[..., Camera]
    ) -> None:
        go_on = threading.Event()

        def run(handler: BaseHTTPRequestHandler) -> None:
            stream(handler, part(jpeg(50)[:300]), b"--frame\r\n\r\n")
            go_on.wait(20)
            while not server.over.wait(0.05):
                handler.wfile.write(part(jpeg(90)))

        server.answer = run
        camera = opened(f"mjpeg+http://{server.address}/")
        with pytest.raises(BrokenFrame):
            camera.grab()
        go_on.set()
        assert abs(level(camera) - 90) < 12

    def test_a_picture_that_waited_too_long_is_not_taken_for_new(
        self, server: Server, opened: Callable[..., Camera], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("edge.cameras.newest.MAX_AGE_S", 0.2)

        def run(handler: BaseHTTPRequestHandler) -> None:
            stream(handler, part(jpeg(50)))
            time.sleep(0.1)
            handler.wfile.write(part(jpeg(70)))
            server.over.wait(20)

        server.answer = run
        camera = opened(f"mjpeg+http://{server.address}/")
        camera.grab()
        time.sleep(0.7)
        with pytest.raises(CameraLost):
            camera.grab()

    def test_single_pictures_say_what_to_write_instead(self, server: Server, opened: Callable[..., Camera]) -> None:
        with pytest.raises(CameraLost, match=r"leave mjpeg\+ out"):
            opened(f"mjpeg+http://{server.address}/").grab()


class TestOpenCv:
    """RTSP and USB share this reader; FFmpeg reads MJPEG over HTTP through it as well, which needs no RTSP server."""

    def test_pictures_arrive_and_a_stalled_stream_is_lost_and_then_opened_again(self, server: Server) -> None:
        stalled = threading.Event()

        def run(handler: BaseHTTPRequestHandler) -> None:
            stream(handler)
            while not server.over.wait(0.03):
                if not stalled.is_set():
                    handler.wfile.write(part(jpeg(90)))

        server.answer = run
        camera = OpenCvCamera("cam-1", f"http://{server.address}/stream.mjpg", stall_timeout_s=3)
        assert abs(level(camera) - 90) < 12
        assert abs(level(camera) - 90) < 12
        stalled.set()
        with pytest.raises(CameraLost):
            [camera.grab() for _ in range(200)]
        stalled.clear()
        assert abs(level(camera) - 90) < 12
        camera.close()


class TestMultipart:
    def test_bodies_come_out_however_the_bytes_are_cut(self) -> None:
        bodies = [jpeg(shade) for shade in (10, 20, 30)]
        whole = b"".join(part(body, with_length=shade != 1) for shade, body in enumerate(bodies)) + b"--frame"
        for step in (1, 7, 1000, len(whole)):
            splitter = MultipartSplitter("frame", max_part_bytes=10_000)
            found = [body for at in range(0, len(whole), step) for body in splitter.feed(whole[at : at + step])]
            assert found == bodies

    def test_a_whole_picture_need_not_wait_for_the_next(self) -> None:
        assert MultipartSplitter("frame", max_part_bytes=10_000).feed(part(jpeg(5))) == [jpeg(5)]

    def test_an_endless_part_is_refused(self) -> None:
        splitter = MultipartSplitter("frame", max_part_bytes=1000)
        with pytest.raises(PartTooLarge):
            splitter.feed(b"--frame\r\n\r\n" + b"\0" * 50_000)

    @pytest.mark.parametrize(
        ("content_type", "boundary"),
        [
            ("multipart/x-mixed-replace; boundary=frame", "frame"),
            ('multipart/x-mixed-replace;boundary="--my boundary"', "my boundary"),
            ("multipart/x-mixed-replace; boundary=--frame", "frame"),
            ("image/jpeg", None),
            ("", None),
        ],
    )
    def test_the_boundary_is_found(self, content_type: str, boundary: str | None) -> None:
        assert boundary_of(content_type) == boundary


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name, shade in (("b.jpg", 90), ("a.jpg", 50), ("c.jpg", 130)):
            (tmp_path / name).write_bytes(jpeg(shade))
        return tmp_path

    def shades(self, camera: Camera, looks_count: int) -> list[int]:
        return [round(level(camera) / 10) * 10 for _ in range(looks_count)]

    def test_a_folder_is_shown_in_sorted_order_and_again(self, folder: Path, opened: Callable[..., Camera]) -> None:
        assert self.shades(opened(str(folder), hold_looks_count=2), 8) == [50, 50, 90, 90, 130, 130, 50, 50]

    def test_a_folder_without_loop_stays_on_its_last_picture(self, folder: Path, opened: Callable[..., Camera]) -> None:
        assert self.shades(opened(str(folder), hold_looks_count=1, loop=False), 5) == [50, 90, 130, 130, 130]

    def test_a_folder_follows_a_given_order(self, folder: Path, opened: Callable[..., Camera]) -> None:
        (folder / "order.txt").write_text("c.jpg\na.jpg\n\n")
        camera = opened(str(folder), hold_looks_count=1, order_file=folder / "order.txt")
        assert self.shades(camera, 3) == [130, 50, 130]

    def test_a_broken_file_in_a_folder_is_one_broken_look(self, folder: Path, opened: Callable[..., Camera]) -> None:
        (folder / "b.jpg").write_bytes(jpeg(90)[:200])
        camera = opened(str(folder), hold_looks_count=1)
        camera.grab()
        with pytest.raises(BrokenFrame, match=r"b\.jpg"):
            camera.grab()
        assert self.shades(camera, 1) == [130]

    def test_an_empty_folder_is_lost(self, tmp_path: Path, opened: Callable[..., Camera]) -> None:
        with pytest.raises(CameraLost, match="no pictures"):
            opened(str(tmp_path)).grab()

    def test_a_picture_file_is_read_anew_each_time(self, folder: Path, opened: Callable[..., Camera]) -> None:
        camera = opened(str(folder / "a.jpg"))
        assert self.shades(camera, 1) == [50]
        (folder / "a.jpg").write_bytes(jpeg(130))
        assert self.shades(camera, 1) == [130]
        (folder / "a.jpg").unlink()
        with pytest.raises(CameraLost, match="missing"):
            camera.grab()

    def test_a_video_moves_on_by_the_look_interval_and_begins_again(
        self, tmp_path: Path, opened: Callable[..., Camera]
    ) -> None:
        file = tmp_path / "shelf.avi"
        writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
        for second in range(3):
            for _ in range(10):
                writer.write(np.full((48, 64, 3), 50 + 40 * second, np.uint8))
        writer.release()
        assert self.shades(opened(str(file)), 5) == [50, 90, 130, 50, 90]

    def test_a_file_that_is_no_video_is_lost(self, tmp_path: Path, opened: Callable[..., Camera]) -> None:
        (tmp_path / "shelf.mp4").write_bytes(b"nothing")
        with pytest.raises(CameraLost, match="no picture that can be decoded"):
            opened(str(tmp_path / "shelf.mp4")).grab()


class TestChoice:
    @pytest.mark.parametrize(
        ("source", "kind", "is_live"),
        [
            ("http://camera/snapshot.jpg", SnapshotCamera, True),
            ("mjpeg+https://camera/stream", MjpegCamera, True),
            ("rtsp://camera/1", OpenCvCamera, True),
            ("usb:0", OpenCvCamera, True),
            ("/dev/video2", OpenCvCamera, True),
            ("shelf.mp4", VideoFileCamera, False),
            ("shelf.jpg", ImageFileCamera, False),
        ],
    )
    def test_the_form_of_the_source_decides(
        self, opened: Callable[..., Camera], source: str, kind: type, *, is_live: bool
    ) -> None:
        camera = opened(source)
        assert isinstance(camera, kind)
        assert camera.is_live is is_live

    def test_a_folder_is_a_folder(self, opened: Callable[..., Camera], tmp_path: Path) -> None:
        camera = opened(str(tmp_path), live=True)
        assert isinstance(camera, FolderCamera)
        assert camera.is_live

    def test_unknown_schemes_and_passwords_in_addresses_are_refused(self, opened: Callable[..., Camera]) -> None:
        with pytest.raises(ConfigError, match="no camera speaks ftp"):
            opened("ftp://camera/1.jpg")
        with pytest.raises(ConfigError, match="password_file") as caught:
            opened("rtsp://shop:s3cret@camera/1")
        assert "s3cret" not in str(caught.value)

    def test_a_missing_usb_camera_and_a_dead_rtsp_address_are_lost(self, opened: Callable[..., Camera]) -> None:
        for source in ("usb:97", "rtsp://127.0.0.1:9/shelf"):
            with pytest.raises(CameraLost):
                opened(source, stall_timeout_s=3).grab()
