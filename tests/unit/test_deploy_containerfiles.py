# SPDX-License-Identifier: AGPL-3.0-or-later
"""The container files, read by a parser of the format: what they copy exists, what they install is hashed."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser
from typer.testing import CliRunner

import facings

REPOSITORY = Path(__file__).parents[2]
FILES = {"node": "edge", "hub": "hub"}

each_file = pytest.mark.parametrize("name", FILES)


def instructions(name: str) -> list[dict[str, Any]]:
    with (REPOSITORY / f"deploy/{name}.Containerfile").open("rb") as opened:
        parsed: list[dict[str, Any]] = DockerfileParser(fileobj=opened).structure
    return [step for step in parsed if step["instruction"] != "COMMENT"]


def values(name: str, instruction: str) -> list[str]:
    return [step["value"] for step in instructions(name) if step["instruction"] == instruction]


@each_file
def test_every_instruction_is_one_that_a_builder_knows(name: str) -> None:
    known = {"FROM", "RUN", "COPY", "USER", "WORKDIR", "VOLUME", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {step["instruction"] for step in instructions(name)} <= known
    assert instructions(name)[0]["instruction"] == "FROM"


@each_file
def test_what_it_copies_exists(name: str) -> None:
    copied = values(name, "COPY")
    assert copied
    for value in copied:
        *sources, _ = [word for word in value.split() if not word.startswith("--")]
        if "--from=" not in value:
            for source in sources:
                assert (REPOSITORY / source).exists(), source


@each_file
def test_it_copies_all_that_the_wheel_is_made_of(name: str) -> None:
    """A package left out would not fail the build: the wheel would be smaller."""
    with (REPOSITORY / "pyproject.toml").open("rb") as opened:
        wheel = tomllib.load(opened)["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {word for value in values(name, "COPY") for word in value.split()[:-1]}
    assert set(wheel["only-include"]) <= copied


@each_file
def test_it_installs_only_hashed_wheels_and_our_own(name: str) -> None:
    installs = [line for line in values(name, "RUN") if "pip install" in line]
    assert len(installs) == 3
    for line in installs:
        locked = "--require-hashes" in line and "--only-binary=:all:" in line
        ours = "--no-index" in line and "--no-deps" in line and "/wheel/" in line
        assert locked or ours, line
    assert any(f"deploy/lock/{FILES[name]}.txt" in value for value in values(name, "COPY"))


@each_file
def test_it_runs_without_rights_and_says_how_it_is(name: str) -> None:
    steps = [step["instruction"] for step in instructions(name)]
    assert values(name, "USER") == ["10001:10001"]
    last_stage = steps[len(steps) - steps[::-1].index("FROM") :]
    assert last_stage.index("USER") > max(i for i, step in enumerate(last_stage) if step == "RUN")
    assert len(values(name, "HEALTHCHECK")) == 1


@each_file
def test_it_holds_no_secret(name: str) -> None:
    for value in (*values(name, "ENV"), *values(name, "RUN")):
        assert not any(word in value.upper() for word in ("PASSWORD", "TOKEN", "SECRET"))


@each_file
def test_the_command_that_it_starts_exists(name: str) -> None:
    assert json.loads(values(name, "ENTRYPOINT")[0]) == ["facings"]
    words = [word for word in json.loads(values(name, "CMD")[0]) if not word.startswith("/")]
    subcommand = words[: words.index("--config")] if "--config" in words else words
    answer = CliRunner().invoke(facings.app, [*subcommand, "--help"])
    assert answer.exit_code == 0, answer.output
    assert "--config" in answer.output
