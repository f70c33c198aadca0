"""HDF5 layouts of other programs' results: ptychodus products, PtyPy .ptyr, PtyRAD models, pty-chi reconstructions.

Each function here takes an open file and returns a Result, or None where the layout is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychogui.io.foreign.fields import as_modes, foreign_result
from ptychogui.io.hdf5.files import as_text, open_h5, reading
from ptychogui.io.result import Result
from ptychogui.io.result_header import ptychodus_middle_px
from ptychogui.params.units import ELECTRON_VOLT_J

_ANGSTROM_M = 1e-10
_COMPLEX = "cV"
"""Kinds of numpy that complex numbers come as: as such, or as two fields."""
_HC_J_M = 6.62607015e-34 * 299792458


def read_foreign_hdf5(path: Path) -> Result | None:
    """Read a result from an HDF5 file of another program; None where it holds none.

    Raises:
        DataError: the file is damaged.
    """
    with open_h5(path) as file, reading(path, "the reconstruction"):
        for layout in _LAYOUTS:
            try:
                result = layout(file)
            except (ValueError, IndexError, AttributeError):
                continue
            if result is not None:
                return result
    return None


def _ptychodus(file: h5py.File) -> Result | None:
    """Read what ptychodus calls a product; lengths in m, x before y."""
    if not _has(file, "object", "probe", "probe_position_x_m") or "detector_object_distance_m" not in file.attrs:
        return None
    said, place = file["object"].attrs, file.attrs
    numbers = {**{name: place[name] for name in place}, **{f"object_{name}": said[name] for name in said}}
    arrays = {name: file[name][()] for name in file if isinstance(file[name], h5py.Dataset)}
    return product_result(numbers | arrays)


def product_result(said: Mapping[str, Any]) -> Result:
    """Return the result in a ptychodus product, whose values have the names that they have in its NPZ files.

    Raises:
        KeyError: one is missing.
    """
    pixel_m = float(said["object_pixel_width_m"])
    modes = as_modes(said["probe"])
    middle_px = ptychodus_middle_px(np.shape(said["object"]), modes.shape[-1])
    center_m = np.array([float(said["object_center_y_m"]), float(said["object_center_x_m"])])
    origin_m = center_m - middle_px * pixel_m
    return foreign_result(
        "ptychodus", object=said["object"], probe=modes, object_pixel_m=pixel_m,
        positions_m=np.stack([said["probe_position_y_m"], said["probe_position_x_m"]], axis=1).astype(np.float64),
        frame_indices=np.asarray(said["probe_position_indexes"], np.int64),
        energy_eV=float(said.get("photon_energy_eV", said.get("probe_energy_eV", 0.0))),
        distance_m=float(said["detector_object_distance_m"]), object_origin_m=(float(origin_m[0]), float(origin_m[1])),
        errors=np.asarray(said.get("loss_values", said.get("costs", ())), np.float64).reshape(-1),
        title=as_text(np.asarray(said.get("name", "")).item()),
        notes=tuple(text for text in [as_text(np.asarray(said.get("comments", "")).item())] if text),
    )  # fmt: skip


def _ptypy(file: h5py.File) -> Result | None:
    """Read what PtyPy keeps of a run: containers of storages, of which the first one counts; energies are in keV."""
    if not _has(file, "content/obj", "content/probe"):
        return None
    name = next(iter(file["content/obj"]))
    stored = file[f"content/obj/{name}"]
    probes = file["content/probe"]
    probe = probes[name if name in probes else next(iter(probes))]
    scans = file.get("content/pars/scans", {})
    data: Any = next((scans[scan]["data"] for scan in scans if "data" in scans[scan]), {})
    found: dict[str, Any] = {"object_pixel_m": _number(stored, "_psize"), "energy_eV": 1e3 * _number(data, "energy"),
             "distance_m": _number(data, "distance")}  # fmt: skip
    if f"content/positions/{name}" in file and "_origin" in stored:
        origin_m = np.asarray(stored["_origin"][()], np.float64)
        found["positions_m"] = np.asarray(file[f"content/positions/{name}"][()], np.float64)
        found["object_origin_m"] = (float(origin_m[0]), float(origin_m[1]))
    return foreign_result("ptypy", object=stored["data"][:1], probe=probe["data"][()], title=name, **found)


def _ptyrad(file: h5py.File) -> Result | None:
    """Read a PtyRAD model: modulus and phase of the object apart, windows by their corners in pixels, Angstrom."""
    if not _has(file, "optimizable_tensors/obja", "optimizable_tensors/objp", "optimizable_tensors/probe"):
        return None
    tensors, model = file["optimizable_tensors"], file.get("model_attributes", {})
    modulus, phase = (np.asarray(tensors[name][()]) for name in ("obja", "objp"))
    modes, pixel_m = as_modes(tensors["probe"][()]), _ANGSTROM_M * _number(model, "dx")
    found: dict[str, Any] = {"object_pixel_m": pixel_m}
    if "crop_pos" in model:
        shifts = np.asarray(tensors["probe_pos_shifts"][()]) if "probe_pos_shifts" in tensors else 0.0
        corners = np.asarray(model["crop_pos"][()], np.float64)
        found |= {"positions_m": (corners + shifts + modes.shape[-1] // 2) * pixel_m, "object_origin_m": (0.0, 0.0)}
    if "loss_iters" in file:
        found["errors"] = np.asarray(file["loss_iters"][()], np.float64).reshape(len(file["loss_iters"]), -1)[:, -1]
    version = as_text(file["ptyrad_version"][()]) if "ptyrad_version" in file else ""
    return foreign_result(
        "ptyrad", object=modulus * np.exp(1j * phase), probe=modes, versions={"ptyrad": version}, **found
    )


def _ptychi(file: h5py.File) -> Result | None:
    """Read arrays as scripts around pty-chi keep them: the positions are about a center that is not said."""
    if not (_has(file, "object", "probe") and file["object"].dtype.kind in _COMPLEX):
        return None
    pixel_m = _number(file, "obj_pixel_size_m") or float(file.attrs.get("pixel_size_m", 0.0))
    positions_px = np.asarray(file["positions_px"][()], np.float64) if "positions_px" in file else np.zeros((0, 2))
    wavelength_m = float(file.attrs.get("wavelength_m", 0.0))
    return foreign_result(
        "pty-chi" if "positions_px" in file else "unknown", object=file["object"][()], probe=file["probe"][()],
        object_pixel_m=pixel_m, positions_m=positions_px * pixel_m,
        energy_eV=_HC_J_M / wavelength_m / ELECTRON_VOLT_J if wavelength_m > 0 else 0.0,
        distance_m=float(file.attrs.get("detector_distance_m", 0.0)),
        errors=np.asarray(file["loss"][()], np.float64).reshape(-1) if "loss" in file else np.zeros(0),
    )  # fmt: skip


_LAYOUTS: tuple[Callable[[h5py.File], Result | None], ...] = (_ptychodus, _ptypy, _ptyrad, _ptychi)


def _has(file: h5py.File, *places: str) -> bool:
    return all(place in file for place in places)


def _number(group: Any, name: str) -> float:
    """Return the first number of a dataset; 0 where there is none, or another kind of thing."""
    found = group.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iuf" or not found.size:
        return 0.0
    return float(np.asarray(found[()]).reshape(-1)[0])
