"""What becomes of a path that is opened: a scan, a batch, a series, or clear words; junk and crowds included."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.controllers.background import Background
from ptychogui.controllers.session import SessionController
from ptychogui.controllers.values.opening import OpeningController
from ptychogui.io.simulated import write_scan
from ptychogui.physics.simulation import simulate
from tests.gui.conftest import RECIPE
from tests.io.makers import make_frames, make_rows


@pytest.fixture
def opening(session: SessionController, background: Background) -> OpeningController:
    return OpeningController(session, background)


def asked_for(qtbot: QtBot, opening: OpeningController, path: Path) -> tuple[Path, ...]:
    with qtbot.waitSignal(opening.batchWanted, timeout=10_000) as asked:
        opening.open(path)
    paths: tuple[Path, ...] = asked.args[0]
    return paths


def test_a_file_and_the_only_scan_of_a_folder_are_opened(
    qtbot: QtBot, session: SessionController, opening: OpeningController, tmp_path: Path
) -> None:
    scan = write_scan(tmp_path / "only.cxi", simulate(RECIPE))[0]
    for path in (scan, tmp_path):
        with qtbot.waitSignal(session.scanOpened, timeout=10_000) as opened:
            opening.open(path)
        assert opened.args[0].path == scan


def test_scans_of_a_folder_and_a_list_become_a_batch(qtbot: QtBot, opening: OpeningController, tmp_path: Path) -> None:
    scan = write_scan(tmp_path / "scan1.cxi", simulate(RECIPE))[0]
    (tmp_path / "scan2.cxi").write_bytes(scan.read_bytes())
    assert asked_for(qtbot, opening, tmp_path) == (tmp_path,)
    (tmp_path / "night.txt").write_text("scan1.cxi\ngone.cxi\n")
    assert asked_for(qtbot, opening, tmp_path / "night.txt") == (tmp_path / "night.txt",)


def test_a_folder_of_raw_files_is_the_series_that_it_is(
    qtbot: QtBot, session: SessionController, opening: OpeningController, tmp_path: Path
) -> None:
    pattern = make_rows(tmp_path, {1: make_frames(3), 2: make_frames(2)})
    with qtbot.waitSignal(session.scanOpened, timeout=10_000) as opened:
        opening.open(tmp_path)
    assert opened.args[0].path == Path(pattern)
    plain = tmp_path / "plain"
    plain.mkdir()
    for number in range(8, 11):
        np.save(plain / f"frame{number}.npy", np.ones((2, 16, 16), np.uint16))
    with qtbot.waitSignal(session.scanOpened, timeout=10_000) as opened:
        opening.open(plain)
    assert opened.args[0].path == plain / "frame#d.npy"


def test_a_folder_without_scans_and_one_that_is_gone_are_named(
    qtbot: QtBot, session: SessionController, opening: OpeningController, tmp_path: Path
) -> None:
    (tmp_path / "letter.doc").write_text("Dear all,")
    with qtbot.waitSignal(opening.problem, timeout=10_000) as told:
        opening.open(tmp_path)
    assert "has no scan and no series of raw files" in told.args[0].text and str(tmp_path) in told.args[0].text
    with qtbot.waitSignal(session.problem, timeout=10_000) as told:
        opening.open(tmp_path / "gone.mda")
    assert told.args[0].title == "gone.mda can't be opened"


JUNK = {
    "empty": b"", "zeros": bytes(5000), "text": b"Dear all,\n" * 200, "random": random.Random(3).randbytes(20_000),
    "hdf5": b"\x89HDF\r\n\x1a\n" + random.Random(4).randbytes(8000), "mda": b"\x3f\xa6\x66\x66" + bytes(4000),
    "npy": b"\x93NUMPY\x01\x00" + random.Random(5).randbytes(4000), "tiff": b"II*\x00" + b"\xff" * 3000,
}  # fmt: skip


@pytest.mark.parametrize("end", [".cxi", ".h5", ".mda", ".npy", ".tif", ".bin", ""])
@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_one_clear_message(
    qtbot: QtBot, session: SessionController, opening: OpeningController, tmp_path: Path, kind: str, end: str
) -> None:
    path = tmp_path / f"junk{end}"
    path.write_bytes(JUNK[kind])
    with qtbot.waitSignals([session.problem], timeout=10_000) as told:
        opening.open(path)
    (problem,) = told.all_signals_and_args[0].args
    assert problem.title == f"{path.name} can't be opened" and problem.text
    assert not problem.details, "a defect"


def test_a_folder_of_thousands_of_files_is_a_batch_of_all(
    qtbot: QtBot, opening: OpeningController, tmp_path: Path
) -> None:
    for number in range(5000):
        os.close(os.open(tmp_path / f"scan_{number:04d}.mda", os.O_CREAT | os.O_WRONLY))
    assert asked_for(qtbot, opening, tmp_path) == (tmp_path,)


def test_a_folder_fills_the_batch_dialog(qtbot: QtBot, workstation: Workstation, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    scan = write_scan(folder / "scan1.cxi", simulate(RECIPE))[0]
    (folder / "scan2.cxi").write_bytes(scan.read_bytes())
    dialog = workstation.window.batch
    with qtbot.waitSignal(workstation.batch.listed, timeout=30_000) as listed:
        workstation.window.openAsked.emit(folder)
    assert dialog.isVisible() and dialog.scans.toPlainText() == str(folder)
    assert [Path(row.scan).name for row in listed.args[0]] == ["scan1.cxi", "scan2.cxi"]
    dialog.reject()
