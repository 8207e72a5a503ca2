# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which products people take for one another, and where a pack would fit."""

from simulator.store.demand import Demand
from simulator.store.layout import BOARD_MM
from simulator.store.stage import Spot, Stage

_SQUEEZE = 1.4
"""Nobody leaves a pack in a facing that it overhangs by more than this."""


class Neighbours:
    """Answers from the planogram alone; computed once."""

    def __init__(self, stage: Stage, demand: Demand) -> None:
        self._spots = stage.spots
        self._by_bay: dict[str, list[Spot]] = {}
        for spot in stage.spots.values():
            self._by_bay.setdefault(spot.bay.bay_id, []).append(spot)
        self._home = {sku: stage.spots[stage.world.home_zones(sku)[0]] for sku in stage.world.skus}
        self._like = {sku: self._alike(spot) for sku, spot in self._home.items()}
        self._twin = {sku: demand.of_sku[sku].twin or self._same_shape(sku) for sku in stage.world.skus}

    def like(self, sku: str) -> tuple[str, ...]:
        """What a shopper takes instead: other SKUs of the row, the nearest first."""
        return self._like[sku]

    def twin(self, sku: str) -> str | None:
        """What the till and the office take it for."""
        return self._twin[sku]

    def beside(self, zone_id: str) -> list[str]:
        """Zones next to a zone on its row."""
        spot = self._spots[zone_id]
        row = [one.zone.zone_id for one in self._by_bay[spot.bay.bay_id] if one.row_index == spot.row_index]
        place = row.index(zone_id)
        return row[max(0, place - 1) : place] + row[place + 1 : place + 2]

    def fitting(self, sku: str, bay_id: str) -> list[str]:
        """Zones of a bay, of other SKUs, into which a pack of this one fits."""
        width_mm, height_mm, depth_mm = self._measures(sku)
        return [
            spot.zone.zone_id
            for spot in self._by_bay[bay_id]
            if spot.zone.sku != sku
            and height_mm <= spot.clearance_mm - BOARD_MM
            and width_mm <= _SQUEEZE * spot.zone.wh_mm[0]
            and depth_mm <= _SQUEEZE * spot.zone.depth_mm
        ]

    def fits(self, sku: str, zone_id: str) -> bool:
        """Whether a pack fits into a zone."""
        return zone_id in self.fitting(sku, self._spots[zone_id].bay.bay_id)

    def _measures(self, sku: str) -> tuple[float, float, float]:
        zone = self._home[sku].zone
        return (*zone.wh_mm, zone.depth_mm)

    def _alike(self, spot: Spot) -> tuple[str, ...]:
        row = [
            one
            for one in self._by_bay[spot.bay.bay_id]
            if one.row_index == spot.row_index and one.zone.sku != spot.zone.sku
        ]
        row.sort(key=lambda one: (one.zone.shape != spot.zone.shape, abs(one.centre_mm - spot.centre_mm)))
        return tuple(dict.fromkeys(one.zone.sku for one in row))

    def _same_shape(self, sku: str) -> str | None:
        spot = self._home[sku]
        others = [
            one for one in self._by_bay[spot.bay.bay_id] if one.zone.sku != sku and one.zone.shape == spot.zone.shape
        ]
        others.sort(key=lambda one: (abs(one.row_index - spot.row_index), abs(one.centre_mm - spot.centre_mm)))
        return others[0].zone.sku if others else None
