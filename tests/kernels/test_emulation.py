"""Kernels as a GPU runs them, a C++ thread per CUDA thread, under sanitizers: no race, no stray access, same result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from ptychogui.backends.base import Launch as Bound
from ptychogui.backends.compiler import kernel_source
from ptychogui.backends.plain import NumpyBackend
from ptychogui.backends.signatures import SIGNATURES, ArraySpec, Signature
from ptychogui.engines import Problem, create_engine
from ptychogui.params.model import Reconstruction
from ptychogui.physics.scan import place_windows
from tests.kernels.cases import SIZES, Arrays, Launch, Size, assert_agree, expected, random_launch
from tests.kernels.emulation import SANITIZERS, Emulation, Reported

_PLANTED = [
    ("missing_barrier", "thread", "data race"),
    ("blocks_collide", "thread", "data race"),
    ("threads_collide", "thread", "data race"),
    ("stray_read", "address", "heap-buffer-overflow"),
    ("stray_write", "address", "heap-buffer-overflow"),
    ("overflow", "address", "signed integer overflow"),
    ("misaligned", "address", "misaligned address"),
]


@pytest.fixture(scope="session", params=SANITIZERS)
def emulation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Emulation:
    """Build the program's kernels once under each sanitizer."""
    return Emulation(tmp_path_factory.mktemp("emulation"), kernel_source(), SIGNATURES, request.param)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Emulation]:
    """Build the faulty kernels under both sanitizers."""
    folder = tmp_path_factory.mktemp("planted")
    source = (Path(__file__).parent / "planted.cu").read_text()
    arrays = (ArraySpec("values_out", "float32", "K", written=True), ArraySpec("rows", "float32", "R N"))
    names = [*(kernel for kernel, _, _ in _PLANTED), "divided_barrier", "innocent"]
    table = {name: Signature(name, "planted.cu", arrays, (), ("N",), "N") for name in names}
    return {sanitizer: Emulation(folder, source, table, sanitizer) for sanitizer in ("address", "thread")}


def _planted_launch(kernel: str, n: int = 32) -> Launch:
    rng = np.random.default_rng(0)
    return Launch(kernel, {"values_out": np.zeros(n * n, np.float32), "rows": rng.random((n, n), np.float32)}, ())


@pytest.mark.parametrize(("kernel", "sanitizer", "words"), _PLANTED)
def test_planted_fault_is_reported(planted: dict[str, Emulation], kernel: str, sanitizer: str, words: str) -> None:
    with pytest.raises(Reported, match=f"(?s){words}.*{kernel}"):
        planted[sanitizer].run([_planted_launch(kernel)])


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_barrier_that_not_all_threads_reach_is_reported(planted: dict[str, Emulation], sanitizer: str) -> None:
    with pytest.raises(Reported, match="barrier"):
        planted[sanitizer].run([_planted_launch("divided_barrier")])


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_innocent_kernel_is_not_reported(planted: dict[str, Emulation], sanitizer: str) -> None:
    launch = _planted_launch("innocent")
    (got,) = planted[sanitizer].run([launch])
    sums = launch.arrays["rows"].sum(axis=1)
    np.testing.assert_allclose(got["values_out"].reshape(32, 32), np.broadcast_to(sums[:, None], (32, 32)), rtol=1e-6)


@pytest.mark.parametrize(("grid", "block", "sizes"), [(3, 32, SIZES), (6, 64, SIZES[2:3])], ids=["3x32", "6x64"])
def test_every_kernel_is_clean_and_equals_its_twin(
    emulation: Emulation, grid: int, block: int, sizes: Sequence[Size]
) -> None:
    launches = [random_launch(sig, size) for sig in SIGNATURES.values() for size in sizes]
    for launch, got in zip(launches, emulation.run(launches, grid, block), strict=True):
        assert_agree(launch, got, expected(launch))


def test_windows_that_lie_on_each_other_may_be_gathered_together(emulation: Emulation) -> None:
    launch = random_launch(SIGNATURES["gather_object"], SIZES[0])
    launch.arrays["corners"][:] = np.arange(len(launch.arrays["corners"]))[:, None] % 3
    (got,) = emulation.run([launch])
    assert_agree(launch, got, expected(launch))


class Recorder(NumpyBackend):
    """The numpy backend, keeping each launch with its data and what became of it. Memory starts as NaN."""

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.results: list[Arrays] = []

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
        return np.full(tuple(shape), np.nan if np.dtype(dtype).kind in "fc" else 1 << 30, dtype)

    def bind(self, kernel: str, **arrays: np.ndarray) -> Bound:
        twin = super().bind(kernel, **arrays)

        def launch(*scalars: float) -> None:
            self.launches.append(Launch(kernel, {name: array.copy() for name, array in arrays.items()}, scalars))
            twin(*scalars)
            written = (spec.name for spec in SIGNATURES[kernel].arrays if spec.written)
            self.results.append({name: arrays[name].copy() for name in written})

        return launch


@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
def test_an_iteration_of_epie_is_clean_and_equals_its_twin(emulation: Emulation, sub_pixel: str) -> None:
    recorder = Recorder()
    engine = create_engine(_problem(), _settings(sub_pixel=sub_pixel), recorder)
    engine.step()
    assert np.isfinite(engine.estimate().object).all() and np.isfinite(engine.estimate().probe).all()
    for launch, got, wanted in zip(recorder.launches, emulation.run(recorder.launches), recorder.results, strict=True):
        assert_agree(launch, got, wanted)


def _settings(**values: Any) -> Reconstruction:
    return Reconstruction.model_validate({"engine": "epie", "update_probe": 1, "update_modes": 1, **values})


def _problem() -> Problem:
    """Nine positions of a narrow probe of two modes, some of which can share a group."""
    n, rng = 12, np.random.default_rng(1)
    grid = np.stack(np.meshgrid(np.arange(3), np.arange(3), indexing="ij"), axis=-1).reshape(-1, 2) * 5.0
    geometry = place_windows(grid + rng.uniform(-0.5, 0.5, grid.shape), n)
    radius = np.hypot(*(np.mgrid[:n, :n] - n // 2))
    probe = np.exp(-((radius / 2) ** 2)) * np.exp(1j * rng.uniform(-1, 1, (2, n, n)))
    counts = rng.poisson(4.0, (len(grid), n, n))
    amplitudes = np.where(rng.random(counts.shape) < 0.05, -1, np.sqrt(counts)).astype(np.float32)
    start = np.exp(0.1j * rng.standard_normal(geometry.object_shape))
    return Problem(amplitudes, geometry, (20 * probe).astype(np.complex64), start.astype(np.complex64))
