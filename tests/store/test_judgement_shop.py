# SPDX-License-Identifier: AGPL-3.0-or-later
"""The judge over a real ledger, on SQLite and PostgreSQL: what a manager is told, and what he is spared."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select

from calibration.document import BaySize, Calibration, PointPair, Zone
from contract.counts import FacingsDistribution, SightState, UnknownReason, ZoneCount
from contract.reports import CountReport
from contract.status import NodeState, NodeStatus
from server import tables
from server.alert_views import (
    AlertClosedError,
    AlertNotFoundError,
    AlertView,
    Answer,
    Change,
    alert_history,
    events_after,
    list_alerts,
)
from server.alerts import AlertChange, acknowledge_alert
from server.database import open_engine, reading, writing
from server.judge import judge_once, judge_shop
from server.judgement_settings import JudgeSettings, NoticeSettings, Recipient
from server.ledger import store
from server.letters import ReportLetter, StatusLetter
from server.movements import Movement, MovementKind, take_movements
from server.shelves import take_calibration

MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BOOT = "c" * 32


class Shop:
    """A hub's database, one node `n1`, and a clock that only the test moves."""

    def __init__(self, engine: Engine, **settings: Any) -> None:
        self.engine = engine
        self.now = MORNING
        self.settings = JudgeSettings(**settings)
        self.notices = NoticeSettings()
        self.listening_since_at: datetime | None = MORNING
        self.sequence = 0
        self.zones: dict[str, list[Zone]] = {}

    def plan(self, camera_id: str, *zones: tuple[str, str]) -> None:
        """Zones of four facings, five deep, low below two."""
        self.zones[camera_id] = [
            Zone(
                zone_id=zone_id,
                sku=sku,
                product_name=sku.title(),
                polygon_mm=((0, 0), (100, 0), (100, 100), (0, 100)),
                expected_facings_count=4,
                minimum_facings_count=2,
                depth_units_count=5,
                facing_width_mm=50,
                facing_height_mm=90,
            )
            for zone_id, sku in zones
        ]
        corners = ((0, 0), (1000, 0), (1000, 1000), (0, 1000))
        calibration = Calibration(
            camera_id=camera_id,
            image_wh_px=(1000, 1000),
            bay=BaySize(bay_id=f"bay-{camera_id}", width_mm=1000, height_mm=1000),
            points=tuple(PointPair(x_px=x, y_px=1000 - y, x_mm=x, y_mm=y) for x, y in corners),
            zones=tuple(self.zones[camera_id]),
        )
        with writing(self.engine) as connection:
            take_calibration(connection, calibration, self.now)

    def see(self, camera_id: str, facings: dict[str, int | None] | None, *, reason: str = "black") -> None:
        """A report of the camera; None for the whole view, or for one zone, is no sight."""
        self.sequence += 1
        seen = facings is not None
        zones = [
            self._count(zone, facings.get(zone.zone_id) if facings else None, reason) for zone in self.zones[camera_id]
        ]
        counted = CountReport(
            node_id="n1",
            boot_id=BOOT,
            sequence=self.sequence,
            camera_id=camera_id,
            captured_at=self.now,
            monotonic_s=float(self.sequence),
            model_id="m1",
            calibration_id="cal-0123456789abcdef",
            view=SightState.SEEN if seen else SightState.UNKNOWN,
            view_reason=None if seen else UnknownReason(reason),
            zones=tuple(zones),
        )
        with writing(self.engine) as connection:
            store(connection, [ReportLetter(counted, self.now)], pictures_per_camera_count=3)

    @staticmethod
    def _count(zone: Zone, facings_count: int | None, reason: str) -> ZoneCount:
        if facings_count is None:
            return ZoneCount(zone_id=zone.zone_id, sku=zone.sku, state=SightState.UNKNOWN, reason=UnknownReason(reason))
        return ZoneCount(
            zone_id=zone.zone_id,
            sku=zone.sku,
            state=SightState.SEEN,
            facings=FacingsDistribution.certain(facings_count),
        )

    def node(self, state: NodeState) -> None:
        status = NodeStatus(node_id="n1", boot_id=BOOT, state=state, reported_at=self.now)
        with writing(self.engine) as connection:
            store(connection, [StatusLetter(status, self.now, live=True)], pictures_per_camera_count=3)

    def book(self, kind: MovementKind, sku: str, units: int, *, at: datetime | None = None) -> None:
        movement = Movement(sku, kind, units, at or self.now, reference=uuid4().hex)
        with writing(self.engine) as connection:
            take_movements(connection, [(1, movement)], source="test", now=self.now)

    def judge(self) -> tuple[AlertChange, ...]:
        return judge_shop(
            self.engine, self.now, self.settings, self.notices, listening_since_at=self.listening_since_at
        )

    def run(
        self, camera_id: str, facings: dict[str, int | None] | None, *, seconds: int, every_s: int = 10
    ) -> list[AlertChange]:
        """Look and judge every `every_s` seconds."""
        changes: list[AlertChange] = []
        for _ in range(seconds // every_s):
            self.now += timedelta(seconds=every_s)
            self.see(camera_id, facings)
            changes += self.judge()
        return changes

    def open_alerts(self) -> list[AlertView]:
        with reading(self.engine) as connection:
            return list_alerts(connection, state="open")

    def open_kinds(self) -> list[str]:
        return sorted(alert.kind.value for alert in self.open_alerts())

    def answer(self, answer: Answer | None) -> AlertChange:
        (alert,) = self.open_alerts()
        with writing(self.engine) as connection:
            return acknowledge_alert(connection, alert.alert_id, by="Kim", answer=answer, now=self.now)


@pytest.fixture
def shop(engine: Engine) -> Shop:
    shop = Shop(engine)
    shop.plan("c1", ("z1", "TEA"))
    shop.node(NodeState.ONLINE)
    return shop


def changes_of(changes: list[AlertChange]) -> list[Change]:
    return [change.change for change in changes]


def test_an_emptied_shelf_with_stock_in_the_books_is_told_once_and_ends_when_it_is_refilled(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    assert shop.run("c1", {"z1": 4}, seconds=120) == []
    told = shop.run("c1", {"z1": 0}, seconds=600, every_s=50)
    assert changes_of(told) == [Change.OPENED]
    (alert,) = shop.open_alerts()
    assert (alert.kind, alert.place_id, alert.severity) == ("restock_from_back", "z1", "urgent")
    assert alert.headline == "Refill Tea from the back room"
    assert alert.why[0] == "Books say 14 in the building; the shelf has been empty since 09:02."
    ended = shop.run("c1", {"z1": 4}, seconds=120)
    assert changes_of(ended) == [Change.CLOSED]
    assert ended[0].snapshot["closed_because"] == "the shelf is full again"
    assert shop.run("c1", {"z1": 4}, seconds=120) == []


def test_a_moment_of_emptiness_tells_nobody(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14)
    for _ in range(10):
        assert shop.run("c1", {"z1": 0}, seconds=40) == []
        assert shop.run("c1", {"z1": 4}, seconds=20) == []


def test_an_empty_shelf_with_empty_books_is_to_be_reordered_and_the_delivery_turns_it_into_a_refill(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 3)
    shop.book(MovementKind.SALE, "TEA", 3)
    shop.run("c1", {"z1": 0}, seconds=120)
    assert shop.open_kinds() == ["out_of_stock"]
    shop.book(MovementKind.RECEIPT, "TEA", 12)
    told = shop.run("c1", {"z1": 0}, seconds=120)
    assert shop.open_kinds() == ["restock_from_back"]
    assert changes_of(told) == [Change.OPENED, Change.CLOSED]
    assert told[1].snapshot["closed_because"] == "the books have stock again"


def test_none_found_in_the_back_makes_it_phantom_stock_until_the_books_are_corrected(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=120)
    shop.answer(Answer.NONE_IN_BACK)
    shop.run("c1", {"z1": 0}, seconds=120)
    (alert,) = shop.open_alerts()
    assert (alert.kind, alert.place_kind, alert.place_id) == ("phantom_inventory", "sku", "TEA")
    assert "Somebody looked in the back room at 09:02 and found none." in alert.why
    shop.book(MovementKind.ADJUSTMENT, "TEA", -14)
    shop.run("c1", {"z1": 0}, seconds=120)
    assert shop.open_kinds() == ["out_of_stock"]


def test_patience_without_refill_or_sale_makes_it_phantom_stock(engine: Engine) -> None:
    shop = Shop(engine, patience_s=1800)
    shop.plan("c1", ("z1", "TEA"))
    shop.node(NodeState.ONLINE)
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=1700, every_s=50)
    assert shop.open_kinds() == ["restock_from_back"]
    shop.run("c1", {"z1": 0}, seconds=300, every_s=50)
    assert shop.open_kinds() == ["phantom_inventory"]
    assert "of opening time nobody refilled it and none was sold" in shop.open_alerts()[0].why[1]


def test_a_sale_long_after_the_shelf_emptied_shows_that_there_are_some(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=120)
    shop.book(MovementKind.SALE, "TEA", 1, at=MORNING + timedelta(minutes=5))
    shop.run("c1", {"z1": 0}, seconds=1800, every_s=50)
    assert "look in the back room" in shop.open_alerts()[0].why[1]
    assert "sold" not in shop.open_alerts()[0].why[1], "five minutes are the way from the shelf to the till"
    shop.book(MovementKind.SALE, "TEA", 1)
    shop.run("c1", {"z1": 0}, seconds=120)
    why = shop.open_alerts()[0].why
    assert why[0].startswith("Books say 12 in the building")
    assert why[1] == "One was sold at 09:32, long after the shelf emptied, so there are some: look in the back room."


def test_more_on_the_shelf_than_in_the_books_is_told_after_half_an_hour(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 2)
    shop.run("c1", {"z1": 4}, seconds=1700, every_s=50)
    assert shop.open_kinds() == []
    shop.run("c1", {"z1": 4}, seconds=300, every_s=50)
    (alert,) = shop.open_alerts()
    assert alert.kind == "unrecorded_stock"
    assert alert.why[0] == "Books say 2 in the building, but at least 4 units can be seen on the shelf."
    shop.book(MovementKind.RECEIPT, "TEA", 24)
    shop.run("c1", {"z1": 4}, seconds=120)
    assert shop.open_kinds() == []


def test_a_second_zone_of_the_same_product_is_judged_with_the_first(shop: Shop) -> None:
    shop.plan("c2", ("z2", "TEA"))
    shop.book(MovementKind.OPENING, "TEA", 20)
    for _ in range(20):
        shop.now += timedelta(seconds=10)
        shop.see("c1", {"z1": 0})
        shop.see("c2", {"z2": 4})
        shop.judge()
    assert shop.open_kinds() == [], "twenty units can all stand behind the four facings of the other zone"
    shop.book(MovementKind.RECEIPT, "TEA", 1)
    for _ in range(20):
        shop.now += timedelta(seconds=10)
        shop.see("c1", {"z1": 0})
        shop.see("c2", {"z2": 4})
        shop.judge()
    (alert,) = shop.open_alerts()
    assert (alert.kind, alert.place_id) == ("restock_from_back", "z1")


@pytest.mark.parametrize("reason", ["black", "frozen", "no_shelf"])
def test_a_lost_view_opens_one_camera_alert_and_no_stock_alert(shop: Shop, reason: str) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14)
    for _ in range(12):
        shop.now += timedelta(seconds=50)
        shop.see("c1", None, reason=reason)
        shop.judge()
    (alert,) = shop.open_alerts()
    assert (alert.kind, alert.place_id, alert.zone_ids) == ("view_lost", "c1", ["z1"])
    shop.run("c1", {"z1": 4}, seconds=60)
    assert shop.open_kinds() == []


