"""CuPy's and CUDA's errors in words that a user can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ptychogui.errors import DeviceError, MemoryBudgetError


@contextmanager
def in_words(device: str) -> Iterator[None]:
    """Turn CuPy's errors into ours."""
    from cupy.cuda import compiler, cufft, driver, memory, runtime

    try:
        yield
    except memory.OutOfMemoryError as error:
        raise MemoryBudgetError(
            f"{device} has too little memory ({error}): take fewer positions or probe modes, or another device"
        ) from error
    except compiler.CompileException as error:
        raise DeviceError(f"{device} can't compile the kernels: {error}") from error
    except (runtime.CUDARuntimeError, driver.CUDADriverError, cufft.CuFFTError) as error:
        raise DeviceError(f"{device} failed ({error}): see nvidia-smi, then start the job again") from error
