"""The file of the store: made, brought to the present version, and refused where it is another's or damaged."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import psutil
import pytest

from ptychogui.errors import DataError, OutputError
from ptychogui.queue.store import schema
from ptychogui.queue.store.folders import STORE
from ptychogui.queue.store.store import Store
from tests.queue.conftest import Add


def _pragma(store: Store, name: str) -> object:
    return store.read(f"PRAGMA {name}")[0][0]


def test_a_new_store_says_whose_it_is_and_syncs_what_it_writes(store: Store) -> None:
    assert _pragma(store, "application_id") == schema.APPLICATION_ID
    assert _pragma(store, "user_version") == len(schema.MIGRATIONS)
    assert _pragma(store, "synchronous") == 2
    assert _pragma(store, "journal_mode") == "wal"


def test_elsewhere_than_on_a_disk_of_this_machine_it_keeps_a_rollback_journal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = psutil.disk_partitions(all=True)[0]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_all: [part._replace(mountpoint="/", fstype="nfs4")])
    with Store(folder) as store:
        assert _pragma(store, "journal_mode") == "delete"


def test_folder_and_file_are_closed_to_others(store: Store) -> None:
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_in_a_folder_that_is_shared_with_the_group_they_are_open_to_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    with Store(tmp_path / "queue") as store:
        assert stat.S_IMODE(store.folder.stat().st_mode) == 0o2770
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o660


def test_an_older_store_is_brought_to_the_present_version_with_its_jobs(
    folder: Path, add: Add, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = add()
    later = (*schema.MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN comment TEXT NOT NULL DEFAULT 'none'",))
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    with Store(folder) as migrated:
        assert _pragma(migrated, "user_version") == len(later)
        assert [tuple(row) for row in migrated.read("SELECT id, comment FROM jobs")] == [(job, "none")]
        assert migrated.entry(job).id == job


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    folder: Path, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = add()
    broken = (*schema.MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN comment TEXT", "SELECT no_such_thing FROM jobs"))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", broken)
        with pytest.raises(OutputError, match="no_such_thing"):
            Store(folder)
    with Store(folder) as store:
        assert _pragma(store, "user_version") == len(schema.MIGRATIONS)
        assert store.entry(job).id == job


def test_a_store_of_a_later_version_is_left_alone(folder: Path, store: Store) -> None:
    store.read("PRAGMA user_version = 99")
    known = len(schema.MIGRATIONS)
    with pytest.raises(DataError, match=f"has version 99, this ptychogui knows {known}: use the ptychogui that wrote"):
        Store(folder)


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_store_is_kept(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / STORE).write_bytes(content)
    with pytest.raises(DataError, match="clear --begin-anew"):
        Store(folder)
    assert (folder / STORE).read_bytes() == content


def test_the_database_of_another_program_is_kept(folder: Path) -> None:
    folder.mkdir()
    other = sqlite3.connect(folder / STORE)
    other.execute("CREATE TABLE birds (name TEXT)")
    other.close()
    with pytest.raises(DataError, match="is no queue of ptychogui"):
        Store(folder)


def test_damage_inside_is_found_by_reading_all(folder: Path, add: Add, store: Store) -> None:
    for _ in range(50):
        add()
    store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    size = store.path.stat().st_size
    with store.path.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size // 4))
    with pytest.raises(DataError, match="is damaged"), Store(folder) as again:
        again.check_whole()


def test_what_is_put_aside_is_all_there_and_another_begins(folder: Path, add: Add, store: Store) -> None:
    job = add()
    store.close()
    kept = schema.put_aside(folder / STORE)
    with Store(folder) as new:
        assert new.entries() == []
    connection = schema.open_database(kept)
    assert connection.execute("SELECT id FROM jobs").fetchone()[0] == job
    connection.close()


def test_a_full_disk_is_said_and_changes_nothing(store: Store, add: Add) -> None:
    add()
    pages = store.read("PRAGMA page_count")[0][0]
    store.read(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OutputError, match=r"full.*free some space"):
        for _ in range(100):
            add()
    store.read("PRAGMA max_page_count = 1000000")
    before = len(store.entries())
    add()
    assert len(store.entries()) == before + 1


def test_another_process_that_holds_the_store_is_named_as_the_reason(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_S", 0.01)
    with store.transaction(), Store(folder) as other, pytest.raises(OutputError, match="another process holds it"):
        other.keep_setting("name", "value")
