"""Engines one after the other: what each gets of the one before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.engines import ENGINES, create_engine
from ptychogui.engines.base import Estimate, Problem
from ptychogui.jobs.engine_chain import EngineChain
from ptychogui.jobs.prepare.prepared_job import prepare
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.held_out import HeldOut
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.simulation import intensities
from tests.jobs.fakes import make_job
from tests.jobs.scripted_engines import BACKEND, BAD, GOOD, Engine, Script, chain_of, notes, run


def test_one_engine_is_asked_for_its_iterations(script: Script) -> None:
    chain = chain_of("epie", iterations=3)
    assert run(chain) == [1, 2, 3]
    (engine,) = script.made
    assert (engine.settings.engine, engine.settings.iterations, engine.problem.iteration) == ("epie", 3, 0)
    assert chain.errors == [GOOD] * 3
    assert np.isnan(chain.free_errors).tolist() == [True] * 3
    assert chain.notes == ["step 1", "step 2", "step 3"]
    np.testing.assert_array_equal(chain.estimate().object, engine.problem.object + 3)


def test_an_engine_starts_where_the_one_before_ended(script: Script) -> None:
    chain = chain_of("epie:2,lsqml:3")
    assert chain.iterations == 5
    assert run(chain) == [1, 2, 3, 4, 5]
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
    assert notes(chain) == ["ePIE from iteration 1", "LSQML from iteration 3"]
    assert len(chain.errors) == chain.steps == 5


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
    run(chain_of("lsqml:2,lsqml:2,epie:2,lsqml:2"))
    first, second, third, last = (engine.problem.variation for engine in varying.made)
    assert first is None and last is None
    for variation in (second, third):
        assert variation is not None and vars(variation).keys() == vars(VARIATION).keys()
        for name, value in vars(VARIATION).items():
            np.testing.assert_array_equal(getattr(variation, name), value)


def test_how_the_probe_varies_is_gone_back_to(varying: Script) -> None:
    varying.error = lambda at, settings: BAD if at == 14 and settings.object_step == 1 else GOOD
    chain = chain_of("lsqml:20")
    run(chain)
    first, again = (engine.problem for engine in varying.made)
    assert (first.variation, again.iteration) == (None, 10)
    assert again.variation is not None and again.variation.coefficients is VARIATION.coefficients
    estimate = chain.estimate()
    assert estimate.variation is not None and estimate.variation.intensities is VARIATION.intensities


def test_how_the_probe_varies_gets_the_pixel_and_the_scale_of_the_probe(varying: Script) -> None:
    run(chain_of("lsqml:1/2,lsqml:1"))
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
    run(chain_of("epie:1,epie:1/2,epie:1"))
    first, second, third = script.made
    for engine in (second, third):
        np.testing.assert_allclose(engine.problem.object[0], 1, atol=0.1)
    assert np.all(first.estimate().object == 2)
    assert np.median(third.problem.object[lit_part(first)].real) == pytest.approx(3, abs=0.01)


def test_refined_positions_are_handed_on_and_the_object_stays(script: Script) -> None:
    script.shift_px = 0.25
    chain = chain_of("lsqml:2/2,lsqml:1", position_correction="1")
    run(chain)
    coarse, fine = (engine.problem.geometry for engine in script.made)
    assert tuple(side * 2 for side in coarse.object_shape) == fine.object_shape
    np.testing.assert_allclose(fine.positions_px, coarse.positions_px * 2 + 2 * 2 * 0.25, atol=1e-9)
    np.testing.assert_allclose(fine.origin_px, np.multiply(coarse.origin_px, 2))
    np.testing.assert_allclose(chain.positions_m() / chain.pixel_m, fine.positions_px + 0.25, atol=1e-9)


@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
def test_positions_that_nobody_refines_keep_every_bit(sub_pixel: str) -> None:
    prepared = prepare(
        make_job(Path("result.cxi"), reconstruction__engine="epie:1/2,epie:1", reconstruction__sub_pixel=sub_pixel)
    )
    chain = EngineChain(prepared.problem, prepared.parameters.reconstruction, BACKEND)
    run(chain)
    assert chain._problem.geometry is prepared.problem.geometry


def test_stages_of_cropped_patterns_get_a_coarser_problem(script: Script) -> None:
    chain = chain_of("epie:1/2,epie:1")
    whole = chain._whole
    assert chain.crop == 2
    assert chain.notes[0].startswith("ePIE from iteration 1, patterns cropped to 32 x 32 with ")
    run(chain)
    coarse, fine = (engine.problem for engine in script.made)
    assert coarse.patterns.shape == (12, 32, 32) and coarse.patterns.dtype == whole.patterns.dtype
    assert coarse.probe.shape == (1, 32, 32)
    assert coarse.object.shape == tuple(side // 2 for side in whole.object.shape)
    assert fine.patterns is whole.patterns
    assert fine.object.shape == whole.object.shape
    rows, columns = whole.object.shape
    assert fine.object[rows // 2, columns // 2] == pytest.approx(2, abs=0.01)  # empty space, and one step
    assert chain.crop == 1


def test_a_cropped_stages_probe_has_the_counts_of_its_patterns(script: Script) -> None:
    chain_of("epie:1/2", rescale_probe=False)
    chain_of("epie:1/2", rescale_probe=True)
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
    chain = chain_of("epie:1,epie:1/2")
    run(chain)
    assert chain.crop == 2
    assert chain.estimate().probe.shape == (1, 32, 32)
    whole = chain._whole.geometry
    pixel_m = chain._whole.object_pixel_m
    assert chain.pixel_m == script.made[-1].problem.object_pixel_m == 2 * pixel_m
    np.testing.assert_allclose(chain.positions_m() / pixel_m, whole.positions_px, atol=1e-9)
    np.testing.assert_allclose(np.divide(chain.origin_m, pixel_m), whole.origin_px)
    assert notes(chain)[-1].endswith("of the counts; the result has this coarser pixel")


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_leaves_its_problem_as_it_is(name: str) -> None:
    problem = prepare(make_job(Path("result.cxi"))).problem
    before = [array.copy() for array in (problem.patterns, problem.probe, problem.object, problem.geometry.corners)]
    settings = Reconstruction.model_validate(
        {"engine": name, "iterations": 2, "update_probe": "1", "noise_model": "gaussian"}
    )
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


@pytest.mark.parametrize("stages", ["epie:6/2,epie:6", "epie:4,lsqml:6", "dm:6,lsqml:4", "raar:6/2,epie:4"])
def test_a_chain_of_real_engines_improves_the_model(stages: str) -> None:
    prepared = prepare(make_job(Path("result.cxi"), reconstruction__engine=stages, experiment__scan_dims=(6, 6)))
    with open_backend("cpu", 2) as backend:
        chain = EngineChain(prepared.problem, prepared.decide(prepared.parameters.reconstruction), backend)
        run(chain)
    assert len(chain.errors) == len(chain.free_errors) == chain.iterations
    assert chain.errors[-1] < 0.7 * chain.errors[0]
    assert chain.free_errors[-1] < 0.8 * chain.free_errors[0]


def test_cropped_patterns_have_those_of_their_held_out_pixels_that_are_left(script: Script) -> None:
    run(chain_of("epie:1/2,dm:1"))
    whole = script.made[1].problem.held_out
    cropped = script.made[0].problem.held_out
    assert whole is not None and cropped is not None
    assert 0.1 * whole.count < cropped.count < 0.4 * whole.count
    for engine in script.made:
        held_out, patterns = engine.problem.held_out, engine.problem.patterns
        assert held_out is not None
        for row, pixels in zip(patterns.reshape(len(patterns), -1), held_out.pixels, strict=True):
            assert (amplitudes_of(row[pixels[pixels >= 0]]) == -1).all()


def test_a_free_error_that_rises_is_noted_once(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HeldOut, "expected", 1e4)
    script.error = lambda iteration, _settings: 3 - 0.01 * iteration
    script.free_error = lambda iteration: 1.2 + 0.001 * abs(iteration - 20)
    chain = chain_of("epie", iterations=80)
    run(chain)
    (note,) = notes(chain)
    assert "the free error" in note and "rises" in note
    assert chain.free_errors[-1] == pytest.approx(1.26)
