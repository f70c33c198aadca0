"""The devices of this machine, and how one is opened by name."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import replace

import psutil

from ptychogui.backends.base import Backend, Device
from ptychogui.backends.compiler import compiler_version, cpu_name, find_compiler
from ptychogui.errors import DeviceError

_HALVES = 2
"""Parts of the CPU that are devices of their own."""

_log = logging.getLogger(__name__)


def list_devices() -> tuple[Device, ...]:
    """Return all devices, best first, with the reason why one can't be used."""
    cpu = _cpu()
    return (*_cuda_devices(), cpu, *(_half(cpu, number) for number in range(_HALVES)), _numpy())


def open_backend(name: str = "auto", threads: int | None = None) -> Backend:
    """Open a device.

    Args:
        name: "cuda:0", "cuda:1", ..., "cuda:0.1" for a slice of a GPU, "cpu", "cpu:0" or "cpu:1" for half of its cores,
            "numpy", or "auto" for the first that works.
        threads: worker threads on the CPU; all cores, of half a CPU half of them, when None.

    Raises:
        DeviceError: no such device, or it can't be used; the message says why.
    """
    if _is_slice(name):
        return _open_slice(name)
    devices = list_devices()
    if name == "auto":
        name = next(device.name for device in devices if device.usable)
        _log.info("device auto is %s", name)
        if name == "numpy":
            warnings.warn(f"reconstructing with the slow numpy backend: {_cpu().reason}", stacklevel=2)
    chosen = {device.name: device for device in devices}.get(name)
    if chosen is None:
        raise DeviceError(
            f"device '{name}' does not exist; this machine can use {', '.join(d.name for d in devices if d.usable)}"
        )
    if not chosen.usable:
        raise DeviceError(f"device '{name}' can't be used: {chosen.reason}")
    _log.info("opening %s: %s", name, chosen.title)
    return _open(name, threads)


def _open(name: str, threads: int | None) -> Backend:
    if name == "numpy":
        from ptychogui.backends.numpy_backend import NumpyBackend

        return NumpyBackend()
    if _is_slice(name):  # the first one, which is GPU 0 to a process that has not said which it wants
        return _open_gpu(0, name)
    kind, _, number = name.partition(":")
    if kind == "cpu":
        from ptychogui.backends.host import HostBackend

        return HostBackend(threads) if name == "cpu" else HostBackend(_half_of(threads, int(number)), name)
    return _open_gpu(int(number), name)


def _open_gpu(index: int, name: str) -> Backend:
    from ptychogui.backends.cuda import CudaBackend, in_words

    with in_words(name):
        return CudaBackend(index, name)


def _is_slice(name: str) -> bool:
    return name.startswith("cuda:") and "." in name


def _open_slice(name: str) -> Backend:
    from ptychogui.backends import cuda

    cuda.take_slice(name)
    _log.info("opening %s", name)
    return _open_gpu(0, name)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _half_of(threads: int | None, number: int) -> int:
    """Return the threads of half a CPU: its share of the cores, the first half having the odd one; fewer if asked."""
    share = (_cores() + _HALVES - 1 - number) // _HALVES
    return min(threads or share, share)


def _half(cpu: Device, number: int) -> Device:
    """Describe half of the CPU, which can have a job of its own beside that of the other half."""
    usable, reason = cpu.usable, cpu.reason
    if usable and _cores() < _HALVES:
        usable, reason = False, "the CPU has one core, which can't be shared out: use cpu"
    cores = _half_of(None, number) if usable else 0
    title = f"half of the CPU: {cores} of {_cores()} cores" if usable else "half of the CPU"
    return replace(cpu, name=f"cpu:{number}", title=title, usable=usable, reason=reason, cores=cores)


def _cpu() -> Device:
    cores = _cores()
    memory = psutil.virtual_memory()
    try:
        compiler, reason = compiler_version(find_compiler()), ""
    except DeviceError as error:
        _log.debug("cpu can't be used: %s", error)
        compiler, reason = "no compiler", str(error)
    title = f"{cpu_name()}, {cores} core{'s' * (cores != 1)}, {compiler}"
    return Device("cpu", title, not reason, reason, memory.total, memory.available, _cpu_load(), cores=cores)


def _cpu_load() -> float | None:
    """Return how busy the CPU was since the last look but a short one; None the first time."""
    now = psutil.cpu_times()
    total_s, idle_s = sum(now), now.idle
    before, busy = _looks[-1] if _looks else (0.0, 0.0), None
    if _looks and total_s - before[0] < _SHORT_S:
        return _loads[-1] if _loads else None
    if _looks:
        busy = min(max(1.0 - (idle_s - before[1]) / (total_s - before[0]), 0.0), 1.0)
        _loads[:] = [busy]
    _looks[:] = [(total_s, idle_s)]
    return busy


_SHORT_S = 0.5
"""Of all cores' time: too little to say how busy they are."""
_looks: list[tuple[float, float]] = []
"""All cores' time, and how much of it was idle, at the last look."""
_loads: list[float] = []
"""How busy they were then."""


def _numpy() -> Device:
    memory = psutil.virtual_memory()
    return Device(
        "numpy",
        "numpy on one core: readable, slow, needs no compiler",
        True,
        "",
        memory.total,
        memory.available,
        cores=1,
    )


def _cuda_devices() -> tuple[Device, ...]:
    from ptychogui.backends import cuda

    return cuda.list_devices()