def test_an_open_stock_alert_is_left_alone_while_nobody_sees_the_shelf(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=120)
    shop.book(MovementKind.SALE, "TEA", 14)
    told = shop.run("c1", None, seconds=600, every_s=50)
    assert [(change.change, change.snapshot["kind"]) for change in told] == [(Change.OPENED, "view_lost")]
    assert shop.open_kinds() == ["restock_from_back", "view_lost"]
    shop.run("c1", {"z1": 0}, seconds=120)
    assert shop.open_kinds() == ["out_of_stock"]


def test_a_camera_that_falls_silent_is_lost_and_its_old_sight_raises_nothing(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14)
    shop.run("c1", {"z1": 0}, seconds=30)
    for _ in range(12):
        shop.now += timedelta(seconds=50)
        shop.node(NodeState.ONLINE)
        shop.judge()
    kinds = shop.open_kinds()
    assert "view_lost" in kinds
    shop.now += timedelta(days=2)
    shop.judge()
    assert [kind for kind in shop.open_kinds() if kind == "view_lost"] == ["view_lost"]


def test_a_lost_node_is_one_alert_for_all_its_cameras(shop: Shop) -> None:
    shop.plan("c2", ("z2", "SOAP"))
    for _ in range(3):
        shop.now += timedelta(seconds=10)
        shop.see("c1", {"z1": 4})
        shop.see("c2", {"z2": 4})
        shop.judge()
    shop.node(NodeState.LOST)
    for _ in range(12):
        shop.now += timedelta(seconds=50)
        shop.judge()
    (alert,) = shop.open_alerts()
    assert (alert.kind, alert.place_id, alert.severity) == ("node_lost", "n1", "urgent")
    assert alert.why[1] == "Until then nobody watches c1 and c2."
    shop.node(NodeState.ONLINE)
    for _ in range(6):
        shop.now += timedelta(seconds=10)
        shop.see("c1", {"z1": 4})
        shop.see("c2", {"z2": 4})
        shop.judge()
    assert shop.open_kinds() == []


