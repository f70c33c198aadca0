"""The orientation doctor on scans of known truth: every case is named, and nothing is named where nothing is known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset, Frames, Value
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.job_values import job_layers, make_job
from ptychogui.jobs.orientation.doctor import OrientationProgress, examine, find_orientation
from ptychogui.jobs.orientation.verdict import Certainty, Verdict
from ptychogui.jobs.prepare import open_scan as opening
from ptychogui.params.model import Parameters
from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.orientation import Orientation
from ptychogui.physics.phantoms import PHANTOMS
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate

SMALL: dict[str, Any] = {
    "n": 32, "detector_pixel_m": 300e-6, "probe_diameter_m": 0.4e-6, "scan_dims": (6, 6), "phantom": "cells"
}  # fmt: skip

TURNS = {
    "": lambda frames: frames,
    "rotate90=1": lambda frames: np.rot90(frames, 1, axes=(1, 2)),
    "rotate90=2": lambda frames: np.rot90(frames, 2, axes=(1, 2)),
    "rotate90=3": lambda frames: np.rot90(frames, 3, axes=(1, 2)),
    "flip_rows": lambda frames: frames[:, ::-1],
    "flip_columns": lambda frames: frames[:, :, ::-1],
    "transpose": lambda frames: frames.swapaxes(1, 2),
    "rotate90=2 transpose": lambda frames: frames[:, ::-1, ::-1].swapaxes(1, 2),
}
"""What a detector may do to its frames, written down without the program's help."""

UNDONE = {
    "": Orientation(), "rotate90=1": Orientation(3), "rotate90=2": Orientation(2), "rotate90=3": Orientation(1),
    "flip_rows": Orientation(flip_rows=True), "flip_columns": Orientation(flip_columns=True),
    "transpose": Orientation(transpose=True), "rotate90=2 transpose": Orientation(2, transpose=True),
}  # fmt: skip
"""What takes it back."""


@pytest.fixture(scope="module")
def device() -> Iterator[Backend]:
    with open_backend("cpu", threads=1) as opened:
        yield opened


@pytest.fixture
def diagnose(monkeypatch: pytest.MonkeyPatch, device: Backend) -> Any:
    """Examine a scan in memory whose frames were turned and whose columns were mirrored."""

    def run(scan: SimulatedScan, turn: str = "", mirrored: bool = False, **values: Any) -> Verdict:
        job = memory_job(monkeypatch, dataset(scan, turn, mirrored), **values)
        verdict = find_orientation(job, device)
        assert verdict is not None
        return verdict

    return run


@cache
def simulated(**changes: Any) -> SimulatedScan:
    return simulate(Recipe(**{**SMALL, **changes}))


def dataset(scan: SimulatedScan, turn: str = "", mirrored: bool = False, probe: np.ndarray | None = None) -> Dataset:
    """Return a scan in memory. An odd number of pixels has the beam in the middle, however it is turned."""
    frames = TURNS[turn](np.pad(scan.counts, ((0, 0), (0, 1), (0, 1))))
    recipe = scan.recipe
    known = {
        "energy_eV": recipe.energy_eV,
        "distance_m": recipe.distance_m,
        "detector_pixel_m": recipe.detector_pixel_m,
    }
    return Dataset(
        path=Path("scan.h5"),
        format="test",
        frames=cast("Frames", ArrayFrames(np.ascontiguousarray(frames))),
        frame_rows=np.arange(len(frames)),
        positions_m=scan.positions_m * (1, -1 if mirrored else 1),
        values={f"experiment.{name}": Value(value, f"/at/{name}") for name, value in known.items()},
        probe=probe,
    )


def memory_job(monkeypatch: pytest.MonkeyPatch, scan: Dataset, **values: Any) -> Job:
    monkeypatch.setattr(opening, "open_dataset", lambda _path, _options: scan)
    parameters = Parameters().replace({key.replace("__", "."): value for key, value in values.items()})
    return Job("1", scan.path, parameters, Path("result.cxi"))


def is_named(verdict: Verdict, undone: Orientation, mirrored: bool) -> bool:
    """Whether the truth is the chosen case, or the one that gives its mirror image."""
    return any(
        (case.orientation.matrix == undone.matrix).all() and case.mirror_columns == mirrored
        for case in (verdict.chosen, *verdict.mirrored)
    )


class TestSixteenCases:
    @pytest.mark.parametrize("mirrored", [False, True])
    @pytest.mark.parametrize("turn", TURNS)
    def test_each_is_named(self, diagnose: Any, turn: str, mirrored: bool) -> None:
        verdict = diagnose(simulated(), turn, mirrored)
        assert is_named(verdict, UNDONE[turn], mirrored)
        assert (verdict.sure, verdict.sign) == (Certainty.SURE, Certainty.SURE)
        assert len({case.options for case in verdict.ranking}) == 16
        # The scan stays as it is; what is not told by patterns is not turned.
        assert not verdict.chosen.mirror_columns
        fits_as_it_is = (turn, mirrored) in [("", False), ("flip_columns", True)]
        assert verdict.chosen.current == (verdict.values == {}) == fits_as_it_is

    def test_a_scan_that_is_set_right_stays(self, diagnose: Any) -> None:
        settings = {"preprocessing__transpose": True, "experiment__mirror_columns": True}
        verdict = diagnose(simulated(), "transpose", True, **settings)
        assert verdict.sure is Certainty.SURE
        assert verdict.values == {}
        assert verdict.options == "--transpose --mirror-columns"

    def test_wrong_settings_are_taken_back(self, diagnose: Any) -> None:
        settings = {"preprocessing__flip_rows": True, "experiment__swap_axes": True, "experiment__mirror_rows": True}
        verdict = diagnose(simulated(), **settings)
        # Positions (row, column) -> (column, -row) is a quarter turn, and so the frames need it as well.
        assert verdict.chosen.orientation == Orientation(rotate90=3)
        assert verdict.values == {"preprocessing.rotate90": 3, "preprocessing.flip_rows": False}
        assert verdict.options == "--rotate90 3 --no-flip-rows"


