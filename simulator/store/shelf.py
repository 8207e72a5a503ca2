# SPDX-License-Identifier: AGPL-3.0-or-later
"""The slots of one zone: facings from left to right, in each of them slots from front to back."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from simulator.store.units import UNTIDY, Condition, Unit

Column = list[Unit | None]


class ZoneShelf:
    """Where units of a zone stand. It knows places only; who may move what is the world's business."""

    def __init__(self, sku: str, facings_count: int, depth_count: int, *, pusher: bool) -> None:
        self.sku = sku
        self.pusher = pusher
        self.columns: list[Column] = [[None] * depth_count for _ in range(facings_count)]

    @property
    def capacity(self) -> int:
        """Units that fit."""
        return len(self.columns) * len(self.columns[0])

    def units(self) -> Iterator[Unit]:
        """Every unit, column by column from the front."""
        for column in self.columns:
            for unit in column:
                if unit is not None:
                    yield unit

    def own_count(self) -> int:
        """Units of the zone's own SKU."""
        count = 0
        for column in self.columns:
            for unit in column:
                if unit is not None and unit.sku == self.sku:
                    count += 1
        return count

    def fronts(self) -> Iterator[tuple[int, int, Unit]]:
        """(column, slot, unit) of each facing's foremost unit; an empty facing has none."""
        for i, column in enumerate(self.columns):
            for slot, unit in enumerate(column):
                if unit is not None:
                    yield i, slot, unit
                    break

    def reachable(self, wanted: Callable[[Unit], bool], *, behind: bool) -> list[tuple[int, int]]:
        """(column, slot) of the foremost wanted unit of each facing.

        With `behind` the next wanted one behind it where there is one, as of a person who reaches past the front pack.
        """
        places = []
        for i, column in enumerate(self.columns):
            slots = [slot for slot, unit in enumerate(column) if unit is not None and wanted(unit)]
            if slots:
                places.append((i, slots[1] if behind and len(slots) > 1 else slots[0]))
        return places

    def take(self, column: int, slot: int) -> Unit:
        """Remove the unit that stands there; springs close the ranks."""
        unit = self.columns[column][slot]
        if unit is None:
            raise LookupError(f"nothing stands in column {column}, slot {slot}")
        self.columns[column][slot] = None
        if self.pusher:
            self._close_ranks(column)
        return unit

    def stand(self, unit: Unit) -> bool:
        """Put a unit into the foremost free slot of the emptiest facing; False where every slot is taken."""
        free = [column.count(None) for column in self.columns]
        most = max(free)
        if most == 0:
            return False
        column = self.columns[free.index(most)]
        column[column.index(None)] = unit
        return True

    def stand_in_front(self, unit: Unit, column: int) -> bool:
        """Put a unit at the very front of a facing, pushing back what stands there; False where it is full."""
        units = self.columns[column]
        if None not in units:
            return False
        units.remove(None)
        units.insert(0, unit)
        return True

    def set_condition(self, column: int, slot: int, condition: Condition) -> None:
        """The unit that stands there looks different from now on."""
        unit = self.columns[column][slot]
        if unit is None:
            raise LookupError(f"nothing stands in column {column}, slot {slot}")
        self.columns[column][slot] = replace(unit, condition=condition)

    def face_up(self) -> int:
        """Pull everything to the front and set upright what lies or is turned; how many units were moved or turned."""
        moved = 0
        for i, column in enumerate(self.columns):
            count = len(column) - column.count(None)
            if None not in column[:count] and all(unit.condition not in UNTIDY for unit in column[:count] if unit):
                continue
            before = list(column)
            for slot, unit in enumerate(before):
                if unit is not None and unit.condition in UNTIDY:
                    self.set_condition(i, slot, Condition.OK)
            self._close_ranks(i)
            moved += sum(1 for was, now in zip(before, self.columns[i], strict=True) if now is not None and was != now)
        return moved

    def _close_ranks(self, column: int) -> None:
        units = self.columns[column]
        standing = [unit for unit in units if unit is not None]
        self.columns[column] = [*standing, *[None] * (len(units) - len(standing))]
