"""The CXI reader: what a file says is what comes out, and every fault is one clear message."""

from __future__ import annotations

from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from tests.io.makers import COUNTS, DETECTOR, ENERGY, POSITIONS_M, TRANSLATION, make_cxi, translation_m


def refuse(path: Path, *words: str, dataset_path: str = "") -> None:
    """Check that opening fails with one line that holds all these words."""
    with pytest.raises(DataError) as caught:
        open_dataset(path, ReadOptions(dataset_path=dataset_path)).close()
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(path), *words):
        assert word in message


def test_a_plain_scan_is_read_as_it_is(tmp_path: Path) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi")) as dataset:
        assert dataset.format == "CXI"
        assert dataset.frames.shape == COUNTS.shape
        assert dataset.frames.dtype == np.uint16
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows), COUNTS)
        np.testing.assert_array_equal(dataset.positions_m, POSITIONS_M)
        assert {path: value.value for path, value in dataset.values.items()} == {
            "experiment.energy_eV": pytest.approx(8800.0),
            "experiment.distance_m": 1.5,
            "experiment.detector_pixel_m": 75e-6,
        }
        assert dataset.values["experiment.energy_eV"].place == f"/{ENERGY}"
        assert dataset.bad_pixels is None
        assert dataset.probe is None
        assert dataset.notes == ()


@pytest.mark.parametrize("rows", [[], [0], [4], [1, 2, 3], [0, 2, 3], [0, 1, 4]])
def test_frames_are_read_by_row(tmp_path: Path, rows: list[int]) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi")) as dataset:
        np.testing.assert_array_equal(dataset.frames.read(rows), COUNTS[np.array(rows, dtype=int)])


def test_frames_of_a_closed_file_are_refused_clearly(tmp_path: Path) -> None:
    dataset = open_dataset(make_cxi(tmp_path / "a.cxi"))
    dataset.close()
    with pytest.raises(DataError, match="is closed"):
        dataset.frames.read([0])


@pytest.mark.parametrize("place", ["entry_1/data_1/translation", f"{DETECTOR}/translation"])
def test_translation_is_found_elsewhere(tmp_path: Path, place: str) -> None:
    path = make_cxi(tmp_path / "a.cxi", {TRANSLATION: None, place: translation_m(POSITIONS_M)})
    with open_dataset(path) as dataset:
        np.testing.assert_array_equal(dataset.positions_m, POSITIONS_M)


def test_soft_links_are_followed(tmp_path: Path) -> None:
    links = {
        f"{DETECTOR}/data": None,
        "elsewhere/frames": COUNTS,
        "entry_1/data_1/data": h5py.SoftLink("/elsewhere/frames"),
        TRANSLATION: None,
        "elsewhere/xyz": translation_m(POSITIONS_M),
        "entry_1/data_1/translation": h5py.SoftLink("/elsewhere/xyz"),
    }
    with open_dataset(make_cxi(tmp_path / "a.cxi", links)) as dataset:
        np.testing.assert_array_equal(dataset.frames.read([3]), COUNTS[3:4])
        np.testing.assert_array_equal(dataset.positions_m, POSITIONS_M)


