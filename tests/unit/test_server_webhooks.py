# SPDX-License-Identifier: AGPL-3.0-or-later
"""A till sends what it sells: signed, in its own name, within minutes, and counted once."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from server.api import create_app
from server.books_settings import BooksSettings, WatchedFolder, WebhookSource
from server.config import HubSettings
from server.database import open_engine
from server.errors import SettingsError
from server.webhook_signature import REPLAY_WINDOW_S, SignatureRefused, check_signature, signature

SECRET, OLD_SECRET = b"new-secret-of-the-till-0123456789", b"old-secret-of-the-till-0123456789"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LINE = {"sku": "TEA", "kind": "sale", "units": 2, "occurred_at": "2026-01-01T00:00:00Z", "reference": "77-1"}


def headers_of(body: bytes, *, secret: bytes = SECRET, at_s: float | None = None) -> dict[str, str]:
    """As a till's author would write it from the documentation, without our code."""
    timestamp = str(int(time.time() if at_s is None else at_s))
    digest = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Facings-Timestamp": timestamp, "Facings-Signature": f"v1={digest}", "Content-Type": "application/json"}


@pytest.fixture
def client(till_api: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=till_api.url, timeout=20) as opened:
        yield opened


def send(client: httpx.Client, items: Any, *, source: str = "till-1", **how: Any) -> httpx.Response:
    body = json.dumps(items).encode()
    return client.post(f"/api/v1/webhooks/{source}", content=body, headers=headers_of(body, **how))


def test_a_tills_stream_counts_once_and_opens_no_other_door(client: httpx.Client) -> None:
    token = {"Authorization": "Bearer 0123456789abcdef"}
    back = {**LINE, "kind": "return", "units": 1, "reference": "78-1"}
    assert send(client, [LINE, back]).json()["new_count"] == 2
    assert send(client, [LINE], secret=OLD_SECRET).json()["repeated_count"] == 1
    (tea,) = client.get("/api/v1/books", headers=token).json()
    assert (tea["units"], tea["source"]) == (-1, "webhook till-1")
    # the till's day file, brought by hand after an outage, knows the same lines by the same name
    file = "sku,kind,units,occurred_at,reference\nTEA,sale,2,2026-01-01T00:00:00Z,till-1/77-1\n"
    answer = client.post("/api/v1/books", content=file, headers={**token, "Content-Type": "text/csv"})
    assert answer.json()["repeated_count"] == 1
    assert client.get("/api/v1/books", headers=headers_of(b"")).status_code == 401

    body = json.dumps([LINE]).encode()
    signed = headers_of(body)
    stale = headers_of(body, at_s=time.time() - REPLAY_WINDOW_S - 60)
    strangers: list[tuple[str, bytes, dict[str, str], str]] = [
        ("till-1", body, {}, "not signed"),
        ("till-2", body, signed, "not signed"),
        ("till-1", body.replace(b"2", b"9"), signed, "not signed"),
        ("till-1", body, headers_of(body, secret=b"0" * 32), "not signed"),
        ("till-1", body, {**signed, "Facings-Timestamp": "1e9"}, "not signed"),
        ("till-1", body, {**signed, "Facings-Signature": signed["Facings-Signature"].upper()}, "not signed"),
        ("till-1", body, {**signed, "Facings-Signature": "\u00e4"}, "not signed"),
        ("till-1", body, stale, "by the hub's clock"),
    ]
    for source, content, headers, words in strangers:
        raw = {name.encode(): text.encode("latin-1") for name, text in headers.items()}
        refused = client.post(f"/api/v1/webhooks/{source}", content=content, headers=raw)
        assert (refused.status_code, words in refused.json()["detail"]) == (401, True), (source, headers)
    caller = HTTPConnection(client.base_url.host, client.base_url.port, timeout=20)
    caller.putrequest("POST", "/api/v1/webhooks/till-1")
    caller.putheader("Content-Length", "2000000")
    caller.endheaders()
    assert caller.getresponse().status == 413  # before a single byte of it was read
    caller.close()

    wrong = [LINE, {**LINE, "kind": "receipt"}, {**LINE, "reference": ""}, {**LINE, "units": 0.5}, {"sku": "TEA"}]
    refused = send(client, wrong)
    assert refused.status_code == 422
    assert [(fault["line"], fault["field"]) for fault in refused.json()["faults"]] == [
        (2, "kind"),
        (3, "reference"),
        (4, "units"),
        (5, "kind"),
        (5, "units"),
        (5, "occurred_at"),
    ]
    assert client.get("/api/v1/books", headers=token).json()[0]["units"] == -1


