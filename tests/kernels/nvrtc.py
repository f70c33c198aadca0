"""NVIDIA's run-time compiler from its PyPI wheel, which needs no GPU, and what its assembler says of each kernel."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CUPY_ADDS = ("-ftz=true", "--device-as-default-execution-space")
"""What CuPy's RawModule puts behind a program's own options, besides the architecture."""

TARGETS = [(12, 70), *((toolkit, arch) for toolkit in (12, 13) for arch in (75, 80, 86, 89, 90, 120))]
"""CUDA's versions, and architectures that they compile for."""

_PACKAGES = {12: "nvidia.cuda_nvrtc", 13: "nvidia.cu13"}
_REPORT = re.compile(
    r"Compiling entry function '(?P<kernel>\w+)'.*?(?P<stack>\d+) bytes stack frame, "
    r"(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers(?:.*?(?P<shared>\d+) bytes smem)?",
)


_COMPILER = ThreadPoolExecutor(1, "NVRTC")
_queued: dict[tuple[int, int, str, tuple[str, ...]], Future[Compiled]] = {}


class CompileError(Exception):
    """The compiler refuses the source; the message is its log."""


@dataclass(frozen=True)
class Usage:
    """What one thread of a kernel takes; stack and spills live in slow memory. `shared_bytes` is for the block."""

    registers: int
    stack_bytes: int
    spill_bytes: int
    shared_bytes: int


@dataclass(frozen=True)
class Compiled:
    """Every kernel's usage, and the log without the assembler's report."""

    usage: dict[str, Usage]
    log: str


@cache
def compile_for(toolkit: int, architecture: int, source: str, options: tuple[str, ...]) -> Compiled:
    """Compile as CuPy does for a GPU of an architecture (70 for sm_70), with CUDA 12's or 13's compiler.

    Raises:
        CompileError: the source has an error, or the compiler does not know the architecture.
    """
    asked = toolkit, architecture, source, options
    begun = _queued.get(asked)
    return _compile(*asked) if begun is None or begun.cancel() else begun.result()


def compile_early(toolkit: int, architecture: int, source: str, options: tuple[str, ...]) -> None:
    """Queue what compile_for will be asked for, on a thread beside the tests, most of which leave a core idle."""
    asked = toolkit, architecture, source, options
    _queued[asked] = _COMPILER.submit(_compile, *asked)


def compile_no_more() -> None:
    """Forget what is queued: nobody waits for it any more."""
    _COMPILER.shutdown(wait=False, cancel_futures=True)


def _compile(toolkit: int, architecture: int, source: str, options: tuple[str, ...]) -> Compiled:
    library, program = _library(toolkit), ctypes.c_void_p()
    every = (*options, f"-arch=sm_{architecture}", *CUPY_ADDS, "--ptxas-options=-v")
    array = (ctypes.c_char_p * len(every))(*(option.encode() for option in every))
    library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
    failed = library.nvrtcCompileProgram(program, len(every), array)
    log = _log(library, program)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        raise CompileError(log)
    return Compiled(_usage(log), "\n".join(line for line in log.splitlines() if not line.startswith("ptxas")))


@cache
def _library(toolkit: int) -> ctypes.CDLL:
    spec = importlib.util.find_spec(_PACKAGES[toolkit])
    assert spec, f"CUDA {toolkit}'s NVRTC is not installed: pip install -e '.[dev]'"
    (folder,) = spec.submodule_search_locations or []
    return ctypes.CDLL(str(Path(folder) / "lib" / f"libnvrtc.so.{toolkit}"))


def _log(library: ctypes.CDLL, program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, text)
    return text.value.decode()


def _usage(log: str) -> dict[str, Usage]:
    parts = [f"Compiling entry{part}" for part in log.split("Compiling entry")[1:]]
    found = [_REPORT.search(" ".join(part.split())) for part in parts]
    assert all(found), f"the assembler's report reads otherwise than it did: {log}"
    return {
        match["kernel"]: Usage(
            int(match["registers"]), int(match["stack"]), int(match["stores"]) + int(match["loads"]),
            int(match["shared"] or 0),
        )
        for match in found if match
    }  # fmt: skip
