"""Profiles as text, and how sets of values differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.profile import Difference, differences, profile_text, read_profile

VALUES = {
    "reconstruction.iterations": None, "reconstruction.object_step": 0.5, "experiment.probe_modes": 3,
    "experiment.energy_eV": 8800.0, "experiment.distance_m": 1.9, "experiment.positions_file": Path("list.csv"),
    "output.job_id": "one", "output.email": "a@b.org, c@d.org", "preprocessing.center_px": (30.5, 31.0),
}  # fmt: skip
OF_THE_SCAN = {"experiment.energy_eV", "experiment.distance_m", "preprocessing.center_px"}


def test_what_is_written_is_read_and_what_belongs_to_a_scan_is_left_out() -> None:
    kept = read_profile(profile_text(VALUES))
    assert kept == {path: VALUES[path] for path in by_path() if path in kept}
    assert kept.keys() == VALUES.keys() - OF_THE_SCAN - {"experiment.positions_file", "output.job_id"}
    assert read_profile(profile_text(VALUES, with_place=True)).keys() == kept.keys() | OF_THE_SCAN


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("iterations = 5", "line 3: 'iterations = 5' does not set"), ("nonsense", "line 3: 'nonsense'"),
        ("output.job_id = one", "line 3"), ("reconstruction.iterations = many", "line 3: Iterations: 'many'"),
        ("reconstruction.iterations = -5", "line 3: .*at least 1"), ("\x00\x01 = \x02", "line 3"),
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_named(line: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        read_profile(f"# words\n\n{line}\n")


def test_differences_are_in_order() -> None:
    here = Parameters()
    there = here.replace({"reconstruction.seed": 5, "experiment.probe_modes": 2, "output.csv": True})
    assert differences(here, there, {"output.csv"}) == (
        Difference("experiment.probe_modes", 1, 2), Difference("reconstruction.seed", 0, 5),
    )  # fmt: skip
