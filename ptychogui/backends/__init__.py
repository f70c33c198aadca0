"""Devices: where arrays live and kernels run."""

from __future__ import annotations

from ptychogui.backends.base import Backend, Device
from ptychogui.backends.devices import list_devices, open_backend

__all__ = ["Backend", "Device", "list_devices", "open_backend"]