def test_products_and_json_over_rest(client: httpx.Client) -> None:
    token = {"Authorization": "Bearer 0123456789abcdef", "Content-Type": "application/json"}
    body = '[{"sku": "TEA", "gtin": "4006381333931", "price": 1.99, "cost": "0.8375", "supplier": "Müller"}]'
    taken = client.post("/api/v1/books", content=body.encode(), headers=token).json()
    assert taken["products_stated_count"] == 1
    (tea,) = client.get("/api/v1/products", headers=token).json()
    assert (tea["gtin"], tea["price"], tea["cost"], tea["shelf_life_days"]) == (
        "04006381333931",
        "1.99",
        "0.8375",
        None,
    )
    count = '[{"sku": "TEA", "kind": "hand_count", "units": 7, "occurred_at": "2026-01-01T00:00:00Z"}]'
    dry = client.post("/api/v1/books?dry_run=true", content=count.encode(), headers=token)
    assert dry.json()["new_count"] == 1
    assert client.get("/api/v1/books", headers=token).json() == []
    client.post("/api/v1/books", content=count.encode(), headers=token).raise_for_status()
    (book,) = client.get("/api/v1/books", headers=token).json()
    assert (book["units"], book["last_count_at"]) == (7, "2026-01-01T00:00:00Z")


@given(body=st.binary(max_size=60), away_s=st.integers(-1000, 1000))
def test_the_window_is_as_wide_as_it_says_on_both_sides(body: bytes, away_s: int) -> None:
    timestamp = str(int(NOW.timestamp()))
    shown = f"v1=00, {signature(SECRET, timestamp, body)}"
    now = NOW + timedelta(seconds=away_s)
    if abs(away_s) <= REPLAY_WINDOW_S:
        check_signature([SECRET], timestamp=timestamp, signatures=shown, body=body, now=now)
    else:
        with pytest.raises(SignatureRefused, match="clock"):
            check_signature([SECRET], timestamp=timestamp, signatures=shown, body=body, now=now)


@given(signatures=st.text(max_size=200), timestamp=st.text(max_size=14))
def test_no_header_breaks_the_check(signatures: str, timestamp: str) -> None:
    for secrets in ([SECRET], None):
        with pytest.raises(SignatureRefused):
            check_signature(secrets, timestamp=timestamp, signatures=signatures, body=b"[]", now=NOW)


def test_nobody_can_sign_for_a_source_without_a_secret() -> None:
    timestamp = str(int(NOW.timestamp()))
    for guess in (b"", b"\0" * 32):
        shown = signature(guess, timestamp, b"[]")
        with pytest.raises(SignatureRefused):
            check_signature(None, timestamp=timestamp, signatures=shown, body=b"[]", now=NOW)


@pytest.mark.parametrize("content", [None, "", "short\n", "a" * 40 + "\n" + "b" * 40 + "\n" + "c" * 40 + "\n"])
def test_a_secret_has_no_default_and_no_weak_one(tmp_path: Path, content: str | None) -> None:
    secret_file = tmp_path / "secret"
    if content is not None:
        secret_file.write_text(content)
    books = BooksSettings(webhooks=(WebhookSource(source="till-1", secret_file=secret_file),))
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    with pytest.raises(SettingsError, match="till-1"):
        create_app(HubSettings(books=books), engine)
    engine.dispose()


def test_sources_and_folders_are_named_once(tmp_path: Path) -> None:
    till = WebhookSource(source="till-1", secret_file=tmp_path)
    with pytest.raises(ValidationError, match="twice: till-1"):
        BooksSettings(webhooks=(till, till))
    with pytest.raises(ValidationError, match="twice"):
        BooksSettings(watched=(WatchedFolder(folder=tmp_path), WatchedFolder(folder=tmp_path, settle_s=9)))
    with pytest.raises(ValidationError, match="pattern"):
        WebhookSource(source="../x", secret_file=tmp_path)
