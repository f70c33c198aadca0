"""A job prepared for its engine: patterns read, positions placed, first guesses made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.backends.compiled_pattern_maker import compiled_maker
from ptychogui.engines.base import Problem
from ptychogui.errors import MemoryBudgetError
from ptychogui.io.dataset import MIRRORED, Dataset
from ptychogui.io.notes import NO_POSITIONS, notes_besides
from ptychogui.jobs.free_error import held_out_notes
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.prepare.careful_frames import CarefulFrames, give_up_if_stopped
from ptychogui.jobs.prepare.first_guesses import first_object, first_probe, first_variation, is_guessed, scaled_probe
from ptychogui.jobs.prepare.memory_check import check_memory
from ptychogui.jobs.prepare.model_trial import Model, ModelTrial, leaves_the_model, said_model
from ptychogui.jobs.prepare.open_scan import open_when_complete
from ptychogui.jobs.prepare.prepared_scan import PreparedScan
from ptychogui.jobs.prepare.probe_trial import ProbeTrial
from ptychogui.params.chain import engines_of
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.frames import Patterns
from ptychogui.physics.held_out import hold_out
from ptychogui.physics.noise_models import NoiseModel
from ptychogui.physics.orientation import Orientation
from ptychogui.physics.probe import add_modes
from ptychogui.physics.survey import Survey

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InMemory:
    """What a script gives to a job from memory, in place of files.

    Attributes:
        scan: in place of a file.
        probe: complex64 (modes, N, N), in place of a first probe in a file.
        object: complex64 (rows, columns), in place of a first object in a file.
        room_to_move: whether later stages may refine positions that the job's own keep.
    """

    scan: Dataset | None = None
    probe: np.ndarray | None = None
    object: np.ndarray | None = None
    room_to_move: bool = False

    @property
    def holds_arrays(self) -> bool:
        """Whether it holds something that no file's date tells apart."""
        return not (self.scan is None and self.probe is None and self.object is None)


NOTHING_IN_MEMORY = InMemory()


@dataclass(frozen=True)
class PreparedJob:
    """The problem that a job's engine starts on, and what belongs to it.

    Attributes:
        problem: what the engine gets.
        parameters: the job's, completed by what the scan knows.
        object_pixel_m: pixel of object and probe.
        positions_m: float64 (positions, 2), row and column of the probe on the object, transformed.
        frame_rows: int64 (positions,), the frame of each position.
        sources: files that were read.
        raw_files: those of the scan that hold its frames, where there can be several.
        orientation: what was done to frames and positions.
        survey: what the scan shows before any reconstruction.
        probe_is_guess: whether the first probe was made from the mean pattern, since nobody gives one.
        noise_model: the likelihood that suits the patterns, for settings that leave it to the program.
        model: what of the beam is modelled, likewise.
        notes: what was noticed on the way.
    """

    problem: Problem
    parameters: Parameters
    object_pixel_m: float
    positions_m: np.ndarray
    frame_rows: np.ndarray
    sources: tuple[Path, ...]
    raw_files: tuple[Path, ...]
    orientation: Orientation
    survey: Survey
    probe_is_guess: bool
    noise_model: NoiseModel
    model: Model
    notes: tuple[str, ...]

    def decide(self, settings: Reconstruction) -> Reconstruction:
        """Return settings as engines get them: with what was chosen where they leave it to the program."""
        return self.noise_model.decide(self.model.decide(settings))

    def decisions(self, settings: Reconstruction) -> tuple[str, ...]:
        """Say what was decided where settings leave it to the program and their engines heed it."""
        return (self.noise_model.note,) if _heeds_noise_model(settings) and settings.noise_model == "auto" else ()

    @property
    def noise_model_used(self) -> str:
        """What engines are given; "" where none heeds it."""
        settings = self.parameters.reconstruction
        return self.noise_model.decide(settings).noise_model if _heeds_noise_model(settings) else ""


def _heeds_noise_model(settings: Reconstruction) -> bool:
    return by_path()["reconstruction.noise_model"].heeded_by(engines_of(settings.engine))


