# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every HTTP request passes before it meets the API: where it comes from, who it is, how much it brings.

With a token, a request shows it as `Authorization: Bearer ...` or as the cookie that `POST /api/v1/session` gave for
it. Without one the hub listens on loopback only, and the gate keeps pages of other sites, which a browser on this
machine may show, from reaching it.
"""

import hashlib
import hmac
import json
import re
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.config import is_loopback

COOKIE_NAME = "facings_session"
MAX_BODY_BYTES = 1024 * 1024
_OPEN_PATHS = frozenset({"/", "/healthz", "/openapi.json", "/api/v1/session"})
_OPEN_FOLDERS = ("/page/", "/api/v1/webhooks/")  # a till signs what it sends instead of showing the token
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """A request that goes no further."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def session_value(api_token: str) -> str:
    """What the cookie holds: proves knowledge of the token without being it, and ends when the token changes."""
    return hmac.new(api_token.encode(), b"facings session 1", hashlib.sha256).hexdigest()


def same_secret(shown: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(shown.encode(), expected.encode())


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, api_token: str | None, body_limits_bytes: dict[str, int]) -> None:
        self._app = app
        self._api_token = api_token
        self._body_limits_bytes = body_limits_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through with our headers on its answer, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, words in SECURITY_HEADERS.items():
                    headers.setdefault(name, words)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope)
        except Refusal as refusal:
            await _answer(refusal, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_origin(scope, headers)
        path = scope["path"]
        if path not in _OPEN_PATHS and not path.startswith(_OPEN_FOLDERS) and not self._is_known(headers):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "show the hub's token: Authorization: Bearer TOKEN")
        self._check_body(scope, headers)

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._api_token is None and not is_loopback(_split(f"//{host}").hostname or ""):
            raise Refusal(HTTPStatus.MISDIRECTED_REQUEST, "without a token the hub answers to localhost only")
        if scope["method"] in _SAFE_METHODS:
            return
        origin = headers.get("origin")
        foreign = origin is not None and _split(origin).netloc != host
        if foreign or headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            raise Refusal(HTTPStatus.FORBIDDEN, "a page of another site may not write to the hub")

    def _is_known(self, headers: Headers) -> bool:
        if self._api_token is None:
            return True
        kind, _, shown = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and same_secret(shown.strip(), self._api_token):
            return True
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE_NAME)
        except CookieError:
            return False
        return morsel is not None and same_secret(morsel.value, session_value(self._api_token))

    def _check_body(self, scope: Scope, headers: Headers) -> None:
        if scope["method"] in _SAFE_METHODS:
            return
        if "transfer-encoding" in headers:
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length; chunked bodies are not taken")
        limit_bytes = self._body_limits_bytes.get(scope["path"], MAX_BODY_BYTES)
        written = headers.get("content-length", "0")
        if not re.fullmatch(r"[0-9]{1,12}", written) or int(written) > limit_bytes:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {limit_bytes} bytes are taken here")


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Host or Origin is no address") from error


async def _answer(refusal: Refusal, send: Send) -> None:
    body = json.dumps({"detail": refusal.reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    # The body that was not read is still on its way; a kept connection would take it for the next request.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": int(refusal.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
