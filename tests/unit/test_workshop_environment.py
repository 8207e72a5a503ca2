# SPDX-License-Identifier: AGPL-3.0-or-later
"""The environment in which the workshop's tests run: who gets it, what is locked in it, and its one stand-in."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
LOCKS = REPOSITORY / "deploy" / "lock"
WORKSHOP_CALL = 'pytest -m "train and not library"'


def _planned(*arguments: str, **variables: str) -> str:
    """What `make test` would do."""
    plain = {name: value for name, value in os.environ.items() if name not in {"CI", "TRAIN", "MAKEFLAGS", "MAKELEVEL"}}
    command = ["make", "--dry-run", "test", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=plain | variables, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def _locked(name: str) -> dict[str, set[str]]:
    text = (LOCKS / name).read_text(encoding="utf-8")
    versions: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE):
        versions.setdefault(package, set()).add(version)
    return versions


def test_ci_runs_the_workshops_tests_and_so_does_who_asks() -> None:
    for plan in (_planned(CI="true"), _planned("TRAIN=1")):
        assert WORKSHOP_CALL in plan
        assert "left out" not in plan


def test_who_does_not_ask_is_told_what_was_left_out_and_how_to_include_it() -> None:
    plan = _planned("TRAIN=0")
    assert WORKSHOP_CALL not in plan
    *_, left_out, how_to_include = [line for line in plan.splitlines() if line.startswith("echo ")]
    assert "were left out" in left_out
    assert "make test TRAIN=1" in how_to_include


def test_it_agrees_with_the_environment_that_it_borrows_from() -> None:
    development, workshop = _locked("dev.txt"), _locked("train.txt")
    assert {"ultralytics", "onnx", "onnxruntime"} <= set(workshop)
    assert {name: versions for name, versions in workshop.items() if name in development} == {
        name: versions for name, versions in development.items() if name in workshop
    }


def test_a_processor_is_spared_the_libraries_of_gpus() -> None:
    everybody, gpus = _locked("train.txt"), _locked("train-gpu.txt")
    assert not set(everybody) & set(gpus)
    assert {"torch", "torchvision", "triton"} <= set(gpus)
    assert [name for name in everybody if re.match(r"cuda-|nvidia-(?!ml-py$)", name)] == []
    assert "opencv-python" not in everybody  # it would write over the headless one


def test_processors_and_gpus_run_the_same_torch() -> None:
    (alone,), (gpu,) = _locked("train-cpu.txt")["torch"], _locked("train-gpu.txt")["torch"]
    assert alone == f"{gpu}+cpu"


def _stand_in() -> ModuleType:
    path = REPOSITORY / "tests" / "torchvision_stand_in" / "torchvision" / "ops.py"
    spec = importlib.util.spec_from_file_location("torchvision_stand_in_ops", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _iou(one: Any, other: Any) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = np.clip(high - low, 0, None).prod()
    return float(shared / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - shared))


@pytest.mark.train
@pytest.mark.parametrize("seed", range(20))
def test_the_stand_in_keeps_the_surest_of_boxes_that_overlap(seed: int) -> None:
    import torch  # noqa: PLC0415 - the train extra may be absent

    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 30))
    low = rng.uniform(0, 50, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 40, (count, 2))], axis=1)
    scores = rng.permutation(count) / max(count, 1)
    kept = _stand_in().nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.4).tolist()
    assert scores[kept].tolist() == sorted(scores[kept], reverse=True)
    for box in range(count):
        surer = [other for other in kept if scores[other] > scores[box]]
        overlapped = any(_iou(boxes[box], boxes[other]) > 0.4 for other in surer)
        assert overlapped == (box not in kept)
