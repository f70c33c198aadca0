"""Errors of CuPy, CUDA and its libraries in words: each with what to do, and told from those that are no device's."""

from __future__ import annotations

import pytest

from ptychogui.backends.cuda import CudaBackend, in_words
from ptychogui.errors import DeviceBusyError, DeviceError, DeviceLostError, MemoryBudgetError
from tests.backends.fake_cupy import FakeMachine
from tests.backends.faults import (
    CompileException,
    CUBLASError,
    CUDADriverError,
    CUDARuntimeError,
    CuFFTError,
    OutOfMemoryError,
)

CASES = [
    (OutOfMemoryError("Out of memory allocating 512 bytes"), MemoryBudgetError, "cuda:1 has too little memory"),
    (CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"), MemoryBudgetError, "take fewer positions"),
    (CUDADriverError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"), MemoryBudgetError, "take fewer positions"),
    (CuFFTError("CUFFT_ALLOC_FAILED"), MemoryBudgetError, "CUFFT_ALLOC_FAILED"),
    (CUBLASError("CUBLAS_STATUS_ALLOC_FAILED"), MemoryBudgetError, "CUBLAS_STATUS_ALLOC_FAILED"),
    (MemoryError("Unable to allocate 9 TiB"), MemoryBudgetError, "the memory of this computer was used up .*9 TiB"),
    (CUDARuntimeError("cudaErrorDevicesUnavailable: busy"), DeviceBusyError, "held by another process.*compute mode"),
    (CompileException("cuda_fp16.h: no such file"), DeviceError, "can't compile the kernels: cuda_fp16.*pip install"),
    (RuntimeError("Failed to find CUDA headers. Please install"), DeviceError, "part of CUDA is missing.*pip install"),
    (RuntimeError("CuPy failed to load libnvrtc.so.12: OSError"), DeviceError, "part of CUDA is missing.*pip install"),
    (ImportError('Failure finding "libcublas.so.12"'), DeviceError, "part of CUDA is missing.*libcublas.*pip install"),
    (CUDARuntimeError("cudaErrorInsufficientDriver: old"), DeviceError, "driver do not fit CuPy.*update the driver"),
    (CUDADriverError("CUDA_ERROR_NO_BINARY_FOR_GPU: none"), DeviceError, "driver do not fit CuPy.*update the driver"),
    (CUDARuntimeError("cudaErrorInvalidValue: invalid"), DeviceError, "cuda:1 failed .*try again.*nvidia-smi"),
    (CuFFTError("CUFFT_INVALID_PLAN"), DeviceError, "cuda:1 failed .*try again.*nvidia-smi"),
    (CUDARuntimeError("cudaErrorLaunchTimeout: too long"), DeviceLostError, "take one without a display"),
    (CUDARuntimeError("cudaErrorECCUncorrectable: ECC"), DeviceLostError, "memory has errors.*take another device"),
    (CUDADriverError("CUDA_ERROR_LAUNCH_FAILED: failure"), DeviceLostError, "lost to this process.*try again"),
]  # fmt: skip
"""An error, what it becomes, and what is said."""


@pytest.mark.parametrize(("error", "ours", "said"), CASES, ids=lambda case: str(case)[:40])
def test_every_error_says_what_to_do(
    machine: FakeMachine, error: Exception, ours: type[DeviceError], said: str
) -> None:
    with pytest.raises(DeviceError, match=said) as caught, CudaBackend(1).in_words():
        raise error
    assert type(caught.value) is ours and caught.value.__cause__ is error


@pytest.mark.parametrize(
    "name",
    ["IllegalAddress", "LaunchTimeout", "Assert", "HardwareStackError", "MisalignedAddress", "LaunchFailure",
     "ECCUncorrectable", "Unknown"],
)  # fmt: skip
def test_errors_that_leave_nothing_of_a_context(machine: FakeMachine, name: str) -> None:
    with pytest.raises(DeviceLostError, match=f"cudaError{name}"), in_words("cuda:0"):
        raise CUDARuntimeError(f"cudaError{name}: text")


@pytest.mark.parametrize("error", [CuFFTError("CUFFT_EXEC_FAILED"), CUBLASError("CUBLAS_STATUS_EXECUTION_FAILED")])
@pytest.mark.parametrize("is_lost", [False, True])
def test_after_an_error_of_a_library_the_device_itself_is_asked(
    machine: FakeMachine, error: Exception, is_lost: bool
) -> None:
    machine.faults.is_lost = is_lost
    with pytest.raises(DeviceError) as caught, in_words("cuda:0"):
        raise error
    assert type(caught.value) is (DeviceLostError if is_lost else DeviceError)


@pytest.mark.parametrize(
    "error",
    [KeyError("a bug"), RuntimeError("a bug"), ImportError("cannot import name 'x'"), ModuleNotFoundError("no x"),
     MemoryBudgetError("ours"), GeneratorExit()],
)  # fmt: skip
def test_what_is_no_failure_of_the_device_passes_as_it_is(machine: FakeMachine, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, in_words("cuda:0"):
        raise error
    assert caught.value is error
