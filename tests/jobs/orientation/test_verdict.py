"""The cases, and what is made of evidence: nothing here reconstructs anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ptychogui.jobs.orientation.cases import CLASSES, Case, all_cases
from ptychogui.jobs.orientation.verdict import Certainty, Evidence, judge, standard_errors
from ptychogui.params.model import Parameters
from ptychogui.physics.orientation import Orientation
from ptychogui.physics.scan import transform_positions

PLACES = np.random.default_rng(0).normal(size=(5, 2))


def cases(final: bool = False, **values: Any) -> tuple[Case, ...]:
    return all_cases(parameters(**values), final)


def parameters(**values: Any) -> Parameters:
    return Parameters().replace({key.replace("__", "."): value for key, value in values.items()})


def evidence(best: int = 0, **changes: Any) -> Evidence:
    """Return what a scan gives in which one class fits and the others do not."""
    rng = np.random.default_rng(1)
    fits, curls = rng.uniform(8, 10, (4, 64)), rng.uniform(0.5, 1, (4, 200))
    fits[best], curls[best] = rng.uniform(0.9, 1.1, 64), rng.uniform(0, 0.1, 200)
    content: dict[str, Any] = {
        "misfits": np.sqrt(np.stack([fits.mean(axis=1), 1.5 * fits.mean(axis=1)], axis=1)),
        "fits": fits,
        "curls": curls,
        "beams": np.stack([fits[best], 1.5 * fits[best]]),
        "correlation": 0.95,
        "beam_is_known": False,
    }
    return Evidence(**{**content, **changes})


class TestCases:
    def test_there_are_sixteen_in_eight_pairs_of_mirror_images(self) -> None:
        places = [case.place for case in cases()]
        assert sorted(places) == sorted([(number, sign) for number in range(4) for sign in (1, -1)] * 2)

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"preprocessing__rotate90": 3, "preprocessing__flip_rows": True},
            {"experiment__swap_axes": True, "experiment__mirror_rows": True, "preprocessing__transpose": True},
            {"experiment__mirror_columns": True, "experiment__swap_axes": True},
        ],
    )
    def test_their_turn_is_what_parameters_do_to_frames_and_positions(self, values: dict[str, Any]) -> None:
        before = parameters(**values)
        for case in all_cases(before):
            after = before.replace(case.values)
            old, new = (transform_positions(PLACES, given.experiment, 1.0, 0) for given in (before, after))
            joint = np.linalg.lstsq(old, new, rcond=None)[0].T  # what the scan is turned by, frames must be, too
            before_frames, after_frames = (_frames_matrix(given) for given in (before, after))
            np.testing.assert_allclose(joint @ case.turn @ before_frames, after_frames, atol=1e-12)

    def test_exactly_one_is_the_jobs_as_it_is_spelt_there(self) -> None:
        own = [case for case in cases(preprocessing__rotate90=2, preprocessing__flip_rows=True) if case.current]
        assert [case.options for case in own] == ["--rotate90 2 --flip-rows"]
        assert own[0].place == (0, 1)

    def test_positions_of_a_result_leave_eight(self) -> None:
        left = cases(final=True, experiment__mirror_columns=True)
        assert len(left) == 8
        assert all(case.mirror_columns for case in left)


def _frames_matrix(given: Parameters) -> np.ndarray:
    return Orientation.of(given.preprocessing).matrix


class TestJudgement:
    @pytest.mark.parametrize("best", range(4))
    @pytest.mark.parametrize("correlation", [0.95, -0.95])
    def test_the_class_that_fits_is_taken_with_the_sign_of_matter(self, best: int, correlation: float) -> None:
        verdict = judge(cases(), evidence(best, correlation=correlation))
        assert verdict.chosen.place == (best, 1 if correlation > 0 else -1)
        assert (verdict.sure, verdict.sign) == (Certainty.SURE, Certainty.SURE)
        assert [case.place for case in verdict.mirrored] == [verdict.chosen.place]
        assert [case.place for case in verdict.conjugated] == [(best, -verdict.chosen.place[1])] * 2
        assert verdict.ranking[0] is verdict.chosen
        assert all((verdict.chosen.turn == CLASSES[best] * verdict.chosen.place[1]).ravel())

    def test_without_a_sign_the_job_keeps_its_own(self) -> None:
        verdict = judge(cases(preprocessing__rotate90=2), evidence(correlation=0.1))
        assert (verdict.sure, verdict.sign) == (Certainty.SURE, Certainty.UNKNOWN)
        assert verdict.values == {}
        assert "can't be told" in verdict.why[-1]

    def test_a_sign_is_not_read_from_a_poor_fit(self) -> None:
        fits = np.full((4, 64), 9.0) + np.random.default_rng(0).normal(size=(4, 64))
        fits[0] -= 2
        misfits = np.sqrt(np.stack([fits.mean(axis=1)] * 2, axis=1))
        verdict = judge(cases(), evidence(fits=fits, misfits=misfits))
        assert (verdict.sure, verdict.sign) == (Certainty.SURE, Certainty.UNKNOWN)
        assert "not good enough to believe it" in verdict.why[2]

    def test_a_known_beam_is_a_vote_of_its_own(self) -> None:
        alone = judge(cases(), evidence(beam_is_known=True, correlation=0.0))
        agreed = judge(cases(), evidence(beam_is_known=True, correlation=0.5))
        against = judge(cases(), evidence(beam_is_known=True, correlation=-0.5))
        assert [verdict.sign for verdict in (alone, agreed, against)] == [
            Certainty.LIKELY, Certainty.SURE, Certainty.UNKNOWN
        ]  # fmt: skip
        assert alone.ranking[0].misfit < alone.conjugated[0].misfit

    def test_chance_is_no_evidence(self) -> None:
        rng = np.random.default_rng(2)
        flat: dict[str, Any] = {
            "fits": rng.normal(1, 0.1, (4, 64)),
            "curls": rng.uniform(0, 1, (4, 200)),
            "misfits": np.ones((4, 2)),
        }
        verdict = judge(cases(preprocessing__rotate90=1), evidence(**flat))
        assert (verdict.sure, verdict.sign) == (Certainty.UNKNOWN, Certainty.UNKNOWN)
        assert verdict.chosen.current
        assert verdict.values == {}

    def test_fits_that_diverge_lose(self) -> None:
        base = evidence()
        misfits, fits = base.misfits.copy(), base.fits.copy()
        misfits[2], fits[2] = np.inf, np.finfo(np.float32).max
        verdict = judge(cases(), evidence(misfits=misfits, fits=fits))
        assert verdict.chosen.place == (0, 1)
        assert verdict.sure is Certainty.SURE
        assert evidence(misfits=misfits, fits=fits).fit_z(0, 2) == pytest.approx(100)

    def test_standard_errors_count_neighbors_that_overlap_once(self) -> None:
        differences = np.random.default_rng(3).normal(1.0, 2.0, 10_000)
        assert standard_errors(differences) == pytest.approx(0.5 * np.sqrt(10_000 / 4), rel=0.05)
        assert standard_errors(np.zeros(10)) == 0
        assert standard_errors(np.full(10, -np.float64(np.finfo(np.float32).max))) == -100
