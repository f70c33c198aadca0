"""What a CXI file says besides frames and positions: energy, lengths, units, mask, probe; what can't be is noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui.io.readers import open_dataset
from tests.io.makers import DETECTOR, ENERGY, POSITIONS_M, TRANSLATION, make_cxi, translation_m


def test_units_that_differ_are_honored(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi", {TRANSLATION: translation_m(POSITIONS_M) * 1e6, ENERGY: 8.8})
    with h5py.File(path, "r+") as file:
        file[TRANSLATION].attrs["units"] = "um"
        file[ENERGY].attrs["units"] = "keV"
    with open_dataset(path) as dataset:
        assert dataset.positions_m is not None
        np.testing.assert_allclose(dataset.positions_m, POSITIONS_M, rtol=1e-12)
        assert dataset.values["experiment.energy_eV"].value == pytest.approx(8800.0)


UNREADABLE: list[tuple[str, Any, str, str]] = [
    (f"{DETECTOR}/distance", 1.5, "furlong", "is 1.5 'furlong', no detector distance in a unit that is known"),
    (f"{DETECTOR}/distance", "1.5 m", "", "is not a number"),
    (f"{DETECTOR}/distance", np.nan, "", "is nan, not a positive number"),
    (f"{DETECTOR}/distance", np.linspace(1, 2, 5), "", "is 5 different numbers, 1 to 2"),
    (f"{DETECTOR}/distance", h5py.ExternalLink("gone.h5", "/d"), "", "is a link to /d in the file gone.h5"),
    (f"{DETECTOR}/distance", h5py.SoftLink("/gone"), "", "is a link to /gone, which is not there"),
    (f"{DETECTOR}/distance", np.zeros((), [("value", "f8"), ("error", "f8")]), "", "is not a number"),
    (ENERGY, 3.0, "GeV", "is 3e+09 eV, which is no X-ray energy"),
    (ENERGY, 8800.0, "", "is 5.493e+22 eV, which is no X-ray energy: the machine's, or in another unit"),
    (ENERGY, 8.8, "mev", "is 8.8 'mev', no photon energy in a unit that is known"),
    (ENERGY, 102.0, "mA", "is 102 'mA', no photon energy in a unit that is known"),
]


@pytest.mark.parametrize(("place", "value", "units", "said"), UNREADABLE)
def test_what_cant_be_read_is_noted_and_not_known(
    tmp_path: Path, place: str, value: Any, units: str, said: str
) -> None:
    path = make_cxi(tmp_path / "a.cxi", {place: value})
    with h5py.File(path, "r+") as file:
        if units:
            file[place].attrs["units"] = units
    with open_dataset(path) as dataset:
        assert len(dataset.values) == 2
        (note,) = dataset.notes
        assert note.startswith(f"the {'photon energy' if place == ENERGY else 'detector distance'} at /{place} {said}")
        assert note.endswith("and is ignored")


@pytest.mark.parametrize("lost", [0.0, np.nan, np.inf, -1.0, 1e30, 1.5e-6, 1500.0])
@pytest.mark.parametrize(
    ("place", "path", "value"),
    [
        (f"{DETECTOR}/distance", "experiment.distance_m", 1.5),
        (ENERGY, "experiment.energy_eV", 8800.0),
        (f"{DETECTOR}/x_pixel_size", "experiment.detector_pixel_m", 75e-6),
    ],
)
def test_lost_readings_of_a_value_do_not_move_it(
    tmp_path: Path, place: str, path: str, value: float, lost: float
) -> None:
    readings = np.full(60, value if place != ENERGY else value * 1.602176634e-19)
    readings[[3, 40]] = lost * readings[0]
    with open_dataset(make_cxi(tmp_path / "a.cxi", {place: readings})) as dataset:
        assert dataset.values[path].value == pytest.approx(value, rel=1e-9)
        assert "has 2 of 60 readings that can't be meant" in dataset.notes[0]


@pytest.mark.parametrize(
    ("units", "times"),
    [
        (np.array([b"mm"]), 1e3), (np.array(["mm"], h5py.string_dtype()), 1e3), ("Millimetres", 1e3), ("cm", 100),
        ("[µm]", 1e6), (b"nm", 1e9), ("Meter", 1), ("microns", 1e6),
    ],
)  # fmt: skip
def test_units_of_any_form_are_honored(tmp_path: Path, units: Any, times: float) -> None:
    changes = {TRANSLATION: translation_m(POSITIONS_M) * times, f"{DETECTOR}/distance": 1.5 * times}
    path = make_cxi(tmp_path / "a.cxi", changes)
    with h5py.File(path, "r+") as file:
        for place in changes:
            file[place].attrs["units"] = units
    with open_dataset(path) as dataset:
        assert dataset.values["experiment.distance_m"].value == pytest.approx(1.5)
        assert dataset.positions_m is not None
        np.testing.assert_allclose(dataset.positions_m, POSITIONS_M, rtol=1e-12)
        assert dataset.notes == ()


BEAM = "entry_1/instrument_1/beam_1"


@pytest.mark.parametrize("name", ["energy", "incident_energy", "incident_beam_energy"])
@pytest.mark.parametrize(("machine", "units"), [(3.0, "GeV"), (4.8e-10, "J"), (6e9, "eV"), (3.0, "bananas")])
def test_the_energy_of_photons_is_the_beams(tmp_path: Path, name: str, machine: float, units: str) -> None:
    path = make_cxi(tmp_path / "a.cxi", {ENERGY: machine, f"{BEAM}/{name}": 8.8})
    with h5py.File(path, "r+") as file:
        file[ENERGY].attrs["units"], file[f"{BEAM}/{name}"].attrs["units"] = units, "keV"
    with open_dataset(path) as dataset:
        found = dataset.values["experiment.energy_eV"]
        assert (found.value, found.place) == (pytest.approx(8800.0), f"/{BEAM}/{name}")
        assert f"the photon energy at /{ENERGY}" in dataset.notes[0] and "is ignored" in dataset.notes[0]


def test_a_wavelength_of_the_beam_is_an_energy(tmp_path: Path) -> None:
    path = make_cxi(tmp_path / "a.cxi", {ENERGY: None, f"{BEAM}/incident_wavelength": 1.2398419843320026e-10})
    with open_dataset(path) as dataset:
        assert dataset.values["experiment.energy_eV"].value == pytest.approx(10_000.0)


def test_two_photon_energies_that_differ_are_said(tmp_path: Path) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {f"{BEAM}/energy": 9000 * 1.602176634e-19})) as dataset:
        assert dataset.values["experiment.energy_eV"].value == pytest.approx(9000.0)
        assert "is 9000 eV, at /entry_1/instrument_1/source_1/energy 8800 eV" in dataset.notes[0]
    with open_dataset(make_cxi(tmp_path / "a.cxi", {f"{BEAM}/energy": 8800 * 1.602176634e-19})) as dataset:
        assert dataset.notes == ()


def test_the_beams_place_is_read_where_the_file_says_it(tmp_path: Path) -> None:
    frames = np.zeros((5, 40, 60), np.uint16)
    changes = {f"{DETECTOR}/data": frames, f"{DETECTOR}/beam_center_x": 21.0, f"{DETECTOR}/beam_center_y": 14.5}
    with open_dataset(make_cxi(tmp_path / "a.cxi", changes)) as dataset:
        assert dataset.values["preprocessing.center_px"].value == (14.5, 21.0)


@pytest.mark.parametrize(
    ("dtype", "shape"), [(np.uint32, (8, 8)), (np.int8, (8, 8)), (np.uint32, (5, 8, 8)), (np.uint8, (1, 8, 8))]
)
def test_any_mask_bit_is_a_bad_pixel(tmp_path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    mask = np.zeros(shape, dtype)
    mask[..., 2, 3], mask[..., 7, 0] = 1, 8
    with open_dataset(make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/mask": mask})) as dataset:
        assert dataset.bad_pixels is not None
        assert dataset.bad_pixels.dtype == np.bool_
        assert list(zip(*np.nonzero(dataset.bad_pixels), strict=True)) == [(2, 3), (7, 0)]


@pytest.mark.parametrize("mask", [np.zeros((8, 9), int), np.zeros(64), 3, np.zeros((8, 8), "S2"), np.zeros((0, 8, 8))])
def test_a_mask_that_cannot_be_meant_is_noted_and_ignored(tmp_path: Path, mask: Any) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/mask": mask})) as dataset:
        assert dataset.bad_pixels is None
        (note,) = dataset.notes
        assert "is no mask of frames of 8 x 8 px and is ignored" in note


def test_a_mask_of_every_pixel_keeps_no_file_from_opening(tmp_path: Path) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/mask": np.ones((8, 8), int)})) as dataset:
        assert dataset.bad_pixels is not None and dataset.bad_pixels.all()
        assert dataset.bad_if_inverted is not None and not dataset.bad_if_inverted.any()


@pytest.mark.parametrize("shape", [(8, 8), (3, 8, 8)])
def test_illumination_is_the_first_probe(tmp_path: Path, shape: tuple[int, ...]) -> None:
    probe = np.random.default_rng(3).normal(size=(*shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    place = "entry_1/instrument_1/source_1/illumination"
    with open_dataset(make_cxi(tmp_path / "a.cxi", {place: probe})) as dataset:
        assert dataset.probe is not None
        assert dataset.probe.dtype == np.complex64
        np.testing.assert_array_equal(dataset.probe, probe.reshape(-1, 8, 8))


def test_complex_numbers_of_other_programs_are_read(tmp_path: Path) -> None:
    pairs = np.zeros((8, 8), [("real", "f4"), ("imag", "f4")])
    pairs["real"], pairs["imag"] = 2.0, -3.0
    with open_dataset(make_cxi(tmp_path / "a.cxi", {"entry_1/data_1/illumination": pairs})) as dataset:
        np.testing.assert_array_equal(dataset.probe, np.full((1, 8, 8), 2 - 3j, np.complex64))


@pytest.mark.parametrize(
    "names",
    [("r", "i"), ("i", "r"), ("imag", "real"), ("Re", "Im"), ("IM", "RE"), ("imaginary", "real"), ("_real_", "_imag_"),
     ("imag_part", "real_part"), ("ImagPart", "RealPart")],
)  # fmt: skip
def test_the_parts_of_complex_numbers_are_told_by_their_names(tmp_path: Path, names: tuple[str, str]) -> None:
    pairs = np.zeros((8, 8), [(name, "f4") for name in names])
    for name in names:
        pairs[name] = -3.0 if "i" in name.casefold().strip("_")[:1] else 2.0
    with open_dataset(make_cxi(tmp_path / "a.cxi", {"entry_1/data_1/illumination": pairs})) as dataset:
        np.testing.assert_array_equal(dataset.probe, np.full((1, 8, 8), 2 - 3j, np.complex64))


@pytest.mark.parametrize("names", [("f0", "f1"), ("amplitude", "phase"), ("real", "phase"), ("r", "i", "valid")])
def test_parts_whose_names_say_nothing_are_not_guessed(tmp_path: Path, names: tuple[str, ...]) -> None:
    pairs = np.ones((8, 8), [(name, "f4") for name in names])
    with open_dataset(make_cxi(tmp_path / "a.cxi", {"entry_1/data_1/illumination": pairs})) as dataset:
        assert dataset.probe is None
        assert f"has the fields {', '.join(names)}" in dataset.notes[0]


@pytest.mark.parametrize("probe", [np.zeros((8, 8)), np.ones((8, 9)), np.full((8, 8), np.nan)])
def test_an_illumination_that_is_no_probe_is_left_out_with_a_note(tmp_path: Path, probe: np.ndarray) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {"entry_1/data_1/illumination": probe})) as dataset:
        assert dataset.probe is None
        assert "is no probe" in dataset.notes[0]


def test_facts_are_read(tmp_path: Path) -> None:
    changes = {"entry_1/title": "a star", "entry_1/start_time": "2024-05-01T10:00:00"}
    with open_dataset(make_cxi(tmp_path / "a.cxi", changes)) as dataset:
        assert dataset.facts == {"title": "a star", "date": "2024-05-01T10:00:00"}


def test_a_missing_value_is_absent(tmp_path: Path) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {ENERGY: None, f"{DETECTOR}/x_pixel_size": None})) as dataset:
        assert set(dataset.values) == {"experiment.distance_m", "experiment.detector_pixel_m"}
        assert dataset.notes == ()


@pytest.mark.parametrize("size_m", [0.0, -75e-6, np.nan])
def test_a_value_that_cannot_be_is_absent_with_a_note(tmp_path: Path, size_m: float) -> None:
    changes = {f"{DETECTOR}/x_pixel_size": size_m, f"{DETECTOR}/y_pixel_size": size_m}
    with open_dataset(make_cxi(tmp_path / "a.cxi", changes)) as dataset:
        assert "experiment.detector_pixel_m" not in dataset.values
        assert dataset.notes == (
            f"the detector pixel size at /{DETECTOR}/y_pixel_size is {size_m:g}, not a positive number, and is ignored",
        )


def test_the_size_of_pixels_that_are_not_square_is_noted_and_not_known(tmp_path: Path) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/x_pixel_size": 55e-6})) as dataset:
        assert "experiment.detector_pixel_m" not in dataset.values
        (note,) = dataset.notes
        assert note.startswith(f"the detector pixel size at /{DETECTOR}/x_pixel_size is 5.5e-05 m, at ")
        assert note.endswith("7.5e-05 m, and is ignored: ptychogui needs square ones")


@pytest.mark.parametrize("size_m", [75.4e-6, 74.6e-6])
def test_pixels_that_are_nearly_square_have_the_mean_size(tmp_path: Path, size_m: float) -> None:
    with open_dataset(make_cxi(tmp_path / "a.cxi", {f"{DETECTOR}/x_pixel_size": size_m})) as dataset:
        assert dataset.values["experiment.detector_pixel_m"].value == pytest.approx((size_m + 75e-6) / 2)
        assert "their mean is used" in dataset.notes[0]


@pytest.mark.parametrize(("bits", "known"), [(1, 1), (32, 32), (33, None), (0.5, None), (64, None)])
def test_a_bit_depth_that_cant_be_is_noted_and_ignored(tmp_path: Path, bits: float, known: int | None) -> None:
    with open_dataset(make_cxi(tmp_path / "scan.cxi", {f"{DETECTOR}/bit_depth_readout": bits})) as dataset:
        found = dataset.values.get("preprocessing.bit_depth")
        assert (found.value if found else None) == known
        assert any("bit depth" in note and "is ignored" in note for note in dataset.notes) == (known is None)


@pytest.mark.parametrize(("counts", "known"), [(5000, 5000), (4095.5, 4095.5), (0, None), (1, None), (1e12, None)])
def test_saturation_goes_before_the_bit_depth(tmp_path: Path, counts: float, known: float | None) -> None:
    changes = {f"{DETECTOR}/saturation_value": counts, f"{DETECTOR}/bit_depth_readout": 14}
    with open_dataset(make_cxi(tmp_path / "scan.cxi", changes)) as dataset:
        found = {name: dataset.values.get(f"preprocessing.{name}") for name in ("saturation_counts", "bit_depth")}
        values = {name: value.value for name, value in found.items() if value}
        assert values == ({"bit_depth": 14} if known is None else {"saturation_counts": known})
        assert any("saturation" in note and "is ignored" in note for note in dataset.notes) == (known is None)