def test_while_the_hub_hears_nobody_nobody_is_called_silent(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14)
    shop.run("c1", {"z1": 4}, seconds=30)
    shop.listening_since_at = None
    for _ in range(100):
        shop.now += timedelta(seconds=60)
        assert shop.judge() == ()
    shop.listening_since_at = shop.now
    shop.now += timedelta(seconds=20)
    assert shop.judge() == (), "the hub has only just begun to listen"
    shop.now += timedelta(seconds=170)
    shop.judge()
    shop.now += timedelta(seconds=70)
    shop.judge()
    assert shop.open_kinds() == ["node_lost"]


def test_a_suspicion_survives_a_restart_of_the_hub_and_the_alert_opens_once(shop: Shop, database_url: str) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    assert shop.run("c1", {"z1": 0}, seconds=40) == []
    shop.engine.dispose()
    shop.engine = open_engine(database_url)
    told = shop.run("c1", {"z1": 0}, seconds=30)
    assert changes_of(told) == [Change.OPENED], "the forty seconds before the restart count"
    shop.engine.dispose()
    shop.engine = open_engine(database_url)
    assert shop.run("c1", {"z1": 0}, seconds=60) == []
    assert len(shop.open_alerts()) == 1
    shop.engine.dispose()


def test_judging_the_same_instant_again_changes_nothing(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14)
    for facings_count in (4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4):
        shop.run("c1", {"z1": facings_count}, seconds=10)
        assert shop.judge() == ()


