"""Several results in order: by a number in which they differ, whatever else does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ptychogui.io.result import write_result
from ptychogui.jobs.past.line_up import line_up
from ptychogui.params.origins import Layers, Source
from ptychogui.params.storage import to_json
from tests.io.makers import make_result


def nobody(_said: object) -> None:
    """Hear what is told on the way."""


def write(path: Path, parameters: str, error: float = 1.0) -> Path:
    write_result(path, make_result(parameters=parameters, errors=np.array([error]), title=path.stem))
    return path


def said(engine: str, modes: int) -> str:
    given = {
        "reconstruction.engine": (engine, ""),
        "experiment.probe_modes": (modes, ""),
        "output.job_id": (engine, ""),
    }
    return to_json(*Layers().with_layer(Source.USER, given).resolve())


def test_numbers_go_before_words_and_names_of_jobs_are_no_difference(tmp_path: Path) -> None:
    many = [("epie", 5), ("dm", 1), ("lsqml", 3)]
    paths = [write(tmp_path / f"{engine}.cxi", said(engine, modes)) for engine, modes in many]
    found = line_up(nobody, paths)
    assert [member.texts for member in found.members] == [("1", "dm"), ("3", "lsqml"), ("5", "epie")]
    assert len(found.titles) == 2


def test_those_that_do_not_say_how_they_were_made_stay_as_given(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.cxi", "", error) for name, error in (("b", 2.0), ("a", 1.0))]
    found = line_up(nobody, paths)
    assert found.titles == ()
    assert [(member.path, member.error) for member in found.members] == [(paths[0], 2.0), (paths[1], 1.0)]
    assert all(member.thumbnail is not None for member in found.members)
