"""Tags, stars and notes beside a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptychogui.catalog.marks import Marks, marks_file, read_marks, write_marks
from ptychogui.errors import DataError, ParameterError


def test_what_is_said_comes_back_and_nothing_leaves_nothing(tmp_path: Path) -> None:
    result = tmp_path / "r.cxi"
    result.touch()
    assert read_marks(result) == Marks()
    said = Marks(3, ("fine", "µ"), "in\ntwo lines")
    write_marks(result, said)
    assert read_marks(result) == said
    write_marks(result, Marks())
    assert not marks_file(result).exists()


def test_marks_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        write_marks(tmp_path / "r.cxi", Marks(3))


@pytest.mark.parametrize(
    "wrong", [{"stars": 6}, {"stars": -1}, {"tags": ("two words",)}, {"tags": ("a,b",)}, {"tags": ("",)}]
)
def test_what_can_not_be_given_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=r"stars|no tag"):
        Marks(**wrong)


@pytest.mark.parametrize("content", ["", "[]", '{"stars": 9, "tags": [], "note": ""}', '{"stars": null}'])
def test_a_broken_file_is_said(tmp_path: Path, content: str) -> None:
    marks_file(tmp_path / "r.cxi").write_text(content)
    with pytest.raises(DataError, match="repair it"):
        read_marks(tmp_path / "r.cxi")
