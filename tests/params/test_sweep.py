"""Sweeps: lists and ranges of values, their combinations, and what is said of wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from ptychogui.errors import ParameterError
from ptychogui.params.sweep import combinations


def values(*sweeps: str) -> list[tuple[Any, ...]]:
    return [tuple(value for value, _ in one.values()) for one in combinations(sweeps)]


def test_without_a_sweep_there_is_one_combination_of_nothing() -> None:
    assert combinations(()) == ({},)


@pytest.mark.parametrize(
    "name", ["experiment.probe_modes", "reconstruction.probe_modes", "probe_modes", "--probe-modes"]
)
def test_a_list_by_any_name_of_the_parameter(name: str) -> None:
    assert [list(one) for one in combinations([f"{name}=1,3,5"])] == [["experiment.probe_modes"]] * 3
    assert values(f"{name}=1,3,5") == [(1,), (3,), (5,)]


def test_a_range_has_both_ends_and_a_unit_of_one_holds_for_both() -> None:
    wanted = [(8700.0,), (8750.0,), (8800.0,), (8850.0,), (8900.0,)]
    assert values("experiment.energy_eV=8.7e3:8.9e3:5") == wanted
    assert values("energy=8.7:8.9keV:5") == values("energy=8.7keV:8.9:5") == wanted
    assert values("iterations=10:30:3") == [(10,), (20,), (30,)]
    assert values("object_step=0.1:0.3:3") == [(0.1,), (0.2,), (0.3,)]


def test_texts_pairs_switches_and_auto() -> None:
    assert values("engine=epie;dm:50,lsqml:100") == [("epie",), ("dm:50,lsqml:100",)]
    assert values("center=64,71;65,70") == [((64.0, 71.0),), ((65.0, 70.0),)]
    assert values("batch_growth=yes,no") == [(True,), (False,)]
    assert values("probe_modes=auto,2") == [(None,), (2,)]


def test_several_sweeps_make_all_combinations_the_last_one_fastest() -> None:
    found = values("probe_modes=1,2", "engine=epie,dm,lsqml")
    assert found == [(1, "epie"), (1, "dm"), (1, "lsqml"), (2, "epie"), (2, "dm"), (2, "lsqml")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("probe_modes", "write NAME=1,3,5"),
        ("probe_modes=", "write NAME=1,3,5"),
        ("modes=1,2", "no parameter is called 'modes'"),
        ("probe_modes=1,x", "Probe modes"),
        ("probe_modes=0,1", "probe_modes"),
        ("probe_modes=1,2,1", "1 is there twice"),
        ("probe_modes=1:4:3", "are not whole"),
        ("energy=8keV:9keV", "a range is START:STOP:COUNT"),
        ("energy=8keV:9keV:1", "COUNT of 2 or more"),
        ("energy=8nm:9keV:3", "nm"),
        ("job_id=a,b", "changes nothing in a result"),
        ("device=cpu,cuda:0", "changes nothing in a result"),
        ("iterations=1:10001:10001", "COUNT of 2 or more"),
    ],
)
def test_a_wrong_sweep_is_named_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        combinations([text])
    assert text in str(caught.value) and said in str(caught.value)


def test_a_parameter_twice_and_too_many_combinations_are_refused() -> None:
    with pytest.raises(ParameterError, match="is swept twice"):
        combinations(["probe_modes=1,2", "experiment.probe_modes=3"])
    with pytest.raises(ParameterError, match="more than 10000 combinations"):
        combinations(["iterations=1:200:200", "seed=1:200:200"])
