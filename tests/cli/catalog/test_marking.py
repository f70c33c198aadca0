"""`ptychogui catalog tag`, `star` and `note`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.runs import refusal, run


def test_what_is_said_lies_beside_the_result_and_is_found(result: Path) -> None:
    assert run("catalog", "tag", result, "sharp", "paper").stdout == "paper sharp\n"
    assert run("catalog", "tag", result, "paper", "--remove").stdout == "sharp\n"
    assert run("catalog", "tag", result).stdout == "sharp\n"
    run("catalog", "star", result, "4")
    run("catalog", "note", result, "for", "figure", "2")
    assert run("catalog", "note", result).stdout == "for figure 2\n"
    assert json.loads(Path(f"{result}.marks.json").read_text())["stars"] == 4
    (entry,) = json.loads(run("catalog", "find", "tag:sharp", "stars:4", "figure", "--json").stdout)
    assert entry["path"] == str(result)


def test_what_is_taken_away_leaves_no_file(result: Path) -> None:
    run("catalog", "star", result, "1")
    run("catalog", "note", result, "x")
    run("catalog", "note", result, "--remove")
    run("catalog", "star", result, "0")
    assert not Path(f"{result}.marks.json").exists()


def test_what_can_not_be_given_is_one_line(result: Path) -> None:
    assert "9" in refusal("catalog", "star", result, "9")
    assert "is no tag" in refusal("catalog", "tag", result, "two words")
    assert "no such file" in refusal("catalog", "star", result.with_name("absent.cxi"), "1")
