"""Messages in the words of the form."""

from __future__ import annotations

import pytest

from ptychogui.params.form_words import in_form_words
from ptychogui.params.model import describe


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("give --distance (in m) and --detector-pixel (in m)",
         "give 'Detector distance' (in m) and 'Detector pixel' (in m)"),
        ("give --positions-file, or --scan-pattern raster", "give 'Position list', or 'Scan pattern' raster"),
        ("leave out a.cxi, or --no-find-center", "leave out a.cxi, or 'Find the center' off"),
        ("reconstruction.iterations = -1: must be at least 1", "'Iterations' = -1: must be at least 1"),
        ("ptychogui bench --json; see entry_1.data and a--b", "ptychogui bench --json; see entry_1.data and a--b"),
    ],
)  # fmt: skip
def test_options_become_titles(told: str, shown: str) -> None:
    assert in_form_words(told) == shown


def test_no_option_is_left() -> None:
    assert "--" not in in_form_words(" ".join(param.option for param in describe()))
