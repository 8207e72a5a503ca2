# SPDX-License-Identifier: AGPL-3.0-or-later
"""The outbox keeps every report until the hub has it, whatever kills the node."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.counts import SightState, UnknownReason
from contract.reports import Committed, CountReport, SequenceRange
from edge.errors import OutboxError
from edge.outbox import Outbox

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FIRST_BOOT, SECOND_BOOT = "a" * 32, "b" * 32

OpenOutbox = Callable[..., Outbox]


@pytest.fixture
def open_outbox(tmp_path: Path) -> Iterator[OpenOutbox]:
    opened: list[Outbox] = []

    def make(boot_id: str = FIRST_BOOT, max_reports_count: int = 1000) -> Outbox:
        opened.append(
            Outbox(
                tmp_path / "outbox.sqlite",
                node_id="node-1",
                boot_id=boot_id,
                started_at=NOW,
                max_reports_count=max_reports_count,
            )
        )
        return opened[-1]

    yield make
    for outbox in opened:
        outbox.close()


def report(sequence: int, boot_id: str = FIRST_BOOT) -> CountReport:
    return CountReport(
        node_id="node-1",
        boot_id=boot_id,
        sequence=sequence,
        camera_id="cam-1",
        captured_at=NOW,
        monotonic_s=float(sequence),
        model_id="toy",
        view=SightState.UNKNOWN,
        view_reason=UnknownReason.BLACK,
    )


def sequences(outbox: Outbox) -> list[int]:
    return [pending.key.sequence for pending in outbox.pending(after_position=0, limit=10_000)]


def committed(*ranges: tuple[int, int], boot_id: str = FIRST_BOOT, node_id: str = "node-1") -> Committed:
    spans = tuple(SequenceRange(first=first, last=last) for first, last in ranges)
    return Committed(node_id=node_id, boot_id=boot_id, ranges=spans)


def test_sequences_count_from_one_within_a_boot_and_reports_stay_in_order(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox()
    for _ in range(3):
        outbox.append(report)
    outbox.close()
    outbox = open_outbox(SECOND_BOOT)
    outbox.append(lambda sequence: report(sequence, SECOND_BOOT))
    keys = [(p.key.boot_id, p.key.sequence) for p in outbox.pending(after_position=0, limit=10)]
    assert keys == [(FIRST_BOOT, 1), (FIRST_BOOT, 2), (FIRST_BOOT, 3), (SECOND_BOOT, 1)]
    assert outbox.last_sequences() == {FIRST_BOOT: 3, SECOND_BOOT: 1}
    assert (outbox.pending_count, outbox.last_sequence) == (4, 1)


def test_what_is_pending_is_what_was_appended(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox()
    appended = outbox.append(report)
    assert CountReport.read(outbox.pending(after_position=0, limit=1)[0].payload) == appended


def test_only_the_hubs_answer_for_this_node_and_boot_removes_reports(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox()
    for _ in range(5):
        outbox.append(report)
    assert outbox.settle(committed((1, 5), node_id="node-2")) == 0
    assert outbox.settle(committed((1, 5), boot_id=SECOND_BOOT)) == 0
    assert outbox.settle(committed((1, 2), (4, 4), (90, 99))) == 3
    assert outbox.settle(committed((1, 2))) == 0
    assert sequences(outbox) == [3, 5]
    assert outbox.pending_count == 2


def test_sequences_go_on_after_everything_is_settled(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox()
    for _ in range(3):
        outbox.append(report)
    outbox.settle(committed((1, 3)))
    assert outbox.append(report).sequence == 4
    assert outbox.last_sequence == 4


def test_a_report_that_cannot_be_made_takes_no_sequence(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox()
    outbox.append(report)
    with pytest.raises(ZeroDivisionError):
        outbox.append(lambda sequence: report(sequence // 0))
    assert outbox.append(report).sequence == 2
    assert outbox.pending_count == 2


def test_a_full_outbox_gives_up_the_oldest_and_counts_them(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(max_reports_count=10)
    for _ in range(14):
        outbox.append(report)
    assert sequences(outbox) == list(range(5, 15))
    assert outbox.dropped_count == 4
    outbox.close()
    assert open_outbox(SECOND_BOOT).dropped_count == 4


def test_a_damaged_file_is_put_aside_and_the_node_starts(open_outbox: OpenOutbox, tmp_path: Path) -> None:
    (tmp_path / "outbox.sqlite").write_bytes(b"this is no database" * 500)
    outbox = open_outbox()
    outbox.append(report)
    assert sequences(outbox) == [1]
    assert [file.name for file in tmp_path.glob("*.damaged-*")] == ["outbox.sqlite.damaged-20261123T090000"]


def test_a_disk_that_takes_nothing_is_an_error_and_costs_no_sequence(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox()
    outbox.append(report)
    # The nearest thing to a full disk that a test may do: SQLite refuses to grow the file.
    (pages_count,) = outbox._database.execute("PRAGMA page_count").fetchone()
    outbox._database.execute(f"PRAGMA max_page_count = {pages_count}")

    def fill() -> None:
        for _ in range(1000):
            outbox.append(report)

    with pytest.raises(OutboxError, match="full"):
        fill()
    taken = outbox.last_sequence
    outbox._database.execute("PRAGMA max_page_count = 1000000")
    assert outbox.append(report).sequence == taken + 1
    assert sequences(outbox) == list(range(1, taken + 2))


def test_a_renamed_node_is_told_of_the_reports_that_it_cannot_send(open_outbox: OpenOutbox, tmp_path: Path) -> None:
    outbox = open_outbox()
    outbox.append(report)
    outbox.close()
    with pytest.raises(OutboxError, match=r"1 of node-1.*state_dir"):
        Outbox(tmp_path / "outbox.sqlite", node_id="node-2", boot_id=SECOND_BOOT, started_at=NOW)
    outbox = open_outbox(SECOND_BOOT)
    assert sequences(outbox) == [1]
    outbox.settle(committed((1, 1)))
    outbox.close()
    Outbox(tmp_path / "outbox.sqlite", node_id="node-2", boot_id="c" * 32, started_at=NOW).close()


def test_an_outbox_that_cannot_be_written_is_one_clear_line(open_outbox: OpenOutbox, tmp_path: Path) -> None:
    open_outbox().close()
    database = sqlite3.connect(tmp_path / "outbox.sqlite")
    database.execute("CREATE TRIGGER full BEFORE INSERT ON boot BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    database.commit()
    database.close()
    with pytest.raises(OutboxError, match=r"outbox\.sqlite: cannot be written \(disk is full\)"):
        open_outbox(SECOND_BOOT)


def test_threads_share_it_without_losing_or_repeating_a_sequence(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox()
    threads = [threading.Thread(target=lambda: [outbox.append(report) for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sequences(outbox) == list(range(1, 101))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(1, 40), st.integers(0, 10))), max_size=40))
def test_appending_and_settling_in_any_order_leaves_what_was_not_settled(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int] | None]
) -> None:
    file = tmp_path_factory.mktemp("outbox") / "outbox.sqlite"
    outbox = Outbox(file, node_id="node-1", boot_id=FIRST_BOOT, started_at=NOW)
    expected: list[int] = []
    appended_count = 0
    for step in steps:
        if step is None:
            appended_count += 1
            expected.append(outbox.append(report).sequence)
        else:
            first, span = step
            outbox.settle(committed((first, first + span)))
            expected = [sequence for sequence in expected if not first <= sequence <= first + span]
    assert sequences(outbox) == expected
    assert outbox.last_sequence == appended_count
    assert outbox.pending_count == len(expected)
    outbox.close()


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from contract.counts import SightState, UnknownReason
from contract.reports import Committed, CountReport
from edge.outbox import Outbox

boot_id = uuid4().hex
outbox = Outbox(Path(sys.argv[1]), node_id="node-1", boot_id=boot_id, started_at=datetime.now(UTC))
while True:
    report = outbox.append(lambda sequence: CountReport(
        node_id="node-1", boot_id=boot_id, sequence=sequence, camera_id="cam-1", captured_at=datetime.now(UTC),
        monotonic_s=0.0, model_id="toy", view=SightState.UNKNOWN, view_reason=UnknownReason.BLACK))
    print("appended", boot_id, report.sequence, flush=True)
    if report.sequence % 3 == 0:
        outbox.settle(Committed.of("node-1", boot_id, [report.sequence]))
        print("settled", boot_id, report.sequence, flush=True)
"""


