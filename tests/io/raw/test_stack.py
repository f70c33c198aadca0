"""Stacks of frames of every format, alone and as the files of a series."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from tests.io.makers import make_frames
from tests.io.raw.makers import LZ4, lines, make_all, read, refuse


def save_tiff(path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(path, frames, photometric="minisblack")


def save_csv(path: Path, frames: np.ndarray) -> None:
    np.savetxt(path, frames.reshape(-1, frames.shape[-1]), delimiter=", ")


def save_npz(path: Path, frames: np.ndarray) -> None:
    np.savez_compressed(path, frames=frames, times=np.arange(len(frames)))


SAVERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    ".npy": np.save,
    ".npz": save_npz,
    ".tif": save_tiff,
    ".csv": save_csv,
    ".bin": lambda path, frames: frames.astype("<f4").tofile(path),
}


@pytest.mark.parametrize("end", [".npy", ".tif", ".h5"])
def test_threads_may_read_at_the_same_time(tmp_path: Path, end: str) -> None:
    parts = lines(*[4] * 6)
    for number, frames in parts.items():
        {**SAVERS, ".h5": save_packed}[end](tmp_path / f"s_{number}{end}", frames)
    stack = make_all(parts)
    with open_dataset(tmp_path / f"s_#d{end}") as dataset:

        def read_some(seed: int) -> bool:
            rows = np.sort(np.random.default_rng(seed).choice(len(stack), 5, replace=False))
            return np.array_equal(dataset.frames.read(rows), stack[rows])

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(read_some, range(200)))
    assert not [target for target in _open_files() if target.startswith(str(tmp_path))]


def save_packed(path: Path, frames: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data/data", data=frames, chunks=(1, *frames.shape[1:]), **LZ4)


def _open_files() -> list[str]:
    """Return the paths of what this process has open."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return found


@pytest.mark.parametrize("end", SAVERS)
def test_other_formats_are_read_as_a_series(tmp_path: Path, end: str) -> None:
    parts = lines(2, 2)
    for number, frames in parts.items():
        SAVERS[end](tmp_path / f"s_{number}{end}", frames)
    shape = (16, 16) if end in (".csv", ".bin") else None
    np.testing.assert_array_equal(read(tmp_path / f"s_#d{end}", raw_shape_px=shape), make_all(parts))


@pytest.mark.parametrize("end", [end for end in SAVERS if end != ".csv"])
def test_other_formats_are_read_as_a_single_stack(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"stack{end}"
    SAVERS[end](path, make_frames(4))
    with open_dataset(path, ReadOptions(raw_shape_px=(16, 16) if end == ".bin" else None)) as dataset:
        np.testing.assert_array_equal(dataset.frames.read([1, 3]), make_frames(4)[[1, 3]])


@pytest.mark.parametrize("end", [end for end in SAVERS if end not in (".csv",)])
def test_other_formats_that_are_cut_off_are_refused(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"stack{end}"
    SAVERS[end](path, make_frames(4))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=str(path)):
        read(path, raw_shape_px=(16, 16))


def save_h5(path: Path, frames: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file["dp"] = frames


def save_chunked(path: Path, frames: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("scan/frames", data=frames, chunks=(1, 2, *frames.shape[2:]), compression="gzip")


def save_fortran(path: Path, frames: np.ndarray) -> None:
    np.save(path, np.asfortranarray(frames))


def save_hyperstack(path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(path, frames, photometric="minisblack", metadata={"axes": "TZYX"})


@pytest.mark.parametrize(
    ("name", "save"),
    [("a.npy", np.save), ("b.npy", save_fortran), ("a.npz", save_npz), ("a.h5", save_h5), ("b.h5", save_chunked),
     ("a.tif", save_hyperstack)],
)  # fmt: skip
@pytest.mark.parametrize("grid", [(3, 4), (4, 3), (12, 2)])
def test_frames_on_a_grid_are_taken_row_after_row(tmp_path: Path, name: str, save: Any, grid: tuple[int, int]) -> None:
    frames = make_frames(grid[0] * grid[1])[:, :, :12]
    save(tmp_path / name, frames.reshape(*grid, 16, 12))
    with open_dataset(tmp_path / name) as dataset:
        assert dataset.frames.shape == frames.shape
        for rows in (np.arange(len(frames)), [1, 2, 3, 4, 5], [0, 3, 4, 11]):
            np.testing.assert_array_equal(dataset.frames.read(rows), frames[rows])
        assert dataset.values["experiment.scan_dims"].value == grid
        assert any(f"on a grid of {grid[0]} x {grid[1]}" in note for note in dataset.notes)


COLORED = np.zeros((32, 32, 3), np.uint8)


def test_colored_pictures_are_no_frames(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", COLORED)
    np.savez(tmp_path / "a.npz", picture=COLORED)
    np.savez(tmp_path / "b.npz", picture=COLORED, matrices=np.zeros((5, 3, 3)), frames=make_frames(3))
    tifffile.imwrite(tmp_path / "a.tif", COLORED, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", np.stack([COLORED] * 4), photometric="rgb")
    refuse(tmp_path / "a.npy", r"has shape \(32, 32, 3\) and type uint8, as a colored picture has")
    refuse(tmp_path / "a.npz", "which array holds the frames")
    refuse(tmp_path / "a.tif", "no gray images")
    refuse(tmp_path / "b.tif", "no gray images")
    assert read(tmp_path / "b.npz").shape == (3, 16, 16)


def test_headerless_frames_need_their_size(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    make_frames(2).astype("<f4").tofile(path)
    with pytest.raises(ParameterError, match="give --raw-shape"):
        open_dataset(path)
    refuse(path, "no whole number of frames of 17 x 16 32-bit floats", raw_shape_px=(17, 16))


def test_tables_need_no_size_but_heed_it(tmp_path: Path) -> None:
    save_csv(tmp_path / "s_1.csv", make_frames(2))
    assert read(tmp_path / "s_#d.csv", first_file=1).shape == (1, 32, 16)
    assert read(tmp_path / "s_#d.csv", first_file=1, raw_shape_px=(16, 16)).shape == (2, 16, 16)
    refuse(tmp_path / "s_#d.csv", "no frames of 15 x 16", first_file=1, raw_shape_px=(15, 16))


def test_the_only_stack_of_a_file_is_found_and_several_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["odd/place"] = make_frames(3)
        file["odd/table"] = np.zeros((40, 40))
    with open_dataset(path) as dataset:
        assert dataset.facts["data in file"] == "/odd/place"
    with h5py.File(path, "a") as file:
        file["b/frames"] = make_frames(3)
    refuse(path, r"It has /b/frames \(3, 16, 16\), /odd/place \(3, 16, 16\): name one with --dataset-path")


def test_an_archive_with_several_stacks_is_asked_about(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=make_frames(2), two=make_frames(3))
    refuse(tmp_path / "a.npz", r"It has one \(2, 16, 16\), two \(3, 16, 16\); name one with --dataset-path")
    assert read(tmp_path / "a.npz", dataset_path="two").shape == (3, 16, 16)
