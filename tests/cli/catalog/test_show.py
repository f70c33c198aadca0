"""`ptychogui catalog show`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np

from ptychogui.io.result import read_result, write_result
from ptychogui.states import State
from tests.cli.runs import FAST, refusal, run
from tests.io.foreign.makers import write_product
from tests.io.makers import make_result


def test_all_that_is_known(result: Path) -> None:
    run("catalog", "star", result, "3")
    told = json.loads(run("catalog", "show", result, "--json").stdout)
    assert (told["title"], told["stars"], told["scan"], told["iterations"]) == ("fly_12", 3, 12, 3)
    assert told["parameters"]["devices.device"]["origin"] == "user: --device"
    assert told["again"]["job"] == f"ptychogui queue add {result}"
    text = run("catalog", "show", result).stdout
    assert "again: ptychogui reconstruct" in text
    assert "user: --iterations" in text


def test_what_it_went_on_from_is_said(result: Path, scan: Path) -> None:
    later = result.with_name("later.cxi")
    run("reconstruct", scan, "-o", later, *FAST, "--object-guess", result)
    told = json.loads(run("catalog", "show", later, "--json").stdout)
    assert told["continued_from"] == {"reconstruction.object_guess": str(result)}
    assert f"reconstruction.object_guess: {result}" in run("catalog", "show", later).stdout


def test_the_command_makes_the_same_picture(result: Path) -> None:
    words = shlex.split(run("catalog", "show", result, "--as-command").stdout)
    again = result.with_name("again.cxi")
    run(*words[1:], "-o", again)
    np.testing.assert_array_equal(read_result(result).object, read_result(again).object)


def test_the_script_is_one(result: Path) -> None:
    script = run("catalog", "show", result, "--as-python").stdout
    compile(script, "again.py", "exec")
    assert "from ptychogui.api import reconstruct" in script


def test_a_foreign_result_is_shown_but_not_made_again(result: Path) -> None:
    path = write_product(result.with_name("p.h5"))
    assert "not to be made again" in run("catalog", "show", path).stdout
    assert "does not say with which parameters" in refusal("catalog", "show", path, "--as-command")


def test_that_a_result_was_ended_early_is_said(result: Path) -> None:
    stopped = result.with_name("stopped.cxi")
    old = read_result(result)
    write_result(stopped, make_result(parameters=old.parameters, sources=old.sources, state=State.STOPPED))
    assert "ended early" in run("catalog", "show", stopped, "--as-command").stderr
