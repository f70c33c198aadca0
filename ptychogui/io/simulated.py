"""Simulated scans on disk, as a beamline would give them, with the truth in a file of its own; and in memory."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychogui import __version__
from ptychogui.errors import DataError, OutputError
from ptychogui.io import cxi
from ptychogui.io.atomic import replacing
from ptychogui.io.dataset import Dataset, Value
from ptychogui.io.hdf5.files import build_image, open_h5, read_text
from ptychogui.io.result import CXI_VERSION, Result, read_result, result_image
from ptychogui.io.result_header import ENTRY, OWN
from ptychogui.params.units import ELECTRON_VOLT_J
from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.simulation import Recipe, SimulatedScan
from ptychogui.states import State

CXI_PIXEL_IS_DEAD = 0x00000008
"""Mask bit of a pixel that counts nothing (CXI 1.6, table of mask bits)."""

_TRUTH_OF = "truth of the "


def truth_path(path: Path) -> Path:
    """Return where the truth of a simulated scan is: "OUT-truth.cxi" beside "OUT.cxi"."""
    return path.with_name(f"{path.stem}-truth{path.suffix}")


def write_scan(path: Path | str, scan: SimulatedScan) -> tuple[Path, Path]:
    """Write a simulated scan as CXI, and object, probe and true positions beside it in the layout of a result.

    Returns:
        the paths of the scan and of its truth.

    Raises:
        OutputError: they can't be written, or would replace what is no simulated scan; nothing has changed then.
    """
    path = Path(path)
    check_scan_replaceable(path)
    scan_image, truth_image = build_image(lambda file: _fill(file, scan)), result_image(_truth(scan))
    with replacing(path) as scan_file, replacing(truth_path(path)) as truth_file:
        scan_file.write(scan_image)
        truth_file.write(truth_image)
    return path, truth_path(path)


def check_scan_replaceable(path: Path) -> None:
    """Make sure that a simulated scan and its truth may be written: there is nothing yet, or a simulated scan.

    Raises:
        OutputError: there is another file; it may be a measurement, so it is never replaced.
    """
    truth = truth_path(path)
    truth_title = _title_in(truth, State.TRUTH.value)
    is_ours = truth_title != "" and truth_title == _TRUTH_OF + _title_in(path, "")
    foreign = [path] if os.path.lexists(path) and not is_ours else []
    foreign += [truth] if os.path.lexists(truth) and not truth_title else []
    if foreign:
        raise OutputError(f"{foreign[0]} exists and is not a simulated scan; choose another name or delete it")


def _title_in(path: Path, state: str) -> str:
    """Return the title in a file of a certain state ("" is a scan's); "" if it is no such file."""
    try:
        with open_h5(path) as file:
            return read_text(file, f"{ENTRY}/title") if read_text(file, f"{OWN}/state") == state else ""
    except (DataError, OSError, RuntimeError):
        return ""


def read_truth(path: Path | str) -> Result:
    """Read the truth of a simulated scan.

    Args:
        path: the scan or its truth file.

    Returns:
        object, probe and true positions; `recipe` is the simulation's recipe, for `recipe_from_json`.

    Raises:
        DataError: there is no truth file, or it is something else.
    """
    path = Path(path)
    path = truth_path(path) if os.path.exists(truth_path(path)) else path
    truth = read_result(path)
    if truth.state is not State.TRUTH:
        raise DataError(f"{path} is a reconstruction, not the truth of a simulated scan")
    return truth


def recipe_to_json(recipe: Recipe) -> str:
    """Write a recipe as JSON text."""
    return json.dumps(dataclasses.asdict(recipe))


def recipe_from_json(text: str) -> Recipe:
    """Read what `recipe_to_json` wrote.

    Raises:
        DataError: the text is no recipe of this version of ptychogui.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return Recipe(**{**values, **lists})
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"the recipe of the simulated scan can't be read: {error}") from error


def dataset_of(scan: SimulatedScan) -> Dataset:
    """Offer a simulated scan, without its truth, as a dataset in memory."""
    place = "simulation recipe"
    numbers = {
        "experiment.energy_eV": scan.energy_eV,
        "experiment.distance_m": scan.distance_m,
        "experiment.detector_pixel_m": scan.detector_pixel_m,
        "preprocessing.bit_depth": scan.recipe.bit_depth,
    }
    return Dataset(
        path=Path("simulated scan"),
        format="simulated",
        frames=ArrayFrames(scan.counts),  # type: ignore[arg-type]
        frame_rows=np.arange(len(scan.counts)),
        positions_m=scan.positions_m,
        values={path: Value(number, place) for path, number in numbers.items() if number is not None},
        bad_pixels=scan.bad_pixels,
        facts={"title": _title(scan)},
        in_memory=True,
    )


def _title(scan: SimulatedScan) -> str:
    return f"simulated {scan.recipe.scan} scan of the phantom '{scan.recipe.phantom}'"


def _fill(file: h5py.File, scan: SimulatedScan) -> None:
    file["cxi_version"] = CXI_VERSION
    file["number_of_entries"] = 1
    file["entry_1/title"] = _title(scan)
    translation_m = np.zeros((len(scan.positions_m), 3))
    translation_m[:, :2] = scan.positions_m[:, ::-1]
    quantities = [
        (cxi.TRANSLATION_PLACES[0], translation_m, "m"),
        (cxi.ENERGY_PLACE, scan.energy_eV * ELECTRON_VOLT_J, "J"),
        (cxi.DISTANCE_PLACE, scan.distance_m, "m"),
        *((place, scan.detector_pixel_m, "m") for place in cxi.PIXEL_PLACES),
    ]
    for place, value, unit in quantities:
        file[place] = value
        file[place].attrs["units"] = unit
    if scan.recipe.bit_depth is not None:
        file[cxi.BIT_DEPTH_PLACE] = scan.recipe.bit_depth
    file[cxi.MASK_PLACE] = np.where(scan.bad_pixels, CXI_PIXEL_IS_DEAD, 0).astype(np.uint32)
    chunk = (1, *scan.counts.shape[1:])
    data_place, link_place = cxi.FRAME_PLACES[1], cxi.FRAME_PLACES[0]
    packed: dict[str, Any] = {"chunks": chunk, "compression": "gzip", "compression_opts": 1, "shuffle": True}
    file.create_dataset(data_place, data=scan.counts, **packed)
    file[link_place] = h5py.SoftLink(data_place)
    file[cxi.TRANSLATION_PLACES[1]] = h5py.SoftLink(cxi.TRANSLATION_PLACES[0])


def _truth(scan: SimulatedScan) -> Result:
    row, column = scan.geometry.origin_px
    variation = scan.variation or ProbeVariation()
    return Result(
        object=scan.object,
        probe=scan.probe,
        object_pixel_m=scan.object_pixel_m,
        positions_m=scan.true_positions_m,
        energy_eV=scan.energy_eV,
        distance_m=scan.distance_m,
        detector_pixel_m=scan.detector_pixel_m,
        object_origin_m=(row * scan.object_pixel_m, column * scan.object_pixel_m),
        versions={"ptychogui": __version__},
        state=State.TRUTH,
        title=f"{_TRUTH_OF}{_title(scan)}",
        recipe=recipe_to_json(scan.recipe),
        components=variation.components,
        coefficients=variation.coefficients,
        intensities=variation.intensities,
    )
