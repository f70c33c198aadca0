"""State files: what is written comes back to the bit, whole or not at all, and damage is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ptychogui.errors import DataError, OutputError
from ptychogui.jobs.checkpoints import state_file
from ptychogui.jobs.checkpoints.state_file import (
    part_of_state_file,
    read_about,
    read_arrays,
    size_bytes,
    write_state_file,
)

ABOUT = {"iteration": 3, "infinite": float("inf"), "words": ["a", "ü"], "large": 1 << 127, "none": None}

ARRAYS = {
    "engine.probe": np.arange(24, dtype=np.complex64).reshape(2, 3, 4) * (1 - 2j), "flag": np.array([True, False]),
    "empty": np.zeros((0, 2)), "number": np.array(np.pi), "small.packed": np.arange(-5, 5, dtype=np.int16),
}  # fmt: skip


def written(path: Path, **arrays: Any) -> Path:
    write_state_file(path, ABOUT, arrays or ARRAYS, lambda piece: piece)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".result.cxi.checkpoint"


def test_all_comes_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "_PIECE_BYTES", 100)
    written(path)
    assert read_about(path) == ABOUT
    found = read_arrays(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()
    assert abs(path.stat().st_size - size_bytes(ARRAYS)) < 1 << 17
    with np.load(path, allow_pickle=False) as loaded:
        assert loaded["engine.probe"].tobytes() == ARRAYS["engine.probe"].tobytes()


def test_it_is_fetched_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "_PIECE_BYTES", 100)
    seen: list[tuple[int, ...]] = []

    def fetch(piece: np.ndarray) -> np.ndarray:
        seen.append(piece.shape)
        return piece

    whole = np.arange(70.0).reshape(10, 7)
    write_state_file(path, {}, {"whole": whole, "column": whole[:, 3]}, fetch)
    assert seen == [(1, 7)] * 10 + [(10,)]
    assert read_arrays(path)["whole"].tobytes() == whole.tobytes()
    assert read_arrays(path)["column"].tolist() == whole[:, 3].tolist()


def test_the_same_content_makes_the_same_file(tmp_path: Path) -> None:
    assert written(tmp_path / "one").read_bytes() == written(tmp_path / "other").read_bytes()


def test_what_was_read_stays_when_the_file_is_replaced(path: Path) -> None:
    found = read_arrays(written(path, a=np.ones(1000)))
    written(path, a=np.zeros(5))
    assert found["a"].sum() == 1000


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_leaves_what_was_there(path: Path, number: int) -> None:
    before = written(path).read_bytes()

    def fail(_piece: np.ndarray) -> np.ndarray:
        raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError, match=r"can't write .*checkpoint: "):
        write_state_file(path, {}, ARRAYS, fail)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_what_a_killed_process_left_is_written_over(path: Path) -> None:
    part_of_state_file(path).write_bytes(b"half")
    written(path)
    assert os.listdir(path.parent) == [path.name] and read_about(path) == ABOUT


def test_a_link_in_its_place_is_not_followed(path: Path) -> None:
    victim = path.with_name("measured.h5")
    victim.write_bytes(b"data")
    part_of_state_file(path).symlink_to(victim)
    written(path)
    assert victim.read_bytes() == b"data"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_damage_is_told_or_does_no_harm(path: Path, at: float, bit: int, cut: bool) -> None:
    content = bytearray(written(path).read_bytes())
    place = int(at * len(content))
    if cut:
        del content[place:]
    else:
        content[place] ^= 1 << bit
    path.write_bytes(content)
    try:
        about, found = read_about(path), read_arrays(path)
    except DataError as error:
        assert str(path) in str(error)
        return
    assert about == ABOUT and not cut and found.keys() == ARRAYS.keys()
    for name, array in found.items():
        assert array.tobytes() == ARRAYS[name].tobytes()


@pytest.mark.parametrize("content", [b"", b"half", b"PK\x05\x06" + 18 * b"\0"])
def test_another_file_is_told(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match="is damaged, or no file of this kind"):
        read_about(path)
