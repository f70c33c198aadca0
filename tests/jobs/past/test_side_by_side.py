"""Two past results side by side: laid over each other, with a difference that has neither ramp nor scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage

from ptychogui.errors import DataError
from ptychogui.io.result import write_result
from ptychogui.jobs.past.side_by_side import lay_side_by_side
from tests.io.makers import make_result


def nobody(_said: object) -> None:
    """Hear what is told on the way."""


def sample(size: int = 96) -> np.ndarray:
    noise = np.random.default_rng(3).normal(size=(size, size))
    return np.asarray(np.exp(2j * scipy.ndimage.gaussian_filter(noise, 2.0)), np.complex64)


def write(path: Path, field: np.ndarray) -> Path:
    write_result(path, make_result(object=field, object_origin_m=None, title=path.stem))
    return path


def test_what_no_measurement_tells_leaves_no_difference(tmp_path: Path) -> None:
    field = sample()
    rows = np.arange(96)[:, None]
    one, other = write(tmp_path / "a.cxi", field), write(tmp_path / "b.cxi", field * 3 * np.exp(1j * (1 + 0.02 * rows)))
    found = lay_side_by_side(nobody, one, other)
    assert found.error == pytest.approx(0, abs=1e-3)
    assert np.abs(found.phase.difference).max() < 1e-2
    assert np.abs(found.magnitude.difference).max() < 1e-2
    assert found.phase.first.shape == found.phase.second.shape


def test_the_difference_is_the_second_less_the_first(tmp_path: Path) -> None:
    field = sample()
    spot = np.zeros((96, 96))
    spot[40:56, 40:56] = 0.4
    found = lay_side_by_side(
        nobody, write(tmp_path / "a.cxi", field), write(tmp_path / "b.cxi", field * np.exp(1j * spot))
    )
    difference, middle = found.phase.difference, found.phase.difference.shape[0] // 2
    assert difference[middle, middle] - np.median(difference) == pytest.approx(0.4, abs=0.05)
    assert found.phase.difference_levels[0] == -found.phase.difference_levels[1]


def test_objects_without_common_ground_are_refused(tmp_path: Path) -> None:
    small = write(tmp_path / "a.cxi", sample()[:12, :12])
    with pytest.raises(DataError, match="in common"):
        lay_side_by_side(nobody, small, write(tmp_path / "b.cxi", sample()))
