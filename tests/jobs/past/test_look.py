"""A look at a past result: all that it says, also where it says little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.result import write_result
from ptychogui.io.result_header import SourceFile
from ptychogui.jobs.past.look import look_at
from ptychogui.params.origins import Layers, Source
from ptychogui.params.storage import to_json
from tests.io.makers import make_result


def nobody(_said: object) -> None:
    """Hear what is told on the way."""


def parameters(**values: object) -> str:
    given = {f"reconstruction.{name}": (value, "--option") for name, value in values.items()}
    return to_json(*Layers().with_layer(Source.USER, given).resolve())


def test_a_result_says_where_it_came_from_and_how_it_is_made_again(tmp_path: Path) -> None:
    path, before = tmp_path / "a.cxi", tmp_path / "before.cxi"
    said = parameters(engine="epie", object_guess=before, probe_guess=before)
    source = SourceFile("/data/fly_0001.h5", 1, "2026-11-30T10:00:00+00:00")
    sweep = '{"group": "g", "values": ["probe_modes=2"]}'
    write_result(path, make_result(parameters=said, sources=(source,), sweep=sweep, errors=np.array([3.0, 1.5])))
    look = look_at(nobody, path)
    assert look.came_from == (before,)
    assert look.raw == Path("/data/fly_0001.h5")
    assert "--engine epie" in look.command
    assert look.sweep == "probe_modes=2"
    assert ("epie", "user: --option") in [(value.text, value.origin) for value in look.values]
    assert look.errors == (3.0, 1.5)
    assert any("error 1.5" in fact for fact in look.facts)


def test_one_that_says_nothing_is_seen_as_well(tmp_path: Path) -> None:
    path = tmp_path / "a.cxi"
    write_result(path, make_result(parameters="", sources=()))
    look = look_at(nobody, path)
    assert (look.came_from, look.values, look.raw, look.command) == ((), (), None, "")
    assert "does not say" in look.why_not_again
    assert look.picture.phase.whole.shape == make_result().object.shape[-2:]


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError):
        look_at(nobody, path)
