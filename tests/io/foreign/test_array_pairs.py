"""Pairs of array files: our own exports come back, and so do those of ptychopy and of numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from ptychogui.errors import DataError
from ptychogui.io.export import export_csv, export_tiff
from ptychogui.io.foreign import read_any_result
from ptychogui.io.foreign.array_pairs import second_of_pair
from tests.io.foreign.makers import field, product_values
from tests.io.makers import make_result


def test_our_own_exports_come_back(tmp_path: Path) -> None:
    result = make_result()
    object_csv, _ = export_csv(result, tmp_path, "r")
    found = read_any_result(object_csv)
    np.testing.assert_array_equal(found.object, result.object)
    np.testing.assert_array_equal(found.probe, result.probe)
    found = read_any_result(export_tiff(result, tmp_path, "r")[0])
    np.testing.assert_allclose(found.object, result.object, atol=1e-5)
    np.testing.assert_allclose(found.probe, result.probe, atol=1e-5)
    assert found.object_pixel_m == result.object_pixel_m


def test_images_of_ptychopy_have_no_probe(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a_ph.tif", np.full((9, 8), 0.5, np.float32))
    tifffile.imwrite(tmp_path / "a_abs.tif", np.full((9, 8), 2.0, np.float32))
    found = read_any_result(tmp_path / "a_ph.tif")
    np.testing.assert_allclose(found.object, 2 * np.exp(0.5j), rtol=1e-6)
    assert (found.probe.shape, next(iter(found.versions))) == ((0, 0, 0), "ptychopy")


def test_arrays_of_numpy(tmp_path: Path) -> None:
    np.save(tmp_path / "recon_12_object.npy", field((20, 30)))
    np.save(tmp_path / "recon_12_probe.npy", field((8, 8)))
    found = read_any_result(tmp_path / "recon_12_object.npy")
    assert (found.object.shape, found.probe.shape) == ((20, 30), (1, 8, 8))


def test_npz_products_and_plain_archives(tmp_path: Path) -> None:
    np.savez(tmp_path / "product.npz", **product_values())
    np.savez(tmp_path / "plain.npz", object=field((20, 30)), probe=field((8, 8)))
    np.savez(tmp_path / "other.npz", frames=np.zeros(3))
    assert read_any_result(tmp_path / "product.npz").title == "scan 12"
    assert read_any_result(tmp_path / "plain.npz").object.shape == (20, 30)
    with pytest.raises(DataError, match="not a reconstruction"):
        read_any_result(tmp_path / "other.npz")


def test_pairs_are_told_by_their_names(tmp_path: Path) -> None:
    assert second_of_pair(Path("x/a_object_0.csv")) == Path("x/a_probes_0.csv")
    assert second_of_pair(Path("a_ph.TIFF")) == Path("a_abs.TIFF")
    assert second_of_pair(Path("a_probe_phase.tif")) is None
    assert second_of_pair(Path("positions.csv")) is None
    (tmp_path / "a_object_0.csv").write_text("1+1j")
    with pytest.raises(DataError, match="not a reconstruction"):
        read_any_result(tmp_path / "a_object_0.csv")


@pytest.mark.parametrize("name", ["a_object_0.csv", "a_ph.tif", "object.npy", "a.npz", "a.h5"])
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x93NUMPY garbage")
    second = second_of_pair(path)
    if second is not None:
        second.write_bytes(b"\x93NUMPY garbage")
    with pytest.raises(DataError, match=path.stem[:1]):
        read_any_result(path)
