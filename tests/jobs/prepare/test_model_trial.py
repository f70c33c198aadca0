"""Models that are tried on a part of a scan: the true one is found, and what is asked for is kept to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.jobs.prepare.model_trial import Model, ModelTrial, leaves_the_model, said_model
from ptychogui.jobs.prepare.probe_trial import ProbeTrial, neighbors
from ptychogui.params.model import Parameters
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.frames import ArrayFrames, prepare_frames
from ptychogui.physics.optics import object_pixel_m
from ptychogui.physics.probe import guess_probe
from ptychogui.physics.scan import place_windows, to_pixels
from ptychogui.physics.simulation import Recipe, simulate

SCAN = {"n": 64, "detector_pixel_m": 150e-6, "probe_diameter_m": 700e-9, "scan_dims": (8, 8)}
MODES, COMPONENTS = {"experiment.probe_modes": None}, {"reconstruction.opr_modes": None}
INTENSITIES, POSITIONS = {"reconstruction.intensity_correction": "auto"}, {"reconstruction.position_correction": "auto"}
ALL_OPEN = Parameters().replace(MODES | COMPONENTS | INTENSITIES | POSITIONS)
POOREST = Model(1)


@pytest.fixture(scope="module")
def host() -> Iterator[Backend]:
    with open_backend("cpu", 2) as backend:
        yield backend


def trial_of(
    backend: Backend, settings: Reconstruction, between: Callable[[], None] = lambda: None, **recipe: Any
) -> ModelTrial:
    """Simulate a scan, and take the part of it that models are tried on."""
    made = Recipe(**{**SCAN, **recipe})
    scan = simulate(made)
    patterns = prepare_frames(ArrayFrames(scan.counts), np.arange(len(scan.counts)), None, Preprocessing())
    pixel_m = object_pixel_m(made.energy_eV, made.distance_m, made.detector_pixel_m, made.n)
    geometry = place_windows(to_pixels(scan.positions_m, pixel_m), made.n, 10)
    probe = guess_probe(patterns.mean_pattern, patterns.dead, pixel_m, made.probe_diameter_m)
    settings = settings.model_copy(update={"noise_model": "poisson"})
    whole = ProbeTrial(patterns.patterns, geometry, np.ones(geometry.object_shape, np.complex64), settings, backend)
    trial = ModelTrial.of(whole, probe, between)
    assert trial is not None
    return trial


@pytest.mark.parametrize(
    ("recipe", "left_open", "found"),
    [
        ({}, MODES | INTENSITIES, POOREST),
        ({"mode_fractions": (0.8, 0.2)}, MODES, Model(2)),
        ({"intensity_rms": 0.1}, INTENSITIES, Model(1, intensities=True)),
        ({"probe_variation": 0.2, "scan_dims": (6, 6)}, COMPONENTS, Model(1, components=1)),
    ],
    ids=["one mode", "two modes", "the intensity varies", "the probe varies"],
)
def test_the_true_model_is_found(
    host: Backend, recipe: dict[str, Any], left_open: dict[str, Any], found: Model
) -> None:
    asked = Parameters().replace({"reconstruction.position_correction": "never", **left_open})
    assert trial_of(host, asked.reconstruction, **recipe).best(POOREST, asked, lambda _model: True)[0] == found


def test_positions_are_refined_where_they_are_off(host: Backend) -> None:
    only = Parameters().replace(POSITIONS)
    trial = trial_of(host, only.reconstruction, position_error_m=40e-9)
    model, notes = trial.best(POOREST, only, lambda _model: True)
    assert model == Model(1, positions=True)
    assert [note.rpartition(", ")[2] for note in notes] == ["kept"]
    assert model.decide(only.reconstruction).position_correction == "3"
    assert POOREST.decide(only.reconstruction).position_correction == "never"


class TestWithoutScans:
    """What is compared with what, by free errors that are known beforehand."""

    def trial(self, host: Backend, known: dict[tuple[Model, int], float]) -> ModelTrial:
        trial = trial_of(host, Reconstruction(), scan_dims=(5, 5))
        trial.found.update(known)
        return trial

    def test_a_small_fall_is_looked_at_again(self, host: Backend) -> None:
        falls = {0: (2.0, 1.9), 1: (1.9, 2.0), 2: (1.9, 2.0)}
        known = {(Model(1 + k), seed): pair[k] for seed, pair in falls.items() for k in range(2)}
        only = Parameters().replace(MODES)
        model, notes = self.trial(host, known).best(POOREST, only, lambda _model: True)
        assert model == POOREST
        assert notes == ["2 probe modes: free error 1.39 -> 1.402, not kept"]

    def test_modes_are_added_as_long_as_that_pays(self, host: Backend) -> None:
        known = {(Model(modes), seed): free for modes, free in ((1, 4.0), (2, 2.0), (3, 2.2)) for seed in range(3)}
        only = Parameters().replace(MODES)
        model, notes = self.trial(host, known).best(POOREST, only, lambda _model: True)
        assert (model, len(notes)) == (Model(2), 2)
        assert notes[0] == "2 probe modes: free error 2 -> 1.414, kept"

    def test_a_model_that_diverges_or_has_no_room_is_not_taken(self, host: Backend) -> None:
        known = {(Model(1), 0): 4.0, (Model(2), 0): np.inf}
        only = Parameters().replace(MODES)
        trial = self.trial(host, known)
        assert trial.best(POOREST, only, lambda _model: True)[0] == POOREST
        model, notes = trial.best(POOREST, only, lambda _model: False)
        assert model == POOREST and "does not fit in memory" in notes[0]


def test_what_is_asked_for_is_not_tried(host: Backend) -> None:
    asked = Parameters().replace({"experiment.probe_modes": 3, "reconstruction.opr_modes": 2})
    assert not leaves_the_model(asked) and said_model(asked) == Model(3, positions=True, components=2)
    assert said_model(ALL_OPEN, first_modes=2) == Model(2)
    assert trial_of(host, asked.reconstruction, scan_dims=(5, 5)).best(Model(3), asked, lambda _model: True) == (
        Model(3),
        [],
    )


def test_a_stop_ends_the_trial(host: Backend) -> None:
    class ToldToStopError(Exception):
        pass

    def between() -> None:
        raise ToldToStopError

    with pytest.raises(ToldToStopError):
        trial_of(host, ALL_OPEN.reconstruction, between, scan_dims=(5, 5)).best(POOREST, ALL_OPEN, lambda _model: True)


def test_too_small_or_too_dark_a_scan_tells_nothing(host: Backend) -> None:
    patterns = np.zeros((20, 32, 32), np.uint8)
    geometry = place_windows(np.random.default_rng(0).uniform(0, 30, (20, 2)), 32, 10)
    obj, probe = np.ones(geometry.object_shape, np.complex64), np.ones((1, 32, 32), np.complex64)
    for count in (20, 8):
        part = replace(geometry, corners=geometry.corners[:count], fractions=geometry.fractions[:count])
        scan = ProbeTrial(patterns[:count], part, obj, Reconstruction(), host)
        assert ModelTrial.of(scan, probe, lambda: None) is None


def test_neighbors_keep_room_where_the_scan_has_it() -> None:
    rows, columns = np.mgrid[:8, :8].reshape(2, -1) * 10.0
    geometry = place_windows(np.stack([rows, columns], axis=1), 16, 6)
    _, tight, _ = neighbors(geometry, 27, 4)
    _, roomy, window = neighbors(geometry, 27, 4, room_px=4)
    assert (roomy.corners - tight.corners == 4).all()
    assert roomy.object_shape == tuple(side + 8 for side in tight.object_shape)
    assert (window[0].stop - window[0].start, window[1].stop - window[1].start) == roomy.object_shape
    _, corner, _ = neighbors(geometry, 0, 4, room_px=20)
    assert corner.corners.min() == geometry.corners.min()
