"""The result file: everything comes back, and other programs find what they look for."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui.errors import DataError, OutputError
from ptychogui.io.result import Result, check_replaceable, needed_bytes, read_result, write_result
from ptychogui.io.result_header import SourceFile
from ptychogui.params.units import ELECTRON_VOLT_J
from ptychogui.physics.orientation import Orientation
from tests.io.makers import make_cxi, make_result


def full_result(tmp_path: Path) -> Result:
    """Return a result with every attribute set."""
    raw = tmp_path / "raw µ.h5"
    raw.write_bytes(b"123")
    return make_result(
        frame_indices=np.array([3, 1, 4, 0, 9, 2]),
        parameters='{"schema": 1}',
        errors=np.array([3.0, 1.5, 1.01]),
        free_errors=np.array([3.1, np.nan, 1.2]),
        sources=(SourceFile.of(raw), SourceFile.of(raw)),
        device="cpu: any, 2 threads",
        timing_s={"prepare": 0.5, "iterate": 12.25},
        versions={"ptychogui": "0.1", "numpy": "2"},
        command='ptychogui reconstruct "ä scan.cxi"',
        started="2024-05-01T10:00:00+00:00",
        finished="2024-05-01T10:01:00+00:00",
        state="stopped",
        title="scan 12",
        notes=("3 frames have no position", "slow"),
        noise_model="poisson",
        recipe='{"n": 64}',
        thumbnail=np.arange(60, dtype=np.uint8).reshape(4, 5, 3),
        components=np.arange(128).reshape(2, 8, 8).astype(np.complex64) * np.complex64(1 + 2j),
        coefficients=np.arange(12, dtype=np.float32).reshape(6, 2),
        intensities=np.linspace(0.5, 1.5, 6, dtype=np.float32),
        stxm=np.arange(6, dtype=np.float32),
        dpc_px=np.array([[np.nan] * 2, *[[k, -k] for k in range(5)]], np.float32),
        mean_pattern=np.arange(64, dtype=np.float32).reshape(8, 8),
        orientation=Orientation(3, True, False, True, False, True, True),
    )


def assert_same(one: Result, other: Result) -> None:
    """Check all attributes, types included."""
    for item in dataclasses.fields(Result):
        first, second = getattr(one, item.name), getattr(other, item.name)
        if isinstance(first, np.ndarray):
            assert first.dtype == second.dtype, item.name
            np.testing.assert_array_equal(first, second, err_msg=item.name)
        elif item.name == "energy_eV":
            assert second == pytest.approx(first, rel=1e-15)
        else:
            assert first == second, item.name


def test_everything_comes_back(tmp_path: Path) -> None:
    result = full_result(tmp_path)
    write_result(tmp_path / "r.cxi", result)
    assert_same(result, read_result(tmp_path / "r.cxi"))


def test_what_is_not_known_stays_unknown(tmp_path: Path) -> None:
    result = make_result(object_origin_m=None, detector_pixel_m=None)
    write_result(tmp_path / "r.cxi", result)
    again = read_result(tmp_path / "r.cxi")
    assert_same(dataclasses.replace(result, thumbnail=again.thumbnail), again)


def test_layers_come_back(tmp_path: Path) -> None:
    result = make_result(object=np.stack([make_result().object] * 2))
    write_result(tmp_path / "r.cxi", result)
    np.testing.assert_array_equal(read_result(tmp_path / "r.cxi").object, result.object)


def test_the_size_is_foreseen(tmp_path: Path) -> None:
    result = full_result(tmp_path)
    write_result(tmp_path / "r.cxi", result)
    size = (tmp_path / "r.cxi").stat().st_size
    assert size <= needed_bytes(result.object.shape, result.probe.shape, len(result.positions_m))


def test_cxi_places_shapes_and_units(tmp_path: Path) -> None:
    result = full_result(tmp_path)
    write_result(tmp_path / "r.cxi", result)
    with h5py.File(tmp_path / "r.cxi") as file:
        entry = file["entry_1"]
        assert file["cxi_version"][()] == 160
        assert file["number_of_entries"][()] == 1
        assert entry["image_1/data"].shape == (3, 8, 8)
        assert entry["image_2/data"].shape == (20, 24)
        assert entry["image_1/data"].dtype == entry["image_2/data"].dtype == np.complex64
        np.testing.assert_allclose(entry["image_1/image_size"], [8e-8, 8e-8, 0])
        np.testing.assert_allclose(entry["image_2/image_size"], [24e-8, 20e-8, 0])
        translation = entry["sample_1/geometry_1/translation"]
        np.testing.assert_array_equal(translation[:, :2], result.positions_m[:, ::-1])
        assert translation.shape == (6, 3)
        assert translation.attrs["units"] == "m"
        assert entry["instrument_1/source_1/energy"][()] == pytest.approx(8800 * ELECTRON_VOLT_J)
        assert entry["instrument_1/detector_1/distance"][()] == 1.5
        assert entry["process_1/program"].asstr()[()] == "ptychogui"
        assert entry["process_1/command"].asstr()[()] == result.command
        assert entry["process_1/date"].asstr()[()] == result.finished
        assert entry["ptychogui/thumbnail"].dtype == np.uint8


def test_ptychodus_finds_what_its_cxi_product_reader_reads(tmp_path: Path) -> None:
    """Every dataset that ptychodus 1.7's CXIProductFileIO.read takes, with the shape and type that it needs."""
    result = full_result(tmp_path)
    write_result(tmp_path / "r.cxi", result)
    with h5py.File(tmp_path / "r.cxi") as file:
        for place in ("title", "sample_1/name"):
            assert file["entry_1"][place].asstr()[()] == "scan 12"
        for place in ("instrument_1/detector_1/distance", "instrument_1/source_1/energy"):
            assert file["entry_1"][place].shape == ()
        for place in ("image_1", "image_2"):
            assert file[f"entry_1/{place}/data"].ndim in (2, 3)
            assert np.iscomplexobj(file[f"entry_1/{place}/data"])
            assert file[f"entry_1/{place}/image_size"].shape == (3,)
        assert file["entry_1/sample_1/geometry_1/translation"].shape == (6, 3)
        extras = file["entry_1/ptychodus"]
        np.testing.assert_array_equal(extras["probe_position_indexes"], result.frame_indices)
        np.testing.assert_array_equal(extras["loss_epochs"], [0, 1, 2])
        np.testing.assert_array_equal(extras["loss_values"], result.errors)
        counts = np.sum(np.abs(result.probe.astype(complex)) ** 2)
        assert extras["probe_photon_count"][()] == pytest.approx(counts, rel=1e-6)
        assert np.isfinite([extras["object_center_x_m"][()], extras["object_center_y_m"][()]]).all()


