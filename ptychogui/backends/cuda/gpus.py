"""The GPUs of this machine, listed without opening one, and why none can be used."""

from __future__ import annotations

import logging
import os

from ptychogui.backends.base import Device
from ptychogui.backends.cuda import nvml
from ptychogui.backends.cuda.errors import REINSTALL
from ptychogui.errors import DeviceError

_log = logging.getLogger(__name__)


def list_devices() -> tuple[Device, ...]:
    """Return this machine's GPUs, those that are cut by their slices, or one entry that says why none can be used."""
    try:
        parts = nvml.slices()
        found = [_describe(index) for index in range(_count_gpus()) if not (parts and _is_sliced(index))]
        return (*found, *map(_of_slice, parts))
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
    _looked.append(True)
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


def take_slice(name: str) -> None:
    """Make a slice the one GPU that CUDA shows this process, as which it then is GPU 0.

    CUDA looks once which GPUs a process may see, so that comes before anything else that has to do with GPUs.

    Raises:
        DeviceError: there is no such slice, or CUDA has looked already.
    """
    if _taken == [name]:
        return
    found = {one.name: one for one in nvml.slices()}
    if name not in found:
        there = f"this machine has {', '.join(found)}" if found else "the driver shows no slices of GPUs (MIG)"
        raise DeviceError(f"device '{name}' does not exist: {there}")
    if _taken or _looked:
        raise DeviceError(f"device '{name}' can't be used by a process that has used GPUs before: start another one")
    os.environ[nvml.VISIBLE] = found[name].uuid
    _taken.append(name)


_taken: list[str] = []
"""The slice that this process has, if it has one."""
_looked: list[bool] = []
"""Not empty where CUDA has looked which GPUs there are."""


def _of_slice(part: nvml.Slice) -> Device:
    free = part.total_bytes if part.use.free_bytes is None else part.use.free_bytes
    use = part.use
    return Device(part.name, part.title, True, "", part.total_bytes, free, use.load, use.processes, use.temperature_C)


def _is_sliced(index: int) -> bool:
    from cupy.cuda import runtime

    return nvml.is_sliced(runtime.deviceGetPCIBusId(index))


def _describe(index: int) -> Device:
    """Describe a GPU without opening it, which would take memory there.

    Of a part of a GPU (MIG) CUDA says the total, and the driver may say what is free on all of the GPU.
    """
    from cupy.cuda import runtime

    try:
        properties = runtime.getDeviceProperties(index)
        total = int(properties["totalGlobalMem"])
        use = nvml.use_of(runtime.deviceGetPCIBusId(index))
        free = total if use.free_bytes is None else min(use.free_bytes, total)
        name = properties["name"].decode()
        return Device(f"cuda:{index}", name, True, "", total, free, use.load, use.processes, use.temperature_C)
    except runtime.CUDARuntimeError as error:
        _log.info("cuda:%d does not answer: %s", index, error)
        return Device(f"cuda:{index}", "GPU", False, f"it does not answer ({error}): see nvidia-smi", 0, 0)
