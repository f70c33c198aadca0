"""A transaction changes all or nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ptychogui.transactions import transaction


def test_what_fails_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
    with transaction(connection) as change:
        change.execute("CREATE TABLE numbers (value INTEGER UNIQUE)")
        change.execute("INSERT INTO numbers VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError), transaction(connection) as change:
        change.execute("INSERT INTO numbers VALUES (2)")
        change.execute("INSERT INTO numbers VALUES (1)")
    assert not connection.in_transaction
    assert connection.execute("SELECT value FROM numbers").fetchall() == [(1,)]
    connection.close()