@pytest.mark.parametrize("window", [8, 9])
def test_windows_lie_on_the_same_pixels_in_ptychodus(tmp_path: Path, window: int) -> None:
    """ptychodus: x_px = (x - center) / pixel + (columns - 1) / 2; its window starts at x_px - (N - 1) / 2."""
    result = make_result(probe=np.ones((1, window, window), np.complex64))
    write_result(tmp_path / "r.cxi", result)
    with h5py.File(tmp_path / "r.cxi") as file:
        extras = file["entry_1/ptychodus"]
        center_m = np.array([extras["object_center_y_m"][()], extras["object_center_x_m"][()]])
    middle = (np.array(result.object.shape) - 1) / 2
    theirs = (result.positions_m - center_m) / result.object_pixel_m + middle - (window - 1) / 2
    ours = (result.positions_m - np.array(result.object_origin_m)) / result.object_pixel_m - window // 2
    np.testing.assert_allclose(theirs, ours, atol=1e-9)


def test_results_of_other_programs_are_read(tmp_path: Path) -> None:
    result = make_result()
    with h5py.File(tmp_path / "other.cxi", "w") as file:
        file["entry_1/image_1/data"] = result.probe[None].astype(np.complex128)
        file["entry_1/image_2/data"] = result.object[None]
        file["entry_1/image_2/image_size"] = [24e-8, 20e-8, 0.0]
    read = read_result(tmp_path / "other.cxi")
    np.testing.assert_array_equal(read.probe, result.probe)
    np.testing.assert_array_equal(read.object, result.object)
    assert read.object_pixel_m == pytest.approx(1e-8)
    assert read.positions_m.shape == (0, 2)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a reconstruction: it has no /entry_1/image_2/data and no"):
        read_result(make_cxi(tmp_path / "scan.cxi"))
    with pytest.raises(DataError, match="there is no such file"):
        read_result(tmp_path / "absent.cxi")
    (tmp_path / "text.cxi").write_text("text")
    with pytest.raises(DataError, match="is not an HDF5 file"):
        read_result(tmp_path / "text.cxi")
    with h5py.File(tmp_path / "odd.cxi", "w") as file:
        file["entry_1/image_1/data"] = np.ones((8, 8), np.complex64)
        file["entry_1/image_2/data"] = "no object"
    with pytest.raises(DataError, match="can't be read"):
        read_result(tmp_path / "odd.cxi")


@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.999])
def test_a_result_cut_off_is_refused(tmp_path: Path, part: float) -> None:
    path = tmp_path / "r.cxi"
    write_result(path, make_result())
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match="can't open"):
        read_result(path)


