# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading the cells of one line of books: each is a value or a fault that says what was expected.

Amounts of money are read as exact whole numbers of millionths; no binary fraction is ever involved.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from contract.ids import SKU_PATTERN
from server.book_lines import Fault

MAX_UNITS = 10_000_000
MAX_NAME_CHARACTERS = 200
MAX_REFERENCE_CHARACTERS = 200
MICROS = 1_000_000
_MAX_MONEY_WHOLE_DIGITS = 9
_MAX_MONEY_DECIMALS = 4
_MAX_SHOWN_CHARACTERS = 80
_FUTURE_TOLERANCE = timedelta(days=1)
_GTIN_LENGTHS = (8, 12, 13, 14)
_GROUP_DIGITS = 3
_SKU = re.compile(SKU_PATTERN)
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")


class LineCells:
    """The cells of one line. Every reader gives None and notes a fault where the cell cannot be used."""

    def __init__(self, cells: Mapping[str, str], source: str, line: int) -> None:
        self._cells = cells
        self._source = source
        self._line = line
        self.faults: list[Fault] = []

    def fault(self, field: str, reason: str) -> None:
        """Note what is wrong."""
        self.faults.append(Fault(self._source, self._line, field, reason))

    def written(self, field: str) -> str:
        """The cell without the blanks around it; empty where there is none."""
        return self._cells.get(field, "").strip()

    def sku(self) -> str:
        """The SKU; nonsense after a fault."""
        sku = self.written("sku")
        if not _SKU.fullmatch(sku):
            self.fault("sku", f"is {shown(sku)}; expected letters, digits, '.', '_' or '-', at most 64")
        return sku

    def text(self, field: str, max_characters: int) -> str:
        """Printable text, perhaps empty."""
        text = self.written(field)
        if len(text) > max_characters:
            self.fault(field, f"has {len(text)} characters; at most {max_characters} are kept")
        elif not text.isprintable():
            self.fault(field, "holds characters that cannot be printed")
        return text

    def whole(self, field: str) -> int | None:
        """A whole number within +-MAX_UNITS."""
        written = self.written(field)
        if not _INTEGER.fullmatch(written):
            self.fault(field, f"is {shown(written)}; expected a whole number")
            return None
        number = int(written)
        if abs(number) > MAX_UNITS:
            self.fault(field, f"is {number}; expected at most {MAX_UNITS}")
            return None
        return number

    def whole_between(self, field: str, low: int, high: int) -> int | None:
        """A whole number of the interval, ends included; None without a fault where the cell is empty."""
        written = self.written(field)
        if not written:
            return None
        if not _INTEGER.fullmatch(written) or not low <= int(written) <= high:
            self.fault(field, f"is {shown(written)}; expected a whole number from {low} to {high}")
            return None
        return int(written)

    def money_micros(self, field: str) -> int | None:
        """An amount as millionths; None without a fault where the cell is empty."""
        written = self.written(field)
        if not written:
            return None
        try:
            return micros_of(written)
        except ValueError as error:
            self.fault(field, f"is {shown(written)}; {error}")
            return None

    def gtin(self) -> str | None:
        """A GTIN of 14 digits; None without a fault where the cell is empty."""
        written = self.written("gtin")
        if not written:
            return None
        try:
            return gtin_of(written)
        except ValueError as error:
            self.fault("gtin", f"is {shown(written)}; {error}")
            return None

    def instant(self, field: str, now: datetime, *, tolerance: timedelta = _FUTURE_TOLERANCE) -> datetime | None:
        """An instant as UTC, not later than `now` plus what a clock may be wrong by."""
        written = self.written(field)
        expected = "expected an instant with its UTC offset, such as 2026-11-23T08:30:00+01:00"
        try:
            instant = datetime.fromisoformat(written)
        except ValueError:
            self.fault(field, f"is {shown(written)}; {expected}")
            return None
        if instant.tzinfo is None:
            self.fault(field, f"is {shown(written)}, without a UTC offset; {expected}")
            return None
        try:
            instant = instant.astimezone(UTC)
        except OverflowError:
            self.fault(field, f"is {shown(written)}; {expected}")
            return None
        if instant > now + tolerance:
            self.fault(field, f"is {shown(written)}, which has not happened yet")
            return None
        return instant

    def day(self, field: str) -> date | None:
        """A day of the calendar."""
        written = self.written(field)
        try:
            return date.fromisoformat(written)
        except ValueError:
            self.fault(field, f"is {shown(written)}; expected a day, such as 2026-11-23")
            return None


