from __future__ import annotations

from pathlib import Path

from ptychogui.io.naming import unused_path


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    path = tmp_path / "scan.1-result.cxi"
    assert unused_path(path) == path
    path.touch()
    assert unused_path(path) == tmp_path / "scan.1-result-001.cxi"
    (tmp_path / "scan.1-result-001.cxi").symlink_to(tmp_path / "nowhere")
    assert unused_path(path) == tmp_path / "scan.1-result-002.cxi"


def test_the_first_may_have_a_number_too(tmp_path: Path) -> None:
    assert unused_path(tmp_path / "a.cxi", always_numbered=True) == tmp_path / "a-001.cxi"
