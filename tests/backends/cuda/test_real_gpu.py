"""The CUDA backend on a real GPU, where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.backends.signatures import SIGNATURES
from ptychogui.errors import MemoryBudgetError
from tests.backends.problems import check_ffts, epie_settings, reconstructed
from tests.kernels.cases import SIZES, Size, assert_agree, expected, random_launch


@pytest.mark.gpu
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kernel", SIGNATURES)
def test_kernel_on_a_gpu_equals_its_twin(kernel: str, size: Size) -> None:
    launch = random_launch(SIGNATURES[kernel], size)
    with CudaBackend(0) as real:
        arrays = {name: real.asarray(array) for name, array in launch.arrays.items()}
        real.bind(kernel, **arrays)(*launch.scalars)
        assert_agree(launch, {name: real.to_numpy(array) for name, array in arrays.items()}, expected(launch))


@pytest.mark.gpu
def test_ffts_on_a_gpu() -> None:
    with CudaBackend(0) as real:
        check_ffts(real)


@pytest.mark.gpu
@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
def test_epie_on_a_gpu_agrees_with_numpy_and_repeats_its_bits(sub_pixel: str) -> None:
    settings = epie_settings(sub_pixel=sub_pixel, orthogonalize_every=100)
    wanted = reconstructed(NumpyBackend(), settings)
    results = []
    for _ in range(2):
        with CudaBackend(0) as real:
            results.append(reconstructed(real, settings))
    np.testing.assert_allclose(results[0].object, wanted.object, atol=1e-3)
    assert np.array_equal(results[0].object, results[1].object) and np.array_equal(results[0].probe, results[1].probe)


@pytest.mark.gpu
def test_a_gpu_says_what_does_not_fit() -> None:
    with pytest.raises(MemoryBudgetError, match="cuda:0 has too little memory"), CudaBackend(0) as real:
        real.empty((1 << 45,), np.uint8)
