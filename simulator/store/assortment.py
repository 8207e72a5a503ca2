# SPDX-License-Identifier: AGPL-3.0-or-later
"""A large shop in a few lines: `[assortment]` of a store file makes bays, zones, demand and stock from a seed."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulator.store.layout import BOARD_MM, FACING_SPACING_MM, BayPlan, Mount, RowPlan, ZonePlan
from simulator.store.luck import luck
from simulator.store.trade import DemandPlan, StockPlan
from simulator.store.wares import BRANDS, FAMILIES, VARIANTS, Family

_HEADROOM_MM = 35.0
_TALLEST_BAY_MM = 1900.0


class Assortment(BaseModel):
    """What to make. The same lines make the same shop, down to the last pack."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    skus: Annotated[int, Field(ge=1, le=20_000)]
    seed: Annotated[int, Field(ge=0)] = 1
    bay_width_mm: Annotated[float, Field(ge=400, le=4000)] = 1330.0
    bay_depth_mm: Annotated[float, Field(ge=200, le=1000)] = 420.0
    rows: Annotated[int, Field(ge=1, le=8)] = 5
    """Most rows of a bay; a bay of tall packs has fewer."""
    cameras_per_node: Annotated[int, Field(ge=1, le=64)] = 8
    image_wh_px: tuple[int, int] = (960, 720)
    mounts: Annotated[tuple[Mount, ...], Field(min_length=1)] = ("aisle",)
    """Given to the bays in turn."""
    median_per_day: Annotated[float, Field(gt=0, le=1000)] = 1.5
    """Of the SKUs, units a day; a few sell twenty times as much, many sell once a week."""
    shelf_fill: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] = (1.0, 1.0)
    """Least and most of a zone's places that are filled at opening."""
    wrong_books_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Of the opening records, wrong by some units in either direction."""


@dataclass(frozen=True, slots=True)
class Stocked:
    """What an assortment makes."""

    bays: tuple[BayPlan, ...]
    demand: tuple[DemandPlan, ...]
    stock: tuple[StockPlan, ...]


@dataclass(frozen=True, slots=True)
class _Product:
    zone: ZonePlan
    demand: DemandPlan


def stocked(assortment: Assortment) -> Stocked:
    """Bays filled row by row, one family to a row."""
    rng = luck(assortment.seed, "assortment")
    rows: list[list[_Product]] = []
    count = 0
    while count < assortment.skus:
        family = FAMILIES[len(rows) % len(FAMILIES)]
        row = _row(assortment, family, rng, count)
        rows.append(row)
        count += len(row)
    bays = _bays(assortment, rows)
    products = [product for row in rows for product in row]
    depths = {zone.zone_id: bay.depth_units_count(zone) for bay in bays for row in bay.rows for zone in row.zones}
    return Stocked(
        bays=tuple(bays),
        demand=tuple(product.demand for product in products),
        stock=tuple(
            _stock(assortment, product, product.zone.facings * depths[product.zone.zone_id], rng)
            for product in products
        ),
    )


def _row(assortment: Assortment, family: Family, rng: np.random.Generator, count: int) -> list[_Product]:
    row: list[_Product] = []
    used_mm = 0.0
    while count + len(row) < assortment.skus:
        product = _product(assortment, family, rng, count + len(row))
        needed_mm = product.zone.facings * (product.zone.wh_mm[0] + FACING_SPACING_MM)
        if row and used_mm + needed_mm > assortment.bay_width_mm:
            break
        used_mm += needed_mm
        row.append(product)
    return row


def _product(assortment: Assortment, family: Family, rng: np.random.Generator, number: int) -> _Product:
    width_mm, height_mm, depth_mm = (
        float(rng.integers(low, high + 1)) for low, high in (family.width_mm, family.height_mm, family.depth_mm)
    )
    if family.shape in {"can", "bottle", "jar", "cup"}:
        depth_mm = width_mm
    per_day = float(np.clip(assortment.median_per_day * np.exp(1.1 * rng.standard_normal()), 0.08, 30.0))
    widest = max(1, int(assortment.bay_width_mm // (width_mm + FACING_SPACING_MM)))
    facings = min(widest, int(np.clip(round(0.9 + per_day**0.5), 1, 6)))
    name = " ".join(
        word
        for word in (
            BRANDS[int(rng.integers(len(BRANDS)))],
            family.products[int(rng.integers(len(family.products)))],
            VARIANTS[int(rng.integers(len(VARIANTS)))],
            family.contents[int(rng.integers(len(family.contents)))],
        )
        if word
    )
    sku = f"{family.code}-{number:04d}"
    zone = ZonePlan(
        zone_id=sku.lower(),
        sku=sku,
        name=name,
        shape=family.shape,
        wh_mm=(width_mm, height_mm),
        depth_mm=depth_mm,
        facings=facings,
        minimum=1 if facings < 4 else 2,  # noqa: PLR2004 - a wide zone is low before it is nearly empty
    )
    intermittent = per_day < assortment.median_per_day / 2
    demand = DemandPlan(
        sku=sku,
        per_day=round(per_day, 3),
        pattern=("even", "even", "even", "morning", "evening", "weekend")[int(rng.integers(6))],
        day_shape=0.6 if intermittent else 4.5,
    )
    return _Product(zone, demand)


def _bays(assortment: Assortment, rows: list[list[_Product]]) -> list[BayPlan]:
    bays: list[BayPlan] = []
    waiting = [
        RowPlan(
            clearance_mm=max(product.zone.wh_mm[1] for product in row) + BOARD_MM + _HEADROOM_MM,
            zones=tuple(product.zone for product in row),
        )
        for row in rows
    ]
    while waiting:
        taken = [waiting.pop(0)]
        while (
            waiting
            and len(taken) < assortment.rows
            and sum(row.clearance_mm for row in (*taken, waiting[0])) <= _TALLEST_BAY_MM
        ):
            taken.append(waiting.pop(0))
        number = len(bays)
        bays.append(
            BayPlan(
                bay_id=f"bay-{number:03d}",
                name=f"Bay {number + 1}",
                camera_id=f"cam-{number:03d}",
                node_id=f"node-{number // assortment.cameras_per_node:02d}",
                width_mm=assortment.bay_width_mm,
                depth_mm=assortment.bay_depth_mm,
                image_wh_px=assortment.image_wh_px,
                mount=assortment.mounts[number % len(assortment.mounts)],
                rows=tuple(taken),
            )
        )
    return bays


def _stock(assortment: Assortment, product: _Product, places_count: int, rng: np.random.Generator) -> StockPlan:
    least, most = sorted(assortment.shelf_fill)
    wrong = rng.random() < assortment.wrong_books_fraction
    error_units = int(rng.geometric(0.35)) * int(rng.choice((-1, 1)))
    return StockPlan(
        sku=product.zone.sku,
        shelf_units=round(places_count * float(rng.uniform(least, most))),
        back_units=int(rng.poisson(2 * product.demand.per_day)),
        book_error_units=error_units if wrong else 0,
    )
