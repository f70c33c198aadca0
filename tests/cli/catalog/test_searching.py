"""`ptychogui catalog scan`, `find` and `forget`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.cli.runs import refusal, run


def found(*query: str) -> list[str]:
    return [entry["path"] for entry in json.loads(run("catalog", "find", "--json", *query).stdout)]


def test_a_result_is_in_the_catalog_when_it_is_written(result: Path) -> None:
    assert found("scan:12", "iterations:3", "date:today") == [str(result)]
    assert found("--", "-scan:12") == []


def test_the_table_names_what_was_found(result: Path) -> None:
    lines = run("catalog", "find", "fly").stdout.splitlines()
    assert lines[0].split() == [
        "made",
        "scan",
        "engine",
        "modes",
        "iterations",
        "error",
        "pixel",
        "stars",
        "tags",
        "result",
    ]
    assert "12" in lines[1]
    assert lines[1].endswith(str(result))
    assert run("catalog", "find", "nothing").stdout == ""


def test_folders_are_looked_through(result: Path) -> None:
    shutil.copy(result, result.with_name("copy.cxi"))
    assert run("catalog", "scan", result.parent).stdout == "2 results: 1 new, 0 changed, 0 moved, 0 gone\n"
    result.unlink()
    told = json.loads(run("catalog", "scan", "--json").stdout)
    assert (told["gone"], told["same"], told["folders"]) == ([str(result)], 1, [str(result.parent)])
    run("catalog", "forget", result.parent)
    assert found() == []


def test_no_more_than_asked_for(result: Path) -> None:
    shutil.copy(result, result.with_name("copy.cxi"))
    run("catalog", "scan", result.parent)
    assert len(found("--limit", "1")) == 1


def test_a_search_that_means_nothing_is_one_line(result: Path) -> None:
    assert "no field 'modus'" in refusal("catalog", "find", "modus>2")
    assert "is no folder" in refusal("catalog", "scan", result.parent / "absent")
