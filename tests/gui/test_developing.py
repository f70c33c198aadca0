"""Developing and saving: the newest estimate becomes a picture, earlier ones can be looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from ptychogui.controllers.background import Background
from ptychogui.controllers.pictures.developing import DevelopController
from ptychogui.controllers.pictures.saving import SaveController
from ptychogui.errors import OutputError
from ptychogui.pictures.live_picture import LivePicture, Shot

SOON = 20_000


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    made = Background()
    yield made
    made.close(10)


@pytest.fixture
def developing(background: Background) -> DevelopController:
    return DevelopController(background)


def shot(iteration: int, side: int = 40) -> Shot:
    rows = np.arange(side)[:, None] * np.ones((1, side))
    field = (iteration + 1) * np.exp(0.3j * rows)
    positions_m = np.array([[1e-7, 1e-7], [2e-7, 2e-7 + iteration * 1e-9], [3e-7, 1e-7]])
    return Shot(field.astype(np.complex64), np.ones((1, 8, 8), np.complex64), 1e-8, iteration, positions_m)


def picture_of(qtbot: QtBot, developing: DevelopController, taken: Shot) -> LivePicture:
    with qtbot.waitSignal(developing.picture, timeout=SOON) as made:
        developing.take(taken)
    picture: LivePicture = made.args[0]
    return picture


def test_what_comes_while_one_is_made_is_dropped_for_the_newest(qtbot: QtBot, developing: DevelopController) -> None:
    made: list[int] = []
    developing.picture.connect(lambda picture: made.append(picture.iteration))
    for iteration in range(20):
        developing.take(shot(iteration))
    qtbot.waitUntil(lambda: made[-1:] == [19], timeout=SOON)
    assert made == [0, 19]


def test_earlier_pictures_come_back_and_the_newest_waits_for_its_turn(
    qtbot: QtBot, developing: DevelopController
) -> None:
    kept: list[tuple[int, ...]] = []
    developing.kept.connect(kept.append)
    for iteration in (0, 1, 2):
        picture_of(qtbot, developing, shot(iteration))
    qtbot.waitUntil(lambda: kept[-1:] == [(0, 1, 2)], timeout=SOON)
    with qtbot.waitSignal(developing.picture, timeout=SOON) as made:
        developing.show_past(1)
    assert made.args[0].iteration == 1 and made.args[0].magnitude.whole[20, 20] == pytest.approx(2)
    with qtbot.waitSignal(developing.kept, timeout=SOON), qtbot.assertNotEmitted(developing.picture):
        developing.take(shot(3))
    with qtbot.waitSignal(developing.picture, timeout=SOON) as made:
        developing.show_past(-1)
    assert made.args[0].iteration == 3


def test_another_job_begins_with_nothing(qtbot: QtBot, developing: DevelopController) -> None:
    picture_of(qtbot, developing, shot(0))
    assert picture_of(qtbot, developing, shot(5)).moved_m is not None
    with qtbot.waitSignal(developing.kept) as kept:
        developing.clear()
    assert kept.args == [()]
    picture = picture_of(qtbot, developing, shot(7))
    assert picture.moved_m is not None and not picture.moved_m.any()


def test_switches_change_the_picture_that_is_there(qtbot: QtBot, developing: DevelopController) -> None:
    assert np.ptp(picture_of(qtbot, developing, shot(0)).phase.whole) > 5
    with qtbot.waitSignal(developing.picture, timeout=SOON) as made:
        developing.remove_ramp(True)
    assert np.ptp(made.args[0].phase.whole) < 0.1
    with qtbot.waitSignal(developing.picture, timeout=SOON) as made:
        developing.unwrap(True)
    assert not made.args[0].is_wrapped


def test_a_screen_that_shows_more_gets_more(qtbot: QtBot, developing: DevelopController) -> None:
    assert picture_of(qtbot, developing, shot(0, side=2000)).pixel_m == pytest.approx(2e-8)
    with qtbot.waitSignal(developing.picture, timeout=SOON) as made:
        developing.sharpen(5000)
    assert made.args[0].pixel_m == pytest.approx(1e-8)


def test_positions_that_moved_together_have_not_moved(qtbot: QtBot, developing: DevelopController) -> None:
    picture_of(qtbot, developing, shot(0))
    picture = picture_of(qtbot, developing, shot(4))
    assert picture.moved_m is not None
    np.testing.assert_allclose(picture.moved_m, np.array([[0.0, 0.0], [0.0, 4e-9], [0.0, 0.0]]), atol=1e-15)


def test_saving_tells_how_it_went(qtbot: QtBot, background: Background, tmp_path: Path) -> None:
    saving = SaveController(background)
    with qtbot.waitSignal(saving.message, timeout=SOON) as told:
        saving.save(tmp_path / "a.txt", lambda path: path.touch())
    assert told.args[0].endswith("a.txt") and (tmp_path / "a.txt").exists()

    def refuse(path: Path) -> None:
        raise OutputError(f"{path} is full")

    with qtbot.waitSignal(saving.problem, timeout=SOON) as told:
        saving.save(tmp_path / "b.png", refuse)
    assert told.args[0].title == "b.png can't be saved" and "full" in told.args[0].text
