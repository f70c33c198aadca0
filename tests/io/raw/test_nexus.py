"""What a detector's master says of beam and detector, by the names of NeXus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui.io.dataset import Dataset
from ptychogui.io.notes import NO_POSITIONS, notes_besides
from ptychogui.io.raw.nexus import read_header
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from ptychogui.jobs.inspection import inspect_file
from tests.io.makers import make_frames

BEAM = "entry/instrument/beam"
DETECTOR = "entry/instrument/detector"
SPECIFIC = f"{DETECTOR}/detectorSpecific"
WHOLE: dict[str, Any] = {
    f"{BEAM}/incident_wavelength": (1.24, "angstrom"),
    f"{DETECTOR}/detector_distance": (1950.0, "mm"),
    f"{DETECTOR}/x_pixel_size": (7.5e-5, "m"),
    f"{DETECTOR}/y_pixel_size": (7.5e-5, "m"),
    f"{DETECTOR}/bit_depth_image": 16,
    f"{DETECTOR}/bit_depth_readout": 12,
}


def fill(file: h5py.File, content: Mapping[str, Any]) -> None:
    """Write datasets by their path; a pair is a value and its units."""
    for place, value in content.items():
        if isinstance(value, tuple):
            file[place] = value[0]
            file[place].attrs["units"] = value[1]
        elif value is not None:
            file[place] = value


def make_master(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a master with two linked files of 3 frames of 16 x 16 pixels."""
    with h5py.File(path, "w") as master:
        for number in (1, 2):
            name = f"{path.stem}_data_{number:06d}.h5"
            with h5py.File(path.with_name(name), "w") as file:
                file["entry/data/data"] = make_frames(3, 3 * number)
            master[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(name, "/entry/data/data")
        fill(master, content)
    return path


def values_of(dataset: Dataset) -> dict[str, Any]:
    return {path.partition(".")[2]: found.value for path, found in dataset.values.items()}


def notes_of(dataset: Dataset) -> list[str]:
    return list(notes_besides(dataset.notes, NO_POSITIONS))


@pytest.fixture
def master(tmp_path: Path) -> Path:
    return make_master(tmp_path / "m_master.h5", WHOLE)


def test_a_master_says_energy_distance_pixel_and_bits(master: Path) -> None:
    with open_dataset(master) as dataset:
        values = values_of(dataset)
        assert values.pop("energy_eV") == pytest.approx(12398.4198 / 1.24, rel=1e-8)
        assert values == {
            "distance_m": pytest.approx(1.95),
            "detector_pixel_m": pytest.approx(75e-6),
            "bit_depth": 16,
        }
        assert notes_of(dataset) == [] and dataset.bad_pixels is None and dataset.frames.shape[0] == 6
    origins = {entry.name: entry.origin for entry in inspect_file(master)[0]}
    assert origins["experiment.energy_eV"] == f"file: m_master.h5: /{BEAM}/incident_wavelength"
    assert origins["experiment.distance_m"] == f"file: m_master.h5: /{DETECTOR}/detector_distance"


@pytest.mark.parametrize(
    ("content", "energy_eV"),
    [
        ({f"{BEAM}/incident_energy": (8.8, "keV")}, 8800.0),
        ({f"{BEAM}/incident_energy": (np.full(1, 8800, np.float32), b"eV")}, 8800.0),
        ({f"{BEAM}/incident_energy": (8800.0 * 1.602176634e-19, "J")}, 8800.0),
        ({f"{BEAM}/incident_energy": (np.full(6, 8800), np.array(["eV"], object))}, 8800.0),
        ({f"{BEAM}/incident_wavelength": (1.2398419843320026e-10, "m")}, 10_000.0),
        ({f"{BEAM}/incident_wavelength": (1.2398419843320026, "Angstroms")}, 10_000.0),
        ({f"{SPECIFIC}/photon_energy": (7112.0, "eV")}, 7112.0),
        ({f"{BEAM}/incident_energy": (8.8, "keV"), f"{BEAM}/incident_wavelength": (1.0, "angstrom")}, 8800.0),
    ],
)
def test_an_energy_is_read_in_its_units(tmp_path: Path, content: Mapping[str, Any], energy_eV: float) -> None:
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {"energy_eV": pytest.approx(energy_eV, rel=1e-9)}
        assert notes_of(dataset) == []


BEAM_ENERGY = f"{BEAM}/incident_energy"
ODD: list[tuple[str, Any, str]] = [
    (BEAM_ENERGY, ("8.8 keV", "keV"), "photon energy at .* is not a number"),
    (BEAM_ENERGY, (np.nan, "keV"), "photon energy at .* is nan, not a positive number"),
    (BEAM_ENERGY, (np.inf, "keV"), "photon energy at .* is inf, not a positive number"),
    (BEAM_ENERGY, (0, "keV"), "photon energy at .* is 0, not a positive number"),
    (BEAM_ENERGY, (-8.8, "keV"), "photon energy at .* is -8.8, not a positive number"),
    (BEAM_ENERGY, (np.full(3, 1.7e308), "keV"), "photon energy at .* is 1.7e\\+308, not a positive number"),
    (f"{BEAM}/incident_wavelength", (1e-320, "angstrom"), "wavelength at .* is 9.99989e-321 'angstrom', no wavelength"),
    (BEAM_ENERGY, ([8.8, 9.9], "keV"), "photon energy at .* is 2 different numbers"),
    (BEAM_ENERGY, (np.zeros((0,)), "keV"), "photon energy at .* is not a number"),
    (BEAM_ENERGY, (h5py.Empty("f8"), "keV"), "photon energy at .* is not a number"),
    (BEAM_ENERGY, (np.zeros(1, [("re", "f4"), ("im", "f4")]), "keV"), "photon energy at .* is not a number"),
    (BEAM_ENERGY, 8.8, "photon energy at .* is 8.8 without units"),
    (BEAM_ENERGY, (8.8, "mA"), "photon energy at .* is 8.8 'mA', no photon energy in a unit that is known"),
    (BEAM_ENERGY, (8.8, ["keV", "eV"]), "photon energy at .* is 8.8 '.*keV.*', no photon energy in a unit"),
    (f"{BEAM}/incident_wavelength", (0.0, "angstrom"), "wavelength at .* is 0, not a positive number"),
    (f"{BEAM}/incident_wavelength", (1.0, "eV"), "wavelength at .* is 1 'eV', no wavelength in a unit"),
    (f"{DETECTOR}/distance", (0.0, "m"), "detector distance at .* is 0, not a positive number"),
    (f"{DETECTOR}/x_pixel_size", (75.0, "px"), "detector pixel size at .* is 75 'px'"),
    (f"{DETECTOR}/bit_depth_image", 12.5, "bit depth at .* is 12.5, no whole number from 1 to 32"),
    (f"{DETECTOR}/bit_depth_image", 64, "bit depth at .* is 64, no whole number from 1 to 32"),
    (f"{DETECTOR}/saturation_value", "many", "saturation at .* is not a number"),
    (f"{DETECTOR}/saturation_value", 2**40, "saturation at .* is 1.09951e\\+12, more than 32 bits"),
    (f"{DETECTOR}/pixel_mask", np.zeros((8, 8), "u4"), "pixel mask at .* is no mask of frames of 16 x 16 px"),
    (f"{DETECTOR}/pixel_mask", 0, "pixel mask at .* is no mask of frames of 16 x 16 px"),
    (f"{DETECTOR}/pixel_mask", "none", "pixel mask at .* is no mask of frames of 16 x 16 px"),
    (f"{DETECTOR}/pixel_mask", h5py.ExternalLink("gone.h5", "/m"), "pixel mask at .* is a link to /m in the .* gone"),
    (BEAM_ENERGY, h5py.SoftLink("/nowhere"), "photon energy at .* is a link to /nowhere, which is not there"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "said"), ODD)
def test_what_is_odd_is_noted_and_not_taken(tmp_path: Path, place: str, value: Any, said: str) -> None:
    with open_dataset(make_master(tmp_path / "m.h5", {place: value})) as dataset:
        assert values_of(dataset) == {} and dataset.bad_pixels is None
        (note,) = notes_of(dataset)
        assert " at m.h5: /" in note
        assert re.search(said, note), note


def test_an_odd_value_gives_way_to_the_next_place(tmp_path: Path) -> None:
    content = {
        BEAM_ENERGY: (0.0, "eV"),
        f"{SPECIFIC}/photon_energy": (8800.0, "eV"),
        f"{DETECTOR}/detector_distance": (0.0, "m"),
        f"{DETECTOR}/distance": (1.95, "m"),
    }
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {"energy_eV": 8800.0, "distance_m": 1.95}
        assert len(notes_of(dataset)) == 2


def test_energies_that_jitter_are_averaged_and_said(tmp_path: Path) -> None:
    content = {BEAM_ENERGY: ([8799.0, 8801.0], "eV")}
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {"energy_eV": 8800.0}
        assert "varies by 0.00023; its mean is used" in notes_of(dataset)[0]


@pytest.mark.parametrize("lost", [0.0, np.nan, np.inf, -1.0, 8.8e6, 1e-3])
def test_lost_readings_do_not_move_a_value(tmp_path: Path, lost: float) -> None:
    energies = np.full(60, 8.8)
    energies[[5, 41]] = lost
    with open_dataset(make_master(tmp_path / "m.h5", {BEAM_ENERGY: (energies, "keV")})) as dataset:
        assert values_of(dataset) == {"energy_eV": pytest.approx(8800.0)}
        assert "has 2 of 60 readings that can't be meant" in notes_of(dataset)[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({f"{DETECTOR}/detector_distance": (1.95, "Metres")}, 1.95),
        ({f"{DETECTOR}/detector_distance": (1950.0, np.array([b"millimeter"]))}, 1.95),
        ({f"{DETECTOR}/detector_distance": (195.0, "CM")}, 1.95),
    ],
)
def test_units_of_any_spelling_are_read(tmp_path: Path, content: Mapping[str, Any], expected: float) -> None:
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {"distance_m": pytest.approx(expected)} and notes_of(dataset) == []


