"""Exports: what other programs read from them is the result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ptychogui.io.array_files import read_object, read_probe
from ptychogui.io.export import export_binary, export_csv, export_png, export_tiff, export_tiff8
from ptychogui.pictures.figures import draw_modes, draw_phase, length_label, nice_length
from tests.io.makers import make_result


def test_csv_is_ptychopys_and_exact(tmp_path: Path) -> None:
    result = make_result()
    paths = export_csv(result, tmp_path / "new", "scan")
    assert [path.name for path in paths] == ["scan_object_0.csv", "scan_probes_0.csv"]
    lines = paths[0].read_text().splitlines()
    assert len(lines) == 20
    words = lines[0].split(", ")
    assert len(words) == 24
    value = result.object[0, 0]
    assert words[0] == f"{float(value.real):.9g}{float(value.imag):+.9g}j"
    assert len(paths[1].read_text().splitlines()) == 3 * 8
    np.testing.assert_array_equal(read_object(paths[0]), result.object)
    np.testing.assert_array_equal(read_probe(paths[1]), result.probe)


def test_csv_is_read_by_numpy(tmp_path: Path) -> None:
    result = make_result()
    paths = export_csv(result, tmp_path, "scan")
    read = np.genfromtxt(paths[0], delimiter=",", dtype=complex)
    np.testing.assert_array_equal(read.astype(np.complex64), result.object)


def ptychopys_number(word: str) -> complex:
    """Read a number as ptychopy does: what follows the first exponent, e and three more characters, is imaginary."""
    word = word.strip(",()ji").replace("+-", "-")
    at = word.find("e")
    cut = at + 4 if at >= 0 else max(word.rfind("+"), word.rfind("-"))
    return complex(float(word[:cut]), float(word[cut:] or 0))


def ptychopys_table(path: Path) -> np.ndarray:
    """Read a table as ptychopy does: words between blanks, as many on a line as there are commas and one."""
    content = path.read_text()
    numbers = [ptychopys_number(word) for word in content.split()]
    lines = content.count("\n")
    return np.array(numbers, np.complex64).reshape(lines, content.count(",") // lines + 1)


def test_ptychopy_reads_what_it_could_not_read_of_its_own(tmp_path: Path) -> None:
    parts = np.array([0, 0.0012345, -1.2e-5, 7e8, -0.25, 3.4e-20, 1, -123456789], np.float32)
    every = (parts[:, None] + 1j * parts).astype(np.complex64)
    result = make_result(object=np.tile(every, (1, 2)))
    paths = export_csv(result, tmp_path, "scan")
    np.testing.assert_array_equal(ptychopys_table(paths[0]), result.object)
    np.testing.assert_array_equal(ptychopys_table(paths[1]), result.probe.reshape(-1, 8))
    np.testing.assert_array_equal(read_object(paths[0]), result.object)
    read = np.genfromtxt(paths[0], delimiter=",", dtype=complex)
    np.testing.assert_array_equal(read.astype(np.complex64), result.object)


def test_binary_is_headerless_complex64(tmp_path: Path) -> None:
    result = make_result()
    paths = export_binary(result, tmp_path, "scan")
    assert [path.name for path in paths] == ["scan_object_0.bin", "scan_probes_0.bin"]
    np.testing.assert_array_equal(np.fromfile(paths[0], "<c8").reshape(20, 24), result.object)
    np.testing.assert_array_equal(np.fromfile(paths[1], "<c8").reshape(3, 8, 8), result.probe)


def test_tiff_holds_phase_magnitude_and_pixel_size(tmp_path: Path) -> None:
    result = make_result(title="scän")
    paths = export_tiff(result, tmp_path, "scan")
    images = {path.stem: tifffile.imread(path) for path in paths}
    assert all(image.dtype == np.float32 for image in images.values())
    np.testing.assert_allclose(images["scan_phase"], np.angle(result.object), atol=1e-6)
    np.testing.assert_allclose(images["scan_magnitude"], np.abs(result.object), rtol=1e-6)
    np.testing.assert_allclose(images["scan_probe_magnitude"], np.abs(result.probe), rtol=1e-6)
    np.testing.assert_allclose(images["scan_probe_phase"], np.angle(result.probe), atol=1e-6)
    with tifffile.TiffFile(paths[0]) as tiff:
        page = tiff.pages.first
        above, below = page.tags["XResolution"].value
        assert above / below == 0.01 / 1e-8
        assert page.tags["ResolutionUnit"].value == 3
        assert json.loads(page.description) == {"image": "phase", "unit": "rad", "pixel_size_m": 1e-8, "title": "scän"}


def test_8_bit_tiff_says_what_black_and_white_are(tmp_path: Path) -> None:
    result = make_result(object_origin_m=None)
    paths = export_tiff8(result, tmp_path, "scan")
    assert [path.name for path in paths] == ["scan_phase8.tif", "scan_magnitude8.tif"]
    with tifffile.TiffFile(paths[1]) as tiff:
        image, facts = tiff.asarray(), json.loads(tiff.pages.first.description)
    assert image.dtype == np.uint8
    magnitude = np.abs(result.object)
    np.testing.assert_allclose([facts["black"], facts["white"]], np.percentile(magnitude, [0.5, 99.5]), rtol=1e-6)
    shown = facts["black"] + image / 255 * (facts["white"] - facts["black"])
    inside = (magnitude > facts["black"]) & (magnitude < facts["white"])
    assert np.abs(shown - magnitude)[inside].max() <= 0.51 / 255 * (facts["white"] - facts["black"])


def test_png_pictures_are_written(tmp_path: Path) -> None:
    paths = export_png(make_result(), tmp_path, "scan", level=True, color=True)
    assert [path.name for path in paths] == ["scan_phase.png", "scan_probe.png"]
    for path in paths:
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert picture.mode == "RGB"
            assert min(picture.size) > 100


def test_layers_are_exported(tmp_path: Path) -> None:
    layers = np.stack([make_result().object] * 2)
    result = make_result(object=layers)
    assert len((export_csv(result, tmp_path, "s")[0]).read_text().splitlines()) == 40
    assert tifffile.imread(export_tiff(result, tmp_path, "s")[0]).shape == (2, 20, 24)
    export_png(result, tmp_path, "s")


def test_the_phase_is_drawn_pixel_by_pixel_above_its_legend() -> None:
    phase = np.linspace(-1, 1, 600 * 500, dtype=np.float32).reshape(600, 500)
    picture = draw_phase(phase, 0.0)
    assert picture.shape[0] > 600
    assert picture.shape[1:] == (500, 3)
    gray = picture[:600, :, 0].astype(float)
    np.testing.assert_allclose(gray / 255 * 2 - 1, np.clip(phase / 0.99, -1, 1), atol=0.01)


def test_the_scale_bar_has_its_length() -> None:
    picture = draw_phase(np.zeros((500, 500), np.float32), 10e-9)
    bar = (picture[:500] == 255).all(axis=2).sum(axis=1).max()
    assert bar == 1e-6 / 10e-9 + 1


def test_small_arrays_are_magnified_by_whole_numbers() -> None:
    assert draw_modes(make_result().probe, 1e-8).shape == (8 * 20, 3 * 8 * 20, 3)


def test_lengths_read_well() -> None:
    labels = {7.3e-6: "5 µm", 4.9e-7: "200 nm", 1e-9: "1 nm", 2e-3: "2 mm"}
    assert {length_m: length_label(nice_length(length_m)) for length_m in labels} == labels


def test_the_phase_picture_is_cut_to_the_scanned_area(tmp_path: Path) -> None:
    corners_m = np.array([[20.0, 30.0], [59.0, 49.0]]) * 1e-8
    whole = make_result(object=np.ones((90, 100), np.complex64), positions_m=corners_m, object_origin_m=(0.0, 0.0))
    path, _ = export_png(whole, tmp_path, "scan")
    area = draw_phase(np.zeros((42, 22)), 1e-8)
    assert np.asarray(Image.open(path)).shape == area.shape