def test_dataset_path_chooses_the_frames(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi", {"entry_1/other": COUNTS[::-1]})
    with open_dataset(path, ReadOptions(dataset_path="/entry_1/other")) as dataset:
        np.testing.assert_array_equal(dataset.frames.read([0]), COUNTS[-1:])


def test_axes_of_the_translation_may_have_units_of_their_own(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi", {TRANSLATION: translation_m(POSITIONS_M) * [1e3, 1e6, 1]})
    with h5py.File(path, "r+") as file:
        file[TRANSLATION].attrs["units"] = np.array(["mm", "um", "deg"], h5py.string_dtype())
    with open_dataset(path) as dataset:
        assert dataset.positions_m is not None
        np.testing.assert_allclose(dataset.positions_m, POSITIONS_M, rtol=1e-12)


def test_an_unknown_unit_of_positions_is_their_problem(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi")
    with h5py.File(path, "r+") as file:
        file[TRANSLATION].attrs["units"] = "steps"
    without_positions(path, "is given in 'steps', which is no unit of length that is known")


@pytest.mark.parametrize("grid", [(2, 3), (1, 6), (6, 1)])
@pytest.mark.parametrize("columns", [2, 3])
def test_frames_on_a_grid_are_taken_row_after_row(tmp_path: Path, grid: tuple[int, int], columns: int) -> None:
    frames = np.random.default_rng(0).poisson(3.0, (6, 8, 9)).astype(np.uint16)
    positions_m = np.random.default_rng(1).uniform(-1e-6, 1e-6, (6, 2))
    translation = translation_m(positions_m)[:, :columns]
    changes = {
        f"{DETECTOR}/data": frames.reshape(*grid, 8, 9),
        TRANSLATION: translation.reshape(*grid, columns) if columns == 2 else translation,
    }
    with open_dataset(make_cxi(tmp_path / "a.cxi", changes)) as dataset:
        assert dataset.frames.shape == (6, 8, 9)
        for rows in ([0, 1, 2, 3, 4, 5], [1, 2, 3, 4], [0, 2, 5], [3]):
            np.testing.assert_array_equal(dataset.frames.read(rows), frames[rows])
        np.testing.assert_array_equal(dataset.positions_m, positions_m)
        assert dataset.values["experiment.scan_dims"].value == grid
        assert f"the frames are on a grid of {grid[0]} x {grid[1]}; they are taken row after row" in dataset.notes


@pytest.mark.parametrize("shape", ["grid", "axes", "list"])
def test_positions_may_be_an_array_of_x_and_one_of_y(tmp_path: Path, shape: str) -> None:
    y_m, x_m = np.meshgrid(np.arange(2) * 1e-6, np.arange(3) * 2e-6, indexing="ij")
    x, y = {"grid": (x_m, y_m), "axes": (x_m[0], y_m[:, 0]), "list": (x_m.ravel(), y_m.ravel())}[shape]
    changes = {
        f"{DETECTOR}/data": np.ones((2, 3, 8, 8), np.uint16), TRANSLATION: None,
        "entry_1/data_1/x": x * 1e6, "entry_1/data_1/y": y * 1e6,
    }  # fmt: skip
    path = make_cxi(tmp_path / "a.cxi", changes)
    with h5py.File(path, "r+") as file:
        file["entry_1/data_1/x"].attrs["units"] = file["entry_1/data_1/y"].attrs["units"] = "microns"
    with open_dataset(path) as dataset:
        expected = np.stack([y_m.ravel(), x_m.ravel()], axis=1)
        assert dataset.positions_m is not None
        np.testing.assert_allclose(dataset.positions_m, expected, rtol=1e-12)
        assert any("taken from /entry_1/data_1/x and /entry_1/data_1/y" in note for note in dataset.notes)


def test_axes_of_the_pixels_are_no_positions(tmp_path: Path) -> None:
    changes = {TRANSLATION: None, "entry_1/data_1/x": np.arange(8.0), "entry_1/data_1/y": np.arange(8.0)}
    with open_dataset(make_cxi(tmp_path / "a.cxi", changes)) as dataset:
        assert dataset.positions_m is None and dataset.notes == ("the file has no scan positions",)


def test_frames_pair_with_positions_by_index_never_by_order(tmp_path: Path) -> None:
    numbers = {"frame_index": [14, 10, 13, 99, 11], "position_index": [10, 11, 12, 13, 14]}
    changes = {f"entry_1/data_1/{name}": index for name, index in numbers.items()}
    with open_dataset(make_cxi(tmp_path / "a.cxi", changes)) as dataset:
        np.testing.assert_array_equal(dataset.frame_rows, [0, 1, 2, 4])
        np.testing.assert_array_equal(dataset.positions_m, POSITIONS_M[[4, 0, 3, 1]])
        assert dataset.notes == (
            "frames without a position are left out: 1",
            "positions without a frame are left out: 1",
        )


def test_an_index_makes_unequal_counts_good(tmp_path: Path) -> None:
    with open_dataset(
        make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": COUNTS[:3], f"{DETECTOR}/frame_index": [4, 0, 2]})
    ) as dataset:
        np.testing.assert_array_equal(dataset.positions_m, POSITIONS_M[[4, 0, 2]])


@pytest.mark.parametrize("index", [[0, 1, 2, 2, 4], [0, 1, 2], [0.0, 1.0, 2.0, 3.0, 4.0]])
def test_an_index_that_pairs_nothing_clearly_is_a_problem(tmp_path: Path, index: list[float]) -> None:
    without_positions(make_cxi(tmp_path / "a.cxi", {"entry_1/data_1/frame_index": index}), "frame_index")


def test_indices_without_a_common_number_are_a_problem(tmp_path: Path) -> None:
    without_positions(make_cxi(tmp_path / "a.cxi", {"entry_1/data_1/frame_index": [5, 6, 7, 8, 9]}), "no frame belongs")


def test_unequal_counts_without_index_give_both_numbers(tmp_path: Path) -> None:
    without_positions(make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": COUNTS[:3]}), "3 frames", "5 positions")


def test_a_lost_position_costs_its_own_frame_only(tmp_path: Path) -> None:
    broken = translation_m(POSITIONS_M)
    broken[2, 0], broken[4, 1] = np.nan, 1e30
    with open_dataset(make_cxi(tmp_path / "a.cxi", {TRANSLATION: broken})) as dataset:
        assert dataset.frame_rows.tolist() == [0, 1, 3]
        np.testing.assert_array_equal(dataset.positions_m, POSITIONS_M[[0, 1, 3]])
        (note,) = dataset.notes
        assert "2 of 5 positions are lost" in note and "the first is position 2" in note


def test_a_lost_position_is_found_by_its_index(tmp_path: Path) -> None:
    broken = translation_m(POSITIONS_M)
    broken[1, 0] = np.nan
    index = [4, 3, 2, 1, 0]
    path = make_cxi(tmp_path / "a.cxi", {TRANSLATION: broken, "entry_1/data_1/frame_index": index})
    with open_dataset(path) as dataset:
        assert dataset.frame_rows.tolist() == [0, 1, 2, 4]
        np.testing.assert_array_equal(dataset.positions_m, POSITIONS_M[[4, 3, 2, 0]])


def test_positions_that_are_all_lost_are_a_problem(tmp_path: Path) -> None:
    broken = translation_m(POSITIONS_M) * np.nan
    without_positions(make_cxi(tmp_path / "a.cxi", {TRANSLATION: broken}), "5 of 5 positions", "position 0", "nan")


@pytest.mark.parametrize("translation", [np.zeros(5), np.zeros((5, 1)), np.zeros((5, 3), np.complex64)])
def test_what_is_no_list_of_positions_is_a_problem(tmp_path: Path, translation: np.ndarray) -> None:
    without_positions(make_cxi(tmp_path / "a.cxi", {TRANSLATION: translation}), "should be a list of positions")


def without_positions(path: Path, *words: str) -> None:
    """Open a scan whose positions can't be used: it says why, and has its frames."""
    with open_dataset(path) as dataset:
        assert dataset.positions_m is None
        np.testing.assert_array_equal(dataset.frame_rows, np.arange(dataset.frames.shape[0]))
        for word in words:
            assert word in dataset.positions_problem
        assert dataset.notes == (f"the scan positions can't be used: {dataset.positions_problem}",)


def test_a_scan_without_positions_says_so(tmp_path: Path) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {TRANSLATION: None})) as dataset:
        assert dataset.positions_m is None
        np.testing.assert_array_equal(dataset.frame_rows, np.arange(5))
        assert dataset.notes == ("the file has no scan positions",)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, part: float) -> None:
    path = make_cxi(tmp_path / "a.cxi")
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    refuse(path)


def test_damage_inside_the_frames_names_them(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": None})
    with h5py.File(path, "r+") as file:
        packing = {"chunks": (1, 8, 8), "compression": "gzip", "fletcher32": True}
        data = file.create_dataset(f"{DETECTOR}/data", data=COUNTS, **packing)
        chunk = data.id.get_chunk_info(3)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 5] ^= 0xFF
    path.write_bytes(content)
    with open_dataset(path) as dataset:
        np.testing.assert_array_equal(dataset.frames.read([2]), COUNTS[2:3])
        with pytest.raises(DataError, match=r"frames 3 to 4 of .*/data can't be read, the file is damaged"):
            dataset.frames.read([3, 4])


def test_the_filters_of_detectors_are_there(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": None})
    with h5py.File(path, "r+") as file:
        file.create_dataset(f"{DETECTOR}/data", data=COUNTS, chunks=(1, 8, 8), compression=hdf5plugin.LZ4())
    with open_dataset(path) as dataset:
        np.testing.assert_array_equal(dataset.frames.read(dataset.frame_rows), COUNTS)


def test_a_missing_filter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": None})
    with h5py.File(path, "r+") as file:
        packed = hdf5plugin.Bitshuffle(cname="lz4")
        file.create_dataset(f"{DETECTOR}/data", data=COUNTS, chunks=(1, 8, 8), compression=packed)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != 32008)
    refuse(path, "32008", "bitshuffle", "not installed")


def test_a_missing_external_file_is_named(tmp_path: Path) -> None:
    link = h5py.ExternalLink("scan_data_000001.h5", "/entry/data")
    refuse(make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": link}), "scan_data_000001.h5")


def test_a_virtual_stack_with_missing_files_is_refused(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": None})
    layout = h5py.VirtualLayout(COUNTS.shape, COUNTS.dtype)
    layout[:] = h5py.VirtualSource("part_1.h5", "data", COUNTS.shape)
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset(f"{DETECTOR}/data", layout)
    refuse(path, "1 are missing", "part_1.h5")


def test_missing_frames_are_refused_with_what_there_is(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/data": None, "entry_1/raw": COUNTS})
    refuse(path, "/entry_1/raw (5, 8, 8)", "--dataset-path")
    refuse(path, "/nowhere", "/entry_1/raw", dataset_path="/nowhere")
    refuse(path, "not a stack", dataset_path=TRANSLATION)


def test_the_siemens_star_is_read_right(shared_data: Path) -> None:
    with open_dataset(shared_data / "siemens-star.cxi") as dataset:
        assert dataset.frames.shape == (516, 128, 128)
        assert dataset.frames.dtype == np.uint16
        frames = dataset.frames.read(dataset.frame_rows)
        assert frames[:2].sum(axis=(1, 2)).tolist() == [456722, 471272]
        assert frames.max() == 963
        assert dataset.positions_m is not None
        assert dataset.positions_m.shape == (516, 2)
        np.testing.assert_allclose(dataset.positions_m[0], [4.72209584e-06, -4.50101875e-06], rtol=1e-8)
        assert dataset.values["experiment.energy_eV"].value == pytest.approx(8800.002160051292, rel=1e-15)
        assert dataset.values["experiment.distance_m"].value == 1.92
        assert dataset.values["experiment.detector_pixel_m"].value == 75e-6
        assert dataset.probe is not None
        assert dataset.probe.shape == (1, 128, 128)
        assert np.sum(np.abs(dataset.probe) ** 2) == pytest.approx(51.827164, rel=1e-6)
        assert dataset.bad_pixels is None
        assert dataset.facts["title"].startswith("Siemens star, Velociprobe, APS")
        assert dataset.notes == ()
