"""The question which frame belongs to which position: asked when a scan is opened, answered by a click."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.errors import Alternative, AmbiguousPairingError
from ptychogui.io.mda.presets import list_presets
from ptychogui.io.mda.scan_writer import write_mda_scan
from ptychogui.jobs.preflight import Finding, Level, Preflight
from ptychogui.jobs.prepare.pairing_pictures import ComparedWays, DrawnWay
from ptychogui.jobs.prepare.read_survey import ReadingProgress
from ptychogui.params.origins import Source
from ptychogui.physics.position_map import map_positions
from ptychogui.physics.simulation import Recipe, simulate
from ptychogui.states import State
from ptychogui.views.scan.pairing_page import PairingPage
from ptychogui.views.shell.main_window import MainWindow

LONG = 60_000
FIRST_FILE = "preprocessing.first_file"
WAYS = tuple(Alternative({FIRST_FILE: n}, f"--first-file {n}", f"file {20 * n} is missing") for n in (0, 1))


@pytest.fixture
def page(qtbot: QtBot) -> PairingPage:
    made = PairingPage()
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    return made


def test_ways_stand_side_by_side_and_the_chosen_one_is_announced(qtbot: QtBot, page: PairingPage) -> None:
    page.show_ways(WAYS)
    assert [card.title.text() for card in page.cards] == ["File 0 is missing", "File 20 is missing"]
    assert page.cards[0].state.text() == "--first-file 0" and not page.bar.isHidden()
    page.show_told(ReadingProgress(5, 20))
    assert (page.bar.value(), page.bar.maximum()) == (5, 20)
    with qtbot.waitSignal(page.useAsked) as used:
        page.cards[1].use.click()
    assert used.args == [{FIRST_FILE: 1}]


def test_pictures_have_the_same_colors_and_a_way_that_cannot_be_drawn_says_why(page: PairingPage) -> None:
    page.show_ways(WAYS)
    places = np.argwhere(np.ones((4, 5))) * 1e-6
    drawn = DrawnWay(WAYS[0], map_positions(places, np.arange(20.0)), 20)
    page.show_told(ComparedWays((drawn, DrawnWay(WAYS[1], problem="only 0 positions have a frame"))))
    page.show_ended("")
    first, second = page.cards
    assert first.image.image is not None and second.image.image is None
    assert first.state.text() == "--first-file 0  ·  20 pairs"
    assert second.state.text() == "--first-file 1  ·  only 0 positions have a frame"
    assert page.bar.isHidden() and page.state.isHidden()
    page.show_ways(WAYS[:1])
    assert len(page.cards) == 1


@pytest.fixture
def doubtful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scan of five lines whose files are 0 to 3, where the preset counts from 1."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    scan = simulate(Recipe(n=64, scan="raster", scan_dims=(5, 6), outer_zone_m=80e-9))
    named = next(named for named in list_presets()[0] if named.name == "velociprobe")
    path, *files = write_mda_scan(
        tmp_path / "mda" / "velo_0012.mda", named, scan.counts.astype(np.uint16), scan.positions_m, (5, 6), 8800
    )
    for number, file in enumerate(files):
        file.rename(file.with_name(f"scan012_{number:04d}.h5"))
    (files[0].with_name("scan012_0004.h5")).unlink()
    return path


def tabs(window: MainWindow) -> list[str]:
    return [window.pages.tabs.tabText(place) for place in range(window.pages.tabs.count())]


def test_a_scan_that_leaves_it_open_is_asked_about_and_goes_on_with_the_answer(
    qtbot: QtBot, workstation: Workstation, doubtful: Path
) -> None:
    window, session = workstation.window, workstation.session
    with qtbot.waitSignal(workstation.pairing.drawing.ended, timeout=LONG) as ended:
        session.open(doubtful)
    assert ended.args == [""] and window.pages.current == "pairing"
    assert tabs(window) == ["Scan", "Pairing", "Past results"]
    cards = workstation.pairing_page.cards
    assert [card.title.text() for card in cards] == [
        "File 4 is missing", "Files 4 to 5 are missing, file 0 is not of this scan",
    ]  # fmt: skip
    assert all(card.image.image is not None for card in cards)
    assert session.scan is not None and session.scan.positions_m is None
    with qtbot.waitSignal(session.scanOpened, timeout=LONG) as opened:
        cards[0].use.click()
    assert len(opened.args[0].positions_m) == 24
    parameters, origins = session.layers.resolve()
    assert parameters.preprocessing.first_file == 0 and origins[FIRST_FILE].source is Source.USER
    assert window.pages.current == "scan"
    assert tabs(window) == ["Scan", "Past results"]


def test_a_check_that_finds_several_ways_asks_once_and_a_failed_run_recalls_it(
    qtbot: QtBot, workstation: Workstation, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, asking = workstation.window, workstation.pairing
    started: list[None] = []
    monkeypatch.setattr(asking.drawing, "start", lambda: started.append(None))
    error = AmbiguousPairingError("two", WAYS)
    found = Preflight((Finding("pairing", Level.STOP, "Several ways", "two", error=error),))
    asking.consider(found)
    asking.consider(found)
    assert len(started) == 1 and window.pages.current == "pairing"
    window.commands["orientation"].trigger()
    asking.recall(State.DONE)
    assert window.pages.current == "orientation"
    asking.recall(State.FAILED)
    assert window.pages.current == "pairing"
    asking.consider(Preflight(()))
    assert window.pages.current == "scan"
    asking.recall(State.FAILED)
    assert window.pages.current == "scan"
