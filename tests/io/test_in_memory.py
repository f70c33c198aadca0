"""A scan of arrays: what is there is passed on, what does not fit is named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.in_memory import scan_of

PATTERNS = np.arange(3 * 4 * 6, dtype=np.uint16).reshape(3, 4, 6)
POSITIONS_M = np.array([[0, 0], [0, 1e-6], [1e-6, 0]])


def test_arrays_are_passed_on() -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[1, 2] = 8
    scan = scan_of(PATTERNS, POSITIONS_M.tolist(), energy_eV=8000.0, bad_pixels=mask)
    assert scan.in_memory and scan.positions_m is not None and scan.bad_pixels is not None
    np.testing.assert_array_equal(scan.frames.read([0, 2]), PATTERNS[[0, 2]])
    np.testing.assert_array_equal(scan.positions_m, POSITIONS_M)
    assert {path: value.value for path, value in scan.values.items()} == {"experiment.energy_eV": 8000.0}
    assert np.argwhere(scan.bad_pixels).tolist() == [[1, 2]]
    assert scan_of(PATTERNS).positions_m is None


@pytest.mark.parametrize("lost", [np.nan, np.inf, 1e30])
def test_a_lost_position_costs_its_own_pattern(lost: float) -> None:
    patterns = np.arange(20 * 4 * 6, dtype=np.uint16).reshape(20, 4, 6)
    positions_m = np.random.default_rng(0).uniform(-1e-6, 1e-6, (20, 2))
    positions_m[7, 1] = lost
    scan = scan_of(patterns, positions_m)
    kept = [i for i in range(20) if i != 7]
    assert scan.frame_rows.tolist() == kept
    np.testing.assert_array_equal(scan.positions_m, positions_m[kept])
    assert "1 of 20 positions is lost" in scan.notes[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patterns": PATTERNS[0]}, "(positions, rows, columns), but these are 4 x 6"),
        ({"patterns": PATTERNS[:0]}, "but these are 0 x 4 x 6"),
        ({"patterns": 3}, "but these are a single number"),
        ({"patterns": PATTERNS * 1j}, "real numbers, not complex128"),
        ({"positions_m": [[0, 1], [2]]}, "positions are no array"),
        ({"positions_m": POSITIONS_M[:2]}, "3 patterns need positions of 3 x 2 numbers (row, column), not 2 x 2"),
        ({"positions_m": POSITIONS_M * np.nan}, "3 of 3 positions are not numbers, the first is position 0"),
        ({"bad_pixels": np.zeros((6, 4))}, "bad pixels are 6 x 4 but a pattern is 4 x 6"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        scan_of(**{"patterns": PATTERNS, "positions_m": POSITIONS_M, **changes})
