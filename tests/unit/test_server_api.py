# SPDX-License-Identifier: AGPL-3.0-or-later
"""The API over real HTTP on both databases: what a page, a till and an integrator see, and what a stranger does not."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, insert, select

from contract.counts import FacingsDistribution, SightState, UnknownReason, ZoneCount
from contract.reports import CountReport, ReportKey
from contract.status import NodeState, NodeStatus
from server import tables
from server.database import reading, writing
from server.heartbeat import beat
from server.ledger import store
from server.letters import DeadLetter, Letter, PictureLetter, ReportLetter, StatusLetter

BOOT = "a" * 32
TOKEN = "0123456789abcdef"  # noqa: S105 - of the fixture
JPEG = b"\xff\xd8\xff\xe0shelf\xff\xd9"


@pytest.fixture
def client(api: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, timeout=20) as opened:
        yield opened


def calibration_document(camera_id: str = "c1", product_name: str = "Green tea") -> dict[str, Any]:
    corners = [(0, 0), (1000, 0), (1000, 500), (0, 500)]
    return {
        "camera_id": camera_id,
        "image_wh_px": [1000, 500],
        "bay": {"bay_id": "bay-1", "name": "Tea and rice", "width_mm": 1000, "height_mm": 500},
        "points": [{"x_px": x, "y_px": 500 - y, "x_mm": x, "y_mm": y} for x, y in corners],
        "zones": [
            {
                "zone_id": f"{camera_id}-{sku.lower()}",
                "sku": sku,
                "product_name": name,
                "polygon_mm": [[left, 0], [left + 400, 0], [left + 400, 400], [left, 400]],
                "expected_facings_count": 6,
                "minimum_facings_count": 2,
                "depth_units_count": 4,
                "facing_width_mm": 60,
                "facing_height_mm": 150,
            }
            for sku, name, left in (("TEA", product_name, 50), ("RICE", "Rice", 500))
        ],
    }


def report(
    sequence: int, zones: dict[str, int | None], *, looked_at: datetime | None = None, view: str = "seen"
) -> ReportLetter:
    captured_at = looked_at or datetime.now(UTC)
    return ReportLetter(
        CountReport(
            node_id="n1",
            boot_id=BOOT,
            sequence=sequence,
            camera_id="c1",
            captured_at=captured_at,
            monotonic_s=float(sequence),
            model_id="m1",
            calibration_id="cal-0123456789abcdef",
            view=SightState(view),
            view_reason=None if view == "seen" else UnknownReason.BLACK,
            zones=tuple(
                ZoneCount(
                    zone_id=f"c1-{sku.lower()}",
                    sku=sku,
                    state=SightState.UNKNOWN if count is None else SightState.SEEN,
                    reason=UnknownReason.BLACK if count is None else None,
                    facings=None if count is None else FacingsDistribution.certain(count),
                )
                for sku, count in zones.items()
            ),
        ),
        max(captured_at, datetime.now(UTC)),
    )


def keep(engine: Engine, *letters: Letter) -> None:
    with writing(engine) as connection:
        store(connection, letters, pictures_per_camera_count=10)


def plan(client: httpx.Client, **changes: Any) -> None:
    client.put("/api/v1/cameras/c1/calibration", json=calibration_document(**changes)).raise_for_status()


def zones_of(client: httpx.Client) -> dict[str, dict[str, Any]]:
    shelves = client.get("/api/v1/shelves").raise_for_status().json()["shelves"]
    return {zone["sku"]: zone for shelf in shelves for zone in shelf["zones"]}


def open_alert(engine: Engine, alert_id: str = "f" * 32, place_id: str = "c1-tea") -> None:
    now = datetime.now(UTC)
    evidence = {"why": ["3 in the back"], "probability_fraction": 0.9, "figures": {}, "zone_ids": [], "camera_ids": []}
    with writing(engine) as connection:
        connection.execute(
            insert(tables.alert).values(
                alert_id=alert_id,
                kind="restock_from_back",
                place_kind="zone",
                place_id=place_id,
                sku="TEA",
                state="open",
                severity="urgent",
                headline="Fill up green tea",
                evidence=evidence,
                opened_at=now,
                updated_at=now,
            )
        )


def test_a_shelf_joins_planogram_counts_books_and_alerts(client: httpx.Client, engine: Engine) -> None:
    plan(client)
    keep(engine, report(1, {"TEA": 4, "RICE": 0}), PictureLetter("n1", "c1", JPEG, datetime.now(UTC)))
    csv = "sku,kind,units,occurred_at\nTEA,opening,20,2026-01-01T00:00:00Z\nTEA,sale,3,2026-01-02T00:00:00Z\n"
    client.post("/api/v1/books", content=csv, headers={"Content-Type": "text/csv"}).raise_for_status()
    open_alert(engine)
    (shelf,) = client.get("/api/v1/shelves").json()["shelves"]
    tea, rice = shelf["zones"]
    assert (shelf["bay_name"], shelf["view"], shelf["node_id"]) == ("Tea and rice", "seen", "n1")
    assert (tea["product_name"], tea["facings_count"], tea["missing_facings_count"]) == ("Green tea", 4, 2)
    assert (tea["on_hand_units"], tea["alert_ids"]) == (17, ["f" * 32])
    assert (rice["facings_count"], rice["missing_facings_count"], rice["on_hand_units"]) == (0, 6, None)
    picture = client.get(f"/api/v1/pictures/{shelf['picture_id']}")
    assert picture.content == JPEG
    assert picture.headers["content-type"] == "image/jpeg"


def test_what_is_not_seen_has_no_count(client: httpx.Client, engine: Engine) -> None:
    plan(client)
    tea = zones_of(client)["TEA"]
    assert (tea["state"], tea["reason"], tea["facings_count"]) == ("unknown", "never_seen", None)
    keep(engine, report(1, {"TEA": 4, "RICE": 4}))
    keep(engine, report(2, {"TEA": None, "RICE": None}, view="unknown"))
    tea = zones_of(client)["TEA"]
    assert (tea["state"], tea["reason"], tea["facings_count"]) == ("unknown", "black", None)
    assert tea["missing_facings_count"] is None


def test_an_old_look_is_not_shown_as_the_present(client: httpx.Client, engine: Engine) -> None:
    plan(client)
    keep(engine, report(1, {"TEA": 4}, looked_at=datetime.now(UTC) - timedelta(hours=2)))
    tea = zones_of(client)["TEA"]
    assert (tea["state"], tea["reason"], tea["facings_count"]) == ("unknown", "stale", None)
    assert tea["age_s"] > 7000


def test_zones_of_a_lost_node_are_not_seen(client: httpx.Client, engine: Engine) -> None:
    plan(client)
    now = datetime.now(UTC)
    lost = StatusLetter(NodeStatus(node_id="n1", boot_id=BOOT, state=NodeState.LOST), now, live=True)
    keep(engine, report(1, {"TEA": 4}))
    keep(engine, lost)
    tea = zones_of(client)["TEA"]
    assert (tea["state"], tea["reason"], tea["facings_count"]) == ("unknown", "node_lost", None)


def test_a_zone_without_planogram_is_shown_without_expectation(client: httpx.Client, engine: Engine) -> None:
    keep(engine, report(1, {"TEA": 4}))
    tea = zones_of(client)["TEA"]
    assert (tea["facings_count"], tea["expected_facings_count"]) == (4, None)


def test_a_zone_that_its_camera_no_longer_names_leaves_the_shelf(client: httpx.Client, engine: Engine) -> None:
    keep(engine, report(1, {"TEA": 4, "RICE": 2}))
    keep(engine, report(2, {"TEA": 4}))
    assert set(zones_of(client)) == {"TEA"}


def test_history_goes_back_page_by_page(client: httpx.Client, engine: Engine) -> None:
    begin = datetime.now(UTC) - timedelta(minutes=10)
    keep(engine, *(report(n, {"TEA": n}, looked_at=begin + timedelta(seconds=n)) for n in range(1, 8)))
    first = client.get("/api/v1/zones/c1-tea/history", params={"limit": 4}).json()
    assert [look["facings_count"] for look in first] == [7, 6, 5, 4]
    rest = client.get("/api/v1/zones/c1-tea/history", params={"until_at": first[-1]["looked_at"]}).json()
    assert [look["facings_count"] for look in rest] == [3, 2, 1]
    assert (first[0]["model_id"], first[0]["calibration_id"]) == ("m1", "cal-0123456789abcdef")


def test_an_alert_is_taken_on_once_and_not_when_it_is_over(client: httpx.Client, engine: Engine) -> None:
    open_alert(engine)
    path = f"/api/v1/alerts/{'f' * 32}"
    taken = client.post(f"{path}/acknowledge", json={"by": "Ana"}).raise_for_status().json()
    assert taken["acknowledged_by"] == "Ana"
    assert [event["change"] for event in client.get(f"{path}/events").json()] == ["acknowledged"]
    client.post(f"{path}/acknowledge", json={"by": "Ana", "answer": "not_true"}).raise_for_status()
    assert client.get("/api/v1/alerts", params={"state": "open"}).json() == []
    assert client.post(f"{path}/acknowledge", json={"by": "Ana"}).status_code == 409
    assert client.post("/api/v1/alerts/absent/acknowledge", json={}).status_code == 404


def test_missing_sequences_are_listed_until_they_arrive(client: httpx.Client, engine: Engine) -> None:
    key = ReportKey(node_id="n1", boot_id=BOOT, sequence=4)
    dead = DeadLetter("facings/v1/node/n1/report", "zones: wrong", b"\x00<b>", 4, datetime.now(UTC), key)
    keep(engine, report(2, {"TEA": 1}), dead, report(8, {"TEA": 1}))
    (boot,) = client.get("/api/v1/boots", params={"incomplete_only": True}).json()
    assert (boot["highest_sequence"], boot["received_count"], boot["missing_count"]) == (8, 2, 5)
    gaps = client.get(f"/api/v1/nodes/n1/boots/{BOOT}/gaps").json()
    assert gaps == [{"first": 1, "last": 1}, {"first": 3, "last": 3}, {"first": 5, "last": 7}]
    (letter,) = client.get("/api/v1/dead-letters").json()
    assert letter["reason"] == "zones: wrong"
    assert letter["payload_preview"] == "\N{REPLACEMENT CHARACTER}<b>"
    keep(engine, *(report(sequence, {"TEA": 1}) for sequence in (1, 3, 5, 6, 7)))
    assert client.get("/api/v1/boots", params={"incomplete_only": True}).json() == []


def test_nodes_and_cameras_are_listed(client: httpx.Client, engine: Engine) -> None:
    now = datetime.now(UTC)
    online = NodeStatus(node_id="n1", boot_id=BOOT, state=NodeState.ONLINE, reported_at=now - timedelta(hours=1))
    keep(engine, StatusLetter(online, now, live=True), report(3, {"TEA": 1}))
    (node,) = client.get("/api/v1/nodes").json()
    assert (node["state"], node["clock_offset_s"], node["missing_count"]) == ("online", pytest.approx(3600), 2)
    (camera,) = client.get("/api/v1/cameras").json()
    assert (camera["camera_id"], camera["view"]) == ("c1", "seen")


def test_a_camera_changes_its_node_only_when_a_person_says_so(client: httpx.Client, engine: Engine) -> None:
    keep(engine, report(1, {"TEA": 4}))
    assert client.put("/api/v1/cameras/c1/node", json={"node_id": "../n2"}).status_code == 422
    answer = client.put("/api/v1/cameras/c1/node", json={"node_id": "n2"})
    assert answer.raise_for_status().json() == {"camera_id": "c1", "node_id": "n2"}
    keep(engine, report(2, {"TEA": 4}))
    [letter] = client.get("/api/v1/dead-letters").json()
    assert letter["reason"].startswith("camera c1 belongs to node n2, not to n1")


def test_books_report_every_fault_and_change_nothing(client: httpx.Client) -> None:
    csv = "sku,kind,units,occurred_at\nTEA,opening,20,2026-01-01T00:00:00Z\nTEA,sale,x,soon\n"
    refused = client.post(
        "/api/v1/books", content=csv, headers={"Content-Type": "text/csv"}, params={"source": "a.csv"}
    )
    assert refused.status_code == 422
    assert [(fault["source"], fault["line"], fault["field"]) for fault in refused.json()["faults"]] == [
        ("a.csv", 3, "units"),
        ("a.csv", 3, "occurred_at"),
    ]
    assert client.get("/api/v1/books").json() == []


def test_a_dry_run_counts_and_changes_nothing(client: httpx.Client) -> None:
    csv = "sku,kind,units,occurred_at\nTEA,opening,20,2026-01-01T00:00:00Z\n"
    headers = {"Content-Type": "text/csv"}
    answer = client.post("/api/v1/books", content=csv, headers=headers, params={"dry_run": True}).json()
    assert (answer["new_count"], answer["dry_run"]) == (1, True)
    assert client.get("/api/v1/books").json() == []


def test_a_till_may_repeat_its_lines(client: httpx.Client) -> None:
    line = {"sku": "TEA", "kind": "sale", "units": 2, "occurred_at": "2026-01-01T00:00:00Z", "reference": "T1-1"}
    assert client.post("/api/v1/movements", json=[line]).json()["new_count"] == 1
    assert client.post("/api/v1/movements", json=[line]).json()["repeated_count"] == 1
    (tea,) = client.get("/api/v1/books").json()
    assert (tea["sku"], tea["units"]) == ("TEA", -2)
    changed = client.post("/api/v1/movements", json=[{**line, "units": 3}])
    assert changed.status_code == 422
    assert "on record" in changed.json()["faults"][0]["reason"]


def test_a_calibration_that_takes_another_cameras_zone_is_refused(client: httpx.Client) -> None:
    plan(client)
    other = {**calibration_document(), "camera_id": "c2"}
    refused = client.put("/api/v1/cameras/c2/calibration", json=other)
    assert refused.status_code == 409
    assert "zone c1-rice belongs to camera c1" in refused.json()["detail"]
    assert client.put("/api/v1/cameras/c2/calibration", json=calibration_document()).status_code == 422


def test_a_zone_that_leaves_the_planogram_leaves_the_shelf(client: httpx.Client) -> None:
    plan(client)
    document = calibration_document()
    document["zones"] = document["zones"][:1]
    client.put("/api/v1/cameras/c1/calibration", json=document).raise_for_status()
    assert set(zones_of(client)) == {"TEA"}


def test_a_desired_configuration_counts_its_versions_up(client: httpx.Client) -> None:
    plan(client)
    wish = {"look_interval_s": 2.5, "camera_ids": ["c1"]}
    first = client.put("/api/v1/nodes/n1/desired", json=wish).json()["desired"]
    second = client.put("/api/v1/nodes/n1/desired", json=wish).json()["desired"]
    assert (first["config_version"], second["config_version"]) == (1, 2)
    assert first["calibrations"][0]["calibration_id"].startswith("cal-")
    assert client.put("/api/v1/nodes/n1/desired", json={"camera_ids": ["absent"]}).status_code == 404
    assert client.put("/api/v1/nodes/N!/desired", json={}).status_code == 422


def test_a_hub_that_lost_its_database_asks_above_what_the_node_runs(client: httpx.Client, engine: Engine) -> None:
    running = NodeStatus(node_id="n1", boot_id=BOOT, state=NodeState.ONLINE, config_version=7)
    keep(engine, StatusLetter(running, datetime.now(UTC), live=True))
    asked = client.put("/api/v1/nodes/n1/desired", json={"evidence": True}).raise_for_status().json()
    assert asked["desired"]["config_version"] == 8


def test_health_names_what_is_wrong(client: httpx.Client, engine: Engine) -> None:
    sick = client.get("/healthz")
    assert sick.status_code == 503
    assert {part["part"] for part in sick.json()["parts"] if not part["ok"]} == {"ingest", "judge", "notices"}
    now = datetime.now(UTC)
    for part in ("ingest", "judge", "notices"):
        beat(engine, part, now, ok=True, detail={})
    assert client.get("/healthz").status_code == 200
    beat(engine, "ingest", now, ok=False, detail={"trouble": "connection to the broker lost"})
    reasons = {part["part"]: part["reason"] for part in client.get("/healthz").json()["parts"]}
    assert reasons["ingest"] == "connection to the broker lost"
    beat(engine, "ingest", now - timedelta(minutes=5), ok=True, detail={})
    assert "last sign of life" in client.get("/healthz").text


def test_metrics_are_prometheus_text(client: httpx.Client, engine: Engine) -> None:
    keep(engine, report(1, {"TEA": 4}), report(3, {"TEA": 4}))
    open_alert(engine)
    text = client.get("/metrics").raise_for_status().text
    assert 'facings_reports_total{node_id="n1"} 2.0' in text
    assert 'facings_reports_missing{node_id="n1"} 1.0' in text
    assert 'facings_alerts_open{kind="restock_from_back"} 1.0' in text


def test_openapi_describes_every_answer(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert "/api/v1/shelves" in schema["paths"]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), (path, method)
    text = json.dumps(schema)
    assert "ZoneNow" in text
    assert "AlertView" in text


class Listener:
    """A browser's ear: collects server-sent events until it has enough."""

    def __init__(self, url: str, wanted: str, headers: dict[str, str] | None = None, *, words: str = "") -> None:
        self.events: list[tuple[str, str, Any]] = []
        self.ready = threading.Event()
        self.done = threading.Event()
        self._wanted_words = words
        self._thread = threading.Thread(target=self._listen, args=(url, wanted, headers or {}), daemon=True)
        self._thread.start()
        assert self.ready.wait(20)

    def _listen(self, url: str, wanted: str, headers: dict[str, str]) -> None:
        kind, event_id = "", ""
        with httpx.stream("GET", f"{url}/api/v1/events", headers=headers, timeout=20) as stream:
            for line in stream.iter_lines():
                name, _, words = line.partition(": ")
                if name == "event":
                    kind = words
                elif name == "id":
                    event_id = words
                elif name == "data":
                    self.events.append((kind, event_id, json.loads(words)))
                    self.ready.set()
                    if kind == wanted and self._wanted_words in words:
                        break
        self.done.set()


