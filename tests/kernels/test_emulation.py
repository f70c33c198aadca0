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
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.backends.signatures import SIGNATURES, ArraySpec, Signature, product
from ptychogui.engines import create_engine
from ptychogui.params.reconstruction import Reconstruction
from tests.backends.problems import narrow_beam
from tests.engines.test_launches import cells
from tests.kernels.cases import SIZES, Arrays, Launch, Size, assert_agree, expected, random_launch
from tests.kernels.emulation import SANITIZERS, Emulation, Reported

_PLANTED = [
    ("missing_barrier", "thread", "data race"),
    ("exchange_for_barrier", "thread", "data race"),
    ("blocks_collide", "thread", "data race"),
    ("threads_collide", "thread", "data race"),
    ("stray_read", "address", "heap-buffer-overflow"),
    ("stray_write", "address", "heap-buffer-overflow"),
    ("stray_shared_write", "address", "heap-buffer-overflow"),
    ("overflow", "address", "signed integer overflow"),
    ("misaligned", "address", "misaligned address"),
]


_DIVIDED = {"divided_barrier": "barrier", "divided_exchange": "exchange", "exchange_beside_barrier": "barrier"}
"""Kernels that not all threads of a block or a warp go through together, and what is said of it."""


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
    names = [*(kernel for kernel, _, _ in _PLANTED), *_DIVIDED, "innocent"]
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
@pytest.mark.parametrize("kernel", _DIVIDED)
def test_what_not_all_threads_go_through_is_reported(
    planted: dict[str, Emulation], kernel: str, sanitizer: str
) -> None:
    with pytest.raises(Reported, match=rf"emulate: .*{_DIVIDED[kernel]}"):
        planted[sanitizer].run([_planted_launch(kernel)])


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


@pytest.mark.parametrize("block", [32, 64])
def test_barriers_of_a_row_are_those_of_the_table(emulation: Emulation, repo_root: Path, block: int) -> None:
    wanted, launches = [], []
    for kernel, _, _, barriers, _ in cells(repo_root, "Blocks and barriers"):
        sig = SIGNATURES[kernel.strip("`")]
        launch = random_launch(sig, SIZES[2])
        names = [name for name, _ in sig.scalars]
        scalars = tuple(1 if name == "light" else value for name, value in zip(names, launch.scalars, strict=True))
        whole = {name: int(value) for name, value in zip(names, scalars, strict=True)}
        launches.append(Launch(sig.name, launch.arrays, scalars))
        wanted.append(int(barriers) * product(sig.rows, sig.measure(launch.arrays) | whole))
    emulation.run(launches, grid=1, block=block)
    assert emulation.barriers == wanted


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
        kind = np.dtype(dtype)
        return np.full(tuple(shape), np.nan if kind.kind in "fc" else np.iinfo(kind).max, kind)

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
    engine = create_engine(narrow_beam(12, 3, 5.0), _settings(sub_pixel=sub_pixel), recorder)
    engine.step()
    assert np.isfinite(engine.estimate().object).all() and np.isfinite(engine.estimate().probe).all()
    for launch, got, wanted in zip(recorder.launches, emulation.run(recorder.launches), recorder.results, strict=True):
        assert_agree(launch, got, wanted)


def _settings(**values: Any) -> Reconstruction:
    return Reconstruction.model_validate({"engine": "epie", "update_probe": 1, "update_modes": 1, **values})
