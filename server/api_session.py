# SPDX-License-Identifier: AGPL-3.0-or-later
"""`/api/v1/session`: trade the token for a cookie, so that the page asks for it once."""

import time
from collections import deque
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import Engine

from server.config import HubSettings
from server.gate import COOKIE_NAME, same_secret, session_value
from server.replies import Problem

router = APIRouter(tags=["session"])

_COOKIE_LIFE_S = 30 * 24 * 3600
_WINDOW_S, _FAILURES_COUNT = 60.0, 10

_failures_s: deque[float] = deque(maxlen=_FAILURES_COUNT)


def engine_of(request: Request) -> Engine:
    """The application's database."""
    engine: Engine = request.app.state.engine
    return engine


def settings_of(request: Request) -> HubSettings:
    """The application's settings."""
    settings: HubSettings = request.app.state.settings
    return settings


EngineOf = Annotated[Engine, Depends(engine_of)]
SettingsOf = Annotated[HubSettings, Depends(settings_of)]


class TokenShown(BaseModel):
    """The token, once."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[SecretStr, Field(max_length=1000)]


@router.post("/session", status_code=204, responses={401: {"model": Problem}, 429: {"model": Problem}})
def begin_session(shown: TokenShown, request: Request, response: Response, settings: SettingsOf) -> None:
    """Set the cookie that stands for the token."""
    if settings.api_token is None:
        return
    now_s = time.monotonic()
    if len(_failures_s) == _FAILURES_COUNT and now_s - _failures_s[0] < _WINDOW_S:
        raise HTTPException(429, "too many wrong tokens; wait a minute")
    expected = settings.api_token.get_secret_value()
    if not same_secret(shown.token.get_secret_value(), expected):
        _failures_s.append(now_s)
        raise HTTPException(401, "this is not the hub's token")
    response.set_cookie(
        COOKIE_NAME,
        session_value(expected),
        max_age=_COOKIE_LIFE_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


@router.delete("/session", status_code=204)
def end_session(response: Response) -> None:
    """Forget the cookie."""
    response.delete_cookie(COOKIE_NAME, httponly=True, samesite="strict")