def test_sigkill_at_any_moment_loses_nothing_that_was_on_disk(tmp_path: Path) -> None:
    file = tmp_path / "outbox.sqlite"
    luck = random.Random(7)  # noqa: S311 - moments to kill at, no secret
    appended: set[tuple[str, int]] = set()
    settled: set[tuple[str, int]] = set()
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        said = [writer.stdout.readline()]  # wait until it writes
        time.sleep(luck.uniform(0, 0.15))
        os.kill(writer.pid, signal.SIGKILL)
        said += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        for line in said:
            if line.endswith("\n"):
                verb, boot_id, sequence = line.split()
                (appended if verb == "appended" else settled).add((boot_id, int(sequence)))
    outbox = Outbox(file, node_id="node-1", boot_id=SECOND_BOOT, started_at=NOW)
    kept = {(p.key.boot_id, p.key.sequence) for p in outbox.pending(after_position=0, limit=1_000_000)}
    last_sequences = outbox.last_sequences()
    outbox.close()
    assert appended - settled - {key for key in appended - kept if key[1] % 3 == 0} <= kept
    assert not kept & settled
    # At most one report of each boot was on disk before the writer could say so, and none is missing in between.
    for boot_id in {boot_id for boot_id, _ in appended}:
        told = max(sequence for boot, sequence in appended if boot == boot_id)
        assert last_sequences[boot_id] in {told, told + 1}
        every = {sequence for boot, sequence in kept | settled if boot == boot_id}
        assert {s for s in range(1, last_sequences[boot_id] + 1) if s % 3} <= every
    with sqlite3.connect(file) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


