# SPDX-License-Identifier: AGPL-3.0-or-later
"""Book inventory: CSV files and a till's stream in, positions out."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine, func, select
from starlette.concurrency import run_in_threadpool

from server import tables
from server.api_session import EngineOf, SettingsOf
from server.book_cells import decimal_of_micros
from server.book_files import unpacked
from server.book_layout import Reading
from server.book_lines import Books, BooksError
from server.books import read_books, read_items
from server.database import reading, writing
from server.movements import take_books
from server.replies import BookPosition, BooksFaultReply, BooksRefused, BooksTaken, ProductReply

router = APIRouter(tags=["books"])

_REFUSED: dict[int | str, dict[str, Any]] = {422: {"model": BooksRefused}}
_BOOKS_TYPES = ("text/csv", "application/json", "application/x-ndjson")
_BOOKS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "sku,kind,units,occurred_at,reference\n"},
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
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


@router.get("/products")
def get_products(
    engine: EngineOf,
    after_sku: Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[ProductReply]:
    """What is known of the products, by SKU; page on with `after_sku`."""
    product = tables.product.c
    query = select(tables.product).where(product.sku > after_sku).order_by(product.sku).limit(limit)
    with reading(engine) as connection:
        return [_product(dict(row)) for row in connection.execute(query).mappings()]


def _product(row: dict[str, Any]) -> ProductReply:
    for name in ("cost", "price"):
        micros = row.pop(f"{name}_micros")
        row[name] = None if micros is None else decimal_of_micros(micros)
    return ProductReply.model_validate(row)


@router.post("/books", response_model=BooksTaken, responses=_REFUSED, openapi_extra=_BOOKS_BODY)
async def post_books(
    request: Request,
    engine: EngineOf,
    settings: SettingsOf,
    *,
    dry_run: bool = False,
    source: Annotated[str, Query(max_length=100, pattern=r"^[\w .-]*$")] = "upload",
) -> Any:
    """Take a file of movements, products or days of sales; all of it or, when a line is wrong, none."""
    if request.headers.get("content-type", "").partition(";")[0].strip() not in _BOOKS_TYPES:
        raise HTTPException(415, f"send the file itself with Content-Type: {' or '.join(_BOOKS_TYPES)}")
    content = await request.body()
    now = datetime.now(UTC)

    def settle() -> Any:
        try:
            reading_now = Reading(now, zone=settings.judge.zone_info)
            books = read_books(unpacked(content, source), source=source, reading=reading_now)
            return take(engine, books, now, dry_run=dry_run)
        except BooksError as error:
            return refused(error)

    return await run_in_threadpool(settle)


@router.post("/movements", response_model=BooksTaken, responses=_REFUSED)
def post_movements(items: Annotated[list[MovementItem], Field(max_length=10_000)], engine: EngineOf) -> Any:
    """Append a till's lines; all of them or, when one is wrong, none."""
    now = datetime.now(UTC)
    try:
        lines = read_items([item.model_dump() for item in items], source="movements", now=now)
        return take(engine, Books("movements", movements=lines), now, dry_run=False)
    except BooksError as error:
        return refused(error)


def take(engine: Engine, books: Books, now: datetime, *, dry_run: bool) -> BooksTaken:
    """Take them in one transaction. Raises BooksError; nothing is written then."""
    with writing(engine) as connection:
        taken = take_books(connection, books, now=now)
        if dry_run:
            connection.rollback()
    return BooksTaken(**asdict(taken), dry_run=dry_run)


def refused(error: BooksError) -> JSONResponse:
    """The answer that names every fault."""
    count = len(error.faults)
    answer = BooksRefused(
        detail=f"{count} fault{'s' if count != 1 else ''}; nothing was written",
        faults=[
            BooksFaultReply(source=fault.source, line=fault.line, field=fault.field, reason=fault.reason)
            for fault in error.faults[:_FAULTS_SHOWN_COUNT]
        ],
    )
    return JSONResponse(answer.model_dump(), status_code=422)
