"""Scans: what others made, changed, moved or deleted is found, and only what changed is read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui.catalog import scan as scan_module
from ptychogui.catalog.catalog import find, forget, look_through, mark
from ptychogui.catalog.folders import name_folders, named_folders
from ptychogui.catalog.index import Index
from ptychogui.catalog.marks import marks_file
from ptychogui.catalog.scan import file_state
from ptychogui.errors import DataError
from ptychogui.io.export import export_csv, export_tiff
from ptychogui.io.foreign import read_any_header
from ptychogui.io.result_header import ResultHeader
from ptychogui.states import State
from tests.catalog.conftest import Make
from tests.io.foreign.makers import write_product, write_ptyr
from tests.io.makers import make_cxi, make_result


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the names of the files that are read."""
    names: list[str] = []

    def recorded(path: Path) -> ResultHeader:
        names.append(path.name)
        return read_any_header(path)

    monkeypatch.setattr(scan_module, "read_any_header", recorded)
    return names


@pytest.fixture
def three(home: Path, results: Path, make: Make) -> Path:
    for name in ("a.cxi", "b.cxi", "deep/c.cxi"):
        make(name)
    name_folders([results])
    look_through()
    return results


def titles(text: str = "") -> list[str]:
    return sorted(entry.title for entry in find(text))


def test_nothing_is_read_twice(three: Path, reads: list[str]) -> None:
    report = look_through()
    assert (report.same, report.new, reads) == (3, [], [])


def test_what_changed_is_read(three: Path, reads: list[str], make: Make) -> None:
    make("a.cxi", title="again")
    report = look_through()
    assert (report.changed, report.same, reads) == ([three / "a.cxi"], 2, ["a.cxi"])
    assert titles() == ["again", "b", "c"]


def test_what_was_moved_is_not_read_and_keeps_its_marks(three: Path, reads: list[str]) -> None:
    mark(three / "a.cxi", stars=5)
    reads.clear()
    (three / "new").mkdir()
    for path in (three / "a.cxi", marks_file(three / "a.cxi")):
        path.rename(three / "new" / path.name)
    report = look_through()
    assert report.moved == [(three / "a.cxi", three / "new" / "a.cxi")]
    assert (report.gone, reads) == ([], [])
    assert [entry.path for entry in find("starred new/")] == [three / "new" / "a.cxi"]
    assert not find("results/a.cxi")


def test_what_was_deleted_or_is_no_result_any_more_goes(three: Path) -> None:
    (three / "a.cxi").unlink()
    (three / "b.cxi").write_text("nothing")
    assert look_through().gone == [three / "a.cxi"]
    assert titles() == ["c"]


def test_marks_made_by_hand_are_found(three: Path, reads: list[str]) -> None:
    marks_file(three / "b.cxi").write_text('{"stars": 2, "tags": ["x"], "note": ""}')
    look_through()
    assert titles("tag:x stars:2") == ["b"]
    marks_file(three / "b.cxi").write_text("broken")
    look_through()
    assert (titles("starred"), reads) == ([], [])


def test_a_folder_that_is_away_keeps_its_results(three: Path) -> None:
    (three / "deep").rename(three.parent / "away")
    three.rename(three.parent / "unmounted")
    report = look_through()
    assert "can't be listed now" in report.notes[0]
    assert titles() == ["a", "b", "c"]


def test_foreign_results_and_what_is_none(home: Path, results: Path) -> None:
    write_product(results / "product.h5")
    write_ptyr(results / "run.ptyr")
    np.save(results / "x_object.npy", np.ones((20, 20), complex))
    np.save(results / "x_probe.npy", np.ones((8, 8), complex))
    make_cxi(results / "scan.cxi")
    with h5py.File(results / "raw.h5", "w") as file:
        file["data"] = np.zeros(3)
    (results / "positions.csv").write_text("1,2\n")
    name_folders([results])
    look_through()
    assert sorted(entry.program for entry in find("")) == ["ptychodus", "ptypy", "unknown"]


def test_exports_and_truths_are_no_results(home: Path, results: Path, make: Make) -> None:
    make("r.cxi")
    export_csv(make_result(), results, "r")
    export_tiff(make_result(), results, "r")
    export_csv(make_result(), results, "alone")
    make("truth.cxi", state=State.TRUTH)
    name_folders([results])
    look_through()
    assert titles() == ["alone_object_0", "r"]


def test_a_changed_half_of_a_pair_is_noticed(home: Path, results: Path) -> None:
    export_csv(make_result(), results, "r")
    before = file_state(results / "r_object_0.csv")
    (results / "r_probes_0.csv").write_text("1+1j\n")
    assert file_state(results / "r_object_0.csv") != before


def test_results_elsewhere_are_kept_up(three: Path) -> None:
    other = three.parent / "elsewhere.cxi"
    shutil.copy(three / "a.cxi", other)
    mark(other, stars=1)
    look_through()
    assert len(find("elsewhere")) == 1
    other.unlink()
    assert look_through().gone == [other]


def test_a_file_that_ends_programs_is_left_out_in_the_end(
    home: Path, results: Path, make: Make, reads: list[str]
) -> None:
    path = make("a.cxi")
    name_folders([results])
    for _ in range(3):
        with Index() as index:
            index.begin(path, file_state(path))
    report = look_through()
    assert (reads, titles()) == ([], [])
    assert "left out" in report.notes[0]
    os.utime(path, ns=(1, 1))
    look_through()
    assert titles() == ["a"]


def test_an_odd_file_does_not_end_the_scan(
    home: Path, results: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("a.cxi")
    make("b.cxi")

    def odd(path: Path) -> ResultHeader:
        if path.name == "a.cxi":
            raise ZeroDivisionError
        return read_any_header(path)

    monkeypatch.setattr(scan_module, "read_any_header", odd)
    name_folders([results])
    look_through()
    assert titles() == ["b"]


def test_names_that_are_no_text(home: Path, results: Path, make: Make) -> None:
    make("a.cxi").rename(os.fsdecode(os.fsencode(results) + b"/\xff.cxi"))
    name_folders([results])
    look_through()
    assert os.fsencode(find("")[0].path).endswith(b"\xff.cxi")


def test_folders_are_named_and_forgotten(three: Path, tmp_path: Path) -> None:
    assert named_folders() == (three,)
    assert name_folders([three]) == (three,)
    assert forget([three]) == ()
    assert titles() == []
    assert (three / "a.cxi").is_file()
    with pytest.raises(DataError, match="not among the folders"):
        forget([three])
    with pytest.raises(DataError, match="no folder"):
        name_folders([tmp_path / "absent"])
