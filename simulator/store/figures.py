# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a store does over some weeks, in the figures that the trade reports of itself.

`python -m simulator.store.figures STORE --days 30 --seeds 3` prints them; docs/virtual-store.md quotes them.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from simulator.store.life import Life
from simulator.store.plan import STORES_FOLDER, StorePlan, load_store_plan
from simulator.store.world import World

_LOOK_EVERY = timedelta(minutes=30)
_BEGINS_AT = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of one run. Those of shelves are of zones at all half hours of opening time."""

    empty_fraction: float
    """Without a unit of the zone's own SKU on it."""
    empty_with_stock_in_back_fraction: float
    empty_believed_fraction: float
    """Empty, none in the back either, and the books above zero."""
    misplaced_fraction: float
    """With a front pack of another SKU."""
    defective_fraction: float
    """With a front pack that a customer would not take."""
    wrong_records_fraction: float
    """Of SKUs at the end, whose books differ from what is in the house."""
    lost_fraction: float
    """Units stolen or broken, of units sold."""
    wasted_fraction: float
    """Of units sold."""
    unmet_fraction: float
    """Units wanted and not found, of units sold."""
    sold_units: int


def figures(plan: StorePlan, seed: int, days: float, opened_at: datetime = _BEGINS_AT) -> Figures:
    """Let a store live and look at it every half hour."""
    world = World(plan, opened_at)
    life = Life(plan, world, seed)
    zones = [zone for _, zone in plan.zones()]
    looks = empty = in_back = believed = misplaced = defective = 0
    for since_at, until_at in plan.open_spans(opened_at, opened_at + timedelta(days=days)):
        at = since_at
        while at < until_at:
            life.advance(at)
            for zone in zones:
                truth = world.zone_truth(zone.zone_id, at)
                looks += 1
                misplaced += truth.misplaced_count > 0
                defective += truth.defects_count > 0
                if truth.shelf_units_count == 0:
                    empty += 1
                    in_back += world.back_count(zone.sku) > 0
                    believed += world.back_count(zone.sku) == 0 and world.book_units(zone.sku) > 0
            at += _LOOK_EVERY
    tallies = {sku: world.tally(sku) for sku in world.skus}
    sold = max(1, sum(tally.sold for tally in tallies.values()))
    wrong = [sku for sku, tally in tallies.items() if world.book_units(sku) != tally.shelf + tally.back + tally.baskets]
    return Figures(
        empty_fraction=empty / looks,
        empty_with_stock_in_back_fraction=in_back / looks,
        empty_believed_fraction=believed / looks,
        misplaced_fraction=misplaced / looks,
        defective_fraction=defective / looks,
        wrong_records_fraction=len(wrong) / len(tallies),
        lost_fraction=sum(tally.lost for tally in tallies.values()) / sold,
        wasted_fraction=sum(tally.wasted for tally in tallies.values()) / sold,
        unmet_fraction=sum(sale.units for sale in life.lost_sales) / sold,
        sold_units=sold,
    )


def figures_command(
    store: Annotated[str, typer.Argument(help="Name of a file in simulator/stores, without .toml.")] = "minimarket",
    days: Annotated[float, typer.Option(min=0.1)] = 30,
    seeds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Print the figures of a store, one column for each seed."""
    plan = load_store_plan(STORES_FOLDER / f"{store}.toml")
    columns = [asdict(figures(plan, seed, days)) for seed in range(1, seeds + 1)]
    for name in columns[0]:
        cells = [f"{column[name]:9d}" if name.endswith("units") else f"{column[name]:9.2%}" for column in columns]
        typer.echo(f"{name:36s}" + "".join(cells))


if __name__ == "__main__":
    typer.run(figures_command)
