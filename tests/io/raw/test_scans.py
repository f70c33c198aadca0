"""Series, masters and single stacks are scans: what is there is read, what is not is named."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import tifffile

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.access import Access
from ptychogui.io.dataset import Dataset
from ptychogui.io.hdf5 import files as hdf5
from ptychogui.io.raw.series import Pattern, is_pattern, scan_name
from ptychogui.io.readers import open_dataset
from ptychogui.jobs.inspection import inspect_file
from tests.io.makers import make_cxi, make_frames, make_rows

LZ4 = dict(**hdf5plugin.Bitshuffle(cname="lz4"))


def lines(*counts: int, first: int = 0) -> dict[int, np.ndarray]:
    """Return lines of frames that are numbered through."""
    starts = np.cumsum((0, *counts[:-1]))
    return {
        number: make_frames(count, int(start))
        for number, (count, start) in enumerate(zip(counts, starts, strict=True), first)
    }


def told(dataset: Dataset) -> list[int]:
    """Return the numbers that all frames tell."""
    return [int(frame[0, 0]) for frame in dataset.frames.read(range(dataset.frames.shape[0]))]


def read(path: Path | str, **access: Any) -> np.ndarray:
    with open_dataset(path, Access(**access)) as dataset:
        return dataset.frames.read(range(dataset.frames.shape[0]))


def refuse(path: Path | str, message: str, **access: Any) -> None:
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(path, Access(**access)).close()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "number", "name"),
    [
        ("a b/scan_#04d.h5", 7, "a b/scan_0007.h5"),
        ("scan#d.tif", 12, "scan12.tif"),
        ("x_#6d.h5", 12, "x_    12.h5"),
        ("line#03d/frames.npy", 5, "line005/frames.npy"),
        ("100%_#02i.h5", 123, "100%_123.h5"),
    ],
)
def test_a_pattern_gives_names(text: str, number: int, name: str) -> None:
    assert is_pattern(text)
    assert Pattern.parse(text).path(number) == Path(name)


def test_a_pattern_finds_its_files_and_no_others(tmp_path: Path) -> None:
    for name in ("s_0001.h5", "s_0010.h5", "s_12345.h5", "s_002.h5", "s_0003.h5x", "t_0004.h5", "s_0005_a.h5"):
        (tmp_path / name).touch()
    assert Pattern.parse(str(tmp_path / "s_#04d.h5")).numbers() == [1, 10, 12345]
    for number in (1, 3):
        (tmp_path / f"line{number}").mkdir()
    (tmp_path / "line3" / "a.h5").touch()
    assert Pattern.parse(str(tmp_path / "line#d" / "a.h5")).numbers() == [3]


@pytest.mark.parametrize("text", ["scan.h5", "scan#.h5", "scan_#04d_#04d.h5"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="needs one '#'"):
        Pattern.parse(text)


def test_a_file_with_a_number_sign_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "scan#1d.npy"
    np.save(path, make_frames(3))
    assert not is_pattern(path)
    np.testing.assert_array_equal(read(path), make_frames(3))


@pytest.mark.parametrize(
    ("path", "name"),
    [("r/scan012_#04d.h5", "scan012"), ("r/#d.h5", "r"), ("r/a.cxi", "a"), ("s_#06d_data.h5", "s_data")],
)
def test_a_series_has_a_name_without_the_number(path: str, name: str) -> None:
    assert scan_name(Path(path)) == name


@pytest.mark.parametrize("packing", [{}, LZ4, dict(**hdf5plugin.Blosc()), {"compression": "gzip"}])
def test_a_series_is_one_stack(tmp_path: Path, packing: dict[str, Any]) -> None:
    pattern = make_rows(tmp_path, lines(3, 2, 4), **packing)
    with open_dataset(pattern) as dataset:
        assert dataset.frames.shape == (9, 16, 16)
        assert dataset.frames.dtype == np.uint16
        np.testing.assert_array_equal(dataset.frames.read([0, 2, 3, 8]), make_all(lines(3, 2, 4))[[0, 2, 3, 8]])
        assert [(file.number, file.first_row, file.frames) for file in dataset.files] == [
            (0, 0, 3),
            (1, 3, 2),
            (2, 5, 4),
        ]
        assert dataset.positions_m is None
    with pytest.raises(DataError, match="are closed"):
        dataset.frames.read([0])


def make_all(rows: dict[int, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(rows.values()))


def test_what_is_missing_or_broken_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2, 2, 2, 2, first=5))
    (tmp_path / "scan_0006.h5").unlink()
    cut = tmp_path / "scan_0008.h5"
    cut.write_bytes(cut.read_bytes()[:3000])
    (tmp_path / "scan_0010.h5").touch()
    (tmp_path / "scan_0011.h5").write_text("no HDF5 file")
    make_rows(tmp_path, {12: make_frames(2, size=32)})
    with open_dataset(pattern, Access(first_file=5)) as dataset:
        assert told(dataset) == [0, 1, 4, 5, 8, 9]
        problems = {file.number: file.problem for file in dataset.files if file.problem}
    assert list(problems) == [6, 8, 10, 11, 12]
    assert problems[6] == "there is no file scan_0006.h5"
    assert "scan_0008.h5: the HDF5 file is cut off, only 3000 of its" in problems[8]
    assert problems[10] == "can't open scan_0010.h5: the file is empty"
    assert problems[11] == "can't open scan_0011.h5: it is not an HDF5 file"
    assert problems[12] == "scan_0012.h5 holds frames of 32 x 32 uint16, not 16 x 16 uint16 as most files"


def test_a_series_without_files_says_what_there_is(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2, first=5))
    refuse(pattern, "the numbers go from 5 to 6: give --first-file 5", first_file=7)
    refuse(tmp_path / "other_#04d.h5", "no file there fits '.*other_#04d.h5'; correct the pattern")
    refuse(tmp_path / "no folder" / "a_#04d.h5", "no folder: no such file or directory")
    refuse(tmp_path / "scan_#04d.h5", "name one with --dataset-path", first_file=5, dataset_path="/nowhere")


def test_a_number_that_means_something_else_is_refused(tmp_path: Path) -> None:
    make_rows(tmp_path, lines(2))
    os.link(tmp_path / "scan_0000.h5", tmp_path / "scan_20261125.h5")
    refuse(tmp_path / "scan_#04d.h5", "have numbers up to 20261125, but only 2 are there")


def test_files_may_hold_single_frames(tmp_path: Path) -> None:
    for number in range(3):
        with h5py.File(tmp_path / f"p_{number}.h5", "w") as file:
            file["entry/data/data"] = make_frames(1, number)[0]
    with open_dataset(tmp_path / "p_#d.h5") as dataset:
        assert told(dataset) == [0, 1, 2]


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
    with open_dataset(path, Access(raw_shape_px=(16, 16) if end == ".bin" else None)) as dataset:
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


def make_master(folder: Path, counts: tuple[int, ...] = (3, 3, 2), **packing: Any) -> Path:
    """Write a detector's master with external links data_000001, ..., and the files they lead to."""
    with h5py.File(folder / "m_master.h5", "w") as master:
        for number, frames in lines(*counts, first=1).items():
            name = f"m_data_{number:06d}.h5"
            with h5py.File(folder / name, "w") as file:
                file.create_dataset("entry/data/data", data=frames, **packing)
            master[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(name, "/entry/data/data")
    return folder / "m_master.h5"


def test_a_master_leads_to_its_files(tmp_path: Path) -> None:
    master = make_master(tmp_path, **LZ4)
    with open_dataset(master) as dataset:
        assert dataset.format == "HDF5 master"
        assert told(dataset) == list(range(8))
        assert dataset.facts["compression"] == "bitshuffle-LZ4"
        assert [file.frames for file in dataset.files] == [3, 3, 2]


def test_a_link_to_a_missing_file_is_named(tmp_path: Path) -> None:
    master = make_master(tmp_path)
    (tmp_path / "m_data_000002.h5").unlink()
    with open_dataset(master) as dataset:
        assert told(dataset) == [0, 1, 2, 6, 7]
        assert dataset.files[1].problem == "there is no file m_data_000002.h5"
    _, notes = inspect_file(master)
    assert "there is no file m_data_000002.h5" in notes


def test_a_master_with_a_single_link_follows_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["raw"] = make_frames(3)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["entry/data/data"] = h5py.ExternalLink("d.h5", "/raw")
    np.testing.assert_array_equal(read(tmp_path / "m.h5"), make_frames(3))
    (tmp_path / "d.h5").unlink()
    refuse(tmp_path / "m.h5", "is a link to /raw in the file d.h5, which is not there")


def make_virtual(folder: Path, counts: tuple[int, ...] = (3, 3)) -> Path:
    layout = h5py.VirtualLayout((sum(counts), 16, 16), "u2")
    row = 0
    for number, frames in lines(*counts).items():
        with h5py.File(folder / f"v_{number}.h5", "w") as file:
            file["data"] = frames
        layout[row : row + len(frames)] = h5py.VirtualSource(f"v_{number}.h5", "data", frames.shape)
        row += len(frames)
    with h5py.File(folder / "virtual.h5", "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    return folder / "virtual.h5"


def test_a_virtual_stack_is_read_file_by_file(tmp_path: Path) -> None:
    path = make_virtual(tmp_path, (3, 2, 4))
    with open_dataset(path) as dataset:
        assert told(dataset) == list(range(9))
    (tmp_path / "v_1.h5").unlink()
    with open_dataset(path) as dataset:
        assert told(dataset) == [0, 1, 2, 5, 6, 7, 8]
        assert dataset.files[1].problem == "there is no file v_1.h5"


@pytest.mark.parametrize("where", ["series", "master", "single"])
def test_a_missing_filter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    packing = dict(**hdf5plugin.LZ4())
    paths: dict[str, Path | str] = {
        "series": make_rows(tmp_path, lines(2, 2), **packing),
        "master": make_master(tmp_path, **packing),
        "single": tmp_path / "scan_0000.h5",
    }
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != 32004)
    with pytest.raises(DataError, match=r"is packed with the HDF5 filter 32004 \(.*lz4.*\), which is not installed; "):
        open_dataset(paths[where])


def test_a_file_that_another_program_writes_is_named(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2, 2))
    writer = h5py.File(tmp_path / "scan_0001.h5", "r+")
    with open_dataset(pattern) as dataset:
        assert dataset.files[1].problem == (
            "can't open scan_0001.h5: another program is writing it; try again when it has finished"
        )
    writer.close()
    with open_dataset(pattern) as dataset:
        assert told(dataset) == list(range(6))


