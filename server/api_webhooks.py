# SPDX-License-Identifier: AGPL-3.0-or-later
"""A till's stream of sales, each request signed. The only door that a till's secret opens, and it opens no other."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from server.api_books import refused, take
from server.api_session import EngineOf
from server.book_lines import BooksError
from server.config import HubSettings
from server.replies import BooksRefused, BooksTaken, Problem
from server.till_lines import till_books
from server.webhook_signature import SignatureRefused, check_signature

router = APIRouter(tags=["books"])

WEBHOOKS_FOLDER = "/api/v1/webhooks/"
_ANSWERS: dict[int | str, dict[str, Any]] = {401: {"model": Problem}, 422: {"model": BooksRefused}}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/MovementItem"}},
            }
        },
    }
}


def webhook_secrets(settings: HubSettings) -> dict[str, tuple[bytes, ...]]:
    """Secrets by source. Raises SettingsError when one cannot be read or is too weak."""
    return {item.source: item.secrets() for item in settings.books.webhooks}


@router.post("/webhooks/{source}", response_model=BooksTaken, responses=_ANSWERS, openapi_extra=_BODY)
async def post_webhook(
    source: str,
    request: Request,
    engine: EngineOf,
    timestamp: Annotated[str, Header(alias="Facings-Timestamp")] = "",
    signatures: Annotated[str, Header(alias="Facings-Signature")] = "",
) -> Any:
    """Append the sales and returns of a till; all of them or, when a line is wrong, none."""
    body = await request.body()
    now = datetime.now(UTC)
    secrets = request.app.state.webhook_secrets.get(source)
    try:
        check_signature(secrets, timestamp=timestamp, signatures=signatures, body=body, now=now)
    except SignatureRefused as refusal:
        return JSONResponse({"detail": f"the request {refusal}"}, status_code=401)

    def settle() -> Any:
        try:
            return take(engine, till_books(body, source=source, now=now), now, dry_run=False)
        except BooksError as error:
            return refused(error)

    return await run_in_threadpool(settle)
