# SPDX-License-Identifier: AGPL-3.0-or-later
"""What decides how a file of books is read.

A layout says how another program's export names and writes things, so that no export has to be rewritten:

    [columns]                             # ours = theirs; several are joined by "-"
    sku = ["store_id", "product_id"]
    day = "date"
    units = "sale"

    [constants]                           # what the export does not say because it is always so
    kind = "sale"
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.book_lines import Fault
from server.errors import SettingsError

UTC_ZONE = ZoneInfo("UTC")
_QUANTITIES = frozenset({"units", "hourly_units"})
_REMEMBERED_COUNT = 65_536
_QUANTITY = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{1,9})?")
Names = Annotated[str | list[str], Field(min_length=1)]


class Layout(BaseModel):
    """Columns of an export by our names. Columns that it does not name are passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, Names]
    constants: dict[str, str] = {}
    units_factor: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """What quantities are multiplied by, such as 1000 where kilograms are to be counted as grams."""
    decimal_sign: Literal[".", ","] = "."
    """Of quantities; amounts of money are told by themselves."""
    day_format: str | None = None
    """Of `strptime`, such as `%d.%m.%Y`; without it a day is written as 2026-11-23."""
    instant_format: str | None = None
    """Of `strptime`, such as `%d.%m.%Y %H:%M`; what has no offset from UTC is in the shop's own time."""

    def header_faults(self, columns: Sequence[str], source: str) -> list[Fault]:
        """Columns that the export should have and has not."""
        wanted = {theirs: ours for ours, names in self._names for theirs in names}
        return [
            Fault(source, 1, theirs, f"column is missing; the layout reads {ours} from it")
            for theirs, ours in wanted.items()
            if columns.count(theirs) != 1
        ]

    def cells(self, theirs: Mapping[str, str], zone: ZoneInfo) -> dict[str, str]:
        """Cells by our names, written our way. What cannot be rewritten stays, and is found at fault later."""
        cells = dict(self.constants)
        for ours, names in self._names:
            cells[ours] = "-".join([theirs.get(name, "").strip() for name in names])
        if self.units_factor != 1:
            for quantity in _QUANTITIES.intersection(cells):
                cells[quantity] = " ".join(map(self._scaled.__getitem__, cells[quantity].split()))
        if self.day_format is not None and "day" in cells:
            parsed = _parsed(cells["day"], self.day_format)
            cells["day"] = parsed.date().isoformat() if parsed else cells["day"]
        for name in ("occurred_at", "as_of"):
            if self.instant_format is not None and name in cells:
                parsed = _parsed(cells[name], self.instant_format)
                if parsed is not None:
                    cells[name] = (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).isoformat()
        return cells

    @cached_property
    def _names(self) -> list[tuple[str, list[str]]]:
        """Ours, and theirs as a header is read."""
        return [
            (ours, [name.lower() for name in ([named] if isinstance(named, str) else named)])
            for ours, named in self.columns.items()
        ]

    @cached_property
    def _scaled(self) -> "_Scaled":
        return _Scaled(self.units_factor, self.decimal_sign)


class _Scaled(dict[str, str]):
    """Quantities times a factor where that is a whole number; else as they were, to be found at fault.

    A year of hourly sales writes the same few thousand figures millions of times, so each is worked out once.
    """

    def __init__(self, factor: int, decimal_sign: str) -> None:
        super().__init__()
        self._factor = factor
        self._decimal_sign = decimal_sign

    def __missing__(self, written: str) -> str:
        plain = written if self._decimal_sign == "." else written.replace(".", "?").replace(",", ".")
        scaled = Decimal(plain) * self._factor if _QUANTITY.fullmatch(plain) else None
        text = str(int(scaled)) if scaled is not None and scaled == scaled.to_integral_value() else written
        if len(self) < _REMEMBERED_COUNT:
            self[written] = text
        return text


@dataclass(frozen=True, slots=True)
class Reading:
    """What decides how a file is read, besides its content."""

    now: datetime
    zone: ZoneInfo = UTC_ZONE
    """The shop's own time."""
    layout: Layout | None = None
    stated_at: datetime | None = None
    """Since when what a file says of products holds, where it does not say so itself; None for now."""
    truncated_is_fault: bool = False
    """Whether a CSV file has to end with a line break: a copy that broke off seldom does."""
    items_are_lines: bool = False
    """Whether a JSON item is known by its number, from 1, even where the text has several lines."""


def _parsed(written: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(written, pattern)  # noqa: DTZ007 - the zone is the caller's to add
    except ValueError:
        return None


def layout_of(content: bytes, name: str) -> Layout:
    """Read a layout file.

    Raises SettingsError naming every field at fault.
    """
    try:
        return Layout.model_validate(tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: not TOML: {error}") from error
    except ValidationError as error:
        faults = [f"{name}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise SettingsError("\n".join(faults)) from error
