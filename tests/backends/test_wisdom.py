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

from ptychogui.backends import wisdom

_TRANSFORM = """
import hashlib
import numpy as np, pyfftw
from ptychogui.backends import wisdom
rng = np.random.default_rng(0)
array = pyfftw.empty_aligned((3, 2, 48, 48), np.complex64)
array[...] = rng.standard_normal(array.shape) + 1j * rng.standard_normal(array.shape)
wisdom.plan(array, "forward").execute()
print(hashlib.sha256(array.tobytes()).hexdigest())
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(wisdom, "cache_folder", lambda: tmp_path)
    pyfftw.forget_wisdom()
    return tmp_path


def test_planning_keeps_what_is_in_the_array(cache: Path) -> None:
    array = np.arange(2 * 20 * 20).reshape(2, 20, 20).astype(np.complex64)
    before = array.copy()
    plan = wisdom.plan(array, "forward")
    assert np.array_equal(array, before)
    plan.execute()
    np.testing.assert_allclose(array, scipy.fft.fft2(before), rtol=1e-5, atol=1)


def test_a_shape_is_measured_once(cache: Path) -> None:
    array = np.ones((2, 20, 20), np.complex64)
    wisdom.plan(array, "forward")
    kept = cache / "fftw-wisdom"
    assert kept.stat().st_size > 0
    kept.unlink()
    wisdom.plan(array, "forward")
    assert not kept.exists(), "measured again"
    wisdom.plan(array, "backward")
    assert kept.exists()


def test_a_plan_keeps_its_array(cache: Path) -> None:
    array = np.ones((1, 12, 12), np.complex64)
    gone = weakref.ref(array)
    plan = wisdom.plan(array, "forward")
    del array
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
    array = np.arange(2 * 20 * 20).reshape(2, 20, 20).astype(np.complex64)
    before = array.copy()
    wisdom.plan(array, "forward").execute()
    np.testing.assert_allclose(array, scipy.fft.fft2(before), rtol=1e-5, atol=1)
    assert [path.name for path in cache.iterdir()] == ["fftw-wisdom.lock"]


@pytest.mark.parametrize("content", [b"", b"not wisdom at all"])
def test_spoiled_wisdom_is_replaced(cache: Path, content: bytes) -> None:
    (cache / "fftw-wisdom").write_bytes(content)
    wisdom.plan(np.ones((2, 20, 20), np.complex64), "forward")
    assert b"fftw" in (cache / "fftw-wisdom").read_bytes()
