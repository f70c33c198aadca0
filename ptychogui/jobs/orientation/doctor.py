"""The orientation doctor: which way detector and scan face, from a scan for which nobody knows.

Four reconstructions of a few neighbors, each begun with two beams, and the curl of the patterns' centers of mass are
the evidence; cases.py says why four are enough for 16 cases, verdict.py judges. Frames are not turned for it: turning
them by T is the same as turning the positions by T^-1, which costs nothing and moves no pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.engines import create_engine
from ptychogui.engines.base import Estimate, Problem
from ptychogui.errors import DataError
from ptychogui.io.array_files import holds_result
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.orientation.cases import CLASSES, all_cases
from ptychogui.jobs.orientation.verdict import Evidence, Verdict, judge
from ptychogui.jobs.prepare.careful_frames import StoppedEarlyError
from ptychogui.jobs.prepare.prepared_job import PreparedJob, prepare
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.coarser_pixel import counts_share, matching_scale, resample_probe
from ptychogui.physics.gradients import centers_of_mass, curls, matter_correlation, mean_counts, slopes
from ptychogui.physics.orientation import turn_beam
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe import far_field
from ptychogui.physics.scan import ScanGeometry, illumination, place_windows
from ptychogui.physics.simulation import intensities

FEWEST_POSITIONS = 9
"""Below this many neither slopes nor overlaps mean anything."""

_POSITIONS = 64
_SIZE_PX = 64
_KEPT_COUNTS = 0.8
"""Share of the counts that a crop keeps: the beam's cone, and what the sample scatters near it."""

_ITERATIONS, _MORE_ITERATIONS = 30, 100
_STEP = 0.5
"""Of object and probe: with few photons on few positions, whole steps diverge."""

_WELL_LIT = 0.3
"""Part of the brightest pixel's light above which the object is looked at."""

_INVERSION = -np.eye(2, dtype=int)


@dataclass(frozen=True)
class OrientationProgress:
    """How far the doctor is: `done` of `total` steps, the next one in words; the last has the verdict."""

    done: int
    total: int
    text: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class _Fit:
    """What became of one reconstruction: its error, each pattern's share in it, the object, and where it was lit."""

    error: float
    misfits: np.ndarray
    object: np.ndarray
    light: np.ndarray


def find_orientation(
    job: Job,
    backend: Backend,
    tell: Callable[[OrientationProgress], None] = lambda _progress: None,
    control: Control | None = None,
) -> Verdict | None:
    """Examine a scan to the end; see `examine`. None where it was stopped before."""
    verdict = None
    for progress in examine(job, backend, control):
        tell(progress)
        verdict = progress.verdict
    return verdict


def open_and_examine(job: Job, tell: Callable[[OrientationProgress], None]) -> None:
    """Examine a scan on the job's own device; see `examine`."""
    with open_backend(job.parameters.devices.device, job.parameters.devices.threads) as backend:
        find_orientation(job, backend, tell)


def examine(job: Job, backend: Backend, control: Control | None = None) -> Generator[OrientationProgress, None, None]:
    """Find out in which of 16 orientations a scan fits, a step at a time.

    Nothing is written. Closing the generator or `control.stop()` ends it, without a verdict.

    Args:
        job: the scan and its parameters; its orientation is one of the cases, its engine and iterations don't matter.
        backend: an open device.
        control: how to stop it within a step.

    Yields:
        what comes next; the last has the verdict.

    Raises:
        PtychoError: the scan can't be read, or has too few positions, or the device failed.
    """
    control = control or Control()
    total = 2 * len(CLASSES) + 2
    yield OrientationProgress(0, total, "reading the patterns")
    try:
        with backend.in_words():
            prepared = prepare(_all_pixels(job), control=control)
            excerpt = _Excerpt(prepared, backend, control)
            fits: list[tuple[_Fit, _Fit]] = []
            for number in range(len(CLASSES)):
                name = f"arrangement {number + 1} of {len(CLASSES)}"
                yield OrientationProgress(1 + 2 * number, total, name)
                first = excerpt.fit(number, 0)
                yield OrientationProgress(2 + 2 * number, total, f"{name}, with the conjugate beam")
                fits.append((first, excerpt.fit(number, 1)))
            yield OrientationProgress(total - 1, total, "the sign of the phase")
            evidence = excerpt.evidence(fits)
    except StoppedEarlyError:
        return
    positions_file = job.parameters.experiment.positions_file
    cases = all_cases(prepared.parameters, positions_file is not None and holds_result(positions_file))
    yield OrientationProgress(total, total, "done", judge(cases, evidence))


