# SPDX-License-Identifier: AGPL-3.0-or-later
"""A reference view outlives the process, and a damaged file costs it and nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.reference import Reference
from edge.reference_file import ReferenceFile


def reference(calibration_id: str = "cal-1") -> Reference:
    rng = np.random.default_rng(1)
    return Reference(
        calibration_id,
        datetime(2026, 11, 23, 9, tzinfo=UTC),
        rng.integers(0, 255, (48, 64), dtype=np.uint8),
        rng.integers(0, 3, (48, 64), dtype=np.uint8),
        np.array([[1.0, 0.01, 2.0], [-0.01, 1.0, 3.0], [0.0, 0.0, 1.0]]),
    )


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    ReferenceFile(tmp_path, "cam-1").keep(reference())
    kept = ReferenceFile(tmp_path, "cam-1").load("cal-1")
    assert kept is not None
    assert kept.captured_at == reference().captured_at
    assert np.array_equal(kept.grey, reference().grey)
    assert np.array_equal(kept.ground, reference().ground)
    assert np.array_equal(kept.from_anchor, reference().from_anchor)


def test_a_new_calibration_has_no_reference_yet(tmp_path: Path) -> None:
    ReferenceFile(tmp_path, "cam-1").keep(reference())
    assert ReferenceFile(tmp_path, "cam-1").load("cal-2") is None
    assert ReferenceFile(tmp_path, "cam-2").load("cal-1") is None


def test_a_newer_reference_takes_the_place_of_the_older(tmp_path: Path) -> None:
    file = ReferenceFile(tmp_path, "cam-1")
    file.keep(reference("cal-1"))
    file.keep(reference("cal-2"))
    assert file.load("cal-1") is None
    assert file.load("cal-2") is not None
    assert [path.name for path in tmp_path.iterdir()] == ["reference-cam-1.npz"]


def test_a_folder_that_cannot_be_written_costs_the_reference_alone(tmp_path: Path) -> None:
    file = ReferenceFile(tmp_path / "absent", "cam-1")
    file.keep(reference())
    assert file.load("cal-1") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(where=st.floats(0, 1), damage=st.sampled_from(["cut", "flip", "empty"]))
def test_a_damaged_file_gives_no_reference_or_a_usable_one(tmp_path: Path, where: float, damage: str) -> None:
    file = ReferenceFile(tmp_path, "cam-1")
    file.keep(reference())
    path = tmp_path / "reference-cam-1.npz"
    whole = path.read_bytes()
    at = min(int(where * len(whole)), len(whole) - 1)
    match damage:
        case "cut":
            path.write_bytes(whole[:at])
        case "flip":
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        case _:
            path.write_bytes(b"")
    kept = file.load("cal-1")
    assert kept is None or kept.grey.shape == kept.ground.shape == (48, 64)


@pytest.mark.parametrize("content", [b"not an archive", b"PK\x03\x04"])
def test_another_file_under_its_name_gives_no_reference(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "reference-cam-1.npz").write_bytes(content)
    assert ReferenceFile(tmp_path, "cam-1").load("cal-1") is None
