"""Paths of kernels, resources and the user's own folders, in a source tree and in an installed wheel.

PTYCHOGUI_HOME names a folder that holds what else would be the user's: settings, logs, queue and catalog. So a second
instance, or a test, has its own. Compiled kernels stay in the cache, which all share.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import platformdirs

_log = logging.getLogger(__name__)

_PACKAGE = Path(__file__).resolve().parent
_APP = "ptychogui"


def _shipped(folder: str) -> Path:
    """Find a folder that the wheel carries inside the package and the source tree beside it."""
    for candidate in (_PACKAGE / folder, _PACKAGE.parent / folder):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"ptychogui is installed incompletely: no folder '{folder}' in or beside {_PACKAGE}")


def kernels_folder() -> Path:
    """Return the folder of the CUDA C++ kernel sources."""
    return _shipped("kernels")


def resources_folder() -> Path:
    """Return the folder of icons, style sheets, presets and phantom recipes."""
    return _shipped("resources")


def docs_folder() -> Path:
    """Return the folder of the user guide."""
    return _shipped("docs")


def home() -> Path | None:
    """Return the folder that PTYCHOGUI_HOME names; None where the user's folders lie where the system has them."""
    named = os.environ.get("PTYCHOGUI_HOME", "")
    return Path(named).expanduser().absolute() if named else None


def _own(name: str, of_system: Callable[..., str]) -> Path:
    """Return one of the user's folders."""
    folder = home()
    return Path(of_system(_APP, appauthor=False)) if folder is None else folder / name


def config_folder() -> Path:
    """Return the user's configuration folder (beamline presets), whether it is there or not."""
    return _own("config", platformdirs.user_config_dir)


def log_folder() -> Path:
    """Return the user's folder of logs, whether it is there or not."""
    return _own("logs", platformdirs.user_log_dir)


def queue_folder() -> Path:
    """Return the folder of the user's queue: its store, and a folder for each job; whether it is there or not."""
    return _state_folder() / "queue"


def catalog_folder() -> Path:
    """Return the folder of the user's catalog: its index, and which folders it has; whether it is there or not."""
    return _state_folder() / "catalog"


def _state_folder() -> Path:
    folder = home()
    return Path(platformdirs.user_state_dir(_APP, appauthor=False)) if folder is None else folder


def cache_folder() -> Path:
    """Return the user's cache folder (compiled kernels, FFT plans), made if absent.

    Where it can't be written, as with a read-only home, a private folder of this process stands in.
    """
    folder = Path(platformdirs.user_cache_dir(_APP, appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        _log.info("a private folder stands in for the cache, which can't be written: %s", error)
        return _own_temporary_folder()


@cache
def _own_temporary_folder() -> Path:
    holder = tempfile.TemporaryDirectory(prefix=f"{_APP}-{os.getpid()}-")
    _kept_until_exit.append(holder)
    return Path(holder.name)


_kept_until_exit: list[tempfile.TemporaryDirectory[str]] = []
"""Removed by their finalizers when the interpreter ends."""
