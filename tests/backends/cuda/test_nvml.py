"""What the driver says of GPUs, by a pretended NVML: use, other processes, slices."""

from __future__ import annotations

import os
import sys

import pytest

from ptychogui.backends.cuda.nvml import Use, is_sliced, slices, use_of
from tests.backends.fake_nvml import FakeGPU, NVMLError, nvml_installed
from tests.backends.problems import raiser

BUS = "0000:01:00.0"
PARTS = {0: FakeGPU("", "A MIG 1g", "MIG-a", 10 << 30, 9 << 30), 3: FakeGPU("", "A MIG 2g", "MIG-b", 20 << 30)}
SLICED = FakeGPU(BUS, slices=PARTS)


@pytest.fixture(autouse=True)
def sees_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_use_is_memory_load_and_who_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {os.getpid(): 1, os.getppid(): 3_100_000_000, 4_000_001: None}
    with nvml_installed(monkeypatch, FakeGPU(BUS, free=11, load=31, processes=others, temperature=61)):
        use = use_of(BUS)
    assert (use.free_bytes, use.load, use.temperature_C) == (11, 0.31, 61.0)
    known, unknown = use.processes
    assert known.endswith(f" (process {os.getppid()}), 3.1 GB")
    assert unknown == "a process of another container or user (process 4000001)"


def test_what_the_driver_does_not_say_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with nvml_installed(monkeypatch, FakeGPU(BUS, free=None, load=None)) as nvml:
        assert use_of(BUS) == use_of("0000:77:00.0") == Use()
        assert not is_sliced(BUS) and slices() == ()
        nvml.nvmlInit = raiser(NVMLError("no driver"))
        assert use_of(BUS) == Use() and slices() == ()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert use_of(BUS) == Use() and slices() == () and not is_sliced(BUS)


def test_slices_are_found_at_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    with nvml_installed(monkeypatch, FakeGPU("0000:00:00.0"), SLICED):
        assert is_sliced(BUS) and not is_sliced("0000:00:00.0")
        one, two = slices()
        assert (one.name, one.uuid, one.title, one.total_bytes) == ("cuda:1.0", "MIG-a", "A MIG 1g", 10 << 30)
        assert one.use.free_bytes == 9 << 30 and two.name == "cuda:1.3"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
        assert slices() == ()
