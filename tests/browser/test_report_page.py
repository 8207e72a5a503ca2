# SPDX-License-Identifier: AGPL-3.0-or-later
"""The report page of a run on a phone, in light and dark."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from simulator.scoring.record import (
    AlertRow,
    Mode,
    RunRecord,
    Sight,
    SkuTruth,
    Transport,
    Trouble,
    ZonePlace,
    ZoneSample,
    ZoneTruth,
)
from simulator.scoring.report_page import report_page

OPENED_AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return OPENED_AT + timedelta(minutes=minutes)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Cola runs low for an hour and is told; tea is called low for nothing; a camera is covered meanwhile."""
    zones = [ZonePlace(name, name.upper(), "drinks", "cam-drinks", "node-drinks", 6, 2) for name in ("cola", "tea")]
    alerts = [
        AlertRow(
            f"a-{n}", "restock_from_back", "zone", zone, zone.upper(), (zone,), ("cam-drinks",), at(n), at(n + 60), "Go"
        )
        for zone, n in (("cola", 121), ("tea", 300))
    ]
    record = RunRecord(
        scenario="by-hand",
        store_id="corner",
        seed=1,
        mode=Mode.IN_PROCESS,
        sight=Sight.MODELLED,
        speed=0.0,
        opened_at=OPENED_AT,
        ended_at=at(600),
        open_spans=[(OPENED_AT, at(600))],
        sample_every_s=60.0,
        zones=zones,
        zone_truths=[
            *(ZoneTruth(at(0), zone.zone_id, 6, 6, 0, 0, 18) for zone in zones),
            ZoneTruth(at(120), "cola", 0, 0, 0, 0, 0),
            ZoneTruth(at(180), "cola", 6, 6, 0, 0, 18),
        ],
        sku_truths=[SkuTruth(at(0), zone.sku, 18, 12, 0, 30) for zone in zones],
        alerts=alerts,
        samples=[ZoneSample(at(n), zone.zone_id, "seen", 6.0) for n in range(1, 600) for zone in zones],
        troubles=[Trouble("cover", "cam-drinks", at(400), at(430), ("cam-drinks",))],
        transport=Transport(numbered_count=100, ledger_count=100),
    )
    path = tmp_path / "report.html"
    path.write_text(report_page(record, faults=["view_lost must open, but it never did"]), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_whole_report(phone: Page, report: Path, scheme: Literal["light", "dark"]) -> None:
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    phone.emulate_media(color_scheme=scheme)
    phone.goto(report.as_uri())
    expect(phone.get_by_role("heading", name="by-hand, seed 1")).to_be_visible()
    expect(phone.get_by_text("view_lost must open, but it never did")).to_be_visible()
    expect(phone.get_by_role("heading", name="Alerts that were not right: 1 of 2")).to_be_visible()
    expect(phone.locator("td", has_text="6 of 6 facings in tea (minimum 2)")).to_be_visible()
    expect(phone.get_by_role("heading", name="Events not told: 1")).to_be_visible()
    assert phone.locator(".s-said").count() >= 2, "every shelf has its reported line"
    assert phone.locator(".bar.wrong").count() == 1, "the wrong alert is a hollow bar"
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    ground, ink = phone.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (_lightness(ground) > _lightness(ink)) is (scheme == "light")
    assert asked == [report.as_uri()], "the page asks for nothing but itself"


def _lightness(css_colour: str) -> float:
    return sum(float(part) for part in css_colour.removeprefix("rgb(").removesuffix(")").split(","))
