# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which photographs belong together, so that none of them examines what another one taught."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from models.errors import AnnotationsError

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class GroupRule:
    """How a photograph's group follows from its name: `folder`, `picture`, `all`, `name:REGEX` or `field:NAME`."""

    kind: str
    argument: str = ""

    @classmethod
    def parse(cls, words: str) -> "GroupRule":
        """Read `--group-by`. Raises AnnotationsError."""
        kind, _, argument = words.partition(":")
        if kind in {"folder", "picture", "all"} and not argument:
            return cls(kind)
        if kind in {"name", "field"} and argument:
            if kind == "name":
                try:
                    re.compile(argument)
                except re.error as error:
                    raise AnnotationsError(f"--group-by {words!r}: is no regular expression: {error}") from error
            return cls(kind, argument)
        raise AnnotationsError(
            f"--group-by {words!r}: expected folder, picture, all, name:REGEX (what its first bracket matches in the "
            "file name) or field:NAME (a field of the picture in the file)"
        )

    def group_of(self, relative_path: PurePosixPath, fields: Mapping[str, str], source: str) -> str | None:
        """The group of a picture, beginning with its source; `None` where the rule finds none."""
        match self.kind:
            case "folder":
                key: str | None = str(relative_path.parent)
            case "picture":
                key = str(relative_path)
            case "name":
                found = re.search(self.argument, relative_path.name)
                key = None if found is None else found.group(1 if found.re.groups else 0)
            case "field":
                key = fields.get(self.argument)
            case _:
                key = "."
        if not key:
            return None
        return source if key == "." else f"{source}/{key}"


def unite(keys: Iterable[Key], pairs: Iterable[tuple[Key, Key]]) -> dict[Key, Key]:
    """For every key the first key of its set, where pairs join sets: union-find (Galler and Fischer 1964)."""
    order = {key: rank for rank, key in enumerate(keys)}
    parent = {key: key for key in order}

    def first(key: Key) -> Key:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in pairs:
        ends = sorted((first(one), first(other)), key=order.__getitem__)
        parent[ends[1]] = ends[0]
    return {key: first(key) for key in order}
