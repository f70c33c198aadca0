from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptychogui.io.naming import file_stem, meant_path, unused_path


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    path = tmp_path / "scan.1-result.cxi"
    assert unused_path(path) == path
    path.touch()
    assert unused_path(path) == tmp_path / "scan.1-result-001.cxi"
    (tmp_path / "scan.1-result-001.cxi").symlink_to(tmp_path / "nowhere")
    assert unused_path(path) == tmp_path / "scan.1-result-002.cxi"


def test_the_first_may_have_a_number_too(tmp_path: Path) -> None:
    assert unused_path(tmp_path / "a.cxi", always_numbered=True) == tmp_path / "a-001.cxi"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("scan 1", "scan 1"), ("a/b", "a_b"), ("a\0b", "a_b"), ("\ud800x", "_x"), ("two\nlines", "two\nlines"),
        (os.fsdecode(b"\xe9"), os.fsdecode(b"\xe9")), ("n" * 5000, "n" * 223), ("🔬" * 100, "🔬" * 55), ("", ""),
    ],
)  # fmt: skip
def test_any_name_is_one_that_files_can_begin_with(tmp_path: Path, name: str, stem: str) -> None:
    assert file_stem(name) == stem
    path = unused_path(tmp_path / f"{stem}-result.cxi")
    path.touch()
    unused_path(path).with_name(f"{unused_path(path).stem}_probe_magnitude.tif").touch()


def test_a_file_that_a_dialog_has_no_name_for_is_found(tmp_path: Path) -> None:
    """Qt gives U+FFFD for bytes that are no UTF-8."""
    folder = tmp_path / os.fsdecode(b"f\xe9\xe8")
    folder.mkdir()
    for name in (b"scan_\xe9.cxi", b"scan_x.cxi", "scan_Ω.cxi".encode()):
        (folder / os.fsdecode(name)).touch()
    assert meant_path(f"{tmp_path}/f\ufffd/scan_\ufffd.cxi") == folder / os.fsdecode(b"scan_\xe9.cxi")
    assert meant_path(f"{tmp_path}/f\ufffd\ufffd/scan_Ω.cxi") == folder / "scan_Ω.cxi"
    assert meant_path(f"{tmp_path}/gone\ufffd/a.cxi") == tmp_path / "gone\ufffd" / "a.cxi"
    (tmp_path / "really \ufffd").touch()
    assert meant_path(f"{tmp_path}/really \ufffd") == tmp_path / "really \ufffd"
