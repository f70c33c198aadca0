"""Foreign HDF5 results: what their writers put in comes out with the meaning that it has here."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.foreign import read_any_result
from ptychogui.io.result import write_result
from tests.io.foreign.makers import (
    PIXEL_M,
    field,
    product_values,
    write_product,
    write_ptychi,
    write_ptyr,
    write_ptyrad,
)
from tests.io.makers import make_result


def test_a_ptychodus_product(tmp_path: Path) -> None:
    found = read_any_result(write_product(tmp_path / "p.h5"))
    said = product_values()
    np.testing.assert_array_equal(found.object, field((1, 20, 30))[0])
    np.testing.assert_array_equal(found.probe, field((1, 2, 8, 8))[0])
    np.testing.assert_array_equal(found.positions_m[:, 1], said["probe_position_x_m"])
    assert (found.energy_eV, found.distance_m, found.object_pixel_m) == (8800, 1.5, PIXEL_M)
    assert (found.title, found.notes, list(found.errors)) == ("scan 12", ("by hand",), [3, 2, 1])
    assert next(iter(found.versions)) == "ptychodus"


def test_a_product_lies_where_our_own_file_of_it_says_to_ptychodus(tmp_path: Path) -> None:
    ours = make_result(object_origin_m=(1e-6, -2e-6))
    write_result(tmp_path / "r.cxi", ours)
    with h5py.File(tmp_path / "r.cxi") as file, h5py.File(write_product(tmp_path / "p.h5"), "a") as product:
        for name in ("object_center_x_m", "object_center_y_m"):
            product["object"].attrs[name.removeprefix("object_")] = file[f"entry_1/ptychodus/{name}"][()]
        product["object"].attrs["pixel_width_m"] = ours.object_pixel_m
        for name, array in (("object", ours.object), ("probe", ours.probe)):
            attributes = dict(product[name].attrs)
            del product[name]
            product[name] = array
            product[name].attrs.update(attributes)
    assert read_any_result(tmp_path / "p.h5").object_origin_m == pytest.approx((1e-6, -2e-6), rel=1e-9)


def test_what_ptypy_keeps_of_a_run(tmp_path: Path) -> None:
    found = read_any_result(write_ptyr(tmp_path / "run.ptyr"))
    np.testing.assert_array_equal(found.object, field((1, 20, 30))[0])
    assert found.probe.shape == (2, 8, 8)
    assert found.energy_eV == pytest.approx(6200)
    assert (found.distance_m, found.object_pixel_m) == (7, PIXEL_M)
    assert (found.object_origin_m, found.title) == ((-1e-7, -2e-7), "Sscan_00G00")
    np.testing.assert_array_equal(found.positions_m[1], [1e-7, 2e-7])


def test_a_model_of_ptyrad(tmp_path: Path) -> None:
    found = read_any_result(write_ptyrad(tmp_path / "model.hdf5"))
    assert found.object.shape == (2, 20, 30)
    np.testing.assert_allclose(found.object, 0.5 * np.exp(0.25j), rtol=1e-6)
    assert found.object_pixel_m == pytest.approx(2e-11)
    np.testing.assert_allclose(found.positions_m[0], 4.25 * 2e-11)
    assert (list(found.errors), dict(found.versions)) == ([0.5, 0.25], {"ptyrad": "1.0.0"})


def test_arrays_of_pty_chi(tmp_path: Path) -> None:
    found = read_any_result(write_ptychi(tmp_path / "recon_Niter100.h5"))
    np.testing.assert_array_equal(found.probe, field((3, 2, 8, 8))[0])
    assert (found.object_pixel_m, list(found.errors)) == (PIXEL_M, [1, 0.5])
    assert found.object_origin_m is None


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["entry/data/data"] = np.zeros((2, 4, 4))
    with pytest.raises(DataError, match="not a reconstruction"):
        read_any_result(tmp_path / "raw.h5")


def test_a_broken_product_is_refused(tmp_path: Path) -> None:
    path = write_product(tmp_path / "p.h5")
    with h5py.File(path, "a") as file:
        del file["object"].attrs["pixel_width_m"]
    with pytest.raises(DataError, match=r"p\.h5"):
        read_any_result(path)
