"""Simulated scans: a recipe of everything, and the diffraction patterns that it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import scipy

from ptychogui.errors import ParameterError
from ptychogui.params.model import Experiment, Parameters
from ptychogui.physics.modes import hermite_modes, mixed_modes
from ptychogui.physics.optics import object_pixel_m, wavelength_m
from ptychogui.physics.phantoms import PHANTOMS
from ptychogui.physics.probe import gaussian, phase_ramps, scale_to_counts, zone_plate
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.scan import ScanGeometry, fermat_m, fly_m, hexagonal_m, place_windows, raster_m, to_pixels

ScanName = Literal["raster", "spiral", "hexagonal", "fly"]

_CHUNK_BYTES = 1 << 22
_MARGIN_PX = 2
_MOST_COUNTS = 1e12
_BYTES_PER_OBJECT_PIXEL = 64
"""Complex object and what phantoms need to draw it."""
_BYTES_PER_PROBE_PIXEL = 80
"""Complex probe, its spectrum, and one chunk of positions on its way to the detector."""


@dataclass(frozen=True)
class Recipe:
    """Everything that a simulated scan follows from; the defaults are the demo.

    Attributes:
        n: rows and columns of a pattern, even.
        energy_eV: photon energy.
        distance_m: from the sample to the detector.
        detector_pixel_m: size of a detector pixel.
        phantom: the sample, one of physics.phantoms.PHANTOMS.
        probe: "zone_plate" (a defocused doughnut) or "gaussian".
        probe_diameter_m: of the doughnut's rim, or full width at half maximum of the Gaussian.
        outer_zone_m: width of the zone plate's outermost zone.
        mode_fractions: power of each incoherent probe mode, strongest first; scaled to a sum of 1.
        scan: "spiral" (Fermat), "raster", "hexagonal" (every other row shifted by half a step, so that all six
            neighbors are one step away) or "fly" (raster driven forth and back, off by a tenth of a step rms).
        scan_dims: scan rows and columns; the spiral has as many positions in all.
        overlap: part of the probe's diameter that is not the scan step.
        jitter_m: standard deviation, on each axis, of the scan positions from their pattern, as it is programmed to
            break its period; a reconstruction is told of it.
        integer_positions: whether the true positions are rounded to object pixels.
        photons: mean number of photons in a pattern, without the sample's absorption.
        noise: whether the photons are counted (Poisson); else patterns are the exact means.
        background_counts: mean additional counts of every detector pixel.
        dead_pixels: number of detector pixels that count nothing.
        bit_depth: bits of a detector pixel, which stops counting at 2^bits - 1; None for a detector without limit.
        position_error_m: standard deviation, on each axis, of given from true positions.
        probe_variation: rms amplitude, as a part of the first mode's, of what comes to it at each position: a beam that
            wanders over the optics is brighter on one side, and tilted, by random amounts.
        intensity_rms: relative standard deviation of the beam's intensity from pattern to pattern.
        seed: of every random choice. The sample, the scan, the noise and the beam each have their own.

    Raises:
        ParameterError: a value is out of range.
    """

    n: int = 128
    energy_eV: float = 8800.0
    distance_m: float = 1.92
    detector_pixel_m: float = 75e-6
    phantom: str = "siemens"
    probe: Literal["zone_plate", "gaussian"] = "zone_plate"
    probe_diameter_m: float = 1.4e-6
    outer_zone_m: float = 50e-9
    mode_fractions: tuple[float, ...] = (1.0,)
    scan: ScanName = "spiral"
    scan_dims: tuple[int, int] = (14, 14)
    overlap: float = 0.7
    jitter_m: float = 0.0
    integer_positions: bool = False
    photons: float = 1e6
    noise: bool = True
    background_counts: float = 0.0
    dead_pixels: int = 0
    bit_depth: int | None = None
    position_error_m: float = 0.0
    probe_variation: float = 0.0
    intensity_rms: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, good, need in (
            ("n", self.n >= 16 and self.n % 2 == 0, "an even number of at least 16"),
            ("phantom", self.phantom in PHANTOMS, f"one of {', '.join(PHANTOMS)}"),
            ("probe", self.probe in ("zone_plate", "gaussian"), "'zone_plate' or 'gaussian'"),
            ("scan", self.scan in get_args(ScanName), f"one of {', '.join(get_args(ScanName))}"),
            ("scan_dims", min(self.scan_dims) >= 1, "positive"),
            ("probe_diameter_m", self.probe_diameter_m > 0, "positive"),
            ("outer_zone_m", self.outer_zone_m > 0, "positive"),
            ("mode_fractions", min(self.mode_fractions, default=0) > 0, "one or more positive numbers"),
            ("overlap", self.overlap < 1, "below 1"),
            ("jitter_m", self.jitter_m >= 0, "0 or more"),
            ("photons", 0 < self.photons <= _MOST_COUNTS, f"above 0 and at most {_MOST_COUNTS:.0e}"),
            ("background_counts", 0 <= self.background_counts <= _MOST_COUNTS, f"0 to {_MOST_COUNTS:.0e}"),
            ("dead_pixels", 0 <= self.dead_pixels < self.n**2, f"0 to {self.n**2 - 1}"),
            ("bit_depth", self.bit_depth is None or 1 <= self.bit_depth <= 32, "1 to 32"),
            ("position_error_m", self.position_error_m >= 0, "0 or more"),
            ("probe_variation", 0 <= self.probe_variation <= 1, "0 to 1"),
            ("intensity_rms", 0 <= self.intensity_rms <= 1, "0 to 1"),
            ("seed", self.seed >= 0, "0 or more"),
        ):
            if not good:
                raise ParameterError(f"simulation: {name} = {getattr(self, name)!r}, but it must be {need}")
        if self.n * self.object_pixel_m < 2 * self.probe_diameter_m:
            raise ParameterError(
                f"simulation: probe_diameter_m = {self.probe_diameter_m:.3g}, but patterns of {self.n} pixels resolve "
                f"beams up to {self.n * self.object_pixel_m / 2:.3g} m; take a smaller beam, larger patterns, or a "
                "longer detector distance"
            )

    @property
    def object_pixel_m(self) -> float:
        """Pixel of object and probe in m."""
        return object_pixel_m(self.energy_eV, self.distance_m, self.detector_pixel_m, self.n)

    @property
    def step_m(self) -> float:
        """Scan step in m."""
        return (1 - self.overlap) * self.probe_diameter_m

    @property
    def frames(self) -> int:
        """Number of patterns."""
        return self.scan_dims[0] * self.scan_dims[1]

    @property
    def memory_bytes(self) -> int:
        """Estimate of the memory that a simulation takes, in bytes."""
        side_px = self.n + max(self.scan_dims) * abs(self.step_m) / self.object_pixel_m
        counts = self.frames * self.n**2 * (2 if self.noise else 4)
        probe = self.n**2 * len(self.mode_fractions) * _BYTES_PER_PROBE_PIXEL
        return int(counts + probe + side_px**2 * _BYTES_PER_OBJECT_PIXEL)


@dataclass(frozen=True)
class SimulatedScan:
    """A simulated measurement with its truth.

    Attributes:
        recipe: what it was made from.
        counts: uint16, or uint32 where needed, (positions, n, n) with the direct beam at [n // 2, n // 2]; float32
            means for a recipe without noise.
        positions_m: float64 (positions, 2), row and column that a reconstruction is told.
        true_positions_m: float64 (positions, 2), those that the patterns were made at.
        object: complex64 (rows, columns); `geometry` says where the windows lie in it.
        probe: complex64 (modes, n, n), sum |probe|^2 = photons.
        bad_pixels: bool (n, n), True on dead pixels, direct beam at [n // 2, n // 2].
        variation: how the probe of each position differs, or None.
    """

    recipe: Recipe
    counts: np.ndarray
    positions_m: np.ndarray
    true_positions_m: np.ndarray
    object: np.ndarray
    probe: np.ndarray
    bad_pixels: np.ndarray
    variation: ProbeVariation | None = None

    @property
    def energy_eV(self) -> float:
        """Photon energy in eV."""
        return self.recipe.energy_eV

    @property
    def distance_m(self) -> float:
        """Detector distance in m."""
        return self.recipe.distance_m

    @property
    def detector_pixel_m(self) -> float:
        """Detector pixel in m."""
        return self.recipe.detector_pixel_m

    @property
    def object_pixel_m(self) -> float:
        """Object pixel in m."""
        return self.recipe.object_pixel_m

    @property
    def geometry(self) -> ScanGeometry:
        """Where the windows of the true positions lie in the object."""
        return _geometry(self.recipe, self.true_positions_m)


def simulate(recipe: Recipe) -> SimulatedScan:
    """Simulate a scan. The same recipe gives the same bits."""
    seeds = np.random.SeedSequence(recipe.seed).spawn(6)
    sample, scan, detector, photons, beam, pattern = (np.random.default_rng(seed) for seed in seeds)
    true_m = _true_positions_m(recipe, pattern)
    geometry = _geometry(recipe, true_m)
    obj = PHANTOMS[recipe.phantom](geometry.object_shape, sample)
    probe = scale_to_counts(mixed_modes(_beam(recipe), recipe.mode_fractions), recipe.photons)
    variation = _variation(recipe, probe, beam)
    bad = np.zeros((recipe.n, recipe.n), dtype=bool)
    bad.flat[detector.choice(bad.size, recipe.dead_pixels, replace=False)] = True
    return SimulatedScan(
        recipe=recipe,
        counts=_count(intensities(obj, probe, geometry, variation), len(true_m), bad, recipe, photons),
        positions_m=true_m + scan.normal(scale=recipe.position_error_m, size=true_m.shape),
        true_positions_m=true_m,
        object=obj,
        probe=probe,
        bad_pixels=bad,
        variation=variation,
    )


def intensities(
    obj: np.ndarray, probe: np.ndarray, geometry: ScanGeometry, variation: ProbeVariation | None = None
) -> Iterator[np.ndarray]:
    """Yield the mean counts of every pattern, a chunk of positions at a time.

    I = sum_m |fft2(P_m O[window], norm="ortho")|^2, each position's probe shifted by its sub-pixel rest.

    Args:
        obj: complex64 (rows, columns).
        probe: complex64 (modes, N, N).
        geometry: of `positions` windows.
        variation: how each position's probe differs; all have the same, if None.

    Yields:
        float32 (chunk, N, N) with the direct beam at [0, 0].
    """
    for chunk in _chunks(len(geometry.corners), probe.nbytes):
        corners, fractions = geometry.corners[chunk], geometry.fractions[chunk]
        n = geometry.window_px
        windows = np.stack([obj[row : row + n, column : column + n] for row, column in corners])
        beams = probe[None] if variation is None else variation.probes(probe, chunk)
        if np.any(fractions):
            ramps = phase_ramps(fractions, n)
            beams = scipy.fft.ifft2(scipy.fft.fft2(beams) * (ramps[:, 0, None, :, None] * ramps[:, 1, None, None, :]))
        far = scipy.fft.fft2(beams * windows[:, None], norm="ortho")
        yield (far.real**2 + far.imag**2).sum(axis=1, dtype=np.float32)


def recipe_of(parameters: Parameters) -> Recipe:
    """Return the recipe that parameters ask for; what they leave open stays as in the demo.

    Beam, detector, scan pattern, dimensions and step, probe size and modes, pattern size, bit depth and seed are
    taken over. Every mode but the first gets a tenth of the power of the first.

    Raises:
        ParameterError: the values can't be simulated.
    """
    experiment, preprocessing = parameters.experiment, parameters.preprocessing
    asked: dict[str, Any] = {
        "n": preprocessing.size_px,
        "energy_eV": experiment.energy_eV,
        "distance_m": experiment.distance_m,
        "detector_pixel_m": experiment.detector_pixel_m,
        "probe_diameter_m": experiment.probe_diameter_m,
        "scan": _scan_of(experiment),
        "scan_dims": experiment.scan_dims,
        "bit_depth": preprocessing.bit_depth,
        "seed": parameters.reconstruction.seed,
        "mode_fractions": (1.0, *[0.1] * (experiment.modes - 1)),
    }
    if experiment.step_m is not None:
        if experiment.step_m[0] != experiment.step_m[1]:
            raise ParameterError(f"a simulated scan has one step for rows and columns, not {experiment.step_m} m")
        diameter_m = experiment.probe_diameter_m or Recipe.probe_diameter_m
        asked["overlap"] = 1 - experiment.step_m[0] / diameter_m
    return Recipe(**{name: value for name, value in asked.items() if value is not None})


def _scan_of(experiment: Experiment) -> str | None:
    """Rows and columns without a pattern, as in a ptychopy command, mean a raster."""
    if experiment.scan_pattern == "spiral" or (experiment.scan_pattern == "listed" and experiment.scan_dims is None):
        return None
    return "raster"


def _geometry(recipe: Recipe, positions_m: np.ndarray) -> ScanGeometry:
    pixels = to_pixels(positions_m, recipe.object_pixel_m)
    return place_windows(np.rint(pixels) if recipe.integer_positions else pixels, recipe.n, _MARGIN_PX)


def _true_positions_m(recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    rows, columns = recipe.scan_dims
    step = (recipe.step_m, recipe.step_m)
    if recipe.scan == "raster":
        positions = raster_m(recipe.scan_dims, step)
    elif recipe.scan == "hexagonal":
        positions = hexagonal_m(recipe.scan_dims, recipe.step_m)
    elif recipe.scan == "fly":
        positions = fly_m(recipe.scan_dims, step, recipe.seed)
    else:
        positions = fermat_m(rows * columns, step)
    positions = positions + rng.normal(scale=recipe.jitter_m, size=positions.shape)
    if recipe.integer_positions:
        return np.asarray(np.rint(to_pixels(positions, recipe.object_pixel_m)) * recipe.object_pixel_m)
    return positions


def _beam(recipe: Recipe) -> np.ndarray:
    pixel = recipe.object_pixel_m
    if recipe.probe == "gaussian":
        return gaussian(recipe.n, pixel, recipe.probe_diameter_m)
    wavelength = wavelength_m(recipe.energy_eV)
    defocus = recipe.probe_diameter_m * recipe.outer_zone_m / wavelength
    return zone_plate(recipe.n, pixel, wavelength, defocus, outer_zone_m=recipe.outer_zone_m)


def _variation(recipe: Recipe, probe: np.ndarray, rng: np.random.Generator) -> ProbeVariation | None:
    """Draw how the beam varies: by a product of the first mode and its distance from an axis, and in intensity."""
    shares, factors = rng.standard_normal(recipe.frames), rng.standard_normal(recipe.frames)
    components = coefficients = intensity = None
    if recipe.probe_variation:
        across = hermite_modes(probe[:1], 2)[1:] * np.exp(0.25j * np.pi)
        size = recipe.probe_variation * np.linalg.norm(probe[0]) / np.sqrt(np.mean(shares**2))
        components, coefficients = across.astype(np.complex64), (size * shares)[:, None].astype(np.float32)
    if recipe.intensity_rms:
        drawn = np.exp(np.sqrt(np.log1p(recipe.intensity_rms**2)) * factors)
        intensity = (drawn / drawn.mean()).astype(np.float32)
    varies = recipe.probe_variation or recipe.intensity_rms
    return ProbeVariation(components, coefficients, intensity) if varies else None


def _count(
    means: Iterator[np.ndarray], frames: int, bad: np.ndarray, recipe: Recipe, rng: np.random.Generator
) -> np.ndarray:
    """Detect mean patterns: background, photon noise, the detector's limit and its dead pixels."""
    counts = np.empty((frames, recipe.n, recipe.n), np.uint16 if recipe.noise else np.float32)
    start = 0
    for chunk in means:
        mean = scipy.fft.fftshift(chunk, axes=(-2, -1)) + np.float32(recipe.background_counts)
        seen = rng.poisson(mean) if recipe.noise else mean
        if recipe.bit_depth is not None:
            seen = np.minimum(seen, 2**recipe.bit_depth - 1)
        seen[:, bad] = 0
        if counts.dtype == np.uint16 and seen.max() >= np.iinfo(np.uint16).max and recipe.bit_depth != 16:
            counts = counts.astype(np.uint32)
        counts[start : start + len(seen)] = seen
        start += len(seen)
    return counts


def _chunks(count: int, bytes_each: int) -> Iterator[slice]:
    size = max(1, _CHUNK_BYTES // bytes_each)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
