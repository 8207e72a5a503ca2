# SPDX-License-Identifier: AGPL-3.0-or-later
"""A file of reference crops comes back as it was, or is refused with the reason."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.crop_features import HEIGHT_PX, WIDTH_PX
from edge.errors import ReferencesError, ReferencesMismatch
from edge.reference_crops import ReferenceCrops, load_reference_crops, save_reference_crops
from tests.toy_network import toy_calibration


def crops(calibration_id: str | None = None) -> ReferenceCrops:
    rng = np.random.default_rng(1)
    return ReferenceCrops(
        calibration_id or toy_calibration().calibration_id,
        "toy",
        rng.integers(0, 255, (3, HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8),
        ("COLA", "COLA", "TEA"),
        rng.uniform(50, 90, (3, 2)).astype(np.float32),
    )


def test_what_was_saved_comes_back_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    save_reference_crops(crops(), tmp_path / "cam-1.npz")
    kept = load_reference_crops(tmp_path / "cam-1.npz")
    assert (kept.calibration_id, kept.model_id, kept.skus) == (crops().calibration_id, "toy", crops().skus)
    assert np.array_equal(kept.thumbnails, crops().thumbnails)
    assert np.array_equal(kept.wh_mm, crops().wh_mm)
    assert [path.name for path in tmp_path.iterdir()] == ["cam-1.npz"]


def test_crops_of_another_calibration_are_refused_with_both_ids() -> None:
    assert crops().belonging_to(toy_calibration()).skus == crops().skus
    with pytest.raises(ReferencesMismatch, match=r"cal-00000000deadbeef.*cam-1.*calibrate references"):
        crops("cal-00000000deadbeef").belonging_to(toy_calibration())


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReferencesError, match="cannot be written"):
        save_reference_crops(crops(), tmp_path / "absent" / "cam-1.npz")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"layout": np.array(1)}, "layout: is 1, expected 2"),
        ({"skus": np.array(["A"])}, "thumbnails"),
        ({"skus": np.zeros(0, np.str_)}, "skus: holds 0 crops"),
        ({"thumbnails": np.zeros((3, 8, 8, 3), np.uint8)}, "thumbnails: is uint8"),
        ({"wh_mm": np.full((3, 2), np.nan)}, "wh_mm"),
        ({"wh_mm": None}, "wh_mm"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_field(
    tmp_path: Path, changes: dict[str, np.ndarray | None], complaint: str
) -> None:
    sound = crops()
    arrays: dict[str, np.ndarray | None] = {
        "layout": np.array(2),
        "calibration_id": np.array(sound.calibration_id),
        "model_id": np.array("toy"),
        "thumbnails": sound.thumbnails,
        "skus": np.array(sound.skus),
        "wh_mm": sound.wh_mm,
    }
    written = {name: array for name, array in (arrays | changes).items() if array is not None}
    np.savez(tmp_path / "cam-1.npz", **written)  # type: ignore[arg-type]  # its own flag is told by name
    with pytest.raises(ReferencesError, match=complaint) as refusal:
        load_reference_crops(tmp_path / "cam-1.npz")
    assert str(tmp_path / "cam-1.npz") in str(refusal.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(where=st.floats(0, 1), damage=st.sampled_from(["cut", "flip", "empty"]))
def test_a_damaged_file_is_refused_or_usable(tmp_path: Path, where: float, damage: str) -> None:
    path = tmp_path / "cam-1.npz"
    save_reference_crops(crops(), path)
    content = bytearray(path.read_bytes())
    place = int(where * (len(content) - 1))
    if damage == "cut":
        content = content[:place]
    elif damage == "flip":
        content[place] ^= 0xFF
    else:
        content = bytearray()
    path.write_bytes(bytes(content))
    try:
        kept = load_reference_crops(path)
    except ReferencesError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert len(kept.skus) == len(kept.thumbnails) == len(kept.wh_mm)


def test_an_absent_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReferencesError, match="cannot be read"):
        load_reference_crops(tmp_path / "absent.npz")
