"""Errors of the pretended CuPy, of the kind that real CuPy raises at each call, at the call that a test chooses.

Classes have the modules and texts of CuPy 14.2: runtime.pyx, driver.pyx, cufft.pyx, cublas.pyx, compiler.py and
memory.pyx.
"""

from __future__ import annotations

from dataclasses import dataclass, field

STATUSES = {
    "cudaErrorInvalidValue": 1, "cudaErrorMemoryAllocation": 2, "cudaErrorInsufficientDriver": 35,
    "cudaErrorDevicesUnavailable": 46, "cudaErrorNoDevice": 100, "cudaErrorNoKernelImageForDevice": 209,
    "cudaErrorECCUncorrectable": 214, "cudaErrorIllegalAddress": 700, "cudaErrorLaunchTimeout": 702,
    "cudaErrorAssert": 710, "cudaErrorHardwareStackError": 714, "cudaErrorMisalignedAddress": 716,
    "cudaErrorLaunchFailure": 719, "cudaErrorSystemNotReady": 802, "cudaErrorStreamCaptureUnsupported": 900,
    "cudaErrorStreamCaptureInvalidated": 901, "cudaErrorUnknown": 999, "CUDA_ERROR_INVALID_VALUE": 1,
    "CUDA_ERROR_OUT_OF_MEMORY": 2, "CUDA_ERROR_NO_BINARY_FOR_GPU": 209, "CUDA_ERROR_ILLEGAL_ADDRESS": 700,
    "CUDA_ERROR_LAUNCH_FAILED": 719,
}  # fmt: skip
"""Of CUDA's cuda_runtime and cuda headers, which give both the same numbers."""


class _StatusError(RuntimeError):
    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.status = STATUSES[said.partition(":")[0]]


class CUDARuntimeError(_StatusError):
    """As CuPy's: "NAME: text"."""


class CUDADriverError(_StatusError):
    """As CuPy's: "NAME: text"."""


class CuFFTError(RuntimeError):
    """As CuPy's: the name alone."""


class CUBLASError(RuntimeError):
    """As CuPy's: the name alone."""


class CompileException(Exception):
    """As CuPy's."""


class OutOfMemoryError(MemoryError):
    """As CuPy's."""


for kind, module in {
    CUDARuntimeError: "cupy_backends.cuda.api.runtime", CUDADriverError: "cupy_backends.cuda.api.driver",
    CuFFTError: "cupy.cuda.cufft", CUBLASError: "cupy_backends.cuda.libs.cublas",
    CompileException: "cupy.cuda.compiler", OutOfMemoryError: "cupy.cuda.memory",
}.items():  # fmt: skip
    kind.__module__ = module

_LOST: dict[str, Exception] = {
    "launch": CUDADriverError("CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered"),
    "fft": CuFFTError("CUFFT_EXEC_FAILED"),
    "plan": CuFFTError("CUFFT_INTERNAL_ERROR"),
    "matmul": CUBLASError("CUBLAS_STATUS_EXECUTION_FAILED"),
    "": CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered"),
}
_MEMORY: dict[str, Exception] = {
    "allocate": OutOfMemoryError("Out of memory allocating 1,024 bytes (allocated so far: 40,960 bytes)."),
    "xp": OutOfMemoryError("Out of memory allocating 512 bytes (allocated so far: 40,960 bytes)."),
    "launch": CUDADriverError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    "plan": CuFFTError("CUFFT_ALLOC_FAILED"),
    "matmul": CUBLASError("CUBLAS_STATUS_ALLOC_FAILED"),
    "": CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"),
}
_FAILED: dict[str, Exception] = {
    "launch": CUDADriverError("CUDA_ERROR_INVALID_VALUE: invalid argument"),
    "fft": CuFFTError("CUFFT_INVALID_PLAN"),
    "plan": CuFFTError("CUFFT_SETUP_FAILED"),
    "matmul": CUBLASError("CUBLAS_STATUS_NOT_INITIALIZED"),
    "compile": CompileException("nvrtc: error: failed to open libnvrtc-builtins.so.12.9."),
    "xp": RuntimeError("Failed to find CUDA headers. Please install the CUDA Toolkit."),
    "": CUDARuntimeError("cudaErrorInvalidValue: invalid argument"),
}
NATURES: dict[str, dict[str, Exception]] = {"lost": _LOST, "memory": _MEMORY, "failed": _FAILED}
"""What may go wrong: the device is lost, memory is used up, or another thing. Then by kind of call; "" is any other."""


@dataclass
class Faults:
    """Calls of a machine, and the one that is to fail."""

    calls: list[str] = field(default_factory=list)
    """Kinds of the calls so far: open, compile, allocate, pinned, plan, launch, fft, matmul, xp, copy, event, wait."""
    at: int = 0
    nature: str = ""
    is_lost: bool = False
    raised: int = 0
    """Calls that have failed: after that, nobody knows what is under way."""

    def plan(self, at: int, nature: str) -> None:
        """Let the call of a number, counted from 1 and from now, fail."""
        self.calls.clear()
        self.at, self.nature = at, nature

    def mend(self) -> None:
        """Be as in a new process, with nothing to fail."""
        self.at, self.is_lost = 0, False
        self.calls.clear()

    def call(self, kind: str) -> None:
        """Fail if this call is the one; every call fails on a device that is lost."""
        self.calls.append(kind)
        if len(self.calls) == self.at:
            self.raised += 1
            self.is_lost = self.nature == "lost"
            raise _error(self.nature, kind)
        self.check(kind)

    def check(self, kind: str = "") -> None:
        """Fail where the device is lost."""
        if self.is_lost:
            raise _error("lost", kind)


def _error(nature: str, kind: str) -> Exception:
    errors = NATURES[nature]
    known = errors.get(kind, errors[""])
    return type(known)(*known.args)