def shown(written: str) -> str:
    """A value for a message: quoted, bounded, and without anything that a terminal would obey."""
    return repr(written[:_MAX_SHOWN_CHARACTERS])


def micros_of(written: str) -> int:
    """Millionths of an amount such as `1.99`, `1,99`, `1.234,50` or `1,234.50`.

    The last of two different signs is the decimal one, and what occurs twice groups thousands. A single sign before
    exactly three digits may be either, so it is refused, except after a lone zero, which no group begins with.

    Raises ValueError with what was expected.
    """
    expected = f"expected an amount such as 1.99, with at most {_MAX_MONEY_DECIMALS} decimals and no currency sign"
    if not re.fullmatch(r"[0-9]+(?:[.,][0-9]+)*", written):
        raise ValueError(expected)
    *groups, last = re.split(r"[.,]", written)
    signs = re.findall(r"[.,]", written)
    if not signs:
        groups, decimals = [last], ""
    elif len(signs) == 1:
        if len(last) == _GROUP_DIGITS and groups != ["0"] and len(groups[0]) <= _GROUP_DIGITS:
            plain = f"{groups[0]}{last}"
            raise ValueError(f"it may mean {plain} or {groups[0]}.{last}; write {plain} or {groups[0]}.{last}0")
        decimals = last
    elif signs[-1] in signs[:-1]:
        groups, decimals = [*groups, last], ""
    else:
        decimals = last
    if len(set(signs[: len(groups) - 1])) > 1 or not _are_groups(groups):
        raise ValueError(expected)
    whole = "".join(groups)
    if len(decimals) > _MAX_MONEY_DECIMALS or len(whole.lstrip("0")) > _MAX_MONEY_WHOLE_DIGITS:
        raise ValueError(f"{expected}, below 1,000,000,000")
    return int(whole) * MICROS + int(decimals.ljust(6, "0"))


def _are_groups(groups: list[str]) -> bool:
    """Whether digits are grouped as people do it: one to three, then three each."""
    first, *rest = groups
    return not rest or (len(first) <= _GROUP_DIGITS and all(len(group) == _GROUP_DIGITS for group in rest))


def decimal_of_micros(micros: int) -> str:
    """An amount as it is written: `1.99`, `0.125`, `3.00`."""
    whole, decimals = divmod(micros, MICROS)
    written = f"{decimals:06}".rstrip("0")
    return f"{whole}.{written.ljust(2, '0')}"


def gtin_of(written: str) -> str:
    """A GTIN-8, -12, -13 or -14 as 14 digits. The check digit is that of GS1 General Specifications, section 7.9.

    Raises ValueError with what was expected.
    """
    if not re.fullmatch(r"[0-9]+", written, re.ASCII) or len(written) not in _GTIN_LENGTHS:
        hint = "; a spreadsheet may have cut it: format the column as text" if re.match(r"[0-9.,E+]+$", written) else ""
        raise ValueError(f"expected 8, 12, 13 or 14 digits{hint}")
    digits = written.zfill(14)
    weighted = sum(int(digit) * (3 if i % 2 == 0 else 1) for i, digit in enumerate(digits[:13]))
    check = -weighted % 10
    if check != int(digits[13]):
        raise ValueError(f"its check digit would be {check}; expected a GTIN without a mistyped digit")
    return digits
