"""CuPy's and CUDA's errors in words that a user can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ptychogui.backends.host_memory import memory_in_words
from ptychogui.errors import DeviceBusyError, DeviceError, DeviceLostError, MemoryBudgetError

REINSTALL = "pip install --force-reinstall 'ptychogui[cuda12]' or, for a driver of CUDA 13, 'ptychogui[cuda13]'"
"""What brings CuPy with all parts of CUDA that it needs."""

_CUPYS = ("cupy", "cupy_backends", "cupyx", "cuda")
"""Packages that declare the errors of CUDA and its libraries."""

_LOST = frozenset({226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911, 201, 214, 220, 709, 999})
"""Statuses of runtime and driver, whose numbers are the same, after which a process can do nothing more on a device.

Of the first thirteen CUDA's driver_types.h says that the process must be terminated; the others are an invalid or
destroyed context, memory or NVLink errors that can't be corrected, and an error that CUDA has no name for.
"""

_HINTS = {
    214: "its memory has errors that can't be corrected, see nvidia-smi -q -d ECC: take another device",
    702: "a GPU that also drives a display ends long kernels: take one without a display",
}
"""By status: what else is to be said than to try again."""

_TRY_AGAIN = "try again; if it fails again, see nvidia-smi, restart the machine or take another device"

_NO_MEMORY = re.compile("cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|_ALLOC_FAILED|NVRTC_ERROR_OUT_OF_MEMORY")
_BUSY = re.compile("cudaErrorDevicesUnavailable|cudaErrorDeviceAlreadyInUse|CUDA_ERROR_DEVICE_UNAVAILABLE")
_MISSING = re.compile(r"Failed to find CUDA headers|CuPy failed to load|\blib(cu|nv)[\w-]*\.so")
"""A header, or a library that CuPy loads when it is first needed: NVRTC, cuFFT, cuBLAS."""

_OLD_DRIVER = re.compile(
    "cudaErrorInsufficientDriver|cudaErrorUnsupportedPtxVersion|CUDA_ERROR_UNSUPPORTED_PTX_VERSION"
    "|cudaErrorNoKernelImageForDevice|CUDA_ERROR_NO_BINARY_FOR_GPU|DriverMismatch|cudaErrorCompatNotSupportedOnDevice"
)


@contextmanager
def in_words(device: str) -> Iterator[None]:
    """Turn CuPy's errors, and a lack of memory, into ours; see Backend.in_words."""
    with memory_in_words("this computer"):
        try:
            yield
        except Exception as error:
            if not _is_of_device(error):
                raise
            raise _worded(
                device, error
            ) from error  # no variable has it: the frame would hold the frames of all engines


def _is_of_device(error: Exception) -> bool:
    """Whether an error is of CuPy, CUDA, or a library of its."""
    is_missing = isinstance(error, (RuntimeError, ImportError)) and _MISSING.search(str(error)) is not None
    return is_missing or type(error).__module__.partition(".")[0] in _CUPYS


def _worded(device: str, error: Exception) -> DeviceError:
    """Return what an error of CuPy, CUDA or a library of its is to a user."""
    from cupy.cuda import compiler

    said = " ".join(str(error).split())
    if isinstance(error, compiler.CompileException):
        return DeviceError(f"{device} can't compile the kernels: {error}; CUDA's parts may not fit: {REINSTALL}")
    if isinstance(error, MemoryError) or _NO_MEMORY.search(said):
        return MemoryBudgetError(
            f"{device} has too little memory ({said}): take fewer positions or probe modes, or another device"
        )
    if _MISSING.search(said):
        return DeviceError(f"{device} can't be used, since a part of CUDA is missing ({said[:300]}): {REINSTALL}")
    return _failure(device, error, said)


def _failure(device: str, error: Exception, said: str) -> DeviceError:
    """Return what an error of CUDA or its libraries means for the device."""
    if _BUSY.search(said):
        return DeviceBusyError(
            f"{device} is held by another process, of this program or another, or closed to all by its compute mode "
            f"({said}): wait for what nvidia-smi lists there, take another device, or share it: nvidia-smi -c DEFAULT"
        )
    if _OLD_DRIVER.search(said):
        return DeviceError(f"{device} and its driver do not fit CuPy ({said}): update the driver, or {REINSTALL}")
    status = _status_of_loss(error)
    if status is not None:
        return DeviceLostError(
            f"{device} failed and is lost to this process ({said}): {_HINTS.get(status, _TRY_AGAIN)}"
        )
    return DeviceError(f"{device} failed ({said}): {_TRY_AGAIN}")


def _status_of_loss(error: Exception) -> int | None:
    """Return the status by which the device was lost, or None; an error of a library does not tell, but CUDA does."""
    from cupy.cuda import runtime

    status = getattr(error, "status", None)
    if status not in _LOST:
        try:
            runtime.deviceSynchronize()
        except runtime.CUDARuntimeError as answer:
            status = answer.status
    return status if status in _LOST else None
