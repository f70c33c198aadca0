"""Engines one after the other: what each gets of the one before, and where one goes back to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines import ENGINES, create_engine
from ptychogui.engines.base import Estimate, Problem, Step
from ptychogui.errors import DivergedError
from ptychogui.jobs.engine_chain import Course
from ptychogui.jobs.prepare.problem import prepare
from ptychogui.params.chain import ENGINE_NAMES
from ptychogui.params.model import Reconstruction
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.simulation import intensities
from tests.jobs.fakes import make_job

BACKEND = NumpyBackend()
GOOD = 1.5
BAD = math.nan


@dataclass
class Script:
    """What engines shall do, and what they were given.

    `error` tells the error of an iteration with these settings, `shift_px` how far each step moves the positions,
    `late` whether errors come a step late, and `broken` the iterations whose estimate has no numbers.
    """

    error: Callable[[int, Reconstruction], float] = lambda _iteration, _settings: GOOD
    shift_px: float = 0.0
    late: bool = False
    broken: tuple[int, ...] = ()
    made: list[Engine] = field(default_factory=list)


class Engine:
    """Adds one to object and probe with every step."""

    def __init__(self, script: Script, problem: Problem, settings: Reconstruction) -> None:
        self.script, self.problem, self.settings = script, problem, settings
        self.iteration = problem.iteration
        self._untold: list[float] = []
        script.made.append(self)

    @property
    def done(self) -> int:
        return self.iteration - self.problem.iteration

    def step(self) -> Step:
        self.iteration += 1
        told = tuple(self._untold) if self.script.late else ()
        error = self.script.error(self.iteration, self.settings)
        self._untold = [error] if self.script.late else []
        return Step(self.iteration, told if self.script.late else (error,), (f"step {self.iteration}",))

    def finish(self) -> tuple[float, ...]:
        untold, self._untold = tuple(self._untold), []
        return untold

    def estimate(self) -> Estimate:
        value = np.nan if self.iteration in self.script.broken else self.done
        return Estimate(self.problem.object + np.complex64(value), self.problem.probe + np.complex64(self.done))

    def positions_px(self) -> np.ndarray:
        geometry = self.problem.geometry
        return np.asarray(geometry.corners + geometry.fractions + self.done * self.script.shift_px)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Put scripted engines in the place of all."""
    made = Script()
    for name in ENGINE_NAMES:
        monkeypatch.setitem(ENGINES, name, lambda problem, settings, _backend: Engine(made, problem, settings))
    yield made


def course_of(engine: str, **values: Any) -> Course:
    changes = {f"reconstruction.{name}": value for name, value in {"engine": engine, **values}.items()}
    prepared = prepare(make_job(Path("result.cxi"), **changes))
    return Course(prepared.problem, prepared.parameters.reconstruction, BACKEND)


def run(course: Course) -> list[int]:
    """Go on to the end; give the iteration after each step."""
    seen = []
    while course.iteration < course.iterations:
        course.step()
        seen.append(course.iteration)
    course.settle()
    return seen


def notes(course: Course) -> list[str]:
    return [note for note in course.notes if not note.startswith("step ")]


def test_one_engine_is_asked_for_its_iterations(script: Script) -> None:
    course = course_of("epie", iterations=3)
    assert run(course) == [1, 2, 3]
    (engine,) = script.made
    assert (engine.settings.engine, engine.settings.iterations, engine.problem.iteration) == ("epie", 3, 0)
    assert course.errors == [GOOD] * 3
    assert course.notes == ["step 1", "step 2", "step 3"]
    np.testing.assert_array_equal(course.estimate().object, engine.problem.object + 3)