FILLER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from contract.counts import SightState, UnknownReason
from contract.reports import Committed, CountReport
from edge.errors import OutboxError
from edge.outbox import Outbox

file = Path(sys.argv[1]) / "outbox.sqlite"


def opened(boot_id):
    return Outbox(file, node_id="node-1", boot_id=boot_id, started_at=datetime.now(UTC))


def report(sequence):
    return CountReport(
        node_id="node-1", boot_id="a" * 32, sequence=sequence, camera_id="cam-1", captured_at=datetime.now(UTC),
        monotonic_s=0.0, model_id="toy", view=SightState.UNKNOWN, view_reason=UnknownReason.BLACK)


outbox = opened("a" * 32)
taken = 0
try:
    while True:
        taken = outbox.append(report).sequence
except OutboxError:
    pass
if sys.argv[2] == "restarted":
    outbox.close()
    outbox = opened("b" * 32)
for first in range(1, taken + 1, 200):
    outbox.settle(Committed.of("node-1", "a" * 32, list(range(first, min(first + 199, taken) + 1))))
print(taken, outbox.pending_count)
"""


@pytest.mark.parametrize("life", ["unbroken", "restarted"])
def test_a_full_disk_is_emptied_again_when_the_hub_answers(tmp_path: Path, life: str) -> None:
    mount = f"mount -t tmpfs -o size=6m tmpfs {tmp_path}"
    own_mounts = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*own_mounts, mount], check=False, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted")
    script = f'{mount} && exec "$0" -c "$1" {tmp_path} {life}'
    ended = subprocess.run(
        [*own_mounts, script, sys.executable, FILLER], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    taken, left = map(int, ended.stdout.split())
    assert taken > 200
    assert left == 0
