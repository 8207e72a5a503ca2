# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hub's HTTP side: `/api/v1`, the page, health and metrics. Holds no state: any number of workers may serve it."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, SQLAlchemyError

from server import (
    api_alerts,
    api_books,
    api_events,
    api_health,
    api_nodes,
    api_session,
    api_shelves,
    api_webhooks,
)
from server.books import MAX_FILE_BYTES
from server.config import HubSettings
from server.errors import ConflictError, DesiredConfigError, HubError, NotFoundError, PlanogramError
from server.gate import Gate

_PAGE_FOLDER = Path(__file__).parent / "page"
_STATUS_CODES: dict[type[HubError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    PlanogramError: 409,
    DesiredConfigError: 422,
}


def create_app(settings: HubSettings, engine: Engine) -> FastAPI:
    """The application on a migrated database. Raises SettingsError when a webhook's secret cannot be used."""
    app = FastAPI(
        title="Facings hub",
        version="1",
        description="Shelves, counts, books and alerts of one shop.",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.engine = engine
    app.state.webhook_secrets = api_webhooks.webhook_secrets(settings)
    parts = (api_session, api_shelves, api_alerts, api_nodes, api_books, api_webhooks, api_events)
    for router in [part.router for part in parts]:
        app.include_router(router, prefix="/api/v1")
    app.include_router(api_health.router)
    app.mount("/page", StaticFiles(directory=_PAGE_FOLDER), name="page")
    app.add_api_route("/", _page, include_in_schema=False)
    app.add_exception_handler(HubError, _hub_error)
    app.add_exception_handler(SQLAlchemyError, _database_error)
    token = settings.api_token.get_secret_value() if settings.api_token else None
    limits_bytes = dict.fromkeys(("/api/v1/books", "/api/v1/movements"), MAX_FILE_BYTES)
    app.add_middleware(Gate, api_token=token, body_limits_bytes=limits_bytes)
    return app


async def _page() -> FileResponse:
    return FileResponse(_PAGE_FOLDER / "index.html", headers={"Cache-Control": "no-cache"})


async def _hub_error(_request: Request, error: Exception) -> JSONResponse:
    codes = [code for kind, code in _STATUS_CODES.items() if isinstance(error, kind)]
    return JSONResponse({"detail": str(error)}, status_code=codes[0] if codes else 400)


async def _database_error(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, DataError):
        return JSONResponse({"detail": "the request holds a value that the database cannot keep"}, status_code=422)
    answer: dict[str, Any] = {"detail": "the hub's database does not answer; nothing was changed, try again"}
    return JSONResponse(answer, status_code=503, headers={"Retry-After": "5"})
