"""Virtual datasets with parts that are not there: what HDF5 would fill in is told from what was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui import paths
from ptychogui.errors import DataError
from ptychogui.io.mda.presets import read_preset
from ptychogui.io.mda.scan_writer import write_mda_scan
from ptychogui.io.raw.virtual_datasets import LostParts, lost_parts
from ptychogui.io.readers import open_dataset
from ptychogui.physics.scan import fly_m
from tests.io.makers import DETECTOR, TRANSLATION, make_cxi, translation_m

FRAMES = np.arange(1, 12 * 64 + 1, dtype=np.uint32).reshape(12, 8, 8)
POSITIONS_M = np.random.default_rng(2).uniform(-1e-6, 1e-6, (12, 2))


def write(path: Path, frames: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file["d"] = frames


def layout(shape: Sequence[int] = (12, 8, 8)) -> h5py.VirtualLayout:
    return h5py.VirtualLayout(tuple(shape), np.uint32)


def source(name: str, shape: Sequence[int], dataset: str = "d") -> h5py.VirtualSource:
    return h5py.VirtualSource(name, dataset, tuple(shape))


def one_after_the_other(folder: Path) -> h5py.VirtualLayout:
    found = layout()
    for part in range(3):
        if part != 1:
            write(folder / f"p{part}.h5", FRAMES[4 * part : 4 * part + 4])
        found[4 * part : 4 * part + 4] = source(f"p{part}.h5", (4, 8, 8))
    return found


def interleaved(folder: Path) -> h5py.VirtualLayout:
    found = layout()
    for part in range(3):
        if part != 1:
            write(folder / f"p{part}.h5", FRAMES[part::3])
        found[part::3] = source(f"p{part}.h5", (4, 8, 8))
    return found


def in_part(folder: Path) -> h5py.VirtualLayout:
    """No file is named for some frames."""
    write(folder / "p0.h5", FRAMES[:4])
    found = layout()
    found[2:6] = source("p0.h5", (4, 8, 8))
    return found


def shorter(folder: Path) -> h5py.VirtualLayout:
    """A file has less than it should."""
    found = one_after_the_other(folder)
    write(folder / "p1.h5", FRAMES[4:7])
    return found


def every_second(folder: Path) -> h5py.VirtualLayout:
    write(folder / "all.h5", FRAMES[:7])
    found = layout((6, 8, 8))
    found[:] = source("all.h5", (12, 8, 8))[::2]
    return found


def without_dataset(folder: Path) -> h5py.VirtualLayout:
    write(folder / "p0.h5", FRAMES[:6])
    found = layout()
    found[:6], found[6:] = source("p0.h5", (6, 8, 8)), source("p0.h5", (6, 8, 8), "e")
    return found


def nested(folder: Path) -> h5py.VirtualLayout:
    with h5py.File(folder / "inner.h5", "w") as file:
        file.create_virtual_dataset("d", one_after_the_other(folder))
    found = layout((6, 8, 8))
    found[:] = source("inner.h5", (12, 8, 8))[1::2]
    return found


def single_images(folder: Path) -> h5py.VirtualLayout:
    found = layout((4, 8, 8))
    for part in range(4):
        if part != 2:
            write(folder / f"i{part}.h5", FRAMES[part])
        found[part] = source(f"i{part}.h5", (8, 8))
    return found


def on_a_grid(folder: Path) -> h5py.VirtualLayout:
    found = layout((4, 3, 8, 8))
    for part in range(4):
        if part != 2:
            write(folder / f"l{part}.h5", FRAMES[3 * part : 3 * part + 3])
        found[part] = source(f"l{part}.h5", (3, 8, 8))
    return found


def look(folder: Path, found: h5py.VirtualLayout) -> LostParts | None:
    with h5py.File(folder / "m.h5", "w") as file:
        file.create_virtual_dataset("frames", found, fillvalue=0)
    with h5py.File(folder / "m.h5", "r", locking=False) as file:
        return lost_parts(folder / "m.h5", file["frames"])


@pytest.mark.parametrize(
    ("make", "lost", "said"),
    [
        (one_after_the_other, [4, 5, 6, 7], "4 of 12 frames of /frames .* frames 4 to 7: there is no file p1.h5"),
        (interleaved, [1, 4, 7, 10], "4 of 12 .* the first is frame 1: there is no file p1.h5"),
        (in_part, [0, 1, 6, 7, 8, 9, 10, 11], "8 of 12 .* no file is named for them"),
        (shorter, [7], "1 of 12 .* the first is frame 7: p1.h5 has only 3 frames"),
        (every_second, [4, 5], "all.h5 has only 7 frames"),
        (without_dataset, [6, 7, 8, 9, 10, 11], "p0.h5 has no dataset e"),
        (nested, [2, 3], "2 of 6 .* there is no file p1.h5"),
        (single_images, [2], "1 of 4 .* there is no file i2.h5"),
        (on_a_grid, [6, 7, 8], "3 of 12 .* frames 6 to 8: there is no file l2.h5"),
    ],
)
def test_the_frames_that_are_missing_are_told_and_named(
    tmp_path: Path, make: Callable[[Path], h5py.VirtualLayout], lost: list[int], said: str
) -> None:
    found = look(tmp_path, make(tmp_path))
    assert found is not None
    assert np.flatnonzero(found.frames).tolist() == lost
    assert not found.pixels.any()
    (note,) = found.notes
    assert re.search(said, note), note


def test_nothing_is_said_of_a_whole_dataset(tmp_path: Path) -> None:
    found = one_after_the_other(tmp_path)
    write(tmp_path / "p1.h5", FRAMES[4:8])
    assert look(tmp_path, found) is None


def test_a_module_that_is_missing_in_all_frames_is_free_and_costs_no_frame(tmp_path: Path) -> None:
    write(tmp_path / "left.h5", FRAMES[:, :, :3])
    found = layout()
    found[:, :, :3], found[:, :, 5:] = source("left.h5", (12, 8, 3)), source("right.h5", (12, 8, 3))
    lost = look(tmp_path, found)
    assert lost is not None and not lost.frames.any()
    assert lost.pixels[:, 3:].all() and not lost.pixels[:, :3].any()
    assert "40 pixels of /frames" in lost.notes[0] and "right.h5" in lost.notes[0]


def test_a_module_that_is_missing_in_some_frames_costs_these(tmp_path: Path) -> None:
    write(tmp_path / "left.h5", FRAMES[:, :, :4])
    write(tmp_path / "right.h5", FRAMES[:7, :, 4:])
    found = layout()
    found[:, :, :4], found[:, :, 4:] = source("left.h5", (12, 8, 4)), source("right.h5", (12, 8, 4))
    lost = look(tmp_path, found)
    assert lost is not None and not lost.pixels.any()
    assert np.flatnonzero(lost.frames).tolist() == [7, 8, 9, 10, 11]


def test_a_numbered_series_has_what_its_files_have(tmp_path: Path) -> None:
    for part in (0, 1):
        write(tmp_path / f"p_{part}.h5", FRAMES[4 * part : 4 * part + 4 - part])
    space = h5py.h5s.create_simple((4, 8, 8), (h5py.h5s.UNLIMITED, 8, 8))
    space.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (4, 1, 1), (4, 8, 8))
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_virtual(space, b"p_%b.h5", b"/d", h5py.h5s.create_simple((4, 8, 8)))
    whole = h5py.h5s.create_simple((4, 8, 8), (h5py.h5s.UNLIMITED, 8, 8))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        h5py.h5d.create(file.id, b"frames", h5py.h5t.NATIVE_UINT32, whole, settings)
    with h5py.File(tmp_path / "m.h5", "r", locking=False) as file:
        assert file["frames"].shape[0] == 8
        lost = lost_parts(tmp_path / "m.h5", file["frames"])
    assert lost is not None and np.flatnonzero(lost.frames).tolist() == [7]
    assert "p_1.h5 has only 3 frames" in lost.notes[0]


def test_a_mapping_without_an_end_has_what_its_file_has(tmp_path: Path) -> None:
    endless = h5py.h5s.UNLIMITED
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file.create_dataset("d", data=FRAMES[:5], maxshape=(None, 8, 8), chunks=(1, 8, 8))
    found = h5py.VirtualLayout((5, 8, 8), np.uint32, maxshape=(None, 8, 8))
    found[0:endless] = h5py.VirtualSource("p.h5", "d", (5, 8, 8), maxshape=(None, 8, 8))[0:endless]
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_virtual_dataset("entry/data/data", found)
    with open_dataset(tmp_path / "m.h5") as dataset:
        assert dataset.lost_frames is None
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows), FRAMES[:5])


def test_a_dataset_without_any_of_its_files_is_refused(tmp_path: Path) -> None:
    found = layout()
    found[:] = source("p0.h5", (12, 8, 8))
    with pytest.raises(DataError, match=r"1 files of which 1 are missing, .* there is no file p0.h5"):
        look(tmp_path, found)


def test_a_missing_part_of_a_cxi_scan_costs_its_own_positions(tmp_path: Path) -> None:
    found = interleaved(tmp_path)
    path = make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": None, TRANSLATION: translation_m(POSITIONS_M)})
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset(f"{DETECTOR}/data", found)
    kept = [0, 2, 3, 5, 6, 8, 9, 11]
    with open_dataset(path) as dataset:
        assert dataset.frame_rows.tolist() == kept
        np.testing.assert_array_equal(dataset.positions_m, POSITIONS_M[kept])
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows), FRAMES[kept])
        assert dataset.lost_frames is not None and dataset.lost_frames.sum() == 4
        assert "there is no file p1.h5" in dataset.notes[0]


def test_a_missing_part_of_raw_frames_is_no_frame(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_virtual_dataset("entry/data/data", interleaved(tmp_path))
    with open_dataset(tmp_path / "m.h5") as dataset:
        assert dataset.frame_rows.tolist() == [0, 2, 3, 5, 6, 8, 9, 11]
        assert any("there is no file p1.h5" in note for note in dataset.notes)


def test_a_file_of_a_master_may_lack_parts_of_its_own(tmp_path: Path) -> None:
    for number in (1, 2):
        with h5py.File(tmp_path / f"m_data_{number:06d}.h5", "w") as file:
            if number == 1:
                file["d"] = FRAMES
            else:
                file.create_virtual_dataset("d", one_after_the_other(tmp_path))
    with h5py.File(tmp_path / "m_master.h5", "w") as file:
        for number in (1, 2):
            file[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(f"m_data_{number:06d}.h5", "/d")
    with open_dataset(tmp_path / "m_master.h5") as dataset:
        assert sorted(set(range(24)) - set(dataset.frame_rows.tolist())) == [16, 17, 18, 19]


def test_a_frame_that_an_mda_scans_file_lacks_costs_its_point(tmp_path: Path) -> None:
    velociprobe = read_preset(paths.resources_folder() / "presets" / "velociprobe.toml")
    path, dims = tmp_path / "mda" / "velo_0012.mda", (4, 5)
    frames = np.arange(1, 20 * 256 + 1, dtype=np.uint16).reshape(20, 16, 16)
    positions_m = fly_m(dims, (2e-7, 3e-7), seed=1, jitter=0).reshape(4, 5, 2)
    positions_m[..., 0] = positions_m[..., :1, 0]
    _, *files = write_mda_scan(path, velociprobe, frames, positions_m.reshape(20, 2), dims, 8800.0)
    part = files[1].with_name("part.h5")
    write(part, frames[5:8])
    found = h5py.VirtualLayout((5, 16, 16), np.uint16)
    found[:3] = h5py.VirtualSource("part.h5", "d", (3, 16, 16))
    with h5py.File(files[1], "w") as file:
        file.create_virtual_dataset("entry/data/data", found)
    with open_dataset(path) as dataset:
        kept = [i for i in range(20) if i not in (8, 9)]
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows), frames[kept])
        assert dataset.positions_m is not None
        np.testing.assert_allclose(dataset.positions_m, positions_m.reshape(20, 2)[kept], atol=1e-12)
        assert any("2 of 5 frames of /entry/data/data are not there" in note for note in dataset.notes)