class TestHardScans:
    @pytest.mark.parametrize(
        "recipe",
        [
            {"photons": 3e3, "scan_dims": (8, 8)},
            {"scan": "raster", "phantom": "grains", "photons": 1e4, "scan_dims": (8, 8)},
            {"dead_pixels": 20},
        ],
    )
    def test_noise_rasters_and_dead_pixels(self, diagnose: Any, recipe: dict[str, Any]) -> None:
        verdict = diagnose(simulated(**recipe), "rotate90=1")
        assert is_named(verdict, UNDONE["rotate90=1"], mirrored=False)
        assert verdict.sure is Certainty.SURE

    def test_patterns_beside_the_center(self, diagnose: Any) -> None:
        verdict = diagnose(simulated(), "flip_rows", preprocessing__center_px=(18.0, 14.0), preprocessing__size_px=28)
        assert is_named(verdict, UNDONE["flip_rows"], mirrored=False)
        assert verdict.sure is Certainty.SURE

    @pytest.mark.parametrize("recipe", [{"seed": 1}, {"seed": 2, "scan": "raster"}, {"seed": 3, "photons": 1e4}])
    def test_nothing_is_seen_in_empty_space(
        self, diagnose: Any, monkeypatch: pytest.MonkeyPatch, recipe: dict[str, Any]
    ) -> None:
        monkeypatch.setitem(PHANTOMS, "flat", lambda shape, _rng: np.ones(shape, np.complex64))
        verdict = diagnose(simulated(phantom="flat", **recipe), preprocessing__rotate90=1)
        assert (verdict.sure, verdict.sign) == (Certainty.UNKNOWN, Certainty.UNKNOWN)
        assert verdict.chosen.current
        assert verdict.values == {}
        assert "which chance gives as well" in verdict.why[-1]

    def test_too_few_positions_are_refused(self, monkeypatch: pytest.MonkeyPatch, device: Backend) -> None:
        job = memory_job(monkeypatch, dataset(simulated(scan_dims=(2, 4))))
        with pytest.raises(DataError, match="8 positions, too few to tell its orientation"):
            find_orientation(job, device)


class TestAKnownBeam:
    @pytest.mark.parametrize("turn", ["", "rotate90=2"])
    def test_it_tells_the_sign_of_a_phase_without_absorption(
        self, diagnose: Any, monkeypatch: pytest.MonkeyPatch, device: Backend, turn: str
    ) -> None:
        cells = PHANTOMS["cells"]
        monkeypatch.setitem(PHANTOMS, "pure", lambda shape, rng: np.exp(1j * np.angle(cells(shape, rng))))
        scan = simulated(phantom="pure")
        unknown = diagnose(scan, turn)
        assert unknown.sure is Certainty.SURE
        assert unknown.sign is not Certainty.SURE
        verdict = find_orientation(memory_job(monkeypatch, dataset(scan, turn, probe=scan.probe)), device)
        assert verdict is not None
        assert is_named(verdict, UNDONE[turn], mirrored=False)
        assert verdict.sign is not Certainty.UNKNOWN


class TestSteps:
    def test_they_are_counted_to_the_verdict(self, monkeypatch: pytest.MonkeyPatch, device: Backend) -> None:
        steps: list[OrientationProgress] = []
        verdict = find_orientation(memory_job(monkeypatch, dataset(simulated())), device, steps.append)
        assert [step.done for step in steps] == list(range(steps[0].total + 1))
        assert [step.verdict is not None for step in steps] == [False] * steps[0].total + [True]
        assert steps[-1].verdict is verdict

    def test_a_stop_ends_them_without_a_verdict(self, monkeypatch: pytest.MonkeyPatch, device: Backend) -> None:
        control, seen = Control(), []
        for progress in examine(memory_job(monkeypatch, dataset(simulated())), device, control):
            seen.append(progress)
            if progress.done == 2:
                control.stop()
        assert [progress.done for progress in seen] == [0, 1, 2]
        assert seen[-1].verdict is None


class TestTheSiemensStar:
    @pytest.mark.parametrize(
        ("settings", "options"),
        [
            ({}, ""),
            ({"preprocessing.rotate90": 1}, "--rotate90 0"),
            ({"preprocessing.flip_columns": True}, "--no-flip-columns"),
            ({"experiment.mirror_rows": True}, "--flip-rows"),
        ],
    )
    def test_its_file_is_right(
        self, shared_data: Path, device: Backend, settings: dict[str, Any], options: str
    ) -> None:
        source = shared_data / "siemens-star.cxi"
        values = {path: (value, "test") for path, value in settings.items()}
        verdict = find_orientation(make_job(job_layers(source, values), source, Path("result.cxi")), device)
        assert verdict is not None
        assert verdict.options == options
        assert (verdict.values == {}) == (not settings)
        assert (verdict.sure, verdict.sign) == (Certainty.SURE, Certainty.SURE)
