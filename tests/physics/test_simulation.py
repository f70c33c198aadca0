from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics import simulation
from ptychogui.physics.frames import ArrayFrames, prepare_frames
from ptychogui.physics.metrics import photon_noise_error
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.phantoms import PHANTOMS
from ptychogui.physics.probe import shift_probe
from ptychogui.physics.scan import ScanGeometry, place_windows, to_pixels
from ptychogui.physics.simulation import Recipe, SimulatedScan, intensities, recipe_of, simulate

SMALL = Recipe(n=64, scan_dims=(4, 5), distance_m=0.96, probe_diameter_m=0.8e-6)


def means(scan: SimulatedScan) -> np.ndarray:
    return np.concatenate(list(intensities(scan.object, scan.probe, scan.geometry)))


def test_forward_model_reproduces_the_golden_data(shared_data: Path) -> None:
    golden = np.load(shared_data / "forward-golden.npz")
    probe = np.pad(golden["probe"], ((0, 0), (8, 8), (8, 8)))
    rows = np.pad(golden["object"], 8)
    corners = golden["positions"].astype(np.int32)
    geometry = ScanGeometry(corners, np.zeros(corners.shape), (144, 144), 32, (0.0, 0.0))
    modelled = np.concatenate(list(intensities(rows, probe, geometry)))
    assert np.abs(modelled - golden["intensity"]).max() < 1e-5 * golden["intensity"].max()


def test_sub_pixel_positions_shift_the_probe() -> None:
    scan = simulate(SMALL)
    geometry, model = scan.geometry, means(scan)
    assert np.any(geometry.fractions)
    for i in (0, 7, 19):
        row, column = geometry.corners[i]
        waves = shift_probe(scan.probe, geometry.fractions[i]) * scan.object[row : row + 64, column : column + 64]
        np.testing.assert_allclose(
            model[i], (np.abs(np.fft.fft2(waves, norm="ortho")) ** 2).sum(axis=0), atol=1e-4 * model[i].max()
        )


def test_incoherent_modes_add_their_intensities() -> None:
    scan = simulate(dataclasses.replace(SMALL, mode_fractions=(0.7, 0.2, 0.1)))
    apart = sum(next(intensities(scan.object, mode[None], scan.geometry)) for mode in scan.probe)
    np.testing.assert_allclose(means(scan), apart, rtol=1e-4, atol=1e-2)
    powers = np.sum(np.abs(scan.probe) ** 2, axis=(1, 2))
    np.testing.assert_allclose(powers, 1e6 * np.array([0.7, 0.2, 0.1]), rtol=1e-4)


def test_patterns_without_noise_are_the_means() -> None:
    scan = simulate(dataclasses.replace(SMALL, noise=False))
    assert scan.counts.dtype == np.float32
    np.testing.assert_array_equal(np.fft.ifftshift(scan.counts, axes=(1, 2)), means(scan))


def test_through_vacuum_every_pattern_has_the_photons_of_the_dose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PHANTOMS, "siemens", lambda shape, rng: np.ones(shape, np.complex64))
    np.testing.assert_allclose(means(simulate(SMALL)).sum(axis=(1, 2)), 1e6, rtol=1e-4)


def test_photons_are_counted_with_poisson_statistics() -> None:
    scan = simulate(dataclasses.replace(SMALL, photons=1e5, background_counts=0.5))
    expected = np.fft.fftshift(means(scan), axes=(1, 2)).astype(np.float64) + 0.5
    rest = (scan.counts - expected) / np.sqrt(expected)
    assert rest.mean() == pytest.approx(0, abs=5 / np.sqrt(rest.size))
    assert rest.var() == pytest.approx(1, abs=0.03)


def test_the_truth_misses_the_photon_noise_only() -> None:
    scan = simulate(SMALL)
    patterns = prepare_frames(ArrayFrames(scan.counts), np.arange(20), scan.bad_pixels, Preprocessing())
    assert photon_noise_error(np.sqrt(means(scan)), amplitudes_of(patterns.patterns)) == pytest.approx(1, abs=0.03)


