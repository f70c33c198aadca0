"""What the driver says of GPUs (NVML): their load and memory, which processes are there, and slices of them (MIG)."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import psutil

VISIBLE = "CUDA_VISIBLE_DEVICES"

_MIG_ENABLED = 1
"""NVML_DEVICE_MIG_ENABLE of nvml.h."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Use:
    """How a GPU, or a slice of one, is used; what the driver does not say is None, or nothing.

    Attributes:
        free_bytes: memory that is free.
        load: share of the last second in which it computed.
        processes: which others are there, with their memory: "python (process 17), 3.1 GB".
        temperature_C: of the whole GPU.
    """

    free_bytes: int | None = None
    load: float | None = None
    processes: tuple[str, ...] = ()
    temperature_C: float | None = None


@dataclass(frozen=True)
class Slice:
    """A slice of a GPU, which is a device of its own.

    Attributes:
        name: "cuda:0.1" for slice 1 of GPU 0, as NVML counts both.
        uuid: what CUDA_VISIBLE_DEVICES takes.
        title: what it is.
        total_bytes: its memory.
        use: how it is used.
    """

    name: str
    uuid: str
    title: str
    total_bytes: int
    use: Use


def use_of(bus_id: str) -> Use:
    """Return how the GPU at a place on the PCI bus is used."""
    nvml = _opened()
    if nvml is not None:
        with _noting(nvml):
            return _use(nvml, nvml.nvmlDeviceGetHandleByPciBusId(bus_id))
    return Use()


def is_sliced(bus_id: str) -> bool:
    """Whether the GPU at a place on the PCI bus is cut into slices, of which CUDA shows a process the first only."""
    nvml = _opened()
    if nvml is not None:
        with _noting(nvml):
            return bool(_mig_handles(nvml, nvml.nvmlDeviceGetHandleByPciBusId(bus_id)))
    return False


def slices() -> tuple[Slice, ...]:
    """Return the slices of all GPUs; none where CUDA_VISIBLE_DEVICES says already what this process may see."""
    nvml = None if VISIBLE in os.environ else _opened()
    found: list[Slice] = []
    if nvml is not None:
        with _noting(nvml):
            for number in range(nvml.nvmlDeviceGetCount()):
                handles = _mig_handles(nvml, nvml.nvmlDeviceGetHandleByIndex(number))
                found += [_slice(nvml, f"cuda:{number}.{place}", handle) for place, handle in handles.items()]
    return tuple(found)


def _opened() -> ModuleType | None:
    """Return NVML, opened; None where it is not there or the driver does not answer."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        _log.debug("the driver does not answer: %s", error)
        return None
    return pynvml


@contextlib.contextmanager
def _noting(nvml: ModuleType) -> Iterator[None]:
    """Log what NVML does not answer."""
    try:
        yield
    except nvml.NVMLError as error:
        _log.debug("the driver does not say: %s", error)


def _use(nvml: Any, handle: Any) -> Use:
    free = load = temperature = None
    processes: tuple[str, ...] = ()
    with _noting(nvml):
        free = int(nvml.nvmlDeviceGetMemoryInfo(handle).free)
    with _noting(nvml):
        load = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    with _noting(nvml):
        found = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        processes = tuple(_process_text(one.pid, one.usedGpuMemory) for one in found if one.pid != os.getpid())
    with _noting(nvml):
        temperature = float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    return Use(free, load, processes, temperature)


def _process_text(pid: int, used_bytes: int | None) -> str:
    name = "a process of another container or user"
    with contextlib.suppress(psutil.Error):
        name = psutil.Process(pid).name()
    return f"{name} (process {pid})" + ("" if used_bytes is None else f", {used_bytes / 1e9:.1f} GB")


def _mig_handles(nvml: Any, handle: Any) -> dict[int, Any]:
    """Return the slices of a GPU by their places; none where it has none, or can have none."""
    found: dict[int, Any] = {}
    with _noting(nvml):
        if nvml.nvmlDeviceGetMigMode(handle)[0] == _MIG_ENABLED:
            for place in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                with _noting(nvml):  # places may be empty
                    found[place] = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)
    return found


def _slice(nvml: Any, name: str, handle: Any) -> Slice:
    total = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
    return Slice(name, nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle), total, _use(nvml, handle))
