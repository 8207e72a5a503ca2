# SPDX-License-Identifier: AGPL-3.0-or-later
"""Recipes as text: written out whole, and read again from a manifest that carries one. Pure."""

import json
import tomllib
from typing import Any

from pydantic import ValidationError

from models.errors import RecipeError
from models.recipe import Recipe


def recipe_toml(recipe: Recipe) -> str:
    """Every field of a recipe as TOML, also those that it leaves at their defaults; what is absent stays out."""
    fields = recipe.model_dump(mode="json", exclude_none=True)
    tables = {name: value for name, value in fields.items() if isinstance(value, dict)}
    stages = fields.pop("stages")
    lines = [f"{name} = {_value(value)}" for name, value in fields.items() if name not in tables]
    for heading, table in [
        *((f"[{name}]", table) for name, table in tables.items()),
        *(("[[stages]]", s) for s in stages),
    ]:
        lines += ["", heading, *(f"{name} = {_value(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def recipe_of_text(text: str, place: str) -> Recipe:
    """A recipe from its text. Raises RecipeError, whose message begins with `place`."""
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise RecipeError(f"{place}: holds no recipe of this release: {error}") from error


def _value(value: Any) -> str:
    """A TOML value (toml.io/en/v1.0.0): JSON's strings and numbers are TOML's too, but for one character."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_value(str(key))} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