def prepare(
    job: Job,
    backend: Backend | None = None,
    control: Control | None = None,
    given: InMemory = NOTHING_IN_MEMORY,
    on_open: Callable[[Dataset], None] = lambda _dataset: None,
) -> PreparedJob:
    """Read, or simulate, what a job needs and make the first guesses.

    Args:
        job: what to do.
        backend: the device whose memory the job must fit in, and on which guesses are tried; None does neither.
        control: asked, while files are waited for and read, whether to give up; told how far they are.
        given: what is in memory.
        on_open: called with the open scan, before anything large is read; what it raises ends the job.

    Raises:
        StoppedEarlyError: it was.
        DataError: a file can't be read, or its parts contradict each other.
        ParameterError: a parameter is missing or does not fit the scan.
        MemoryBudgetError: the job does not fit in memory; nothing large has been read yet.
    """
    control = control or Control()
    _log.info("%s: preparing %s for %s", job.title, job.source or "what is in memory", job.output)
    opened, waiting_notes = (given.scan, ()) if given.scan is not None else open_when_complete(job, control)
    with opened as dataset:
        on_open(dataset)
        frames = CarefulFrames(dataset.frames, control, dataset.files)
        scan = PreparedScan(job, dataset, frames, room_to_move=given.room_to_move)
        memory_notes = _check_memory(scan, backend)
        patterns = scan.patterns_at(scan.rows, maker=compiled_maker)
        obj, object_notes = first_object(scan.settings.object_guess, scan.geometry, scan.pixel_m, given.object)
        noise_model = scan.suitable_noise_model(patterns)
        decided = noise_model.decide(scan.settings)
        trial = None if backend is None else ProbeTrial(patterns.patterns, scan.geometry, obj, decided, backend)
        where = scan.pixel_m, scan.positions_m
        probe, probe_notes = first_probe(dataset, scan.parameters, patterns, *where, trial, given.probe)
        model, model_notes = _model(scan, probe, trial, control)
        probe = _whole_probe(scan, probe, model, patterns, obj)
        variation = first_variation(scan.settings.probe_guess, probe, scan.rows)
    held_out = hold_out(patterns.patterns, scan.rows, scan.settings.held_out, scan.settings.seed)
    notes = (*scan.placed[2], *memory_notes, *scan.readings_calibration.notes, *frames.notes(), *patterns.notes)
    return PreparedJob(
        problem=Problem(
            patterns.patterns, scan.geometry, probe, obj, object_pixel_m=scan.pixel_m, variation=variation,
            held_out=held_out,
        ),
        parameters=scan.parameters,
        object_pixel_m=scan.pixel_m,
        positions_m=scan.positions_m,
        frame_rows=scan.rows,
        sources=job.sources,
        raw_files=tuple(file.path for file in dataset.files if file.path not in job.sources),
        orientation=scan.orientation,
        survey=patterns.survey,
        probe_is_guess=is_guessed(dataset, scan.parameters),
        noise_model=noise_model,
        model=model,
        notes=(
            *notes_besides(dataset.notes, NO_POSITIONS),
            *waiting_notes,
            *_orientation_notes(scan),
            *notes,
            *probe_notes,
            *model_notes,
            *object_notes,
            *held_out_notes(held_out, scan.settings.held_out),
        ),
    )  # fmt: skip


def _check_memory(scan: PreparedScan, backend: Backend | None) -> tuple[str, ...]:
    """See that the job fits in the device's memory, once it is known to be possible at all; return notes."""
    _, extent = scan.parameters, scan.extent
    return () if backend is None else check_memory(extent, scan.settings, backend, scan.scale)


def _orientation_notes(scan: PreparedScan) -> tuple[str, ...]:
    """Say how frames and positions are turned, and what the beamline's preset mirrors."""
    turned, mirrored = scan.orientation, scan.dataset.facts.get(MIRRORED)
    notes = () if turned.changes_nothing else (f"orientation: {turned}",)
    return (*notes, f"{MIRRORED}: {mirrored}") if mirrored else notes


def _model(
    scan: PreparedScan, probe: np.ndarray, trial: ProbeTrial | None, control: Control
) -> tuple[Model, list[str]]:
    """Say what of the beam is modelled, by trials of it where that is left to the program."""
    said = said_model(scan.parameters, len(probe))
    if trial is None or not leaves_the_model(scan.parameters):
        return said, []
    control.on_waiting("Trying on a part of the scan what the beam needs")
    found = ModelTrial.of(trial, probe, lambda: give_up_if_stopped(control))
    if found is None:
        return said, [f"the scan is too small or too dark to try what the beam needs: {said}"]

    def fits(model: Model) -> bool:
        extent = replace(scan.extent, modes=model.probe_modes)
        try:
            check_memory(extent, model.decide(scan.settings), trial.backend)
        except MemoryBudgetError:
            return False
        return True

    return found.best(said, scan.parameters, fits)


def _whole_probe(
    scan: PreparedScan, probe: np.ndarray, model: Model, patterns: Patterns, obj: np.ndarray
) -> np.ndarray:
    """Complete the first probe to all its modes, scaled to the patterns' counts where that is asked for."""
    probe = add_modes(probe, model.probe_modes)
    return scaled_probe(probe, patterns, obj, scan.geometry) if scan.settings.rescale_probe else probe
