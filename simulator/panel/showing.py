# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the panel shows: the truth of the store beside what the hub says of it. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from calibration.view import CameraView
from simulator.cameras.bay_view import calibration_of
from simulator.panel.clock import StoreClock, clock_words
from simulator.panel.store import DemoStore
from simulator.store.plan import BayPlan, ZonePlan

SHOWN_HAPPENINGS_COUNT = 40
_NEVER_SEEN: dict[str, Any] = {"state": "unknown", "facings_count": None, "reason": "unsettled", "alert_ids": []}


@dataclass(frozen=True, slots=True)
class HubSays:
    """The hub's newest answers. Where it does not answer, the last ones stay and `answers` is False."""

    zones: dict[str, dict[str, Any]] = field(default_factory=dict)
    alerts: tuple[dict[str, Any], ...] = ()
    answers: bool = True

    @classmethod
    def of(cls, shelves: dict[str, Any], alerts: list[dict[str, Any]]) -> "HubSays":
        """From `GET /api/v1/shelves` and `GET /api/v1/alerts`."""
        zones = {zone["zone_id"]: zone for shelf in shelves["shelves"] for zone in shelf["zones"]}
        return cls(zones, tuple(alerts))

    def silent(self) -> "HubSays":
        """The hub did not answer this time."""
        return replace(self, answers=False)


class Window:
    """Looks into the store for the page; knows where each zone is in its camera's picture."""

    def __init__(self, store: DemoStore) -> None:
        self._store = store
        self._outlines: dict[str, list[list[float]]] = {}
        for bay in store.plan.bays:
            view = CameraView(calibration_of(bay), bay.image_wh_px)
            for zone, polygon_px in view.zone_polygons_px:
                self._outlines[zone.zone_id] = [[round(float(x), 1), round(float(y), 1)] for x, y in polygon_px]

    def look(
        self, clock: StoreClock, says: HubSays, happenings: list[dict[str, Any]], *, hub_url: str, now: datetime
    ) -> dict[str, Any]:
        """Everything that the page draws, for JSON. `now` is a real instant."""
        world_now = clock.world_at(now)
        pane = _Pane(self._store, self._outlines, says, world_now, now)
        return {
            "hub_url": hub_url,
            "hub_answers": says.answers,
            "clock": clock_words(world_now),
            "speed": clock.speed,
            "bays": [pane.bay(bay) for bay in self._store.plan.bays],
            "alerts": [
                {key: alert[key] for key in ("state", "severity", "place_kind", "headline", "why", "closed_because")}
                for alert in says.alerts
            ],
            "happenings": [
                {"at": one["at"], "clock": clock_words(datetime.fromisoformat(one["at"])), "words": one["words"]}
                for one in reversed(happenings[-SHOWN_HAPPENINGS_COUNT:])
            ],
            "plugs": [{"target": target, "name": name, "is_on": is_on} for target, name, is_on in self._store.plugs()],
        }


@dataclass(frozen=True, slots=True)
class _Pane:
    store: DemoStore
    outlines: dict[str, list[list[float]]]
    says: HubSays
    world_now: datetime
    real_now: datetime

    def bay(self, bay: BayPlan) -> dict[str, Any]:
        zones = [zone for row in bay.rows for zone in row.zones]
        return {
            "bay_id": bay.bay_id,
            "name": bay.name,
            "camera_id": bay.camera_id,
            "image_wh_px": bay.image_wh_px,
            "troubles": self.store.troubles_of(bay, self.world_now, self.real_now),
            "zones": [self.zone(zone, zones) for zone in zones],
        }

    def zone(self, zone: ZonePlan, of_bay: list[ZonePlan]) -> dict[str, Any]:
        truth = self.store.world.zone_truth(zone.zone_id, self.world_now)
        stock = self.store.world.sku_truth(zone.sku, self.world_now)
        said = self.says.zones.get(zone.zone_id, _NEVER_SEEN)
        headlines = {alert["alert_id"]: alert["headline"] for alert in self.says.alerts if alert["state"] != "closed"}
        return {
            "zone_id": zone.zone_id,
            "name": zone.name,
            "polygon_px": self.outlines[zone.zone_id],
            "expected_facings_count": zone.facings,
            "front_packs_count": truth.front_packs_count,
            "misplaced_count": truth.misplaced_count,
            "shelf_units_count": truth.shelf_units_count,
            "back_units_count": stock.back_units_count,
            "book_units": stock.book_units,
            "stranger_sku": _stranger_sku(zone, of_bay),
            "seen": {key: said[key] for key in ("state", "facings_count", "reason")},
            "alerts": [headlines[alert_id] for alert_id in said["alert_ids"] if alert_id in headlines],
        }


def _stranger_sku(zone: ZonePlan, of_bay: list[ZonePlan]) -> str:
    """What a visitor may put here: the other product of the bay whose pack is nearest in size, so that it fits."""
    strangers = [other for other in of_bay if other.sku != zone.sku]
    width_mm, height_mm = zone.wh_mm
    nearest = min(
        strangers, key=lambda other: abs(other.wh_mm[0] - width_mm) + abs(other.wh_mm[1] - height_mm), default=zone
    )
    return nearest.sku
