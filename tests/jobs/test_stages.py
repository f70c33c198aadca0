"""From settings to stages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from ptychogui.errors import ParameterError
from ptychogui.jobs.stages import PlannedStage, check_crops, coarsest, planned_stages, total_iterations
from ptychogui.params.chain import ENGINE_NAMES
from ptychogui.params.reconstruction import Reconstruction


def settings(engine: str, **values: Any) -> Reconstruction:
    return Reconstruction.model_validate({"engine": engine, **values})


@pytest.mark.parametrize(
    ("asked", "stages"),
    [
        (settings("epie", iterations=7), [("epie", 7, 1)]),
        (settings("dm:50,lsqml:100"), [("dm", 50, 1), ("lsqml", 100, 1)]),
        (settings("dm:50/2,lsqml", iterations=30), [("dm", 50, 2), ("lsqml", 30, 1)]),
        (settings("epie", coarse_levels=1), [("epie", 20, 2), ("epie", 80, 1)]),
        (settings("epie:50,dm:3", coarse_levels=2), [("epie", 10, 4), ("epie", 10, 2), ("epie", 30, 1), ("dm", 3, 1)]),
        (settings("epie:4", coarse_levels=3), [("epie", 1, 8), ("epie", 1, 4), ("epie", 1, 2), ("epie", 1, 1)]),
        (settings("epie:10/2", coarse_levels=1), [("epie", 2, 4), ("epie", 8, 2)]),
    ],
)
def test_stages_follow_from_engines_and_coarse_levels(
    asked: Reconstruction, stages: list[tuple[str, int, int]]
) -> None:
    assert planned_stages(asked) == tuple(PlannedStage(*stage) for stage in stages)
    assert total_iterations(asked) == sum(count for _, count, _ in stages)


@given(st.sampled_from(ENGINE_NAMES), st.integers(4, 1000), st.integers(0, 3))
def test_coarse_levels_take_their_iterations_from_the_first_engine(name: str, count: int, levels: int) -> None:
    asked = settings(f"{name}:{count},epie:5", coarse_levels=levels)
    stages = planned_stages(asked)
    assert total_iterations(asked) == count + 5
    assert [stage.crop for stage in stages] == [*(2**level for level in range(levels, -1, -1)), 1]
    assert min(stage.iterations for stage in stages) >= 1


def test_coarse_levels_need_iterations() -> None:
    with pytest.raises(ParameterError, match=r"coarse_levels = 3 needs at least 4 iterations of DM, not 3; give fewer"):
        planned_stages(settings("dm:3,epie", coarse_levels=3))


def test_an_engine_gets_the_settings_of_its_stage() -> None:
    asked = settings("dm:50,lsqml:100", seed=7)
    first, second = (stage.settings(asked) for stage in planned_stages(asked))
    assert (first.engine, first.iterations, first.seed) == ("dm", 50, 7)
    assert (second.engine, second.iterations, second.seed) == ("lsqml", 100, 7)


@pytest.mark.parametrize(("crop", "n"), [(1, 17), (1, 16), (2, 64), (4, 136), (8, 256)])
def test_crops_that_leave_enough_are_allowed(crop: int, n: int) -> None:
    check_crops((PlannedStage("epie", 5, crop), PlannedStage("epie", 5, 1)), n)


@pytest.mark.parametrize(
    ("crop", "n", "words"),
    [
        (
            2,
            62,
            "patterns of 62 x 62 pixels can't be cropped by 2: 31 x 31 are left, 32 are needed; crop less in --engine",
        ),
        (8, 128, "can't be cropped by 8: 16 x 16 are left, 32 are needed"),
        (2, 66, "can't be cropped by 2: no even number of pixels is left; give --size 64, or crop less"),
        (4, 250, "can't be cropped by 4: no even number of pixels is left; give --size 248, or"),
    ],
)
def test_crops_that_can_not_be_are_named(crop: int, n: int, words: str) -> None:
    stages = (PlannedStage("epie", 5, crop), PlannedStage("epie", 5, 1))
    assert coarsest(stages) == crop
    with pytest.raises(ParameterError, match=words):
        check_crops(stages, n)