def test_the_same_seed_gives_the_same_bits() -> None:
    one, two, other = (simulate(dataclasses.replace(SMALL, seed=seed)) for seed in (3, 3, 4))
    for name in ("counts", "positions_m", "object", "probe", "bad_pixels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert not np.array_equal(one.counts, other.counts)


def test_the_dose_does_not_change_the_sample() -> None:
    np.testing.assert_array_equal(simulate(SMALL).object, simulate(dataclasses.replace(SMALL, photons=10)).object)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulate(SMALL)
    monkeypatch.setattr(simulation, "_CHUNK_BYTES", 3 * whole.probe.nbytes)
    np.testing.assert_array_equal(simulate(SMALL).counts, whole.counts)


def test_dead_pixels_count_nothing_and_are_known() -> None:
    scan = simulate(dataclasses.replace(SMALL, dead_pixels=40, background_counts=30))
    assert scan.bad_pixels.sum() == 40
    assert not scan.counts[:, scan.bad_pixels].any()
    assert scan.counts[:, ~scan.bad_pixels].all()


@pytest.mark.parametrize("bits", [7, 16])
def test_saturated_pixels_stop_at_their_limit_and_are_left_free(bits: int) -> None:
    scan = simulate(dataclasses.replace(SMALL, bit_depth=bits, photons=1e6 if bits == 7 else 4e8))
    assert scan.counts.dtype == np.uint16
    assert scan.counts.max() == 2**bits - 1
    patterns = prepare_frames(ArrayFrames(scan.counts), np.arange(20), None, Preprocessing(bit_depth=bits))
    assert patterns.saturated == np.count_nonzero(scan.counts == 2**bits - 1)


def test_many_photons_need_and_get_32_bits() -> None:
    scan = simulate(dataclasses.replace(SMALL, photons=4e8))
    assert scan.counts.dtype == np.uint32
    assert scan.counts.max() > 65535


def test_position_errors_part_given_from_true_positions() -> None:
    recipe = dataclasses.replace(SMALL, position_error_m=20e-9, scan_dims=(20, 20))
    scan = simulate(recipe)
    assert np.std(scan.positions_m - scan.true_positions_m) == pytest.approx(20e-9, rel=0.1)
    np.testing.assert_array_equal(simulate(SMALL).positions_m, simulate(SMALL).true_positions_m)


def test_jitter_moves_the_scan_that_is_made_and_told() -> None:
    recipe = dataclasses.replace(SMALL, scan="raster", scan_dims=(20, 20))
    still, moved = simulate(recipe), simulate(dataclasses.replace(recipe, jitter_m=20e-9))
    assert np.std(moved.true_positions_m - still.true_positions_m) == pytest.approx(20e-9, rel=0.1)
    np.testing.assert_array_equal(moved.positions_m, moved.true_positions_m)
    other = simulate(dataclasses.replace(recipe, jitter_m=20e-9, seed=1))
    assert not np.array_equal(other.positions_m, moved.positions_m)


@pytest.mark.parametrize("scan", ["raster", "spiral", "fly"])
def test_integer_positions_leave_no_rest(scan: str) -> None:
    simulated = simulate(Recipe(**{**dataclasses.asdict(SMALL), "scan": scan, "integer_positions": True}))
    told = place_windows(to_pixels(simulated.positions_m, simulated.object_pixel_m), 64)
    np.testing.assert_allclose(told.fractions, 0, atol=1e-9)
    np.testing.assert_array_equal(told.corners, simulated.geometry.corners)
    assert not simulated.geometry.fractions.any()


@pytest.mark.parametrize("phantom", PHANTOMS)
def test_phantoms_are_transmissions_with_detail(phantom: str) -> None:
    sample = PHANTOMS[phantom]((150, 170), np.random.default_rng(0))
    assert sample.dtype == np.complex64 and sample.shape == (150, 170)
    assert np.abs(sample).max() <= 1 and np.abs(sample).min() > 0.5
    assert np.ptp(np.abs(sample)) > 0.15 and np.ptp(np.angle(sample)) > 0.5


@pytest.mark.parametrize("phantom", PHANTOMS)
def test_a_phantom_shows_how_it_is_turned(phantom: str) -> None:
    sample = PHANTOMS[phantom]((150, 150), np.random.default_rng(0))
    images = [image for turns in range(4) for image in (np.rot90(sample, turns), np.rot90(sample, turns).T)]
    assert sum(np.array_equal(image, sample) for image in images) == 1


def test_the_demo_is_what_a_newcomer_should_see() -> None:
    scan = simulate(Recipe())
    assert scan.counts.shape == (196, 128, 128) and scan.counts.dtype == np.uint16
    assert scan.counts.sum(axis=(1, 2)).mean() == pytest.approx(7.5e5, rel=0.2)
    assert scan.object_pixel_m == pytest.approx(28.18e-9, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n", 63), ("phantom", "lena"), ("overlap", 1.0), ("photons", 0), ("mode_fractions", ()), ("seed", -1),
     ("dead_pixels", -1), ("bit_depth", 40), ("scan_dims", (0, 3)), ("position_error_m", -1e-9)],
)  # fmt: skip
def test_impossible_recipes_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"simulation: {name} = "):
        Recipe(**{name: value})  # type: ignore[arg-type]


