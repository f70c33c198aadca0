"""Frames come out as they went in, whatever packs them and whoever unpacks."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptychogui.backends.compiler import load_kernels
from ptychogui.errors import DataError
from ptychogui.io.raw import decompression as unpacking, hdf5_frames as frames_module
from ptychogui.io.raw.decompression import unpacker
from ptychogui.io.raw.hdf5_frames import Hdf5Frames
from tests.io.makers import make_frames

DIRECT: dict[str, dict[str, Any]] = {
    "bitshuffle-LZ4": {**hdf5plugin.Bitshuffle(cname="lz4")},
    "bitshuffle-Zstd": {**hdf5plugin.Bitshuffle(cname="zstd")},
    "bitshuffle": {**hdf5plugin.Bitshuffle(cname="none")},
    "LZ4": {**hdf5plugin.LZ4()},
    "Zstd": {**hdf5plugin.Zstd()},
    "zlib": {"compression": "gzip"},
    "shuffle-zlib": {"compression": "gzip", "shuffle": True},
    "shuffle-Zstd": {"shuffle": True, **hdf5plugin.Zstd()},
}
BY_HDF5: dict[str, dict[str, Any]] = {
    "Blosc": {**hdf5plugin.Blosc()},
    "Blosc2": {**hdf5plugin.Blosc2()},
    "none": {},
    "LZF": {"compression": "lzf"},
    "checksum": {"compression": "gzip", "fletcher32": True},
}


@pytest.fixture(autouse=True, scope="module")
def _kernels() -> None:
    load_kernels()


@pytest.fixture(params=[1, 1 << 22], ids=["chunk by chunk", "chunks together"])
def _pieces(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(frames_module, "_PIECE_BYTES", request.param)


def written(path: Path, data: np.ndarray, **how: Any) -> h5py.Dataset:
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=data, **how)
    return h5py.File(path, "r")["data"]


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.dtype(">u4"), np.float32])
@pytest.mark.parametrize("name", [*DIRECT, *BY_HDF5])
def test_what_is_read_is_what_was_written(tmp_path: Path, name: str, dtype: Any, depth: int) -> None:
    frames = make_frames(7, size=24).astype(dtype)
    data = written(tmp_path / "a.h5", frames, chunks=(depth, 24, 24), **{**DIRECT, **BY_HDF5}[name])
    assert (unpacker(data) is not None) == (name in DIRECT)
    source = Hdf5Frames(tmp_path / "a.h5", data)
    for rows in ([0, 1, 2, 3, 4, 5, 6], [6], [1, 4, 6], [0, 3, 4], []):
        found = source.read(rows)
        assert found.dtype == frames.dtype
        np.testing.assert_array_equal(found, frames[rows])
    data.file.close()


@pytest.mark.parametrize("depth", [1, 4])
def test_many_chunks_are_unpacked_on_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int) -> None:
    frames = make_frames(150)
    monkeypatch.setattr(frames_module, "_PIECE_BYTES", 3 * depth * frames[0].nbytes)
    data = written(tmp_path / "a.h5", frames, chunks=(depth, 16, 16), **DIRECT["bitshuffle-LZ4"])
    rows = np.setdiff1d(np.arange(150), [0, 17, 64, 65, 66, 67, 149])
    np.testing.assert_array_equal(Hdf5Frames(tmp_path / "a.h5", data).read(rows), frames[rows])
    data.file.close()


def test_hdf5_unpacks_where_kernels_are_not_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "cached_kernels", lambda: None)
    data = written(tmp_path / "a.h5", make_frames(5), chunks=(1, 16, 16), **DIRECT["bitshuffle-LZ4"])
    assert unpacker(data) is None
    np.testing.assert_array_equal(Hdf5Frames(tmp_path / "a.h5", data).read([1, 3]), make_frames(5)[[1, 3]])
    data.file.close()


@pytest.mark.parametrize("chunks", [None, (2, 8, 24), (7, 24, 24)])
def test_any_layout_is_read(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    frames = make_frames(7, size=24)
    data = written(tmp_path / "a.h5", frames, chunks=chunks)
    np.testing.assert_array_equal(Hdf5Frames(tmp_path / "a.h5", data).read([0, 2, 3, 6]), frames[[0, 2, 3, 6]])
    data.file.close()


def test_frames_that_were_never_written_are_empty(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("data", (5, 16, 16), "u2", chunks=(1, 16, 16), **DIRECT["bitshuffle-LZ4"])
        data[:2] = make_frames(2)
    with h5py.File(tmp_path / "a.h5", "r") as file:
        found = Hdf5Frames(tmp_path / "a.h5", file["data"]).read(range(5))
    np.testing.assert_array_equal(found[:2], make_frames(2))
    assert not found[2:].any()


@pytest.mark.parametrize("name", ["bitshuffle-LZ4", "LZ4", "Zstd", "shuffle-zlib"])
def test_damaged_frames_are_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.h5"
    data = written(path, make_frames(5, size=64), chunks=(1, 64, 64), **DIRECT[name])
    chunk = data.id.get_chunk_info_by_coord((3, 0, 0))
    data.file.close()
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    with h5py.File(path, "r") as opened:
        source = Hdf5Frames(path, opened["data"])
        np.testing.assert_array_equal(source.read([2, 4]), make_frames(5, size=64)[[2, 4]])
        with pytest.raises(DataError, match=r"a\.h5: frames 3 to 3 of /data can't be read, the file is damaged"):
            source.read(range(5))


@pytest.mark.parametrize("left", [b"\0", b"\0" * 11, b"\xff" * 13])
@pytest.mark.parametrize("name", ["bitshuffle-LZ4", "bitshuffle-Zstd", "LZ4", "Zstd"])
def test_chunks_of_which_next_to_nothing_is_left_are_named(tmp_path: Path, name: str, left: bytes) -> None:
    path = tmp_path / "a.h5"
    written(path, make_frames(3), chunks=(1, 16, 16), **DIRECT[name]).file.close()
    with h5py.File(path, "r+") as file:
        file["data"].id.write_direct_chunk((1, 0, 0), left)
    with h5py.File(path, "r") as file, pytest.raises(DataError, match="frames 1 to 1 of /data can't be read"):
        Hdf5Frames(path, file["data"]).read([0, 1, 2])


BLOCKS: dict[str, dict[str, Any]] = {
    "bitshuffle-LZ4": {**hdf5plugin.Bitshuffle(cname="lz4")},
    "bitshuffle-LZ4 by 64": {**hdf5plugin.Bitshuffle(nelems=64, cname="lz4")},
    "bitshuffle-Zstd": {**hdf5plugin.Bitshuffle(cname="zstd")},
    "LZ4": {**hdf5plugin.LZ4()},
    "LZ4 by 100 bytes": {**hdf5plugin.LZ4(nbytes=100)},
}


@pytest.mark.parametrize("size", [8, 13, 65, 130])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_all_sizes_are_unpacked(tmp_path: Path, name: str, dtype: Any, size: int) -> None:
    frames = np.random.default_rng(size).poisson(3, (2, size, size)).astype(dtype)
    data = written(tmp_path / "a.h5", frames, chunks=(1, size, size), **BLOCKS[name])
    unpack = unpacker(data)
    assert unpack is not None
    found = np.empty((2, size * size), dtype)
    unpack([bytes(data.id.read_direct_chunk((frame, 0, 0))[1]) for frame in range(2)], found)
    np.testing.assert_array_equal(found, frames.reshape(2, -1))
    data.file.close()


@pytest.mark.parametrize("name", [*BLOCKS, "Zstd", "bitshuffle"])
def test_damage_of_any_kind_does_no_harm(tmp_path: Path, name: str) -> None:
    data = written(tmp_path / "a.h5", make_frames(1, size=70), chunks=(1, 70, 70), **{**DIRECT, **BLOCKS}[name])
    unpack, whole = unpacker(data), bytes(data.id.read_direct_chunk((0, 0, 0))[1])
    data.file.close()
    assert unpack is not None
    random, refused = np.random.default_rng(1), 0
    for _ in range(300):
        damaged = bytearray(whole[: random.integers(len(whole))] if random.random() < 0.5 else whole)
        for _ in range(random.integers(4)):
            if damaged:
                damaged[random.integers(min(len(damaged), random.choice([16, 10**6])))] = random.choice([0, 127, 255])
        try:
            unpack([bytes(damaged)], np.empty((1, 70 * 70), make_frames(1).dtype))
        except OSError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("name", ["Zstd", "bitshuffle-LZ4", "zlib"])
@pytest.mark.parametrize("depth", [1, 3])
def test_damage_is_named_beside_frames_that_were_never_written(tmp_path: Path, name: str, depth: int) -> None:
    path, frames = tmp_path / "a.h5", make_frames(9, size=64)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", frames.shape, frames.dtype, chunks=(depth, 64, 64), **DIRECT[name])
        data[: 2 * depth] = frames[: 2 * depth]
        whole = bytes(data.id.read_direct_chunk((depth, 0, 0))[1])
        half = len(whole) // 2
        data.id.write_direct_chunk((depth, 0, 0), whole[:half] + bytes(255 - byte for byte in whole[half:]))
    with h5py.File(path, "r") as file:
        source = Hdf5Frames(path, file["data"])
        rows = [0, 2 * depth, 2 * depth + 1]
        np.testing.assert_array_equal(source.read(rows)[1:], 0)
        with pytest.raises(DataError, match=rf"frames {depth} to {2 * depth - 1} of /data can't be read"):
            source.read(range(9))


@pytest.mark.parametrize("shuffle", [False, True])
def test_chunks_that_unpack_to_too_little_are_named(tmp_path: Path, shuffle: bool) -> None:
    path = tmp_path / "a.h5"
    written(path, make_frames(3), chunks=(1, 16, 16), compression="gzip", shuffle=shuffle).file.close()
    with h5py.File(path, "r+") as file:
        file["data"].id.write_direct_chunk((1, 0, 0), zlib.compress(b"\7" * make_frames(1).itemsize))
    with h5py.File(path, "r") as file, pytest.raises(DataError, match="frames 1 to 1 of /data can't be read"):
        Hdf5Frames(path, file["data"]).read([0, 1, 2])


def test_chunks_with_a_filter_left_out_are_read(tmp_path: Path) -> None:
    frames = make_frames(3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("data", data=frames, chunks=(1, 16, 16), compression="gzip")
        data.id.write_direct_chunk((1, 0, 0), frames[1].tobytes(), filter_mask=1)
    with h5py.File(tmp_path / "a.h5", "r") as file:
        np.testing.assert_array_equal(Hdf5Frames(tmp_path / "a.h5", file["data"]).read([0, 1, 2]), frames)


def test_a_single_frame_is_a_stack_of_one(tmp_path: Path) -> None:
    data = written(tmp_path / "a.h5", make_frames(1)[0])
    source = Hdf5Frames(tmp_path / "a.h5", data)
    assert source.shape == (1, 16, 16)
    np.testing.assert_array_equal(source.read([0]), make_frames(1))
    data.file.close()
