from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptychogui.backends import compiler
from ptychogui.errors import DeviceError
from ptychogui.paths import kernels_folder


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the kernels that may be spoiled, an empty cache, and a compiler that makes no effort."""
    folder = tmp_path / "kernels"
    shutil.copytree(kernels_folder(), folder)
    monkeypatch.setattr(compiler, "kernels_folder", lambda: folder)
    monkeypatch.setattr(compiler, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(compiler, "OPTIMIZE", ("-O0",))
    compiler.load_kernels.cache_clear()
    yield folder
    compiler.load_kernels.cache_clear()


def test_broken_source_is_quoted_with_file_and_line(sources: Path) -> None:
    path = sources / "update.cu"
    lines = path.read_text().splitlines()
    line = lines.index("KERNEL row_max(")
    lines[line] = "KERNEL row_max(oops "
    path.write_text("\n".join(lines))
    with pytest.raises(DeviceError, match=rf"update\.cu:{line + 1}:\d+: error: .*oops"):
        compiler.load_kernels()
    assert not list(sources.parent.glob("*.so"))


def _warnings(folder: Path) -> str:
    """What a strict compiler says of the kernels; users' compilers are not strict, newer ones may know new warnings."""
    options = ["-Wall", "-Wextra", "-Wno-unknown-pragmas", "-fsyntax-only", f"-I{folder}"]
    command = [compiler.find_compiler(), *options, *compiler.definitions(), *compiler.LANGUAGE, "-"]
    source = compiler.host_source()
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stderr


def test_kernels_compile_without_a_warning(sources: Path) -> None:
    assert _warnings(sources) == ""
    (sources / "zzz.cu").write_text('#include "portable.cuh"\nKERNEL idle(int n) { int unused; }\n')
    assert "zzz.cu:2" in _warnings(sources)


def test_a_damaged_library_is_built_again(sources: Path) -> None:
    compiler.load_kernels()
    (library,) = sources.parent.glob("kernels-*.so")
    library.unlink()  # the loaded one keeps its own copy
    library.write_bytes(b"no library")
    compiler.load_kernels.cache_clear()
    assert hasattr(compiler.load_kernels(), "row_max")


def test_something_that_is_no_compiler_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/bin/false")
    with pytest.raises(DeviceError, match="does not answer as a C\\+\\+ compiler does; correct CXX"):
        compiler.compiler_version(compiler.find_compiler())


def test_changed_source_is_compiled_anew(sources: Path) -> None:
    compiler.load_kernels()
    (sources / "zzz.cu").write_text('#include "portable.cuh"\nKERNEL added(int* n) { *n = 7; }\n')
    compiler.load_kernels.cache_clear()
    assert hasattr(compiler.load_kernels(), "added")
    assert len(list(sources.parent.glob("kernels-*.so"))) == 2


_LOAD = "from ptychogui.backends.compiler import load_kernels; assert load_kernels().row_max"
_LAZY_COMPILER = """#!/bin/sh
case "$1" in --version) ;; *) echo "$$" >> '{log}' ;; esac
exec '{compiler}' "$@" -O0
"""


def test_of_two_processes_at_once_one_compiles_and_a_third_need_not(tmp_path: Path, repo_root: Path) -> None:
    log, lazy = tmp_path / "compiled", tmp_path / "lazy c++"
    lazy.write_text(_LAZY_COMPILER.format(log=log, compiler=compiler.find_compiler()))
    lazy.chmod(0o755)
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "CXX": str(lazy)}
    command = [sys.executable, "-c", _LOAD]
    both = [subprocess.Popen(command, env=environment, cwd=repo_root) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    subprocess.run(command, env=environment, cwd=repo_root, check=True)
    assert len(log.read_text().splitlines()) == 1
    (library,) = tmp_path.glob("cache/ptychogui/kernels-*.so")
    assert [path.name for path in library.parent.iterdir()] == [library.name]


def test_compiled_kernels_are_at_hand_only_after_they_have_been_built(sources: Path) -> None:
    assert compiler.cached_kernels() is None
    assert not list(sources.parent.glob("*.so"))
    assert compiler.load_kernels() is compiler.cached_kernels()


def test_without_a_compiler_no_kernels_are_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert compiler.cached_kernels() is None
