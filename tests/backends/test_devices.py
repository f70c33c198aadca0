from __future__ import annotations

import os

import pytest

from ptychogui.backends import devices, list_devices, open_backend
from ptychogui.backends.host import HostBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.errors import DeviceError


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_cuda_devices", lambda: ())


def test_gpus_come_first_then_the_cpu_its_halves_and_numpy() -> None:
    names = [device.name for device in list_devices()]
    assert names[-4:] == ["cpu", "cpu:0", "cpu:1", "numpy"] and names[0] == "cuda:0"


@pytest.mark.parametrize(("cores", "shares"), [(2, (1, 1)), (5, (3, 2)), (8, (4, 4))])
def test_halves_of_the_cpu_have_all_its_cores_together(
    no_gpu: None, monkeypatch: pytest.MonkeyPatch, cores: int, shares: tuple[int, int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)))
    for number, share in enumerate(shares):
        with open_backend(f"cpu:{number}") as half:
            assert isinstance(half, HostBackend) and (half.name, half.workers) == (f"cpu:{number}", share)
        with open_backend(f"cpu:{number}", threads=100) as half:
            assert isinstance(half, HostBackend) and half.workers == share
    with open_backend("cpu:0", threads=1) as half:
        assert isinstance(half, HostBackend) and half.workers == 1


def test_one_core_has_no_halves(no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    halves = [device for device in list_devices() if device.name.startswith("cpu:")]
    assert [half.usable for half in halves] == [False, False]
    with pytest.raises(DeviceError, match="one core, which can't be shared out: use cpu"):
        open_backend("cpu:1")


def test_without_a_compiler_its_halves_can_not_be_used_either(no_compiler: None) -> None:
    with pytest.raises(DeviceError, match=r"device 'cpu:0' can't be used: no C\+\+ compiler"):
        open_backend("cpu:0")


def test_every_device_can_be_used_or_says_why_not() -> None:
    for device in list_devices():
        assert device.title and device.usable == (not device.reason)
        assert 0 <= device.memory_free_bytes <= device.memory_total_bytes


def test_cpu_is_described(no_gpu: None) -> None:
    cpu = list_devices()[0]
    assert cpu.usable and "core" in cpu.title and cpu.memory_total_bytes > 1 << 28


def test_auto_takes_the_first_that_works(no_gpu: None) -> None:
    with open_backend("auto", threads=2) as backend:
        assert isinstance(backend, HostBackend) and backend.workers == 2


def test_devices_are_opened_by_name() -> None:
    with open_backend("numpy") as plain, open_backend("cpu") as host:
        assert isinstance(plain, NumpyBackend) and isinstance(host, HostBackend)


def test_device_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(DeviceError, match=r"device 'tpu' does not exist; this machine can use .*cpu, cpu:0, .*numpy"):
        open_backend("tpu")


def test_without_a_compiler_the_cpu_says_how_to_get_one(no_compiler: None) -> None:
    with pytest.raises(DeviceError, match=r"device 'cpu' can't be used: no C\+\+ compiler .*apt install g\+\+"):
        open_backend("cpu")


def test_without_a_compiler_numpy_takes_over_visibly(no_compiler: None, no_gpu: None) -> None:
    with pytest.warns(UserWarning, match=r"slow numpy backend: no C\+\+ compiler was found .*apt install"):
        backend = open_backend("auto")
    assert isinstance(backend, NumpyBackend)
