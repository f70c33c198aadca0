"""The list of GPUs, on a pretended CuPy: what they are, and why one can't be used."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ptychogui.backends import cuda, open_backend
from ptychogui.errors import DeviceError
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import raiser


def test_cupy_adds_up_without_cub() -> None:
    assert os.environ["CUPY_ACCELERATORS"] == "", "CuPy's environment page; read when it is imported"


def test_gpus_are_listed_without_opening_them(machine: FakeMachine) -> None:
    first, second = cuda.list_devices()
    assert (first.name, first.title, first.usable) == ("cuda:0", "NVIDIA A", True)
    assert (second.name, second.memory_total_bytes, second.reason) == ("cuda:1", 80 << 30, "")
    assert not machine.log


def test_free_memory_comes_from_the_driver(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {"0000:00:00.0": 11, "0000:01:00.0": 90 << 30}
    nvml: Any = ModuleType("pynvml")
    nvml.NVMLError = type("NVMLError", (Exception,), {})
    nvml.nvmlInit = lambda: None
    nvml.nvmlDeviceGetHandleByPciBusId = lambda bus_id: bus_id
    nvml.nvmlDeviceGetMemoryInfo = lambda handle: SimpleNamespace(free=free[handle])
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert [device.memory_free_bytes for device in cuda.list_devices()] == [11, 80 << 30]  # the second is a part (MIG)
    nvml.nvmlInit = raiser(nvml.NVMLError("no driver"))
    assert [device.memory_free_bytes for device in cuda.list_devices()] == [80 << 30, 80 << 30]


def test_gpu_that_does_not_answer_is_listed_as_not_usable(machine: FakeMachine) -> None:
    machine.gpus[0] = ""
    first, second = cuda.list_devices()
    assert not first.usable and "does not answer" in first.reason and "nvidia-smi" in first.reason
    assert second.usable


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "there is no NVIDIA driver"),
        ("cudaErrorNoDevice: no CUDA-capable device is detected", "shows no GPU"),
        ("cudaErrorUnknown: unknown error", "CUDA does not start .*unknown error"),
    ],
)
def test_reason_when_cuda_does_not_start(machine: FakeMachine, said: str, reason: str) -> None:
    machine.driver_error = said
    with pytest.raises(DeviceError, match=f"device 'cuda:0' can't be used: .*{reason}"):
        open_backend("cuda:0")


def test_reason_when_the_driver_counts_no_gpu(machine: FakeMachine) -> None:
    machine.gpus = []
    (device,) = cuda.list_devices()
    assert not device.usable and "shows no GPU" in device.reason


def test_reason_when_cupy_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    (device,) = cuda.list_devices()
    assert device.name == "cuda:0" and not device.usable
    assert device.reason == "CuPy is not installed: pip install 'ptychogui[cuda12]' or 'ptychogui[cuda13]'"


def test_reason_when_cupy_does_not_load(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cupy.cuda.cufft")
    monkeypatch.delattr(machine.modules["cupy.cuda"], "cufft")
    text = "=====\nFailed to import CuPy.\n  libcufft.so.11: cannot open\n====="
    monkeypatch.setattr(machine.modules["cupy.cuda"], "__getattr__", raiser(ImportError(text)), raising=False)
    (device,) = cuda.list_devices()
    assert "does not load (Failed to import CuPy. libcufft.so.11: cannot open)" in device.reason
