"""Which devices have lanes."""

from __future__ import annotations

import pytest

from ptychogui.backends import Device
from ptychogui.errors import DeviceError, ParameterError
from ptychogui.queue import devices
from ptychogui.queue.devices import devices_to_use, remember, switched
from ptychogui.queue.store.store import Store


@pytest.fixture(autouse=True)
def there(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """Say which devices there are: two GPUs, the second not usable, and the CPU in halves."""
    usable = {"cuda:0": "", "cuda:1": "it is in use", "cpu": "", "cpu:0": "", "cpu:1": "", "numpy": ""}
    found = [Device(name, name, not reason, reason, 0, 0) for name, reason in usable.items()]
    monkeypatch.setattr(devices, "list_devices", lambda: tuple(found))
    return found


def test_at_first_all_gpus_that_can_be_used(store: Store) -> None:
    assert devices_to_use(store, "") == ("cuda:0",)


def test_without_a_gpu_the_cpu_and_without_a_compiler_numpy(store: Store, there: list[Device]) -> None:
    del there[:2]
    assert devices_to_use(store, "") == ("cpu",)
    there[0] = Device("cpu", "cpu", False, "no compiler", 0, 0)
    assert devices_to_use(store, "") == ("numpy",)


def test_those_that_are_named_are_remembered_as_long_as_they_are_there(store: Store, there: list[Device]) -> None:
    assert devices_to_use(store, "cpu:1, CUDA") == ("cpu:1", "cuda:0") == devices_to_use(store, "")
    del there[0]
    assert devices_to_use(store, "") == ("cpu:1",)


@pytest.mark.parametrize(
    ("named", "error", "text"),
    [
        ("cuda:1", DeviceError, r"device 'cuda:1' can't be used: it is in use"),
        ("cpu:0,tpu", DeviceError, r"device 'tpu' does not exist; this machine can use cuda:0, cpu, "),
        ("cpu:0,cpu:0", ParameterError, "names cpu:0 twice"),
        ("cpu,cpu:0", ParameterError, "names cpu and a part of it"),
        (",", ParameterError, "names none"),
    ],
)
def test_what_can_not_be_is_said_and_not_remembered(
    store: Store, named: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        devices_to_use(store, named)
    assert devices_to_use(store, "") == ("cuda:0",)


def test_devices_are_taken_and_given_up_and_the_cpu_and_its_halves_take_each_others_place(store: Store) -> None:
    assert switched(("cuda:0",), "cpu", True) == ("cuda:0", "cpu")
    assert switched(("cuda:0", "cpu"), "cpu:0", True) == ("cuda:0", "cpu:0")
    assert switched(("cpu:0",), "cpu:1", True) == ("cpu:0", "cpu:1")
    assert switched(("cuda:0", "cpu:0", "cpu:1"), "cpu", True) == ("cuda:0", "cpu")
    assert switched(("cuda:0", "cpu"), "cpu", False) == ("cuda:0",)
    remember(store, ("cpu:1", "cuda:0"))
    assert devices_to_use(store, "") == ("cpu:1", "cuda:0")
