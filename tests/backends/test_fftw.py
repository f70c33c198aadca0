from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pyfftw
import pytest
import scipy.fft

from ptychogui.backends import fftw

_TRANSFORM = """
import hashlib
import numpy as np, pyfftw
from ptychogui.backends import fftw
rng = np.random.default_rng(0)
wave = pyfftw.empty_aligned((48, 48), np.complex64)
wave[...] = rng.standard_normal(wave.shape) + 1j * rng.standard_normal(wave.shape)
fftw.plan(wave, "forward").execute()
print(hashlib.sha256(wave.tobytes()).hexdigest())
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fftw, "cache_folder", lambda: tmp_path)
    pyfftw.forget_wisdom()
    return tmp_path


def test_planning_keeps_what_is_in_the_wave(cache: Path) -> None:
    wave = np.arange(20 * 20).reshape(20, 20).astype(np.complex64)
    before = wave.copy()
    plan = fftw.plan(wave, "forward")
    assert np.array_equal(wave, before)
    plan.execute()
    np.testing.assert_allclose(wave, scipy.fft.fft2(before), rtol=1e-5, atol=1)


def test_a_shape_is_measured_once(cache: Path) -> None:
    wave = np.ones((20, 20), np.complex64)
    fftw.plan(wave, "forward")
    kept = cache / "fftw-wisdom"
    assert kept.stat().st_size > 0
    kept.unlink()
    fftw.plan(wave, "forward")
    assert not kept.exists(), "measured again"
    fftw.plan(wave, "backward")
    assert kept.exists()


def test_a_plan_that_was_made_in_haste_is_no_reason_not_to_measure(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = np.ones((20, 20), np.complex64)
    with monkeypatch.context() as large:
        large.setattr(fftw, "_LARGEST_PATIENT", 19)
        fftw.plan(wave, "forward")
    kept = cache / "fftw-wisdom"
    hasty = kept.read_bytes()
    fftw.plan(wave, "forward")
    assert kept.read_bytes() != hasty


def test_a_plan_keeps_its_wave(cache: Path) -> None:
    wave = np.ones((12, 12), np.complex64)
    gone = weakref.ref(wave)
    plan = fftw.plan(wave, "forward")
    del wave
    gc.collect()
    assert gone() is not None
    plan.execute()
    del plan
    gc.collect()
    assert gone() is None


def test_another_process_has_the_same_plan_and_bits(tmp_path: Path, repo_root: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}

    def transformed() -> tuple[str, list[str]]:
        command = [sys.executable, "-c", _TRANSFORM]
        done = subprocess.run(command, env=environment, cwd=repo_root, check=True, capture_output=True, text=True)
        return done.stdout, sorted((tmp_path / "ptychogui" / "fftw-wisdom").read_text().splitlines())

    first = transformed()
    assert transformed() == first


def test_wisdom_that_can_not_be_kept_costs_nothing_but_itself(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    wave = np.arange(20 * 20).reshape(20, 20).astype(np.complex64)
    before = wave.copy()
    fftw.plan(wave, "forward").execute()
    np.testing.assert_allclose(wave, scipy.fft.fft2(before), rtol=1e-5, atol=1)
    assert [path.name for path in cache.iterdir()] == ["fftw-wisdom.lock"]


@pytest.mark.parametrize("content", [b"", b"not wisdom at all"])
def test_spoiled_wisdom_is_replaced(cache: Path, content: bytes) -> None:
    (cache / "fftw-wisdom").write_bytes(content)
    fftw.plan(np.ones((20, 20), np.complex64), "forward")
    assert b"fftw" in (cache / "fftw-wisdom").read_bytes()
