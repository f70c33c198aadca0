from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.result import write_result
from ptychogui.jobs.scan_list import scan_list
from tests.io.makers import make_cxi, make_result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mda").mkdir()
    for number in (9, 10, 11, 12, 14, 55):
        (tmp_path / "mda" / f"fly_{number:04d}.mda").write_text("scan")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _numbers(scans: tuple[Path, ...]) -> list[int]:
    return [int(path.stem[-4:]) for path in scans]


def test_ranges_of_numbers_are_files_by_their_pattern(folder: Path) -> None:
    found = scan_list(["10-14,55,9"], "mda/fly_#04d.mda")
    assert _numbers(found.scans) == [10, 11, 12, 14, 55, 9]
    assert found.absent == (Path("mda/fly_0013.mda"),)


def test_files_and_globs_keep_their_order_and_come_once(folder: Path) -> None:
    found = scan_list(["mda/fly_0055.mda", "mda/*1?.mda", "mda/fly_0011.mda"])
    assert _numbers(found.scans) == [55, 10, 11, 12, 14] and not found.absent


def test_a_text_file_lists_anything_relative_to_its_folder(folder: Path) -> None:
    (folder / "mda" / "night.txt").write_text("# Tuesday\nfly_0009.mda  # good\n\n*_005?.mda\n12\n")
    found = scan_list(["mda/night.txt"], str(folder / "mda" / "fly_#04d.mda"))
    assert _numbers(found.scans) == [9, 55, 12]


def test_a_file_that_is_called_like_numbers_is_a_file(folder: Path) -> None:
    (folder / "12").write_text("scan")
    assert scan_list(["12"]).scans == (Path("12"),)


def test_numbers_are_numbers_where_it_is_said_what_they_stand_for(folder: Path) -> None:
    (folder / "12").mkdir()
    assert _numbers(scan_list(["12"], "mda/fly_#04d.mda").scans) == [12]


def test_a_raw_series_is_a_scan_by_its_pattern(folder: Path) -> None:
    found = scan_list(["raw/scan012_#04d.h5", "mda/fly_0009.mda"])
    assert found.scans == (Path("raw/scan012_#04d.h5"), Path("mda/fly_0009.mda")) and not found.absent


def test_a_folder_is_its_mda_files_or_else_its_scans_but_no_results(folder: Path, tmp_path: Path) -> None:
    assert _numbers(scan_list(["mda"]).scans) == _numbers(scan_list(["mda/*.mda"]).scans)
    cxi = tmp_path / "cxi"
    cxi.mkdir()
    with pytest.raises(DataError, match=r"the folder .*cxi has no scan"):
        scan_list([str(cxi)])
    write_result(cxi / "fly_0001-result.cxi", make_result())
    (cxi / "other.h5").write_bytes(b"frames")
    make_cxi(cxi / "fly_0001.cxi")
    (cxi / "fly_0002.cxi").write_bytes(b"cut off")
    assert _numbers(scan_list([str(cxi)]).scans) == [1, 2]


def test_a_text_file_may_be_from_windows(folder: Path) -> None:
    (folder / "night.txt").write_bytes("\ufeffmda/fly_0009.mda\r\nmda/fly_0055.mda\r\n".encode())
    assert _numbers(scan_list(["night.txt"]).scans) == [9, 55]


@pytest.mark.parametrize(
    ("items", "numbered", "error", "said"),
    [
        (["12-14"], "", ParameterError, "--scans"),
        (["14-12"], "mda/fly_#04d.mda", ParameterError, "smaller number first"),
        (["1-999999999"], "mda/fly_#04d.mda", ParameterError, "1-999999999"),
        (["100-110"], "mda/fly_#04d.mda", DataError, r"looked for is mda/fly_0100\.mda"),
        (["12"], "mda/fly.mda", DataError, "'#'"),
        (["mda/*.h5"], "", DataError, r"no file matches 'mda/\*\.h5'"),
        (["mda/fly_0013.mda"], "", DataError, r"no file 'mda/fly_0013\.mda'"),
    ],
)
def test_what_is_wrong_is_said(
    folder: Path, items: list[str], numbered: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        scan_list(items, numbered)


def test_a_fault_in_a_text_file_has_its_line(folder: Path) -> None:
    (folder / "night.txt").write_text("mda/fly_0009.mda\nmda/*.h5\n")
    with pytest.raises(DataError, match=r"night\.txt, line 2: no file matches 'mda/\*\.h5'"):
        scan_list(["night.txt"])
    (folder / "both.txt").write_text("night.txt\n")
    with pytest.raises(DataError, match=r"both\.txt, line 1: .* a list in a list"):
        scan_list(["both.txt"])


def test_a_scan_of_a_text_file_that_is_not_there_holds_up_no_other(folder: Path) -> None:
    (folder / "night.txt").write_text("mda/fly_0009.mda\nmda/fly_0008.mda\n 12, 13 ,14\n")
    found = scan_list(["night.txt"], "mda/fly_#04d.mda")
    assert _numbers(found.scans) == [9, 12, 14]
    assert _numbers(found.absent) == [8, 13]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_list_may_name_any_file(folder: Path, mark: bytes, end: bytes) -> None:
    """Bytes that are no UTF-8, blanks at the end, a '#', and what Python takes for the end of a line."""
    names = [b"scan_\xe9.cxi", b"trailing ", b"a #1.cxi", "line\u2028 \x85.cxi".encode(), b"[1].cxi"]
    for name in names:
        (folder / os.fsdecode(name)).touch()
    (folder / "list.txt").write_bytes(mark + end.join([*names, b"scan_\xe9.cxi # again", b""]))
    assert [os.fsencode(path) for path in scan_list(["list.txt"]).scans] == names


def test_a_name_that_no_file_can_have_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match="there is no file 'nnn"):
        scan_list(["n" * 300])
    (folder / "list.txt").write_text(f"{'n' * 300}\nmda/fly_0009.mda\n")
    assert _numbers(scan_list(["list.txt"]).scans) == [9]