@pytest.mark.parametrize(
    ("x", "y", "center"),
    [
        (3.0, 11.25, (11.25, 3.0)),
        ((3.0, "pixel"), (11.25, "pixels"), (11.25, 3.0)),
        ((3 * 0.075, "mm"), (11.25 * 0.075, "mm"), (11.25, 3.0)),
        (np.where(np.arange(6) == 2, np.nan, 3.0), np.full(6, 11.25), (11.25, 3.0)),
    ],
)
def test_the_beams_place_is_read(tmp_path: Path, x: Any, y: Any, center: tuple[float, float]) -> None:
    content = {f"{DETECTOR}/beam_center_x": x, f"{DETECTOR}/beam_center_y": y}
    with open_dataset(make_master(tmp_path / "m.h5", {**WHOLE, **content})) as dataset:
        found = dataset.values["preprocessing.center_px"]
        assert found.value == pytest.approx(center)
        assert found.place == f"/{DETECTOR}/beam_center_y; /{DETECTOR}/beam_center_x"


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (3.0, 16.0), (1030.0, 1065.0), (-3.0, 5.0), (3.0, None)])
def test_a_place_of_the_beam_that_cant_be_is_ignored(tmp_path: Path, x: float, y: float | None) -> None:
    content = {f"{DETECTOR}/beam_center_x": x, f"{DETECTOR}/beam_center_y": y}
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {}
        assert notes_of(dataset) and all(note.startswith("the pattern center at m.h5: ") for note in notes_of(dataset))


