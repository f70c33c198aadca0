from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ptychogui.params.chain import ENGINE_NAMES, ENGINE_TITLES, Stage, engines_of, parse_chain, titles

STAGES = st.builds(
    Stage, st.sampled_from(ENGINE_NAMES), st.none() | st.integers(1, 10_000), st.sampled_from([1, 2, 4, 8])
)


@given(st.lists(STAGES, min_size=1, max_size=5))
def test_stages_as_text_and_back(stages: list[Stage]) -> None:
    assert parse_chain(",".join(map(str, stages))) == tuple(stages)


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("epie", [Stage("epie")]),
        (" DM:50 , LSQML:100", [Stage("dm", 50), Stage("lsqml", 100)]),
        ("dm:50/2,lsqml", [Stage("dm", 50, 2), Stage("lsqml")]),
        ("raar/4,raar/1", [Stage("raar", None, 4), Stage("raar")]),
    ],
)
def test_a_chain_is_read(text: str, stages: list[Stage]) -> None:
    assert parse_chain(text) == tuple(stages)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be an engine"),
        ("dm;lsqml", "must be an engine, or several as in dm:50,lsqml:100"),
        ("dm:x", "must be an engine"),
        ("dm,,lsqml", "must be an engine"),
        ("lsqlm", "must name engines of epie, dm, raar, lsqml, not 'lsqlm'; did you mean 'lsqml'?"),
        ("dm:0", "must give dm one or more iterations, not 0"),
        ("dm:5/3", "must divide the patterns' size by 1, 2, 4 or 8, not by 3"),
        ("dm:5/16", "must divide the patterns' size by 1, 2, 4 or 8, not by 16"),
    ],
)
def test_a_chain_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words.replace('?', '.')}"):
        parse_chain(text)


def test_engines_come_once_in_their_order() -> None:
    assert engines_of("lsqml:5/2,dm,lsqml") == ("lsqml", "dm")


def test_engines_read_well() -> None:
    assert titles(["epie"]) == "ePIE"
    assert titles(["dm", "raar"], "or") == "DM or RAAR"
    assert titles(ENGINE_NAMES) == "ePIE, DM, RAAR and LSQML"
    assert tuple(ENGINE_TITLES) == ENGINE_NAMES
