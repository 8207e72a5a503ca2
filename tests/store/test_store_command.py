# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings store`, as a person at a terminal meets it; the runs are short ones in simulated time."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from simulator.cli import app
from simulator.scoring.record import RunRecord

SHORT = """
title = "Ten minutes"
happens = "Cola sells out."
expected = "Nothing in so short a time."
store = "corner"
lasts = "10m"
[[events]]
at = "2m"
act = "sell"
target = "cola"
units = 99
[[expect]]
kind = "view_lost"
happens = false
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text(SHORT, encoding="utf-8")
    return path


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_run_leaves_a_page_scores_and_a_record_that_score_alike(tmp_path: Path, scenario: Path) -> None:
    page, scores, record = tmp_path / "page.html", tmp_path / "scores.json", tmp_path / "record.json"
    ran = call("run", scenario, "--seed", 3, "--report", page, "--report", scores, "--record", record, "--check")
    assert ran.exit_code == 0, ran.output
    assert str(page) in ran.output
    told = json.loads(scores.read_text(encoding="utf-8"))
    assert (told["seed"], told["scenario"], told["expectations_not_met"]) == (3, "short", [])
    again = call("score", record, "--scenario", scenario, "--json")
    assert json.loads(again.output) == told
    html = page.read_text(encoding="utf-8")
    assert "cola" in html
    assert not re.search(r"""(src|href)=|url\(|@import|https?://""", html), "the page asks the network for something"
    assert RunRecord.read(record).seed == 3


def test_an_expectation_that_fails_is_said_and_ends_a_checked_run_with_1(tmp_path: Path) -> None:
    path = tmp_path / "hopeful.toml"
    path.write_text(SHORT.replace("happens = false", 'place = "cam-drinks"'), encoding="utf-8")
    ran = call("run", path, "--check")
    assert ran.exit_code == 1
    assert "not met: view_lost at cam-drinks must open, but it never did" in ran.output


def test_the_library_is_listed() -> None:
    listed = call("scenarios")
    assert listed.exit_code == 0
    assert "quiet-day" in listed.output
    names = {row["name"] for row in json.loads(call("scenarios", "--json").output)}
    assert {"quiet-day", "busy-saturday", "thief", "lazy-restocker", "all-cameras-covered"} <= names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "no-such-day"), "no scenario is called 'no-such-day'; there are "),
        (("run", "missing.toml"), "missing.toml: cannot be read"),
        (("run", "quiet-day", "--report", "page.pdf"), "call it FILE.html for the page or FILE.json for the scores"),
        (("run", "quiet-day", "--record", "/no/such/folder/r.json"), "there is no folder /no/such/folder"),
        (("run", "quiet-day", "--mode", "processes", "--sight", "modelled"), "processes see with the shipped detector"),
        (("run", "quiet-day", "--speed", "60"), "--speed is for --mode processes"),
        (("score", "missing.json"), "missing.json: cannot be read"),
        (("benchmark", "--scenarios", "quiet-day,none"), "no scenario is called 'none'"),
        (("benchmark", "--scenarios", ","), "name at least one scenario"),
        (("benchmark", "--out", "/no/such/folder/b.md"), "there is no folder /no/such/folder"),
    ],
)
def test_bad_input_gets_one_clear_line(words: tuple[str, ...], said: str) -> None:
    ran = call(*words)
    assert ran.exit_code == 2
    assert said in ran.output
    assert "Traceback" not in ran.output


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text('{"scenario": "x"}', encoding="utf-8")
    ran = call("score", path)
    assert ran.exit_code == 2
    assert "is no record of `facings store run --record`" in ran.output


def test_a_benchmark_goes_on_where_it_stopped_and_writes_the_same_page(tmp_path: Path, scenario: Path) -> None:
    kept, page, figures = tmp_path / "kept", tmp_path / "benchmark.md", tmp_path / "benchmark.json"
    words = ("benchmark", "--scenarios", scenario, "--folder", kept, "--out", page, "--json", figures, "--also", "")
    first = call(*words, "--seeds", 1)
    assert first.exit_code == 0, first.output
    (run,) = kept.iterdir()
    stamp = run.stat().st_mtime_ns
    assert call(*words, "--seeds", 2).exit_code == 0
    assert run.stat().st_mtime_ns == stamp, "the finished run was made again"
    assert len(list(kept.iterdir())) == 2
    text = page.read_text(encoding="utf-8")
    assert "facings store benchmark --scenarios" in "".join(text.splitlines(keepends=True)[:6])
    assert [one["seed"] for one in json.loads(figures.read_text(encoding="utf-8"))["runs"]] == [1, 2]


def test_a_damaged_kept_run_is_named_instead_of_used(tmp_path: Path, scenario: Path) -> None:
    kept = tmp_path / "kept"
    words = (
        "benchmark",
        "--scenarios",
        scenario,
        "--folder",
        kept,
        "--out",
        tmp_path / "b.md",
        "--seeds",
        1,
        "--also",
        "",
    )
    assert call(*words).exit_code == 0
    (run,) = kept.iterdir()
    run.write_bytes(run.read_bytes()[:1000])
    ran = call(*words)
    assert ran.exit_code == 2
    assert f"{run.name} is damaged: delete it" in ran.output
