"""Kernels with one C++ thread per CUDA thread, under a sanitizer: builds them, runs launches, reads results back."""

from __future__ import annotations

import os
import platform
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from ptychogui.backends.compiler import LANGUAGE, definitions, find_compiler
from ptychogui.backends.cuda.prepared_launch import LARGEST_BLOCK
from ptychogui.backends.signatures import Signature
from ptychogui.errors import DeviceError
from ptychogui.paths import kernels_folder
from tests.kernels.cases import Arrays, Launch

SANITIZERS = {"address": "address,undefined", "thread": "thread", "none": ""}
_HERE = Path(__file__).parent
_C_TYPES = {"complex64": "c64", "float32": "float", "int32": "int", "int16": "short"}
_FORMATS = {"float32": "f", "int32": "i"}
_NAME_BYTES = 64


class Reported(Exception):
    """What a sanitizer, or the emulation itself, has to say."""


class Emulation:
    """A program that runs launches of the kernels of one source.

    Attributes:
        barriers: that the first block of each launch went through, in the last run.
    """

    def __init__(self, folder: Path, source: str, signatures: Mapping[str, Signature], sanitizer: str) -> None:
        self._folder, self._signatures = folder, signatures
        self.barriers: list[int] = []
        self._program = folder / f"emulation-{sanitizer}"
        text = folder / f"emulation-{sanitizer}.cpp"
        text.write_text(source + _main(signatures))
        _compile(text, self._program, SANITIZERS[sanitizer])
        self._prefix = _prefix(self._program)

    def run(self, launches: Sequence[Launch], grid: int = 3, block: int = 32) -> list[Arrays]:
        """Run the launches one after the other, each on its own data.

        Returns:
            The written arrays of every launch.

        Raises:
            Reported: a sanitizer found something.
        """
        given, got = self._folder / "in", self._folder / "out"
        given.write_bytes(b"".join(self._packed(launch, grid, block) for launch in launches))
        done = _run([*self._prefix, str(self._program), str(given), str(got)])
        if done.returncode:
            raise Reported(f"exit status {done.returncode}\n{done.stderr[:20_000]}")
        with got.open("rb") as file:
            results = [(struct.unpack("i", file.read(4))[0], self._unpacked(launch, file)) for launch in launches]
        self.barriers = [barriers for barriers, _ in results]
        return [arrays for _, arrays in results]

    def _packed(self, launch: Launch, grid: int, block: int) -> bytes:
        sig = self._signatures[launch.kernel]
        sizes = sig.measure(launch.arrays)
        parts = [launch.kernel.encode().ljust(_NAME_BYTES, b"\0"), struct.pack("ii", grid, block)]
        for spec in sig.arrays:
            parts += [struct.pack("q", launch.arrays[spec.name].nbytes), launch.arrays[spec.name].tobytes()]
        for (_, kind), value in zip(sig.scalars, launch.scalars, strict=True):
            parts.append(struct.pack(_FORMATS[kind], value))
        return b"".join([*parts, *(struct.pack("i", sizes[symbol]) for symbol in sig.dims)])

    def _unpacked(self, launch: Launch, file: BinaryIO) -> Arrays:
        written = [spec.name for spec in self._signatures[launch.kernel].arrays if spec.written]
        arrays = {name: launch.arrays[name] for name in written}
        return {
            name: np.frombuffer(file.read(array.nbytes), array.dtype).reshape(array.shape)
            for name, array in arrays.items()
        }


def _main(signatures: Mapping[str, Signature]) -> str:
    """Return a main() that reads launches from a file and writes their results to another."""
    cases = "\n".join(_case(sig) for sig in signatures.values())
    return f"""
#line 1 "main"
int main(int, char** argv) {{
    std::FILE *in = std::fopen(argv[1], "rb"), *out = std::fopen(argv[2], "wb");
    char name[{_NAME_BYTES}];
    while (std::fread(name, sizeof name, 1, in) == 1) {{
        const int grid = emulate::take<int>(in), block = emulate::take<int>(in);
        {cases}
    }}
    std::fclose(in);
    return std::fclose(out);
}}
"""


def _case(sig: Signature) -> str:
    arrays = [f"emulate::Array<{_C_TYPES.get(spec.dtype, 'char')}> {spec.name}(in);" for spec in sig.arrays]
    scalars = [*sig.scalars, *((symbol.replace("sizeof ", "bytes_of_"), "int32") for symbol in sig.dims)]
    values = [f"const {_C_TYPES[kind]} {name} = emulate::take<{_C_TYPES[kind]}>(in);" for name, kind in scalars]
    names = ", ".join([*(f"{spec.name}.data()" for spec in sig.arrays), *(name for name, _ in scalars)])
    results = [f"{spec.name}.give(out);" for spec in sig.arrays if spec.written]
    launch = f"emulate::give(emulate::launch(grid, block, [&] {{ {sig.name}({names}); }}), out);"
    body = "\n            ".join([*arrays, *values, launch, *results])
    return f"""if (!std::strcmp(name, "{sig.name}")) {{
            {body}
        }}"""


def _compile(text: Path, program: Path, sanitizer: str) -> None:
    try:
        compiler = find_compiler()
    except DeviceError as error:
        _absent(str(error))
    sanitize = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"] if sanitizer else []
    command = [
        compiler, "-O1", "-g1", "-pthread", "-Wno-unknown-pragmas", "-DPTYCHOGUI_EMULATE",
        f"-DLARGEST_BLOCK={LARGEST_BLOCK}", *definitions(), *sanitize, f"-I{kernels_folder()}", f"-I{_HERE}",
        *LANGUAGE, str(text), "-x", "none", "-o", str(program),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "san" in done.stderr and "cannot find" in done.stderr:
        _absent(f"the compiler has no sanitizer libraries: {done.stderr.strip()}")
    assert not done.returncode, done.stderr


def _absent(reason: str) -> None:
    """CI must have what a developer's machine may lack."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _prefix(program: Path) -> list[str]:
    """ThreadSanitizer can't live with every layout of addresses: where it can't, ask for one that isn't random."""
    nothing = [str(program), os.devnull, os.devnull]
    fixed = ["setarch", platform.machine(), "-R"]
    for prefix in ([], fixed):
        done = _run([*prefix, *nothing])
        if not done.returncode:
            return prefix
    pytest.fail(f"the sanitizer's program does not start, nor with {' '.join(fixed)}: {done.stderr}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    options = {
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": "halt_on_error=0",
    }
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=os.environ | options)
