"""The commands that the quality page prints are real ones, and mean what was run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ptychogui.cli.reconstruct import reconstruct
from ptychogui.params.commandline import parse_text
from ptychogui.params.model import Parameters, by_path, describe
from ptychogui.params.options import given_values
from scripts.evidence.cases import Case, Run, cases
from scripts.evidence.contests import Contest, contests
from scripts.evidence.defaults import Outcome, troubles

_RUNS = [pytest.param(case, run, id=f"{case.name}, {run.label}") for case in cases() for run in case.runs]
_PATHS = {param.name: param.path for param in describe()}


@pytest.mark.parametrize(("case", "run"), _RUNS)
def test_a_command_gives_what_the_run_was_given(case: Case, run: Run) -> None:
    program, word, *rest = shlex.split(run.command(f"{case.name}.cxi", 100, 2))
    assert (program, word) == ("ptychogui", "reconstruct")
    context = reconstruct.make_context(word, rest)
    given = {path: value for path, (value, _option) in given_values(context, describe()).items()}
    assert str(context.params["file"]) == f"{case.name}.cxi"
    assert Parameters().replace(given) == _checked(run.parameters(100, 2))


def test_labels_of_a_case_differ() -> None:
    for case in cases():
        assert len({run.label for run in case.runs}) == len(case.runs)


def test_troubles_have_a_name_each_and_options_that_are_parameters() -> None:
    found = troubles()
    assert len({trouble.name for trouble in found}) == len(found)
    for trouble in found:
        _checked(trouble.options)


def _checked(options: Mapping[str, Any]) -> Parameters:
    """Take options as api.reconstruct does."""
    return Parameters().replace({_PATHS[name]: _value(_PATHS[name], value) for name, value in options.items()})


def _value(path: str, value: Any) -> Any:
    return parse_text(by_path()[path], value) if isinstance(value, str) else value


def test_a_picture_is_good_near_what_the_data_allow_and_where_it_explains_them() -> None:
    assert _outcome(0.05, 1.0).good
    assert not _outcome(0.07, 1.0).good
    assert not _outcome(0.05, 1.2).good


def _outcome(error: float, misfit: float) -> Outcome:
    return Outcome("plain", "epie", error, 0.04, 1.0, misfit, 0.0, 1.0, (), np.zeros((2, 2)))


def test_sixteen_contests_cover_what_users_bring() -> None:
    found = contests()
    recipes = [contest.recipe for contest in found]
    assert len({contest.stem for contest in found}) == len(found) == 16
    assert {recipe.photons for recipe in recipes} == {1e3, 1e4, 1e5, 1e6, 1e7}
    assert (min(recipe.overlap for recipe in recipes), max(recipe.overlap for recipe in recipes)) == (0.5, 0.8)
    assert {contest.pattern for contest in found} == {"spiral", "raster", "raster, jitter", "hexagonal", "fly"}
    assert {contest.modes for contest in found} == {1, 2, 3}
    assert any(contest.is_off for contest in found) and any(recipe.probe_variation for recipe in recipes)
    assert any("probe_diameter_m" in contest.said for contest in found)


@pytest.mark.parametrize("contest", contests(), ids=lambda contest: contest.stem)
def test_settings_by_hand_are_parameters_and_have_a_name_each(contest: Contest) -> None:
    _checked(contest.auto().options)
    by_hand = (*contest.grid(), *contest.nearby(contest.grid()[0]))
    assert len({run.label for run in by_hand}) == len(by_hand)
    for run in by_hand:
        assert _checked(run.options).experiment.probe_modes is not None