def test_pixels_that_are_nearly_square_have_the_mean_size(tmp_path: Path) -> None:
    content = {f"{DETECTOR}/x_pixel_size": (75.2, "um"), f"{DETECTOR}/y_pixel_size": (75.0, "um")}
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {"detector_pixel_m": pytest.approx(75.1e-6)}
        assert "their mean is used" in notes_of(dataset)[0]


def test_damaged_bytes_are_a_note(tmp_path: Path) -> None:
    path = make_master(tmp_path / "m.h5", {f"{BEAM}/incident_wavelength": (1.0, "angstrom")})
    mask = np.random.default_rng(0).integers(0, 2, (16, 16)).astype("u4")
    with h5py.File(path, "r+") as file:
        data = file.create_dataset(f"{SPECIFIC}/pixel_mask", data=mask, chunks=(16, 16), compression="gzip")
        start = data.id.get_chunk_info(0).byte_offset
    with path.open("r+b") as raw:
        raw.seek(start)
        raw.write(b"\xff" * 16)
    with open_dataset(path) as dataset:
        assert dataset.bad_pixels is None and "energy_eV" in values_of(dataset)
        assert "the pixel mask at" in notes_of(dataset)[0] and "can't be read" in notes_of(dataset)[0]


def test_pixels_that_are_not_square_are_noted(tmp_path: Path) -> None:
    content = {f"{DETECTOR}/x_pixel_size": (50.0, "um"), f"{DETECTOR}/y_pixel_size": (75.0, "um")}
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {}
        assert "x_pixel_size is 5e-05 m, at" in notes_of(dataset)[0] and "needs square ones" in notes_of(dataset)[0]


