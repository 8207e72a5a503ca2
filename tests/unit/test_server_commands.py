# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings hub ...` as an operator meets it: exit status, words, and nothing half done."""

import gzip
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from server import tables
from server.database import migrate, open_engine, reading, writing
from simulator.rig.free_port import free_port

REPOSITORY = Path(__file__).parents[2]
CSV = "sku,kind,units,occurred_at\nTEA,opening,20,2026-01-01T00:00:00Z\nTEA,sale,3,2026-01-02T00:00:00Z\n"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "hub.toml"
    path.write_text(f'database_url = "sqlite:///{tmp_path / "hub.sqlite"}"\n')
    return path


def facings(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "facings", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def movements_count(config_file: Path) -> int:
    engine = open_engine(f"sqlite:///{config_file.parent / 'hub.sqlite'}")
    with reading(engine) as connection:
        count = connection.execute(select(func.count()).select_from(tables.movement)).scalar_one()
    engine.dispose()
    return count


def test_books_are_imported_once_however_often_and_a_dry_run_writes_nothing(config_file: Path) -> None:
    books = config_file.parent / "books.csv"
    books.write_text(CSV)
    command = ("hub", "books", "import", str(books), "--config", str(config_file))
    rehearsed = facings(*command, "--dry-run")
    assert (rehearsed.returncode, rehearsed.stdout.split()[0]) == (0, "2"), rehearsed.stderr
    assert not (config_file.parent / "hub.sqlite").exists()
    assert facings(*command).returncode == 0
    again = facings(*command)
    assert "0 movements" in again.stdout
    assert "2 on record" in again.stdout
    assert movements_count(config_file) == 2


def test_faulty_books_are_refused_with_every_line_and_no_traceback(config_file: Path) -> None:
    books = config_file.parent / "books.csv"
    books.write_text(CSV + "TEA,sale,x,2026-01-02T00:00:00Z\nTEA,gift,1,2026-01-02T00:00:00Z\n")
    refused = facings("hub", "books", "import", str(books), "--config", str(config_file))
    assert refused.returncode == 1
    kinds = "opening, receipt, sale, return, waste, transfer, adjustment, hand_count"
    assert refused.stderr.splitlines() == [
        "books.csv:4: units: is 'x'; expected a whole number",
        f"books.csv:5: kind: is 'gift'; expected one of {kinds}",
    ]


def test_another_programs_export_comes_in_by_its_layout(config_file: Path) -> None:
    export, layout = config_file.parent / "export.csv.gz", config_file.parent / "layout.toml"
    rows = [f"{i % 50};{1 + i // 50:02}.01.2026;0,5;x" for i in range(1000)]
    export.write_bytes(gzip.compress(("Artikel;Tag;Menge;Notiz\n" + "\n".join(rows) + "\n").encode()))
    layout.write_text(
        'units_factor = 10\ndecimal_sign = ","\nday_format = "%d.%m.%Y"\n'
        '[columns]\nsku = "Artikel"\nday = "Tag"\nunits = "Menge"\n'
    )
    command = ("hub", "books", "import", str(export), "--layout", str(layout), "--config", str(config_file))
    taken = facings(*command)
    said = "1000 movements of 50 SKUs added, 0 on record already. Ledger: sqlite:///"
    assert taken.stdout.startswith(said), taken.stderr
    layout.write_text("units_factor = 10\n")
    refused = facings(*command)
    assert (refused.returncode, refused.stderr) == (1, "layout.toml: columns: Field required\n")


def test_calibrations_are_all_taken_or_none(config_file: Path) -> None:
    good, bad = config_file.parent / "good.json", config_file.parent / "bad.json"
    corners = [(0, 0), (1000, 0), (1000, 500), (0, 500)]
    zone: dict[str, Any] = {
        "zone_id": "z1",
        "sku": "TEA",
        "polygon_mm": [[50, 50], [450, 50], [450, 400], [50, 400]],
        "expected_facings_count": 6,
        "facing_width_mm": 60,
        "facing_height_mm": 150,
    }
    document: dict[str, Any] = {
        "camera_id": "c1",
        "image_wh_px": [1000, 500],
        "bay": {"bay_id": "b1", "width_mm": 1000, "height_mm": 500},
        "points": [{"x_px": x, "y_px": 500 - y, "x_mm": x, "y_mm": y} for x, y in corners],
        "zones": [zone],
    }
    good.write_text(json.dumps(document))
    bad.write_text(json.dumps({**document, "camera_id": "c2"}))
    refused = facings("hub", "calibration", "add", str(good), str(bad), "--config", str(config_file))
    assert refused.returncode == 1
    assert "zone z1 belongs to camera c1" in refused.stderr
    taken = facings("hub", "calibration", "add", str(good), "--config", str(config_file))
    assert taken.stdout.startswith("camera c1: cal-"), taken.stderr
    engine = open_engine(f"sqlite:///{config_file.parent / 'hub.sqlite'}")
    with reading(engine) as connection:
        assert list(connection.execute(select(tables.camera.c.camera_id)).scalars()) == ["c1"]
    engine.dispose()


def test_a_wrong_configuration_ends_it_with_the_field_named(config_file: Path) -> None:
    config_file.write_text('listen_host = "0.0.0.0"\n')
    refused = facings("hub", "run", "--config", str(config_file))
    assert refused.returncode == 1
    assert "api_token" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_taken_port_ends_it_at_once(config_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config_file.write_text(config_file.read_text() + f"listen_port = {port}\n")
        refused = facings("hub", "run", "--config", str(config_file))
    assert refused.returncode == 1
    assert f"127.0.0.1:{port}" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_hub_ends_cleanly_even_with_a_listener(config_file: Path, number: signal.Signals) -> None:
    port, broker_port = free_port(), free_port()
    config_file.write_text(
        config_file.read_text() + f"listen_port = {port}\n[broker]\nembedded = true\nport = {broker_port}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "facings", "hub", "run", "--config", str(config_file)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for_health(port, process)
        with httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/events", timeout=20) as stream:
            next(stream.iter_lines())
            process.send_signal(number)
            assert process.wait(timeout=60) == 0
        assert "Traceback" not in process.communicate()[1]
    finally:
        process.kill()
        process.communicate()


def test_a_hub_that_is_told_to_end_while_it_starts_does_so(config_file: Path) -> None:
    port = free_port()
    config_file.write_text(config_file.read_text() + f"listen_port = {port}\n")
    engine = open_engine(f"sqlite:///{config_file.parent / 'hub.sqlite'}")
    migrate(engine)
    with writing(engine):  # the hub's own migration waits for this
        process = subprocess.Popen(
            [sys.executable, "-m", "facings", "hub", "run", "--config", str(config_file)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline_s = time.monotonic() + 60
        while port_is_free(port):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        time.sleep(0.5)
        process.terminate()
    try:
        assert process.wait(timeout=60) == 0
        said, complained = process.communicate()
        assert "http://" not in said
        assert "Traceback" not in complained
    finally:
        process.kill()
        process.communicate()
        engine.dispose()


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait_for_health(port: int, process: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        assert process.poll() is None, process.communicate()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail("the hub did not become healthy")


def test_the_broker_runs_by_itself_and_ends_cleanly() -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "facings", "broker", "run", "--port", str(port)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert f"127.0.0.1:{port}" in process.stdout.readline()
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        process.terminate()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()
