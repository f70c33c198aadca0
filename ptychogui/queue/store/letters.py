"""Letters: reports that are owed, by mail, to the webhook or to the desktop, until they are sent; and how they are."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from ptychogui.notify.report import Report
from ptychogui.notify.settings import PostSettings
from ptychogui.queue.store.store import Store

MAIL, WEBHOOK, DESKTOP = "mail", "webhook", "desktop"

_SETTING = "post"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Letter:
    """A report that is owed.

    Attributes:
        id: its number, never given to another.
        report: what is told.
        tries: how often it was refused for the time being.
        cause: why it was not sent the last time; "" before.
    """

    id: int
    report: Report
    tries: int
    cause: str


def owe(change: sqlite3.Connection, report: Report, ways: Sequence[str]) -> None:
    """Write down, as a part of a transaction, that a report is to be sent; one that is owed already is not again."""
    change.executemany(
        "INSERT OR IGNORE INTO letters (uid, way, report) VALUES (?, ?, ?)",
        [(report.uid, way, report.to_json()) for way in ways],
    )


def waiting(store: Store, way: str) -> list[Letter]:
    """Return what is to be sent one way, first what was tried least."""
    rows = store.read("SELECT id, report, tries, cause FROM letters WHERE way = ? ORDER BY tries, id", (way,))
    return [Letter(row["id"], Report.from_json(row["report"]), row["tries"], row["cause"]) for row in rows]


def remove(store: Store, letter_id: int) -> None:
    """Strike out what was sent, or never will be."""
    with store.transaction() as change:
        change.execute("DELETE FROM letters WHERE id = ?", (letter_id,))


def note(store: Store, letter_id: int, cause: str, tries: int) -> None:
    """Write down why a letter could not be sent, and how often it was refused by now."""
    with store.transaction() as change:
        change.execute("UPDATE letters SET cause = ?, tries = ? WHERE id = ?", (cause, tries, letter_id))


def post_settings(store: Store) -> PostSettings:
    """Return how word is sent."""
    return _parsed(store.setting(_SETTING))


def settings_in(change: sqlite3.Connection) -> PostSettings:
    """Return how word is sent, as a part of a transaction."""
    row = change.execute("SELECT value FROM settings WHERE name = ?", (_SETTING,)).fetchone()
    return _parsed(row[0] if row else "")


def keep_post_settings(store: Store, settings: PostSettings) -> None:
    """Remember how word is to be sent."""
    store.keep_setting(_SETTING, settings.to_json())


def _parsed(text: str) -> PostSettings:
    """Read settings; those that a later version wrote are no reason to fail."""
    try:
        return PostSettings.from_json(text)
    except (ValueError, TypeError) as error:
        _log.warning("the settings of mail can't be read (%s), and count as not set", error)
        return PostSettings()