def test_not_true_ends_the_alert_and_keeps_it_quiet_until_the_shelf_was_right_once(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=120)
    change = shop.answer(Answer.NOT_TRUE)
    assert (change.change, change.snapshot["answer"]) == (Change.CLOSED, "not_true")
    assert shop.run("c1", {"z1": 0}, seconds=600, every_s=50) == []
    shop.run("c1", {"z1": 4}, seconds=120)
    assert changes_of(shop.run("c1", {"z1": 0}, seconds=120)) == [Change.OPENED]


def test_an_alert_is_taken_on_once_it_is_known_and_open(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=120)
    (alert,) = shop.open_alerts()
    shop.answer(None)
    shop.run("c1", {"z1": 4}, seconds=120)
    with reading(shop.engine) as connection:
        history = alert_history(connection, alert.alert_id)
    assert [event.change for event in history] == [Change.OPENED, Change.ACKNOWLEDGED, Change.CLOSED]
    assert history[-1].snapshot.acknowledged_by == "Kim"
    with writing(shop.engine) as connection, pytest.raises(AlertClosedError, match="the shelf is full again"):
        acknowledge_alert(connection, alert.alert_id, by="Kim", answer=Answer.DONE, now=shop.now)
    with writing(shop.engine) as connection, pytest.raises(AlertNotFoundError):
        acknowledge_alert(connection, "nonsense", by="Kim", answer=None, now=shop.now)


def test_a_zone_that_leaves_the_planogram_takes_its_alert_with_it(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=120)
    shop.plan("c1", ("z9", "SOAP"))
    (change,) = shop.judge()
    assert (change.change, change.snapshot["closed_because"]) == (Change.CLOSED, "its place is no longer in the plan")


