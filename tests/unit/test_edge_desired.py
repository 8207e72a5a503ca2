# SPDX-License-Identifier: AGPL-3.0-or-later
"""A desired configuration is taken whole or not at all."""

from pathlib import Path

import pytest

from calibration.document import Calibration
from contract.desired import DesiredCalibration, DesiredConfig
from edge import desired
from edge.errors import DesiredRefused
from edge.settings import Settings
from tests.toy_network import toy_calibration

OWN = Settings(look_interval_s=5, report_interval_s=60, evidence=False, calibrations={"cam-1": toy_calibration()})


def overlay(config: DesiredConfig, current: Settings = OWN) -> Settings | None:
    return desired.overlay(OWN, current, config.to_json(), node_id="node-1", camera_ids={"cam-1", "cam-2"})


def for_camera(calibration: Calibration, **fields: str) -> DesiredCalibration:
    part = DesiredCalibration(
        camera_id=calibration.camera_id,
        calibration_id=calibration.calibration_id,
        document_json=calibration.to_json(),
    )
    return part.model_copy(update=fields)


def test_what_it_states_is_taken_and_what_it_leaves_out_stays() -> None:
    taken = overlay(DesiredConfig(node_id="node-1", config_version=1, look_interval_s=9, evidence=True))
    assert taken is not None
    assert (taken.look_interval_s, taken.report_interval_s, taken.evidence, taken.config_version) == (9, 60, True, 1)
    assert taken.calibrations == OWN.calibrations


def test_a_later_one_is_laid_over_the_nodes_own_file_not_over_the_former_one() -> None:
    first = overlay(DesiredConfig(node_id="node-1", config_version=1, look_interval_s=9))
    assert first is not None
    second = overlay(DesiredConfig(node_id="node-1", config_version=2, report_interval_s=30), first)
    assert second is not None
    assert (second.look_interval_s, second.report_interval_s) == (5, 30)


def test_an_older_or_equal_version_is_ignored() -> None:
    current = overlay(DesiredConfig(node_id="node-1", config_version=4))
    assert current is not None
    assert overlay(DesiredConfig(node_id="node-1", config_version=4), current) is None
    assert overlay(DesiredConfig(node_id="node-1", config_version=3), current) is None


def test_a_calibration_replaces_that_of_its_camera_only() -> None:
    other = toy_calibration("cam-2")
    taken = overlay(DesiredConfig(node_id="node-1", config_version=1, calibrations=(for_camera(other),)))
    assert taken is not None
    assert taken.calibrations == {"cam-1": toy_calibration(), "cam-2": other}


def test_all_faults_are_named_and_nothing_is_taken() -> None:
    wrong = DesiredConfig(
        node_id="node-1",
        config_version=1,
        look_interval_s=1,
        calibrations=(
            for_camera(toy_calibration(), calibration_id="cal-" + "0" * 16),
            for_camera(toy_calibration("cam-2"), document_json="{}"),
            for_camera(toy_calibration("cam-9")),
            for_camera(toy_calibration(), camera_id="cam-1"),
        ),
    )
    with pytest.raises(DesiredRefused) as caught:
        overlay(wrong)
    told = str(caught.value)
    for field in ("calibrations.0.calibration_id", "calibrations.1.document_json", "no camera cam-9", "given twice"):
        assert field in told


def test_zones_that_claim_the_same_place_are_refused_as_in_a_file() -> None:
    sound = toy_calibration()
    twins = (sound.zones[0], sound.zones[0].model_copy(update={"zone_id": "twin"}))
    overlapping = for_camera(sound.model_copy(update={"zones": twins}))
    with pytest.raises(DesiredRefused, match=r"calibrations\.0\.document_json: .*shares 100% of its area"):
        overlay(DesiredConfig(node_id="node-1", config_version=1, calibrations=(overlapping,)))


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff\xff", b'{"node_id":"node-1"}'])
def test_rubbish_is_refused(payload: bytes) -> None:
    with pytest.raises(DesiredRefused):
        desired.overlay(OWN, OWN, payload, node_id="node-1", camera_ids={"cam-1"})


def test_one_for_another_node_is_refused() -> None:
    with pytest.raises(DesiredRefused, match="is for node-2"):
        overlay(DesiredConfig(node_id="node-2", config_version=1))


def test_fields_of_a_newer_hub_are_tolerated() -> None:
    payload = b'{"schema_version":1,"node_id":"node-1","config_version":1,"mood":"sunny"}'
    taken = desired.overlay(OWN, OWN, payload, node_id="node-1", camera_ids=set())
    assert taken is not None
    assert taken.config_version == 1


def test_a_kept_one_that_the_disk_does_not_give_back_is_said(tmp_path: Path) -> None:
    (tmp_path / "desired.json").mkdir()
    with pytest.raises(DesiredRefused, match=r"desired\.json cannot be read"):
        desired.kept(tmp_path)


def test_it_is_kept_on_disk_and_replaced_in_one_step(tmp_path: Path) -> None:
    assert desired.kept(tmp_path) is None
    desired.keep(tmp_path, b"first")
    desired.keep(tmp_path, b"second")
    assert desired.kept(tmp_path) == b"second"
    assert [file.name for file in tmp_path.iterdir()] == ["desired.json"]
