"""Which devices have lanes: those that the user names, those of the last time, or what this machine is best used by."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ptychogui.backends import list_devices
from ptychogui.errors import DeviceError, ParameterError
from ptychogui.params.model import device_name
from ptychogui.queue.store.store import Store

_SETTING = "devices"


def devices_to_use(store: Store, named: str) -> tuple[str, ...]:
    """Return the devices to use, and remember them where the user has named them.

    Args:
        store: the queue.
        named: "cpu:0,cpu:1"; "" for those of the last time, or else all GPUs, or else the CPU.

    Raises:
        DeviceError: one that is named does not exist or can't be used.
        ParameterError: one is named twice, or together with a part of it.
    """
    if named:
        devices = tuple(device_name(word) for word in named.split(",") if word.strip())
        check_devices(devices)
        remember(store, devices)
        return devices
    known = {device.name: device for device in list_devices()}
    last = [name for name in json.loads(store.setting(_SETTING) or "[]") if name in known and known[name].usable]
    gpus = [name for name, device in known.items() if name.startswith("cuda:") and device.usable]
    return tuple(last or gpus or [next(name for name in ("cpu", "numpy") if known[name].usable)])


def remember(store: Store, devices: Sequence[str]) -> None:
    """Have these devices be those of the last time."""
    store.keep_setting(_SETTING, json.dumps(list(devices)))


def switched(devices: Sequence[str], name: str, on: bool) -> tuple[str, ...]:
    """Return the devices in use after one was taken or given up; the CPU and its parts take each other's place."""
    kept = [device for device in devices if device != name and not (on and _share_cores(device, name))]
    return tuple([*kept, name] if on else kept)


def _share_cores(one: str, other: str) -> bool:
    return "cpu" in (one, other) and one.partition(":")[0] == other.partition(":")[0]


def check_devices(devices: Sequence[str]) -> None:
    """Make sure that lanes of these devices can be run.

    Raises:
        DeviceError: one does not exist or can't be used.
        ParameterError: one is named twice, or together with a part of it.
    """
    known = {device.name: device for device in list_devices()}
    if not devices:
        raise ParameterError(f"--devices names none; this machine has {', '.join(known)}")
    for name in devices:
        if name not in known:
            usable = ", ".join(device.name for device in known.values() if device.usable)
            raise DeviceError(f"device '{name}' does not exist; this machine can use {usable}")
        if not known[name].usable:
            raise DeviceError(f"device '{name}' can't be used: {known[name].reason}")
        if devices.count(name) > 1:
            raise ParameterError(f"--devices names {name} twice")
    if "cpu" in devices and any(name.startswith("cpu:") for name in devices):
        raise ParameterError("--devices names cpu and a part of it: name cpu, or cpu:0,cpu:1")