def test_a_sale_while_the_alert_is_open_rewords_it_but_not_more_than_once_a_minute(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 40, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=80)
    changes: list[AlertChange] = []
    for _ in range(30):
        shop.book(MovementKind.SALE, "TEA", 1)
        changes += shop.run("c1", {"z1": 0}, seconds=10)
    assert set(changes_of(changes)) == {Change.UPDATED}
    assert 4 <= len(changes) <= 5
    with reading(shop.engine) as connection:
        events = events_after(connection, 0)
    assert [event.event_id for event in events] == sorted(event.event_id for event in events)
    assert len(events) == 1 + len(changes)


def test_every_opened_alert_leaves_its_notices_in_the_same_transaction(shop: Shop) -> None:
    shop.notices = NoticeSettings.model_validate(
        {"recipients": {"manager": Recipient(url="json://x"), "night": Recipient(url="json://y", when="urgent")}}
    )
    shop.book(MovementKind.OPENING, "TEA", 40, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 1}, seconds=80)
    assert notices_of(shop) == ["manager"], "a low shelf wakes nobody"
    shop.run("c1", {"z1": 0}, seconds=10)
    assert notices_of(shop) == ["manager", "manager", "night"], "an empty one does"
    with writing(shop.engine) as connection:
        change = judge_once(connection, shop.now, shop.settings, shop.notices, listening_since_at=MORNING)
    assert change == ()


def notices_of(shop: Shop) -> list[str]:
    with reading(shop.engine) as connection:
        return sorted(connection.execute(select(tables.notice.c.recipient)).scalars())


def test_what_is_rolled_back_was_never_told(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=60)
    shop.now += timedelta(seconds=30)
    with shop.engine.connect() as connection:
        changes = judge_once(connection, shop.now, shop.settings, shop.notices, listening_since_at=MORNING)
        assert changes_of(list(changes)) == [Change.OPENED]
        connection.rollback()
    with reading(shop.engine) as connection:
        assert connection.execute(select(func.count()).select_from(tables.alert_event)).scalar_one() == 0
    assert changes_of(list(shop.judge())) == [Change.OPENED]


def test_what_a_node_kept_while_the_hub_was_down_dates_the_emptiness_back(shop: Shop) -> None:
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 4}, seconds=20)
    for facings_count in (4, 0, 4, 0, None, 0, 0):
        shop.now += timedelta(minutes=10)
        shop.see("c1", {"z1": facings_count})
    shop.run("c1", {"z1": 0}, seconds=70)
    assert "has been empty since 09:40." in shop.open_alerts()[0].why[0]


def test_two_judges_and_a_person_at_once_leave_one_alert_and_one_story(shop: Shop, database_url: str) -> None:
    """More than one hub process may judge the same shop, while somebody answers on the phone."""
    shop.book(MovementKind.OPENING, "TEA", 14, at=MORNING - timedelta(days=1))
    shop.run("c1", {"z1": 0}, seconds=60)
    shop.now += timedelta(seconds=30)
    stop = threading.Event()
    failures: list[BaseException] = []

    def judging() -> None:
        engine = open_engine(database_url)
        try:
            while not stop.is_set():
                judge_shop(engine, shop.now, shop.settings, shop.notices, listening_since_at=MORNING)
        except BaseException as error:  # noqa: BLE001 (reported below)
            failures.append(error)
        finally:
            engine.dispose()

    judges = [threading.Thread(target=judging) for _ in range(3)]
    for judge in judges:
        judge.start()
    while not shop.open_alerts() and not failures:
        pass
    shop.answer(Answer.NOT_TRUE)
    for _ in range(5):
        shop.now += timedelta(seconds=10)
        shop.see("c1", {"z1": 0})
    stop.set()
    for judge in judges:
        judge.join()
    assert failures == []
    with reading(shop.engine) as connection:
        story = [event.change for event in events_after(connection, 0)]
    assert story == [Change.OPENED, Change.ACKNOWLEDGED, Change.CLOSED], "what a person called untrue stays quiet"


def test_a_shelf_unknown_to_the_books_is_still_told_when_empty(shop: Shop) -> None:
    shop.run("c1", {"z1": 0}, seconds=120)
    (alert,) = shop.open_alerts()
    assert alert.kind == "restock_from_back"
    assert alert.why[1] == "The books do not know TEA: look in the back room, and reorder if there is none."