def test_events_arrive_live_and_are_resumed(client: httpx.Client, engine: Engine, api: Any) -> None:
    listener = Listener(api.url, "zones")
    keep(engine, report(1, {"TEA": 4, "RICE": None}))
    assert listener.done.wait(20)
    kind, event_id, zones = listener.events[-1]
    assert kind == "zones"
    assert {zone["zone_id"]: zone["facings_count"] for zone in zones} == {"c1-tea": 4, "c1-rice": None}
    open_alert(engine)
    client.post(f"/api/v1/alerts/{'f' * 32}/acknowledge", json={"by": "Ana"}).raise_for_status()
    late = Listener(api.url, "alert", {"Last-Event-ID": event_id})
    assert late.done.wait(20)
    kind, _, alert = late.events[-1]
    assert (kind, alert["change"], alert["snapshot"]["acknowledged_by"]) == ("alert", "acknowledged", "Ana")


def test_a_listener_that_breaks_off_between_two_events_is_told_the_second_when_it_returns(
    client: httpx.Client, engine: Engine, api: Any
) -> None:
    listener = Listener(api.url, "zones")
    keep(engine, report(1, {"TEA": 4}))
    assert listener.done.wait(20)
    away = {"Last-Event-ID": listener.events[-1][1]}
    open_alert(engine)
    for by in ("Ana", "Ben"):
        client.post(f"/api/v1/alerts/{'f' * 32}/acknowledge", json={"by": by}).raise_for_status()
    hasty = Listener(api.url, "alert", away)
    assert hasty.done.wait(20)
    kind, event_id, alert = hasty.events[-1]
    assert (kind, alert["snapshot"]["acknowledged_by"]) == ("alert", "Ana")
    back = Listener(api.url, "alert", {"Last-Event-ID": event_id}, words='"Ben"')
    assert back.done.wait(20)


