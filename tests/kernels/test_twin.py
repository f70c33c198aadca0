"""The numpy twin, the table of signatures and the kernels' sources say the same."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ptychogui.backends.compiler import kernel_files
from ptychogui.backends.host import HostBackend
from ptychogui.backends.signatures import SIGNATURES
from ptychogui.backends.twin import TWINS
from tests.kernels.cases import SIZES, Size, assert_agree, expected, random_launch

_C_NAMES = {
    "M": "modes",
    "N": "n",
    "P": "probes",
    "H": "height",
    "W": "width",
    "K": "held",
    "L": "lanes",
    "C": "chunks",
    "n": "positions",
    "Q": "shares",
    "T": "planes",
    "Y": "groups",
}
_C_TYPES = {"complex64": "c64", "float32": "float", "int32": "int", "int16": "short"}


@pytest.fixture(scope="module")
def host() -> Iterator[HostBackend]:
    with HostBackend(threads=1) as backend:
        yield backend


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kernel", SIGNATURES)
def test_host_kernel_equals_twin(host: HostBackend, kernel: str, size: Size) -> None:
    for seed in range(4):
        launch = random_launch(SIGNATURES[kernel], size, seed)
        arrays = {name: array.copy() for name, array in launch.arrays.items()}
        host.bind(kernel, **arrays)(*launch.scalars)
        assert_agree(launch, arrays, expected(launch))
        for spec in SIGNATURES[kernel].arrays:
            assert spec.written or (arrays[spec.name] == launch.arrays[spec.name]).all(), f"{kernel} wrote {spec.name}"


@pytest.mark.parametrize("kernel", [name for name, sig in SIGNATURES.items() if sig.rows == "count C"])
def test_a_window_may_have_more_chunks_than_rows(host: HostBackend, kernel: str) -> None:
    launch = random_launch(SIGNATURES[kernel], SIZES[0])
    for spec in SIGNATURES[kernel].arrays:
        if "C" in spec.symbols:
            launch.arrays[spec.name] = np.repeat(launch.arrays[spec.name], 8, axis=spec.symbols.index("C"))
    arrays = {name: array.copy() for name, array in launch.arrays.items()}
    host.bind(kernel, **arrays)(*launch.scalars)
    assert_agree(launch, arrays, expected(launch))


@pytest.mark.parametrize("kernel", SIGNATURES)
def test_random_launches_change_something_and_leave_something(kernel: str) -> None:
    launch = random_launch(SIGNATURES[kernel], SIZES[2])
    changed = [value != launch.arrays[name] for name, value in expected(launch).items()]
    assert all(part.any() for part in changed)
    assert SIGNATURES[kernel].rows == "1" or not all(part.all() for part in changed)


@dataclass(frozen=True)
class CArgument:
    """One argument as a kernel's source declares it."""

    name: str
    type: str
    written: bool
    comment: str


def _declared() -> dict[str, tuple[str, list[CArgument]]]:
    """Parse every KERNEL of every source: its file and its arguments."""
    return {
        match[1]: (path.name, [_argument(line) for line in _argument_lines(match[2])])
        for path in kernel_files()
        for match in re.finditer(r"^KERNEL (\w+)\(\n(.*?)\) \{$", path.read_text(), re.MULTILINE | re.DOTALL)
    }


def _argument_lines(text: str) -> list[str]:
    """One argument and its comment a line; scalars share lines and have no comment."""
    commented = re.findall(r"[^\n]*//[^\n]*", text)
    scalars = [line for line in text.splitlines() if "//" not in line]
    return commented + [one for one in "".join(scalars).split(",") if one.strip()]


def _argument(line: str) -> CArgument:
    code, _, comment = line.partition("//")
    words = code.replace("*", " * ").replace("__restrict__", "").replace(",", "").split()
    plain = [word for word in words if word != "const"]
    return CArgument(plain[-1], "".join(plain[:-1]), "const" not in words, comment.strip())


def test_every_kernel_of_the_sources_is_in_the_table() -> None:
    assert {name: file for name, (file, _) in _declared().items()} == {s.name: s.file for s in SIGNATURES.values()}


def test_every_kernel_has_its_twin_in_the_module_that_is_named_as_its_file_and_no_other_twin_is_there() -> None:
    assert {name: twin.__module__ for name, twin in TWINS.items()} == {
        name: f"ptychogui.backends.twin.{Path(file).stem}" for name, (file, _) in _declared().items()
    }


def test_no_kernel_escapes_the_parser() -> None:
    assert sum(path.read_text().count("KERNEL ") for path in kernel_files()) == len(_declared())


@pytest.mark.parametrize("kernel", SIGNATURES)
def test_c_arguments_are_those_of_the_table(kernel: str) -> None:
    sig, (_, declared) = SIGNATURES[kernel], _declared()[kernel]
    arrays, scalars = declared[: len(sig.arrays)], declared[len(sig.arrays) :]
    assert [(a.name, a.type, a.written) for a in arrays] == [
        (spec.name, f"{_C_TYPES.get(spec.dtype, 'void')}*", spec.written) for spec in sig.arrays
    ]
    assert [(s.name, s.type) for s in scalars] == [
        *((name, _C_TYPES[kind]) for name, kind in sig.scalars),
        *((_C_NAMES.get(symbol, "bytes"), "int") for symbol in sig.dims),
    ]  # fmt: skip


@pytest.mark.parametrize("kernel", SIGNATURES)
def test_comments_say_the_dtype_and_shape_of_the_table(kernel: str) -> None:
    sig, (_, declared) = SIGNATURES[kernel], _declared()[kernel]
    for spec, argument in zip(sig.arrays, declared, strict=False):
        assert argument.comment.startswith(f"{' or '.join(spec.dtype.split())} ({', '.join(spec.shape.split())})"), (
            argument
        )


@pytest.mark.parametrize("kernel", SIGNATURES)
def test_twin_takes_the_arguments_of_the_table(kernel: str) -> None:
    sig = SIGNATURES[kernel]
    wanted = [spec.name for spec in sig.arrays] + [name for name, _ in sig.scalars]
    assert list(inspect.signature(TWINS[kernel]).parameters) == wanted


def test_sources_lie_where_the_table_says(repo_root: Path) -> None:
    assert {path.name for path in (repo_root / "kernels").glob("*.cu")} == {sig.file for sig in SIGNATURES.values()}