@pytest.mark.parametrize(
    ("content", "counts", "notes"),
    [
        ({f"{DETECTOR}/saturation_value": 65534}, 65534, 0),
        ({f"{DETECTOR}/saturation_value": 5000, f"{DETECTOR}/bit_depth_image": 32}, 5000, 0),
        ({f"{DETECTOR}/saturation_value": 2**32 - 1}, 2**32 - 1, 0),
        ({f"{SPECIFIC}/countrate_correction_count_cutoff": 50649, f"{DETECTOR}/bit_depth_image": 32}, 50649, 0),
        ({f"{DETECTOR}/saturation_value": 0, f"{SPECIFIC}/countrate_correction_count_cutoff": 711}, 711, 1),
    ],
)
def test_saturation_is_taken_exactly(tmp_path: Path, content: Mapping[str, Any], counts: int, notes: int) -> None:
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {"saturation_counts": counts}
        assert len(notes_of(dataset)) == notes


@pytest.mark.parametrize(
    ("content", "bits", "notes"),
    [
        ({f"{SPECIFIC}/countrate_correction_count_cutoff": 0, f"{DETECTOR}/bit_depth_image": 32}, 32, 1),
        ({f"{DETECTOR}/saturation_value": 1, f"{DETECTOR}/bit_depth_image": 16}, 16, 1),
        ({f"{DETECTOR}/bit_depth_image": 32, f"{DETECTOR}/bit_depth_readout": 12}, 32, 0),
        ({f"{DETECTOR}/bit_depth_readout": 12}, 12, 0),
    ],
)
def test_saturation_is_told_by_bits_else(tmp_path: Path, content: Mapping[str, Any], bits: int, notes: int) -> None:
    with open_dataset(make_master(tmp_path / "m.h5", content)) as dataset:
        assert values_of(dataset) == {"bit_depth": bits}
        assert len(notes_of(dataset)) == notes


@pytest.mark.parametrize("place", [f"{SPECIFIC}/pixel_mask", f"{DETECTOR}/pixel_mask"])
def test_any_bit_of_the_mask_is_a_bad_pixel(tmp_path: Path, place: str) -> None:
    mask = np.zeros((16, 16), np.uint32)
    mask[2, 3], mask[5, 7] = 1, 2**31
    with open_dataset(make_master(tmp_path / "m.h5", {place: mask})) as dataset:
        assert dataset.bad_pixels is not None and dataset.bad_pixels.dtype == np.bool_
        assert np.array_equal(dataset.bad_pixels, mask != 0)
    of_frames = np.stack([mask * (frame == 1) for frame in range(3)])
    with open_dataset(make_master(tmp_path / "m.h5", {place: of_frames})) as dataset:
        assert dataset.bad_pixels is not None
        assert np.array_equal(dataset.bad_pixels, mask != 0)


def test_a_single_stack_and_a_series_say_it_too(tmp_path: Path) -> None:
    for number in (2, 3):
        with h5py.File(tmp_path / f"s_{number}.h5", "w") as file:
            file["entry/data/data"] = make_frames(2)
            fill(file, {BEAM_ENERGY: (8.8, "keV")})
    with open_dataset(tmp_path / "s_3.h5") as dataset:
        assert dataset.values["experiment.energy_eV"].place == f"/{BEAM_ENERGY}"
    with open_dataset(tmp_path / "s_#d.h5", ReadOptions(first_file=1)) as dataset:
        assert dataset.values["experiment.energy_eV"].place == f"s_2.h5: /{BEAM_ENERGY}"
        assert values_of(dataset) == {"energy_eV": 8800.0}


def test_a_file_that_is_no_hdf5_says_nothing(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", make_frames(2))
    header = read_header(tmp_path / "a.npy", (16, 16))
    assert (header.values, header.mask, header.notes) == ({}, None, ())
