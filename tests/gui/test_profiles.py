"""Profiles, differences and code: the controller with a session, and the dialogs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from ptychogui.controllers.background import Background
from ptychogui.controllers.session import SessionController
from ptychogui.controllers.values.profiles import ProfileController
from ptychogui.io.result import write_result
from ptychogui.io.simulated import write_scan
from ptychogui.params.model import Parameters
from ptychogui.params.profile import Difference
from ptychogui.params.storage import to_json
from ptychogui.physics.simulation import simulate
from ptychogui.views.form.code_dialog import CodeDialog
from ptychogui.views.form.profile_dialog import ProfileDialog
from tests.gui.conftest import RECIPE
from tests.io.makers import make_result


class Heard:
    """What the controller has said last."""

    def __init__(self, profiles: ProfileController) -> None:
        self.names: tuple[str, ...] = ()
        self.title, self.refused = "", ""
        self.rows: tuple[Difference, ...] = ()
        self.code: tuple[str, ...] = ()
        profiles.listed.connect(lambda names: setattr(self, "names", names))
        profiles.compared.connect(self._take)
        profiles.refused.connect(lambda text: setattr(self, "refused", text))
        profiles.written.connect(lambda *texts: setattr(self, "code", texts))

    def _take(self, title: str, rows: tuple[Difference, ...]) -> None:
        self.title, self.rows = title, rows


@pytest.fixture
def profiles(session: SessionController, background: Background, tmp_path: Path) -> ProfileController:
    return ProfileController(session, background, tmp_path / "profiles")


@pytest.fixture
def heard(profiles: ProfileController) -> Heard:
    return Heard(profiles)


class TestProfiles:
    def test_values_are_kept_compared_and_taken_back(
        self, session: SessionController, profiles: ProfileController, heard: Heard, tmp_path: Path
    ) -> None:
        session.edit_all({"reconstruction.iterations": 17, "preprocessing.center_px": (3.0, 4.0)})
        profiles.save(" fine ", with_place=False)
        assert heard.names == ("fine",) and heard.title == "the profile fine" and not heard.rows
        text = (tmp_path / "profiles" / "fine.txt").read_text()
        assert "reconstruction.iterations = 17" in text and "center" not in text
        session.edit_all({"reconstruction.iterations": 18, "reconstruction.seed": 5})
        assert [*heard.rows] == [
            Difference("reconstruction.iterations", 18, 17), Difference("reconstruction.seed", 5, 0),
        ]  # fmt: skip
        session.edit_all({row.path: row.there for row in heard.rows})
        assert not heard.rows
        profiles.delete("fine")
        assert not heard.names and heard.title == ""

    @pytest.mark.parametrize("name", ["", "../evil", ".hidden", "a/b", "x" * 100, "\x00"])
    def test_what_is_no_name_is_refused(self, profiles: ProfileController, heard: Heard, name: str) -> None:
        profiles.save(name, with_place=False)
        assert "is no name for a profile" in heard.refused

    def test_a_damaged_profile_is_refused_with_its_line(
        self, profiles: ProfileController, heard: Heard, tmp_path: Path
    ) -> None:
        folder = tmp_path / "profiles"
        folder.mkdir()
        (folder / "bad.txt").write_text("reconstruction.iterations = many\n")
        (folder / "binary.txt").write_bytes(bytes(range(256)))
        profiles.open()
        assert heard.names == ("bad", "binary")
        profiles.choose("bad")
        assert "line 1: Iterations: 'many'" in heard.refused
        profiles.choose("binary")
        assert "binary" in heard.refused

    def test_a_result_is_compared_with(
        self, qtbot: QtBot, session: SessionController, profiles: ProfileController, heard: Heard, tmp_path: Path
    ) -> None:
        made_with = Parameters().replace({"reconstruction.seed": 9, "experiment.simulate": True})
        write_result(tmp_path / "r.cxi", make_result(parameters=to_json(made_with)))
        with qtbot.waitSignal(profiles.compared, timeout=5000):
            profiles.compare_result(tmp_path / "r.cxi")
        assert heard.title == "r.cxi" and Difference("reconstruction.seed", 0, 9) in heard.rows
        with qtbot.waitSignal(profiles.refused, timeout=5000):
            profiles.compare_result(tmp_path / "gone.cxi")

    def test_the_forms_values_are_written_as_code(
        self, qtbot: QtBot, session: SessionController, profiles: ProfileController, heard: Heard, tmp_path: Path
    ) -> None:
        profiles.write()
        assert "Open a scan first" in heard.code[0]
        scan = write_scan(tmp_path / "a scan.cxi", simulate(RECIPE))[0]
        with qtbot.waitSignal(session.scanOpened, timeout=10_000):
            session.open(scan)
        session.edit("reconstruction.iterations", 17)
        profiles.write()
        assert heard.code[0] == f"ptychogui reconstruct '{scan}' --iterations 17"
        assert f"reconstruct('{scan}', iterations=17)" in heard.code[1]


@pytest.fixture
def dialog(qtbot: QtBot) -> ProfileDialog:
    made = ProfileDialog(None)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.show()
    return made


def test_the_dialog_shows_differences_and_asks_for_values(qtbot: QtBot, dialog: ProfileDialog) -> None:
    rows = (Difference("experiment.distance_m", None, 1.9), Difference("reconstruction.seed", 5, 0))
    dialog.begin(("fine", "fast"))
    assert not dialog.take_all.isEnabled() and not dialog.delete.isEnabled() and not dialog.save.isEnabled()
    with qtbot.waitSignal(dialog.chosen, timeout=1000) as chosen:
        dialog.names.setCurrentRow(1)
    assert chosen.args == ["fast"] and dialog.delete.isEnabled()
    dialog.show_differences("the profile fast", rows)
    item: Any = dialog.table.topLevelItem(0)
    assert [item.text(column) for column in range(3)] == ["Detector distance", "none", "1.9 m"]
    button = dialog.table.itemWidget(item, 3)
    assert isinstance(button, QPushButton)
    with qtbot.waitSignal(dialog.takeAsked, timeout=1000) as asked:
        button.click()
    assert asked.args == [{"experiment.distance_m": 1.9}, ""]
    with qtbot.waitSignal(dialog.takeAsked, timeout=1000) as asked:
        dialog.take_all.click()
    assert asked.args == [{"experiment.distance_m": 1.9, "reconstruction.seed": 0}, "all of the profile fast"]
    dialog.name.setText("new")
    dialog.with_place.setChecked(True)
    with qtbot.waitSignal(dialog.saveAsked, timeout=1000) as asked:
        dialog.save.click()
    assert asked.args == ["new", True]
    with qtbot.waitSignal(dialog.deleteAsked, timeout=1000) as asked:
        dialog.delete.click()
    assert asked.args == ["fast"]
    dialog.show_problem("no")
    assert dialog.problem.isVisible()


def test_code_is_shown_and_copied(qtbot: QtBot) -> None:
    dialog = CodeDialog(None)  # type: ignore[arg-type]
    qtbot.addWidget(dialog)
    dialog.show_code("a command", "a script")
    assert dialog.text.toPlainText() == "a command"
    dialog.tabs.setCurrentIndex(1)
    dialog.copy.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None and clipboard.text() == "a script" and dialog.told.text() == "Copied"
