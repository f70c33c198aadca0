"""A transaction of SQLite: what a block changes is changed wholly or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Change a database in the block; no other process changes it meanwhile.

    Args:
        connection: with isolation_level None, in no transaction.

    Raises:
        sqlite3.Error: it can't be changed; nothing is.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
