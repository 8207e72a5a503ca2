# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page in a real browser on a phone: live, fit to act on, and never passing off the unknown as known."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from contract.counts import UnknownReason

JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc0000b080001000101011100ffc4"
    "00140001000000000000000000000000000000000000ffc40014100100000000000000000000000000000000ffda0008010100003f0037ffd9"
)
SLOW_MS = 40_000


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=SLOW_MS)


def tea(page: Page) -> Any:
    return page.locator('[data-zone="c1-tea"]')


def test_counts_and_alerts_appear_by_themselves(hub: Any, shelf_node: Any, planned: Any, phone: Page) -> None:
    planned(hub)
    phone.goto(hub.url)
    expect(tea(phone).locator(".count")).to_have_text("? / 6")
    shelf_node.look(tea=5, rice=4)
    expect(tea(phone).locator(".count")).to_have_text("5 / 6")
    expect(tea(phone)).to_contain_text("1 missing · books: 40")
    expect(phone.locator("#alerts")).to_contain_text("Nothing is worth a walk")
    with looking(shelf_node, tea=0, rice=4):
        expect(tea(phone).locator(".chip")).to_have_text("Empty")
        expect(phone.locator(".alert h3")).to_contain_text("Green tea")
    with looking(shelf_node, tea=6, rice=4):
        expect(phone.locator(".alert")).to_have_count(0)
        expect(phone.locator("#closed li").first).to_contain_text("Green tea")


def test_a_person_takes_an_alert_on_and_answers(hub: Any, shelf_node: Any, planned: Any, phone: Page) -> None:
    planned(hub)
    phone.goto(hub.url)
    with looking(shelf_node, tea=0, rice=4):
        button = phone.get_by_role("button", name="I take it")
        button.first.tap()
        phone.get_by_label("Your name").fill("Ana")
        phone.locator("#name-form").get_by_role("button", name="I take it").tap()
        expect(phone.locator(".taken")).to_contain_text("Taken by Ana")
        phone.get_by_role("button", name="None in the back").tap()
        # The answer changes the cause: what was to be fetched from the back is now only in the books.
        expect(phone.locator(".alert .chip")).to_contain_text("Only in the books")
    answers = {
        alert["kind"]: (alert["acknowledged_by"], alert["answer"])
        for alert in hub.client.get("/api/v1/alerts", params={"sku": "TEA"}).json()
    }
    assert answers["restock_from_back"] == ("Ana", "none_in_back")


def test_the_link_of_a_notice_leads_to_its_alert(hub: Any, shelf_node: Any, planned: Any, phone: Page) -> None:
    planned(hub)
    with looking(shelf_node, tea=0, rice=0):
        phone.goto(hub.url)
        expect(phone.locator(".alert")).to_have_count(2)
        last = phone.locator(".alert").last.get_attribute("id")
        phone.goto(f"{hub.url}/?again#{last}")
        expect(phone.locator(f"#{last}")).to_be_in_viewport()


def test_what_is_not_seen_is_a_question_mark_and_an_old_picture_says_so(
    hub: Any, shelf_node: Any, planned: Any, phone: Page
) -> None:
    planned(hub)
    phone.goto(hub.url)
    shelf_node.show(JPEG)
    shelf_node.look(tea=5, rice=None)
    rice = phone.locator('[data-zone="c1-rice"]')
    expect(rice.locator(".count")).to_have_text("? / 6")
    expect(rice).to_contain_text("something is in front")
    expect(phone.locator(".shelf figure.dead")).to_have_count(0)
    shelf_node.look(tea=None, rice=None, view_reason=UnknownReason.BLACK)
    expect(tea(phone).locator(".count")).to_have_text("? / 6")
    expect(tea(phone)).to_contain_text("picture is black")
    expect(tea(phone).locator(".pips")).to_have_count(0)
    expect(phone.locator(".shelf figure.dead .over")).to_contain_text("Old picture")


def test_a_hub_that_falls_silent_is_told_from_a_quiet_shop(
    hub: Any, shelf_node: Any, planned: Any, phone: Page
) -> None:
    planned(hub)
    phone.goto(hub.url)
    shelf_node.look(tea=5, rice=4)
    expect(phone.locator("#link")).to_have_text("live")
    hub.stop()
    expect(phone.locator("#link")).to_have_text("no word from the hub")
    expect(phone.locator("#banner")).to_contain_text("What you see is from")
    hub.start()
    expect(phone.locator("#link")).to_have_text("live")
    expect(phone.locator("#banner")).to_be_hidden()


def test_markup_in_names_stays_text(hub: Any, shelf_node: Any, planned: Any, phone: Page) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    planned(hub, tea_name=hostile)
    phone.goto(hub.url)
    with looking(shelf_node, tea=0, rice=4):
        expect(phone.locator(".alert h3")).to_contain_text("<img src=x")
    expect(tea(phone).locator(".name")).to_have_text(hostile)
    assert phone.locator('img[src="x"]').count() == 0
    assert "owned" not in phone.title()


def test_a_phone_sees_all_of_it_and_hits_the_buttons(hub: Any, shelf_node: Any, planned: Any, phone: Page) -> None:
    planned(hub, tea_name="Averyveryveryveryveryverylongproductnamewithoutanyspace " * 3)
    phone.goto(hub.url)
    with looking(shelf_node, tea=0, rice=4):
        expect(phone.locator(".alert")).to_have_count(1)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    for button in phone.locator("button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    assert phone.evaluate("performance.getEntriesByType('resource').every(e => e.name.startsWith(location.origin))")


def test_a_locked_hub_asks_once(locked_hub: Any, planned: Callable[..., None], phone: Page) -> None:
    planned(locked_hub)
    phone.goto(locked_hub.url)
    phone.get_by_label("Token of the hub").fill("wrong-wrong-wrong")
    phone.get_by_role("button", name="Open").tap()
    expect(phone.locator("#token-fault")).to_contain_text("not the hub's token")
    phone.get_by_label("Token of the hub").fill("0123456789abcdef")
    phone.get_by_role("button", name="Open").tap()
    expect(tea(phone)).to_be_visible()
    phone.reload()
    expect(tea(phone)).to_be_visible()
    assert phone.evaluate("document.cookie") == ""


@contextmanager
def looking(node: Any, **counts: Any) -> Iterator[None]:
    """Keep reporting the same while the test waits, as a node does."""
    done = threading.Event()

    def report() -> None:
        while not done.is_set():
            node.look(**counts)
            done.wait(0.5)

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=5)
