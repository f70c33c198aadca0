"""Letters in the store: owed once, noted, struck out; and how the settings of mail are kept."""

from __future__ import annotations

from ptychogui.notify.report import Report
from ptychogui.notify.settings import PostSettings
from ptychogui.queue.store import letters
from ptychogui.queue.store.letters import MAIL, WEBHOOK
from ptychogui.queue.store.store import Store

ONE, TWO = Report("1", "one", "done", "a@b.org"), Report("2", "two", "failed", "a@b.org")


def _owe(store: Store, report: Report, *ways: str) -> None:
    with store.transaction() as change:
        letters.owe(change, report, ways)


def test_a_letter_is_owed_once_each_way(store: Store) -> None:
    for _ in range(2):
        _owe(store, ONE, MAIL, WEBHOOK)
    assert [letter.report for letter in letters.waiting(store, MAIL)] == [ONE]
    assert [letter.report for letter in letters.waiting(store, WEBHOOK)] == [ONE]


def test_what_was_tried_least_comes_first(store: Store) -> None:
    for report in (ONE, TWO):
        _owe(store, report, MAIL)
    first = letters.waiting(store, MAIL)[0]
    letters.note(store, first.id, "come again later", 1)
    assert [(letter.report.uid, letter.tries, letter.cause) for letter in letters.waiting(store, MAIL)] == [
        ("2", 0, ""), ("1", 1, "come again later"),
    ]  # fmt: skip
    letters.remove(store, first.id)
    assert [letter.report for letter in letters.waiting(store, MAIL)] == [TWO]


def test_settings_are_kept(store: Store) -> None:
    assert letters.post_settings(store) == PostSettings()
    letters.keep_post_settings(store, PostSettings("mail.example.org", tls="tls"))
    assert letters.post_settings(store) == PostSettings("mail.example.org", tls="tls")


def test_settings_of_a_later_version_count_as_not_set(store: Store) -> None:
    store.keep_setting("post", '{"pigeon": true}')
    assert letters.post_settings(store) == PostSettings()
    with store.transaction() as change:
        assert letters.settings_in(change) == PostSettings()