def _all_pixels(job: Job) -> Job:
    """Return the job with no pixel held out: what patterns show by themselves is looked at here."""
    return replace(job, parameters=job.parameters.replace({"reconstruction.held_out": 0.0}))


class _Excerpt:
    """A scan cropped to the middle of its patterns, and some neighbors where there is something to see."""

    def __init__(self, prepared: PreparedJob, backend: Backend, control: Control) -> None:
        problem, count = prepared.problem, len(prepared.positions_m)
        if count < FEWEST_POSITIONS:
            raise DataError(f"the scan has {count} positions, too few to tell its orientation: it takes "
                            f"{FEWEST_POSITIONS} or more")  # fmt: skip
        self._backend, self._control = backend, control
        self._beam_is_known = not prepared.probe_is_guess
        self._seed = prepared.parameters.reconstruction.seed
        patterns = _cropped(problem.patterns)
        n = patterns.shape[-1]
        self._positions_px = prepared.positions_m / prepared.object_pixel_m * (n / problem.patterns.shape[-1])
        self._gradients = slopes(self._positions_px, centers_of_mass(patterns))
        chosen = _neighbors(self._positions_px, self._gradients)
        self._chosen_px, self._patterns = self._positions_px[chosen], patterns[chosen]
        self._beam = resample_probe(_straightened(problem.probe), n)

    def fit(self, number: int, side: int, iterations: int = _ITERATIONS) -> _Fit:
        """Reconstruct with the frames turned by a class's matrix, with the beam (side 0) or its conjugate (1)."""
        back = CLASSES[number].T
        geometry = place_windows(self._chosen_px @ back.T, self._patterns.shape[-1])
        problem = self._problem(geometry, self._start(back, side))
        settings = Reconstruction(
            engine="lsqml", iterations=iterations, object_step=_STEP, probe_step=_STEP, position_correction="never",
            noise_model="gaussian", seed=self._seed,
        )  # fmt: skip
        engine = create_engine(problem, settings, self._backend)
        with np.errstate(all="ignore"):  # what diverges is told by its error
            for _ in range(iterations):
                if self._control.stop_asked:
                    raise StoppedEarlyError
                engine.step()
            engine.finish()
            return _judged(engine.estimate(), problem)

    def evidence(self, fits: list[tuple[_Fit, _Fit]]) -> Evidence:
        """Put together what the fits of all classes say, and look closer at the object of the best."""
        better = [min(pair, key=lambda fit: fit.error) for pair in fits]
        best = min(range(len(CLASSES)), key=lambda number: better[number].error)
        side = int(better[best] is fits[best][1])
        closer = min(self.fit(best, side, _MORE_ITERATIONS), better[best], key=lambda fit: fit.error)
        return Evidence(
            misfits=np.array([[fit.error for fit in pair] for pair in fits]),
            fits=np.stack([fit.misfits for fit in better]),
            curls=np.stack([curls(self._gradients, turn) for turn in CLASSES]),
            beams=np.stack([fit.misfits for fit in fits[best]]),
            correlation=matter_correlation(closer.object, closer.light),
            beam_is_known=self._beam_is_known,
        )

    def _start(self, back: np.ndarray, side: int) -> np.ndarray:
        """Return the beam to begin with: a given one is on the scan's axes, a guessed one on those of the frames."""
        if self._beam_is_known:
            turned = turn_beam(self._beam, back)
            return turned.conj() if side else turned
        return turn_beam(self._beam, _INVERSION).conj() if side else self._beam

    def _problem(self, geometry: ScanGeometry, probe: np.ndarray) -> Problem:
        empty = np.ones(geometry.object_shape, np.complex64)
        scale = matching_scale(probe, empty, geometry, self._patterns) or 1.0
        return Problem(self._patterns, geometry, (probe * scale).astype(np.complex64), empty)


