"""Which likelihood an iteration is fitted by."""

from __future__ import annotations

import json
import math

import pytest

from ptychogui.engines.likelihood import LikelihoodChoice

FALLING = [3.0, 1.6, 1.2, 1.06, 1.04, 1.02, 1.03, 1.2]


def chosen(choice: LikelihoodChoice, errors: list[float], begun: int = 0) -> list[str]:
    """Return what each iteration is fitted by; errors become known two iterations late."""
    return [choice.of(begun + done + 1, errors[: max(0, done - 2)]) for done in range(len(errors))]


def test_amplitudes_are_fitted_until_the_model_nearly_fits_and_photons_from_then_on() -> None:
    choice = LikelihoodChoice("auto")
    assert choice.since == 0
    assert chosen(choice, [*FALLING, 1.0], begun=10) == ["gaussian"] * 7 + ["poisson"] * 2
    assert choice.since == 17
    assert choice.names == ("gaussian", "poisson")
    (note,) = choice.notes()
    assert note.startswith("noise model: of photons from iteration 18 on") and "1.04" in note
    assert choice.notes() == ()


@pytest.mark.parametrize("errors", [[1.3] * 30, [math.nan] * 30, [math.inf] * 30])
def test_where_the_model_stays_wrong_amplitudes_are_fitted_to_the_end(errors: list[float]) -> None:
    choice = LikelihoodChoice("auto")
    assert set(chosen(choice, errors)) == {"gaussian"}
    assert choice.notes() == () and choice.since == 0


@pytest.mark.parametrize("name", ["gaussian", "poisson"])
def test_one_that_was_asked_for_is_all_there_is(name: str) -> None:
    choice = LikelihoodChoice(name)
    assert set(chosen(choice, FALLING)) == {name}
    assert choice.names == (name,) and choice.notes() == () and choice.since == 0


def test_it_goes_on_from_its_state() -> None:
    one, other = LikelihoodChoice("auto"), LikelihoodChoice("auto")
    other.restore(json.loads(json.dumps(one.state())))
    assert other.of(1, []) == "gaussian"
    chosen(one, FALLING)
    other.restore(json.loads(json.dumps(one.state())))
    assert other.of(20, [2.0]) == "poisson" and other.since == one.since
    assert other.notes() == ()
