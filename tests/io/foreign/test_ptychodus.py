"""ptychodus itself opens our results, and we open what it writes; where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.io.foreign import read_any_result
from ptychogui.io.result import write_result
from tests.io.foreign.makers import write_product
from tests.io.makers import make_result

io = pytest.importorskip("ptychodus.api.io", reason="ptychodus is not installed")
cxi_file = pytest.importorskip("ptychodus.plugins.cxi_file", reason="ptychodus is not installed")


def assert_same(path: Path, product: Any) -> None:
    """Check that what we read in a file is what ptychodus has of it."""
    found = read_any_result(path)
    np.testing.assert_array_equal(found.object, product.object_.get_array()[0])
    np.testing.assert_array_equal(found.probe, product.probes.get_array()[0])
    np.testing.assert_allclose(found.positions_m[:, 0], product.probe_positions.get_coordinates_y_m())
    np.testing.assert_allclose(found.positions_m[:, 1], product.probe_positions.get_coordinates_x_m())
    assert found.energy_eV == pytest.approx(product.metadata.photon_energy_eV)
    assert found.distance_m == product.metadata.detector_distance_m
    assert found.object_pixel_m == pytest.approx(product.object_.get_pixel_geometry().width_m)


def test_our_result_is_a_product(tmp_path: Path) -> None:
    write_result(tmp_path / "r.cxi", make_result())
    assert_same(tmp_path / "r.cxi", cxi_file.CXIProductFileIO().read(tmp_path / "r.cxi"))


@pytest.mark.parametrize("end", ["h5", "cxi"])
def test_its_products_are_results(tmp_path: Path, end: str) -> None:
    product = io.load_product(write_product(tmp_path / "made.h5"))
    path = tmp_path / f"theirs.{end}"
    if end == "h5":
        io.save_product(path, product)
    else:
        cxi_file.CXIProductFileIO().write(path, product)
    assert_same(path, product)
    assert read_any_result(path).object_origin_m == pytest.approx(read_any_result(tmp_path / "made.h5").object_origin_m)
    assert list(read_any_result(path).errors) == [3, 2, 1]