def _judged(estimate: Estimate, problem: Problem) -> _Fit:
    """Compare an estimate with the patterns; a large misfit stands for one that is no number."""
    models = np.sqrt(np.concatenate(list(intensities(estimate.object, estimate.probe, problem.geometry))))
    amplitudes = amplitudes_of(problem.patterns)
    known = amplitudes >= 0
    squares = np.where(known, np.square(models - amplitudes), 0).sum(axis=(1, 2), dtype=np.float64)
    expected = np.where(known, expected_amplitude_variance((np.square(models) + np.square(amplitudes)) / 2), 0)
    misfits = squares / max(float(expected.sum(dtype=np.float64)) / len(squares), np.finfo(np.float64).tiny)
    broken = not np.isfinite(misfits).all()
    power = np.square(np.abs(estimate.probe)).sum(axis=0)
    light = np.zeros(estimate.object.shape) if broken else illumination(power, problem.geometry)
    light[light < _WELL_LIT * light.max()] = 0
    if broken:
        return _Fit(np.inf, np.full(len(misfits), np.finfo(np.float32).max), estimate.object, light)
    return _Fit(float(np.sqrt(misfits.mean())), misfits, estimate.object, light)


def _cropped(patterns: np.ndarray) -> np.ndarray:
    """Cut out the middle of patterns about where the mean one is centered: as small as keeps most counts."""
    size, center = patterns.shape[-1], _center_px(mean_counts(patterns))
    for n in (size // factor for factor in (8, 4, 2) if size % (2 * factor) == 0 and size // factor >= _SIZE_PX):
        smaller = _cut(patterns, n, center)
        if counts_share(smaller, patterns) >= _KEPT_COUNTS:
            return smaller
    return _cut(patterns, size, center)


def _cut(patterns: np.ndarray, n: int, center: np.ndarray) -> np.ndarray:
    """Return (positions, n, n) with pixel `center` at [0, 0]; what lies off an edge comes from the other."""
    if n == patterns.shape[-1] and not center.any():
        return patterns
    rows, columns = ((np.fft.fftfreq(n) * n + middle).astype(int) % patterns.shape[-1] for middle in center)
    return np.asarray(patterns[:, rows[:, None], columns])


def _straightened(probe: np.ndarray) -> np.ndarray:
    """Take a probe's phase ramp off, by whole pixels of its far field, which is centered then as the patterns are."""
    n = probe.shape[-1]
    row, column = _center_px(np.square(np.abs(np.fft.ifftshift(far_field(probe), axes=(-2, -1)))).sum(axis=0))
    ramp = row * np.arange(n)[:, None] + column * np.arange(n)
    return np.asarray(probe * np.exp(-2j * np.pi * ramp / n), np.complex64)


def _center_px(mean: np.ndarray) -> np.ndarray:
    """Return the center of mass of a pattern (N, N) with the beam at [0, 0], in whole pixels: int (2,)."""
    offsets = np.fft.fftfreq(len(mean)) * len(mean)
    total = max(float(mean.sum()), np.finfo(np.float64).tiny)
    return np.rint([mean.sum(axis=1) @ offsets / total, mean.sum(axis=0) @ offsets / total]).astype(int)


def _neighbors(positions_px: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Return neighboring positions, in their order, where the sample moves the patterns most: int (up to 64,)."""
    count = min(_POSITIONS, len(positions_px))
    activity = np.sqrt(np.square(gradients).sum(axis=(1, 2)))
    middles = np.unique(np.linspace(0, len(positions_px) - 1, _POSITIONS).astype(int))
    around = [np.argsort(np.square(positions_px - positions_px[m]).sum(axis=1), kind="stable")[:count] for m in middles]
    return np.sort(max(around, key=lambda chosen: float(activity[chosen].mean())))
