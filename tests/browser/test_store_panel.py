# SPDX-License-Identifier: AGPL-3.0-or-later
"""A visitor plays with the virtual store on its page, in a real browser, and the true system answers."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

PATIENCE_MS = 60_000
QUIET_SCENARIO = """
title = "Nothing happens by itself"
happens = "A shop before its first customer."
expected = "Nothing is said until a visitor does something."
store = "corner"
begins_at = 03:00:00
lasts = "3h"
speed = 1.0
"""


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo in which nothing happens by itself; the address of its page."""
    folder = tmp_path_factory.mktemp("panel")
    scenario, log = folder / "quiet.toml", folder / "demo.log"
    scenario.write_text(QUIET_SCENARIO)
    with log.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "facings", "demo", "--port", "0", "--scenario", str(scenario)],
            stdout=out,
            stderr=out,
        )
    deadline_s = time.monotonic() + 180
    while "zones are counted" not in log.read_text():
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.3)
    found = re.search(r"The store is open: (http://127\.0\.0\.1:\d+)", log.read_text())
    assert found is not None, log.read_text()
    yield found[1]
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 0, log.read_text()


@pytest.fixture
def visit(store_url: str, browser: Browser) -> Iterator[Page]:
    """The store's page on a desk; fails the test when the page logs an error or breaks its own content rules."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
    page.goto(store_url)
    yield page
    page.close()
    assert complaints == []


def zone(page: Page, zone_id: str) -> Locator:
    return page.locator(f".zone[data-zone='{zone_id}']")


def open_alerts(page: Page) -> Locator:
    return page.locator("#alerts .alert:not(.closed)")


def stock_alerts(page: Page) -> list[str]:
    """The headlines of what is said of shelves, once the books' own error of this store is among them."""
    expect(open_alerts(page).filter(has_text="More Ground coffee")).to_have_count(1, timeout=PATIENCE_MS)
    return open_alerts(page).filter(has_not_text="Camera").locator("h3").all_inner_texts()


def test_every_shelf_shows_its_picture_and_its_counts(visit: Page) -> None:
    expect(visit.locator("#score")).to_contain_text("12 zones counted right", timeout=PATIENCE_MS)
    for picture in visit.locator(".view img").all():
        assert picture.evaluate("img => img.complete && img.naturalWidth > 100")


def test_a_visitor_steals_the_cola_and_the_system_says_where_to_walk(visit: Page) -> None:
    zone(visit, "cola").click()
    expect(visit.locator("#zone")).to_contain_text("Really in the back")
    visit.get_by_role("button", name="Buy all").click()
    visit.get_by_role("button", name="Close").click()
    expect(visit.locator("#alerts")).to_contain_text("Cola", timeout=PATIENCE_MS)
    expect(zone(visit, "cola").locator("text")).to_have_text("0 → 0", timeout=PATIENCE_MS)
    zone(visit, "cola").click()
    visit.get_by_role("button", name="Restock").click()
    visit.get_by_role("button", name="Close").click()
    expect(open_alerts(visit).filter(has_text="Cola")).to_have_count(0, timeout=PATIENCE_MS)


def test_a_covered_camera_knows_nothing_and_accuses_no_shelf(visit: Page) -> None:
    bay = visit.locator("[data-bay='breakfast']")
    expect(bay.locator(".zone.unknown")).to_have_count(0, timeout=PATIENCE_MS)
    about_stock = stock_alerts(visit)
    bay.get_by_role("button", name="Cover it").click()
    expect(bay.locator(".zone.unknown")).to_have_count(6, timeout=PATIENCE_MS)
    expect(open_alerts(visit).filter(has_text="cam-breakfast")).to_have_count(1, timeout=PATIENCE_MS)
    assert stock_alerts(visit) == about_stock
    bay.get_by_role("button", name="Mend").click()
    expect(bay.locator(".zone.unknown")).to_have_count(0, timeout=PATIENCE_MS)


def test_a_bumped_camera_is_told_as_moved_and_accuses_no_shelf(visit: Page) -> None:
    bay = visit.locator("[data-bay='drinks']")
    expect(bay.locator(".zone.unknown")).to_have_count(0, timeout=PATIENCE_MS)
    about_stock = stock_alerts(visit)
    bay.get_by_role("button", name="Bump it").click()
    expect(open_alerts(visit).filter(has_text="cam-drinks")).to_have_count(1, timeout=PATIENCE_MS)
    expect(zone(visit, "water").locator("title")).to_contain_text("the camera moved", timeout=PATIENCE_MS)
    assert stock_alerts(visit) == about_stock
    bay.get_by_role("button", name="Mend").click()
    expect(bay.locator(".zone.unknown")).to_have_count(0, timeout=PATIENCE_MS)


def test_a_node_without_power_is_missed_and_comes_back(visit: Page) -> None:
    visit.get_by_role("button", name="Cut the power of node node-drinks").click()
    expect(visit.locator("#alerts")).to_contain_text("node-drinks", timeout=PATIENCE_MS)
    visit.get_by_role("button", name="Give node node-drinks power again").click()
    expect(visit.locator("[data-bay='drinks'] .zone.unknown")).to_have_count(0, timeout=PATIENCE_MS)


def test_the_speed_is_the_visitors_to_choose(visit: Page) -> None:
    stop = visit.get_by_role("button", name="Stop")
    stop.click()
    expect(stop).to_have_attribute("aria-pressed", "true")
    before = visit.locator("#clock").inner_text()
    visit.wait_for_timeout(2500)
    assert visit.locator("#clock").inner_text() == before
    visit.locator("[data-speed='1']").click()


def test_pages_of_other_sites_cannot_press_buttons(store_url: str) -> None:
    wish = {"act": "steal", "target": "tea", "units": 5}
    foreign = httpx.post(f"{store_url}/api/wishes", json=wish, headers={"Origin": "http://example.org"})
    assert foreign.status_code == 403
    renamed = httpx.get(f"{store_url}/api/state", headers={"Host": "example.org"})
    assert renamed.status_code == 421


def test_nonsense_is_refused_in_words(store_url: str) -> None:
    for wish, status in (
        ({"act": "steal", "target": "no-such-zone"}, 409),
        ({"act": "explode", "target": "cola"}, 422),
        ({"act": "power_cut", "target": "the-moon"}, 409),
    ):
        answer = httpx.post(f"{store_url}/api/wishes", json=wish, timeout=30)
        assert answer.status_code == status
        assert answer.json()["detail"]
