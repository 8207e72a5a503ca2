# SPDX-License-Identifier: AGPL-3.0-or-later
"""One way to play a scenario, whichever mode and sight are wanted."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from simulator.errors import ScenarioError
from simulator.rig.scenario import SCENARIOS_FOLDER, Scenario, load_scenario, scenario_names
from simulator.scoring.record import Mode, RunRecord, Sight

Progress = Callable[[datetime, float], None]
"""Told the world's time and how much of the run is over, 0 to 1."""

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - the folder in it has a name nobody can guess and is ours alone


@dataclass(frozen=True, slots=True)
class Play:
    """A scenario to be played, and how."""

    name: str
    scenario: Scenario
    seed: int
    mode: Mode = Mode.IN_PROCESS
    sight: Sight = Sight.MODELLED
    speed: float | None = None
    """World seconds per real second, in processes only; None for the scenario's own."""
    broker: str | None = None
    database_url: str | None = None


def find_scenario(wanted: str) -> tuple[str, Scenario]:
    """A scenario of the library by its name, or any scenario file. Raises ScenarioError."""
    path = Path(wanted)
    if path.suffix == ".toml":
        return path.stem, load_scenario(path)
    if wanted not in scenario_names():
        raise ScenarioError(f"no scenario is called '{wanted}'; there are {', '.join(scenario_names())}")
    return wanted, load_scenario(SCENARIOS_FOLDER / f"{wanted}.toml")


@contextmanager
def working_folder(mode: Mode) -> Iterator[Path]:
    """A folder that is gone afterwards; in memory where nothing is tested by writing to a disk."""
    in_memory = mode is Mode.IN_PROCESS and os.access(_MEMORY_DISK, os.W_OK)
    with tempfile.TemporaryDirectory(prefix="facings-store-", dir=_MEMORY_DISK if in_memory else None) as folder:
        yield Path(folder)


def play(wish: Play, folder: Path, progress: Progress) -> RunRecord:
    """Play it in `folder`. Raises SimulatorError, and the errors of the parts that are run."""
    if wish.mode is Mode.IN_PROCESS:
        from simulator.rig.in_process import run_in_process  # noqa: PLC0415 - only the mode that runs is loaded

        return run_in_process(wish.name, wish.scenario, wish.seed, sight=wish.sight, folder=folder, progress=progress)
    if wish.sight is not Sight.DETECTOR:
        raise ScenarioError("processes see with the shipped detector; leave --sight away or use --mode in-process")
    from simulator.rig.process_run import run_processes  # noqa: PLC0415

    return run_processes(
        wish.name,
        wish.scenario,
        wish.seed,
        speed=wish.speed,
        broker=wish.broker,
        database_url=wish.database_url,
        folder=folder,
        progress=progress,
    )
