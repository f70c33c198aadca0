"""Exports of a result: CSV and raw binary as ptychopy writes them, TIFF, PNG.

Every function takes the result, a folder (made if absent) and a name, writes `<folder>/<name>_...` whole or not at
all, returns the paths written and raises OutputError where it can't write.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from ptychogui.io.atomic import replacing
from ptychogui.io.csv_numbers import write_complex_csv
from ptychogui.io.result import Result
from ptychogui.pictures.colors import gray8, gray16
from ptychogui.pictures.figures import draw_modes, draw_phase
from ptychogui.pictures.levels import robust_levels
from ptychogui.pictures.phase import phase_image
from ptychogui.pictures.thumbnails import flatten_layers

_MARGIN = 8
"""A picture shows this part of the probe's array around the scanned area."""


def table_names(name: str, end: str, number: int = 0) -> tuple[str, str]:
    """Return the names of the files of object and probe, as ptychopy's: 0 is the result, 1, 2 ... were saved before."""
    return f"{name}_object_{number}.{end}", f"{name}_probes_{number}.{end}"


def export_csv(result: Result, folder: Path, name: str, number: int = 0) -> tuple[Path, ...]:
    """Write <name>_object_0.csv and <name>_probes_0.csv: a line per row, "a+bj" with 9 digits, separated by ", ".

    Probe modes, and an object's layers, follow one another row after row. Another number takes the place of 0.
    """
    tables = _tables(result, folder, table_names(name, "csv", number))
    for path, array in tables.items():
        with replacing(path) as file:
            write_complex_csv(file, array.reshape(-1, array.shape[-1]))
    return tuple(tables)


def export_binary(result: Result, folder: Path, name: str, number: int = 0) -> tuple[Path, ...]:
    """Write <name>_object_0.bin and <name>_probes_0.bin: headerless complex64, row after row.

    Another number takes the place of 0.
    """
    tables = _tables(result, folder, table_names(name, "bin", number))
    for path, array in tables.items():
        with replacing(path) as file:
            file.write(np.ascontiguousarray(array, dtype="<c8").tobytes())
    return tuple(tables)


def _tables(result: Result, folder: Path, names: tuple[str, str]) -> dict[Path, np.ndarray]:
    return {folder / names[0]: result.object, folder / names[1]: result.probe}


def export_tiff(result: Result, folder: Path, name: str) -> tuple[Path, ...]:
    """Write float32 TIFF of phase (rad) and magnitude of the object, <name>_phase.tif and <name>_magnitude.tif.

    An object with layers and the probe, <name>_probe_phase.tif and <name>_probe_magnitude.tif, give a page each.
    The phase is the object's own: nothing is removed. The pixel size is in the resolution tags (per cm) and, with
    the units, in the description (JSON).
    """
    images = {
        "phase": (np.angle(result.object), "rad"),
        "magnitude": (np.abs(result.object), "1"),
        "probe_phase": (np.angle(result.probe), "rad"),
        "probe_magnitude": (np.abs(result.probe), "sqrt(counts)"),
    }
    paths = []
    for kind, (image, unit) in images.items():
        paths.append(folder / f"{name}_{kind}.tif")
        content = _tiff(image.astype(np.float32), result, {"image": kind, "unit": unit})
        with replacing(paths[-1]) as file:
            file.write(content)
    return tuple(paths)


def export_tiff8(result: Result, folder: Path, name: str, level: bool = False) -> tuple[Path, ...]:
    """Write 8-bit TIFF of phase and magnitude of the object, <name>_phase8.tif and <name>_magnitude8.tif.

    Black and white are the robust limits of the scanned area (0.5 % lie outside on either side) and are in the
    description with the unit.

    Args:
        level: remove the plane that fits the phase best; only the mean phase is removed without.
    """
    return _write_gray(tiff8_images(result, level), folder, name, 8)


def export_tiff16(result: Result, folder: Path, name: str, level: bool = False) -> tuple[Path, ...]:
    """Write 16-bit TIFF as `export_tiff8` does those of 8 bit, <name>_phase16.tif and <name>_magnitude16.tif."""
    return _write_gray(_gray_images(result, level, gray16), folder, name, 16)


def export_npy(result: Result, folder: Path, name: str) -> tuple[Path, ...]:
    """Write numpy's own files of the complex arrays, <name>_object.npy and <name>_probe.npy."""
    tables = _tables(result, folder, (f"{name}_object.npy", f"{name}_probe.npy"))
    for path, array in tables.items():
        with replacing(path) as file:
            np.save(file, array, allow_pickle=False)
    return tuple(tables)