def test_the_scanned_area_is_the_box_of_the_positions() -> None:
    result = make_result(positions_m=np.array([[0.0, 1e-8], [4e-8, 3e-8]]), object_origin_m=(-2e-8, -1e-8))
    assert result.scanned is not None
    rows, columns = np.nonzero(result.scanned)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 6, 2, 4)
    assert make_result(object_origin_m=None).scanned is None


def test_only_a_result_may_be_replaced(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "new.cxi")
    write_result(tmp_path / "result.cxi", make_result())
    check_replaceable(tmp_path / "result.cxi")
    write_result(tmp_path / "truth.cxi", make_result(state="truth"))
    make_cxi(tmp_path / "scan.cxi")
    (tmp_path / "text.cxi").write_text("notes")
    (tmp_path / "empty.cxi").touch()
    (tmp_path / "dangling.cxi").symlink_to(tmp_path / "elsewhere.cxi")
    write_result(tmp_path / "both.cxi", make_result())
    with h5py.File(tmp_path / "both.cxi", "r+") as file:
        file["entry_1/data_1/data"] = np.zeros((2, 8, 8))
    for name in ("truth", "scan", "text", "empty", "dangling", "both"):
        with pytest.raises(OutputError, match=rf"{name}\.cxi exists and is not a result; choose another name"):
            check_replaceable(tmp_path / f"{name}.cxi")
    with pytest.raises(OutputError, match="is a folder; name a file in it"):
        check_replaceable(tmp_path)


def test_an_orientation_of_a_later_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result(orientation=Orientation(rotate90=1)))
    with h5py.File(tmp_path / "r.cxi", "a") as file:
        del file["entry_1/ptychogui/orientation"]
        file["entry_1/ptychogui/orientation"] = '{"rotate90": 1, "spin": 3}'
    assert read_result(tmp_path / "r.cxi").orientation == Orientation(rotate90=1)
    with h5py.File(tmp_path / "r.cxi", "a") as file:
        del file["entry_1/ptychogui/orientation"]
        file["entry_1/ptychogui/orientation"] = "sideways"
    with pytest.raises(DataError, match="can't be read"):
        read_result(tmp_path / "r.cxi")


class TestTextsThatNoFileCanHold:
    def test_they_are_escaped_and_that_is_said(self, tmp_path: Path) -> None:
        odd = os.fsdecode(b"scan_\xe9")
        result = make_result(title=odd, command=f"ptychogui {odd}\0", device="\ud800", notes=(f"read {odd}",))
        notes = write_result(tmp_path / "r.cxi", result)
        assert notes == ("escaped in the result, whose texts are UTF-8: title and device and command",)
        found = read_result(tmp_path / "r.cxi")
        assert (found.title, found.command, found.device) == ("scan_\\xe9", "ptychogui scan_\\xe9\\x00", "\\ud800")
        assert found.notes == (f"read {odd}", *notes)
        np.testing.assert_array_equal(found.object, result.object)
        with h5py.File(tmp_path / "r.cxi") as file:
            assert file["entry_1/process_1/command"].asstr()[()] == found.command
            assert file["entry_1/sample_1/name"].asstr()[()] == found.title

    def test_any_other_text_stays_as_it_is(self, tmp_path: Path) -> None:
        assert write_result(tmp_path / "r.cxi", make_result(title="Ω 🔬\n\x1b", command="µ")) == ()
        assert read_result(tmp_path / "r.cxi").title == "Ω 🔬\n\x1b"

    @pytest.mark.parametrize("name", [b"raw_\xff.h5", b"two\nlines", b'"quotes\\', "Ω🔬".encode()])
    def test_sources_keep_every_byte_of_their_names(self, tmp_path: Path, name: bytes) -> None:
        raw = tmp_path / os.fsdecode(name)
        raw.touch()
        assert write_result(tmp_path / "r.cxi", make_result(sources=(SourceFile.of(raw),))) == ()
        assert read_result(tmp_path / "r.cxi").sources == (SourceFile.of(raw),)
        assert os.fsencode(read_result(tmp_path / "r.cxi").sources[0].path).endswith(b"/" + name)

    def test_a_series_keeps_the_names_of_its_ends(self, tmp_path: Path) -> None:
        files = [tmp_path / os.fsdecode(b"r\xe9_%d.h5" % number) for number in range(12)]
        for file in files:
            file.touch()
        sources = SourceFile.of_series(files)
        write_result(tmp_path / "r.cxi", make_result(sources=sources))
        assert read_result(tmp_path / "r.cxi").sources == sources
        assert sources[0].path.endswith(f" to {files[-1].name}")
