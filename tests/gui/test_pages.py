"""Pages and their tabs."""

from __future__ import annotations

import pytest
from PyQt5.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from ptychogui.views.shell.pages import Page, Pages, There


@pytest.fixture
def pages(qtbot: QtBot) -> Pages:
    made = Pages(QLabel("welcome"))
    qtbot.addWidget(made)
    made.add(Page("scan", "Scan", QLabel("scan")))
    made.add(Page("run", "Reconstruction", QLabel("run")))
    made.add(Page("question", "Question", QLabel("question")))
    made.show()
    return made


def titles(pages: Pages) -> list[str]:
    return [pages.tabs.tabText(place) for place in range(pages.tabs.count())]


def test_before_any_page_there_is_a_welcome_without_tabs(pages: Pages) -> None:
    assert (pages.current, titles(pages), pages.tabs.isHidden()) == ("", [], True)


def test_a_tab_is_there_once_its_page_was_shown(pages: Pages) -> None:
    pages.turn_to("run")
    assert (pages.current, titles(pages), pages.tabs.isHidden()) == ("run", ["Reconstruction"], False)
    pages.turn_to("question")
    pages.turn_to("scan")
    pages.turn_to("run")
    assert (pages.current, titles(pages)) == ("run", ["Scan", "Reconstruction", "Question"])


def test_a_tab_shows_its_page(pages: Pages) -> None:
    pages.turn_to("run")
    pages.turn_to("scan")
    pages.tabs.setCurrentIndex(1)
    assert pages.current == "run"


def test_a_page_that_is_taken_away_is_followed_by_another_where_it_was_seen(pages: Pages) -> None:
    pages.turn_to("run")
    pages.take_away("question", then="scan")
    assert (pages.current, titles(pages)) == ("run", ["Reconstruction"])
    pages.turn_to("question")
    pages.take_away("question", then="scan")
    assert (pages.current, titles(pages)) == ("scan", ["Scan", "Reconstruction"])
    pages.turn_to("question")
    pages.turn_to("run")
    pages.take_away("question", then="scan")
    assert (pages.current, titles(pages)) == ("run", ["Scan", "Reconstruction"])


def test_a_page_that_is_always_there_has_its_tab_beside_the_first_one_shown(pages: Pages) -> None:
    pages.add(Page("queue", "Queue", QLabel("queue"), There.ALWAYS))
    assert pages.current == "" and pages.tabs.isHidden()
    pages.turn_to("scan")
    assert (pages.current, titles(pages)) == ("scan", ["Scan", "Queue"])
    pages.turn_to("queue")
    assert pages.current == "queue"
