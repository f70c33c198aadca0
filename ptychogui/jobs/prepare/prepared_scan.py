"""A scan prepared for a job: what follows from its file and the job's parameters, each found once, when asked for.

A run, a survey of all patterns and preflight with its few frames all go by it, so that they mean the same center, bad
pixels, positions and patterns.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ptychogui.engines.memory import Extent
from ptychogui.errors import DataError
from ptychogui.io.array_files import read_background
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.job import Job
from ptychogui.jobs.prepare.geometry_check import check_pixel, scale_text
from ptychogui.jobs.prepare.job_masks import bad_pixels
from ptychogui.jobs.prepare.open_scan import completed
from ptychogui.jobs.prepare.positions import are_placed, scan_positions
from ptychogui.jobs.stages import check_crops, coarsest, planned_stages
from ptychogui.params.model import Parameters, refines_positions
from ptychogui.physics.calibration import Calibration, calibrate, calibrate_readings
from ptychogui.physics.cleaning import PLAIN_COUNTS
from ptychogui.physics.frames import FrameSource, Patterns, pattern_bytes, pattern_size, prepare_frames
from ptychogui.physics.held_out import drawn_pixels
from ptychogui.physics.noise_models import NoiseModel, suitable_noise_model
from ptychogui.physics.optics import job_pixel_m
from ptychogui.physics.orientation import Orientation
from ptychogui.physics.pattern_maker import PatternMaker, numpy_maker
from ptychogui.physics.scan import ScanGeometry, place_windows, to_pixels
from ptychogui.physics.scan_lattice import find_lattice

_STILL_PX, _MOVING_PX = 2, 10
"""Spare pixels around the outermost windows where positions stay as they are, and where they are refined."""


class PreparedScan:
    """What a job makes of an open scan; each attribute raises a PtychoError that says what is missing or wrong.

    Attributes:
        job: what the scan is prepared for.
        dataset: the open scan.
        settings: the job's reconstruction.
    """

    def __init__(
        self,
        job: Job,
        dataset: Dataset,
        frames: FrameSource,
        frame_rows: np.ndarray | None = None,
        room_to_move: bool = False,
    ) -> None:
        """Begin; nothing is read yet.

        Args:
            job: what the scan is prepared for.
            dataset: the open scan.
            frames: (frames, rows, columns), those of the scan or a sample of them, which decide about center, bad
                pixels and readings.
            frame_rows: int, those of `frames` that may be looked at; those that have a position when not given.
            room_to_move: whether later stages may refine positions that the job's own keep.
        """
        self.job, self.dataset, self.settings = job, dataset, job.parameters.reconstruction
        self._frames = frames
        self._frame_rows = dataset.frame_rows if frame_rows is None else frame_rows
        self._room_to_move = room_to_move

    @cached_property
    def parameters(self) -> Parameters:
        """The job's parameters with what the scan knows."""
        return completed(self.job, self.dataset)

    @cached_property
    def calibration(self) -> Calibration:
        """Settings and mask with the center and the bad pixels that frames show, where that is asked for."""
        given = bad_pixels(self.dataset, self.job.parameters)
        return calibrate(self._frames, self._frame_rows, given, self.job.parameters.preprocessing)

    @cached_property
    def readings_calibration(self) -> Calibration:
        """The same, with what is known about readings."""
        return calibrate_readings(self._frames, self._frame_rows, self.calibration)

    @cached_property
    def n(self) -> int:
        """Rows and columns of a pattern."""
        return pattern_size(self.dataset.frames.shape, self.calibration.preprocessing)

    @cached_property
    def pixel_m(self) -> float:
        """Object pixel."""
        pixel_m = job_pixel_m(self.parameters, self.n)
        check_pixel(self.parameters.experiment, pixel_m)
        return pixel_m

    @cached_property
    def placed(self) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
        """Positions float64 (positions, 2) in m, transformed; the frame of each, int (positions,); and notes."""
        return self._place()

    def _place(self) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
        return scan_positions(self.dataset, self.parameters, self.pixel_m)

    @property
    def positions_m(self) -> np.ndarray:
        """float64 (positions, 2), transformed."""
        return self.placed[0]

    @property
    def rows(self) -> np.ndarray:
        """The frame of each position, int (positions,)."""
        return self.placed[1]

    @cached_property
    def scale(self) -> str:
        """What sets the size of the object, in words."""
        return scale_text(self.parameters.experiment, self.pixel_m, self.positions_m)

    @cached_property
    def geometry(self) -> ScanGeometry:
        """Windows of all positions, and the object around them, with room for positions that move."""
        stages = planned_stages(self.settings)
        check_crops(stages, self.n)
        margin_px = _MOVING_PX if self._room_to_move or refines_positions(self.settings) else _STILL_PX
        try:
            return place_windows(to_pixels(self.positions_m, self.pixel_m), self.n, margin_px, coarsest(stages))
        except DataError as error:
            raise DataError(f"{error} ({self.scale})") from error

    @cached_property
    def extent(self) -> Extent:
        """How large the job is, before its frames are read."""
        return Extent(
            positions=len(self.geometry.corners),
            n=self.geometry.window_px,
            modes=self.parameters.experiment.modes,
            object_shape=self.geometry.object_shape,
            sub_pixel=self.settings.sub_pixel == "fourier",
            pattern_bytes=pattern_bytes(self.dataset.frames.dtype, self.job.parameters.preprocessing),
            lattice=len(find_lattice(self.geometry.positions_px)) > 0,
            held_out=drawn_pixels(self.n, self.settings.held_out),
        )

    @property
    def orientation(self) -> Orientation:
        """What is done to frames and positions."""
        experiment = self.job.parameters.experiment
        return Orientation.of(self.job.parameters.preprocessing, None if are_placed(experiment) else experiment)

    @cached_property
    def background(self) -> np.ndarray | None:
        """The user's background: float64 (rows, columns) of the detector, or None."""
        path = self.job.parameters.preprocessing.background_file
        if path is None:
            return None
        background, detector = read_background(path), tuple(self.dataset.frames.shape[1:])
        if background.shape != detector:
            raise DataError(f"{path}: the background has shape {background.shape} but the detector has {detector}")
        return background

    def suitable_noise_model(self, patterns: Patterns) -> NoiseModel:
        """Choose the likelihood that suits patterns of this scan."""
        calibration = self.readings_calibration
        rules = calibration.rules or PLAIN_COUNTS
        return suitable_noise_model(patterns, calibration.preprocessing, rules, self.background is not None)

    def patterns_at(
        self,
        rows: np.ndarray,
        frames: FrameSource | None = None,
        keep: bool = True,
        maker: PatternMaker = numpy_maker,
    ) -> Patterns:
        """Return the patterns that some frames become.

        Args:
            rows: int, of the frames, in any order.
            frames: what they are read from; those that were given at first when None.
            keep: whether the patterns are wanted, or only what is known of them.
            maker: what makes them.

        Raises:
            PtychoError: as `prepare_frames` does.
        """
        calibration, background = self.readings_calibration, self.background
        return prepare_frames(
            self._frames if frames is None else frames,
            rows,
            calibration.bad_pixels,
            calibration.preprocessing,
            background,
            keep=keep,
            maker=maker,
            rules=calibration.rules,
        )
