"""The GPUs of this machine, listed without opening one, and why none can be used."""

from __future__ import annotations

import logging

from ptychogui.backends.base import Device
from ptychogui.backends.cuda.errors import REINSTALL
from ptychogui.errors import DeviceError

_log = logging.getLogger(__name__)


def list_devices() -> tuple[Device, ...]:
    """Return this machine's GPUs, or one entry that says why none can be used."""
    try:
        return tuple(_describe(index) for index in range(_count_gpus()))
    except DeviceError as error:
        _log.debug("no GPU: %s", error)
        return (Device("cuda:0", "no GPU", False, str(error), 0, 0),)


def _count_gpus() -> int:
    try:
        import cupy
        from cupy.cuda import cufft  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name == "cupy":
            raise DeviceError("CuPy is not installed: pip install 'ptychogui[cuda12]' or 'ptychogui[cuda13]'") from None
        raise _cannot_load(error) from error
    except Exception as error:
        raise _cannot_load(error) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise DeviceError(_why_no_gpu(str(error))) from error
    if not count:
        raise DeviceError(_why_no_gpu("cudaErrorNoDevice"))
    return count


def _cannot_load(error: Exception) -> DeviceError:
    """CuPy frames its long messages with lines of '='."""
    said = " ".join(str(error).replace("=", " ").split())[:300]
    return DeviceError(f"CuPy is installed but does not load ({said}): {REINSTALL}")


def _why_no_gpu(said: str) -> str:
    if "cudaErrorInsufficientDriver" in said:
        return "there is no NVIDIA driver, or it is too old for this CuPy: install or update it (nvidia-smi shows it)"
    if "cudaErrorNoDevice" in said:
        return "the NVIDIA driver shows no GPU: see nvidia-smi, CUDA_VISIBLE_DEVICES and, in a container, its --gpus"
    return f"CUDA does not start ({said}): see whether nvidia-smi works, else restart the machine"


def _describe(index: int) -> Device:
    """Describe a GPU without opening it, which would take memory there."""
    from cupy.cuda import runtime

    try:
        properties = runtime.getDeviceProperties(index)
        total = int(properties["totalGlobalMem"])
        free = _free_bytes(runtime.deviceGetPCIBusId(index), total)
        return Device(f"cuda:{index}", properties["name"].decode(), True, "", total, free)
    except runtime.CUDARuntimeError as error:
        _log.info("cuda:%d does not answer: %s", index, error)
        return Device(f"cuda:{index}", "GPU", False, f"it does not answer ({error}): see nvidia-smi", 0, 0)


def _free_bytes(bus_id: str, total: int) -> int:
    """Ask the driver what other programs leave, at most `total`; that where it can't be asked.

    Of a part of a GPU (MIG) CUDA says the total, and the driver may say what is free on all of the GPU.
    """
    try:
        import pynvml
    except ImportError:
        return total
    try:
        pynvml.nvmlInit()
        free = int(pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByPciBusId(bus_id)).free)
        return min(free, total)
    except pynvml.NVMLError as error:
        _log.debug("the driver does not say how much memory is free: %s", error)
        return total
