# SPDX-License-Identifier: AGPL-3.0-or-later
"""Several scenarios from several seeds, each kept as soon as it is finished, and the page about all of them."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edge.model_file import read_card, shipped_model
from simulator.errors import ScenarioError
from simulator.rig.scenario import Scenario
from simulator.scoring.expectations import check
from simulator.scoring.playing import Play, play, working_folder
from simulator.scoring.record import Mode, RunRecord, Sight
from simulator.scoring.scores import Scores, score
from simulator.store.plan import STORES_FOLDER

REPOSITORY = Path(__file__).parents[2]
_CODE_ROOMS = ("contract", "calibration", "edge", "server", "simulator")
_NO_PART_OF_A_RUN = ("simulator/panel", "simulator/scenarios", "simulator/stores", "server/page", "simulator/scoring/")
"""Scenario and store count by themselves; the rest judges or shows a run and does not change it."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is to be played."""

    plans: Mapping[str, Scenario]
    """Scenarios by name, in the order of the page."""
    seeds: tuple[int, ...]
    also: Mapping[str, Scenario]
    """Scenarios that are played from the first seed only, to see what each kind of trouble does."""
    mode: Mode
    sight: Sight
    folder: Path
    """Where finished runs are kept."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a reader needs to make the same page."""

    command: str
    at: datetime
    version: str
    code: str
    """First digits of a hash over all code that a run depends on."""
    model_id: str
    machine: str
    mode: Mode
    sight: Sight
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """One run and its figures."""

    scenario: str
    seed: int
    scores: Scores
    faults: tuple[str, ...]
    """Expectations of the scenario that do not hold."""


def run_benchmark(
    wish: Benchmark, *, out: Path, json_file: Path | None, jobs_count: int, command: str, console: Console
) -> None:
    """Play what is not kept yet, then write the page and, where wanted, every figure as JSON.

    Raises ScenarioError, and what the runs raise; finished runs stay kept.
    """
    from simulator.scoring.benchmark_page import benchmark_page  # noqa: PLC0415 - the two know each other's types

    wish.folder.mkdir(parents=True, exist_ok=True)
    code = code_hash()
    card = read_card(shipped_model().with_suffix(".card.json"))
    plays = []
    for name, plan, seed in [
        *((name, plan, seed) for seed in wish.seeds for name, plan in wish.plans.items()),
        *((name, plan, wish.seeds[0]) for name, plan in wish.also.items()),
    ]:
        key = _key(plan, seed, wish, code=code, model=card.onnx_sha256)
        play_wish = Play(name, plan, seed, wish.mode, wish.sight)
        plays.append((play_wish, wish.folder / f"{name}-{seed}-{key}.json.gz"))
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    finished = []
    with bar:
        task = bar.add_task("runs", total=len(plays))
        for one in _played(plays, jobs_count):
            finished.append(one)
            bar.update(task, advance=1, description=f"{one.scenario}, seed {one.seed}")
            if not console.is_terminal:
                console.print(f"{len(finished)} of {len(plays)}: {one.scenario}, seed {one.seed}", highlight=False)
    order = {name: place for place, name in enumerate([*wish.plans, *wish.also])}
    finished.sort(key=lambda one: (order[one.scenario], one.seed))
    made = Made(
        command=command,
        at=datetime.now(UTC),
        version=_version(),
        code=code[:12],
        model_id=card.model_id,
        machine=machine_words(),
        mode=wish.mode,
        sight=wish.sight,
        seeds=wish.seeds,
    )
    out.write_text(benchmark_page(made, wish, finished), encoding="utf-8")
    if json_file is not None:
        json_file.write_text(json.dumps(_as_json(made, finished), indent=1) + "\n", encoding="utf-8")


def code_hash() -> str:
    """Hash over every file of ours that a run depends on."""
    digest = hashlib.sha256()
    for room in _CODE_ROOMS:
        for path in sorted((REPOSITORY / room).rglob("*")):
            name = path.relative_to(REPOSITORY).as_posix()
            if path.suffix in {".py", ".json", ".toml"} and not name.startswith(_NO_PART_OF_A_RUN):
                digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def machine_words() -> str:
    """Processor, cores and memory of this machine."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (OSError, ValueError):
        memory = ""
    return f"{os.cpu_count()} cores of {name}{memory}, Python {platform.python_version()}"


def _played(plays: list[tuple[Play, Path]], jobs_count: int) -> Iterator[Finished]:
    if jobs_count == 1:
        yield from (_one(wish, kept) for wish, kept in plays)
        return
    # Fresh interpreters: a fork would share open files and threads of the network's runtime.
    with ProcessPoolExecutor(jobs_count, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_one, wish, kept) for wish, kept in plays]):
            yield future.result()


def _one(wish: Play, kept: Path) -> Finished:
    record = _kept(kept)
    if record is None:
        with working_folder(wish.mode) as folder:
            record = play(wish, folder, lambda _at, _fraction: None)
        half = kept.with_name(f"half-{kept.name}")
        record.write(half)
        half.replace(kept)
    return Finished(wish.name, wish.seed, score(record), tuple(check(wish.scenario, record)))


def _kept(path: Path) -> RunRecord | None:
    if not path.exists():
        return None
    try:
        return RunRecord.read(path)
    except (OSError, EOFError, ValidationError) as error:
        raise ScenarioError(f"{path} is damaged: delete it, and the run is made anew") from error


def _key(plan: Scenario, seed: int, wish: Benchmark, *, code: str, model: str) -> str:
    store = (STORES_FOLDER / f"{plan.store}.toml").read_bytes()
    parts = (plan.model_dump_json().encode(), store, str(seed).encode(), wish.mode.encode(), wish.sight.encode())
    return hashlib.sha256(b"\0".join((*parts, code.encode(), model.encode()))).hexdigest()[:16]


def _version() -> str:
    try:
        return version("facings")
    except PackageNotFoundError:
        return "unknown"


def _as_json(made: Made, finished: list[Finished]) -> dict[str, Any]:
    return {
        "command": made.command,
        "made_at": made.at.isoformat(),
        "version": made.version,
        "code": made.code,
        "model_id": made.model_id,
        "machine": made.machine,
        "runs": [{**one.scores.model_dump(mode="json"), "expectations_not_met": list(one.faults)} for one in finished],
    }
