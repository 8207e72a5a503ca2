# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is put into a watched folder is taken when it is whole, once, and never by a trick."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from server import tables
from server.books_settings import WatchedFolder
from server.database import migrate, open_engine, reading
from server.errors import HubError
from server.folder_entries import kept_name, label_of
from server.judgement_settings import JudgeSettings
from server.watched_folder import BooksDesk, FolderTally, FolderWatch

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HEADER = "sku,kind,units,occurred_at,reference\n"
GOOD = HEADER + "TEA,opening,20,2026-11-01T00:00:00Z,\nTEA,sale,3,2026-11-02T00:00:00Z,T1\n"


class Shop:
    """A watched folder with a clock that only the test turns."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self.engine = engine
        self.clock_s = 0.0
        self.restart()

    def restart(self) -> None:
        self.watch = FolderWatch(self.engine, WatchedFolder(folder=self.folder), JudgeSettings().zone_info)

    def step(self, after_s: float = 0.0) -> FolderTally:
        self.clock_s += after_s
        return self.watch.step(NOW + timedelta(seconds=self.clock_s), self.clock_s)

    def settle(self) -> FolderTally:
        self.step()
        return self.step(6)

    def names(self, inside: str) -> list[str]:
        return sorted(path.name for path in (self.folder / inside).iterdir())

    def units(self) -> int | None:
        with reading(self.engine) as connection:
            return connection.execute(select(func.sum(tables.book_latest.c.units))).scalar_one_or_none()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    migrate(engine)
    folder = tmp_path / "books"
    folder.mkdir()
    yield Shop(folder, engine)
    engine.dispose()


def test_a_file_is_taken_once_it_rests(shop: Shop) -> None:
    shop.step()
    (shop.folder / "monday.csv").write_text(GOOD)
    assert shop.step().waiting_count == 1
    assert shop.step(3).taken_count == 0
    assert shop.step(3).taken_count == 1
    assert shop.units() == 17
    (kept,) = shop.names("taken")
    assert kept.startswith("monday.")
    assert kept.endswith(".csv")
    assert [path.name for path in shop.folder.iterdir() if path.is_file()] == []


def test_a_file_that_grows_is_left_alone_until_it_rests(shop: Shop) -> None:
    path = shop.folder / "monday.csv"
    for end in range(10, len(GOOD), 40):
        path.write_text(GOOD[:end])
        assert shop.step(4).taken_count == 0
    path.write_text(GOOD)
    shop.step()
    assert shop.step(6).taken_count == 1
    assert shop.units() == 17


@pytest.mark.parametrize("name", ["monday.csv.part", ".monday.csv", "monday.csv~", "monday.tmp"])
def test_a_name_that_says_half_written_waits_for_its_real_one(shop: Shop, name: str) -> None:
    (shop.folder / name).write_text(GOOD)
    assert shop.settle().taken_count == 0
    (shop.folder / name).rename(shop.folder / "monday.csv")
    assert shop.settle().taken_count == 1


def test_a_copy_that_broke_off_is_refused_and_its_whole_is_taken(shop: Shop) -> None:
    (shop.folder / "monday.csv").write_text(GOOD[:-4])
    assert shop.settle().refused_count == 1
    assert shop.units() is None
    (shop.folder / "monday.csv").write_text(GOOD)
    assert shop.settle().taken_count == 1
    assert shop.units() == 17


def test_what_is_refused_lies_beside_its_faults(shop: Shop) -> None:
    (shop.folder / "monday.csv").write_text(GOOD + "TEA,sale,x,soon,\n" + "TEA,gift,1,2026-11-02T00:00:00Z,\n")
    (shop.folder / "tuesday.json").write_text(
        '[{"sku": "RICE", "kind": "hand_count", "units": 4, "occurred_at": "2026-11-02T00:00:00Z"}]'
    )
    tally = shop.settle()
    assert (tally.taken_count, tally.refused_count, tally.troubles) == (1, 1, [])
    file, report = shop.names("refused")
    assert report == f"{file}.faults.txt"
    kinds = "opening, receipt, sale, return, waste, transfer, adjustment, hand_count"
    instant = "expected an instant with its UTC offset, such as 2026-11-23T08:30:00+01:00"
    assert (shop.folder / "refused" / report).read_text().splitlines() == [
        "3 faults; nothing of this file was written.",
        "monday.csv:4: units: is 'x'; expected a whole number",
        f"monday.csv:4: occurred_at: is 'soon'; {instant}",
        f"monday.csv:5: kind: is 'gift'; expected one of {kinds}",
    ]
    assert shop.units() == 4


def test_repeated_and_reordered_files_do_no_harm(shop: Shop) -> None:
    sale = HEADER + "TEA,sale,3,2026-11-02T00:00:00Z,T1\nTEA,sale,2,2026-11-03T00:00:00Z,T2\n"
    for number, text in enumerate((sale, GOOD, sale, GOOD)):
        (shop.folder / f"file-{number}.csv").write_text(text)
        assert shop.settle().refused_count == 0
    assert shop.units() == 15


def test_the_same_file_again_is_kept_once(shop: Shop) -> None:
    for _ in range(3):
        (shop.folder / "monday.csv").write_text(GOOD)
        shop.settle()
    assert len(shop.names("taken")) == 1


@pytest.mark.parametrize("moment", ["claimed", "written", "reported"])
def test_a_crash_between_any_two_steps_does_no_harm(shop: Shop, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class PowerCut(BaseException):
        pass

    def cut(*_: Any, **__: Any) -> None:
        raise PowerCut

    (shop.folder / "good.csv").write_text(GOOD)
    (shop.folder / "wrong.csv").write_text(HEADER + "RICE,sale,x,2026-11-02T00:00:00Z,\n")
    with monkeypatch.context() as patch:
        if moment == "claimed":
            patch.setattr(FolderWatch, "_take", cut)
        else:  # after the ledger's commit, or after the report was written: the file is not moved any more
            real = os.rename
            before = "taken" if moment == "written" else "refused"

            def rename(source: Any, target: Any, *, src_dir_fd: int, dst_dir_fd: int) -> None:
                leaves = Path(f"/proc/self/fd/{dst_dir_fd}").readlink().name == before and not str(source).startswith(
                    "."
                )
                if leaves:
                    raise PowerCut
                real(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

            patch.setattr(os, "rename", rename)
        with pytest.raises(PowerCut):
            shop.settle()
    shop.restart()
    shop.settle()
    assert shop.units() == 17
    assert [len(shop.names(name)) for name in ("taking", "taken", "refused")] == [0, 1, 2]


def test_tricks_with_paths_are_refused_and_read_nothing(shop: Shop, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("sku,kind\nhunter2,hunter2\n")
    (shop.folder / "link.csv").symlink_to(secret)
    (shop.folder / "hard.csv").hardlink_to(secret)
    os.mkfifo(shop.folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(shop.folder / "s.csv"))
    (shop.folder / "dir.csv").mkdir()
    (shop.folder / "dir.csv" / "inner.csv").write_text(GOOD)
    os.close(os.open(os.fsencode(shop.folder) + b"/\xff\x1b[2J\n.csv", os.O_CREAT | os.O_WRONLY))
    (shop.folder / ("x" * 251 + ".csv")).write_text(GOOD)
    tally = shop.settle()
    assert (tally.refused_count, tally.taken_count, tally.troubles) == (5, 1, [])
    reports = "".join(path.read_text() for path in (shop.folder / "refused").glob("*.faults.txt"))
    assert "hunter2" not in reports
    assert "\x1b" not in reports
    assert "symbolic link" in reports
    assert "hard link" in reports
    assert secret.read_text().endswith("hunter2\n")
    assert shop.units() == 17
    assert (shop.folder / "dir.csv" / "inner.csv").exists()


def test_folders_that_lead_elsewhere_stop_the_watch_in_words(shop: Shop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (shop.folder / "taken").symlink_to(elsewhere)
    (shop.folder / "monday.csv").write_text(GOOD)
    with pytest.raises(HubError, match="taken cannot be used"):
        shop.settle()
    assert list(elsewhere.iterdir()) == []
    assert shop.units() is None
    desk = BooksDesk(shop.engine, [WatchedFolder(folder=tmp_path / "absent")], JudgeSettings().zone_info)
    with pytest.raises(HubError, match="absent cannot be used"):
        desk.step(NOW)


def test_two_hubs_do_not_take_the_same_folder(shop: Shop) -> None:
    descriptor = os.open(shop.folder, os.O_RDONLY)
    try:
        import fcntl  # noqa: PLC0415 - what the other hub does

        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(HubError, match="another process"):
            shop.step()
    finally:
        os.close(descriptor)


def test_one_file_that_cannot_be_decided_does_not_hold_up_the_others(shop: Shop) -> None:
    locked = shop.folder / "a.csv"
    locked.write_text(GOOD)
    (shop.folder / "b.csv").write_text(HEADER + "RICE,receipt,5,2026-11-02T00:00:00Z,D1\n")
    os.utime(locked, (1, 1))
    real = FolderWatch._into_ledger  # a database that answers one file with an error of its own

    def broken(watch: FolderWatch, books: Any, now: datetime) -> Any:
        if books.source == "a.csv":
            raise OSError(5, "Input/output error")
        return real(watch, books, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderWatch, "_into_ledger", broken)
        tally = shop.settle()
    assert tally.taken_count == 1
    assert tally.troubles
    assert tally.troubles[0].startswith("a.csv: OSError")
    assert shop.step(1).taken_count == 2
    assert shop.units() == 22


@given(st.binary(min_size=1, max_size=255).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_kept_names_are_plain_and_short_whatever_they_were(raw: bytes) -> None:
    name = kept_name(label_of(os.fsdecode(raw)), "0123456789ab")
    assert name.isascii()
    assert name.isprintable()
    assert "/" not in name
    assert name not in {".", ".."}
    assert "0123456789ab" in name
    assert len(name) + len(".faults.txt") + len("..part") < 255
