"""Results as other programs write them, by the names and shapes in their writers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.io.makers import make_result

RESULT = make_result()
PIXEL_M = 1.5e-8


def product_values() -> dict[str, Any]:
    """Return what ptychodus 1.7 puts into an NPZ product of a result."""
    positions = np.random.default_rng(0).uniform(0, 1e-6, (4, 2))
    return {
        "name": "scan 12", "comments": "by hand", "detector_object_distance_m": 1.5, "photon_energy_eV": 8800.0,
        "probe_photon_count": 1e6, "probe": field((1, 2, 8, 8)), "object": field((1, 20, 30)),
        "probe_position_indexes": np.arange(4), "probe_position_x_m": positions[:, 1],
        "probe_position_y_m": positions[:, 0], "object_center_x_m": 2e-6, "object_center_y_m": 1e-6,
        "object_pixel_width_m": PIXEL_M, "object_pixel_height_m": PIXEL_M, "object_layer_spacing_m": np.zeros(0),
        "loss_epochs": np.arange(3), "loss_values": np.array([3.0, 2.0, 1.0]),
    }  # fmt: skip


def field(shape: tuple[int, ...]) -> np.ndarray:
    """Return a complex field."""
    rng = np.random.default_rng(len(shape))
    return np.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape), np.complex64)


def write_product(path: Path) -> Path:
    """Write a ptychodus product in HDF5: numbers are attributes, those of the object without its name."""
    with h5py.File(path, "w") as file:
        said = product_values()
        for name in ("probe", "object"):
            file[name] = said.pop(name)
        for name in [name for name in said if name.startswith("object_") and name != "object_layer_spacing_m"]:
            file["object"].attrs[name.removeprefix("object_")] = said.pop(name)
        for name, value in said.items():
            if isinstance(value, np.ndarray):
                file[name] = value
            else:
                file.attrs[name] = value
    return path


def write_ptyr(path: Path) -> Path:
    """Write what PtyPy keeps of a run, with its positions."""
    with h5py.File(path, "w") as file:
        for kind, shape in (("obj", (1, 20, 30)), ("probe", (2, 8, 8))):
            group = file.create_group(f"content/{kind}/Sscan_00G00")
            group["data"] = field(shape)
            group["_psize"] = np.array([PIXEL_M, PIXEL_M])
            group["_origin"] = np.array([-1e-7, -2e-7])
        file["content/pars/scans/MF/data/energy"] = 6.2
        file["content/pars/scans/MF/data/distance"] = 7.0
        file["content/positions/Sscan_00G00"] = np.array([[0.0, 0.0], [1e-7, 2e-7]])
    return path


def write_ptyrad(path: Path) -> Path:
    """Write a PtyRAD model of two slices."""
    with h5py.File(path, "w") as file:
        file["ptyrad_version"] = "1.0.0"
        tensors = file.create_group("optimizable_tensors")
        tensors["obja"], tensors["objp"] = np.full((1, 2, 20, 30), 0.5), np.full((1, 2, 20, 30), 0.25)
        tensors["probe"], tensors["probe_pos_shifts"] = field((2, 8, 8)), np.full((3, 2), 0.25)
        file["model_attributes/dx"], file["model_attributes/crop_pos"] = 0.2, np.array([[0, 0], [4, 5], [8, 9]])
        file["loss_iters"] = np.array([[1.0, 0.5], [2.0, 0.25]])
    return path


def write_ptychi(path: Path) -> Path:
    """Write a pty-chi reconstruction as beamline scripts keep it."""
    with h5py.File(path, "w") as file:
        file["object"], file["probe"] = field((1, 20, 30)), field((3, 2, 8, 8))
        file["positions_px"], file["loss"] = np.array([[0.0, -1.0], [2.0, 3.0]]), np.array([1.0, 0.5])
        file["obj_pixel_size_m"] = PIXEL_M
    return path
