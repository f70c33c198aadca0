"""The form: every parameter through its editor and back, and nonsense that goes nowhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ptychogui.errors import ParameterError
from ptychogui.params.chain import ENGINE_NAMES, engines_of
from ptychogui.params.commandline import format_text
from ptychogui.params.model import Parameters, by_path, describe
from ptychogui.params.origins import Layers, Source
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.spec import Param
from ptychogui.session_state import Obstacle
from ptychogui.views.form.editors import (
    ChoiceEditor,
    DeviceChoice,
    DeviceEditor,
    PathEditor,
    SuggestingEditor,
    SwitchEditor,
    TextEditor,
    make_editor,
    shown_text,
)
from ptychogui.views.form.form import ParameterForm

_OF_FORM = {
    "ENGINE:N/CROP,...": "dm:5/2,lsqml", "FROM:UNTIL:EVERY": "7:9", "ADDRESS[,ADDRESS]": "a@b.org",
    "N,N-N,...": "3,17-20",
}  # fmt: skip
"""A value of each text that has a form."""


def other_value(param: Param, file: Path) -> Any:
    """Return a value that is allowed and is not the default."""
    if param.kind is bool:
        return not param.default
    if param.kind == "choice":
        return next(choice for choice in param.choices if choice != param.default)
    if param.kind is Path:
        return file
    if param.kind is str:
        return _OF_FORM.get(param.form, "something")
    if param.usual is not None:
        low, high = param.usual
        middle = float(f"{(low * high) ** 0.5 if low > 0 else high / 2:.4g}")
        return (middle, middle) if param.kind == "pair" else middle
    if param.kind == "pair":
        return (param.item(3),) * 2
    for number in (0.5, 0.125, 2, 32):
        value = param.kind(number)
        try:
            Parameters().replace({param.path: value})
        except ParameterError:
            continue
        if value != param.default:
            return value
    raise AssertionError(f"no other value for {param.path}")


@pytest.fixture(scope="module")
def one_form(qapp: QApplication) -> Iterator[ParameterForm]:
    made = ParameterForm()
    yield made
    made.deleteLater()


@pytest.fixture
def form(one_form: ParameterForm) -> ParameterForm:
    for row in one_form.rows.values():
        row.editor.setValue(row.param.default)
    show(one_form, Layers())
    return one_form


def show(form: ParameterForm, layers: Layers) -> None:
    form.show_values(*layers.resolve(), *layers.with_layer(Source.USER, {}).resolve())


def type_into(qtbot: QtBot, editor: TextEditor, text: str) -> None:
    editor.line.clear()
    qtbot.keyClicks(editor.line, text)
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)


def enter(qtbot: QtBot, editor: Any, param: Param, value: Any) -> None:
    """Enter a value as a user does."""
    if isinstance(editor, SwitchEditor):
        editor.box.click()
    elif isinstance(editor, ChoiceEditor):
        editor.box.setCurrentText(value)
        editor.box.textActivated.emit(value)
    else:
        type_into(qtbot, editor, format_text(param, value))


def test_it_has_a_row_for_every_parameter(form: ParameterForm) -> None:
    assert list(form.rows) == [param.path for param in describe()]


@pytest.mark.parametrize("path", by_path())
def test_a_value_goes_in_and_back(qtbot: QtBot, form: ParameterForm, path: str, tmp_path: Path) -> None:
    param, row = by_path()[path], form.rows[path]
    file = tmp_path / "some file.npy"
    file.touch()
    value = other_value(param, file)
    assert row.editor.isEnabled() == (not param.awaits and param.heeded_by(engines_of(Reconstruction().engine)))
    row.editor.setEnabled(True)
    with qtbot.waitSignal(form.edited, timeout=1000) as edited:
        enter(qtbot, row.editor, param, value)
    assert edited.args == [path, value]
    layers = Layers().with_value(path, value)
    show(form, layers)
    assert row.editor.value() == value
    assert row.changed
    assert row.tag.text() == "you"
    with qtbot.waitSignal(form.reverted, timeout=1000) as reverted:
        row.back.click()
    assert reverted.args == [path]
    show(form, layers.without(path))
    assert row.editor.value() == param.default
    assert not row.changed
    assert row.back.isHidden()


@pytest.mark.parametrize("param", describe(), ids=lambda param: param.path)
def test_the_tooltip_explains(form: ParameterForm, param: Param) -> None:
    tip = form.rows[param.path].editor.toolTip()
    assert param.option in tip
    assert param.flag in tip
    assert param.awaits in tip


def test_setting_a_value_is_silent(qtbot: QtBot, form: ParameterForm) -> None:
    with qtbot.assertNotEmitted(form.edited):
        show(form, Layers().with_value("reconstruction.iterations", 7).with_value("experiment.mirror_rows", True))


def test_quantities_are_typed_freely(qtbot: QtBot, form: ParameterForm) -> None:
    editor = form.rows["experiment.energy_eV"].editor
    assert isinstance(editor, TextEditor)
    for text in ("8.8 keV", "8800", "8.8e3 eV", "0.0088MeV"):
        show(form, Layers())
        with qtbot.waitSignal(form.edited, timeout=1000) as edited:
            type_into(qtbot, editor, text)
        assert edited.args == ["experiment.energy_eV", 8800.0]
        assert editor.line.text() == "8.8 keV"


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("experiment.energy_eV", "bright", "not a number"),
        ("experiment.energy_eV", "5 kg", "not a unit"),
        ("experiment.energy_eV", "-5 eV", "above 0 eV"),
        ("experiment.energy_eV", "100 MeV", "100 MeV can't be: X-ray ptychography has 100 eV to 200 keV"),
        ("experiment.step_m", "1 m, 1 m", "can't be"),
        ("reconstruction.iterations", "2.5", "not a whole number"),
        ("reconstruction.iterations", "0", "1 to"),
        ("experiment.scan_dims", "30", "not a pair"),
        ("preprocessing.size_px", "63", "multiple of 2"),
        ("preprocessing.mask_file", "no such file.npy", "there is no file"),
        ("preprocessing.mask_file", "n" * 300, "there is no file"),
        ("preprocessing.mask_file", "~nobody/mask.npy", "there is no file"),
        ("reconstruction.engine", "dm:50,lsqlm", "not 'lsqlm'; did you mean 'lsqml'?"),
        ("reconstruction.update_probe", "soon", "must be FROM, FROM:UNTIL or FROM:UNTIL:EVERY"),
    ],
)
def test_nonsense_is_marked_and_goes_nowhere(
    qtbot: QtBot, form: ParameterForm, path: str, text: str, reason: str
) -> None:
    row = form.rows[path]
    assert isinstance(row.editor, TextEditor)
    with qtbot.assertNotEmitted(form.edited):
        type_into(qtbot, row.editor, text)
    assert reason in row.problem.text()
    assert row.editor.line.property("invalid")
    assert form.reasons() == [Obstacle(path, row.param.title, row.editor.reason)]
    qtbot.keyClick(row.editor.line, Qt.Key.Key_Escape)
    assert row.editor.line.text() == shown_text(row.param, row.param.default)
    assert form.reasons() == []


def test_text_under_way_outlives_a_refresh(qtbot: QtBot, form: ParameterForm) -> None:
    editor = form.rows["reconstruction.iterations"].editor
    assert isinstance(editor, TextEditor)
    editor.line.clear()
    qtbot.keyClicks(editor.line, "12x")
    show(form, Layers().with_value("experiment.mirror_rows", True))
    assert editor.line.text() == "12x"


def test_commit_announces_what_is_typed(qtbot: QtBot, form: ParameterForm) -> None:
    editor = form.rows["reconstruction.iterations"].editor
    assert isinstance(editor, TextEditor)
    editor.line.clear()
    qtbot.keyClicks(editor.line, "12")
    with qtbot.waitSignal(form.edited, timeout=1000) as edited:
        form.commit()
    assert edited.args == ["reconstruction.iterations", 12]


def test_arrow_keys_step_whole_numbers(qtbot: QtBot, form: ParameterForm) -> None:
    editor = form.rows["reconstruction.iterations"].editor
    assert isinstance(editor, TextEditor)
    with qtbot.waitSignal(form.edited, timeout=1000) as edited:
        qtbot.keyClick(editor.line, Qt.Key.Key_Up)
    assert edited.args == ["reconstruction.iterations", by_path()["reconstruction.iterations"].default + 1]


def test_the_editor_rounds_for_the_eye_only(qtbot: QtBot, form: ParameterForm) -> None:
    exact = 1.23456789e-7
    show(form, Layers().with_value("experiment.probe_diameter_m", exact))
    editor = form.rows["experiment.probe_diameter_m"].editor
    assert isinstance(editor, TextEditor)
    assert editor.line.text() == "123.457 nm"
    with qtbot.assertNotEmitted(form.edited):
        qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    assert editor.value() == exact


def test_origins_are_shown(form: ParameterForm) -> None:
    place = "scan.cxi: /entry_1/instrument_1/source_1/energy"
    show(form, Layers().with_layer(Source.FILE, {"experiment.energy_eV": (8800.0, place)}))
    row = form.rows["experiment.energy_eV"]
    assert row.tag.text() == "file"
    assert place in row.tag.toolTip()
    assert row.place.toolTip() == place
    assert form.rows["experiment.distance_m"].tag.text() == "default"


def test_back_says_where_it_leads(form: ParameterForm) -> None:
    layers = Layers().with_layer(Source.FILE, {"experiment.energy_eV": (8800.0, "scan.cxi: /energy")})
    show(form, layers.with_value("experiment.energy_eV", 9000.0))
    assert form.rows["experiment.energy_eV"].back.toolTip() == "Back to 8.8 keV (file: scan.cxi: /energy)"


def test_heads_count_changes_and_fold(qtbot: QtBot, form: ParameterForm) -> None:
    show(form, Layers().with_value("experiment.mirror_rows", True).with_value("experiment.drift_m", (1e-9, 0.0)))
    section = form.sections["experiment"]
    assert "2 changed" in section.head.text()
    assert "1 changed" in section.more.text()
    assert section.extra.isHidden()
    section.more.click()
    assert not section.extra.isHidden()
    section.head.click()
    assert section.body.isHidden() and section.extra.isHidden()


NASTY = (
    "", " ", "-", "--", "nan", "inf", "-inf", "1e999", "-1e999", "1e-999", "0", "-0", "-1", "1,", ",", "1,2,3", ",,,,",
    "0x10", "1_000", "1 000", "1e5e5", "9" * 400, "0." + "0" * 400 + "1", "1:2:3:4", "1:", "::", "dm:,lsqml", "dm:0",
    "dm:99999999999999999999", "lsqml/3", "5 parsecs", "5 kg, 3 m", "100 MeV, 100 MeV", "1e308 km", "\u00bd",
    "\u0663", "\uff11\uff12", "\u22125", "none", "NONE", "auto", "never", "true",
    "\x00", "a\x00b", "\u202e12", "\ud800", "é" * 5000, "💥", "%s%n{}{0}$(rm)",
    "../../etc/passwd", "/", "~", "~nobody", "file:///etc/passwd", "<b>bold</b>", "&amp;", "'; DROP TABLE jobs; --",
    "a@", "@b", "a@b, c@", "1\n2", "\t",
)  # fmt: skip
"""What nobody means."""


def test_nonsense_is_refused_with_a_reason_or_is_a_value(form: ParameterForm) -> None:
    told: list[tuple[str, Any]] = []
    form.edited.connect(lambda path, value: told.append((path, value)))
    lines = {path: row for path, row in form.rows.items() if isinstance(row.editor, TextEditor)}
    for (path, row), text in itertools.product(lines.items(), NASTY):
        row.editor.setValue(row.param.default)
        told.clear()
        row.editor.line.setText(text)
        row.editor.line.setModified(True)
        row.editor.line.textEdited.emit(row.editor.line.text())
        row.editor.commit()
        for edited in told:
            Parameters().replace(dict([edited]))
        assert not (told and row.editor.reason), (path, text)
        assert row.problem.text() == row.editor.reason and len(row.editor.reason) < 300, (path, text)
    form.edited.disconnect()


def found(form: ParameterForm) -> list[str]:
    return [path for path, row in form.rows.items() if row.isVisibleTo(form)]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("photon", "experiment.energy_eV"), ("-lambda", "experiment.energy_eV"),
        ("--positions-file", "experiment.positions_file"), ("serial textbook", "reconstruction.batch_size"),
        ("dx_d", "experiment.detector_pixel_m"),
    ],
)  # fmt: skip
def test_parameters_are_found_by_their_words(form: ParameterForm, words: str, path: str) -> None:
    before = found(form)
    form.look_for(words)
    assert path in found(form) and len(found(form)) < 12
    form.look_for("")
    assert found(form) == before
    form.look_for("words of no parameter")
    assert not found(form) and form.nothing.isVisibleTo(form)
    form.look_for("")


def test_what_was_changed_can_be_shown_alone(form: ParameterForm) -> None:
    show(form, Layers().with_value("reconstruction.seed", 5).with_value("reconstruction.iterations", 5))
    form.look_for("", True)
    assert found(form) == ["reconstruction.iterations", "reconstruction.seed"] and form.changes == 2
    show(form, Layers().with_value("reconstruction.seed", 5))
    assert found(form) == ["reconstruction.seed"]
    form.look_for("")


def test_devices_are_chosen_of_those_that_there_are(form: ParameterForm) -> None:
    editor = form.rows["devices.device"].editor
    assert isinstance(editor, DeviceEditor)
    form.show_devices({"cpu": DeviceChoice("AMD, 8 cores", True), "cuda:0": DeviceChoice("no CuPy", False)})
    assert [editor.box.itemText(place) for place in range(editor.box.count())] == ["auto", "cpu", "cuda:0"]
    assert not editor.box.isEditable() and editor.value() == "auto"
    assert editor.box.itemData(1, Qt.ItemDataRole.ToolTipRole) == "AMD, 8 cores"
    model = editor.box.model()
    assert model is not None
    assert [bool(model.flags(model.index(place, 0)) & Qt.ItemFlag.ItemIsEnabled) for place in range(3)] == [
        True, True, False,
    ]  # fmt: skip
    show(form, Layers().with_value("devices.device", "cuda:7"))
    assert editor.value() == "cuda:7", "as of a result that was made elsewhere"
    form.show_devices({"cpu": DeviceChoice("AMD, 8 cores", True)})
    assert editor.value() == "cuda:7"
    show(form, Layers())
    assert editor.value() == "auto" and editor.box.findText("cuda:7") == -1


def test_of_a_long_path_the_end_is_in_view_and_the_tooltip_has_all(form: ParameterForm, tmp_path: Path) -> None:
    editor = form.rows["preprocessing.mask_file"].editor
    assert isinstance(editor, PathEditor)
    path = tmp_path / ("long" * 20) / "mask.npy"
    editor.setValue(path)
    assert editor.line.cursorPosition() == len(str(path)) and editor.line.toolTip() == str(path)
    show(form, Layers().with_value("preprocessing.mask_file", path))
    assert form.rows["preprocessing.mask_file"].place.whole_text() == str(path)


def test_a_text_is_brought_to_its_one_form(qtbot: QtBot, form: ParameterForm) -> None:
    editor = form.rows["reconstruction.engine"].editor
    assert isinstance(editor, TextEditor)
    with qtbot.waitSignal(form.edited, timeout=1000) as edited:
        type_into(qtbot, editor, " DM:50/2 , LSQML")
    assert edited.args == ["reconstruction.engine", "dm:50/2,lsqml"]
    assert editor.line.text() == "dm:50/2,lsqml"


def test_suggestions_are_offered_and_other_text_is_taken(qtbot: QtBot) -> None:
    editor = make_editor(by_path()["reconstruction.engine"])
    qtbot.addWidget(editor)
    assert isinstance(editor, SuggestingEditor)
    assert [editor.box.itemText(place) for place in range(editor.box.count())] == list(ENGINE_NAMES)
    editor.setValue("dm:50,lsqml")
    assert editor.line.text() == "dm:50,lsqml"
    with qtbot.waitSignal(editor.valueChanged, timeout=1000) as changed:
        editor.box.setCurrentText("raar")
        editor.box.textActivated.emit("raar")
    assert changed.args == ["raar"]
    with qtbot.waitSignal(editor.valueChanged, timeout=1000) as changed:
        qtbot.keyClick(editor.box, Qt.Key.Key_Down)
    assert changed.args == ["lsqml"]
    qtbot.keyClicks(editor.box, "x")
    assert editor.reason
    qtbot.keyClick(editor.box, Qt.Key.Key_Escape)
    assert (editor.line.text(), editor.reason) == ("lsqml", "")


def test_what_the_engines_do_not_heed_is_out_of_reach_and_says_why(form: ParameterForm) -> None:
    row, seed = form.rows["reconstruction.momentum"], form.rows["reconstruction.seed"]
    chosen = Layers().with_value("reconstruction.momentum", 0.625)
    for engine, heeded in (("epie", True), ("dm", False), ("dm:5,raar:5", False), ("dm:5,lsqml:5", True)):
        show(form, chosen.with_value("reconstruction.engine", engine))
        assert row.editor.isEnabled() == row.label.isEnabled() == heeded
        assert seed.editor.isEnabled()
        assert ("No effect in" in row.editor.toolTip()) == (not heeded)
    show(form, chosen.with_value("reconstruction.engine", "dm:5,raar:5"))
    assert "No effect in DM or RAAR." in row.editor.toolTip()
    assert "No effect in" not in seed.editor.toolTip()
    assert row.editor.value() == 0.625
    assert row.back.isEnabled() and not row.back.isHidden()


def test_what_awaits_a_later_version_is_out_of_reach_with_every_engine(form: ParameterForm) -> None:
    for param in describe():
        if param.awaits:
            assert not form.rows[param.path].editor.isEnabled()
