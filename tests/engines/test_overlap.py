"""The overlap projection against dense least squares."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.engines.device_patterns import DevicePatterns
from ptychogui.engines.dm_worker import Spectrum
from ptychogui.engines.overlap import Lanes, Overlap, OverlapWorker, Rounds
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.probe import phase_ramps, shift_probe
from ptychogui.physics.scan import ScanGeometry, place_windows

N, MODES = 8, 2


@pytest.fixture
def numpy_backend() -> Iterator[Backend]:
    with open_backend("numpy") as opened:
        yield opened


class Projection:
    """Random exit waves, and an object and a probe that are to fit them."""

    def __init__(self, backend: Backend, sub_pixel: bool, noise: float, **values: float) -> None:
        rng = np.random.default_rng(3)
        self.geometry: ScanGeometry = place_windows(rng.uniform(0, 9, (20, 2)), N)
        self.rests = self.geometry.fractions * sub_pixel
        shape = self.geometry.object_shape
        true = [_normal(rng, shape) + 2, _normal(rng, (MODES, N, N)) + 1]
        self.waves = self.products(*true)
        self.waves += noise * _normal(rng, self.waves.shape)
        self.object = (true[0] + 0.2 * _normal(rng, shape)).astype(np.complex64)
        self.probe = (true[1] + 0.2 * _normal(rng, true[1].shape)).astype(np.complex64)
        self._backend = backend
        self._settings = Reconstruction.model_validate({"engine": "dm", "object_inertia": 0.0, **values})
        self._bind(sub_pixel)

    def _bind(self, sub_pixel: bool) -> None:
        positions = len(self.waves)
        self._lanes = Lanes.of(self.geometry.corners, N, 3, self._backend.lanes)
        ramps = phase_ramps(self.geometry.fractions, N) if sub_pixel else None
        none = DevicePatterns(np.empty((positions, N, N), np.float32), self._lanes.order, positions, 3, self._backend)
        self._scan = ScanArrays(
            none, self.geometry.corners, self._lanes.order, self.object, np.empty(0), np.empty(0), ramps
        )
        self._overlap = Overlap(self._scan, self.probe, self._lanes, self._settings, self._backend)
        self._slots = self._backend.empty((3, MODES, N, N), np.complex64)
        self._beams = self._backend.empty((3, MODES, N, N), np.complex64)
        self._worker: OverlapWorker = self._overlap.worker(
            self._slots, self._beams, self._backend.fft_pair(self._slots)
        )
        assert positions == 20

    def products(self, obj: np.ndarray, probe: np.ndarray) -> np.ndarray:
        """Return the exit waves of an object and a probe, complex128."""
        places = zip(self.rests, self.geometry.corners, strict=True)
        return np.stack([shift_probe(probe, rest) * obj[r : r + N, c : c + N] for rest, (r, c) in places])

    def misfit(self) -> float:
        """Return ||psi - PO||."""
        return float(np.linalg.norm(self.waves - self.products(self.object, self.probe)))

    def project(self, moves: bool, learned: int) -> np.ndarray | None:
        """Do one round."""
        for i, (start, stop) in enumerate(self._lanes.batches):
            if stop > start:
                chosen = self._lanes.order[start:stop]
                self._slots[: stop - start] = self.waves[chosen]
                self._beams[: stop - start] = [shift_probe(self.probe, rest) for rest in self.rests[chosen]]
                self._worker.take(start, stop - start, i % self._backend.lanes, i < self._backend.lanes, moves, learned)
        return self._overlap.solve(moves, learned)

    def dense(self, unknown: str) -> np.ndarray:
        """Solve for the object, or for the probe, with the other one as it is, by a matrix of all equations."""
        held = getattr(self, unknown)
        columns = []
        for index in np.ndindex(held.shape):
            unit = np.zeros(held.shape, np.complex128)
            unit[index] = 1
            pair = (unit, self.probe) if unknown == "object" else (self.object, unit)
            columns.append(self.products(*pair).ravel())
        solved = np.linalg.lstsq(np.stack(columns, axis=1), self.waves.ravel(), rcond=1e-10)[0]
        return np.asarray(solved.reshape(held.shape))


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


@pytest.mark.parametrize("sub_pixel", [False, True])
def test_the_object_is_the_dense_least_squares(numpy_backend: Backend, sub_pixel: bool) -> None:
    projection = Projection(numpy_backend, sub_pixel, 0.1)
    wanted = projection.dense("object")
    projection.project(True, 0)
    seen = np.zeros(wanted.shape, bool)
    for row, column in projection.geometry.corners:
        seen[row : row + N, column : column + N] = True
    assert abs(projection.object - wanted)[seen].max() < 1e-3


def test_the_probe_is_the_dense_least_squares(numpy_backend: Backend) -> None:
    projection = Projection(numpy_backend, False, 0.1)
    wanted = projection.dense("probe")
    projection.project(False, MODES)
    assert abs(projection.probe - wanted).max() < 1e-4


def test_the_probe_goes_to_the_dense_least_squares_between_pixels(numpy_backend: Backend) -> None:
    projection = Projection(numpy_backend, True, 0.1)
    wanted = projection.dense("probe")
    far = [abs(projection.probe - wanted).max()]
    for _ in range(40):
        projection.project(False, MODES)
        far.append(abs(projection.probe - wanted).max())
    assert far[-1] < 1e-3 * far[0]


@pytest.mark.parametrize("sub_pixel", [False, True])
def test_rounds_end_at_the_joint_least_squares(numpy_backend: Backend, sub_pixel: bool) -> None:
    """There, neither the object nor the probe alone can do better."""
    projection = Projection(numpy_backend, sub_pixel, 0.1)
    misfits = [projection.misfit()]
    for _ in range(150):
        projection.project(True, 0)
        projection.project(False, MODES)
        misfits.append(projection.misfit())
    assert all(after < before + 1e-3 for before, after in pairwise(misfits))
    best = projection.misfit()
    for unknown in ("object", "probe"):
        held, solved = getattr(projection, unknown), projection.dense(unknown)
        kept = held.copy()
        held[...] = solved
        assert projection.misfit() > 0.999 * best
        held[...] = kept


@pytest.mark.parametrize("sub_pixel", [False, True])
def test_one_visit_for_both_improves_the_fit(numpy_backend: Backend, sub_pixel: bool) -> None:
    projection = Projection(numpy_backend, sub_pixel, 0.1)
    first = projection.misfit()
    projection.project(True, MODES)
    both = projection.misfit()
    alone = Projection(numpy_backend, sub_pixel, 0.1)
    alone.project(True, 0)
    assert both < alone.misfit() < first


@pytest.mark.parametrize("sub_pixel", [False, True])
def test_products_that_fit_stay(numpy_backend: Backend, sub_pixel: bool) -> None:
    projection = Projection(numpy_backend, sub_pixel, 0.0)
    projection.waves = projection.products(projection.object, projection.probe)
    obj, probe = projection.object.copy(), projection.probe.copy()
    change = projection.project(True, MODES)
    assert change is not None and change[0] < 1e-9 * change[1]
    assert abs(projection.object - obj).max() < 1e-4
    assert abs(projection.probe - probe).max() < 1e-4


def test_inertia_keeps_what_there_was(numpy_backend: Backend) -> None:
    """With the inertia of the probe's weight in all positions, it goes half of the way where |O| is 1."""
    projection = Projection(numpy_backend, False, 0.1, probe_inertia=1.0)
    projection.object[...] = 1
    projection.waves = projection.products(projection.object, projection.probe + 1)
    before = projection.probe.copy()
    projection.project(False, 1)
    assert abs(projection.probe[0] - before[0] - 0.5).max() < 1e-5
    assert np.array_equal(projection.probe[1], before[1])


def test_rounds_follow_the_change_two_iterations_before(numpy_backend: Backend) -> None:
    rounds = Rounds(Reconstruction(engine="dm", overlap_sweeps=3, overlap_tolerance=0.1), numpy_backend)
    large, small = (np.array([part**2, 1], np.float32) for part in (0.5, 0.01))
    asked = []
    for changes in ([large], [large], [large, large], [large, small], [small], [small], [small]):
        asked.append(rounds.begin())
        rounds.end(changes)
    assert asked == [1, 1, 2, 2, 3, 2, 1]


def test_a_spectrum_follows_its_probe(numpy_backend: Backend) -> None:
    probe = _normal(np.random.default_rng(0), (MODES, N, N)).astype(np.complex64)
    spectrum = Spectrum(probe, numpy_backend)
    probe *= 2
    spectrum.renew()
    assert np.allclose(spectrum.values, np.fft.fft2(probe) / N**2, atol=1e-5)
