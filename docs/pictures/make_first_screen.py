# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes first-screen.png, the picture of the README, from a run of the demo.

Call: .venv/bin/python docs/pictures/make_first_screen.py
"""

import io
import subprocess
import sys
import time
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

PORT = 8399
STORE_STATE = f"http://127.0.0.1:{PORT}/api/state"
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE_WH_PX = (390, 844)
PICTURE_HEIGHT_PX = 844
MARGIN_PX = 24
WANTED_KINDS = {"restock_from_back", "out_of_stock"}


def wait_for_alerts() -> str:
    """Until the demo shows the alerts that the picture tells of, and a picture of the shelf after them; the hub's address."""
    deadline_s = time.monotonic() + 150
    while time.monotonic() < deadline_s:
        try:
            hub_url: str = httpx.get(STORE_STATE).json()["hub_url"]
            kinds = {alert["kind"] for alert in httpx.get(f"{hub_url}/api/v1/alerts?state=open").json()}
        except httpx.TransportError:
            kinds = set()
        if kinds >= WANTED_KINDS:
            time.sleep(6)
            return hub_url
        time.sleep(0.5)
    raise SystemExit("the demo did not show its alerts in time")


def shelf_picture(hub_url: str, camera_id: str) -> Image.Image:
    """The newest annotated picture that the node sent of that camera's shelf."""
    shelves = httpx.get(f"{hub_url}/api/v1/shelves").json()["shelves"]
    picture_id = next(shelf["picture_id"] for shelf in shelves if shelf["camera_id"] == camera_id)
    return Image.open(io.BytesIO(httpx.get(f"{hub_url}/api/v1/pictures/{picture_id}").content)).convert("RGB")


def phone_screen(hub_url: str) -> Image.Image:
    """The manager's page as a phone shows it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_OPTIONS)
        width, height = PHONE_WH_PX
        page = browser.new_page(viewport={"width": width, "height": height}, is_mobile=True, has_touch=True)
        page.goto(hub_url)
        page.wait_for_selector("text=Worth a walk")
        time.sleep(2)
        shot = page.screenshot()
        browser.close()
    return Image.open(io.BytesIO(shot)).convert("RGB")


def main() -> None:
    """Run the demo, take both pictures, put them side by side."""
    demo = subprocess.Popen([sys.executable, "-m", "facings", "demo", "--port", str(PORT)])
    try:
        hub_url = wait_for_alerts()
        shelf, phone = shelf_picture(hub_url, "cam-drinks"), phone_screen(hub_url)
    finally:
        demo.terminate()
        demo.wait()
    height = PICTURE_HEIGHT_PX
    shelf = shelf.resize((round(shelf.width * height / shelf.height), height))
    whole = Image.new("RGB", (shelf.width + phone.width + 3 * MARGIN_PX, height + 2 * MARGIN_PX), "white")
    whole.paste(shelf, (MARGIN_PX, MARGIN_PX))
    whole.paste(phone, (shelf.width + 2 * MARGIN_PX, MARGIN_PX))
    whole.quantize(256).save(Path(__file__).with_name("first-screen.png"), optimize=True)


if __name__ == "__main__":
    main()
