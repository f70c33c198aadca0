"""Find what Qt lacks on this machine, and install it where that takes no question: as root on Debian.

Usage, with the Python that has PyQt5: python scripts/system_libraries.py [--advise]

Otherwise one line names the packages, and the exit status is 1; with --advise the line is only advice and the
status 0.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PLUGINS = ("platforms/libqxcb.so", "platforms/libqoffscreen.so", "imageformats/libqsvg.so")
MODULES = ("QtCore.abi3.so", "QtGui.abi3.so", "QtSvg.abi3.so", "QtTest.abi3.so", "QtWidgets.abi3.so")
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
FONTS = "fonts-dejavu-core"
PACKAGES = {
    "libdbus-1.so.3": "libdbus-1-3",
    "libEGL.so.1": "libegl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libXext.so.6": "libxext6",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
}


def missing_packages() -> list[str]:
    """Name the Debian packages, or the bare libraries where none is known, that PyQt5 lacks."""
    pyqt5 = _pyqt5()
    files = [pyqt5 / "Qt5" / "plugins" / name for name in PLUGINS] + [pyqt5 / name for name in MODULES]
    libraries = {library for file in files for library in _not_found(file)}
    packages = {PACKAGES.get(library, library) for library in libraries}
    return sorted(packages if _has_font() else {*packages, FONTS})


def _pyqt5() -> Path:
    found = importlib.util.find_spec("PyQt5")
    assert found is not None and found.origin is not None, "PyQt5 is installed first"
    return Path(found.origin).parent


def _not_found(file: Path) -> Iterable[str]:
    printed = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in printed.splitlines() if line.endswith("not found")]


def _has_font() -> bool:
    folders = (Path(folder).expanduser() for folder in FONT_FOLDERS)
    return any(file.suffix in (".ttf", ".otf") for folder in folders for file in folder.rglob("*"))


def install(packages: list[str]) -> bool:
    """Install Debian packages if this is root on Debian; say whether it was done."""
    if not (os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get")):
        return False
    print(f"installing what Qt needs: {' '.join(packages)}", file=sys.stderr, flush=True)
    apt = ["apt-get", "--quiet", "--quiet"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*apt, "update"], env=environment, stdout=subprocess.DEVNULL, check=False)
    command = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0


def main(arguments: list[str]) -> int:
    """Check, install or advise; return the exit status."""
    advise = "--advise" in arguments
    if not sys.platform.startswith("linux"):
        return 0
    missing = missing_packages()
    if not missing or (install(missing) and not missing_packages()):
        return 0
    effect = "the window can't open without them" if advise else "the tests need them"
    print(
        f"this system lacks what Qt needs, and {effect}; on Debian or Ubuntu: apt-get install {' '.join(missing)}",
        file=sys.stderr,
    )
    return 0 if advise else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