def test_an_engine_starts_where_the_one_before_ended(script: Script) -> None:
    course = course_of("epie:2,lsqml:3")
    assert course.iterations == 5
    assert run(course) == [1, 2, 3, 4, 5]
    first, second = script.made
    assert [(engine.settings.engine, engine.settings.iterations) for engine in script.made] == [
        ("epie", 2),
        ("lsqml", 3),
    ]
    assert (first.problem.iteration, second.problem.iteration) == (0, 2)
    lit = lit_part(first)
    assert 0.1 < lit.mean() < 0.9
    np.testing.assert_array_equal(second.problem.object[lit], first.estimate().object[lit])
    np.testing.assert_array_equal(second.problem.probe, first.estimate().probe)
    assert second.problem.geometry is first.problem.geometry
    assert notes(course) == ["ePIE from iteration 1", "LSQML from iteration 3"]
    assert len(course.errors) == course.steps == 5


VARIATION = ProbeVariation(
    np.ones((2, 64, 64), np.complex64), np.ones((12, 2), np.float32), np.linspace(0.5, 1.5, 12, dtype=np.float32)
)


@pytest.fixture
def varying(script: Script, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Let scripted LSQML find a probe that varies, of as many pixels as there are."""
    whole = Engine.estimate

    def estimate(engine: Engine) -> Estimate:
        found, n = whole(engine), engine.problem.probe.shape[-1]
        varies = replace(VARIATION, components=np.ones((2, n, n), np.complex64))
        return replace(found, variation=varies) if engine.settings.engine == "lsqml" else found

    monkeypatch.setattr(Engine, "estimate", estimate)
    return script


def test_how_the_probe_varies_is_handed_on_to_the_next_stage_alone(varying: Script) -> None:
    run(course_of("lsqml:2,lsqml:2,epie:2,lsqml:2"))
    first, second, third, last = (engine.problem.variation for engine in varying.made)
    assert first is None and last is None
    for variation in (second, third):
        assert variation is not None and vars(variation).keys() == vars(VARIATION).keys()
        for name, value in vars(VARIATION).items():
            np.testing.assert_array_equal(getattr(variation, name), value)


def test_how_the_probe_varies_is_gone_back_to(varying: Script) -> None:
    varying.error = lambda at, settings: BAD if at == 14 and settings.object_step == 1 else GOOD
    course = course_of("lsqml:20")
    run(course)
    first, again = (engine.problem for engine in varying.made)
    assert (first.variation, again.iteration) == (None, 10)
    assert again.variation is not None and again.variation.coefficients is VARIATION.coefficients
    estimate = course.estimate()
    assert estimate.variation is not None and estimate.variation.intensities is VARIATION.intensities


def test_how_the_probe_varies_gets_the_pixel_and_the_scale_of_the_probe(varying: Script) -> None:
    run(course_of("lsqml:1/2,lsqml:1"))
    coarse, fine = varying.made
    variation, probe = fine.problem.variation, coarse.estimate().probe
    assert variation is not None and variation.components is not None and variation.coefficients is not None
    assert variation.components.shape == (2, 64, 64)
    flat = (np.abs(variation.components[0]) ** 2).sum()
    assert flat == pytest.approx(32**2, rel=1e-4)  # what resampling keeps
    scale = np.sqrt((np.abs(fine.problem.probe) ** 2).sum() / (np.abs(probe) ** 2).sum())
    np.testing.assert_allclose(variation.coefficients, scale, rtol=1e-3)
    np.testing.assert_array_equal(variation.intensities, VARIATION.intensities)


def lit_part(engine: Engine) -> np.ndarray:
    """Return bool of the object's shape, True where there is a fiftieth of the light of the brightest pixel."""
    geometry, power = engine.problem.geometry, (np.abs(engine.estimate().probe) ** 2).sum(axis=0)
    light = np.zeros(geometry.object_shape)
    for row, column in geometry.corners:
        light[row : row + geometry.window_px, column : column + geometry.window_px] += power
    return np.asarray(light > 0.02 * light.max())


def test_what_an_engine_hardly_saw_is_not_handed_on(script: Script) -> None:
    run(course_of("epie:1,epie:1/2,epie:1"))
    first, second, third = script.made
    for engine in (second, third):
        np.testing.assert_allclose(engine.problem.object[0], 1, atol=0.1)
    assert np.all(first.estimate().object == 2)
    assert np.median(third.problem.object[lit_part(first)].real) == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("engine", ["epie:9", "lsqml:3,epie:6"])
def test_an_error_that_blows_up_is_a_divergence_as_well(script: Script, engine: str) -> None:
    script.error = lambda at, settings: 10.5 * GOOD if at == 6 and settings.object_step == 1 else GOOD
    course = course_of(engine)
    run(course)
    assert course.errors == [GOOD] * 9
    assert notes(course)[-1].startswith("iteration 6 diverged; going on from iteration ")


def test_refined_positions_are_handed_on_and_the_object_stays(script: Script) -> None:
    script.shift_px = 0.25
    course = course_of("lsqml:2/2,lsqml:1", position_correction="1")
    run(course)
    coarse, fine = (engine.problem.geometry for engine in script.made)
    assert tuple(side * 2 for side in coarse.object_shape) == fine.object_shape
    np.testing.assert_allclose(fine.positions_px, coarse.positions_px * 2 + 2 * 2 * 0.25, atol=1e-9)
    np.testing.assert_allclose(fine.origin_px, np.multiply(coarse.origin_px, 2))
    np.testing.assert_allclose(course.positions_m() / course.pixel_m, fine.positions_px + 0.25, atol=1e-9)


@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
def test_positions_that_nobody_refines_keep_every_bit(sub_pixel: str) -> None:
    prepared = prepare(
        make_job(Path("result.cxi"), reconstruction__engine="epie:1/2,epie:1", reconstruction__sub_pixel=sub_pixel)
    )
    course = Course(prepared.problem, prepared.parameters.reconstruction, BACKEND)
    run(course)
    assert course._problem.geometry is prepared.problem.geometry


def test_stages_of_cropped_patterns_get_a_coarser_problem(script: Script) -> None:
    course = course_of("epie:1/2,epie:1")
    whole = course._whole
    assert course.crop == 2
    assert course.notes[0].startswith("ePIE from iteration 1, patterns cropped to 32 x 32 with ")
    run(course)
    coarse, fine = (engine.problem for engine in script.made)
    assert coarse.patterns.shape == (12, 32, 32) and coarse.patterns.dtype == whole.patterns.dtype
    assert coarse.probe.shape == (1, 32, 32)
    assert coarse.object.shape == tuple(side // 2 for side in whole.object.shape)
    assert fine.patterns is whole.patterns
    assert fine.object.shape == whole.object.shape
    rows, columns = whole.object.shape
    assert fine.object[rows // 2, columns // 2] == pytest.approx(2, abs=0.01)  # empty space, and one step
    assert course.crop == 1


def test_a_cropped_stages_probe_has_the_counts_of_its_patterns(script: Script) -> None:
    course_of("epie:1/2", rescale_probe=False)
    course_of("epie:1/2", rescale_probe=True)
    kept, scaled = (engine.problem for engine in script.made)
    whole = prepare(make_job(Path("result.cxi"))).problem
    middle = np.ix_(np.r_[:16, 48:64], np.r_[:16, 48:64])
    assert beam(kept).sum() == pytest.approx(beam(whole)[middle].sum(), rel=1e-4)
    amplitudes = amplitudes_of(scaled.patterns)
    known = amplitudes >= 0
    modelled = np.concatenate(list(intensities(scaled.object, scaled.probe, scaled.geometry)))
    assert modelled[known].sum() == pytest.approx((amplitudes[known] ** 2).sum(), rel=1e-4)


def beam(problem: Problem) -> np.ndarray:
    """Return the pattern of the empty beam."""
    return np.asarray((np.abs(np.fft.fft2(problem.probe, norm="ortho")) ** 2).sum(axis=0))


def test_the_last_stages_pixel_is_the_results(script: Script) -> None:
    course = course_of("epie:1,epie:1/2")
    run(course)
    assert course.crop == 2
    assert course.estimate().probe.shape == (1, 32, 32)
    whole = course._whole.geometry
    pixel_m = course._whole.object_pixel_m
    assert course.pixel_m == script.made[-1].problem.object_pixel_m == 2 * pixel_m
    np.testing.assert_allclose(course.positions_m() / pixel_m, whole.positions_px, atol=1e-9)
    np.testing.assert_allclose(np.divide(course.origin_m, pixel_m), whole.origin_px)
    assert notes(course)[-1].endswith("of the counts; the result has this coarser pixel")


def test_errors_that_come_late_are_in_order(script: Script) -> None:
    script.late = True
    script.error = lambda iteration, _settings: float(iteration)
    course = course_of("epie:3,lsqml:2")
    known = []
    while course.iteration < course.iterations:
        course.step()
        known.append(list(course.errors))
    assert known == [[], [1.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0, 5.0]]


def test_errors_still_out_are_known_once_it_settles(script: Script) -> None:
    script.late = True
    course = course_of("epie:9")
    course.step()
    course.step()
    assert len(course.errors) == 1
    course.settle()
    assert len(course.errors) == 2


def diverges_at(iteration: int, above: float = 0.0) -> Callable[[int, Reconstruction], float]:
    """Return errors that are no numbers from an iteration on, where the object step is above a limit."""
    return lambda at, settings: BAD if at >= iteration and settings.object_step > above else GOOD


@pytest.mark.parametrize("late", [False, True])
def test_an_engine_that_diverges_goes_on_from_the_last_good_estimate_with_half_the_steps(
    script: Script, late: bool
) -> None:
    script.late, script.error = late, diverges_at(17, above=0.5)
    course = course_of("epie:25", object_step=1.0, probe_step=0.4)
    seen = run(course)
    assert seen == [*range(1, 17 + late), 10, *range(11, 26)]
    first, second = script.made
    assert (second.settings.object_step, second.settings.probe_step, second.settings.iterations) == (0.5, 0.2, 15)
    assert second.problem.iteration == 10
    np.testing.assert_array_equal(second.problem.object, first.problem.object + 10)
    assert course.errors == [GOOD] * 25
    assert notes(course) == ["iteration 17 diverged; going on from iteration 10 with steps of 0.5 and 0.2"]
    assert course.steps == len(seen)


def test_what_does_not_help_is_not_tried_twice(script: Script) -> None:
    script.error = diverges_at(17, above=0.25)
    course = course_of("epie:25")
    run(course)
    assert [engine.problem.iteration for engine in script.made] == [0, 10, 0]
    assert notes(course)[-1] == "iteration 17 diverged; going on from iteration 0 with steps of 0.25"
    assert course.errors == [GOOD] * 25


def test_a_stage_goes_back_to_its_own_start_at_most(script: Script) -> None:
    script.error = diverges_at(6, above=0.25)
    course = course_of("epie:5,lsqml:10")
    run(course)
    assert [(engine.settings.engine, engine.problem.iteration) for engine in script.made] == [
        ("epie", 0), ("lsqml", 5), ("lsqml", 5), ("lsqml", 5),
    ]  # fmt: skip
    np.testing.assert_array_equal(script.made[3].problem.object, script.made[1].problem.object)


def test_the_next_stage_begins_with_whole_steps(script: Script) -> None:
    script.error = lambda at, settings: BAD if at == 3 and settings.object_step == 1 else GOOD
    course = course_of("epie:5,lsqml:5")
    run(course)
    assert [engine.settings.object_step for engine in script.made] == [1, 0.5, 1]


def test_an_error_that_comes_late_is_not_gone_on_from(script: Script) -> None:
    script.late = True
    script.error = lambda at, settings: BAD if at == 10 and settings.object_step == 1 else GOOD
    course = course_of("epie:12")
    run(course)
    assert [engine.problem.iteration for engine in script.made] == [0, 0]
    assert course.errors == [GOOD] * 12


def test_the_difference_map_goes_on_with_half_the_relaxation(script: Script) -> None:
    script.error = lambda at, settings: BAD if at == 3 and settings.relaxation != 0.25 else GOOD
    course = course_of("dm:5")
    run(course)
    assert [engine.settings.relaxation for engine in script.made] == [None, 0.5, 0.25]
    assert notes(course)[-1] == "iteration 3 diverged; going on from iteration 0 with a relaxation of 0.25"
    script.error = lambda at, settings: BAD
    with pytest.raises(DivergedError, match="try a smaller --relaxation, a later"):
        run(course_of("raar:5", relaxation=0.6))
    assert script.made[-1].settings.relaxation == pytest.approx(0.6 / 16)


def test_an_estimate_without_numbers_is_noticed_where_it_is_copied(script: Script) -> None:
    script.broken = (20,)
    course = course_of("epie:30")
    seen: list[int] = []
    while len(seen) < 20:
        course.step()
        seen.append(course.iteration)
    assert seen[-1] == 10
    assert notes(course) == ["iteration 20 diverged; going on from iteration 10 with steps of 0.5"]
    script.broken = ()
    run(course)
    assert np.isfinite(course.estimate().object).all()


def test_a_picture_serves_as_a_place_to_go_back_to(script: Script) -> None:
    script.error = diverges_at(8, above=0.5)
    course = course_of("epie:9")
    for _ in range(7):
        course.step()
    course.estimate()
    course.step()
    assert course.iteration == 7


def test_it_gives_up_in_the_end(script: Script) -> None:
    script.error = diverges_at(3)
    course = course_of("epie:9")
    with pytest.raises(
        DivergedError, match=r"diverged: the error is not a number after iteration 3; try a smaller --ob"
    ):
        run(course)
    assert [engine.settings.object_step for engine in script.made] == [1, 0.5, 0.25, 0.125, 0.0625]


def test_settling_on_a_diverged_engine_leaves_the_last_good_estimate(script: Script) -> None:
    script.late, script.error = True, diverges_at(12, above=0.5)
    course = course_of("epie:30")
    for _ in range(12):
        course.step()
    course.settle()
    assert course.iteration == len(course.errors) == 10
    np.testing.assert_array_equal(course.estimate().object, script.made[0].problem.object + 10)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_leaves_its_problem_as_it_is(name: str) -> None:
    problem = prepare(make_job(Path("result.cxi"))).problem
    before = [array.copy() for array in (problem.patterns, problem.probe, problem.object, problem.geometry.corners)]
    settings = Reconstruction.model_validate({"engine": name, "iterations": 2, "update_probe": "1"})
    with open_backend("cpu", 2) as backend:
        engine = create_engine(problem, settings, backend)
        for _ in range(2):
            engine.step()
        engine.finish()
        changed = engine.estimate()
    assert not np.array_equal(changed.probe, problem.probe)
    for array, kept in zip(
        (problem.patterns, problem.probe, problem.object, problem.geometry.corners), before, strict=True
    ):
        np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize("chain", ["epie:6/2,epie:6", "epie:4,lsqml:6", "dm:6,lsqml:4", "raar:6/2,epie:4"])
def test_a_chain_of_real_engines_improves_the_model(chain: str) -> None:
    prepared = prepare(make_job(Path("result.cxi"), reconstruction__engine=chain, experiment__scan_dims=(6, 6)))
    with open_backend("cpu", 2) as backend:
        course = Course(prepared.problem, prepared.parameters.reconstruction, backend)
        run(course)
    assert len(course.errors) == course.iterations
    assert course.errors[-1] < 0.7 * course.errors[0]
