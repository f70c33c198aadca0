"""What can be asked about a scan in the window: its orientation, and where its file holds what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QSettings
from PyQt5.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.controllers.loading import LoadedScan
from ptychogui.controllers.session import SessionController
from ptychogui.io.mda.format import ExtraPv, read_mda
from ptychogui.io.mda.mda_writer import write_mda
from ptychogui.io.mda.presets import list_presets, preset_folder, read_preset
from ptychogui.io.mda.scan_writer import write_mda_scan
from ptychogui.io.simulated import write_scan
from ptychogui.physics.simulation import Recipe, simulate
from ptychogui.states import State
from ptychogui.views.shell.settings import WindowSettings
from tests.gui.conftest import RECIPE

LONG = 60_000


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def run_12(tmp_path: Path) -> Path:
    """A scan of a beamline that no preset knows, its raw files where none looks for them."""
    scan = simulate(Recipe(n=64, scan="raster", scan_dims=(5, 6), outer_zone_m=80e-9))
    named = next(named for named in list_presets()[0] if named.name == "velociprobe")
    path, *files = write_mda_scan(
        tmp_path / "made" / "mda" / "x_0012.mda", named, scan.counts.astype(np.uint16), scan.positions_m, (5, 6), 8800
    )
    raw = tmp_path / "raw" / "run0012"
    raw.mkdir(parents=True)
    for number, file in enumerate(files):
        file.rename(raw / f"line_{number:03d}.h5")
    pvs = {"7bm:E": ExtraPv("7bm:E", "energy", 34, "keV", np.array([8.8])),
           "7bm:Z": ExtraPv("7bm:Z", "distance", 34, "mm", np.array([1920.0]))}  # fmt: skip
    made = tmp_path / "mda" / "run0012.mda"
    made.parent.mkdir()
    write_mda(made, replace(read_mda(path), pvs=pvs))
    return made


def mark(workstation: Workstation, name: str) -> None:
    rows = workstation.preset_page.items.list
    found = [rows.topLevelItem(i) for i in range(rows.topLevelItemCount())]
    rows.setCurrentItem(next(row for row in found if row is not None and row.text(1) == name))


def test_a_preset_is_made_by_pointing_and_opens_the_scan(
    qtbot: QtBot, workstation: Workstation, run_12: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, page = workstation.window, workstation.preset_page
    with qtbot.waitSignal(workstation.session.problem, timeout=LONG) as told:
        workstation.session.open(run_12)
    assert "Scan, Beamline preset" in told.args[0].text
    with qtbot.waitSignal(workstation.preset.tried, timeout=LONG):
        window.commands["preset"].trigger()
    preset = page.preset
    assert window.pages.current == "preset" and not preset.save.isEnabled()
    assert preset.rows["energy"].value.whole_text() == "not found" and preset.frames.text().startswith("No such files")
    mark(workstation, "7bm:E")
    preset.rows["energy"].use.click()
    mark(workstation, "7bm:Z")
    preset.rows["distance"].use.click()
    preset.rows["detector_pixel"].source.setText("75 um")
    preset.rows["rows"].mirrored.setChecked(True)
    raw = tmp_path / "raw" / "run0012" / "line_003.h5"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(raw), ""))
    with qtbot.waitSignal(workstation.preset.tried, timeout=LONG):
        preset.browse.click()
    assert preset.patterns.toPlainText() == "../raw/{stem}/line_#03d.h5"
    assert preset.rows["distance"].value.whole_text() == "1.92 m" and preset.rows["distance"].unit.currentText() == "mm"
    assert "5 files, 30 frames of 64 x 64 px" in preset.frames.text()
    preset.name.setText("seven")
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=LONG) as opened:
        preset.save.click()
    scan = opened.args[0]
    assert isinstance(scan, LoadedScan) and scan.path == run_12
    parameters, origins, *_ = workstation.session.layers.resolve()
    assert parameters.experiment.beamline == "" and parameters.experiment.distance_m == pytest.approx(1.92)
    assert origins["experiment.energy_eV"].place == "run0012.mda: PV 7bm:E"
    assert scan.facts[2].endswith("(preset seven)")
    assert read_preset(preset_folder() / "seven.toml").preset.rows.sign == -1
    assert window.pages.current == "scan"


def test_an_own_preset_is_replaced_where_it_was_begun_with(
    qtbot: QtBot, workstation: Workstation, run_12: Path
) -> None:
    with qtbot.waitSignal(workstation.session.problem, timeout=LONG):
        workstation.session.open(run_12)
    preset = workstation.preset_page.preset
    for text in ("Save and use", "Replace and use"):
        with qtbot.waitSignal(workstation.preset.tried, timeout=LONG):
            workstation.window.commands["preset"].trigger()
        preset.name.setText("seven")
        assert preset.save.text() == text
        with qtbot.waitSignal(workstation.session.problem, timeout=LONG):  # its files are still not found
            preset.save.click()
    assert [path.name for path in preset_folder().iterdir()] == ["seven.toml"]


def test_a_preset_that_does_not_recognize_its_own_file_is_chosen_by_name(
    qtbot: QtBot, workstation: Workstation, run_12: Path
) -> None:
    with qtbot.waitSignal(workstation.session.problem, timeout=LONG):
        workstation.session.open(run_12)
    with qtbot.waitSignal(workstation.preset.tried, timeout=LONG):
        workstation.window.commands["preset"].trigger()
    preset = workstation.preset_page.preset
    preset.name.setText("seven")
    preset.files.setText("fly*")
    with qtbot.waitSignal(workstation.session.problem, timeout=LONG) as told:
        preset.save.click()
    assert "by preset seven" in told.args[0].text
    assert workstation.session.layers.resolve()[0].experiment.beamline == "seven"


def test_a_preset_of_the_last_session_gives_way_where_it_does_not_fit(
    qtbot: QtBot, tmp_path: Path, settings: QSettings
) -> None:
    scan = simulate(Recipe(n=64, scan="raster", scan_dims=(5, 6), outer_zone_m=80e-9))
    named = next(named for named in list_presets()[0] if named.name == "velociprobe")
    frames = scan.counts.astype(np.uint16)
    path, *_ = write_mda_scan(tmp_path / "mda" / "velo_0012.mda", named, frames, scan.positions_m, (5, 6), 8800)
    WindowSettings(settings).keep_values({"experiment.beamline": "one-that-was-deleted"})
    made = Workstation(settings, tmp_path / "demo", RECIPE)
    qtbot.addWidget(made.window)
    with (
        qtbot.waitSignal(made.session.scanOpened, timeout=LONG) as told,
        qtbot.assertNotEmitted(made.session.problem),
    ):
        made.session.open(path)
    assert "(preset velociprobe)" in told.args[0].facts[2]
    assert made.session.layers.resolve()[0].experiment.beamline == ""
    made.window.close()


def test_what_can_not_be_saved_is_told_and_stays(qtbot: QtBot, workstation: Workstation, run_12: Path) -> None:
    with qtbot.waitSignal(workstation.session.problem, timeout=LONG):
        workstation.session.open(run_12)
    with qtbot.waitSignal(workstation.preset.tried, timeout=LONG):
        workstation.window.commands["preset"].trigger()
    preset = workstation.preset_page.preset
    with qtbot.waitSignal(workstation.preset.tried, timeout=LONG) as tried:
        preset.rows["rows"].source.setText("somewhere")
    assert preset.problems.text() == "\n".join(tried.args[0].problems) and "somewhere" in preset.problems.text()
    preset.name.setText("my preset")
    with qtbot.waitSignal(workstation.preset.problem, timeout=1000) as told:
        preset.save.click()
    assert "my preset" in told.args[0].text and not preset_folder().exists()
    assert preset.name.text() == "my preset"


def test_the_filter_hides_what_does_not_fit(qtbot: QtBot, workstation: Workstation, run_12: Path) -> None:
    with qtbot.waitSignal(workstation.session.problem, timeout=LONG):
        workstation.session.open(run_12)
    with qtbot.waitSignal(workstation.preset.began, timeout=LONG):
        workstation.window.commands["preset"].trigger()
    card = workstation.preset_page.items
    card.filter.setText("7BM distance")
    rows = [card.list.topLevelItem(i) for i in range(card.list.topLevelItemCount())]
    assert [row.text(1) for row in rows if row is not None and not row.isHidden()] == ["7bm:Z"]


def test_without_a_file_that_can_be_pointed_at_it_is_said_what_to_do(qtbot: QtBot, workstation: Workstation) -> None:
    with qtbot.waitSignal(workstation.preset.problem, timeout=LONG) as told:
        workstation.window.commands["preset"].trigger()
    assert "open an MDA file first" in told.args[0].text


def test_the_doctor_finds_mirrored_columns_and_they_can_be_applied(
    qtbot: QtBot, workstation: Workstation, tmp_path: Path
) -> None:
    scan = simulate(replace(RECIPE, scan_dims=(8, 8)))
    flipped = replace(scan, counts=scan.counts[..., ::-1].copy())
    path = write_scan(tmp_path / "turned.cxi", flipped)[0]
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=LONG):
        workstation.session.open(path)
    window, page = workstation.window, workstation.orientation_page
    window.commands["orientation"].trigger()
    assert window.pages.current == "orientation" and not page.stop.isEnabled()
    with qtbot.waitSignal(workstation.doctor.ended, timeout=LONG):
        page.start.click()
        assert page.stop.isEnabled() and not page.start.isEnabled()
    assert page.verdict.text().startswith(("Sure: take", "Likely: take")) and page.cases.topLevelItemCount() == 16
    before = _current(page)
    assert before is not None and page.cases.currentItem() is not before and page.apply.isEnabled()
    page.apply.click()
    given = workstation.session.layers.resolve()[0]
    assert given.experiment.mirror_columns or given.preprocessing.flip_columns or given.preprocessing.flip_rows
    assert _current(page) is page.cases.currentItem() and not page.apply.isEnabled()


def _current(page: Any) -> Any:
    rows = [page.cases.topLevelItem(i) for i in range(page.cases.topLevelItemCount())]
    return next(row for row in rows if "as it is now" in row.text(3))


@pytest.fixture
def opened(qtbot: QtBot, workstation: Workstation, tmp_path: Path) -> SessionController:
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=LONG):
        workstation.session.open(write_scan(tmp_path / "scan.cxi", simulate(RECIPE))[0])
    return workstation.session


def test_a_run_that_waits_for_raw_files_says_so_and_can_be_stopped(
    qtbot: QtBot, workstation: Workstation, tmp_path: Path
) -> None:
    scan = simulate(Recipe(n=64, scan="raster", scan_dims=(5, 6), outer_zone_m=80e-9))
    named = next(named for named in list_presets()[0] if named.name == "velociprobe")
    path, *files = write_mda_scan(
        tmp_path / "mda" / "velo_0012.mda", named, scan.counts.astype(np.uint16), scan.positions_m, (5, 6), 8800
    )
    files[-1].unlink()
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=LONG):
        workstation.session.open(path)
    window = workstation.window
    for name, value in (("experiment.distance_m", 1.92), ("preprocessing.unfinished_files", "wait"),
                        ("preprocessing.wait_limit_s", 1000.0)):  # fmt: skip
        workstation.session.edit(name, value)
    window.commands["run"].trigger()
    waits = "Waiting for raw files, 24 patterns so far"
    qtbot.waitUntil(lambda: window.strip.state.whole_text().startswith(waits), timeout=LONG)
    assert "Waiting for raw files" in workstation.queue.state.rows[1].detail
    with qtbot.waitSignal(workstation.live.ended, timeout=LONG) as ended:
        window.commands["stop"].trigger()
    assert ended.args[0].state is State.CANCELLED and ended.args[0].result is None


def test_a_survey_shows_what_all_patterns_show(
    qtbot: QtBot, workstation: Workstation, opened: SessionController, tmp_path: Path
) -> None:
    page = workstation.preview_page
    assert page.pattern_choice.count() == 2 and not page.scan_choice.isEnabled()
    with qtbot.waitSignal(workstation.survey.ended, timeout=LONG):
        page.survey.click()
        assert page.stop.isVisible() and not page.survey.isVisible()
    assert page.survey.isVisible() and page.scans.currentWidget() is page.maps["transmission (STXM)"]
    assert page.pattern.title.text() == "Pattern, mean of all 36"
    page.pattern_choice.setCurrentIndex(3)
    assert page.pattern.title.text() == "Pattern, largest of all 36"
    page.scan_choice.setCurrentIndex(0)
    assert page.scans.currentWidget() is page.positions
    with qtbot.waitSignal(opened.scanOpened, timeout=LONG):
        opened.open(tmp_path / "scan.cxi")
    assert page.pattern_choice.count() == 2 and page.scans.currentWidget() is page.positions


def test_a_survey_of_nothing_says_what_to_do(qtbot: QtBot, workstation: Workstation) -> None:
    with qtbot.waitSignal(workstation.survey.ended, timeout=1000) as ended:
        workstation.survey.start()
    assert ended.args == ["Open a scan first."]
