# SPDX-License-Identifier: AGPL-3.0-or-later
"""The panel over HTTP: one page, the store's state, its cameras' pictures, and a place to press buttons.

It listens on loopback only, answers to no other host name, and takes presses only from its own page.
"""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from simulator.errors import DemoError
from simulator.panel.wishes import Wish, Wishes, WishRefused

_PAGE_FOLDER = Path(__file__).parent / "page"
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_START_PATIENCE_S = 20.0


def create_panel(
    state: Callable[[], dict[str, Any]], wishes: Wishes, picture_of: Callable[[str], bytes | None]
) -> FastAPI:
    """The application. `picture_of` answers a camera's newest JPEG, None when it sends none; KeyError when unknown."""
    app = FastAPI(title="Facings virtual store", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, call_next: Any) -> Response:
        refusal = _refusal(request)
        answer: Response = refusal if refusal is not None else await call_next(request)
        answer.headers.update(_HEADERS)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(_PAGE_FOLDER / "index.html")

    @app.get("/api/state")
    def read_state() -> dict[str, Any]:
        return state()

    @app.get("/cameras/{camera_id}/picture.jpg")
    def picture(camera_id: str) -> Response:
        try:
            jpeg = picture_of(camera_id)
        except KeyError:
            return JSONResponse({"detail": f"no camera is called {camera_id}"}, status_code=404)
        if jpeg is None:
            return JSONResponse({"detail": "the camera sends nothing"}, status_code=503)
        return Response(jpeg, media_type="image/jpeg")

    @app.post("/api/wishes")
    def press(wish: Wish) -> Response:
        try:
            return JSONResponse({"words": wishes.ask(wish)})
        except WishRefused as refused:
            return JSONResponse({"detail": str(refused)}, status_code=409)

    app.mount("/page", StaticFiles(directory=_PAGE_FOLDER), name="page")
    return app


def _refusal(request: Request) -> JSONResponse | None:
    """A page of another site, which a browser on this machine may show, reaches neither state nor buttons."""
    if (request.url.hostname or "") not in _LOOPBACK_NAMES:
        return JSONResponse({"detail": "the panel answers to localhost only"}, status_code=421)
    if request.method not in {"GET", "HEAD", "POST"}:
        return JSONResponse({"detail": "not here"}, status_code=405)
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or (request.headers.get("sec-fetch-site") in {"cross-site", "same-site"} and not _is_a_link(request)):
        return JSONResponse({"detail": "a page of another site may not use the panel"}, status_code=403)
    return None


def _is_a_link(request: Request) -> bool:
    """Somebody followed a link to the page itself; it may not be framed, so nobody is tricked into pressing."""
    return (
        request.method == "GET"
        and request.url.path == "/"
        and request.headers.get("sec-fetch-mode") == "navigate"
        and request.headers.get("sec-fetch-dest") == "document"
    )


class PanelServer:
    """Serves the panel on loopback from a thread of its own, as a context manager.

    Entering it raises DemoError where the port is taken.
    """

    def __init__(self, app: FastAPI, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            taken = socket.create_server(("127.0.0.1", self._port))
        except OSError as error:
            raise DemoError(
                f"port {self._port} for the store's page cannot be had ({error}); --port 0 takes any free one"
            ) from error
        # Signals belong to the demo, which closes everything in order.
        self._thread = threading.Thread(target=self._server.run, args=([taken],), name="panel", daemon=True)
        self._thread.start()
        deadline_s = time.monotonic() + _START_PATIENCE_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline_s:
                raise DemoError(f"the store's page on port {self._port} did not start")
            time.sleep(0.02)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_START_PATIENCE_S)
