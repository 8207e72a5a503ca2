# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the class names of another tool mean here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from contract.model_card import DetectorLabel
from models.annotations import LABEL_BY_CATEGORY
from models.errors import AnnotationsError, ImportFaults

IGNORE, CROWD_PREFIX = "ignore", "crowd:"


@dataclass(frozen=True)
class Meaning:
    """Labels of a box, none when it is left out; `is_crowd` makes it a region in which they cost nothing."""

    labels: tuple[DetectorLabel, ...]
    is_crowd: bool = False


def parse_labels(words: str, option: str) -> frozenset[DetectorLabel]:
    """Labels from a comma-separated list. Raises AnnotationsError."""
    return frozenset(_label(word.strip(), option) for word in words.split(",") if word.strip())


def parse_map(entries: Iterable[str]) -> dict[str, Meaning]:
    """`NAME=LABEL`, `NAME=LABEL+LABEL`, `NAME=crowd:LABEL` or `NAME=ignore`, by name. Raises AnnotationsError."""
    meanings: dict[str, Meaning] = {}
    for entry in entries:
        name, equals, target = (part.strip() for part in entry.rpartition("="))
        if not equals or not name or not target:
            raise AnnotationsError(f"--map {entry!r}: expected NAME=LABEL, e.g. --map 'facing=product'")
        if name in meanings:
            raise AnnotationsError(f"--map {entry!r}: {name!r} is mapped twice")
        is_crowd = target.startswith(CROWD_PREFIX)
        words = [] if target == IGNORE else target.removeprefix(CROWD_PREFIX).split("+")
        labels = (_label(word.strip(), f"--map {entry!r}") for word in words)
        meanings[name] = Meaning(tuple(dict.fromkeys(labels)), is_crowd)
    return meanings


def meanings_of(
    boxes_count: Counter[str], declared: AbstractSet[str], told: Mapping[str, Meaning], file_name: str
) -> dict[str, Meaning]:
    """The meaning of every class name of a file; what was told goes before names that are known anyway.

    Raises ImportFaults listing the names that mean nothing here, with their number of boxes, and AnnotationsError for a
    told name that the file lacks.
    """
    absent = sorted(set(told) - set(boxes_count) - declared)
    if absent:
        listed = ", ".join(sorted(declared | set(boxes_count))) or "none"
        raise AnnotationsError(f"--map {absent[0]}=...: {file_name} has no class of that name; it has: {listed}")
    meanings = {name: told.get(name) or known_meaning(name) for name in boxes_count}
    unknown = sorted((name for name in boxes_count if meanings[name] is None), key=lambda name: -boxes_count[name])
    if unknown:
        labels = ", ".join(label.value for label in DetectorLabel)
        raise ImportFaults(
            f"{file_name}: {len(unknown)} class names that mean nothing here",
            [f"{name!r}: {boxes_count[name]} boxes" for name in unknown],
            f"say for each what it is: --map '{unknown[0]}=LABEL' with one of {labels} (or two: product+damaged), "
            f"'{unknown[0]}=crowd:product' for heaps that nobody can count, or '{unknown[0]}=ignore' to leave it out",
        )
    return {name: meaning for name, meaning in meanings.items() if meaning is not None}


def known_meaning(name: str) -> Meaning | None:
    """What a name means without being told; case, spaces and hyphens do not matter."""
    label = LABEL_BY_CATEGORY.get(name.strip().casefold().replace(" ", "_").replace("-", "_"))
    return None if label is None else Meaning((label,))


def _label(word: str, option: str) -> DetectorLabel:
    try:
        return DetectorLabel(word)
    except ValueError:
        labels = ", ".join(label.value for label in DetectorLabel)
        raise AnnotationsError(f"{option}: {word!r} is no label; expected one of {labels}") from None
