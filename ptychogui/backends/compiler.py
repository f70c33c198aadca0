"""Compilation of the kernels for the CPU, at first use; cached by a digest of source, compiler and CPU.

Processes that start at the same time, as the window's do, don't all compile: one does, and the others wait for it.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from ptychogui.backends.locks import locked
from ptychogui.backends.signatures import SIGNATURES
from ptychogui.errors import DeviceError
from ptychogui.paths import cache_folder, kernels_folder
from ptychogui.physics.amplitude_variance import NOISE_COEFFICIENTS

_log = logging.getLogger(__name__)

OPTIMIZE = (
    "-O3",
    "-march=native",
    *(("-mprefer-vector-width=512",) if platform.machine() == "x86_64" else ()),
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-fassociative-math",
)
LANGUAGE = ("-std=c++17", "-x", "c++", "-pthread")


def kernel_files() -> list[Path]:
    """Return the kernel sources, in order of name."""
    return sorted(kernels_folder().glob("*.cu"))


def included_files() -> list[Path]:
    """Return what the kernel sources include, in order of name."""
    return sorted(kernels_folder().glob("*.cuh"))


def host_source() -> str:
    """Return the kernels with what the host calls them by, see kernels/commands.hpp, and what only it has."""
    commands = "\n".join(f"COMMAND({name})" for name in SIGNATURES)
    return f'{kernel_source()}\n#include "commands.hpp"\n{commands}\n#include "sift.hpp"\n#include "unpack.hpp"\n'


def definitions() -> tuple[str, ...]:
    """Return the -D options that carry constants of physics into the kernels, for every compiler."""
    return tuple(f"-D{name}={value!r}f" for name, value in NOISE_COEFFICIENTS.items())


def kernel_source() -> str:
    """Return all kernels as one text whose #line directives keep error messages pointing at the files."""
    parts = [f'#line 1 "{path.as_posix()}"\n{path.read_text()}' for path in kernel_files()]
    return "\n".join(parts)


@functools.cache
def sources_digest() -> str:
    """Return a digest of all sources of kernels, the same for every device and wherever they lie."""
    files = (*kernel_files(), *included_files(), *sorted(kernels_folder().glob("*.hpp")))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]


def find_compiler() -> str:
    """Return the C++ compiler: $CXX, c++, g++ or clang++.

    Raises:
        DeviceError: there is none; the message says how to get one.
    """
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise DeviceError(
        "no C++ compiler was found (c++, g++ or clang++): install one, on Debian 'apt install g++', or set CXX"
    )


@functools.cache
def compiler_version(compiler: str) -> str:
    """Return the first line of the compiler's --version."""
    try:
        said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
        return said.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        raise DeviceError(f"{compiler} does not answer as a C++ compiler does; correct CXX or install g++") from None


@functools.cache
def load_kernels() -> ctypes.CDLL:
    """Load the compiled kernels, compiling them first if this source, compiler and CPU are new.

    Raises:
        DeviceError: there is no compiler or it refuses the source; the message quotes it.
    """
    compiler = find_compiler()
    library = _library(compiler)
    kernels = _loaded(library)
    if kernels is not None:
        return kernels
    lock = library.with_suffix(".lock")
    with locked(lock):
        if not library.exists():  # as it is where another process built it meanwhile
            _build(compiler, library)
        lock.unlink(missing_ok=True)  # those that wait hold it open, and will find the library
        return ctypes.CDLL(str(library))


def cached_kernels() -> ctypes.CDLL | None:
    """Load the compiled kernels where they have been compiled before; None where not, or where no compiler is."""
    if load_kernels.cache_info().currsize:
        return load_kernels()
    try:
        return load_kernels() if _library(find_compiler()).exists() else None
    except DeviceError as error:
        _log.debug("no compiled kernels: %s", error)
        return None


def _library(compiler: str) -> Path:
    return cache_folder() / f"kernels-{_digest(compiler)}.so"


def _loaded(library: Path) -> ctypes.CDLL | None:
    """Load a library; None where it is absent, or damaged, as by a full disk: then it is removed."""
    if not library.exists():
        return None
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        _log.info("the compiled kernels can't be loaded and are compiled anew: %s", error)
        library.unlink(missing_ok=True)
        return None


def _digest(compiler: str) -> str:
    included = (*included_files(), *sorted(kernels_folder().glob("*.hpp")))
    sources = [*(path.read_bytes() for path in included), host_source().encode()]
    facts = [compiler_version(compiler), _cpu(), *OPTIMIZE, *definitions()]
    return hashlib.sha256(b"\0".join([*sources, *(fact.encode() for fact in facts)])).hexdigest()[:16]


def _cpu_facts() -> dict[str, str]:
    """Read what /proc/cpuinfo says of the first core."""
    try:
        text = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def cpu_name() -> str:
    """Name the CPU."""
    return _cpu_facts().get("model name") or platform.processor() or platform.machine()


def _cpu() -> str:
    """Name the CPU and what it can do, since -march=native builds for no other."""
    facts = _cpu_facts()
    return cpu_name() + facts.get("flags", facts.get("Features", ""))


def _build(compiler: str, library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / "kernels.so"
        options = [*OPTIMIZE, *definitions(), *LANGUAGE, "-fPIC", "-shared", f"-I{kernels_folder()}"]
        command = [compiler, *options, "-o", str(made), "-"]
        done = subprocess.run(command, input=host_source(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise DeviceError(f"{compiler} can't build the kernels in {library.parent}: {done.stderr.strip()}")
        made.replace(library)
    _log.info("compiled the kernels with %s: %s", compiler, library)
