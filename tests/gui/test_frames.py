"""Frames one by one, the beam's center and the crop, and the mask painter, in the window with its real process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.io.simulated import write_scan
from ptychogui.params.model import Parameters
from ptychogui.physics.simulation import simulate
from ptychogui.pictures.pattern_picture import pattern_picture
from ptychogui.views.plots.picture_box import Tool
from ptychogui.views.scan.preview_page import PreviewPage
from tests.gui.conftest import RECIPE

LONG = 60_000
KNOWN = Parameters().replace({
    "experiment.energy_eV": 8800.0, "experiment.distance_m": 2.0, "experiment.detector_pixel_m": 75e-6
})  # fmt: skip


@pytest.fixture(scope="module")
def made() -> np.ndarray:
    return simulate(RECIPE).counts


@pytest.fixture
def page(qtbot: QtBot, made: np.ndarray) -> PreviewPage:
    """The page alone, with a scan."""
    shown = PreviewPage()
    qtbot.addWidget(shown)
    positions_m = np.stack(np.divmod(np.arange(len(made)), 6), axis=-1) * 1e-6
    shown.show_scan(pattern_picture(made.mean(axis=0)), 16, np.arange(len(made)), positions_m)
    shown.show_parameters(KNOWN)
    shown.resize(900, 600)
    shown.show()
    return shown


@pytest.fixture
def scan(qtbot: QtBot, workstation: Workstation, tmp_path: Path) -> Path:
    path = write_scan(tmp_path / "scan.cxi", simulate(RECIPE))[0]
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=LONG):
        workstation.session.open(path)
    return path


def test_frames_come_one_by_one_from_bar_and_map(
    qtbot: QtBot, workstation: Workstation, scan: Path, made: np.ndarray
) -> None:
    page = workstation.preview_page
    with qtbot.waitSignal(workstation.frames.shown, timeout=LONG):
        page.pattern_choice.setCurrentText("one by one")
    assert page.pattern.title.text() == "Pattern, 1 of 36" and page.frames.isVisible()
    with qtbot.waitSignal(workstation.frames.shown, timeout=LONG) as shown:
        page.frames.number.setValue(8)
    np.testing.assert_array_equal(shown.args[0].picture.counts, made[7])
    assert page.frames.told.whole_text() == f"{made[7].sum():.6g} counts"
    x, y = page.positions.dots.getData()
    with qtbot.waitSignal(workstation.frames.shown, timeout=LONG) as shown:
        page.positions.box.clicked.emit((x[20] + 1e-3, y[20]))
    assert shown.args[0].row == 20 and page.frames.place == 20
    assert page.positions.here.getData()[0].tolist() == [x[20]]
    with qtbot.waitSignals([workstation.frames.shown] * 3, timeout=LONG):
        page.frames.play.click()
    page.frames.play.click()
    assert page.frames.place > 21
    page.pattern_choice.setCurrentIndex(0)
    assert page.frames.isHidden() and not len(page.positions.here.getData()[0])


def test_a_file_that_is_gone_is_said(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    scan.unlink()
    page = workstation.preview_page
    with qtbot.waitSignal(workstation.frames.problem, timeout=LONG) as told:
        page.pattern_choice.setCurrentText("one by one")
    assert told.args[0].title == "Frame 1 can't be read" and "scan.cxi" in told.args[0].text
    assert page.frames.told.whole_text() == "can't be read" and workstation.window.banner.isVisible()


def test_a_mask_that_is_saved_is_used(
    qtbot: QtBot, workstation: Workstation, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, painter = workstation.preview_page, workstation.preview_page.painter
    page.draw_mask.click()
    page.pattern.box.clicked.emit((20.5, 20.5))
    kept, path = painter.drawing.bad, tmp_path / "mask.npy"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    with qtbot.waitSignal(workstation.session.valuesChanged, timeout=LONG):
        painter.save.click()
    assert workstation.session.layers.resolve()[0].preprocessing.mask_file == path
    painter.wipe.click()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    with qtbot.waitSignal(workstation.frames.maskRead, timeout=LONG):
        painter.load.click()
    np.testing.assert_array_equal(painter.drawing.bad, kept)
    with qtbot.waitSignal(workstation.frames.shown, timeout=LONG) as shown:
        page.pattern_choice.setCurrentText("one by one")
    np.testing.assert_array_equal(shown.args[0].picture.bad, kept)


def test_center_and_crop_are_dragged(qtbot: QtBot, page: PreviewPage) -> None:
    card = page.pattern
    assert card.center.isVisible() and card.crop.size().x() == 64
    card.center.setPos(30.3, 28.8)
    assert card.crop.pos().x() + card.crop.size().x() / 2 == pytest.approx(30.3)
    with qtbot.waitSignal(page.edited) as edited:
        card.center.sigPositionChangeFinished.emit(card.center)
    assert edited.args == ["preprocessing.center_px", (28.3, 29.8)]
    card.crop.setSize((40.7, 40.7), center=(0.5, 0.5), finish=False)
    with qtbot.waitSignal(page.edited) as edited:
        card.crop.sigRegionChangeFinished.emit(card.crop)
    assert edited.args == ["preprocessing.size_px", 40]
    page.show_parameters(KNOWN.replace({"preprocessing.center_px": (28.3, 29.8), "preprocessing.size_px": 40}))
    assert card.crop.size().x() == 40 and card.center.pos().x() == pytest.approx(30.3)
    card.aim.click()
    assert not card.center.isVisible() and not card.crop.isVisible()


def test_the_read_out_has_counts_frequency_and_resolution(page: PreviewPage) -> None:
    told = page.pattern.describe(40.5, 32.5)
    assert "row 32, column 40" in told and "/µm" in told and told.endswith("nm")
    assert page.pattern.describe(64.5, 3) == ""


def test_a_frame_is_left_out_and_brought_back(qtbot: QtBot, page: PreviewPage) -> None:
    page.frames.choose(4)
    with qtbot.waitSignal(page.edited) as edited:
        page.frames.exclude.click()
    assert edited.args == ["preprocessing.excluded_frames", "5"]
    page.show_parameters(KNOWN.replace({"preprocessing.excluded_frames": "5-7"}))
    assert len(page.positions.left_out.getData()[0]) == 3 and page.frames.exclude.isChecked()
    page.frames.choose(5)
    with qtbot.waitSignal(page.edited) as edited:
        page.frames.excludeAsked.emit(5, False)
    assert edited.args == ["preprocessing.excluded_frames", "5,7"]


def test_a_mask_is_drawn(page: PreviewPage) -> None:
    painter, box = page.painter, page.pattern.box
    page.draw_mask.click()
    assert painter.isVisible() and box.tool is Tool.PAINT and not painter.save.isEnabled()
    assert not page.pattern.center.isVisible()
    painter.width_px.setValue(1)
    box.dragged.emit((3.5, 2.5), (5.5, 2.5), False)
    box.dragged.emit((3.5, 2.5), (9.5, 2.5), True)
    assert np.argwhere(painter.drawing.bad)[:, 1].tolist() == [3, 4, 5, 6, 7, 8, 9]
    painter.undo.click()
    assert not painter.drawing.bad.any()
    painter.redo.click()
    painter.shapes["Box"].click()
    box.dragged.emit((20.5, 20.5), (22.5, 21.5), True)
    painter.shapes["Polygon"].click()
    for place in ((30.0, 30.0), (40.0, 30.0), (30.0, 40.0)):
        box.clicked.emit(place)
    box.doubleClicked.emit()
    count = int(painter.drawing.bad.sum())
    assert count > 7 + 6 + 40 and painter.state.text() == f"{count} pixels marked"
    assert page.pattern.overlay.image.max() == 2
    painter.erase.click()
    painter.shapes["Ellipse"].click()
    box.dragged.emit((28.0, 28.0), (42.0, 42.0), True)
    assert painter.drawing.bad.sum() < count
    page.draw_mask.click()
    assert painter.isHidden()
    box.clicked.emit((50.0, 50.0))
    assert not painter.drawing.bad[50, 50]


def test_hot_pixels_are_marked_by_their_counts(page: PreviewPage) -> None:
    assert page.pattern.picture is not None
    counts = page.pattern.picture.counts
    page.painter.threshold.setValue(int(counts.max()))
    page.painter.mark_above.click()
    assert page.painter.drawing.bad.sum() == (counts >= int(counts.max())).sum() > 0


def test_a_mask_of_another_detector_is_refused_in_place(page: PreviewPage) -> None:
    page.painter.show_mask(np.ones((3, 3), bool))
    told = page.painter.state.text()
    assert "3 × 3 pixels, and the detector 64 × 64" in told and not page.painter.drawing.bad.any()
