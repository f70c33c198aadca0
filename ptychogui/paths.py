"""Where kernels, resources and the user's own folders lie, in a source tree and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import platformdirs

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


def cache_folder() -> Path:
    """Return the user's cache folder (compiled kernels, FFT plans), made if absent."""
    return Path(platformdirs.user_cache_dir(_APP, appauthor=False, ensure_exists=True))


def config_folder() -> Path:
    """Return the user's configuration folder, made if absent."""
    return Path(platformdirs.user_config_dir(_APP, appauthor=False, ensure_exists=True))


def log_folder() -> Path:
    """Return the user's log folder, made if absent."""
    return Path(platformdirs.user_log_dir(_APP, appauthor=False, ensure_exists=True))
