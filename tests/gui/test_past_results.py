"""Past results in the window: found, sorted, looked at, rated, used again and thrown away; no file harms it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import QItemSelectionModel, Qt
from PyQt5.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.catalog.catalog import look_through
from ptychogui.catalog.folders import name_folders
from ptychogui.catalog.marks import read_marks
from ptychogui.controllers.background import Background
from ptychogui.controllers.pictures.saving import SaveController
from ptychogui.controllers.session import SessionController
from ptychogui.io.result import write_result
from ptychogui.result_joins import PastResults
from ptychogui.views.results.result_model import place_of
from ptychogui.views.shell.pages import Pages
from tests.io.makers import make_result

LONG = 60_000
OBJECT = np.exp(1j * np.random.default_rng(5).normal(size=(48, 48))).astype(np.complex64)
ERRORS = {"fly_001": 1.5, "fly_002": 1.1, "fly_003": 3.0}


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "week"
    folder.mkdir()
    for number, (title, error) in enumerate(ERRORS.items()):
        date = f"2026-11-30T1{number}:00:00+00:00"
        write_result(
            folder / f"{title}.cxi",
            make_result(title=title, object=OBJECT, errors=np.array([4.0, error]), finished=date),
        )
    name_folders([folder])
    return folder


@pytest.fixture
def past(qtbot: QtBot, folder: Path) -> Iterator[PastResults]:
    """Return past results of a catalog that was looked through, as their page shows them."""
    look_through()
    background, pages = Background(), Pages(QLabel("welcome"))
    qtbot.addWidget(pages)
    made = PastResults(pages, SessionController(background), SaveController(background), background)
    pages.resize(900, 600)
    pages.show()
    pages.turn_to("results")
    until(qtbot, lambda: len(titles(made)) == len(ERRORS) and not made.browse._is_looking)
    yield made
    made.close()
    background.close(10)


def until(qtbot: QtBot, what: Callable[[], bool]) -> None:
    qtbot.waitUntil(what, timeout=LONG)


def titles(past: PastResults) -> list[str]:
    return [entry.title for entry in past.page.model.entries]


def press(qtbot: QtBot, past: PastResults, key: Qt.Key) -> None:
    qtbot.keyClick(past.page.grid, key)


def test_the_latest_comes_first_and_others_as_asked_for(past: PastResults) -> None:
    assert titles(past) == ["fly_003", "fly_002", "fly_001"]
    past.page.model.sort(place_of("Error"), Qt.SortOrder.AscendingOrder)
    assert titles(past) == ["fly_002", "fly_001", "fly_003"]


def test_the_one_that_is_chosen_stays_so_when_sorted_and_searched(qtbot: QtBot, past: PastResults) -> None:
    past.page.step(1)
    past.page.model.sort(place_of("Error"), Qt.SortOrder.AscendingOrder)
    assert past.page.current().title == "fly_002"  # type: ignore[union-attr]
    past.page.head.search_for("error<2")
    until(qtbot, lambda: len(titles(past)) == 2)
    assert [entry.title for entry in past.page.chosen()] == ["fly_002"]


def test_a_search_that_makes_no_sense_is_told_at_the_field(qtbot: QtBot, past: PastResults) -> None:
    head = past.page.head
    head.search_for("stars>9")
    until(qtbot, lambda: head.reason.isVisible())
    assert head.reason.text().startswith("stars: there are 0 to 5")
    head.search_for("fly_001")
    until(qtbot, lambda: titles(past) == ["fly_001"])
    assert not head.reason.isVisible()
    assert head.count.text() == "1 of 3"


def test_what_is_gone_since_then_is_taken_out_when_the_page_is_opened(
    qtbot: QtBot, folder: Path, past: PastResults
) -> None:
    (folder / "fly_001.cxi").unlink()
    past.browse.open()
    until(qtbot, lambda: len(titles(past)) == 2)
    assert titles(past) == ["fly_003", "fly_002"]


def test_every_result_has_its_thumbnail(qtbot: QtBot, past: PastResults) -> None:
    model = past.page.model
    until(qtbot, lambda: all(model.thumbnail(entry) is not None for entry in model.entries))
    assert len(model.entries) == len(ERRORS)


def test_a_key_rates_and_the_marks_lie_beside_the_result(qtbot: QtBot, past: PastResults, folder: Path) -> None:
    press(qtbot, past, Qt.Key.Key_4)
    until(qtbot, lambda: past.page.model.entries[0].stars == 4)
    assert read_marks(folder / "fly_003.cxi").stars == 4
    assert past.page.look.stars.stars == 4
    press(qtbot, past, Qt.Key.Key_S)
    until(qtbot, lambda: past.page.model.entries[0].stars == 0)


def test_a_note_and_tags_are_kept(qtbot: QtBot, past: PastResults, folder: Path) -> None:
    story = past.page.look.story
    story.note.setText("for figure 3")
    story.note.editingFinished.emit()
    until(qtbot, lambda: past.page.model.entries[0].note == "for figure 3")
    story.tags.setText("paper, good")
    story.tags.editingFinished.emit()
    until(qtbot, lambda: bool(read_marks(folder / "fly_003.cxi").tags))
    kept = read_marks(folder / "fly_003.cxi")
    assert (kept.note, kept.tags) == ("for figure 3", ("good", "paper"))


def test_a_result_is_read_beside_the_window_and_one_that_kills_its_reader_is_only_said(
    qtbot: QtBot, past: PastResults, folder: Path
) -> None:
    look = past.page.look
    until(qtbot, lambda: look.phase.values is not None)
    (folder / "fly_002.cxi").unlink()
    os.mkfifo(folder / "fly_002.cxi")  # whoever opens it waits for ever
    past.page.step(1)
    until(qtbot, lambda: past.look._reading is not None and past.look._reading.name == "fly_002.cxi")
    child = past.look._reader._current._child
    assert child is not None
    child.kill()
    until(qtbot, lambda: look.problem.isVisible())
    assert "ended by itself" in look.problem.text()
    past.page.step(1)
    until(qtbot, lambda: look.phase.values is not None)
    assert not look.problem.isVisible()


def test_space_gives_the_whole_page_to_one_and_arrows_go_on(qtbot: QtBot, past: PastResults) -> None:
    page = past.page
    press(qtbot, past, Qt.Key.Key_Space)
    assert page.is_looking and page.look.magnitude.isVisible()
    qtbot.keyClick(page, Qt.Key.Key_Right)
    assert page.current().title == "fly_002"  # type: ignore[union-attr]
    qtbot.keyClick(page, Qt.Key.Key_Escape)
    assert not page.is_looking


def test_what_is_thrown_away_is_gone_from_the_page(
    qtbot: QtBot, past: PastResults, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[Path] = []

    def take(file: Path) -> bool:
        gone.append(file)
        return True

    monkeypatch.setattr("ptychogui.controllers.results.trash._to_trash", take)
    press(qtbot, past, Qt.Key.Key_Delete)
    until(qtbot, lambda: titles(past) == ["fly_002", "fly_001"])
    assert gone == [folder / "fly_003.cxi"]


def test_what_cannot_be_thrown_away_stays_and_is_said(
    qtbot: QtBot, past: PastResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ptychogui.controllers.results.trash._to_trash", lambda _file: False)
    with qtbot.waitSignal(past.trash.problem, timeout=LONG) as told:
        press(qtbot, past, Qt.Key.Key_Delete)
    assert "can't be moved to the trash" in told.args[0].text
    assert len(titles(past)) == len(ERRORS)


def test_folders_are_looked_through_in_another_process(qtbot: QtBot, past: PastResults, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write_result(other / "fly_004.cxi", make_result(title="fly_004"))
    with qtbot.waitSignal(past.browse.message, timeout=LONG) as told:
        past.browse.add_folder(other)
    assert told.args == ["folders looked through: 1 new"]
    until(qtbot, lambda: "fly_004" in titles(past))
    past.browse.forget_folder(other)
    until(qtbot, lambda: "fly_004" not in titles(past))


def test_a_result_goes_to_the_form_and_is_a_start(qtbot: QtBot, past: PastResults, folder: Path) -> None:
    session = past.again._session
    with qtbot.waitSignal(session.resultOpened, timeout=LONG) as told:
        press(qtbot, past, Qt.Key.Key_Return)
    assert told.args[0].path.name == "fly_003.cxi"
    past.page.goOnAsked.emit(folder / "fly_001.cxi")
    until(qtbot, lambda: str(session.layers.resolve()[0].reconstruction.object_guess).endswith("fly_001.cxi"))


def test_two_are_compared_on_a_page_of_their_own(qtbot: QtBot, past: PastResults) -> None:
    compared = past.compared_page
    past.page.step(0)
    press(qtbot, past, Qt.Key.Key_C)
    assert past._pages.current == "results"  # one alone can't be
    past.page.grid.selectAll()
    past.page._selection().select(past.page.model.index(2, 0), QItemSelectionModel.SelectionFlag.Deselect)
    press(qtbot, past, Qt.Key.Key_C)
    assert past._pages.current == "compare"
    until(qtbot, lambda: "Aligned error" in compared.figures.text())
    for way, cards in enumerate(
        ((True, True, False), (True, False, False), (True, False, False), (False, False, True))
    ):
        compared.ways.button(way).click()  # type: ignore[union-attr]
        shown = compared.first.isVisible(), compared.second.isVisible(), compared.between.isVisible()
        assert (compared.way, shown) == (way, cards)
    compared.ways.button(1).click()  # type: ignore[union-attr]
    until(qtbot, lambda: compared.first.title.text() == "fly_002")
    until(qtbot, lambda: compared.first.title.text() == "fly_003")
    compared.ways.button(0).click()  # type: ignore[union-attr]
    compared.first.hold((0.0, 0.5))
    compared.first.bar.sigLevelsChangeFinished.emit(compared.first.bar)
    assert tuple(compared.second.bar.levels()) == (0.0, 0.5)


def test_more_than_two_are_lined_up_and_the_lowest_error_is_named(qtbot: QtBot, past: PastResults) -> None:
    past.page.grid.selectAll()
    press(qtbot, past, Qt.Key.Key_C)
    assert past._pages.current == "line-up"
    until(qtbot, lambda: len(past.line_page.cards) == len(ERRORS))
    told = {card.path.stem: card.error.text() for card in past.line_page.cards}
    assert told == {"fly_001": "error 1.5", "fly_002": "error 1.1, the lowest", "fly_003": "error 3"}
    with qtbot.waitSignal(past.again._session.resultOpened, timeout=LONG):
        past.line_page.cards[0].use.click()


def test_those_that_are_chosen_are_exported_under_names_of_a_pattern(
    qtbot: QtBot, past: PastResults, tmp_path: Path
) -> None:
    past.page.grid.selectAll()
    press(qtbot, past, Qt.Key.Key_E)
    asking = past.asking
    assert asking.what.text() == "3 results"
    asking.names.setText("{color}")
    assert not asking.do.isEnabled() and "can't be used" in asking.reason.text()
    asking.names.setText("{number}")
    asking.boxes["png"].setChecked(False)
    assert not asking.do.isEnabled()
    asking.boxes["npy"].setChecked(True)
    asking.sheet.setChecked(True)
    asking.folder.setText(str(tmp_path / "out"))
    with qtbot.waitSignals([past.export.message] * 2, timeout=LONG):
        asking.do.click()
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [*(f"{number}_{end}.npy" for number in (1, 2, 3) for end in ("object", "probe")), "results.csv"]


def test_the_page_is_in_the_window(qtbot: QtBot, folder: Path, workstation: Workstation) -> None:
    workstation.window.commands["page-results"].trigger()
    assert workstation.window.pages.current == "results"
    until(qtbot, lambda: len(titles(workstation.past)) == len(ERRORS))  # looked through by another process
    assert sorted(titles(workstation.past)) == ["fly_001", "fly_002", "fly_003"]
