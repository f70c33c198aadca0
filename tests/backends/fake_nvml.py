"""A pretended NVML (nvidia-ml-py), as strict as the real one: each call with the line of its pynvml.py 13.615."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class NVMLError(Exception):
    """NVMLError."""


@dataclass
class FakeGPU:
    """A GPU, or a slice of one; what is None the driver does not say."""

    bus_id: str = ""
    name: str = "NVIDIA A"
    uuid: str = "GPU-1"
    total: int = 80 << 30
    free: int | None = 80 << 30
    load: int | None = None
    processes: dict[int, int | None] = field(default_factory=dict)
    temperature: int | None = None
    slices: dict[int, FakeGPU] | None = None
    """By place; None where the GPU can have none."""


@contextlib.contextmanager
def nvml_installed(monkeypatch: pytest.MonkeyPatch, *gpus: FakeGPU) -> Iterator[Any]:
    """Let `import pynvml` find a fake."""
    nvml: Any = ModuleType("pynvml")
    nvml.NVMLError, nvml.opened = NVMLError, []
    nvml.nvmlInit = lambda: nvml.opened.append(True)
    nvml.nvmlDeviceGetCount = lambda: len(gpus)
    nvml.nvmlDeviceGetHandleByIndex = lambda index: gpus[index]
    nvml.nvmlDeviceGetHandleByPciBusId = lambda bus_id: _said(next((g for g in gpus if g.bus_id == bus_id), None))
    nvml.nvmlDeviceGetMemoryInfo = lambda gpu: SimpleNamespace(free=_said(gpu.free), total=gpu.total)
    nvml.nvmlDeviceGetUtilizationRates = lambda gpu: SimpleNamespace(gpu=_said(gpu.load), memory=0)
    nvml.NVML_TEMPERATURE_GPU = 0  # pynvml.py:82
    nvml.nvmlDeviceGetTemperature = lambda gpu, sensor: _said(None if sensor else gpu.temperature)  # pynvml.py:3876
    nvml.nvmlDeviceGetComputeRunningProcesses = lambda gpu: [  # pynvml.py:4228; usedGpuMemory may be None: 4185
        SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in gpu.processes.items()
    ]
    nvml.nvmlDeviceGetMigMode = lambda gpu: [int(bool(_said(gpu.slices))), 0]  # pynvml.py:6089
    nvml.nvmlDeviceGetMaxMigDeviceCount = lambda _gpu: 7
    nvml.nvmlDeviceGetMigDeviceHandleByIndex = lambda gpu, place: _said(gpu.slices.get(place))
    nvml.nvmlDeviceGetUUID = lambda gpu: gpu.uuid  # pynvml.py:3588, as text: 3587
    nvml.nvmlDeviceGetName = lambda gpu: gpu.name
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pynvml", nvml)
        yield nvml


def _said(value: Any) -> Any:
    if value is None:
        raise NVMLError("Not Supported")
    return value
