"""Two results compared: what is measured on their objects, and the table of what they were made with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui.catalog.compared import compare_results, differences
from ptychogui.io.result import Result, read_result, write_result
from ptychogui.io.result_header import SourceFile
from ptychogui.states import State
from tests.catalog.conftest import Make
from tests.io.foreign.makers import write_product
from tests.io.makers import make_result
from tests.physics.test_comparison import PIXEL_M, moved, sample


def whole(**changes: object) -> Result:
    """Return a result whose positions span the middle of its object."""
    positions = np.array([[30.0, 30.0], [98.0, 30.0], [98.0, 98.0], [30.0, 98.0]]) * PIXEL_M
    said = {"object": sample(), "positions_m": positions, "object_origin_m": (0.0, 0.0), "object_pixel_m": PIXEL_M}
    return make_result(**{**said, **changes})


def written(path: Path, result: Result) -> Path:
    write_result(path, result)
    return path


def test_a_result_that_was_moved_ramped_and_scaled_is_the_same(tmp_path: Path) -> None:
    rows, columns = np.indices((128, 128))
    other = 3j * moved(sample(), (0.3, -0.6)) * np.exp(1j * (0.01 * rows + 0.02 * columns))
    one = written(tmp_path / "a.cxi", whole())
    found = compare_results(one, written(tmp_path / "b.cxi", whole(object=other)))
    assert found.objects.error < 2e-3
    np.testing.assert_allclose(found.objects.shift_px, (-0.3, 0.6), atol=2e-3)
    assert (found.resolution_m, found.differences) == (PIXEL_M, ())
    assert found.notes == ("not both say with which parameters they were made",)
    assert found.objects.weight.sum() == 69**2


def test_where_the_scan_reached_is_not_known_a_rim_is_left_out(tmp_path: Path) -> None:
    one = written(tmp_path / "a.cxi", whole(object_origin_m=None))
    assert compare_results(one, one).objects.weight.sum() == 120**2


def test_results_of_one_measurement_share_their_noise(tmp_path: Path) -> None:
    source = SourceFile("/data/scan.h5", 1, "2026-11-30T10:00:00+00:00")
    one = written(tmp_path / "a.cxi", whole(sources=(source,)))
    assert "same measurement" in compare_results(one, one).notes[0]


def test_against_a_truth_the_half_bit_does_not_count(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noisy = sample() + 0.1 * (rng.normal(size=(128, 128)) + 1j * rng.normal(size=(128, 128)))
    truth = written(tmp_path / "t.cxi", whole(state=State.TRUTH))
    found = compare_results(truth, written(tmp_path / "a.cxi", whole(object=noisy)))
    assert found.is_against_truth
    assert found.resolution_m is not None
    assert found.resolution_m == pytest.approx(PIXEL_M / found.objects.rings.falls_below(0.5))
    assert "truth" in found.notes[0]


def test_a_foreign_result_is_compared_as_well(tmp_path: Path) -> None:
    path = write_product(tmp_path / "p.h5")
    found = compare_results(path, path)
    assert (found.differences, found.objects.error < 1e-6) == ((), True)


def test_the_table_of_differences(make: Make) -> None:
    one = make("a.cxi", {"reconstruction.engine": "dm", "experiment.energy_eV": 8800.0})
    other = make("b.cxi", {"reconstruction.engine": "lsqml", "experiment.energy_eV": 8800.0})
    (found,) = differences(read_result(one), read_result(other))
    assert (found.path, found.first, found.second) == ("reconstruction.engine", "dm", "lsqml")
    assert (found.first_origin, found.second_origin) == ("user: test", "user: test")
    assert list(differences(read_result(one), replace(read_result(other), parameters=""))) == []
