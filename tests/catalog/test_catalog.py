"""The catalog as a whole: its index may be lost, damaged, old or out of reach; a kill at any point harms nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ptychogui.catalog.catalog import find, look_through, mark, note_result
from ptychogui.catalog.folders import name_folders
from ptychogui.catalog.index import INDEX, Index
from ptychogui.errors import OutputError
from tests.catalog.conftest import Make

COUNT = 12
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def many(home: Path, results: Path, make: Make) -> Path:
    for number in range(COUNT):
        make(f"scan_{number:02}.cxi")
    name_folders([results])
    return results


def digest(folder: Path) -> str:
    """Return a digest of all files of a folder."""
    parts = [path.name.encode() + path.read_bytes() for path in sorted(folder.iterdir())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_the_first_search_finds_what_is_in_the_folders(many: Path) -> None:
    assert len(find("")) == COUNT


def test_an_index_that_was_thrown_away_is_made_anew(many: Path, home: Path) -> None:
    mark(many / "scan_03.cxi", stars=3, tags=("x",))
    look_through()
    (home / INDEX).unlink()
    assert [entry.title for entry in find("tag:x")] == ["scan_03"]
    assert len(find("")) == COUNT


def damage_head(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def damage_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:-1] = b"\xa5" * (len(content) - 4097)
    path.write_bytes(bytes(content))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def make_older(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 0")
    connection.close()


def make_foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (a)")
    connection.close()


def lose_a_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE results")
    connection.close()


@pytest.mark.parametrize("spoil", [damage_head, damage_middle, cut_off, make_older, make_foreign, lose_a_table])
def test_an_index_that_is_no_good_is_made_anew(many: Path, home: Path, spoil) -> None:
    look_through()
    spoil(home / INDEX)
    assert len(find("scan")) == COUNT
    note_result(many / "scan_00.cxi")
    assert len(find("")) == COUNT


def test_a_job_that_finds_the_index_spoilt_leaves_the_rest_to_the_next_search(many: Path, home: Path) -> None:
    look_through()
    damage_head(home / INDEX)
    note_result(many / "scan_00.cxi")
    assert len(find("")) == COUNT


def test_an_index_on_a_read_only_disk_is_still_searched(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look_through()
    connect = sqlite3.connect

    def read_only(path: Path, timeout: float, isolation_level: None) -> sqlite3.Connection:
        return connect(f"file:{path}?mode=ro", uri=True, timeout=timeout, isolation_level=isolation_level)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    assert len(find("scan:0-3")) == 4
    with pytest.raises(OutputError, match="can't be used now"):
        look_through()
    note_result(many / "scan_00.cxi")


def test_a_place_where_no_index_can_be_is_said(many: Path, home: Path) -> None:
    (home / INDEX).mkdir(parents=True)
    with pytest.raises(OutputError, match="see whether its folder can be written"):
        find("")
    note_result(many / "scan_00.cxi")


def test_a_job_never_fails_for_the_catalog(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def put(*given: object) -> None:
        tried.append(given)
        raise ZeroDivisionError

    monkeypatch.setattr(Index, "put", put)
    note_result(many / "scan_00.cxi")
    assert len(tried) == 1
    note_result(many / "absent.cxi")
    assert len(tried) == 1, "a file that is not there is not put in"


def test_marks_stay_where_the_index_can_not_be_written(many: Path, home: Path) -> None:
    (home / INDEX).mkdir(parents=True)
    mark(many / "scan_01.cxi", stars=2)
    (home / INDEX).rmdir()
    assert [entry.title for entry in find("starred")] == ["scan_01"]


KILLED = """
import os, signal, sqlite3, sys
left = int(sys.argv[1])
class Connection(sqlite3.Connection):
    def execute(self, *arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*arguments)
connect = sqlite3.connect
sqlite3.connect = lambda *a, **k: connect(*a, factory=Connection, **k)
from ptychogui.catalog.catalog import look_through
look_through()
"""


@pytest.mark.parametrize("statement", [1, 4, 7, 12, 15, 20, 22, 33, 48, 61, 77])
def test_a_kill_before_any_statement_leaves_index_and_results_whole(many: Path, home: Path, statement: int) -> None:
    before = digest(many)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(statement)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert digest(many) == before
    assert len(find("")) == COUNT
    with Index() as index:
        assert index.count() == COUNT
        assert len({entry.id for entry in find("")}) == COUNT


def test_a_kill_while_the_index_is_searched_and_written(many: Path, home: Path) -> None:
    """Processes that scan at the same time, some of them killed, end with one whole index."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", "from ptychogui.catalog.catalog import look_through; look_through()"]
    killed = subprocess.Popen([sys.executable, "-c", KILLED, "40"], env=environment)
    whole = subprocess.Popen(command, env=environment)
    assert killed.wait() == -signal.SIGKILL
    assert whole.wait() == 0
    assert len(find("")) == COUNT