def test_a_beam_that_a_pattern_cannot_resolve_is_refused() -> None:
    with pytest.raises(ParameterError, match="resolve beams up to"):
        Recipe(probe_diameter_m=3e-6)


def test_parameters_make_a_recipe() -> None:
    asked = {
        "preprocessing.size_px": 64, "experiment.energy_eV": 5000.0, "experiment.scan_dims": (3, 4),
        "experiment.scan_pattern": "raster", "experiment.step_m": (0.3e-6, 0.3e-6), "experiment.probe_modes": 3,
        "experiment.probe_diameter_m": 1e-6, "reconstruction.seed": 9,
    }  # fmt: skip
    recipe = recipe_of(Parameters().replace(asked))
    assert (recipe.n, recipe.energy_eV, recipe.scan, recipe.scan_dims, recipe.seed) == (64, 5000.0, "raster", (3, 4), 9)
    assert recipe.step_m == pytest.approx(0.3e-6)
    assert recipe.mode_fractions == (1.0, 0.1, 0.1)
    assert recipe_of(Parameters()) == Recipe()
    with pytest.raises(ParameterError, match="one step for rows and columns"):
        recipe_of(Parameters().replace({**asked, "experiment.step_m": (0.2e-6, 0.4e-6)}))


VARYING = dataclasses.replace(SMALL, probe_variation=0.3, intensity_rms=0.2, mode_fractions=(0.8, 0.2), noise=False)


def test_a_varying_probe_is_what_its_truth_says() -> None:
    scan = simulate(VARYING)
    truth = scan.variation
    assert truth is not None and truth.components is not None
    assert truth.coefficients is not None and truth.intensities is not None
    for i in (0, 7, 19):
        probe = scan.probe.astype(np.complex128)
        probe[0] += truth.coefficients[i, 0] * truth.components[0]
        row, column = scan.geometry.corners[i]
        waves = shift_probe(probe, scan.geometry.fractions[i]) * scan.object[row : row + 64, column : column + 64]
        model = truth.intensities[i] * (np.abs(np.fft.fft2(waves, norm="ortho")) ** 2).sum(axis=0)
        np.testing.assert_allclose(np.fft.ifftshift(scan.counts[i]), model, atol=1e-4 * model.max())


def test_the_probe_varies_by_as_much_as_it_is_said_to() -> None:
    scan = simulate(dataclasses.replace(VARYING, scan_dims=(30, 30), n=32, overlap=0.9, probe="gaussian"))
    truth = scan.variation
    assert truth is not None and truth.components is not None
    assert truth.coefficients is not None and truth.intensities is not None
    assert np.linalg.norm(truth.components[0]) == pytest.approx(1, rel=1e-5)
    assert abs(np.vdot(truth.components[0], scan.probe[0])) < 1e-5 * np.linalg.norm(scan.probe[0])
    size = np.sqrt(np.mean(truth.coefficients**2)) / np.linalg.norm(scan.probe[0])
    assert size == pytest.approx(0.3, rel=1e-4)
    assert truth.intensities.mean() == pytest.approx(1, rel=1e-5)
    assert truth.intensities.std() == pytest.approx(0.2, rel=0.1)


def test_what_varies_changes_nothing_else() -> None:
    """Each random choice has a seed of its own, so a scan with a steady beam stays as it was."""
    steady = simulate(dataclasses.replace(VARYING, probe_variation=0, intensity_rms=0))
    scan = simulate(VARYING)
    assert steady.variation is None
    for name in ("object", "probe", "positions_m", "bad_pixels"):
        np.testing.assert_array_equal(getattr(scan, name), getattr(steady, name))


@pytest.mark.parametrize("values", [{"probe_variation": 1.1}, {"intensity_rms": -0.1}])
def test_variations_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=f"{next(iter(values))} = "):
        Recipe(**values)  # type: ignore[arg-type]
