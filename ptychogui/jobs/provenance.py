"""What a result says of where and when it was made: device, versions of programs, dates."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
from datetime import datetime

from ptychogui import __version__
from ptychogui.backends import list_devices
from ptychogui.backends.base import Backend

_LIBRARIES = ("numpy", "scipy", "h5py", "pyfftw", "cupy-cuda12x", "cupy-cuda13x")


def now() -> str:
    """Return the present as ISO 8601, with the time zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def device_text(backend: Backend) -> str:
    """Return a device by name and title: "cpu: AMD EPYC, 2 cores, g++ 12.2"."""
    titles = {device.name: device.title for device in list_devices()}
    return f"{backend.name}: {titles[backend.name]}" if backend.name in titles else backend.name


def versions() -> dict[str, str]:
    """Return the version of each program that had a part in it, by name."""
    found = {"ptychogui": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
