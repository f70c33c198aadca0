"""Files are written whole or not at all, and the reason is told."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ptychogui.errors import OutputError
from ptychogui.io import atomic
from ptychogui.io.atomic import SPARE_BYTES, check_writable, replacing
from ptychogui.io.export import export_binary, export_csv, export_png, export_tiff, export_tiff8
from ptychogui.io.result import read_result, write_result
from ptychogui.io.simulated import write_scan
from ptychogui.physics.simulation import Recipe, simulate
from tests.io.makers import make_result

SMALL_DISK_BYTES = 160 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk can't be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def forbidden(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process may not write to; root becomes nobody for the test."""
    tmp_path.chmod(0o500)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield tmp_path
    os.seteuid(user)
    tmp_path.chmod(0o700)


def write(path: Path, content: bytes) -> None:
    with replacing(path) as file:
        file.write(content)


def test_a_new_file_appears_whole_in_a_new_folder(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "c.txt", b"new")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.txt"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(path, b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_a_failure_inside_leaves_the_old_file_alone(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    write(path, b"old")
    with pytest.raises(type(error)), replacing(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "no permission"),
        (errno.ENOSPC, "no space left"),
        (errno.EROFS, "read-only"),
        (errno.EDQUOT, "quota"),
    ],
)
def test_the_cause_is_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match=words) as caught:
        write_result(tmp_path / "r.cxi", make_result())
    assert str(tmp_path / "r.cxi") in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("check_only", [True, False])
def test_places_that_nobody_can_write_to(tmp_path: Path, check_only: bool) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "r.cxi", tmp_path / "folder", Path("/proc/r.cxi"), tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match="can't write"):
            if check_only:
                check_writable(path)
            else:
                write(path, b"")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_folder_without_permission(forbidden: Path) -> None:
    for path in (forbidden / "r.cxi", forbidden / "new" / "r.cxi"):
        with pytest.raises(OutputError, match="no permission"):
            check_writable(path)
        with pytest.raises(OutputError, match="no permission"):
            write(path, b"")


def test_check_writable_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder" / "r.cxi", 1000)
    assert os.listdir(tmp_path) == []
    with pytest.raises(OutputError, match=r"it needs 1152921504\.6 GB, .* GB more than are free"):
        check_writable(tmp_path / "r.cxi", 1 << 60)


def test_a_disk_that_is_short_of_little_says_how_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=SPARE_BYTES - 20))
    with pytest.raises(OutputError, match=r"it needs 1\.0 MB, 20 bytes more than are free"):
        check_writable(tmp_path / "r.cxi")


@pytest.mark.parametrize("name", ["x" * 251 + ".cxi", "ä" * 125 + ".cxi"])
def test_the_longest_names_are_written(tmp_path: Path, name: str) -> None:
    check_writable(tmp_path / name)
    write(tmp_path / name, b"new")
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("path", ["ä" * 126 + ".cxi", "x" * 256 + "/r.cxi"])
def test_names_too_long_are_refused_at_the_start(tmp_path: Path, path: str) -> None:
    with pytest.raises(OutputError, match="the name is too long"):
        check_writable(tmp_path / path)
    assert os.listdir(tmp_path) == []


def test_a_read_only_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.cxi"
    write(path, b"old")
    path.chmod(0o444)
    for attempt in (check_writable, lambda path: write(path, b"new")):
        with pytest.raises(OutputError, match="the file there is read-only; choose another name or delete it"):
            attempt(path)
    assert path.read_bytes() == b"old"


def test_a_full_disk_leaves_nothing_half_written(small_disk: Path) -> None:
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, (400, 400))
    large = make_result(object=np.exp(1j * noise).astype(np.complex64), object_origin_m=None)
    with pytest.raises(OutputError, match="more than are free"):
        check_writable(small_disk / "r.cxi", large.object.nbytes)
    with pytest.raises(OutputError, match="no space left"):
        write_result(small_disk / "r.cxi", large)
    for export in (export_csv, export_binary, export_tiff, export_tiff8, export_png):
        with pytest.raises(OutputError, match="no space left"):
            export(large, small_disk, "big")
            export(large, small_disk, "again")
    left = {path.name for path in small_disk.iterdir()}
    assert not {name for name in left if name.endswith(".part")}


def test_a_full_disk_keeps_the_old_result(small_disk: Path) -> None:
    old = make_result()
    write_result(small_disk / "r.cxi", old)
    with pytest.raises(OutputError, match="no space left"):
        write_result(small_disk / "r.cxi", make_result(object=old.object.repeat(200, axis=0)))
    assert read_result(small_disk / "r.cxi").object.shape == old.object.shape
    assert os.listdir(small_disk) == ["r.cxi"]


def test_neither_scan_nor_truth_is_left_on_a_full_disk(small_disk: Path) -> None:
    scan = simulate(Recipe(n=32, probe="gaussian", probe_diameter_m=2e-7, scan_dims=(8, 8)))
    with pytest.raises(OutputError, match="no space left"):
        write_scan(small_disk / "s.cxi", scan)
    assert os.listdir(small_disk) == []


def test_what_a_killed_owner_has_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_marks", [])
    left = []
    for owner in ("", "job 1", "job 2"):
        if owner:
            atomic.mark_parts(owner)
        left.append(atomic._temporary(tmp_path / "result.cxi"))
        left[-1].touch()
    other = tmp_path / "result.cxi"
    other.touch()
    atomic.remove_parts(tmp_path, "job 1")
    assert sorted(tmp_path.iterdir()) == sorted([left[0], left[2], other])
    atomic.remove_parts(tmp_path / "no folder", "job 1")


def test_folders_that_are_made_survive_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(atomic, "sync_folder", synced.append)
    with replacing(tmp_path / "one" / "two" / "file") as file:
        file.write(b"content")
    assert synced == [tmp_path, tmp_path / "one", tmp_path / "one" / "two"]
