"""The list of GPUs, on a pretended CuPy: what they are, and why one can't be used."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from ptychogui.backends import cuda, open_backend
from ptychogui.backends.cuda import gpus
from ptychogui.errors import DeviceError
from tests.backends.fake_cupy import FakeMachine
from tests.backends.fake_nvml import FakeGPU, nvml_installed
from tests.backends.problems import raiser


def test_cupy_adds_up_without_cub() -> None:
    assert os.environ["CUPY_ACCELERATORS"] == "", "CuPy's environment page; read when it is imported"


def test_gpus_are_listed_without_opening_them(machine: FakeMachine) -> None:
    first, second = cuda.list_devices()
    assert (first.name, first.title, first.usable) == ("cuda:0", "NVIDIA A", True)
    assert (second.name, second.memory_total_bytes, second.reason) == ("cuda:1", 80 << 30, "")
    assert not machine.log


def test_use_comes_from_the_driver(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = FakeGPU("0000:00:00.0", free=11, load=50, processes={4_000_001: 1_000_000_000})
    with nvml_installed(monkeypatch, busy, FakeGPU("0000:01:00.0", free=90 << 30)) as nvml:
        first, second = cuda.list_devices()
        assert (first.memory_free_bytes, first.load) == (11, 0.5) and "process 4000001" in first.processes[0]
        assert second.memory_free_bytes == 80 << 30, "the second is a part (MIG)"
        nvml.nvmlInit = raiser(nvml.NVMLError("no driver"))
        assert [device.memory_free_bytes for device in cuda.list_devices()] == [80 << 30, 80 << 30]


@pytest.fixture
def sliced(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMachine]:
    """Cut the second GPU into two slices."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "_taken", [])
    monkeypatch.setattr(gpus, "_looked", [])
    parts = {n: FakeGPU("", "A MIG 1g.10gb", f"MIG-{n}", 10 << 30, 9 << 30) for n in (0, 1)}
    with nvml_installed(monkeypatch, FakeGPU("0000:00:00.0"), FakeGPU("0000:01:00.0", slices=parts)):
        yield machine
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)


def test_slices_are_devices_in_place_of_their_gpu(sliced: FakeMachine) -> None:
    assert [device.name for device in cuda.list_devices()] == ["cuda:0", "cuda:1.0", "cuda:1.1"]
    slice_ = cuda.list_devices()[1]
    assert (slice_.title, slice_.usable, slice_.memory_total_bytes) == ("A MIG 1g.10gb", True, 10 << 30)


def test_a_process_takes_one_slice_before_cuda_looks(sliced: FakeMachine) -> None:
    for _ in range(2):
        with open_backend("cuda:1.1") as backend:
            assert backend.name == "cuda:1.1"
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-1"
    with pytest.raises(DeviceError, match="does not exist"):
        open_backend("cuda:1.0")  # a process sees no other one then


def test_a_slice_is_refused_where_cuda_has_looked_or_there_is_none(sliced: FakeMachine) -> None:
    with pytest.raises(DeviceError, match=r"'cuda:1\.7' does not exist: this machine has cuda:1\.0, cuda:1\.1"):
        open_backend("cuda:1.7")
    cuda.list_devices()
    with pytest.raises(DeviceError, match="can't be used by a process that has used GPUs before"):
        open_backend("cuda:1.0")
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_auto_takes_the_slice_that_cuda_shows(sliced: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    del sliced.gpus[1:]
    part = FakeGPU("", "A MIG 1g.10gb", "MIG-0", 10 << 30)
    with nvml_installed(monkeypatch, FakeGPU("0000:00:00.0", slices={2: part})), open_backend() as backend:
        assert backend.name == "cuda:0.2"


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