def test_a_cursor_of_a_database_that_is_gone_does_not_silence_the_events(engine: Engine, api: Any) -> None:
    listener = Listener(api.url, "zones", {"Last-Event-ID": "900.90000"})
    keep(engine, report(1, {"TEA": 4}))
    assert listener.done.wait(20)


def test_strangers_see_nothing_but_the_door(locked_api: Any) -> None:
    with httpx.Client(base_url=locked_api.url) as stranger:
        for path in (
            "/api/v1/shelves",
            "/api/v1/alerts",
            "/api/v1/events",
            "/api/v1/pictures/1",
            "/metrics",
            "/absent",
        ):
            assert stranger.get(path).status_code == 401, path
        assert stranger.post("/api/v1/movements", json=[]).status_code == 401
        assert stranger.get("/").status_code == 200
        assert stranger.get("/healthz").status_code == 503
        assert stranger.get("/api/v1/shelves", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert stranger.get("/api/v1/shelves", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_token_is_traded_for_a_cookie_that_scripts_cannot_read(locked_api: Any) -> None:
    with httpx.Client(base_url=locked_api.url) as browser:
        assert browser.post("/api/v1/session", json={"token": "guess"}).status_code == 401
        answer = browser.post("/api/v1/session", json={"token": TOKEN})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert browser.get("/api/v1/shelves").status_code == 200
        browser.delete("/api/v1/session")
        assert browser.get("/api/v1/shelves").status_code == 401


def test_without_a_token_other_sites_and_names_are_turned_away(client: httpx.Client) -> None:
    assert client.get("/api/v1/shelves", headers={"Host": "evil.example"}).status_code == 421
    for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/api/v1/movements", json=[], headers=header).status_code == 403


def test_headers_that_make_no_sense_are_refused_in_words(client: httpx.Client) -> None:
    assert client.get("/api/v1/shelves", headers={"Host": "[::1"}).status_code == 400
    assert client.post("/api/v1/movements", json=[], headers={"Origin": "http://["}).status_code == 400


def test_bodies_are_bounded(client: httpx.Client) -> None:
    large = client.post("/api/v1/alerts/x/acknowledge", content=b"x" * 2_000_000)
    assert large.status_code == 413
    assert client.put("/api/v1/nodes/n1/desired", content=iter([b"{}"])).status_code == 411
    wrong_type = client.post("/api/v1/books", content=b"sku", headers={"Content-Type": "text/plain"})
    assert wrong_type.status_code == 415


def test_characters_that_no_database_keeps_are_refused(client: httpx.Client) -> None:
    plan(client)
    document = calibration_document(product_name="tea\x00")
    assert client.put("/api/v1/cameras/c1/calibration", json=document).status_code == 422
    assert client.post("/api/v1/alerts/x/acknowledge", json={"by": "a\x00"}).status_code == 422
    assert client.get("/api/v1/books", params={"after_sku": "\x00"}).status_code == 422
    assert client.get("/api/v1/alerts/a%00b").status_code == 422
    assert client.get("/api/v1/zones/a%00b/history").status_code == 422


def test_every_answer_carries_the_browsers_rules(client: httpx.Client) -> None:
    for path in ("/", "/page/app.js", "/api/v1/shelves", "/absent", "/openapi.json"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
    page = client.get("/").text + client.get("/page/app.css").text + client.get("/page/app.js").text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "innerHTML" not in page


@pytest.mark.parametrize(
    "path", ["/page/../config.py", "/page/..%2fconfig.py", "/page/%2e%2e/config.py", "/page//etc/passwd"]
)
def test_the_pages_folder_is_all_that_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_nothing_is_stored_by_reading(client: httpx.Client, engine: Engine) -> None:
    for path in ("shelves", "alerts", "nodes", "cameras", "boots", "dead-letters", "books", "zones/z/history"):
        client.get(f"/api/v1/{path}").raise_for_status()
    with reading(engine) as connection:
        assert connection.execute(select(tables.report)).all() == []
