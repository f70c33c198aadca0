"""The disk fails, the process ends, or the power does, anywhere in a short night: nothing is lost, nothing doubled.

See tests/disk: a shim between the program and the system counts what SQLite and Python change on the disk, and what is
sent. With PTYCHOGUI_EVERY_FAULT set it is at every operation, for some minutes; else at every fifth, or tenth.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptychogui.backends.compiler import find_compiler
from tests.disk.model import Disk, Operation

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = REPOSITORY / "tests" / "disk" / "shim.cpp"
    flags = ("-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE")
    subprocess.run([find_compiler(), *flags, "-o", library, source], check=True)
    return library


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("kind", "step"), [("error", 5), ("kill", 5), ("power", 10)])
def test_nothing_is_lost_or_doubled_wherever_it_fails(shim: Path, tmp_path: Path, kind: str, step: int) -> None:
    environment = {**os.environ, "LD_PRELOAD": os.fspath(shim), "PTYCHOGUI_HOME": os.fspath(tmp_path / "home")}
    step = 1 if "PTYCHOGUI_EVERY_FAULT" in os.environ else step
    driver = subprocess.run(
        [sys.executable, "-m", "tests.disk.driver", kind, tmp_path, str(step)],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert driver.returncode == 0, driver.stderr[-2000:]
    assert json.loads(driver.stdout) == {}
    operations = int(driver.stderr.rsplit(" operations", 1)[0].split()[-1])
    assert operations > 200, "the shim sees what is done"


def _lost(root: Path, *operations: tuple[str, str, str], lucky: bool = False) -> dict[str, str]:
    disk = Disk(root)
    for kind, name, data in operations:
        content = os.fspath(root / data) if kind == "r" else data
        disk.do(Operation(kind, os.fspath(root / name) if name else os.fspath(root), 0, content.encode()))
    disk.lose_power(lambda: lucky)
    return {path.name: path.read_text() for path in root.iterdir()}


def test_what_the_pretended_disk_keeps(tmp_path: Path) -> None:
    root = tmp_path / "root"
    made, written, synced, named = ("c", "new", ""), ("w", "new", "content"), ("s", "new", ""), ("s", "", "")
    assert _lost(root, made, written, synced) == {}
    assert _lost(root, made, named, written) == {"new": ""}
    assert _lost(root, made, written, synced, named) == {"new": "content"}
    assert _lost(root, made, written, lucky=True) == {"new": "content"}
    old = (("c", "old", ""), ("w", "old", "before"), ("s", "old", ""), named)
    moved = ("r", "new", "old")
    assert _lost(root, *old, made, written, synced, moved) == {"old": "before"}
    assert _lost(root, *old, made, written, moved, named) == {"old": ""}
    assert _lost(root, *old, made, written, synced, moved, named) == {"old": "content"}
