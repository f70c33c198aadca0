"""Objects that differ by what no measurement tells are alike; others differ by as much as they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ptychogui.io.result import Result
from scripts.evidence.score import Reference, position_errors_px

_N, _SIDE, _PIXEL_M = 16, 64, 1e-8


@pytest.fixture
def truth() -> Result:
    """Return a speckled object in an even light, as a simulated scan's truth has it."""
    rng = np.random.default_rng(1)
    speckle = np.fft.ifft2(np.fft.fft2(rng.standard_normal((_SIDE, _SIDE))) * _low_pass())
    origin_px = np.array([-30.0, -20.0])
    corners = np.stack(np.meshgrid(*[np.arange(4, 44, 4)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    return Result(
        object=np.exp(1j * speckle.real).astype(np.complex64),
        probe=np.ones((1, _N, _N), np.complex64),
        positions_m=(corners + _N // 2 + origin_px) * _PIXEL_M,
        object_pixel_m=_PIXEL_M,
        energy_eV=8800.0,
        distance_m=1.0,
        object_origin_m=(origin_px[0] * _PIXEL_M, origin_px[1] * _PIXEL_M),
    )


def _low_pass() -> np.ndarray:
    frequency = np.fft.fftfreq(_SIDE)
    return np.asarray(5 * np.exp(-((frequency[:, None] ** 2 + frequency**2) / 0.1**2)))


def test_scale_ramp_and_whole_shift_do_not_count(truth: Result) -> None:
    rows, columns = np.indices(truth.object.shape)
    other = 0.7j * np.exp(0.01j * rows - 0.02j * columns) * np.pad(truth.object, 3, mode="edge")[:-6, 1:-5]
    assert truth.object_origin_m is not None
    origin_m = (truth.object_origin_m[0] - 3 * _PIXEL_M, truth.object_origin_m[1] - 2 * _PIXEL_M)
    likeness = Reference(truth).compare(other, origin_m)
    assert likeness.error < 0.01
    assert likeness.ring.falls_below(0.5) == 1


def test_noise_counts_as_much_as_there_is(truth: Result) -> None:
    rng = np.random.default_rng(2)
    noise = 0.1 * (rng.standard_normal((_SIDE, _SIDE)) + 1j * rng.standard_normal((_SIDE, _SIDE))) / np.sqrt(2)
    assert truth.object_origin_m is not None
    likeness = Reference(truth).compare(truth.object + noise, truth.object_origin_m)
    assert likeness.error == pytest.approx(0.1, rel=0.05)
    assert likeness.ring.falls_below(0.5) < 1


def test_only_what_the_scan_lit_counts(truth: Result) -> None:
    reference = Reference(truth)
    other = np.where(reference.lit, truth.object, 5)
    assert reference.lit[8:50, 8:50].all() and not reference.lit[0].any()
    assert truth.object_origin_m is not None
    assert reference.compare(other, truth.object_origin_m).error < 1e-3


def test_position_errors_leave_out_a_common_shift(truth: Result) -> None:
    off_px = np.zeros_like(truth.positions_m)
    off_px[::2, 0], off_px[1::2, 0] = 1, -1
    found = replace(truth, positions_m=truth.positions_m + (off_px + np.array([5, 7])) * _PIXEL_M)
    assert position_errors_px(found, truth) == pytest.approx(np.ones(len(off_px)))
