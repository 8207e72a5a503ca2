# SPDX-License-Identifier: AGPL-3.0-or-later
"""Book inventory: CSV files and a till's stream in, positions out."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine, func, select
from starlette.concurrency import run_in_threadpool

from server import tables
from server.api_session import EngineOf
from server.books import read_csv, read_items
from server.database import reading, writing
from server.movements import BooksError, Movement, take_movements
from server.replies import BookPosition, BooksFaultReply, BooksRefused, BooksTaken

router = APIRouter(tags=["books"])

_REFUSED: dict[int | str, dict[str, Any]] = {422: {"model": BooksRefused}}
_CSV_BODY = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}, "example": "sku,kind,units,occurred_at,reference\n"}},
    }
}
_FAULTS_SHOWN_COUNT = 10_000


class MovementItem(BaseModel):
    """One line of a till's stream. `reference` must be unique for each line of a SKU: a repetition is not counted."""

    model_config = ConfigDict(extra="forbid")

    sku: str
    kind: str
    units: int
    occurred_at: str
    reference: str
    name: str | None = None


@router.get("/books")
def get_books(
    engine: EngineOf,
    after_sku: Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[BookPosition]:
    """What the books say, by SKU; page on with `after_sku`."""
    book = tables.book_latest.c
    query = (
        select(tables.book_latest, func.coalesce(tables.product.c.name, book.sku).label("name"))
        .outerjoin(tables.product, tables.product.c.sku == book.sku)
        .where(book.sku > after_sku)
        .order_by(book.sku)
        .limit(limit)
    )
    with reading(engine) as connection:
        return [BookPosition.model_validate(dict(row)) for row in connection.execute(query).mappings()]


@router.post("/books", response_model=BooksTaken, responses=_REFUSED, openapi_extra=_CSV_BODY)
async def post_books(
    request: Request,
    engine: EngineOf,
    *,
    dry_run: bool = False,
    source: Annotated[str, Query(max_length=100, pattern=r"^[\w .-]*$")] = "upload.csv",
) -> Any:
    """Append the movements of CSV text; all of it or, when a line is wrong, none. `dry_run` writes nothing."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "text/csv":
        raise HTTPException(415, "send the file itself with Content-Type: text/csv")
    content = await request.body()
    now = datetime.now(UTC)

    def take() -> Any:
        try:
            return _take(engine, read_csv(content, source=source, now=now), source, now, dry_run=dry_run)
        except BooksError as error:
            return _refused(error)

    return await run_in_threadpool(take)


@router.post("/movements", response_model=BooksTaken, responses=_REFUSED)
def post_movements(items: Annotated[list[MovementItem], Field(max_length=10_000)], engine: EngineOf) -> Any:
    """Append a till's lines; all of them or, when one is wrong, none."""
    now = datetime.now(UTC)
    try:
        lines = read_items([item.model_dump() for item in items], source="movements", now=now)
        return _take(engine, lines, "movements", now, dry_run=False)
    except BooksError as error:
        return _refused(error)


def _take(
    engine: Engine, lines: list[tuple[int, Movement]], source: str, now: datetime, *, dry_run: bool
) -> BooksTaken:
    with writing(engine) as connection:
        taken = take_movements(connection, lines, source=source, now=now)
        if dry_run:
            connection.rollback()
    return BooksTaken(
        new_count=taken.new_count,
        repeated_count=taken.repeated_count,
        products_named_count=taken.products_named_count,
        skus_count=taken.skus_count,
        dry_run=dry_run,
    )


def _refused(error: BooksError) -> JSONResponse:
    count = len(error.faults)
    refused = BooksRefused(
        detail=f"{count} fault{'s' if count != 1 else ''}; nothing was written",
        faults=[
            BooksFaultReply(source=fault.source, line=fault.line, field=fault.field, reason=fault.reason)
            for fault in error.faults[:_FAULTS_SHOWN_COUNT]
        ],
    )
    return JSONResponse(refused.model_dump(), status_code=422)
