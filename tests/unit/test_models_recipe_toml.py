# SPDX-License-Identifier: AGPL-3.0-or-later
"""A recipe that a program writes says what the one that it came from said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.model_card import DetectorLabel
from models.errors import RecipeError
from models.recipe import Augmentation, Network, Recipe, Renders, Stage, read_recipe
from models.recipe_toml import recipe_of_text, recipe_toml

RECIPES = sorted((Path(__file__).parents[2] / "models" / "recipes").glob("*.toml"))
counts = st.integers(1, 10**9)
fractions = st.floats(0, 1)
multiples = st.none() | st.floats(1e-6, 2)
recipes = st.builds(
    Recipe,
    model_id=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,79}", fullmatch=True),
    labels=st.lists(st.sampled_from(DetectorLabel), min_size=1, unique=True).map(tuple),
    train_input_px=st.integers(2, 100).map(lambda cells: 32 * cells),
    rectangular=st.booleans(),
    network=st.builds(
        Network,
        width_multiple=multiples,
        depth_multiple=multiples,
        heads=st.none() | st.lists(st.sampled_from(["p2", "p3", "p4"]), min_size=1, unique=True).map(tuple),
    ),
    renders=st.builds(Renders, train_count=counts, validation_count=counts, whole_view_fraction=fractions),
    augmentation=st.builds(Augmentation, zoom_fraction=fractions, perspective=st.floats(0, 0.001)),
    stages=st.lists(
        st.builds(
            Stage,
            name=st.from_regex(r"[a-z0-9][a-z0-9-]*", fullmatch=True),
            epochs=counts,
            learning_rate=st.floats(1e-30, 0.1),
            minutes_limit=st.none() | st.floats(1, 1e30),
            photographs_repeat_count=st.integers(0, 9) | st.dictionaries(st.text(), st.integers(0, 9)),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@given(recipes)
def test_any_recipe_is_read_again_as_it_was(recipe: Recipe) -> None:
    assert recipe_of_text(recipe_toml(recipe), "here") == recipe


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_is_read_again_as_it_was(path: Path) -> None:
    assert recipe_of_text(recipe_toml(read_recipe(path)), "here") == read_recipe(path)


@pytest.mark.parametrize("text", ["model_id = ", "", 'model_id = "a"'])
def test_a_text_that_is_no_recipe_is_named(text: str) -> None:
    with pytest.raises(RecipeError, match=r"^here: holds no recipe"):
        recipe_of_text(text, "here")
