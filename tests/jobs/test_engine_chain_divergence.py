"""A chain of engines whose errors blow up or come late: where it goes back to, and when it gives up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ptychogui.errors import DivergedError
from ptychogui.params.reconstruction import Reconstruction
from tests.jobs.scripted_engines import BAD, GOOD, Script, chain_of, notes, run


@pytest.mark.parametrize("engine", ["epie:9", "lsqml:3,epie:6"])
def test_an_error_that_blows_up_is_a_divergence_as_well(script: Script, engine: str) -> None:
    script.error = lambda at, settings: 10.5 * GOOD if at == 6 and settings.object_step == 1 else GOOD
    chain = chain_of(engine)
    run(chain)
    assert chain.errors == [GOOD] * 9
    assert notes(chain)[-1].startswith("iteration 6 diverged; going on from iteration ")


def test_errors_that_come_late_are_in_order(script: Script) -> None:
    script.late = True
    script.error = lambda iteration, _settings: float(iteration)
    chain = chain_of("epie:3,lsqml:2")
    known = []
    while chain.iteration < chain.iterations:
        chain.step()
        known.append(list(chain.errors))
    assert known == [[], [1.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0, 5.0]]


def test_errors_still_out_are_known_once_it_settles(script: Script) -> None:
    script.late = True
    chain = chain_of("epie:9")
    chain.step()
    chain.step()
    assert len(chain.errors) == 1
    chain.settle()
    assert len(chain.errors) == 2


def diverges_at(iteration: int, above: float = 0.0) -> Callable[[int, Reconstruction], float]:
    """Return errors that are no numbers from an iteration on, where the object step is above a limit."""
    return lambda at, settings: BAD if at >= iteration and settings.object_step > above else GOOD


@pytest.mark.parametrize("late", [False, True])
def test_an_engine_that_diverges_goes_on_from_the_last_good_estimate_with_half_the_steps(
    script: Script, late: bool
) -> None:
    script.late, script.error = late, diverges_at(17, above=0.5)
    chain = chain_of("epie:25", object_step=1.0, probe_step=0.4)
    seen = run(chain)
    assert seen == [*range(1, 17 + late), 10, *range(11, 26)]
    first, second = script.made
    assert (second.settings.object_step, second.settings.probe_step, second.settings.iterations) == (0.5, 0.2, 15)
    assert second.problem.iteration == 10
    np.testing.assert_array_equal(second.problem.object, first.problem.object + 10)
    assert chain.errors == [GOOD] * 25
    assert notes(chain) == ["iteration 17 diverged; going on from iteration 10 with steps of 0.5 and 0.2"]
    assert chain.steps == len(seen)


def test_what_does_not_help_is_not_tried_twice(script: Script) -> None:
    script.error = diverges_at(17, above=0.25)
    chain = chain_of("epie:25")
    run(chain)
    assert [engine.problem.iteration for engine in script.made] == [0, 10, 0]
    assert notes(chain)[-1] == "iteration 17 diverged; going on from iteration 0 with steps of 0.25"
    assert chain.errors == [GOOD] * 25


def test_a_stage_goes_back_to_its_own_start_at_most(script: Script) -> None:
    script.error = diverges_at(6, above=0.25)
    chain = chain_of("epie:5,lsqml:10")
    run(chain)
    assert [(engine.settings.engine, engine.problem.iteration) for engine in script.made] == [
        ("epie", 0), ("lsqml", 5), ("lsqml", 5), ("lsqml", 5),
    ]  # fmt: skip
    np.testing.assert_array_equal(script.made[3].problem.object, script.made[1].problem.object)


def test_the_next_stage_begins_with_whole_steps(script: Script) -> None:
    script.error = lambda at, settings: BAD if at == 3 and settings.object_step == 1 else GOOD
    chain = chain_of("epie:5,lsqml:5")
    run(chain)
    assert [engine.settings.object_step for engine in script.made] == [1, 0.5, 1]


def test_an_error_that_comes_late_is_not_gone_on_from(script: Script) -> None:
    script.late = True
    script.error = lambda at, settings: BAD if at == 10 and settings.object_step == 1 else GOOD
    chain = chain_of("epie:12")
    run(chain)
    assert [engine.problem.iteration for engine in script.made] == [0, 0]
    assert chain.errors == [GOOD] * 12


def test_the_difference_map_goes_on_with_half_the_relaxation(script: Script) -> None:
    script.error = lambda at, settings: BAD if at == 3 and settings.relaxation != 0.25 else GOOD
    chain = chain_of("dm:5")
    run(chain)
    assert [engine.settings.relaxation for engine in script.made] == [None, 0.5, 0.25]
    assert notes(chain)[-1] == "iteration 3 diverged; going on from iteration 0 with a relaxation of 0.25"
    script.error = lambda at, settings: BAD
    with pytest.raises(DivergedError, match="try a smaller --relaxation, a later"):
        run(chain_of("raar:5", relaxation=0.6))
    assert script.made[-1].settings.relaxation == pytest.approx(0.6 / 16)


def test_an_estimate_without_numbers_is_noticed_where_it_is_copied(script: Script) -> None:
    script.broken = (20,)
    chain = chain_of("epie:30")
    seen: list[int] = []
    while len(seen) < 20:
        chain.step()
        seen.append(chain.iteration)
    assert seen[-1] == 10
    assert notes(chain) == ["iteration 20 diverged; going on from iteration 10 with steps of 0.5"]
    script.broken = ()
    run(chain)
    assert np.isfinite(chain.estimate().object).all()


def test_a_picture_serves_as_a_place_to_go_back_to(script: Script) -> None:
    script.error = diverges_at(8, above=0.5)
    chain = chain_of("epie:9")
    for _ in range(7):
        chain.step()
    chain.estimate()
    chain.step()
    assert chain.iteration == 7


def test_it_gives_up_in_the_end(script: Script) -> None:
    script.error = diverges_at(3)
    chain = chain_of("epie:9")
    with pytest.raises(
        DivergedError, match=r"diverged: the error is not a number after iteration 3; try a smaller --ob"
    ):
        run(chain)
    assert [engine.settings.object_step for engine in script.made] == [1, 0.5, 0.25, 0.125, 0.0625]


def test_settling_on_a_diverged_engine_leaves_the_last_good_estimate(script: Script) -> None:
    script.late, script.error = True, diverges_at(12, above=0.5)
    chain = chain_of("epie:30")
    for _ in range(12):
        chain.step()
    chain.settle()
    assert chain.iteration == len(chain.errors) == 10
    np.testing.assert_array_equal(chain.estimate().object, script.made[0].problem.object + 10)