def tiff8_images(result: Result, level: bool = False) -> dict[str, bytes]:
    """Return the content of the files that `export_tiff8` writes: "phase" and "magnitude"."""
    return _gray_images(result, level, gray8)


def _write_gray(images: dict[str, bytes], folder: Path, name: str, bits: int) -> tuple[Path, ...]:
    paths = {folder / f"{name}_{kind}{bits}.tif": content for kind, content in images.items()}
    for path, content in paths.items():
        with replacing(path) as file:
            file.write(content)
    return tuple(paths)


def _gray_images(result: Result, level: bool, gray: Callable[..., np.ndarray]) -> dict[str, bytes]:
    flat = flatten_layers(result.object)
    images = {}
    for kind, image, unit in (
        ("phase", phase_image(flat, level, result.scanned), "rad"),
        ("magnitude", np.abs(flat), "1"),
    ):
        limits = robust_levels(image, result.scanned)
        facts = {"image": kind, "unit": unit, "black": limits[0], "white": limits[1], "leveled": level}
        images[kind] = _tiff(gray(image, limits), result, facts)
    return images


def export_png(result: Result, folder: Path, name: str, level: bool = False, color: bool = False) -> tuple[Path, ...]:
    """Write <name>_phase.png, with scale bar and gray scale in rad, and <name>_probe.png, the modes on the color wheel.

    The phase is cut to the scanned area and a margin about it; beyond there is little light and no information.

    Args:
        level: remove the plane that fits the phase best, and say so in the label; only the mean phase, which has no
            meaning, is removed without.
        color: a perceptual color map in place of gray.
    """
    phase, scanned = phase_image(flatten_layers(result.object), level, result.scanned), result.scanned
    if scanned is not None:
        lit = _lit(scanned, result.probe.shape[-1] // _MARGIN)
        phase, scanned = phase[lit], scanned[lit]
    pictures = {
        folder / f"{name}_phase.png": draw_phase(
            phase, result.object_pixel_m, scanned=scanned, label="phase, leveled" if level else "phase", color=color,
        ),
        folder / f"{name}_probe.png": draw_modes(result.probe, result.object_pixel_m),
    }  # fmt: skip
    for path, picture in pictures.items():
        write_png(path, picture)
    return tuple(pictures)


def _lit(scanned: np.ndarray, margin_px: int) -> tuple[slice, slice]:
    """Return the rows and columns of the scanned area and a margin about it."""
    rows, columns = (np.flatnonzero(scanned.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - margin_px, 0), int(rows[-1]) + margin_px + 1),
        slice(max(int(columns[0]) - margin_px, 0), int(columns[-1]) + margin_px + 1),
    )


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write uint8 RGB (rows, columns, 3) as PNG, whole or not at all.

    Raises:
        OutputError: it can't be written.
    """
    with replacing(path) as file:
        Image.fromarray(picture).save(file, format="PNG")


def write_data_tiff(path: Path, data: np.ndarray, pixel_m: float) -> None:
    """Write float32 (rows, columns) as a TIFF of one page, whole or not at all.

    Args:
        path: of the file.
        data: what a picture shows.
        pixel_m: size of a pixel; 0 where it has none.

    Raises:
        OutputError: it can't be written.
    """
    facts = {"pixel_size_m": pixel_m} if pixel_m > 0 else {}
    with replacing(path) as file:
        file.write(_page(data, pixel_m, facts))


def _tiff(image: np.ndarray, result: Result, facts: dict[str, Any]) -> bytes:
    """Return pages (rows, columns) or (pages, rows, columns) with the pixel size in tags and description."""
    facts = {**facts, "pixel_size_m": result.object_pixel_m, "title": result.title}
    return _page(image, result.object_pixel_m, facts)


def _page(image: np.ndarray, pixel_m: float, facts: dict[str, Any]) -> bytes:
    """Return an image as a TIFF file."""
    per_cm = 0.01 / pixel_m if pixel_m > 0 else 1.0
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, image, photometric="minisblack", metadata=None, description=json.dumps(facts),
        resolution=(per_cm, per_cm), resolutionunit="CENTIMETER", software="ptychogui",
    )  # fmt: skip
    return buffer.getvalue()