def test_reading_takes_no_lock_that_would_stop_a_detector(tmp_path: Path) -> None:
    path = tmp_path / "scan_0000.h5"
    make_rows(tmp_path, lines(2))
    with hdf5.open_h5(path):
        with path.open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_whose_writer_shares_it_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    script = (
        "import h5py, sys, numpy as np\n"
        f"file = h5py.File({str(path)!r}, 'w', libver='latest')\n"
        "how = {'maxshape': (None, 16, 16), 'chunks': (1, 16, 16)}\n"
        "data = file.create_dataset('entry/data/data', (0, 16, 16), 'u2', **how)\n"
        "file.swmr_mode = True\n"
        "data.resize(3, 0); data[:] = 7; data.flush()\n"
        "print('there', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"there\n"
        assert (read(path) == np.full((3, 16, 16), 7)).all()
        writer.communicate(b"")


def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2))
    os.mkfifo(tmp_path / "scan_0002.h5")
    with open_dataset(pattern) as dataset:
        assert "no ordinary file" in dataset.files[2].problem
    refuse(tmp_path / "scan_0002.h5", "no ordinary file")


def test_a_file_that_changes_under_the_reader_is_named(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2))
    with open_dataset(pattern) as dataset:
        make_rows(tmp_path, {1: make_frames(1)})
        with pytest.raises(DataError, match=r"scan_0001\.h5 has changed since it was opened"):
            dataset.frames.read([0, 3])


def test_a_pattern_means_nothing_for_a_scan_that_holds_its_frames(tmp_path: Path) -> None:
    refuse(
        make_cxi(tmp_path / "a.cxi"), "holds the frames itself; leave out the pattern x_#d.h5", file_pattern="x_#d.h5"
    )


def test_info_says_what_a_series_is(tmp_path: Path) -> None:
    pattern = make_rows(tmp_path, lines(2, 2, 2, first=1), **LZ4)
    (tmp_path / "scan_0002.h5").unlink()
    entries, notes = inspect_file(Path(pattern), Access(first_file=1))
    texts = {entry.name: entry.text for entry in entries}
    assert texts["files"] == "2 of 3, scan_0001.h5 to scan_0003.h5"
    assert texts["compression"] == "bitshuffle-LZ4"
    assert texts["frames"] == "4 (uint16)"
    assert texts["frame size"] == "16 x 16 px"
    assert "there is no file scan_0002.h5" in notes
    _, notes = inspect_file(Path(pattern))
    assert [note for note in notes if "there is no file" in note] == ["there is no file scan_0002.h5"]
