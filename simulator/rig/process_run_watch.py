# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks the hub's API, as an integrator would, which alerts there are and what it says of each zone."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from simulator.rig.compression import WorldClock
from simulator.scoring.record import AlertRow, ZoneSample

_MOST_ALERTS_COUNT = 1000


class Watch:
    """Keeps the last word of each alert, and every sample. Real instants become world instants on the way."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._alerts: dict[str, dict[str, Any]] = {}
        self.samples: list[ZoneSample] = []
        self.misses_count = 0
        """Times that the hub did not answer."""

    def all_seen(self) -> bool:
        """Whether every zone of the planogram is counted."""
        zones = _zones(self._read("shelves"))
        return bool(zones) and all(zone["state"] == "seen" for zone in zones)

    def seen_share(self) -> tuple[int, int]:
        """How many zones are counted, and of how many."""
        zones = _zones(self._read("shelves"))
        return sum(zone["state"] == "seen" for zone in zones), len(zones)

    def look(self, world_now: Callable[[], datetime]) -> None:
        """Take one sample of every zone and the alerts as they stand. Says nothing when the hub does not answer."""
        try:
            self._take_alerts()
            at, shelves = world_now(), self._read("shelves")
        except (httpx.HTTPError, ValueError):
            self.misses_count += 1
            return
        for zone in _zones(shelves):
            count = zone["facings_count"]
            seen = zone["state"] == "seen"
            self.samples.append(
                ZoneSample(at, zone["zone_id"], zone["state"], float(count) if seen else None, zone["reason"])
            )

    def alert_rows(self, clock: WorldClock, *, opened_at: datetime) -> list[AlertRow]:
        """Every alert that was ever seen, the oldest first, in world time (never before `opened_at`)."""
        rows = [_alert_row(alert, clock, opened_at) for alert in self._alerts.values()]
        return sorted(rows, key=lambda row: (row.opened_at, row.alert_id))

    def _take_alerts(self) -> None:
        for alert in self._read(f"alerts?limit={_MOST_ALERTS_COUNT}"):
            self._alerts[alert["alert_id"]] = alert

    def _read(self, path: str) -> Any:
        answer = self._client.get(f"/api/v1/{path}")
        answer.raise_for_status()
        return answer.json()


def _zones(shelves: dict[str, Any]) -> list[dict[str, Any]]:
    return [zone for shelf in shelves["shelves"] for zone in shelf["zones"]]


def _alert_row(alert: dict[str, Any], clock: WorldClock, opened_at: datetime) -> AlertRow:
    def world(written: str | None) -> datetime | None:
        if written is None:
            return None
        return max(opened_at, clock.world_at(datetime.fromisoformat(written)))

    return AlertRow(
        alert_id=alert["alert_id"],
        kind=alert["kind"],
        place_kind=alert["place_kind"],
        place_id=alert["place_id"],
        sku=alert["sku"],
        zone_ids=tuple(alert["zone_ids"]),
        camera_ids=tuple(alert["camera_ids"]),
        opened_at=world(alert["opened_at"]) or opened_at,
        closed_at=world(alert["closed_at"]),
        headline=alert["headline"],
        closed_because=alert["closed_because"],
        probability_fraction=alert["probability_fraction"],
    )
